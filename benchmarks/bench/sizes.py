"""The two sizes of `make bench`: "full", and "small", which only shows that everything works."""

import copy
from pathlib import Path

FULL, SMALL = "full", "small"
SIZES = (FULL, SMALL)
QUICKSTART = Path(__file__).parents[2] / "configs" / "quickstart.yaml"


def small_networks(config):
    """A copy of a config with tiny networks, pictures and batches, which doubles once."""
    config = copy.deepcopy(config)
    config.data.lr_size, config.data.limit = 8, 16
    model = config.model
    model.scale, model.blocks, model.discriminator_blocks, model.z_size = 2, 1, 1, 4
    model.widths, model.discriminator_widths, model.growth_channels = [8], [8], 8
    config.train.batch_size = 2
    return config


def small_run(folder: Path):
    """Writes a run of a tiny network with random weights into a new folder; returns its `RunFolder`."""
    from tf_gradsr.config_files import load_config, save_config
    from tf_gradsr.registry import build_generator
    from tf_gradsr.run_folder import RunFolder

    config, run = small_networks(load_config(QUICKSTART)), RunFolder(folder)
    run.path.mkdir()
    save_config(config, run.config)
    build_generator(config).save_weights(run.weights)
    return run
