"""Metadata and tensor table of a GGUF file, from its header alone.

The format is that of docs/gguf.md in github.com/ggml-org/ggml (versions 2 and 3; read 2026-12-01):
a magic word, a version, the number of tensors and of pairs; pairs of a name, a type and a value;
then of every tensor its name, sides, type and offset. No weight is read, and of a list longer than
a model is deep (a vocabulary) only how long it is.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import NoReturn

from llmcalc_core.gguf import GGML_TYPES, GgmlType

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_FIRST_BYTES = 2**20
_LONGEST_HEADER = 2**25
"""Bytes of the longest header that is read: the largest vocabularies take 20 million."""

_MOST_PAIRS, _MOST_TENSORS, _MOST_WORDS = 10_000, 20_000, 2**20
_LONGEST_NAME, _MOST_SIDES, _LARGEST_SIDE = 512, 4, 2**40
_MOST_KEPT = 4096
"""Entries of a list that is kept: more than a model has layers."""

_TEXT, _LIST = 8, 9
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q",
            12: "d"}  # fmt: skip

Value = int | float | bool | str | tuple[int | float | bool, ...]
"""A value of the metadata that is kept."""


@dataclass(frozen=True, slots=True)
class Omitted:
    """A list that is not kept.

    Attributes
    ----------
    length : int
        Its entries.
    """

    length: int


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """A tensor of a GGUF file.

    Attributes
    ----------
    name : str
        As the file calls it, such as ``blk.0.attn_q.weight``.
    shape : tuple of int
        Its sides, the innermost first, as the file has them [elements].
    type : GgmlType
        What it is stored in.
    """

    name: str
    shape: tuple[int, ...]
    type: GgmlType

    @property
    def elements(self) -> int:
        """Numbers that it holds [elements]."""
        return prod(self.shape)

    @property
    def bytes(self) -> float:
        """Bytes that it takes [bytes]."""
        return self.elements // self.type.block * self.type.block_bytes


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a GGUF file says before its weights.

    Attributes
    ----------
    metadata : dict
        Values by name.
    tensors : tuple of GgufTensor
        In the order of the file.
    """

    metadata: dict[str, Value | Omitted]
    tensors: tuple[GgufTensor, ...]


def read_gguf_header(path: Path) -> GgufHeader:
    """Read the header of one file.

    Raises
    ------
    ValueError
        For a file that is missing, cut short, of another kind, or larger than any model's.
    """
    try:
        with path.open("rb") as file:

            def read(start: int, length: int) -> bytes:
                file.seek(start)
                return file.read(length)

            return parse_gguf_header(read, path.name)
    except OSError as error:
        msg = f"cannot read {str(path)!r}: {error.strerror or error}"
        raise ValueError(msg) from None


def parse_gguf_header(read: Callable[[int, int], bytes], name: str) -> GgufHeader:
    """Read a header through a function that gives bytes from a place on, as many as there are.

    Parameters
    ----------
    read : callable
        Takes a start and a length [bytes].
    name : str
        Of the file, for messages.

    Returns
    -------
    GgufHeader
        Metadata and tensors.

    Raises
    ------
    ValueError
        For anything that is no header of GGUF, or has more of something than any model.
    """
    source = _Source(read, name)
    if source.bytes(4) != _MAGIC:
        source.refuse("must begin with the letters GGUF")
    version = source.number("I")
    if version > 2**16:
        source.order, version = ">", int.from_bytes(version.to_bytes(4, "little"), "big")
    if version not in _VERSIONS:
        source.refuse(f"must be of version 2 or 3 of GGUF, got {version}")
    tensors = source.count("tensors", _MOST_TENSORS)
    pairs = source.count("pairs of metadata", _MOST_PAIRS)
    metadata: dict[str, Value | Omitted] = {}
    for _ in range(pairs):
        key = source.text(_LONGEST_NAME)
        metadata[key] = source.value(source.number("I"))
    return GgufHeader(metadata, tuple(_tensor(source) for _ in range(tensors)))


def _tensor(source: _Source) -> GgufTensor:
    name = source.text(_LONGEST_NAME)
    sides = source.number("I")
    if not 0 < sides <= _MOST_SIDES:
        source.refuse(f"the tensor {name[:80]!r} must have 1 to {_MOST_SIDES} sides, got {sides}")
    shape = tuple(int(side) for side in source.numbers("Q", sides))
    number = source.number("I")
    source.number("Q")
    kind = GGML_TYPES.get(number)
    if kind is None:
        source.refuse(f"the tensor {name[:80]!r} has a type that is not known: {number}")
    if prod(shape) > _LARGEST_SIDE or shape[0] % kind.block:
        source.refuse(
            f"the tensor {name[:80]!r} must have rows of whole blocks of {kind.block} and at most "
            f"2**40 elements, got {' x '.join(map(str, shape))}"
        )
    return GgufTensor(name, shape, kind)


class _Source:
    """The bytes of a header, fetched as they are needed, and the place that is read."""

    def __init__(self, read: Callable[[int, int], bytes], name: str) -> None:
        self.order = "<"
        self._read, self._name = read, name
        self._held, self._at = b"", 0
        self._words = 0

    def refuse(self, rule: str) -> NoReturn:
        """Refuse the file.

        Raises
        ------
        ValueError
            Always.
        """
        msg = f"{self._name[-120:]!r} {rule}"
        raise ValueError(msg)

    def _until(self, end: int) -> None:
        """Hold the bytes up to a place."""
        if end <= len(self._held):
            return
        if end > _LONGEST_HEADER:
            self.refuse(f"must have a header of at most {_LONGEST_HEADER:,} bytes")
        start = len(self._held)
        wanted = min(max(end, 2 * start, _FIRST_BYTES), _LONGEST_HEADER)
        self._held += self._read(start, wanted - start)
        if end > len(self._held):
            self.refuse(f"is cut short: its header ends after {len(self._held):,} bytes")

    def bytes(self, length: int) -> bytes:
        """Read so many bytes."""
        end = self._at + length
        self._until(end)
        found, self._at = self._held[self._at : end], end
        return found

    def numbers(self, kind: str, count: int) -> tuple[int, ...]:
        """Read so many numbers of a kind of :mod:`struct`."""
        layout = f"{self.order}{count}{kind}"
        return struct.unpack(layout, self.bytes(struct.calcsize(layout)))

    def number(self, kind: str) -> int:
        """Read one."""
        return self.numbers(kind, 1)[0]

    def count(self, what: str, most: int) -> int:
        """Read how many of something there are."""
        found = self.number("Q")
        if found > most:
            self.refuse(f"must have at most {most:,} {what}, got {found:,}")
        return found

    def text(self, longest: int = _LONGEST_HEADER) -> str:
        """Read a text."""
        length = self.number("Q")
        if length > longest:
            self.refuse(f"has a text of {length:,} bytes, more than {longest:,}")
        return self.bytes(length).decode("utf-8", "replace")

    def value(self, kind: int) -> Value | Omitted:
        """Read a value of a type by its number."""
        if kind == _LIST:
            return self._list()
        if kind == _TEXT:
            return self.text()
        if kind not in _NUMBERS:
            self.refuse(f"has a value of a type that is not known: {kind}")
        return self.number(_NUMBERS[kind])

    def _list(self) -> Value | Omitted:
        kind, length = self.number("I"), self.number("Q")
        if length > _LONGEST_HEADER:
            self.refuse(f"has a list of {length:,} entries, more than {_LONGEST_HEADER:,}")
        if kind == _TEXT:
            self._skip_texts(length)
            return Omitted(length)
        if kind not in _NUMBERS:
            self.refuse(f"has a list of a type that is not known: {kind}")
        if length <= _MOST_KEPT:
            return self.numbers(_NUMBERS[kind], length)
        self._at += length * struct.calcsize(f"={_NUMBERS[kind]}")
        self._until(self._at)
        return Omitted(length)

    def _skip_texts(self, length: int) -> None:
        self._words += length
        if self._words > _MOST_WORDS:
            self.refuse(f"has {self._words:,} words in lists, more than {_MOST_WORDS:,}")
        size, at = struct.Struct(f"{self.order}Q").unpack_from, self._at
        held = len(self._held)
        for _ in range(length):
            if at + 8 > held:
                self._until(at + 8)
                held = len(self._held)
            at += 8 + size(self._held, at)[0]
            if at > _LONGEST_HEADER:
                self.refuse(f"must have a header of at most {_LONGEST_HEADER:,} bytes")
        self._until(at)
        self._at = at
