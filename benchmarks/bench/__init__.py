"""`make bench`: the project's speed, as ratios from one run; see docs/explanation/speed.md."""
