"""Writing pictures so that a stopped run leaves no half of them, and each says how it was made."""

import os
import re
import shutil
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tf_gradsr.errors import ConfigError

# In the metadata of what is written, so that nothing else is overwritten.
SOFTWARE = "tf_gradsr.hallucinate"
# What a folder of results may hold; one that holds anything else is never replaced.
OWN_FILES = re.compile(
    r"(lr|truth|mean|uncertainty|sheet|(gradient_)?reconstruction|(gradient|sample)_\d+)\.png|walk\.(webp|gif)"
)
FRAME_MILLISECONDS = 60
_UNFINISHED = re.compile(r"\.(?:partial|replaced)-(\d+)")


def check_free(output, names, overwrite: bool, inputs=()) -> None:
    """Checks that no folder of results would be overwritten unasked, nor anything but results ever.

    Args:
        output: folder of all results. names: of the folders in it.
        overwrite: whether folders of results may be replaced.
        inputs: paths that are read, which must not be in a folder that is replaced.

    Raises:
        ConfigError: names the first such folder.
    """
    for folder in (Path(output) / name for name in names):
        if not os.path.lexists(folder):
            continue
        if not overwrite:
            raise ConfigError(
                f"output: {folder} is there already; give --overwrite to replace it, or another folder. "
                f"Received: {output}"
            )
        strange = next((p for p in _content(folder) if not OWN_FILES.fullmatch(p.name)), None)
        if strange:
            raise ConfigError(
                f"overwrite: replaces only folders that this command wrote; {strange} is not from it. "
                f"Choose another --output. Received: {output}"
            )
        read = next((path for path in inputs if folder.resolve() in Path(path).resolve().parents), None)
        if read:
            raise ConfigError(
                f"overwrite: would replace {folder}, which the input {read} lies in. "
                f"Choose another --output. Received: {output}"
            )


def check_free_picture(path, overwrite: bool) -> None:
    """Checks that one picture right in the folder of results may be written.

    Args:
        path: of the PNG. overwrite: whether it may be replaced.

    Raises:
        ConfigError: it is there, and not to be replaced, or not by this command.
    """
    path = Path(path)
    if not os.path.lexists(path):
        return
    if not overwrite:
        raise ConfigError(
            f"output: {path} is there already; give --overwrite to replace it, or another folder. "
            f"Received: {path.parent}"
        )
    if not is_own(path):
        raise ConfigError(
            f"overwrite: replaces only what this command wrote; {path} is not from it. "
            f"Choose another --output. Received: {path.parent}"
        )


def is_own(path) -> bool:
    """Whether a file is a PNG that this command wrote, and no link to one."""
    try:
        with Image.open(path) as picture:
            return picture.info.get("Software") == SOFTWARE and not Path(path).is_symlink()
    except OSError:
        return False


def prepare_output(output) -> None:
    """Makes the folder of all results, tries to write into it, and clears what a stopped run left.

    Raises:
        ConfigError: it cannot be written.
    """
    output = Path(output)
    try:
        output.mkdir(parents=True, exist_ok=True)
        for path in output.iterdir():
            match = _UNFINISHED.fullmatch(path.name)
            # Another run at work on the same folder keeps its own.
            if match and (int(match.group(1)) == os.getpid() or not psutil.pid_exists(int(match.group(1)))):
                shutil.rmtree(path)
        trial = _unfinished(output, "partial")
        trial.mkdir()
        trial.rmdir()
    except OSError as error:
        raise ConfigError(
            f"output: a folder that can be written. Received: {output} ({error.strerror})"
        ) from error


@contextmanager
def folder_when_complete(output, name: str):
    """Gives a temporary folder in `output`, renamed to `name` when the block ends without an error.

    A folder of that name is replaced: see `check_free`.
    """
    final, partial, old = Path(output) / name, _unfinished(output, "partial"), _unfinished(output, "replaced")
    partial.mkdir()
    try:
        yield partial
        if final.exists():
            final.replace(old)
        partial.replace(final)
    finally:
        for leftover in (partial, old):
            shutil.rmtree(leftover, ignore_errors=True)


def save_png(path, rgb, alpha=None, metadata=None, icc_profile=None) -> None:
    """Writes a PNG.

    Args:
        path: of the file.
        rgb: uint8 `[H, W, 3]`.
        alpha: uint8 `[H, W]` or None.
        metadata: dict of str to str, written as tEXt chunks.
        icc_profile: bytes or None.
    """
    info = PngInfo()
    for key, value in (metadata or {}).items():
        info.add_text(key, value)
    _with_alpha(rgb, alpha).save(path, pnginfo=info, icc_profile=icc_profile)


def save_walk(path, frames, alpha=None, metadata=None) -> None:
    """Writes an endless animation; the ending says which kind.

    `.webp` is lossless. `.gif` has 256 colours a frame, so that its frames are no longer exactly consistent.

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


def _content(folder):
    return sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else [folder]


def _unfinished(output, kind):
    return Path(output) / f".{kind}-{os.getpid()}"
