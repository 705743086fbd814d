"""Hallucination in the browser: builds a static page around a LiteRT file, and serves it."""
