"""Pictures and batches: `load_pictures` decodes a split once, the batches then read it by number."""

from tf_gradsr.data.batches import evaluation_batches, training_batches
from tf_gradsr.data.pictures import PictureSet, load_pictures

__all__ = ["PictureSet", "evaluation_batches", "load_pictures", "training_batches"]
