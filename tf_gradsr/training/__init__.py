"""The training run: its folder, its checkpoints and everything around the step."""
