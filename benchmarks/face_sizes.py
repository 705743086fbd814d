"""Up to which size hallucinated faces are better than enlarged ones: python benchmarks/face_sizes.py

Faces are reduced with Lanczos' kernel until their frame has the row's width, saved as PNG or JPEG, and
enlarged as `gradsr photo` enlarges a photograph, without and with its face hallucinated at z = 0.
Each cell: mean PSNR in dB, mean SSIM, mean image gradient as a share of the truth's.
"""

import argparse
import io
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from PIL import Image

from tf_gradsr import metrics, ops
from tf_gradsr.config import Config
from tf_gradsr.data import stream_pictures
from tf_gradsr.faces.pasting import LOSSY, TRUSTED, enlarged, paste
from tf_gradsr.faces.resampling import cut
from tf_gradsr.inference import INPUT_QUALITIES, Hallucinator

SIZES = (16, 20, 24, 28, 32, 40, 48, 64)


def saved(picture, quality):
    """The picture as a JPEG file of this quality holds it; None: as a PNG does."""
    if quality is None:
        return picture
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def resized(picture, side):
    """A square picture, uint8, of another side."""
    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.LANCZOS))


def figures(pictures, truth):
    """(PSNR, SSIM, sharpness) as means over the pictures."""
    gradients = [float(np.mean(ops.image_gradient(ops.to_float(x)))) for x in (pictures, truth)]
    quality = (float(np.mean(measure(pictures, truth))) for measure in (metrics.psnr, metrics.ssim))
    return (*quality, gradients[0] / gradients[1])


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", default="faces_8x", help="run, or model of the package (default: faces_8x)")
    parser.add_argument("--data", help="folder of faces in train, val and test (default: the embedded ones)")
    parser.add_argument("--limit", type=int, default=128, help="number of test faces (default: 128)")
    parser.add_argument(
        "--input_quality", choices=INPUT_QUALITIES, default="clean", help="as of hallucinate (default: clean)"
    )
    options = parser.parse_args()
    hallucinator, config = Hallucinator.load(options.run, input_quality=options.input_quality), Config()
    config.data.source, config.data.path = ("folder", options.data) if options.data else ("faces", None)
    config.data.lr_size, config.data.limit = 16, options.limit
    hr = list(stream_pictures(config, "test"))
    side = hallucinator.config.lr_shape[0]
    shares = LOSSY if options.input_quality == "photo" else TRUSTED
    print("| frame | file | enlarged | face put back | gain |")
    print("|---|---|---|---|---|")
    for size in SIZES:
        outscale = hr[0].shape[0] // size
        truth = np.stack([resized(picture, size * outscale) for picture in hr])
        # The whole picture is the frame.
        matrix = np.array([[size, 0.0, 0.0], [0.0, size, 0.0]])
        for quality in (None, 85):
            photos = [saved(resized(picture, size), quality) for picture in hr]
            plain = np.stack([enlarged(photo, outscale) for photo in photos])
            lr = np.stack([cut(photo, matrix, side) for photo in photos])
            made, canvases = hallucinator.reconstruct(lr).image, plain.copy()
            for canvas, photo, picture in zip(canvases, photos, made):
                paste(canvas, picture, matrix, outscale, photo, shares)
            (a, b, c), (x, y, z) = figures(plain, truth), figures(canvases, truth)
            file = "PNG" if quality is None else f"JPEG {quality}"
            cells = f"{a:.2f} / {b:.3f} / {c:.0%} | {x:.2f} / {y:.3f} / {z:.0%} | {x - a:+.2f}"
            print(f"| {size} | {file} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
