"""Pictures and batches: `load_pictures` decodes a split once, and batches then read it by number.

`stream_pictures` and `stream_batches` keep no pictures, so they work for sets of any size.
"""

from importlib import import_module

_ROOMS = {
    "PictureSet": "pictures",
    "evaluation_batches": "batches",
    "evaluation_noise": "batches",
    "is_hashed": "folder",
    "load_pictures": "pictures",
    "lr_pictures": "batches",
    "stream_batches": "batches",
    "stream_pictures": "pictures",
    "training_batches": "batches",
}
__all__ = list(_ROOMS)


def __dir__():
    return __all__


def __getattr__(name):
    # Imported late: `tf_gradsr.faces.synthesize` needs no TensorFlow, whose import is slow.
    if name in _ROOMS:
        return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
