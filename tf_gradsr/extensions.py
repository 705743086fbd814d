"""Loads users' own code: a Python object that a setting names as `module:name`.

A run folder may come from anywhere, so code that its config.yaml names is imported only if the user trusts
the run. What he types himself, in options or in a file for `--config`, needs no more words.
"""

import importlib
import sys
from pathlib import Path

from tf_gradsr.errors import ConfigError, nearest, reason_of


class NamedByRun(str):
    """`module:name` as a file of settings has it that the user has not said he trusts; a str otherwise.

    Args:
        text: the name. file: path of the file, for messages.
    """

    def __new__(cls, text, file):
        name = super().__new__(cls, text)
        name.file = str(file)
        return name

    def __getnewargs__(self):
        return str(self), self.file


def load_extension(setting: str, text: str):
    """Returns the object that a setting names.

    Args:
        setting: the setting's name, for messages.
        text: "module:name"; modules are looked for in the current folder, too.

    Raises:
        ConfigError: the name is a `NamedByRun`; no such module, it cannot be imported, or has no such name.
    """
    if isinstance(text, NamedByRun):
        raise ConfigError(
            f"{setting}: code that you trust, since it would be run; look at it, then add --trust_run, in "
            f"Python trust=True. Received: {text}, named in {text.file}"
        )
    module_name, _, name = text.partition(":")
    here = str(Path.cwd())
    # A console script does not look there by itself.
    sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    # Someone else's module can fail in any way.
    except Exception as error:
        raise ConfigError(
            f"{setting}: module:name, of a module that can be imported. Received: {text} ({reason_of(error)})"
        ) from error
    finally:
        sys.path.remove(here)
    if not hasattr(module, name):
        hint = nearest(name, vars(module))
        raise ConfigError(
            f"{setting}: a name in {module_name}; {hint or 'there is no such.'} Received: {text}"
        )
    return getattr(module, name)


def call_extension(setting: str, text: str, *arguments):
    """Calls the function that a setting names and returns its result.

    Raises:
        ConfigError: it cannot be loaded, or it fails.
    """
    function = load_extension(setting, text)
    try:
        return function(*arguments)
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(
            f"{setting}: a function that works here. "
            f"Received: {text} ({type(error).__name__}: {reason_of(error)})"
        ) from error
