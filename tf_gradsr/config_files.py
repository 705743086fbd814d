"""Reads settings from YAML files and command lines into the dataclasses of `tf_gradsr.config`.

Errors are one line: the setting, what is allowed, what was received.
"""

import functools
import math
import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import List, Literal, Optional, Union, get_args, get_origin

import yaml
from jsonargparse import ActionConfigFile, ArgumentParser, set_parsing_settings

from tf_gradsr.config import Config, Extension, ModelConfig
from tf_gradsr.config_checks import check_config
from tf_gradsr.config_digest import check_settings, digest_line
from tf_gradsr.errors import ConfigError, nearest
from tf_gradsr.extensions import NamedByRun

set_parsing_settings(docstring_parse_attribute_docstrings=True)

# Options of the train command that are not settings of a run.
COMMAND_ONLY = ("run_dir", "smoke", "distribution", "trust_run")
# Settings of earlier versions, null in the configs of runs that did not use them.
REMOVED = ("loss.discriminator_run", "train.grow", "train.crop")
# What to use in place of a setting of earlier versions.
REPLACED = {"data.shift": "data.augment moves pictures, data.augment_shift says how far, in LR pixels"}


def add_config_arguments(parser: ArgumentParser) -> None:
    """Adds `--config FILE` and an option for every setting of `Config`, such as `--train.steps`."""
    parser.add_argument(
        "--config", action=_SettingsFile, help="YAML file of settings; later options override it."
    )
    for section in fields(Config):
        parser.add_argument(
            f"--{section.name}",
            type=section.type,
            default=section.default_factory(),
            help=section.type.__doc__.strip().splitlines()[0],
        )


def config_from(namespace) -> Config:
    """The checked config of parsed arguments.

    Raises:
        ConfigError: see `check_config`; or a file given as `--config` is damaged.
    """
    for file in namespace.get("config") or []:
        check_settings(Path(file).read_bytes(), file)
    values = plain(namespace.as_dict())
    for section in fields(Config):
        if not isinstance(values[section.name], dict):
            raise ConfigError(_section_rule(section.name, values[section.name]))
    return check_config(Config(**{f.name: f.type(**values[f.name]) for f in fields(Config)}))


def plain(value):
    """Turns the parser's restricted types into str, int and float, which YAML and JSON write."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    return int(value) if isinstance(value, int) else float(value)


class _SettingsFile(ActionConfigFile):
    """`--config FILE`, once `_check_sections` has seen the file."""

    @staticmethod
    def apply_config(parser, cfg, dest, value):
        try:
            content = yaml.safe_load(Path(value).expanduser().read_text(encoding="utf-8"))
        # The library says it better.
        except (OSError, ValueError, TypeError, yaml.YAMLError, RecursionError):
            content = None
        if isinstance(content, dict):
            _check_sections(content)
        ActionConfigFile.apply_config(parser, cfg, dest, value)


def _check_sections(content, where=""):
    """Refuses all but sections of known settings.

    The parsing library takes other names and texts for classes, which it imports, or for more files to read.
    """
    types = _setting_types()
    for name, found in content.items():
        if name in types or name in COMMAND_ONLY:
            continue
        if name not in {section.name for section in fields(Config)}:
            first = f".{next(iter(found))}" if isinstance(found, dict) and found else ""
            raise ConfigError(_unknown_setting(f"{name}{first}", types) + where)
        if not isinstance(found, dict):
            raise ConfigError(_section_rule(name, found) + where)
        for setting in found:
            if f"{name}.{setting}" not in types:
                raise ConfigError(_unknown_setting(f"{name}.{setting}", types) + where)


def _section_rule(name, found):
    return f"{name}: settings, each on a line of its own, name: value. Received: {found}"


def load_config(path, trust: bool = False) -> Config:
    """Reads a YAML file of settings, such as a run folder's config.yaml; missing ones take their default.

    Args:
        path: the file.
        trust: whether code that the settings name as `module:name` may be imported where it is needed;
            without, `load_extension` refuses it.

    The names of `COMMAND_ONLY`, which `--print_config` prints beside the settings, are ignored.

    Raises:
        ConfigError: no such file, unknown or impossible settings, or it is damaged, see `save_config`.
    """
    if not Path(path).is_file():
        raise ConfigError(f"config: a YAML file of settings. Received: {path}, which does not exist")
    try:
        written = Path(path).read_bytes()
        check_settings(written, path)
        content = yaml.safe_load(written.decode()) or {}
        if not isinstance(content, dict):
            raise ConfigError(f"config: {_FILE_SHAPE}. Received: {path}")
        settings = {name: value for name, value in content.items() if name not in COMMAND_ONLY}
        _drop_removed(settings)
        _replace_shift(settings)
        _check_sections(settings, f" (in {path})")
        config = config_from(_the_parser().parse_object(settings))
        return config if trust else _without_trust(config, path)
    except ConfigError:
        raise
    # The parsing libraries raise a dozen kinds of exceptions.
    except Exception as error:
        raise ConfigError(f"{one_line(str(error))} (in {path})") from error


@functools.cache
def _the_parser():
    """Takes longer to make than a file to read; `config_from` copies what it holds."""
    parser = ArgumentParser(exit_on_error=False)
    add_config_arguments(parser)
    return parser


def _without_trust(config, path):
    """Marks every name of code in a config as `NamedByRun`."""
    for section in fields(Config):
        values = getattr(config, section.name)
        for setting in fields(section.type):
            value = getattr(values, setting.name)
            if isinstance(value, str) and _may_name_code(setting.type) and ":" in value:
                setattr(values, setting.name, NamedByRun(value, path))
    return config


def _may_name_code(kind):
    return kind is Extension or any(map(_may_name_code, get_args(kind)))


def _drop_removed(settings):
    """Drops settings that no longer exist from what an older version wrote, if they were not in use."""
    for name in REMOVED:
        section, _, setting = name.partition(".")
        inner = settings.get(section)
        if isinstance(inner, dict) and inner.get(setting, "given") is None:
            settings[section] = {key: value for key, value in inner.items() if key != setting}


def _replace_shift(settings):
    """Expresses an earlier version's `data.shift` by `data.augment`: shifts of the same variance.

    `data.shift` was up to n HR pixels each way, all equally likely: a variance of n (n + 1) / 3.
    """
    data, model = settings.get("data"), settings.get("model") or {}
    if not isinstance(data, dict) or not isinstance(data.get("shift"), int):
        return
    farthest, scale = data["shift"], model.get("scale", ModelConfig().scale)
    settings["data"] = {name: value for name, value in data.items() if name != "shift"}
    if farthest:
        shift = math.sqrt(farthest * (farthest + 1) / 3) / scale
        settings["data"] |= {
            "augment": True,
            "augment_shift": shift,
            "augment_turn": 0.0,
            "augment_scale": 0.0,
        }


def save_config(config: Config, path) -> None:
    """Writes every setting as YAML, below a line with the digest of what follows it."""
    settings = yaml.safe_dump(plain(config.as_dict()), sort_keys=False).encode()
    Path(path).write_bytes(digest_line(settings) + settings)


def one_line(message: str, types: Optional[dict] = None) -> str:
    """Turns the parsing library's message into: setting: what is allowed. Received: value.

    Args:
        message: the library's message.
        types: the type of every option, by name; None: those of `Config`.
    """
    types = _setting_types() if types is None else types
    message = " ".join(str(message).split())
    if match := re.search(r"arguments are required: (\S+)", message):
        return f"{match.group(1).lower()}: must be given. Received: nothing"
    if match := re.search(r"[Uu]nrecognized arguments: ([^-].*)", message):
        return f"input: all in one place, before the options or after them. Received apart: {match.group(1)}"
    for pattern in _UNKNOWN:
        if match := re.search(pattern, message):
            return _unknown_setting(".".join(match.groups()).lstrip("-").split("=")[0], types)
    if match := re.search(r"^argument --([\w.]+): (expected .*)$", message):
        return f"{match.group(1)}: {match.group(2)}. Received: nothing"
    if message.startswith("Unexpected config"):
        return f"config: {_FILE_SHAPE}. Received: {message.partition(': ')[2] or 'nothing'}"
    key = re.search(r'Parser key "([\w.]+)"(?: element \d+)?: |^([\w.]+): (?=Not of type)', message)
    if not key:
        return message
    name = key.group(1) or key.group(2)
    allowed = types.get(name)
    if not allowed:
        return f"{name}: {message[key.end() :]}"
    return f"{name}: {_describe(allowed)}. Received: {_received(message)}"


_FILE_SHAPE = "a YAML file of sections (data, model, loss, optimizer, train), each with its settings"

_UNKNOWN = (
    r"[Uu]nrecognized arguments: (\S+)",
    r"Group '([\w.]+)' does not accept option '([\w.]+)'",
    r"Option '([\w.]+)' is not accepted",
)

# Where the library's messages hold the value, the most reliable place first.
_RECEIVED = (
    r".*Given value: (.*)$",
    r"Got value: (.*)$",
    r"literal for int\(\) with base 10: (.*)$",
    r"convert string to float: (.*)$",
    r"Not of type \w+: (.*?) ?does not conform",
)


def _received(message):
    matches = (re.search(pattern, message) for pattern in _RECEIVED)
    return next((match.group(1) for match in matches if match), message)


def _unknown_setting(name, types):
    if name in REPLACED:
        return f"{name}: no such setting; {REPLACED[name]}"
    section, dot, leaf = name.rpartition(".")
    of_section = {
        setting.rpartition(".")[2]: setting for setting in types if setting.startswith(section + dot)
    }
    if not dot or not of_section:
        return f"{name}: no such setting; {nearest(name, types, otherwise='--help lists them all.')}"
    # Compared without the section, which would make all of its settings alike.
    close = nearest(leaf, of_section)
    return f"{name}: no such setting; " + (
        close.replace("mean ", f"mean {section}.") or f"{section} has {', '.join(of_section)}."
    )


def _setting_types():
    """{"train.steps": PositiveInt, ...} of every setting."""
    return {
        f"{section.name}.{setting.name}": setting.type
        for section in fields(Config)
        if is_dataclass(section.type)
        for setting in fields(section.type)
    }


_NUMBERS = ((int, "a whole number"), (float, "a number"))


def _describe(kind):
    """What a type allows, in words."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return "one of " + ", ".join(str(a) for a in arguments)
    if origin is Union:
        named = [_describe(a) for a in arguments if a is not type(None)]
        return " or ".join(named) + (" or null" if Optional[kind] == kind else "")
    if origin in (list, List):
        return f"a list [...] whose entries are each {_describe(arguments[0])}"
    if kind is bool:
        return "true or false"
    if kind is Extension:
        return kind.__doc__
    words = next((w for base, w in _NUMBERS if issubclass(kind, base)), "text")
    bound = re.search(r"restricted to be (.*)", kind.__doc__ or "")
    return f"{words} {bound.group(1)}" if bound else words
