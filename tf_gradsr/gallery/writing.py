"""Writes pictures that say how they were made, so that they can be recognised."""

from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tf_gradsr.files import Kind, folder_of, replaced_when_complete

# Marks what is written, in the metadata, so that nothing else is overwritten.
SOFTWARE = "tf_gradsr.hallucinate"
# What model cards and reports say of every picture.
INTENDED_USE = (
    "Plausible large pictures of a small one. What they show beyond the small picture is invented: "
    "they are not evidence of anybody's identity."
)
# A folder of one input's results.
RESULT_FOLDER = folder_of(
    "what this command wrote",
    r"(lr|truth|mean|uncertainty|sheet|(gradient_)?reconstruction|(gradient|sample)_\d+)\.png|walk\.(webp|gif)",
)
# What each folder of a photograph has.
PHOTO_RECORD = "photo.json"
FRAME_MILLISECONDS = 60
# The page of all results, see `tf_gradsr.gallery.report`.
REPORT_FILE = "report.html"


def is_own(path) -> bool:
    """Whether a file is a PNG that this command wrote, and not a link to one."""
    try:
        with Image.open(path) as picture:
            return picture.info.get("Software") == SOFTWARE and not Path(path).is_symlink()
    except OSError:
        return False


# A single picture of results.
RESULT_PICTURE = Kind(
    RESULT_FOLDER.name, lambda path: None if is_own(path) else path, when_complete=replaced_when_complete
)


def about_picture(identity: dict, consistency: str, **more: str) -> dict:
    """Metadata of a picture that a model made: what is needed to make it again.

    Args:
        identity: see `Hallucinator`. consistency: "exact" or "none". more: such as `about_noise`.
    """
    return {
        "Software": SOFTWARE,
        **identity,
        "consistency": consistency,
        "Disclaimer": INTENDED_USE,
        **more,
    }


def about_noise(seed: int, temperature: float) -> dict:
    """Metadata of the noise that samples were made with."""
    return {"seed": str(seed), "temperature": repr(float(temperature))}


def save_png(path, rgb, alpha=None, metadata=None, icc_profile=None) -> None:
    """Writes a PNG.

    Args:
        path: of the file, or a binary file to write into.
        rgb: uint8 `[H, W, 3]`.
        alpha: uint8 `[H, W]` or None.
        metadata: dict of str to str, written as tEXt chunks.
        icc_profile: bytes or None.
    """
    info = PngInfo()
    for key, value in (metadata or {}).items():
        info.add_text(key, value)
    _with_alpha(rgb, alpha).save(path, "PNG", pnginfo=info, icc_profile=icc_profile)


def save_walk(path, frames, alpha=None, metadata=None) -> None:
    """Writes an endless animation; the ending says which kind.

    `.webp` is lossless. `.gif` has 256 colours a frame, so its frames are no longer exactly consistent.

    Args:
        path: of the file.
        frames: uint8 `[H, W, 3]`, any number; all are held in memory.
        alpha: uint8 `[H, W]` or None, the same for all.
        metadata: dict of str to str, written as the GIF's comment (WebP: as the EXIF description).
    """
    frames = [_with_alpha(frame, alpha) for frame in frames]
    text = "; ".join(f"{key}: {value}" for key, value in (metadata or {}).items())
    if path.suffix == ".gif":
        kind = {"comment": text}
    else:
        exif = Image.Exif()
        exif[0x010E] = text
        kind = {"lossless": True, "exif": exif.tobytes()}
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=FRAME_MILLISECONDS, loop=0, **kind)


def _with_alpha(rgb, alpha):
    return Image.fromarray(rgb if alpha is None else np.dstack([rgb, alpha]))
