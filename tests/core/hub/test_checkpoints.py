"""Checkpoints held against the headers of their weights, which tests write themselves."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from llmcalc_core import ModelConfig
from llmcalc_core.hub.headers import read_headers

CONFIG: dict[str, Any] = {
    "model_type": "llama", "vocab_size": 100, "hidden_size": 32, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 48,
}  # fmt: skip
LAYER = {
    "self_attn.q_proj": [32, 32], "self_attn.k_proj": [16, 32], "self_attn.v_proj": [16, 32],
    "self_attn.o_proj": [32, 32], "mlp.gate_proj": [48, 32], "mlp.up_proj": [48, 32],
    "mlp.down_proj": [32, 48], "input_layernorm": [32], "post_attention_layernorm": [32],
}  # fmt: skip
WEIGHTS = {
    **{f"model.layers.{layer}.{name}.weight": shape
       for layer in range(2) for name, shape in LAYER.items()},
    "model.embed_tokens.weight": [100, 32], "model.norm.weight": [32], "lm_head.weight": [100, 32],
    "model.layers.0.self_attn.rotary_emb.inv_freq": [4],
}  # fmt: skip


def header(path: Path, shapes: dict[str, Any], dtype: str = "BF16") -> Path:
    entries = {name: {"dtype": dtype, "shape": shape, "data_offsets": [0, 0]}
               for name, shape in shapes.items()}  # fmt: skip
    text = json.dumps({"__metadata__": {"format": "pt"}, **entries}).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    return path


def checkpoint(folder: Path, shapes: dict[str, Any], **more: object) -> Path:
    """Write a configuration and the headers of two files, with their index."""
    (folder / "config.json").write_text(json.dumps({**CONFIG, **more}), "utf-8")
    names = sorted(shapes)
    halves = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, own in halves.items():
        header(folder / file, {name: shapes[name] for name in own})
    places = {name: file for file, own in halves.items() for name in own}
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": places}), "utf-8"
    )
    return folder


def test_weights_of_the_description(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path, WEIGHTS)
    by_folder = ModelConfig.from_checkpoint(folder)
    by_index = ModelConfig.from_checkpoint(folder / "model.safetensors.index.json")
    assert by_folder == by_index
    # 2 x (2 x 32 x 32 + 2 x 16 x 32 + 3 x 48 x 32 + 64) + 2 x 100 x 32 + 32
    assert by_folder.parameters == 21_920
    assert sum(tensor.elements for tensor in read_headers(folder)) == 21_920 + 4


def test_one_file(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG), "utf-8")
    file = header(tmp_path / "model.safetensors", WEIGHTS)
    assert ModelConfig.from_checkpoint(file).parameters == 21_920


def test_other_copies_beside_are_not_counted(tmp_path: Path) -> None:
    """Mistral's repositories hold the same weights by other names, and adapters lie in folders."""
    (tmp_path / "config.json").write_text(json.dumps(CONFIG), "utf-8")
    header(tmp_path / "model.safetensors", WEIGHTS)
    header(tmp_path / "consolidated.safetensors", {"layers.0.attention.wq.weight": [32, 32]})
    assert ModelConfig.from_checkpoint(tmp_path).parameters == 21_920


def test_the_weights_say_whether_the_head_is_tied(tmp_path: Path) -> None:
    tied = {name: shape for name, shape in WEIGHTS.items() if name != "lm_head.weight"}
    config = ModelConfig.from_checkpoint(checkpoint(tmp_path, tied))
    assert config.tie_word_embeddings
    assert config.parameters == 21_920 - 3200


def test_a_field_left_out_is_safe_where_the_weights_agree(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path, WEIGHTS, new_attention_field=7)
    with pytest.raises(ValueError, match="new_attention_field"):
        ModelConfig.from_checkpoint(folder)
    with pytest.warns(UserWarning, match="new_attention_field is not understood .* got 7"):
        assert ModelConfig.from_checkpoint(folder, unknown="warn").parameters == 21_920


WRONG: list[tuple[dict[str, Any], str]] = [
    (WEIGHTS | {"model.layers.1.self_attn.q_norm.weight": [8]},
     "layer 1 has 7,752 parameters in the weights, 7,744 by config.json: .*q_norm 8"),
    ({name: shape for name, shape in WEIGHTS.items() if "layers.1" not in name},
     "the weights have 1 layers, config.json 2"),
    (WEIGHTS | {"model.embed_tokens.weight": [101, 32]},
     "outside of the layers has 6,464 parameters in the weights, 6,432 by config.json"),
]  # fmt: skip


@pytest.mark.parametrize(("shapes", "message"), WRONG)
def test_a_difference_is_shown_by_tensor(
    tmp_path: Path, shapes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        ModelConfig.from_checkpoint(checkpoint(tmp_path, shapes))
    assert len(str(caught.value)) < 400


DAMAGED = [
    (b"", "must begin as safetensors do"),
    (b"\xff" * 8, "must begin as safetensors do"),
    ((50).to_bytes(8, "little") + b"{}", "is cut short: its header has 2 of 50 bytes"),
    ((2).to_bytes(8, "little") + b"[]", "must hold a JSON object"),
    ((7).to_bytes(8, "little") + b'{"a":1}', "the tensor 'a' must have a dtype and a shape"),
]


@pytest.mark.parametrize(("content", "message"), DAMAGED)
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_headers(file)


def test_a_type_that_is_not_known_is_refused(tmp_path: Path) -> None:
    file = header(tmp_path / "model.safetensors", {"a": [1]}, dtype="F3")
    with pytest.raises(ValueError, match="'a' has a dtype that is not known: 'F3'"):
        read_headers(file)
    with pytest.raises(ValueError, match="must hold files of safetensors"):
        read_headers(tmp_path.joinpath("empty").mkdir() or tmp_path / "empty")


def test_two_hundred_headers_take_half_a_second(tmp_path: Path) -> None:
    for index in range(200):
        own = {f"model.layers.{index}.{name}.weight": shape for name, shape in LAYER.items()}
        header(tmp_path / f"{index}.safetensors", own)
    start = time.process_time()
    assert len(read_headers(tmp_path)) == 1800
    assert time.process_time() - start < 0.5
