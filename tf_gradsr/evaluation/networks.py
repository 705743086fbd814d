"""Loads the networks that measure pictures, if their weights are available."""

import importlib.util
from typing import Callable, Dict, List, NamedTuple

import tensorflow as tf

from tf_gradsr import metrics, ops
from tf_gradsr.errors import ConfigError
from tf_gradsr.evaluation.columns import FACE_COLUMNS, NO_WEIGHTS
from tf_gradsr.evaluation.measures import PICTURES
from tf_gradsr.metrics.face_descriptors import FaceDescriptors
from tf_gradsr.models.efficientnet import INSTALL, VARIANTS, EfficientNetLite

# A note tells how to get AlexNet's weights if they are missing; VGG-16's are optional.
LPIPS_NETWORKS = ("alex", "vgg")
# Not the network that discriminators or losses use in training (Lite1); the side that it was trained at.
KID_NETWORK, KID_SIDE = "lite0", 224


class Networks(NamedTuple):
    """The available networks, and what is said about the missing ones."""

    lpips: Dict[str, metrics.LPIPS]
    """By network."""
    features: Dict[str, Callable]
    """The features that kernel distances compare, by column: uint8 `[B, H, W, 3]` -> float32 `[B, d]`."""
    absent: Dict[str, str]
    """By column, the words that stand in its place."""
    notes: List[str]
    """Sentences below the table."""


def load_networks(hr_shape) -> Networks:
    """Loads the networks whose weights are available.

    Args:
        hr_shape: (H, W) of the pictures.

    Raises:
        ConfigError: a weights file is damaged.
    """
    lpips, absent, notes = _load_lpips(hr_shape)
    features = {}
    if importlib.util.find_spec(VARIANTS[KID_NETWORK].package) is None:
        absent["kid"] = NO_WEIGHTS
        notes.append(f"KID needs the weights of EfficientNet-Lite0: {INSTALL}.")
    else:
        features["kid"] = _pooled_features(EfficientNetLite(KID_NETWORK))
    try:
        features["face_kid"] = FaceDescriptors.load()
    except metrics.MissingWeights as error:
        absent.update(dict.fromkeys(FACE_COLUMNS, NO_WEIGHTS))
        notes.append(f"{error}.")
    except metrics.BadWeights as error:
        raise ConfigError(str(error)) from error
    return Networks(lpips, features, absent, notes)


def _load_lpips(hr_shape):
    """(LPIPS layers by network, words by absent column, notes)."""
    layers, absent, notes = {}, {}, []
    for network in LPIPS_NETWORKS:
        columns = [f"lpips_{network}"] + (["diversity_lpips"] if network == "alex" else [])
        try:
            layer = metrics.LPIPS.load(network)
        except metrics.MissingWeights as error:
            absent.update(dict.fromkeys(columns, NO_WEIGHTS))
            if network == "alex":
                notes.append(str(error))
            continue
        except metrics.BadWeights as error:
            raise ConfigError(str(error)) from error
        if min(hr_shape) < layer.minimal_side:
            absent.update(dict.fromkeys(columns, "too small"))
            notes.append(
                f"LPIPS {network} takes pictures of {layer.minimal_side}x{layer.minimal_side} or more. "
                f"Received: {hr_shape[0]}x{hr_shape[1]}."
            )
            continue
        layers[network] = layer
    return layers, absent, notes


def _pooled_features(network):
    """Returns a compiled function: pictures of any size -> the network's pooled features."""

    @tf.function(input_signature=[PICTURES])
    def features(images):
        return network.pooled(tf.image.resize(ops.to_float(images), [KID_SIDE, KID_SIDE], antialias=True))

    return features
