"""Sparse, gated and chunked attention, and gated delta nets: work and cache by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from llmcalc_core import ModelConfig, find_model, parse_precision
from llmcalc_core.architecture.model import Model, architecture
from llmcalc_core.layers.attention import Attention
from llmcalc_core.layers.delta import GatedDeltaNet
from llmcalc_core.layers.work import Operation, make_pass
from llmcalc_core.memory.device_memory import device_memory
from llmcalc_core.planning.legality import check_layout
from llmcalc_core.workload.grid import Grid, make_grid
from llmcalc_core.workload.layout import Layout


def model_and_grid(
    name: str, tokens: tuple[int, int], *, tp: int = 1, batch: int = 1, engine: str = "sglang"
) -> tuple[Model, Grid]:
    grid = make_grid(
        (Layout(tp=tp),), batches=(batch,), inputs=tokens[:1], outputs=tokens[1:], engine=engine
    )
    return architecture(find_model(name)), grid


def cache(name: str, tokens: tuple[int, int], *, bits: str = "bf16", **more: Any) -> float:
    model, grid = model_and_grid(name, tokens, **more)
    return device_memory(model, parse_precision(bits), grid).kv_cache.item()


def operations(
    name: str, kind: type, tokens: tuple[int, int], *, decode: bool, bits: str = "bf16", **more: Any
) -> list[Operation]:
    """Give the operations of the first token mixer of a kind."""
    model, grid = model_and_grid(name, tokens, **more)
    step = make_pass(model.hidden, grid, parse_precision(bits), decode=decode)
    mixer = next(layer.mixer for layer in model.layers if isinstance(layer.mixer, kind))
    return list(mixer.work(step)[0])


def flops(found: list[Operation], family: str) -> list[float]:
    return [np.asarray(one.flops).item() for one in found if one.family == family]


def moved(found: list[Operation], kind: str) -> list[float]:
    return [np.asarray(one.moved).item() for one in found if one.kind == kind]


# GLM-5 (config.json of zai-org/GLM-5): 78 layers, 64 heads, rank 512 and 64 rotary elements; an
# indexer of 32 heads of 128 whose keys take 128 bytes and a scale of 4; 2,048 tokens are chosen. In
# FP8 the rotary elements stay in 16 bits, and the rank has a scale of 4 bytes for every 128 (656).
@pytest.mark.parametrize(("bits", "latent"), [("bf16", 1152), ("fp8", 656)])
@pytest.mark.parametrize("tp", [1, 8])
def test_cache_of_sparse_attention(bits: str, latent: int, tp: int) -> None:
    expected = 4096 * 78 * (latent + 132)
    assert cache("glm_5", (4000, 96), bits=bits, tp=tp) == expected


def test_decode_of_sparse_attention() -> None:
    # The indexer scores 8,192 + 1 ... 8,192 + 256 tokens, 8,320.5 on average, on every device;
    # attention over 2,048 of them, in the absorbed form, is shared by the heads.
    found = operations("glm_5", object, (8192, 256), decode=True, tp=8)
    (index,), (attention,) = flops(found, "attention_decode"), flops(found, "latent_decode")
    assert index == pytest.approx(2 * 8320.5 * 32 * 128, rel=1e-12)
    assert attention == pytest.approx(2 * 2048 * 8 * (576 + 512), rel=1e-12)
    index, attention = moved(found, "attention")
    # keys, the query in one byte, scores of four bytes written; then the compressed cache
    assert index == pytest.approx(8320.5 * 132 + 32 * 128 + 8320.5 * 4, rel=1e-12)
    assert attention == pytest.approx(2048 * 576 * 2 + 8 * (576 + 512) * 2, rel=1e-12)
    # scores read again, and 2,048 positions of four bytes
    assert moved(found, "memory")[0] == pytest.approx(4 * 8320.5 + 4 * 2048, rel=1e-12)


def test_a_short_context_is_read_whole() -> None:
    found = operations("glm_5", object, (1000, 9), decode=True)
    assert flops(found, "latent_decode") == pytest.approx([2 * 1005 * 64 * 1088], rel=1e-12)


def test_prefill_of_sparse_attention() -> None:
    # Short: dense, keys and values unpacked, 256 wide each. Long: absorbed, at most 2,048 tokens
    # for each of 8,192: 2,048 x (8,192 - 1,024) pairs; the indexer sees all 8,192^2 / 2.
    short, long = (
        [flops(found, family)[0] for family in ("attention_prefill", "latent_prefill")]
        for found in (operations("glm_5", object, (size, 1), decode=False) for size in (1024, 8192))
    )
    assert short == pytest.approx([1024**2 / 2 * 2 * 32 * 128, 1024**2 / 2 * 2 * 64 * 512])
    assert long == pytest.approx([8192**2 / 2 * 2 * 32 * 128, 2048 * 7168 * 2 * 64 * 1088])


# Qwen3.5-397B-A17B (its config.json): of 60 layers 15 have attention, 32 heads of 256 and two KV
# heads; 45 a gated delta net of 16 key and 64 value heads of 128, with a convolution of 4.
STATE = 64 * 128 * 128 * 4 + 3 * (2 * 16 * 128 + 64 * 128) * 2
PER_TOKEN = 15 * 2 * 2 * 256 * 2


def test_cache_of_a_hybrid() -> None:
    assert STATE == 4_268_032
    asked = {"name": "qwen3_5_397b_a17b", "engine": "lmdeploy"}
    assert cache(tokens=(1600, 16), **asked) == 45 * STATE + 1616 * PER_TOKEN
    assert cache(tokens=(64_000, 16), **asked) == 45 * STATE + 64_016 * PER_TOKEN
    assert cache(tokens=(1600, 16), batch=3, **asked) == 3 * (45 * STATE + 1616 * PER_TOKEN)
    # eight devices share the states; each has one of two KV heads
    sharded = cache(tokens=(1600, 16), tp=8, **asked)
    assert sharded == 45 * STATE / 8 + 1616 * PER_TOKEN / 2


def test_pools_of_sglang_are_as_large_as_the_one_that_is_short() -> None:
    """Five states of a request; 0.9 bytes of states for a byte of tokens."""
    states, tokens = 5 * 45 * STATE, 1616 * PER_TOKEN
    assert states > 0.9 * tokens
    assert cache("qwen3_5_397b_a17b", (1600, 16)) == pytest.approx(states * 1.9 / 0.9)
    long = 200_016 * PER_TOKEN
    assert long > states / 0.9
    assert cache("qwen3_5_397b_a17b", (200_000, 16)) == pytest.approx(long * 1.9)


@pytest.mark.parametrize("prompt", [10, 100_000])
def test_decode_of_a_delta_net(prompt: int) -> None:
    # Each of four sequences reads and writes its states, whatever the context; queries, keys and
    # values in, results out: 12,288 + 8,192 elements of two bytes.
    found = operations("qwen3_5_397b_a17b", GatedDeltaNet, (prompt, 9), decode=True, tp=2, batch=4)
    (rule,) = moved(found, "attention")
    assert rule == pytest.approx(4 * (2 * STATE + 20_480 * 2) / 2, rel=1e-12)
    # projections: 4,096 x (12,288 + 8,192) in, 4,096 x 128 for beta and decay, 8,192 x 4,096 out
    gemms = [2 * 4 * 4096 * width / 2 for width in (20_480, 8192)]
    assert flops(found, "gemm") == pytest.approx(gemms, rel=1e-12)
    assert flops(found, "gemm_wide") == pytest.approx([2 * 4 * 4096 * 128 / 2], rel=1e-12)


def test_prefill_of_a_delta_net() -> None:
    # In chunks of 64: 2 x (64 x 5 x 128 + 3 x 128 x 128) = 180,224 for each token and head.
    found = operations("qwen3_5_397b_a17b", GatedDeltaNet, (2000, 1), decode=False, tp=2)
    assert flops(found, "recurrent_prefill") == pytest.approx([2000 * 32 * 180_224], rel=1e-12)
    # beside queries, keys, values and results, each token's 64th of a state is written and read
    (rule,) = moved(found, "attention")
    streams = 2000 * 2 * (20_480 + 2 * 64 * 128 * 128 / 64)
    assert rule == pytest.approx((streams + 2 * STATE) / 2, rel=1e-12)


def test_attention_with_a_gate() -> None:
    # Queries and gate 2 x 8,192, keys and values 2 x 512; the gate changes no cache.
    found = operations("qwen3_5_397b_a17b", Attention, (2000, 1), decode=True)
    projections = [2 * 4096 * (2 * 8192 + 1024), 2 * 4096 * 8192]
    assert flops(found, "gemm") == pytest.approx(projections, rel=1e-12)
    # rotary: queries, keys and values in and out; gate: itself, the result in and out
    expected = 2 * (2 * (8192 + 1024) + 3 * 8192)
    # norms: queries and keys in and out
    norms = 2 * 2 * (8192 + 512)
    assert moved(found, "memory") == pytest.approx([norms, expected], rel=1e-12)


# Llama 4 Maverick (its config.json): 48 layers of 8 KV heads of 128, every fourth in full, the
# others in chunks of 8,192; 40 heads.
def test_cache_of_chunked_attention() -> None:
    per_token = 2 * 8 * 128 * 2
    asked = {"name": "llama4_maverick", "engine": "lmdeploy"}
    assert cache(tokens=(8000, 16), **asked) == 48 * 8016 * per_token
    assert cache(tokens=(20_000, 16), **asked) == (12 * 20_016 + 36 * 8192) * per_token
    # SGLang's pool of chunks has 0.8 tokens for each of the other one
    pooled = cache("llama4_maverick", (20_000, 16))
    assert pooled == pytest.approx((12 + 0.8 * 36) * 20_016 * per_token)


def chunked(model_tokens: tuple[int, int], *, decode: bool) -> float:
    found = operations("llama4_maverick", Attention, model_tokens, decode=decode)
    family = "attention_decode" if decode else "attention_prefill"
    return flops(found, family)[0] / (4 * 40 * 128)


def test_work_of_chunked_attention() -> None:
    # The first layer is chunked. Tokens 8,193 ... 8,202 see 1 ... 10; tokens 8,190 ... 8,194 see
    # 8,190, 8,191, 8,192, 1 and 2. A prompt of 20,480 has two chunks and a half.
    assert chunked((8192, 10), decode=True) == pytest.approx(5.5, rel=1e-12)
    assert chunked((8189, 5), decode=True) == pytest.approx((8190 + 8191 + 8192 + 3) / 5, rel=1e-12)
    assert chunked((100, 9), decode=True) == pytest.approx(105, rel=1e-12)
    assert chunked((20_480, 1), decode=False) == pytest.approx(8192**2 + 4096**2 / 2, rel=1e-12)
    assert chunked((1000, 1), decode=False) == pytest.approx(1000**2 / 2, rel=1e-12)


# (name, alive in the widest operation): GLM-5, each head's query of 256, query and result in the
# compressed form of 512, result of 256; a gated delta net, 12,288 before and after its convolution,
# gate of 8,192, and for each of 64 heads W and K K' with its inverse (128 + 3 x 64), states of
# 128 x 128 for 64 tokens, and U, new values and results of 128; Llama 4, three times
# the dense width of 16,384
WIDEST = [
    ("glm_5", 64 * (256 + 2 * 512 + 256)),
    ("qwen3_5_397b_a17b", 2 * 12_288 + 8192 + 64 * (128 + 3 * 64 + 256 + 3 * 128)),
    ("llama4_maverick", 3 * 16_384),
]


@pytest.mark.parametrize(("name", "width"), WIDEST)
def test_activations(name: str, width: int) -> None:
    model, grid = model_and_grid(name, (1000, 1))
    found = device_memory(model, parse_precision("bf16"), grid).activations.item()
    assert found == 2 * (1000 * (3 * model.hidden + width) + 2 * model.vocabulary)


def test_activations_of_a_gate() -> None:
    config = ModelConfig(
        vocab_size=100, hidden_size=512, num_decoder_layers=1, num_attention_heads=8,
        intermediate_size=64,
    )  # fmt: skip
    grid = make_grid((Layout(),), batches=(1,), inputs=(1000,), outputs=(1,), engine="sglang")
    plain, gated = (
        device_memory(architecture(one), parse_precision("bf16"), grid).activations.item()
        for one in (config, replace(config, attn_output_gate=True))
    )
    assert gated - plain == 2 * 1000 * 512


def test_tensor_parallelism_divides_the_key_heads() -> None:
    model = architecture(find_model("qwen3_5_397b_a17b"))
    assert check_layout(model, tp=16, pp=1, ep=1).tp == 16
    with pytest.raises(ValueError, match=r"tensor_parallel must divide .* got 32"):
        check_layout(model, tp=32, pp=1, ep=1)


@pytest.mark.parametrize("decode", [False, True], ids=["prefill", "decode"])
@pytest.mark.parametrize("name", ["glm_5", "qwen3_5_397b_a17b", "llama4_maverick"])
def test_a_grid_is_its_points(name: str, decode: bool) -> None:  # noqa: FBT001
    inputs, outputs, precision = (100, 3000, 9000), (1, 700), parse_precision("fp8")
    model = architecture(find_model(name))
    layouts = (Layout(tp=1), Layout(tp=8))
    grid = make_grid(layouts, batches=(1, 5), inputs=inputs, outputs=outputs)
    step = make_pass(model.hidden, grid, precision, decode=decode)
    whole = [layer.mixer.work(step)[0] for layer in model.layers]
    for place in np.ndindex(2, 2, 3, 2):
        point = make_grid(
            (layouts[place[0]],), batches=((1, 5)[place[1]],), inputs=(inputs[place[2]],),
            outputs=(outputs[place[3]],),
        )  # fmt: skip
        alone = make_pass(model.hidden, point, precision, decode=decode)
        for layer, found in zip(model.layers, whole, strict=True):
            for one, other in zip(found, layer.mixer.work(alone)[0], strict=True):
                for name_of in ("flops", "moved"):
                    value = np.broadcast_to(getattr(one, name_of), grid.shape)[place]
                    assert value == pytest.approx(np.asarray(getattr(other, name_of)).item())
