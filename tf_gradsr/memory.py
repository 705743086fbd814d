"""How much memory this process can still take: a container's limit counts, not the memory of its host.

Linux kills a process that exceeds the limit of its control group without a word, so what would is refused
before. Version 1 (kernel documentation, cgroup-v1/memory) and version 2 (cgroup-v2) are read.
"""

from pathlib import Path
from typing import Iterator, Optional

import psutil

GIGABYTE = 1e9
# Version 1 writes "no limit" as the largest multiple of a page.
_NO_LIMIT = 2**60
# By version: the files of the limit and of what is used, and the counts of file pages that can be given back.
_FILES = {
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", ("total_inactive_file", "total_active_file")),
    2: ("memory.max", "memory.current", ("inactive_file", "active_file")),
}


class NotEnoughMemory(MemoryError):
    """Work would exceed the memory; the message is one line."""


def available_memory() -> int:
    """Bytes of memory that this process can take without swapping or being killed."""
    available = psutil.virtual_memory().available
    left = left_in_groups()
    return available if left is None else min(available, left)


def check_memory(needed: float, purpose: str, remedy: str = "") -> None:
    """Refuses work that would exceed the memory.

    Args:
        needed: bytes. purpose: what for. remedy: what makes it smaller.

    Raises:
        NotEnoughMemory: less is available.
    """
    available, left = psutil.virtual_memory().available, left_in_groups()
    limited = left is not None and left < available
    available = left if limited else available
    if needed > available:
        whose = " within the limit of this container" if limited else ""
        raise NotEnoughMemory(
            f"memory: {needed / GIGABYTE:.1f} GB for {purpose}{f'; {remedy}' if remedy else ''}. "
            f"Received: {available / GIGABYTE:.1f} GB free{whose}"
        )


def left_in_groups(proc=Path("/proc/self")) -> Optional[int]:
    """Bytes left within the limits of this process's control groups; None if there is no limit.

    Args:
        proc: the process's folder in /proc.
    """
    left = []
    try:
        for version, folder in _group_folders(proc):
            found = _left_in(folder, *_FILES[version])
            if found is not None:
                left.append(found)
    # Not Linux, or a /proc that is hidden or strange: there is no limit that can be known.
    except (OSError, ValueError, IndexError):
        pass
    return min(left, default=None)


def _group_folders(proc: Path) -> Iterator[tuple]:
    """(version, folder) of the process's memory groups and of all groups that they are in."""
    for line in (proc / "cgroup").read_text(encoding="utf-8", errors="replace").splitlines():
        _, controllers, group = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        version = 1 if controllers else 2
        for root, place in _mounted(proc, version):
            # A container may see its group's folder as the root of all, under the name that its host knows.
            within = group.removeprefix(root) if group.startswith(root) else ""
            # A group outside of what the container sees is written with "..".
            folder = place if ".." in within.split("/") else place / within.strip("/")
            while True:
                yield version, folder
                if folder == place or place not in folder.parents:
                    break
                folder = folder.parent


def _mounted(proc: Path, version: int) -> Iterator[tuple]:
    """(group that is the root there, path) of each place where the memory groups of a version are mounted."""
    for line in (proc / "mountinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        first, _, second = line.partition(" - ")
        kind, _, options = second.split(" ", 2)
        if kind == "cgroup2" if version == 2 else kind == "cgroup" and "memory" in options.split(","):
            root, place = first.split(" ")[3:5]
            yield root.rstrip("/"), Path(place.encode().decode("unicode_escape"))


def _left_in(folder: Path, limit_file: str, usage_file: str, reclaimable: tuple) -> Optional[int]:
    """Bytes left in one group; None if it has no limit."""
    try:
        limit = (folder / limit_file).read_text().strip()
        if limit == "max" or int(limit) >= _NO_LIMIT:
            return None
        used = int((folder / usage_file).read_text())
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None
    # Pages of files that were read can be dropped at any time.
    return max(int(limit) - used + sum(int(stat.get(name, 0)) for name in reclaimable), 0)
