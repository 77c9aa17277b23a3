"""Mutations of every kind of file that the project reads, and who reads it."""

from __future__ import annotations

import copy
import json
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import llmcalc_core
from llmcalc_core.hub.reader import read_hf_config
from tests.hunt.junk import nested

ROOT = Path(__file__).parents[2]
JUNK: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 3, 0.5, -0.5, 1e308, float("inf"), float("nan"), 2**31, 2**63,
    10**30, "", "x", "auto", "7", "=1+1", "a" * 5000, "re:(a+)+$", "re:[", "*" * 300, [], [[]],
    [1, [2]], [{}], {}, {"a": 1}, [None], ["x"], [True], [1.5], [0] * 20_000, ["a" * 1000] * 50,
    {str(one): {} for one in range(999)}, nested(150), "nan", "1e400", "\ud800", "\x00",
)  # fmt: skip
CELLS = (
    "", "0", "-1", "nan", "inf", "1e400", "x", "=1+1", '"', "a" * 3000, "true", "1,5", "\x00",
    "[" * 900, "9" * 400, "None", "1e-308",
)  # fmt: skip
CONFIG: dict[str, Any] = {
    "model_type": "llama", "vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 1,
    "num_attention_heads": 4, "intermediate_size": 48, "tie_word_embeddings": True,
}  # fmt: skip
SHAPES = {
    "model.embed_tokens.weight": (64, 32),
    "model.norm.weight": (32,),
    **{f"model.layers.0.{name}_layernorm.weight": (32,) for name in ("input", "post_attention")},
    **{f"model.layers.0.self_attn.{name}_proj.weight": (32, 32) for name in "qkvo"},
    **{f"model.layers.0.mlp.{name}_proj.weight": (48, 32) for name in ("gate", "up")},
    "model.layers.0.mlp.down_proj.weight": (32, 48),
}
BENCHMARKS: tuple[dict[str, Any], ...] = (
    {
        "model_id": "meta-llama/Llama-3.1-8B", "max_concurrency": 16, "completed": 200,
        "total_input_tokens": 200_000, "total_output_tokens": 40_000, "mean_ttft_ms": 210.0,
        "mean_tpot_ms": 9.4, "tokenizer_id": "x", "duration": 30.0, "request_throughput": 6.0,
    },
    {
        "backend": "sglang", "model": "llama", "completed": 20, "total_input_tokens": 200,
        "total_output_tokens": 40, "mean_ttft_ms": 2.0, "mean_tpot_ms": 9.4, "concurrency": 3.0,
        "duration": 3.0,
    },
)  # fmt: skip
LOG = """INFO 09-10 [gpu_model_runner.py:2392] Model loading took 14.9889 GiB and 12.1 seconds
INFO 09-10 [gpu_worker.py:298] Available KV cache memory: 51.38 GiB
INFO 09-10 [kv_cache_utils.py:864] GPU KV cache size: 420,912 tokens
INFO 09-10 [kv_cache_utils.py:868] Maximum concurrency for 16,000 tokens per request: 26.31x
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: how one is mutated, and read."""

    mutate: Callable[[random.Random], Any]
    read: Callable[[Any, Path], object]


def changed(values: Any, chance: random.Random, names: tuple[str, ...] = ()) -> Any:
    """Change, add or leave out some values of what a JSON file holds, at any depth."""
    values = copy.deepcopy(values)
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        place = values
        while True:
            below = [one for one in places(place) if isinstance(place[one], (dict, list))]
            if not below or chance.random() < 0.4:
                break
            place = place[chance.choice(below)]
        known = places(place)
        if isinstance(place, dict) and chance.random() < 0.3:
            place[chance.choice([*names, "x", ""])] = copy.deepcopy(chance.choice(JUNK))
        elif known and chance.random() < 0.15:
            del place[chance.choice(known)]
        elif known:
            place[chance.choice(known)] = copy.deepcopy(chance.choice(JUNK))
    return values


def places(value: Any) -> list[Any]:
    """List the keys of a dict, or the first positions of a list."""
    return list(value) if isinstance(value, dict) else list(range(min(len(value), 50)))


def garbled(text: bytes, chance: random.Random) -> bytes:
    """Cut, repeat or overwrite parts of a file's bytes."""
    found = bytearray(text)
    for _ in range(chance.choice((1, 1, 2, 8))):
        start = chance.randrange(len(found) + 1)
        some = chance.choice((1, 2, 8, 64))
        kind = chance.randrange(4)
        if kind == 0:
            found[start : start + some] = b""
        elif kind == 1:
            found[start : start + some] = bytes(chance.choices(range(256), k=some))
        elif kind == 2:
            found[start:start] = found[start : start + some] * chance.choice((1, 3, 500))
        else:
            found[start : start + some] = chance.choice(CELLS).encode("utf-8", "replace")
    return bytes(found)


@cache
def configs() -> tuple[dict[str, Any], ...]:
    """Give the published descriptions that tests have."""
    text = (ROOT / "tests/core/hub/public_counts.json").read_text("utf-8")
    return tuple(one["config"] for one in json.loads(text))


@cache
def field_names() -> tuple[str, ...]:
    """Give the names of fields that any of them has."""
    sections = [one for each in configs() for one in (each, *each.values())]
    return tuple({name: 0 for one in sections if isinstance(one, dict) for name in one})


def a_config(chance: random.Random) -> dict[str, Any]:
    """Give a mutated ``config.json``, read."""
    found: dict[str, Any] = changed(chance.choice(configs()), chance, field_names())
    return found


def a_header(chance: random.Random) -> bytes:
    """Give a mutated file of safetensors: the length of its header, and the header."""
    whole = {
        name: {"dtype": "BF16", "shape": list(shape), "data_offsets": [0, 1]}
        for name, shape in SHAPES.items()
    }
    if chance.random() < 0.6:
        whole = changed(whole, chance, ("__metadata__", "model.layers.9.x.weight"))
    header = json.dumps(whole).encode("utf-8", "replace")
    length = len(header) if chance.random() < 0.9 else chance.choice((0, 1, 2**40, 2**63))
    text = struct.pack("<Q", length) + header
    return text if chance.random() < 0.5 else garbled(text, chance)


def a_table(chance: random.Random) -> bytes:
    """Give mutated TOML of devices."""
    files = sorted((ROOT / "llmcalc_core/hardware/devices").glob("*.toml"))
    parts = chance.choice(files).read_text("utf-8").split("\n[")
    lines = f"[{chance.choice(parts[1:])}".splitlines()
    for _ in range(chance.choice((1, 2))):
        at = chance.randrange(len(lines))
        name = lines[at].split("=")[0]
        lines[at] = f"{name}= {chance.choice(TOML_VALUES)}"
    text = "\n".join(lines).encode()
    return text if chance.random() < 0.7 else garbled(text, chance)


TOML_VALUES = (
    "1", "-1", "0", "nan", "inf", "1e400", '""', '"x"', "true", "[]", "{}", "[1]", "2026-01-01",
    "9" * 30, "{a = 1}", '"' + "a" * 3000 + '"', "[" * 800 + "]" * 800, "[[1], ['x']]",
)  # fmt: skip


def a_csv(chance: random.Random) -> bytes:
    """Give mutated measurements."""
    lines = (ROOT / "examples/measured/closed_loop.csv").read_text("utf-8").splitlines()
    cells = [one.split(",") for one in (lines[0], *chance.sample(lines[1:], 2))]
    for _ in range(chance.choice((1, 1, 3))):
        row = chance.choice(cells)
        row[chance.randrange(len(row))] = chance.choice(CELLS)
    text = "\n".join(",".join(row) for row in cells).encode()
    return text if chance.random() < 0.8 else garbled(text, chance)


def a_benchmark(chance: random.Random) -> bytes:
    """Give a mutated file of results."""
    whole = changed(chance.choice(BENCHMARKS), chance, ("profiles", "benchmarks", "records"))
    text = json.dumps(whole).encode("utf-8", "replace")
    return text if chance.random() < 0.7 else garbled(text, chance)


def a_log(chance: random.Random) -> str:
    """Give a mutated start-up log."""
    return garbled(LOG.encode(), chance).decode("utf-8", "replace")


def written(text: bytes, folder: Path, name: str) -> Path:
    """Write a file and give its path."""
    path = folder / name
    path.write_bytes(text)
    return path


@cache
def budget() -> Any:
    """Give one budget to hold logs against."""
    return llmcalc_core.memory_budget("llama3_8b", "H100_80GB")


def from_checkpoint(text: bytes, folder: Path) -> object:
    """Read a checkpoint of one file, beside its description."""
    (folder / "config.json").write_text(json.dumps(CONFIG), "utf-8")
    return llmcalc_core.ModelConfig.from_checkpoint(written(text, folder, "m.safetensors"))


KINDS = {
    "config": Kind(a_config, lambda values, _: read_hf_config(values)),
    "config file": Kind(
        lambda chance: garbled(json.dumps(chance.choice(configs())).encode(), chance),
        lambda text, folder: llmcalc_core.find_model(written(text, folder, "config.json")),
    ),
    "header": Kind(a_header, from_checkpoint),
    "devices": Kind(
        a_table, lambda text, folder: llmcalc_core.load_hardware(written(text, folder, "d.toml"))
    ),
    "measurements": Kind(
        a_csv,
        lambda text, folder: llmcalc_core.calibrate(written(text, folder, "m.csv"), "H100_80GB"),
    ),
    "benchmark": Kind(
        a_benchmark,
        lambda text, folder: llmcalc_core.read_benchmark(written(text, folder, "b.json")),
    ),
    "log": Kind(a_log, lambda text, _: budget().check(text)),
}
"""By name."""
