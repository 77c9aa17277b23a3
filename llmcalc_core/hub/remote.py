"""Headers of a checkpoint on the Hugging Face Hub, by requests of the first bytes of its files."""

from __future__ import annotations

import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory

from llmcalc_core.hub.checkpoints import held
from llmcalc_core.hub.gguf_checkpoint import described, gguf_files, is_gguf
from llmcalc_core.hub.gguf_file import parse_gguf_header
from llmcalc_core.hub.headers import Tensor, indexed_files, parse_header
from llmcalc_core.hub.reader import read_hf_config
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.shown import shortened

_TIMEOUT_S = 4.0
"""Longest wait for an answer, and for each part of it [s]: nothing is asked for twice."""

_FIRST_BYTES = 2**18
"""Bytes of a file that are asked for first: nearly every header is shorter."""

_MOST_BYTES = 2**26
_AT_ONCE = 16
_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")
_INDEX, _WHOLE = "model.safetensors.index.json", "model.safetensors"
_CONFIG, _QUANTISATION = "config.json", "hf_quant_config.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A model's repository on a hub.

    Attributes
    ----------
    endpoint : str
        Address of the hub.
    model : str
        Hugging Face id.
    revision : str
        Branch, tag or commit.
    token : str or None
        Who asks.
    """

    endpoint: str
    model: str
    revision: str = "main"
    token: str | None = None

    def __post_init__(self) -> None:
        """Check the id, which becomes a part of addresses."""
        if not _ID.fullmatch(self.model):
            msg = f"model must be a Hugging Face id such as 'Qwen/Qwen3-8B', got {self.model!r}"
            raise ValueError(shortened(msg))

    def read(self, name: str, start: int, length: int) -> bytes | None:
        """Ask for some bytes of a file; None where there is no such file.

        Raises
        ------
        ValueError
            If the hub does not give it in time.
        """
        parts = (self.model, "resolve", self.revision, name)
        address = "/".join(urllib.parse.quote(part, safe="/") for part in parts)
        request = urllib.request.Request(f"{self.endpoint}/{address}")  # noqa: S310 - checked below
        if request.type not in ("http", "https"):
            msg = f"the address of the Hugging Face Hub must be of http, got {self.endpoint!r}"
            raise ValueError(msg)
        request.add_header("Range", f"bytes={start}-{start + length - 1}")
        if self.token:
            request.add_unredirected_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
                skipped = 0 if answer.status == HTTPStatus.PARTIAL_CONTENT else start
                answer.read(skipped)
                found: bytes = answer.read(length)
                return found
        except urllib.error.HTTPError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return None
            if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                return b""
            reason: object = f"{error.code} {error.reason}"
        except (OSError, ValueError, HTTPException) as error:
            reason = error
        msg = f"cannot fetch the {name} of {self.model!r} from the Hugging Face Hub: {reason}"
        raise ValueError(shortened(msg))

    def whole(self, name: str) -> bytes | None:
        """Ask for a small file; None where there is none of that name."""
        return self.read(name, 0, _MOST_BYTES)

    def needed(self, name: str, start: int, length: int) -> bytes:
        """Ask for some bytes of a file that must be there.

        Raises
        ------
        ValueError
            If it is not, or the hub does not give it in time.
        """
        found = self.read(name, start, length)
        if found is None:
            msg = f"{self.model!r} has no {name[-120:]} on the Hugging Face Hub"
            raise ValueError(msg)
        return found

    def beginning(self, name: str) -> Callable[[int, int], bytes]:
        """Give a function that reads a file, whose first bytes are asked for at once.

        Raises
        ------
        ValueError
            If there is no such file.
        """
        first = self.needed(name, 0, _FIRST_BYTES)

        def read(start: int, length: int) -> bytes:
            if start + length <= len(first) or len(first) < _FIRST_BYTES:
                return first[start : start + length]
            return self.needed(name, start, length)

        return read


def checkpoint_on_hub(repository: Repository, weights: str = "") -> ModelConfig:
    """Read a model on the Hub, and hold it against the headers of its weights.

    Parameters
    ----------
    repository : Repository
        Where it is.
    weights : str, optional
        A GGUF file of it, which is then all that is read; else its safetensors.

    Returns
    -------
    ModelConfig
        As :func:`llmcalc_core.hub.checkpoints.read_checkpoint` reads a folder.

    Raises
    ------
    ValueError
        If the Hub does not give a file, or weights are not those of the description.
    """
    if weights:
        return replace(_gguf(repository, weights), model=repository.model)
    with TemporaryDirectory() as folder:
        for name in (_CONFIG, _QUANTISATION):
            content = repository.whole(name)
            if content is not None:
                Path(folder, name).write_bytes(content)
            elif name == _CONFIG:
                msg = f"{repository.model!r} has no config.json on the Hugging Face Hub"
                raise ValueError(msg)
        config = replace(read_hf_config(folder), model=repository.model)
        try:
            return held(config, Path(folder), remote_tensors(repository))
        except ValueError as error:
            raise ValueError(shortened(str(error))) from None


def remote_tensors(repository: Repository) -> tuple[Tensor, ...]:
    """Read the headers of all files of safetensors that the index names, or of the only one."""
    index = repository.whole(_INDEX)
    names = [_WHOLE] if index is None else indexed_files(index, _INDEX)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = pool.map(partial(_header, repository), names)
        return tuple(tensor for own in found for tensor in own)


def _header(repository: Repository, name: str) -> tuple[Tensor, ...]:
    return parse_header(repository.beginning(name), name)


def _gguf(repository: Repository, weights: str) -> ModelConfig:
    if not is_gguf(Path(weights)):
        msg = f"weights must be True or False, or the name of a GGUF file, got {weights!r}"
        raise ValueError(shortened(msg))
    files = [str(path) for path in gguf_files(Path(weights))]
    try:
        headers = [
            (name, parse_gguf_header(partial(repository.needed, name), name)) for name in files
        ]
        return described(headers)
    except ValueError as error:
        raise ValueError(shortened(str(error))) from None
