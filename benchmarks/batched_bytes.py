"""Compare pictures made in batches with the same made one by one: python benchmarks/batched_bytes.py

For 9 samples of each of 9 embedded test faces, prints by batch size how long a picture takes (the least of
some rounds), how many uint8 values differ from those made one by one, and by how much at most. The reason for
the default of `gradsr bulk --batch_size`.
"""

import argparse
import time

import numpy as np

from tf_gradsr.tensorflow_start import start_tensorflow

FACES, SAMPLES = 9, 9


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", nargs="+", default=["faces_8x_mobile", "faces_8x"])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 3, 9, 81], help="default: 1 3 9 81")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    options = parser.parse_args()
    start_tensorflow()
    from tf_gradsr.data.faces import encoded_faces
    from tf_gradsr.gallery.reading import make_pair, read_picture
    from tf_gradsr.inference import Hallucinator

    faces = [read_picture(content) for content in encoded_faces("test", range(FACES)).values()]

    for run in options.run:
        hallucinator = Hallucinator.load(run)
        lr = np.stack([make_pair(face, hallucinator.scale)[0].rgb for face in faces])
        lr, z = np.repeat(lr, SAMPLES, 0), np.tile(hallucinator.noise(SAMPLES), [FACES, 1])
        times, made = {}, {}
        for _ in range(options.rounds):
            for batch in options.batches:
                start = time.perf_counter()
                parts = [slice(first, first + batch) for first in range(0, len(lr), batch)]
                images = np.concatenate([hallucinator.generate(lr[part], z[part])[0] for part in parts])
                seconds = (time.perf_counter() - start) / len(lr)
                times[batch], made[batch] = min(seconds, times.get(batch, seconds)), images
        for batch in options.batches:
            off = np.abs(made[batch].astype(int) - made[options.batches[0]])
            one_in = f"1 in {off.size // np.count_nonzero(off):,}" if off.any() else "none"
            print(
                f"{run}, batches of {batch}: {1000 * times[batch]:.0f} ms a picture; values that differ: "
                f"{one_in}, by {off.max()} at most",
                flush=True,
            )


if __name__ == "__main__":
    main()
