"""LiteRT files for phones and browsers."""
