"""One picture file, decoded: RGB, transparency, colour profile, and what was decided on the way."""

import contextlib
from dataclasses import dataclass, replace
from typing import Optional

import numpy as np
from PIL import Image

from tf_gradsr.decoding.levels import (
    DEEP_MODES,
    darkness_of_colour,
    deep_colour,
    from_signed_bytes,
    has_signed_bytes,
    is_deep_colour,
    to_eight_bits,
)
from tf_gradsr.decoding.opening import (
    PictureTooLarge,
    open_picture,
    orientation,
    plain_png,
    without_warnings,
)
from tf_gradsr.decoding.transparency import alpha_of_colour, transparent_colour, used_alpha

# The gamma of ordinary PNG files, and how far a file's own may be from it.
USUAL_GAMMA, NEAR = 1 / 2.2, 0.02
# Reduced pictures have at least this many pixels.
REDUCED_PIXELS = 2**24


@dataclass(frozen=True)
class Decoded:
    """A picture of 8 bits a channel, upright."""

    rgb: Image.Image
    """Mode RGB; transparent parts keep the colours below them."""
    alpha: Optional[Image.Image] = None
    """Mode L, 255 opaque; None: the picture has no transparency."""
    icc_profile: Optional[bytes] = None
    """The colour profile of an RGB picture, if it came with one."""
    doubts: tuple = ()
    """What had to be decided about its pixels, such as the range of 32-bit values, in words."""

    def over_white(self) -> Image.Image:
        """Mode RGB, transparent parts white."""
        if self.alpha is None:
            return self.rgb
        rgba = self.rgb.convert("RGBA")
        rgba.putalpha(self.alpha)
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")


def decode(file, reduced: bool = False) -> Decoded:
    """Decodes a file of any format that Pillow reads, by what it holds, whatever its name.

    Args:
        file: binary file that can seek; of an animation, the first picture is taken.
        reduced: whether a picture of more than 67 million pixels is read at a fraction of its size.

    Raises:
        PictureTooLarge: see `open_picture`.
        Exception: whatever Pillow's decoder raises for a broken file.
    """
    try:
        return _decode(file, reduced)
    except (PictureTooLarge, MemoryError):
        raise
    except Exception:
        plain = plain_png(file)
        if plain is None:
            raise
        with contextlib.suppress(Exception):
            found = _decode(plain, reduced)
            words = "its text, or other data beside the pixels, is damaged or huge and is left out"
            return replace(found, doubts=(*found.doubts, words))
        raise


def decode_picture(file) -> Image.Image:
    """Decodes one picture: mode RGB, upright (EXIF); transparent parts show white. See `decode`."""
    return decode(file).over_white()


def as_rgb(picture: Image.Image) -> Image.Image:
    """An opened picture as RGB: upright (EXIF), transparent parts white, deep ones as 8 bits."""
    return decoded(picture).over_white()


def decoded(opened: Image.Image, reopen=None, reduced: bool = False) -> Decoded:
    """Decodes an opened picture.

    Args:
        opened: as `PIL.Image.open` gives it, or any other picture; of an animation, the first frame is taken.
        reopen: gives the same picture again, not loaded; None: that cannot be done.
        reduced: see `decode`.

    Raises:
        ValueError: see `to_eight_bits`.
        Exception: whatever Pillow's decoder raises for a broken file.
    """
    size, kind, info = opened.size, opened.format, dict(opened.info)
    # Both are known only until the picture is loaded.
    colour, is_deep = transparent_colour(opened), is_deep_colour(opened)
    if reduced:
        _draft(opened)
    picture, doubts = (None, ()) if reopen is None else deep_colour(opened, reopen)
    # Loading a TIFF turns it upright; its tag is then gone.
    opened.load()
    picture = opened if picture is None else picture
    turn, alpha = orientation(opened), None
    if colour is not None and (reopen is not None or picture.mode != "RGB"):
        alpha = Image.fromarray(alpha_of_colour(picture, colour, reopen))
    elif picture.mode not in DEEP_MODES and picture.has_transparency_data:
        # Not to RGB at once, because a palette's own alpha must not blacken its colours.
        picture = picture.convert("RGBA")
        alpha = picture.getchannel("A")
    if picture.mode in DEEP_MODES:
        picture, doubts = to_eight_bits(picture, opened)
    elif has_signed_bytes(opened):
        picture, doubts = from_signed_bytes(picture)
    rgb = _reduced(picture if picture.mode == "RGB" else picture.convert("RGB"), reduced)
    # Without the file's metadata, which would have it turned again.
    rgb = rgb.copy() if rgb is opened else rgb
    rgb.info = {}
    if is_deep and not doubts:
        doubts = darkness_of_colour(np.asarray(rgb))
    if alpha is not None:
        used, notes = used_alpha(np.asarray(alpha), kind)
        alpha, doubts = (alpha if used else None), (*doubts, *notes)
    alpha = alpha if alpha is None else _reduced(alpha, reduced)
    if rgb.size != size:
        times = round(size[0] / rgb.width)
        doubts = (*doubts, f"{size[0]}x{size[1]} is read at 1/{times} of its size")
    if turn is not None:
        rgb, alpha = rgb.transpose(turn), alpha if alpha is None else alpha.transpose(turn)
    return Decoded(rgb, alpha, _profile(info), (*doubts, *_gamma(kind, info)))


def frames_of(file) -> int:
    """How many pictures a file holds; 1 if the later ones are damaged."""
    try:
        with without_warnings():
            file.seek(0)
            return getattr(open_picture(file, reduced=True), "n_frames", 1)
    # Only the first one has to be whole.
    except Exception:
        return 1


def _decode(file, reduced):
    def reopen():
        file.seek(0)
        return open_picture(file, reduced)

    with without_warnings():
        return decoded(reopen(), reopen, reduced)


def _draft(opened):
    """Lets a JPEG be decoded at a half, a quarter or an eighth of its size."""
    if opened.width * opened.height > 4 * REDUCED_PIXELS:
        times = _times(opened.size)
        opened.draft(None, (opened.width // times, opened.height // times))


def _reduced(picture, reduced):
    """A picture of many pixels at a whole fraction of its size, each pixel the mean of many."""
    if not reduced or picture.width * picture.height <= 4 * REDUCED_PIXELS:
        return picture
    return picture.reduce(_times(picture.size))


def _times(size):
    """How many times smaller a picture may become on each side, so that it keeps `REDUCED_PIXELS`."""
    return max(1, int((size[0] * size[1] / REDUCED_PIXELS) ** 0.5))


def _profile(info):
    """The colour profile, if it is for RGB; one for CMYK or grey does not fit the RGB made from it."""
    profile = info.get("icc_profile")
    return profile if isinstance(profile, bytes) and profile[16:20] == b"RGB " else None


def _gamma(kind, info):
    """A note on a PNG that says its numbers are brighter or darker than usual (gAMA)."""
    gamma = info.get("gamma")
    if kind != "PNG" or not gamma or "srgb" in info or info.get("icc_profile"):
        return ()
    if abs(gamma - USUAL_GAMMA) <= NEAR:
        return ()
    return (f"its gamma, {gamma:.3g} (gAMA), is not applied",)
