"""Runs commands as users do, in this process."""

from types import SimpleNamespace


def run_command(module, arguments, capsys) -> SimpleNamespace:
    """Runs a module's `main`; returns `status`, `out` and `err`."""
    try:
        status = module.main([str(argument) for argument in arguments])
    except SystemExit as stop:
        status = stop.code
    return SimpleNamespace(status=status, **capsys.readouterr()._asdict())


def refuses(result, text) -> bool:
    """Whether a command ended with status 2 and a single line that contains a text."""
    return result.status == 2 and text in result.err and len(result.err.splitlines()) == 1
