"""Pictures and batches: `load_pictures` decodes a split once, the batches then read it by number.

`stream_pictures` and `stream_batches` keep no picture, for sets of any size.
"""

from tf_gradsr.data.batches import evaluation_batches, evaluation_noise, stream_batches, training_batches
from tf_gradsr.data.folder import is_hashed
from tf_gradsr.data.pictures import PictureSet, load_pictures, stream_pictures

__all__ = [
    "PictureSet",
    "evaluation_batches",
    "evaluation_noise",
    "is_hashed",
    "load_pictures",
    "stream_batches",
    "stream_pictures",
    "training_batches",
]
