"""The folder of the blocks: what it was begun with, and whether a command may go on with it."""

import json
from pathlib import Path

from tf_gradsr.errors import ConfigError, reason_of
from tf_gradsr.files import Kind, check_output, folder_of, json_text, replaced_when_complete
from tf_gradsr.many_pictures.block_files import delete
from tf_gradsr.run_lock import NAME as LOCK

RECORD = "_bulk.json"
_WITHIN = Kind("a block", lambda path: None if path.is_dir() else path)
BULK_FOLDER = folder_of(
    "what this command wrote",
    rf"block_\d+\.parquet|{RECORD}|\{LOCK}|\.partial-.+",
    folders={r"block_\d+": _WITHIN},
)


def check_folder(folder: Path, settings: dict, overwrite: bool) -> None:
    """Refuses a folder with other things in it, or with blocks of other pictures or other settings.

    Args:
        folder: path, which need not exist.
        settings: {name: value} of all that decides what is in which block, for JSON.
        overwrite: whether the blocks in it will be made anew.

    Raises:
        ConfigError: says what is in the way, or which setting differs, and the remedy.
    """
    stranger = BULK_FOLDER.stranger(folder) if folder.exists() else None
    if stranger:
        raise ConfigError(
            f"output: a folder of its own, new or with an earlier bulk's blocks; {stranger} is something "
            f"else. Received: {folder}"
        )
    # Only for whether it can be written.
    check_output(folder, True, BULK_FOLDER)
    if overwrite or not any(folder.glob("block_*")):
        return
    before = _read(folder / RECORD)
    for name, value in settings.items():
        if before.get(name) != value:
            raise ConfigError(
                f"{name}: {before.get(name)}, which the blocks in {folder} were begun with; or another "
                f"--output, or --overwrite to make them anew. Received: {value}"
            )


def begin_folder(folder: Path, settings: dict, overwrite: bool) -> None:
    """Writes _bulk.json into a folder that `check_folder` has found usable, and deletes blocks to make anew.

    Raises:
        OSError: it cannot be written.
    """
    if overwrite:
        # The record last: what a kill leaves can be gone on with.
        for path in folder.glob("block_*"):
            delete(path)
    with replaced_when_complete(folder / RECORD) as unfinished:
        unfinished.write_text(json_text(settings, indent=2) + "\n", encoding="utf-8")


def _read(record):
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"output: a folder whose {RECORD} says what its blocks are; another --output, or --overwrite to "
            f"make them anew. Received: {record.parent} ({reason_of(error)})"
        ) from error
    return found if isinstance(found, dict) else {}
