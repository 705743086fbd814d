"""VGG features for the perceptual losses: VGG-16 for GradSR (paper eq. 6), VGG-19 for the baselines."""

import keras

from tf_gradsr.errors import ConfigError, reason_of
from tf_gradsr.keras_settings import our_keras_settings

LAYERS = ("block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3")  # not stated in the paper
NETWORKS = {"vgg16": keras.applications.VGG16, "vgg19": keras.applications.VGG19}


class VGGFeatures(keras.Model):
    """Frozen features of VGG-16 or VGG-19 (Simonyan and Zisserman 2015), trained on ImageNet or random.

    Args:
        weights: "imagenet", downloaded by Keras; "random", the same random numbers each time, whose features
            compare structure too (Liu et al. 2021, "Generic Perceptual Loss for Modeling Structured Output
            Dependencies"); or the path of a Keras weights file of the network without its top.
        layers: names of convolutions of the network.
        network: "vgg16" or "vgg19".
        activated: bool; False takes the last layer's features before its ReLU.
        unit: float, what features are divided by.

    Call: float32 `[B, H, W, 3]` in [-1, 1], sides >= 32 -> list of float32 features, one for each layer,
    divided by `unit`. VGG takes colours of 0-255; 127.5 brings its features to the unit of our range (not
    stated in the paper).

    Raises:
        ConfigError: the weights cannot be downloaded or read; says which settings help.
    """

    def __init__(
        self, weights="imagenet", layers=LAYERS, network="vgg16", activated=True, unit=127.5, **kwargs
    ):
        super().__init__(**{"dtype": "float32", **kwargs})
        try:
            with our_keras_settings():
                vgg = NETWORKS[network](include_top=False, weights=None if weights != "imagenet" else weights)
                if weights == "random":
                    _randomise(vgg)
                elif weights != "imagenet":
                    vgg.load_weights(weights, skip_mismatch=False)
        except Exception as error:  # Keras raises bare Exception for a failed download
            title = network.upper().replace("VGG", "VGG-")
            raise ConfigError(
                "loss.vgg_weights: imagenet (needs the network once), random, or the path of a Keras "
                f"{title} .h5 file; or set loss.perceptual to none and loss.pixel above 0. "
                f"Received: {weights} ({reason_of(error)})"
            ) from error
        if not activated:
            vgg.get_layer(layers[-1]).activation = keras.activations.linear
        with our_keras_settings():
            self.features = keras.Model(vgg.input, [vgg.get_layer(name).output for name in layers])
        self.features.trainable = False
        self.trainable = False
        self.unit = unit
        # Otherwise Keras, under a distribution strategy, calls the whole model once to build this one.
        self.built = True

    def call(self, images):
        # VGG-16 and VGG-19 were trained on the same colours, so both have the same preprocessing.
        levels = (images + 1.0) * 127.5
        seen = keras.applications.vgg16.preprocess_input(levels, data_format="channels_last")
        features = self.features(seen)
        return [feature / self.unit for feature in keras.tree.flatten(features)]


def _randomise(vgg):
    """Gives VGG random kernels (He et al. 2015), which keep the features' size from layer to layer.

    The seeds are fixed, so that a resumed run has the same loss.
    """
    for index, layer in enumerate(layer for layer in vgg.layers if layer.weights):
        kernel, bias = layer.weights
        kernel.assign(keras.initializers.HeNormal(seed=index)(kernel.shape))
        bias.assign(keras.ops.zeros(bias.shape))
