"""The endings of files that folders and patterns are searched for. A file that is named is read whatever its
ending, by what it holds."""

from PIL import features

PICTURE_ENDINGS = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".mpo", ".webp", ".gif", ".bmp", ".dib"),
    *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".tga"),
    *((".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc") if features.check("jpg_2000") else ()),
    *((".avif", ".avifs") if features.check("avif") else ()),
)


def has_picture_ending(name: str) -> bool:
    """Whether a file is named like a picture, and not hidden."""
    return name.lower().endswith(PICTURE_ENDINGS) and not name.startswith(".")
