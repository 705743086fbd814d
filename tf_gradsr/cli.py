"""What all commands share: the parser, exit statuses, signals.

Exit statuses: 0 done, 1 failed, or some inputs failed, 2 bad setting, 130 interrupted (Ctrl-C), 143 asked to
end (SIGTERM), 129 its terminal was closed (SIGHUP).
"""

import importlib
import signal
import sys
from argparse import RawDescriptionHelpFormatter
from dataclasses import dataclass, field
from typing import Callable, Optional

from jsonargparse import ArgumentParser, DefaultHelpFormatter

from tf_gradsr.config_files import one_line
from tf_gradsr.disk import disk_full, writing
from tf_gradsr.errors import ConfigError, nearest, reason_of
from tf_gradsr.signals import Ended, ended_by_signals
from tf_gradsr.standard_streams import give_up_output, prepare_streams, say

EXIT_FAILED, EXIT_BAD_SETTING = 1, 2
# Errors that end a command with one line: the disk's, or a library's that ran out of memory.
_OF_THE_MACHINE = (OSError, MemoryError)


# Not among a command's own options, so that `--print_config` leaves them out.
SHARED_OPTIONS = """Every command also has --verbose, which shows TensorFlow's own messages, and --debug,
which shows where in the program an error came up."""


class CommandFailed(Exception):
    """A command cannot do what it was asked to; the message is for the user. Exit status 1."""


class _HelpFormatter(RawDescriptionHelpFormatter, DefaultHelpFormatter):
    """Keeps the description's line breaks."""


class Parser(ArgumentParser):
    """An argument parser whose errors are one line: the setting, the rule, what was received; status 2."""

    def __init__(self, *args, **kwargs):
        kwargs.setdefault("epilog", SHARED_OPTIONS)
        super().__init__(*args, allow_abbrev=False, formatter_class=_HelpFormatter, **kwargs)

    def error(self, message, ex=None):
        print(f"{self.prog}: error: {one_line(message, self._option_types())}", file=sys.stderr)
        sys.exit(EXIT_BAD_SETTING)

    def _option_types(self):
        """{"num_samples": PositiveInt, ...} of the parser's own options; None for switches."""
        return {action.dest: getattr(action, "_typehint", action.type) for action in self._actions}


def run(parser: Parser, execute: Callable, argv=None, interrupted: str = "") -> int:
    """Runs a command from its arguments to its exit status.

    Args:
        parser: the command's parser.
        execute: called with the parsed arguments; its return value is the exit status, None for 0.
            `settings.typed` is the list of arguments as they were typed, `settings.verbose`
            whether `--verbose` is among them.
        argv: list of arguments; None: those of the process.
        interrupted: what the user reads after "Interrupted." on Ctrl-C, SIGTERM and SIGHUP.

    Returns:
        The exit status, see the module's docstring.

    Raises:
        SystemExit: the arguments cannot be parsed, or ask for help.
    """
    typed = list(sys.argv[1:] if argv is None else argv)
    verbose, debug = (option in typed for option in ("--verbose", "--debug"))
    prepare_streams()
    try:
        with ended_by_signals():
            settings = parser.parse_args([text for text in typed if text not in ("--verbose", "--debug")])
            settings.typed, settings.verbose = typed, verbose
            status = execute(settings) or 0
            with writing("standard output"):
                sys.stdout.flush()
            return status
    except BrokenPipeError:
        # Whatever read our output has closed the pipe, as `| head` does.
        return 0
    except Exception as error:
        words = _words_for(error)
        if debug or words is None:
            raise
        say(f"{parser.prog}: error: {words}")
        return EXIT_BAD_SETTING if isinstance(error, ConfigError) else EXIT_FAILED
    except (KeyboardInterrupt, Ended) as asked:
        say(f"Interrupted. {interrupted}".strip())
        return 128 + getattr(asked, "signal", signal.SIGINT)
    finally:
        give_up_output()


def _words_for(error):
    """The line that a user reads for an error, or None for one that is ours to repair."""
    if isinstance(error, (ConfigError, CommandFailed)):
        return str(error)
    full = disk_full(error)
    if full:
        return str(full)
    return reason_of(error) if isinstance(error, _OF_THE_MACHINE) else None


def missing_extra(extra: str, package: str, use: str) -> ConfigError:
    """Returns the error for a missing package that one of our extras installs.

    Args:
        extra: such as "mobile". package: its name on the index. use: what the command needs it for.
    """
    return ConfigError(
        f"{extra}: needs the package {package}, {use}: pip install 'tf-gradsr[{extra}]'. "
        "Received: an installation without it"
    )


@dataclass(frozen=True)
class Command:
    """A command, or a group of commands under one name.

    Attributes:
        summary: one line for the help.
        module: where its `main(argv)` is; None for a group.
        commands: {name: `Command`} of a group.
    """

    summary: str
    module: Optional[str] = None
    commands: dict = field(default_factory=dict)


def dispatch(prog: str, group: Command, argv=None, version: Optional[str] = None) -> int:
    """Runs the command that the first arguments name, without importing the others.

    Args:
        prog: what was typed so far, such as "gradsr export".
        group: its commands.
        argv: list of arguments; None: those of the process.
        version: what `--version` prints; None: there is no such option.

    Returns:
        The command's exit status.
    """
    first, *rest = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    if first in ("-h", "--help"):
        print(_overview(prog, group, version))
        return 0
    if first == "--version" and version:
        print(version)
        return 0
    command = group.commands.get(first)
    if command is None:
        hint = nearest(first, group.commands, otherwise=f"one of {', '.join(group.commands)}.")
        print(f"{prog}: error: no such command; {hint} Received: {first}", file=sys.stderr)
        return EXIT_BAD_SETTING
    if command.module is None:
        return dispatch(f"{prog} {first}", command, rest)
    return importlib.import_module(command.module).main(rest)


def _overview(prog, group, version):
    """The help of a group: its commands, a line for each."""
    width = max(map(len, group.commands))
    lines = [f"usage: {prog} COMMAND [options]", "", group.summary, "", "commands:"]
    lines += [f"  {name:{width}}  {command.summary}" for name, command in group.commands.items()]
    options = f"{prog} COMMAND --help says more about a command."
    return "\n".join([*lines, "", options + (f" {prog} --version." if version else "")])
