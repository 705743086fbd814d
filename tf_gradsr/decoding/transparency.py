"""Which pixels of a picture are transparent."""

import numpy as np
from PIL import Image

from tf_gradsr.decoding.levels import with_low_bytes

# Formats whose fourth channel many programs leave at 0 without meaning anything by it.
UNUSED_ALPHA = ("BMP", "DIB", "TGA", "ICO", "CUR")


def transparent_colour(opened: Image.Image):
    """The colour that a PNG calls transparent (tRNS), as the file has it; None if there is none.

    To be asked before the picture is loaded: until then it says how many bits the file has.
    """
    if opened.format != "PNG" or opened.mode not in ("L", "I;16", "RGB"):
        return None
    colour = opened.info.get("transparency")
    raw = str(opened.tile[0].args) if getattr(opened, "tile", None) else ""
    if colour is not None and raw in ("L;2", "L;4"):
        # Pillow brings the pixels to 8 bits, but not this colour.
        return colour * {"L;2": 85, "L;4": 17}[raw]
    return colour


def alpha_of_colour(picture: Image.Image, colour, reopen) -> np.ndarray:
    """uint8 `[h, w]`, 0 where a picture has a colour, 255 elsewhere.

    Args:
        picture: loaded, not turned. colour: see `transparent_colour`. reopen: gives the picture again, not
            loaded.
    """
    pixels = np.asarray(picture)
    if pixels.ndim == 2:
        return np.where(pixels == colour, 0, 255).astype(np.uint8)
    # Two 16-bit colours may differ in the low bytes only.
    deep = with_low_bytes(pixels, reopen())
    found = ((pixels if deep is None else deep) == np.array(colour)).all(-1)
    return np.where(found, 0, 255).astype(np.uint8)


def used_alpha(alpha, kind) -> tuple:
    """(whether the picture's transparency is meant, notes).

    Args:
        alpha: uint8 `[h, w]`. kind: Pillow's name of the file's format.
    """
    if alpha.any():
        return True, ()
    if kind in UNUSED_ALPHA:
        return False, ("its transparency is 0 everywhere, so it is taken as opaque",)
    return True, ("it is transparent everywhere",)
