"""Signals, closed terminals and closed pipes: a training saves a checkpoint, everything ends quietly."""

import errno
import fcntl
import io
import os
import signal
import struct
import subprocess
import sys
import termios
import threading
import time

import nbformat
import pytest
from nbclient import NotebookClient
from training_steps import read_metrics

from tf_gradsr import cli
from tf_gradsr.progress import ProgressBar
from tf_gradsr.run_folder import RunFolder
from tf_gradsr.signals import Ended, handled
from tf_gradsr.training.callbacks import StopRequest

QUICK = [
    "--data.source",
    "faces",
    "--data.limit",
    "8",
    "--data.lr_size",
    "8",
    "--model.scale",
    "2",
    "--model.blocks",
    "1",
    "--model.widths",
    "[8]",
    "--model.discriminator_blocks",
    "1",
    "--model.z_size",
    "4",
    "--loss.perceptual",
    "none",
    "--loss.pixel",
    "1",
    "--train.steps",
    "1000000",
    "--train.reconstruction_steps",
    "1000000",
    "--train.batch_size",
    "2",
    "--train.log_interval",
    "1000",
    "--train.sample_interval",
    "1000000",
    "--train.validation_interval",
    "1000000",
    "--train.validation_pictures",
    "2",
    "--train.checkpoint_interval",
    "1000000",
    "--train.summary_pictures",
    "2",
]
ENVIRONMENT = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}


def parser():
    return cli.Parser(prog="gradsr try")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signals_end_commands_and_leave_the_handlers_as_they_were(number, status, capsys):
    former = signal.getsignal(number)

    def execute(settings):
        os.kill(os.getpid(), number)
        time.sleep(10)

    assert cli.run(parser(), execute, [], interrupted="All is well.") == status
    assert capsys.readouterr().err == "Interrupted. All is well.\n"
    assert signal.getsignal(number) is former


def test_a_signal_that_is_ignored_stays_so():
    # As nohup does it.
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert cli.run(parser(), lambda settings: os.kill(os.getpid(), signal.SIGHUP), []) == 0
    finally:
        signal.signal(signal.SIGHUP, former)


def test_handlers_are_left_alone_in_threads():
    found = []

    def listen():
        with handled((signal.SIGTERM,), print), StopRequest().listening():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGTERM)]


@pytest.mark.parametrize(
    ("number", "raised"),
    [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Ended), (signal.SIGHUP, Ended)],
)
def test_a_stop_waits_for_the_step_in_progress_and_for_nothing_else(number, raised, capfd):
    stop = StopRequest()
    with stop.listening():
        with stop.steps():
            os.kill(os.getpid(), number)
            # A terminal that closes sends SIGHUP twice, the second from its shell.
            for again in (signal.SIGTERM, signal.SIGHUP):
                os.kill(os.getpid(), again)
            assert stop.signal == number
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        with pytest.raises(raised):
            signal.raise_signal(number)
    assert capfd.readouterr().err.count("Stopping after this step") == 1


def steps_of(folder):
    return [path.name for path in RunFolder(folder).checkpoints.glob("step_*")]


def begun(read):
    """Reads until the first step is done; returns what was read."""
    text = ""
    deadline = time.monotonic() + 240
    while "pictures/s=" not in text and time.monotonic() < deadline:
        text += read()
    assert "pictures/s=" in text, text
    return text


@pytest.mark.slow
def test_a_closed_pipe_saves_a_checkpoint(tmp_path):
    """As in `gradsr train ... 2>&1 | head`."""
    command = [sys.executable, "-m", "tf_gradsr", "train", *QUICK, "--run_dir", tmp_path / "run"]
    training = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=ENVIRONMENT)
    try:
        begun(lambda: os.read(training.stdout.fileno(), 4096).decode())
        training.stdout.close()
        assert training.wait(timeout=120) == 128 + signal.SIGPIPE
    finally:
        training.kill()
    assert len(steps_of(tmp_path / "run")) == 1


def wait_for(path):
    deadline = time.monotonic() + 240
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert path.exists()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no pseudo-terminals here")
def test_a_closed_terminal_saves_a_checkpoint(tmp_path):
    """The system sends SIGHUP when a terminal goes, and every later write to it fails."""
    ours, theirs = os.openpty()
    # Its width is 0 otherwise, and the bar has none.
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 200, 0, 0))
    # In a session of its own, whose first terminal to be opened is its controlling one.
    code = (
        f"import os, sys; os.open({os.ttyname(theirs)!r}, os.O_RDWR); from tf_gradsr import train; "
        "sys.exit(train.main())"
    )
    options = [*QUICK, "--train.log_interval", "1", "--run_dir", tmp_path / "run"]
    streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    training = subprocess.Popen(
        [sys.executable, "-c", code, *options], env=ENVIRONMENT, start_new_session=True, **streams
    )
    os.close(theirs)
    shown = []
    reader = threading.Thread(target=lambda: shown.append(begun(lambda: os.read(ours, 4096).decode())))
    reader.start()
    try:
        wait_for(tmp_path / "run" / "metrics.jsonl")
        reader.join(timeout=60)
        assert shown
        os.close(ours)
        assert training.wait(timeout=120) == 128 + signal.SIGHUP
    finally:
        training.kill()
    (saved,) = steps_of(tmp_path / "run")
    last = read_metrics(RunFolder(tmp_path / "run"))[-1]["step"]
    assert saved == f"step_{last:08d}", "the very step that it stops at"


@pytest.mark.slow
def test_commands_run_in_jupyter_whose_interrupt_saves_a_checkpoint(tmp_path):
    run = tmp_path / "run"
    arguments = [*QUICK, "--train.log_interval", "1", "--run_dir", str(run)]
    cells = [
        "from tf_gradsr.__main__ import main\nmain(['models'])",
        "import os, signal, threading, time\n"
        "def interrupt():\n"
        f"    while not os.path.exists({str(run / 'metrics.jsonl')!r}):\n"
        "        time.sleep(0.1)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "threading.Thread(target=interrupt).start()\n"
        f"main(['train', *{arguments!r}])",
        "6 * 7",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=240, kernel_name="python3").execute()
    results = [
        [output["data"]["text/plain"] for output in cell.outputs if output.output_type == "execute_result"]
        for cell in notebook.cells
    ]
    assert results == [["0"], [str(128 + signal.SIGINT)], ["42"]]
    assert len(steps_of(run)) == 1


def shell(script, **options):
    return subprocess.run(
        ["bash", "-c", script, "bash", sys.executable],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        env=ENVIRONMENT,
        **options,
    )


def test_streams_that_nobody_reads_or_that_are_closed_or_full():
    result = shell(
        '"$1" -m tf_gradsr models 2>&1 | true; echo "pipe ${PIPESTATUS[0]}"\n'
        '"$1" -m tf_gradsr models >&- ; echo "closed $?"\n'
        '"$1" -m tf_gradsr models >&- 2>&- <&-; echo "all closed $?"\n'
        '"$1" -m tf_gradsr models --count 3 2>&- ; echo "no errors $?"\n'
        '"$1" -m tf_gradsr models > /dev/full; echo "full $?"\n'
    )
    assert result.stdout.splitlines() == ["pipe 0", "closed 0", "all closed 0", "no errors 2", "full 1"]
    assert result.stderr.startswith("gradsr models: error: disk full") and result.stderr.count("\n") == 1


class FullStream(io.StringIO):
    def write(self, text):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_bar_that_cannot_be_shown_is_no_reason_to_stop(monkeypatch):
    monkeypatch.setattr(sys, "stderr", FullStream())
    with ProgressBar(3, "step") as bar:
        for _ in range(3):
            bar.begin("Trying")
            bar.update()
    assert bar.disable
