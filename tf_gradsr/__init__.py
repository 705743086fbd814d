"""GradSR: one-to-many face super-resolution that downscales back to its input."""

__version__ = "0.1.0"
