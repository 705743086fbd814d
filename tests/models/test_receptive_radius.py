"""How far an LR pixel reaches in every generator, by which tiles must overlap."""

import numpy as np
import pytest

from tf_gradsr.config import Config, LossConfig, ModelConfig
from tf_gradsr.registry import build_generator


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("name", ["gradsr", "srgan", "esrgan"])
def test_nothing_beyond_the_receptive_radius_changes(rng, name, scale):
    model = ModelConfig(name=name, scale=scale, blocks=1, widths=[4], z_size=3)
    generator = build_generator(Config(model=model, loss=LossConfig(perceptual="none", pixel=1.0)))
    radius = generator.receptive_radius
    # A row of pixels with room on both sides.
    lr = rng.uniform(-1, 1, (1, 3, 2 * radius + 5, 3)).astype(np.float32)
    other = lr.copy()
    centre = lr.shape[2] // 2
    other[:, :, centre] *= -1
    z = np.zeros((1, 3), np.float32)
    outputs = [[np.asarray(levels[-1]) for levels in generator((x, z))] for x in (lr, other)]
    for before, after in zip(*outputs):
        changed = np.flatnonzero(np.abs(before - after).max((0, 1, 3)) > 0)
        reach = np.abs(changed // scale - centre).max()
        assert 2 <= reach <= radius
