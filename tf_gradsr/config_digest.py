"""The first line of a run's config.yaml: the SHA-256 of its settings, so that damage is no setting."""

import hashlib
import re

from tf_gradsr.errors import ConfigError

_WORDS = "sha256 of what follows"
# A line with either part is meant as a digest: one that is damaged in one place still has the other.
_DIGEST = re.compile(rb"sha256 of what follows|[0-9a-f]{64}\s*$")


def digest_line(settings: bytes) -> bytes:
    """The comment, with its newline, that goes before a file's settings."""
    digest = hashlib.sha256(settings).hexdigest()
    return f"# {_WORDS} (change it by hand, then delete this line): {digest}\n".encode()


def check_settings(content: bytes, path) -> None:
    """Checks a settings file against the digest in its first line, if it has one; people's files have none.

    A file without settings is refused too: the beginning of a longer one looks like that.

    Args:
        content: of the file. path: for the message.

    Raises:
        ConfigError: they do not match, or there are no settings.
    """
    if not any(line.strip() and not line.lstrip().startswith(b"#") for line in content.splitlines()):
        raise ConfigError(f"config: a file with at least one setting. Received: {path}, which has none")
    first, end, settings = content.partition(b"\n")
    if _DIGEST.search(first) and first + end != digest_line(settings):
        raise ConfigError(
            "config: a file as it was written, by the digest in its first line; if it was changed by hand, "
            f"delete that line. Received: {path}, which is damaged or changed"
        )
