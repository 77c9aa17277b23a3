"""Models from the Hub, with a library that answers from memory: nothing touches the network."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from llmcalc_core import ModelConfig, find_model, model_from_hub

QWEN3_8B = {
    "model_type": "qwen3", "vocab_size": 151936, "hidden_size": 4096, "num_hidden_layers": 36,
    "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
    "intermediate_size": 12288, "max_position_embeddings": 40960,
}  # fmt: skip
FILES: dict[tuple[str, str | None], dict[str, Any]] = {
    ("Qwen/Qwen3-8B", None): {"config.json": QWEN3_8B},
    ("Qwen/Qwen3-8B", "old"): {"config.json": {**QWEN3_8B, "num_hidden_layers": 35}},
    ("Qwen/Qwen3-8B", "offline"): {"config.json": QWEN3_8B},
    ("Qwen/Qwen3-8B", "cached"): {"config.json": QWEN3_8B, "hf_quant_config.json": {}},
    ("Qwen/weights-alone", None): {},
    ("nvidia/Qwen3-8B-NVFP4", None): {
        "config.json": QWEN3_8B,
        "hf_quant_config.json": {
            "quantization": {"quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8"}
        },
    },
}


class EntryNotFoundError(Exception):
    """A repository has no such file."""


class TransportError(Exception):
    """What a client of HTTP raises; in httpx it is no OSError."""


class HfHubHTTPError(TransportError, OSError):
    """The Hub answers, and gives nothing."""


class LocalEntryNotFoundError(FileNotFoundError, EntryNotFoundError):
    """There is no such file here, and the network does not answer."""


@pytest.fixture(autouse=True)
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Put a library in place that has the files above, each repository in a folder of a hash."""

    def hf_hub_url(repo_id: str, filename: str, *, revision: str | None = None) -> str:
        if "/" not in repo_id:
            msg = f"Repo id must be in the form 'namespace/repo_name': {repo_id!r}"
            raise ValueError(msg)
        return f"{repo_id} {revision or ''} {filename}"

    def get_hf_file_metadata(address: str, *, timeout: float) -> None:
        repo_id, revision, filename = address.split(" ")
        assert 0 < timeout < 5
        if revision in {"busy", "cached"}:
            msg = "503 Server Error"
            raise HfHubHTTPError(msg)
        if revision == "offline":
            msg = "cannot connect"
            raise TransportError(msg)
        if (repo_id, revision or None) not in FILES:
            msg = "401 Client Error: Repository Not Found"
            raise HfHubHTTPError(msg)
        if filename not in FILES[repo_id, revision or None]:
            raise EntryNotFoundError(filename)

    def hf_hub_download(
        repo_id: str, filename: str, *, revision: str | None, local_files_only: bool
    ) -> str:
        answers = revision not in {"busy", "cached", "offline"} and "9" not in repo_id
        assert local_files_only != (answers and "/" in repo_id), "a download tries again and again"
        if filename not in FILES.get((repo_id, revision), {}):
            raise LocalEntryNotFoundError(filename)
        folder = tmp_path / f"{hash((repo_id, revision)):x}"
        folder.mkdir(exist_ok=True)
        (folder / filename).write_text(json.dumps(FILES[repo_id, revision][filename]))
        return str(folder / filename)

    library, errors = ModuleType("huggingface_hub"), ModuleType("huggingface_hub.errors")
    vars(library).update(
        hf_hub_url=hf_hub_url,
        get_hf_file_metadata=get_hf_file_metadata,
        hf_hub_download=hf_hub_download,
        errors=errors,
    )
    vars(errors).update(
        EntryNotFoundError=EntryNotFoundError,
        HfHubHTTPError=HfHubHTTPError,
        LocalEntryNotFoundError=LocalEntryNotFoundError,
    )
    monkeypatch.setitem(sys.modules, "huggingface_hub", library)
    monkeypatch.setitem(sys.modules, "huggingface_hub.errors", errors)


def test_a_model_is_read_under_its_id() -> None:
    assert model_from_hub("Qwen/Qwen3-8B") == find_model("Qwen/Qwen3-8B")
    assert model_from_hub("Qwen/Qwen3-8B", revision="old").num_decoder_layers == 35
    assert ModelConfig.from_hub("Qwen/Qwen3-8B", revision="old").num_decoder_layers == 35


def test_the_quantisation_beside_is_read_too() -> None:
    found = model_from_hub("nvidia/Qwen3-8B-NVFP4")
    assert found.model == "nvidia/Qwen3-8B-NVFP4"
    assert found.precision.label == "fp4"


@pytest.mark.parametrize(
    ("model", "why"),
    [("Qwen/Qwen9-8B", "Repository Not Found"), ("Qwen3-8B", "must be in the form")],
)
def test_what_the_hub_does_not_give_is_said(model: str, why: str) -> None:
    with pytest.raises(ValueError, match=rf"cannot fetch the config\.json of '{model}' .*{why}"):
        model_from_hub(model)


def test_a_busy_hub_is_said_at_once_unless_the_files_are_here() -> None:
    with pytest.raises(ValueError, match=r"cannot fetch the config\.json .*: 503 Server Error"):
        model_from_hub("Qwen/Qwen3-8B", revision="busy")
    assert model_from_hub("Qwen/Qwen3-8B", revision="cached").num_decoder_layers == 36


def test_whether_it_is_quantised_is_not_guessed_without_a_network() -> None:
    with pytest.raises(ValueError, match=r"cannot fetch the hf_quant_config\.json"):
        model_from_hub("Qwen/Qwen3-8B", revision="offline")


def test_a_repository_without_a_configuration_is_refused() -> None:
    with pytest.raises(ValueError, match=r"has no config\.json"):
        model_from_hub("Qwen/weights-alone")


def test_without_the_library_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"pip install 'llmcalc-planner\[hub\]'"):
        model_from_hub("Qwen/Qwen3-8B")


def test_importing_the_core_does_not_import_the_library() -> None:
    assert "huggingface_hub" not in vars(sys.modules["llmcalc_core.hub.models"])
