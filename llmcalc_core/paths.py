"""Whether a path is that of a file, whatever text or object it is."""

from __future__ import annotations

from os import PathLike
from pathlib import Path


def is_file(path: str | PathLike[str]) -> bool:
    """Say whether a file is there; not so of a name that no file system takes.

    Examples
    --------
    >>> is_file("a" * 10_000)
    False
    """
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False
