"""The entry point: `gradsr COMMAND`, what is said before TensorFlow starts, exit statuses, signals."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from tf_gradsr import __version__, cli
from tf_gradsr.__main__ import main
from tf_gradsr.commands import GRADSR
from tf_gradsr.errors import ConfigError


def every_command(group=GRADSR, names=()):
    """(names, command) of all commands below a group."""
    for name, command in group.commands.items():
        if command.module:
            yield (*names, name), command
        else:
            yield from every_command(command, (*names, name))


COMMANDS = dict(every_command())


def test_version_and_overview(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"gradsr {__version__}\n"
    for arguments in ([], ["--help"], ["-h"]):
        assert main(arguments) == 0
        text = capsys.readouterr().out
        assert all(f"  {name} " in text for name in GRADSR.commands)
    assert main(["export", "--help"]) == 0
    assert "tflite" in capsys.readouterr().out


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_every_command_has_help_under_its_own_name(names, capsys):
    with pytest.raises(SystemExit) as stop:
        main([*names, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: gradsr {' '.join(names)} ")
    assert "--verbose" in text and "--debug" in text


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_a_mistyped_option_suggests_the_nearest(names, capsys):
    given = [] if names == ("models",) else ["--outpu", "x"]
    if names in (("benchmark",), ("train",), ("web", "serve")):
        given = {"benchmark": ["m", "--run", "1"], "train": ["--run_di", "x"], "serve": ["--folde", "x"]}[
            names[-1]
        ]
    if names == ("train-clean-lr",):
        given = ["--overwrit"]
    if names in (("hallucinate",), ("client",), ("align",)):
        given = ["face.png", *given]
    if not given:
        given = ["--jso"]
    with pytest.raises(SystemExit) as stop:
        main([*names, *given])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"gradsr {' '.join(names)}: error: ") and error.count("\n") == 1
    assert "did you mean" in error


def test_a_mistyped_command_suggests_the_nearest_of_its_group(capsys):
    assert main(["halucinate", "face.png"]) == 2
    assert "did you mean hallucinate? Received: halucinate" in capsys.readouterr().err
    assert main(["export", "tflight"]) == 2
    assert (
        capsys.readouterr().err
        == "gradsr export: error: no such command; did you mean tflite? Received: tflight\n"
    )
    assert main(["faces", "xyz"]) == 2
    assert "one of write, synthesize. Received: xyz" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["train", "--help"], ["export", "tflite", "--help"]]
)
def test_help_answers_before_tensorflow(arguments):
    program = [sys.executable, "-X", "importtime", "-m", "tf_gradsr", *arguments]
    result = subprocess.run(program, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0
    assert not any(line.endswith((" tensorflow", " keras")) for line in result.stderr.splitlines())


def parser():
    made = cli.Parser(prog="gradsr try")
    made.add_argument("--count", type=int, default=1)
    return made


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        (ConfigError("count: above 0. Received: 0"), 2, "gradsr try: error: count: above 0. Received: 0\n"),
        (cli.CommandFailed("no luck"), 1, "gradsr try: error: no luck\n"),
        (
            OSError(28, "No space left on device"),
            1,
            "gradsr try: error: disk full (No space left on device); free some space, then run the same "
            "command again\n",
        ),
        (KeyboardInterrupt(), 130, "Interrupted. Nothing was written.\n"),
    ],
)
def test_exit_statuses(raised, status, said, capsys):
    def execute(settings):
        raise raised

    assert cli.run(parser(), execute, [], interrupted="Nothing was written.") == status
    assert capsys.readouterr().err == said
    if status != 130:
        with pytest.raises(type(raised)):
            cli.run(parser(), execute, ["--debug"])


def test_sigterm_ends_with_143_and_leaves_the_handler_as_it_was(capsys):
    former = signal.getsignal(signal.SIGTERM)

    def execute(settings):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)

    assert cli.run(parser(), execute, []) == 143
    assert capsys.readouterr().err == "Interrupted.\n"
    assert signal.getsignal(signal.SIGTERM) is former


def test_commands_run_in_threads(capsys):
    statuses = []
    thread = threading.Thread(target=lambda: statuses.append(main(["models"])))
    thread.start()
    thread.join()
    assert statuses == [0]


def test_a_closed_pipe_is_not_an_error():
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run(
        [sys.executable, "-m", "tf_gradsr", "models"], stdout=writer, stderr=subprocess.PIPE, timeout=60
    )
    os.close(writer)
    assert (result.returncode, result.stderr) == (0, b"")
