"""Puts faces back into their enlarged photograph, where they were and as bright as they were."""

import math

import numpy as np
from PIL import Image

from tf_gradsr.faces.resampling import cut
from tf_gradsr.faces.similarity import CORNERS, apply_matrix, compose, invert_matrix

# Width of the border, in units of the frame's side, over which a face fades into its photograph.
FEATHER = 0.15
# Back-projections onto the photograph: the share of the difference that each adds. On faces of 16 to 48
# pixels, two whole ones gain most of what four do; on a photograph saved as JPEG, whose blocks would come
# back with the difference, less is more: see benchmarks/face_sizes.py.
TRUSTED, LOSSY = (1.0, 1.0), (0.6,)
# Pixels of the photograph around a face that a back-projection takes into account.
MARGIN = 4
# Bytes of memory per pixel of the canvas (a copy without faces, the one being made, its file or its
# reduction), of the photograph, and of the part of the canvas that is back-projected, all at their peaks.
BYTES_OF_CANVAS, BYTES_OF_PHOTOGRAPH, BYTES_OF_REGION = 12, 40, 80
# Side of the squares in which a face is resampled; bounds the memory, whatever its size.
SQUARE = 512


def memory_needed(shape: tuple, outscale: int, face_size: float) -> int:
    """Bytes of memory that it takes to enlarge a photograph and put faces back into it.

    Args:
        shape: (height, width, ...) of the photograph. outscale: int >= 1.
        face_size: of the largest face that is back-projected, the side of its frame in pixels.
    """
    pixels = shape[0] * shape[1]
    # A face turned by 45 degrees takes the most.
    region = min(pixels, (math.sqrt(2) * face_size + 2 * MARGIN) ** 2)
    canvas = (BYTES_OF_CANVAS * pixels + BYTES_OF_REGION * region) * outscale**2
    return int(canvas + BYTES_OF_PHOTOGRAPH * pixels)


def enlarged(photograph: np.ndarray, outscale: int) -> np.ndarray:
    """Enlarges a photograph with Lanczos' kernel.

    Args:
        photograph: uint8 `[h, w, 3]`. outscale: int >= 1.

    Returns:
        uint8 `[h * outscale, w * outscale, 3]`.
    """
    height, width = photograph.shape[:2]
    size = width * outscale, height * outscale
    return np.array(Image.fromarray(photograph).resize(size, Image.Resampling.LANCZOS))


def paste(
    canvas: np.ndarray, picture: np.ndarray, matrix, outscale: int, photograph=None, shares=TRUSTED
) -> None:
    """Puts an aligned face into the enlarged photograph, in place.

    The face is resampled once, antialiased, and fades out towards the frame's border. With `photograph`, it
    is then back-projected (Irani and Peleg 1991): the difference between the photograph and the face, reduced
    to the photograph's size, is added to the face. So a face that was generated from 16x16 pixels keeps what
    the photograph shows beyond them.

    Args:
        canvas: uint8 `[H, W, 3]`, see `enlarged`; changed.
        picture: uint8 `[s, s, 3]`, the aligned face, of any size.
        matrix: `[2, 3]`, from the frame to the photograph, see `tf_gradsr.faces.found_face.Face`.
        outscale: int, how many times larger the canvas is than the photograph.
        photograph: uint8 `[H / outscale, W / outscale, 3]`, or None for no back-projection.
        shares: of the difference that is added, one for each back-projection: `TRUSTED`, or `LOSSY`.
    """
    matrix = np.asarray(matrix, np.float64)
    height, width = (side // outscale for side in canvas.shape[:2])
    corners = apply_matrix(matrix, CORNERS)
    left, top = (max(0, math.floor(low) - MARGIN) for low in corners.min(axis=0))
    right, bottom = (
        min(side, math.ceil(high) + MARGIN) for high, side in zip(corners.max(axis=0), (width, height))
    )
    if left >= right or top >= bottom:
        return
    box = slice(top * outscale, bottom * outscale), slice(left * outscale, right * outscale)
    region, within = canvas[box], None
    if photograph is not None:
        region, within = region.astype(np.float32), np.empty((*region.shape[:2], 1), np.float32)
    for rows, columns in _squares(region.shape):
        corner = left + columns.start / outscale, top + rows.start / outscale
        part = region[rows, columns]
        face, share = _warped(picture, matrix, corner, part.shape[:2], outscale)
        blended = part + share * (face - part)
        if photograph is None:
            part[...] = _levels(blended)
        else:
            part[...], within[rows, columns] = blended, share
    if photograph is not None:
        seen = photograph[top:bottom, left:right].astype(np.float32)
        for added in shares:
            region += added * within * _resized(seen - _resized(region, seen.shape), region.shape)
        canvas[box] = _levels(region)


def difference(canvas: np.ndarray, photograph: np.ndarray) -> tuple:
    """How far the enlarged photograph, reduced with Lanczos' kernel, is from the photograph.

    Returns:
        (mean, largest) absolute difference over pixels and colours, in grey levels.
    """
    height, width = photograph.shape[:2]
    small = np.asarray(Image.fromarray(canvas).resize((width, height), Image.Resampling.LANCZOS))
    distance = np.abs(small.astype(np.int16) - photograph)
    return float(distance.mean()), int(distance.max())


def _squares(shape):
    """(rows, columns) slices that tile an area."""
    for top in range(0, shape[0], SQUARE):
        for left in range(0, shape[1], SQUARE):
            yield slice(top, min(top + SQUARE, shape[0])), slice(left, min(left + SQUARE, shape[1]))


def _levels(region):
    return np.uint8(np.clip(region + 0.5, 0, 255))


def _warped(picture, matrix, corner, shape, outscale):
    """(the face as an area of the canvas shows it, its share of it): float32 `[H, W, 3]` and `[H, W, 1]`.

    `corner`: the area's, (x, y), in pixels of the photograph.
    """
    side = max(shape)
    # From the area's square, in units of its side, to the photograph, to the frame, to the face's pixels.
    square = np.array([[side / outscale, 0.0, corner[0]], [0.0, side / outscale, corner[1]]])
    to_frame = compose(invert_matrix(matrix), square)
    rows, columns = ((np.arange(length) + 0.5) / side for length in shape)
    places = apply_matrix(to_frame, np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2))
    inwards = np.minimum(places, 1 - places).min(axis=1).reshape(*shape, 1)
    share = np.clip(inwards / FEATHER, 0, 1)
    face = cut(picture, to_frame * picture.shape[0], side)[: shape[0], : shape[1]]
    return face.astype(np.float32), np.float32(share * share * (3 - 2 * share))


def _resized(region, shape):
    """float32 `[h, w, 3]`, each colour by itself, because Pillow has no float RGB."""
    colours = (
        Image.fromarray(region[..., colour]).resize((shape[1], shape[0]), Image.Resampling.LANCZOS)
        for colour in range(3)
    )
    return np.stack([np.asarray(colour) for colour in colours], axis=-1)
