"""Headers of weights on a hub, asked for in ranges: a server of this machine stands for the Hub."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType, SimpleNamespace

import pytest

from llmcalc_core import ModelConfig
from tests.core.hub.gguf_files import content, llama
from tests.core.hub.quantised_files import (
    CONFIG,
    awq,
    header,
    tensors,
    written,
)

STATED = {"quant_method": "awq", "bits": 4, "group_size": 128}


class Hub(ThreadingHTTPServer):
    """Files by their address, what was asked for, and the answer to all where it is no file."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str | None, str | None]] = []
        self.status = 0
        self.wait_s = 0.0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def put(self, name: str, held: bytes, *, model: str = "a/b", revision: str = "main") -> None:
        self.files[f"/{model}/resolve/{revision}/{name}"] = held


class _Answers(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        asked, token = self.headers["Range"], self.headers["Authorization"]
        self.server.asked.append((self.path, asked, token))
        time.sleep(self.server.wait_s)
        held = self.server.files.get(self.path)
        if self.server.status or held is None:
            self.send_error(self.server.status or 404)
            return
        start, end = (int(one) for one in asked.removeprefix("bytes=").split("-"))
        self.send_response(206)
        self.end_headers()
        self.wfile.write(held[start : end + 1])

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    server = Hub()
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    library = ModuleType("huggingface_hub")
    vars(library).update(
        constants=SimpleNamespace(ENDPOINT=server.endpoint), get_token=lambda: "secret"
    )
    monkeypatch.setitem(sys.modules, "huggingface_hub", library)
    monkeypatch.setitem(sys.modules, "huggingface_hub.errors", ModuleType("errors"))
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def put_checkpoint(hub: Hub, folder: Path, *, files: int = 2) -> None:
    """Put a quantised checkpoint of several files, each with weights of 1 MB after its header."""
    entries = list(tensors(lambda _name, _layer: awq(128)).items())
    places = {}
    for number in range(files):
        name = f"model-{number}.safetensors"
        own = dict(entries[number::files])
        header(folder / name, own)
        places |= dict.fromkeys(own, name)
        hub.put(name, (folder / name).read_bytes() + bytes(10**6))
    hub.put("model.safetensors.index.json", json.dumps({"weight_map": places}).encode())
    hub.put("config.json", json.dumps({**CONFIG, "quantization_config": STATED}).encode())


def test_headers_alone_are_fetched(hub: Hub, tmp_path: Path) -> None:
    put_checkpoint(hub, tmp_path)
    found = ModelConfig.from_hub("a/b", weights=True)
    whole = written(tmp_path, tensors(lambda _name, _layer: awq(128)), quantization_config=STATED)
    for part in tmp_path.glob("model-*"):
        part.unlink()
    here = ModelConfig.from_checkpoint(whole)
    assert found.model == "a/b"
    assert (found.precision, found.parameters) == (here.precision, here.parameters)
    ranges = [asked for path, asked, _ in hub.asked if path.endswith(".safetensors")]
    assert ranges == ["bytes=0-262143"] * 2
    assert {token for *_, token in hub.asked} == {"Bearer secret"}


def test_a_long_header_takes_a_second_request(hub: Hub, tmp_path: Path) -> None:
    entries = tensors(lambda _name, _layer: awq(128))
    header(tmp_path / "long", entries | {"x" * 300_000 + ".input_scale": ("F32", [])})
    hub.put("model.safetensors", (tmp_path / "long").read_bytes() + bytes(100))
    hub.put("config.json", json.dumps({**CONFIG, "quantization_config": STATED}).encode())
    assert ModelConfig.from_hub("a/b", weights=True).num_decoder_layers == 2
    assert sum(path.endswith("/model.safetensors") for path, *_ in hub.asked) == 2


def test_a_difference_is_shown_as_for_a_folder(hub: Hub, tmp_path: Path) -> None:
    put_checkpoint(hub, tmp_path)
    wrong = {**CONFIG, "num_hidden_layers": 3, "quantization_config": STATED}
    hub.put("config.json", json.dumps(wrong).encode())
    with pytest.raises(ValueError, match=r"the weights have 2 layers, config\.json 3"):
        ModelConfig.from_hub("a/b", weights=True)


def test_a_gguf_file_by_its_name_and_revision(hub: Hub) -> None:
    hub.put("Q4/a-Q4_K_M.gguf", content(*llama()) + bytes(10**6), revision="old")
    config = ModelConfig.from_hub("a/b", revision="old", weights="Q4/a-Q4_K_M.gguf")
    assert config.model == "a/b"
    assert config.precision is not None
    assert config.precision.bits("weights") == 4.5
    assert len(hub.asked) == 1


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (True, r"'a/b' has no config\.json on the Hugging Face Hub"),
        ("a.gguf", r"'a/b' has no a\.gguf on the Hugging Face Hub"),
        ("a.bin", r"must be True or False, or the name of a GGUF file, got 'a\.bin'"),
    ],
)
def test_what_is_not_there_is_said(hub: Hub, weights, message: str) -> None:
    assert hub.files == {}
    with pytest.raises(ValueError, match=message):
        ModelConfig.from_hub("a/b", weights=weights)


@pytest.mark.parametrize("weights", [True, "a.gguf"])
def test_a_hub_that_is_down_is_said_within_five_seconds(hub: Hub, weights) -> None:
    hub.status = 503
    began = time.monotonic()
    with pytest.raises(ValueError, match=r"cannot fetch the .* of 'a/b' .* 503"):
        ModelConfig.from_hub("a/b", weights=weights)
    assert time.monotonic() - began < 5
    assert len(hub.asked) == 1


def test_a_hub_that_does_not_answer_is_said_within_five_seconds(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 1 < sys.modules["llmcalc_core.hub.remote"]._TIMEOUT_S < 5
    monkeypatch.setattr("llmcalc_core.hub.remote._TIMEOUT_S", 0.2)
    hub.wait_s = 0.6
    with pytest.raises(ValueError, match=r"cannot fetch the config\.json .*timed out"):
        ModelConfig.from_hub("a/b", weights=True)


def test_an_id_is_no_path(hub: Hub) -> None:
    with pytest.raises(ValueError, match="must be a Hugging Face id such as"):
        ModelConfig.from_hub("../etc", weights=True)
    assert not hub.asked
