"""Decodes picture files of every kind to 8-bit RGB, upright; says what it had to decide; cuts and resizes.

docs/reference/pictures.md has a row for each kind.
"""

from tf_gradsr.decoding.decoded import Decoded, as_rgb, decode, decode_picture, frames_of
from tf_gradsr.decoding.endings import PICTURE_ENDINGS, has_picture_ending, walk
from tf_gradsr.decoding.fitting import fit_picture
from tf_gradsr.decoding.opening import LARGEST, LARGEST_REDUCED, PictureTooLarge, without_warnings

__all__ = [
    "LARGEST",
    "LARGEST_REDUCED",
    "PICTURE_ENDINGS",
    "Decoded",
    "PictureTooLarge",
    "as_rgb",
    "decode",
    "decode_picture",
    "fit_picture",
    "frames_of",
    "has_picture_ending",
    "walk",
    "without_warnings",
]
