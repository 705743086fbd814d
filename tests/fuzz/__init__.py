"""Fuzzing: `make fuzz`; see docs/reliability/serving.md."""
