"""Runs commands as users do, in this process."""

from types import SimpleNamespace


def run_command(module, arguments, capsys) -> SimpleNamespace:
    """Runs a module's `main`; returns `status`, `out` and `err`."""
    status = status_of(module, arguments)
    return SimpleNamespace(status=status, **capsys.readouterr()._asdict())


def status_of(module, arguments) -> int:
    """Runs a module's `main`; returns its exit status."""
    try:
        return module.main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return stop.code


def refuses(result, text) -> bool:
    """Whether a command ended with status 2 and a single line that contains a text."""
    return result.status == 2 and text in result.err and len(result.err.splitlines()) == 1


def names_in(folder) -> list:
    """Names of the files and folders in a folder, sorted."""
    return sorted(path.name for path in folder.iterdir())
