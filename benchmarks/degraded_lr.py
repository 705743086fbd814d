"""How bad LR from photographs is, and what that costs: python benchmarks/degraded_lr.py

For each kind of photograph: PSNR of degraded against clean LR (`data.degrade`), of bicubic upscaling, of the
run at z = 0 as `hallucinate` gives it, and the gain of one over the other. Means over the pictures, in dB.
"""

import argparse
import os
from dataclasses import replace

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from tf_gradsr import metrics, ops
from tf_gradsr.data import lr_pictures, stream_batches, stream_pictures
from tf_gradsr.inference import INPUT_QUALITIES, Hallucinator

BATCH = 32
SPLITS = {"val": "validation", "test": "test"}
# One program's kernel, no noise: the photograph is shrunk until the face is this many LR sides wide, and
# saved.
SHRUNK = {"degrade": True, "degrade_kernels": ["lanczos"], "degrade_aliased": 0.0, "degrade_noise": 0.0}
KINDS = (
    (1.0, None),
    (1.0, 90),
    (1.5, 85),
    (2.0, 75),
)


def kinds(config) -> dict:
    """Settings of `data` by the title of a row."""
    made = {"clean": {"degrade": False}}
    for frame, quality in KINDS:
        title = f"{frame * config.lr_shape[0]:.0f} px, {f'JPEG {quality}' if quality else 'PNG'}"
        jpeg = [quality, quality] if quality else None
        made[title] = {**SHRUNK, "degrade_frame": [frame, frame], "degrade_jpeg": jpeg}
    return {**made, "as drawn by default": {"degrade": True}}


def figures(hallucinator, config, split) -> list:
    """Means over the pictures: PSNR of LR, of bicubic, of z = 0."""
    found = []
    for _, hr, lr in stream_batches(stream_pictures(config, split), config, BATCH):
        clean = lr_pictures(ops.to_float(hr), config)
        bicubic = metrics.bicubic(ops.to_float(lr), config.model.scale)
        made = hallucinator.reconstruct(lr).image
        found.append([tf.image.psnr(lr, clean, 255), metrics.psnr(bicubic, hr), metrics.psnr(made, hr)])
    return [float(np.mean(np.concatenate(values))) for values in zip(*found)]


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", default="faces_8x", help="run, or model of the package (default: faces_8x)")
    parser.add_argument("--data", help="folder of faces in train, val and test (default: the embedded ones)")
    parser.add_argument("--split", choices=SPLITS, default="test", help="default: test")
    parser.add_argument("--limit", type=int, help="number of pictures, the first ones (default: all)")
    parser.add_argument(
        "--input_quality", choices=INPUT_QUALITIES, default="clean", help="as of hallucinate (default: clean)"
    )
    options = parser.parse_args()
    hallucinator = Hallucinator.load(options.run, input_quality=options.input_quality)
    config = hallucinator.config
    source = "folder" if options.data else "faces"
    config.data = replace(config.data, source=source, path=options.data, limit=options.limit)
    print("| photograph | LR against clean LR | bicubic | z = 0 | gain |\n|---|---:|---:|---:|---:|")
    for title, settings in kinds(config).items():
        changed = replace(config, data=replace(config.data, **settings))
        lr, bicubic, zero = figures(hallucinator, changed, SPLITS[options.split])
        quality = f"{lr:.1f}" if np.isfinite(lr) else "equal"
        print(f"| {title} | {quality} | {bicubic:.2f} | {zero:.2f} | {zero - bicubic:+.2f} |", flush=True)


if __name__ == "__main__":
    main()
