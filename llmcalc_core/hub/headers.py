"""Names, shapes and types of the tensors of a checkpoint, from the headers of its files alone.

A file of safetensors begins with the length of its header in 8 bytes, then the header as JSON
(github.com/huggingface/safetensors, README, "Format"; read 2026-11-30). No weight is read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

_LENGTH_BYTES = 8
_LONGEST_HEADER = 2**25
"""Bytes of the longest header that is read: 250,000 tensors. The largest mixtures have 180,000 in
all files, and safetensors itself reads three times as many bytes."""

_MOST_SIDES, _MOST_ELEMENTS = 8, 2**48

_MOST_FILES = 10_000
_METADATA = "__metadata__"
_INDEX = ".safetensors.index.json"

TYPE_BITS = {
    "F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I64": 64, "I32": 32, "I16": 16, "I8": 8,
    "U64": 64, "U32": 32, "U16": 16, "U8": 8, "BOOL": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4, "C64": 64,
}  # fmt: skip
"""Bits of an element by the name that safetensors has for its type."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of a checkpoint.

    Attributes
    ----------
    name : str
        As the checkpoint calls it.
    shape : tuple of int
        Its sides [elements].
    type : str
        Of :data:`TYPE_BITS`.
    """

    name: str
    shape: tuple[int, ...]
    type: str

    @property
    def elements(self) -> int:
        """Numbers that it holds, packed ones as they are packed [elements]."""
        return prod(self.shape)

    @property
    def bytes(self) -> float:
        """Bytes that it takes [bytes]."""
        return self.elements * TYPE_BITS[self.type] / 8


def read_headers(source: str | Path) -> tuple[Tensor, ...]:
    """Read the headers of a checkpoint.

    Parameters
    ----------
    source : str or path
        A folder, its ``model.safetensors.index.json``, or one file of safetensors.

    Returns
    -------
    tuple of Tensor
        All tensors, by file.

    Raises
    ------
    ValueError
        For a file that is missing, cut short, or no safetensors.
    """
    return tuple(tensor for path in _files(Path(source)) for tensor in _tensors(path))


def _files(source: Path) -> list[Path]:
    """Give the files of a checkpoint: those that its index names, or all called model, or all."""
    if source.is_dir():
        indexes = sorted(source.glob(f"*{_INDEX}"))
        if indexes:
            return _files(indexes[0])
        every = sorted(source.glob("*.safetensors"))
        found = [one for one in every if one.name.startswith("model")] or every
        if not found:
            msg = f"{str(source)!r} must hold files of safetensors, and has none"
            raise ValueError(msg)
        return found
    if not source.name.endswith(_INDEX):
        return [source]
    names = indexed_files(_content(source), str(source))
    return [source.with_name(name) for name in names]


def indexed_files(index: bytes, name: str) -> list[str]:
    """Give the names of the files that an index says the tensors are in.

    Raises
    ------
    ValueError
        For what is no index, or names files elsewhere.
    """
    files = parsed_object(index, name).get("weight_map")
    if not isinstance(files, Mapping) or not all(isinstance(one, str) for one in files.values()):
        msg = f"{name!r} must have a weight_map of tensors to files"
        raise ValueError(msg)
    names = sorted(set(files.values()))
    if len(names) > _MOST_FILES or any(Path(one).name != one for one in names):
        msg = f"{name!r} must name at most {_MOST_FILES:,} files beside it"
        raise ValueError(msg)
    return names


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(_unread(path, error)) from None


def _unread(path: Path, error: OSError) -> str:
    return f"cannot read {str(path)!r}: {error.strerror or error}"


def parsed_object(text: bytes, name: str) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    ValueError
        For anything else, with the name of the file.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        return found
    msg = f"{name!r} must hold a JSON object"
    raise ValueError(msg)


def _tensors(path: Path) -> tuple[Tensor, ...]:
    """Read the header of one file."""
    try:
        with path.open("rb") as file:

            def read(start: int, length: int) -> bytes:
                file.seek(start)
                return file.read(length)

            return parse_header(read, str(path))
    except OSError as error:
        raise ValueError(_unread(path, error)) from None


def parse_header(read: Callable[[int, int], bytes], name: str) -> tuple[Tensor, ...]:
    """Read a header through a function that gives bytes from a place on, as many as there are.

    Parameters
    ----------
    read : callable
        Takes a start and a length [bytes].
    name : str
        Of the file, for messages.

    Returns
    -------
    tuple of Tensor
        In the order of the file.

    Raises
    ------
    ValueError
        For what is cut short, or no header of safetensors.
    """
    length = int.from_bytes(read(0, _LENGTH_BYTES), "little")
    if not 0 < length <= _LONGEST_HEADER:
        msg = f"{name!r} must begin as safetensors do, with the length of its header"
        raise ValueError(msg)
    header = read(_LENGTH_BYTES, length)
    if len(header) < length:
        msg = f"{name!r} is cut short: its header has {len(header):,} of {length:,} bytes"
        raise ValueError(msg)
    entries = parsed_object(header, name)
    return tuple(_tensor(one, entry, name) for one, entry in entries.items() if one != _METADATA)


def _tensor(name: str, entry: object, path: str) -> Tensor:
    values = entry if isinstance(entry, Mapping) else {}
    shape, kind = values.get("shape"), values.get("dtype")
    sides = isinstance(shape, list) and all(type(one) is int and one >= 0 for one in shape)
    if not isinstance(shape, list) or not sides or not isinstance(kind, str):
        msg = f"{path!r}: the tensor {name[:80]!r} must have a dtype and a shape"
        raise ValueError(msg)
    if kind not in TYPE_BITS:
        msg = f"{path!r}: the tensor {name[:80]!r} has a dtype that is not known: {kind[:40]!r}"
        raise ValueError(msg)
    if len(shape) > _MOST_SIDES or prod(shape) > _MOST_ELEMENTS:
        msg = (
            f"{path!r}: the tensor {name[:80]!r} must have at most {_MOST_SIDES} sides and "
            "2**48 elements"
        )
        raise ValueError(msg)
    return Tensor(name, tuple(shape), kind)
