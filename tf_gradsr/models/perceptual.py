"""VGG-16 features for the perceptual loss (paper eq. 6)."""

import keras

from tf_gradsr.config import ConfigError

LAYERS = ("block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3")  # silent in the paper


class VGGFeatures(keras.Model):
    """Frozen features of VGG-16 (Simonyan and Zisserman 2015), trained on ImageNet.

    Args:
        weights: "imagenet", downloaded by Keras, or the path of a Keras VGG-16 weights file without
            its top.
        layers: names of `keras.applications.VGG16` layers.

    Call: float32 `[B, H, W, 3]` in [-1, 1], sides >= 32 -> list of float32 features, one for each layer,
    divided by 127.5: VGG-16 takes colours of 0-255, this brings its features to the unit of our range (silent
    in the paper).

    Raises:
        ConfigError: the weights cannot be downloaded or read; says which settings help.
    """

    def __init__(self, weights="imagenet", layers=LAYERS, **kwargs):
        super().__init__(**kwargs)
        try:
            vgg = keras.applications.VGG16(
                include_top=False, weights=None if weights != "imagenet" else weights
            )
            if weights != "imagenet":
                vgg.load_weights(weights, skip_mismatch=False)
        except Exception as error:  # Keras raises bare Exception for a failed download
            reason = " ".join(str(error).split())[:160]
            raise ConfigError(
                "loss.vgg_weights: imagenet (needs the network once) or the path of a Keras VGG-16 .h5 file; "
                f"or set loss.perceptual to none and loss.pixel above 0. Received: {weights} ({reason})"
            ) from error
        self.features = keras.Model(vgg.input, [vgg.get_layer(name).output for name in layers])
        self.features.trainable = False
        self.trainable = False
        # Otherwise Keras, under a distribution strategy, calls the whole model once to build this one.
        self.built = True

    def call(self, images):
        features = self.features(keras.applications.vgg16.preprocess_input((images + 1.0) * 127.5))
        return [feature / 127.5 for feature in features]
