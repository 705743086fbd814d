"""Puts faces back into their enlarged photograph, where they were and as bright as they were."""

import math

import numpy as np
from PIL import Image

from tf_gradsr.faces.resampling import cut
from tf_gradsr.faces.similarity import apply_matrix, compose, invert_matrix

# Width of the border, in units of the frame's side, over which a face fades into its photograph.
FEATHER = 0.15
# Back-projections onto the photograph. On faces of 16 to 48 pixels, two gain most of what four do, and lose
# less where the photograph was saved as JPEG: see benchmarks/face_sizes.py.
ROUNDS = 2
# Pixels of the photograph around a face that a back-projection takes into account.
MARGIN = 4


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


def paste(canvas: np.ndarray, picture: np.ndarray, matrix, outscale: int, photograph=None) -> None:
    """Puts an aligned face into the enlarged photograph, in place.

    The face is resampled once, antialiased, and fades out towards the frame's border. With `photograph`, it
    is then back-projected (Irani and Peleg 1991): what the photograph shows and the face, reduced to its
    size, does not, is added to the face. So a face that was generated from 16x16 pixels keeps what the
    photograph shows beyond them.

    Args:
        canvas: uint8 `[H, W, 3]`, see `enlarged`; changed.
        picture: uint8 `[s, s, 3]`, the aligned face, of any size.
        matrix: `[2, 3]`, from the frame to the photograph, see `tf_gradsr.faces.found_face.Face`.
        outscale: int, how many times larger the canvas is than the photograph.
        photograph: uint8 `[H / outscale, W / outscale, 3]`, or None for no back-projection.
    """
    matrix = np.asarray(matrix, np.float64)
    height, width = (side // outscale for side in canvas.shape[:2])
    corners = apply_matrix(matrix, [(0, 0), (1, 0), (0, 1), (1, 1)])
    left, top = (max(0, math.floor(low) - MARGIN) for low in corners.min(axis=0))
    right, bottom = (
        min(side, math.ceil(high) + MARGIN) for high, side in zip(corners.max(axis=0), (width, height))
    )
    if left >= right or top >= bottom:
        return
    box = slice(top * outscale, bottom * outscale), slice(left * outscale, right * outscale)
    region = canvas[box].astype(np.float32)
    face, mask = _warped(picture, matrix, (left, top), region.shape[:2], outscale)
    region += mask * (face - region)
    if photograph is not None:
        seen = photograph[top:bottom, left:right].astype(np.float32)
        for _ in range(ROUNDS):
            region += mask * _resized(seen - _resized(region, seen.shape), region.shape)
    canvas[box] = np.uint8(np.clip(region + 0.5, 0, 255))


def difference(canvas: np.ndarray, photograph: np.ndarray) -> tuple:
    """How far the enlarged photograph, reduced with Lanczos' kernel, is from the photograph.

    Returns:
        (mean, largest) absolute difference over pixels and colours, in grey levels.
    """
    height, width = photograph.shape[:2]
    small = np.asarray(Image.fromarray(canvas).resize((width, height), Image.Resampling.LANCZOS))
    distance = np.abs(small.astype(np.int16) - photograph)
    return float(distance.mean()), int(distance.max())


def _warped(picture, matrix, corner, shape, outscale):
    """(the face as the region shows it, how much of it counts) float32 `[H, W, 3]` and `[H, W, 1]`."""
    side = max(shape)
    # From the region's square, in units of its side, to the photograph, to the frame, to the face's pixels.
    square = np.array([[side / outscale, 0.0, corner[0]], [0.0, side / outscale, corner[1]]])
    to_frame = compose(invert_matrix(matrix), square)
    face = cut(picture, to_frame * picture.shape[0], side)[: shape[0], : shape[1]]
    rows, columns = ((np.arange(length) + 0.5) / side for length in shape)
    places = apply_matrix(to_frame, np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2))
    inwards = np.minimum(places, 1 - places).min(axis=1).reshape(*shape, 1)
    share = np.clip(inwards / FEATHER, 0, 1)
    return face.astype(np.float32), np.float32(share * share * (3 - 2 * share))


def _resized(region, shape):
    """float32 `[h, w, 3]`, each colour by itself, since Pillow knows no float RGB."""
    colours = (
        Image.fromarray(region[..., colour]).resize((shape[1], shape[0]), Image.Resampling.LANCZOS)
        for colour in range(3)
    )
    return np.stack([np.asarray(colour) for colour in colours], axis=-1)
