"""From an encoded picture to RGB; the same for every source."""

from PIL import Image

from tf_gradsr.decoding import upright


def decode_picture(file) -> Image.Image:
    """Decodes one picture: upright (EXIF), RGB; transparent parts show white.

    Args:
        file: binary file of any format that Pillow reads; of an animation, the first picture.

    Returns:
        `PIL.Image.Image` of mode RGB.

    Raises:
        Exception: whatever Pillow's decoder makes of a broken file.
    """
    picture = upright(Image.open(file))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert("RGB")
