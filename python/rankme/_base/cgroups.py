"""How many processors the control groups of this process let it use."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Quota", "cpu_quota"]


class Quota(NamedTuple):
    """Processor time per time, and the file that says so."""

    cpus: float
    path: str


class _Mount(NamedTuple):
    """A hierarchy of groups: which part of it is seen, and where."""

    version: int
    root: PurePosixPath
    point: PurePosixPath


def cpu_quota(root: Path = Path("/")) -> Quota | None:
    """Return the smallest quota of the process's group and the groups around it; None without one.

    ``cpu.max`` of control groups of version 2, ``cpu.cfs_quota_us`` over ``cpu.cfs_period_us`` of
    version 1, whichever are mounted. What cannot be read sets no limit.

    Parameters
    ----------
    root : Path
        Where ``/proc`` and the mounts are looked for.
    """
    groups = _groups(_text(root / "proc/self/cgroup"))
    found = [
        quota
        for mount in _mounts(_text(root / "proc/self/mountinfo"))
        if mount.version in groups
        for folder in _folders(mount, groups[mount.version])
        if (quota := _quota(root, mount.version, folder)) is not None
    ]
    return min(found, default=None)


def _text(path: Path) -> str:
    """Return the text of a file, or none where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def _groups(text: str) -> dict[int, PurePosixPath]:
    """Return the group of the process by version: of ``ID:CONTROLLERS:PATH``, a line each."""
    groups = {}
    for line in text.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            groups[2] = PurePosixPath(path)
        elif "cpu" in controllers.split(","):
            groups[1] = PurePosixPath(path)
    return groups


def _mounts(text: str) -> Iterator[_Mount]:
    """Yield the hierarchies that limit processors; proc(5) has the columns."""
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        places, kinds = before.split(" "), after.split(" ")
        if len(places) < 5 or len(kinds) < 3:  # noqa: PLR2004
            continue
        root, point = (PurePosixPath(_unescaped(places[i])) for i in (3, 4))
        if kinds[0] == "cgroup2":
            yield _Mount(2, root, point)
        elif kinds[0] == "cgroup" and "cpu" in kinds[2].split(","):
            yield _Mount(1, root, point)


def _unescaped(name: str) -> str:
    r"""Return a name of mountinfo, in which ``\040`` stands for a space."""
    for code in ("040", "011", "012", "134"):
        name = name.replace(f"\\{code}", chr(int(code, 8)))
    return name


def _folders(mount: _Mount, group: PurePosixPath) -> Iterator[PurePosixPath]:
    """Yield the group's folder and those of the groups around it, as far as they are mounted."""
    # In a container the group may be named as the host sees it, or from where the container begins;
    # what is mounted is then the group itself.
    inside = group.relative_to(mount.root) if group.is_relative_to(mount.root) else PurePosixPath()
    if ".." in inside.parts:
        inside = PurePosixPath()
    yield mount.point / inside
    for around in inside.parents:
        yield mount.point / around


def _quota(root: Path, version: int, folder: PurePosixPath) -> Quota | None:
    """Return what one group allows; None where it sets no limit."""
    name = "cpu.max" if version == 2 else "cpu.cfs_quota_us"  # noqa: PLR2004
    place = root / folder.relative_to("/")
    numbers = _text(place / name).split()
    if version == 1:
        numbers += _text(place / "cpu.cfs_period_us").split()
    try:
        quota, period = (int(number) for number in numbers)
    except ValueError:  # "max", or a kernel without it
        return None
    if quota <= 0 or period <= 0:
        return None
    return Quota(quota / period, str(folder / name))
