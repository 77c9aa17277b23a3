"""Published timings of kernels: read, estimated and printed."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from llmcalc_core.validation import kernel_timings, kernels, write_kernels
from llmcalc_core.validation.kernel_attention import read_decode_attention, read_prefill_attention
from llmcalc_core.validation.kernel_gemm import read_gemm
from llmcalc_core.validation.kernel_latent import read_latent_decode, read_latent_prefill
from llmcalc_core.validation.kernel_mixtures import read_mixtures
from llmcalc_core.validation.kernel_recurrent import read_delta_rules
from llmcalc_core.validation.kernel_reduces import (
    fit_reduces,
    known_by_hand,
    read_reduces,
    served,
)
from llmcalc_core.validation.kernel_routing import routed

ROWS = {
    "num_tokens": [1, 64, 4096],
    "hidden_size": 4096,
    "inter_size": 1536,
    "topk": 8,
    "num_experts": 128,
    "moe_tp_size": 1,
    "moe_ep_size": 1,
    "distribution": "balanced",
    "version": "0.24.0",
    "kernel_source": "triton",
    "moe_dtype": "bfloat16",
    # Qwen3-235B-A22B on an H200 with vLLM 0.24.0, aiconfigurator-core 0.12.0
    "latency": [0.0963, 1.1304, 2.3485],
}
ATTENTION = {
    "batch_size": [16, 64, 64],
    "isl": 1,
    "num_heads": 8,
    "num_key_value_heads": 1,
    "head_dim": 128,
    "kv_cache_dtype": "fp8",
    "step": [4095, 8191, 16383],
    "window_size": [0, 0, 8192],
    "version": "1.3.0rc20",
    "kernel_source": "torch_flow",
    # An H200 with TensorRT-LLM 1.3.0rc20, in the last row one of as many keys as its window has
    "latency": [0.0125, 0.0480, 0.0480],
}
PROMPTS = ATTENTION | {
    "batch_size": [1, 2, 2],
    "isl": [4096, 2048, 32],
    "step": 0,
    "attn_dtype": "bfloat16",
    "kv_cache_dtype": "bfloat16",
    "window_size": [0, 128, 0],
    # The last row is left out: its prompts are short.
    "latency": [0.2, 0.1, 0.01],
}
PRODUCTS = {
    "m": [64, 64, 64, 32_768],
    "n": [4096, 16_384, 16, 4096],
    "k": [4096, 4096, 4096, 4096],
    "version": "0.24.0",
    "kernel_source": "cutlass",
    "gemm_dtype": "fp8",
    # An H100 with vLLM 0.24.0; narrow and very tall products are left out.
    "latency": [0.0126, 0.0306, 0.008, 1.5],
}
SCALES = {
    "m": [64, 32_768],
    "k": 4096,
    "quant_dtype": "fp8",
    # What sought the scale of the input of the first two.
    "latency": [0.0006, 0.2],
}
LATENT = {
    "batch_size": [128, 1],
    "isl": 1,
    "num_heads": 16,
    "kv_cache_dtype": "fp8",
    "step": [4095, 7],
    "version": "1.3.0rc20",
    "kernel_source": "default",
    "latency": [0.06, 0.009],
}
REDUCES = {
    "framework": ["vLLM"] * 6 + ["TRTLLM"],
    "version": "0.24.0",
    "num_gpus": 8,
    "backend": ["vllm_graph"] * 5 + ["vllm_eager", "vllm_graph"],
    # Elements of two bytes. The last rows are left out: one eager, one of another framework.
    "message_size": [2048, 65_536, 1_048_576, 16_777_216, 134_217_728, 2048, 2048],
    # 5 us, 2 x 7 / 8 of the bytes at 0.9 of 450 GB/s, and 15 us with half at 2 MB
    "latency": [0.005048, 0.006489, 0.02174, 0.164145, 1.179795, 0.02, 0.001],
}
DELTA = {
    "phase": ["context", "generation"],
    "batch_size": 4,
    "seq_len": [1024, 1],
    "num_tokens": [4096, 4],
    "num_k_heads": 16,
    "num_v_heads": 32,
    "head_k_dim": 128,
    "head_v_dim": 128,
    "version": "0.5.14",
    "kernel_source": ["chunk_gated_delta_rule", "fused_recurrent_gated_delta_rule"],
    "latency": [0.4, 0.02],
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lay out a folder of a table of each kind."""
    data = tmp_path / "aiconfigurator_core" / "systems" / "data"
    tables = {
        data / "h200_sxm/moe/vllm/0.24.0/moe_perf.parquet": ROWS,
        data / "h200_sxm/attention/trtllm/1.3.0rc20/generation_attention_perf.parquet": ATTENTION,
        data / "h200_sxm/attention/trtllm/1.3.0rc20/context_attention_perf.parquet": PROMPTS,
        data / "h100_sxm/gemm/vllm/0.24.0/gemm_perf.parquet": PRODUCTS,
        data / "h100_sxm/quantize/vllm/0.24.0/computescale_perf.parquet": SCALES,
        data / "b200_sxm/mla/trtllm/1.3.0rc20/generation_mla_perf.parquet": LATENT,
        data / "b200_sxm/mla/trtllm/1.3.0rc20/context_mla_perf.parquet": LATENT
        | {"batch_size": 16, "isl": [4096, 16], "step": 0, "latency": [0.9, 0.02]},
        data / "h100_sxm/comm/vllm/0.24.0/custom_allreduce_perf.parquet": REDUCES,
        data / "h100_sxm/linear_attention/sglang/0.5.14/gdn_perf.parquet": DELTA,
    }
    for table in tables:
        table.parent.mkdir(parents=True, exist_ok=True)
        table.touch()
    monkeypatch.setattr(kernel_timings, "find_spec", lambda _: True)
    monkeypatch.setattr(pd, "read_parquet", lambda path: pd.DataFrame(tables[path]))
    return tmp_path


def test_timings_count_the_work_of_experts(folder: Path) -> None:
    (found,) = read_mixtures(folder)
    assert (found.device, found.engine, found.computed) == ("H200_141GB", "vllm", "bf16")
    # Eight rows of one token for eight experts: 3 x 1536 x 4096 weights of two bytes each, and
    # rows of 4096 and 1536 entering, twice 1536 and 4096 leaving.
    assert found.rows["moved"].iloc[0] == 8 * (3 * 1536 * 4096 * 2 + (5632 + 7168) * 2)
    assert found.rows["flops"].iloc[0] == 2 * 8 * 3 * 1536 * 4096
    assert found.rows["size"].tolist() == [1, 4, 256]
    assert found.rows["seconds"].iloc[1] == pytest.approx(1.1304e-3)


def test_timings_count_the_keys_that_a_step_reads(folder: Path) -> None:
    (found,) = read_decode_attention(folder)
    assert (found.device, found.engine, found.stored) == ("H200_141GB", "trtllm", "fp8")
    # Keys and values of 128 bytes each, and eight heads' queries and results of two.
    queries = 8 * 128 * 2 * 2
    # The first row is left out: 17 MB that its 50 MB of cache served, faster than 10 us and memory.
    assert found.rows["moved"].tolist() == [64 * (8192 * 2 * 128 + queries)] * 2
    assert found.rows["flops"].tolist() == [4 * 64 * 8 * 128 * 8192] * 2


def test_timings_count_the_work_of_products(folder: Path) -> None:
    (found,) = read_gemm(folder)
    assert (found.device, found.engine, found.computed) == ("H100_80GB", "vllm", "fp8")
    sizes = found.rows[["size", "columns", "inner"]].to_numpy().tolist()
    assert sizes == [[64, 4096, 4096], [64, 16_384, 4096]]
    last = found.rows.iloc[-1]
    assert last["flops"] == 2 * 64 * 16_384 * 4096
    assert last["moved"] == 16_384 * 4096 + 64 * (4096 + 2 * 16_384)
    # Without the search of a scale that ran in the same measurement.
    assert found.rows["seconds"].tolist() == pytest.approx([0.012e-3, 0.03e-3])


@pytest.mark.parametrize(
    ("engine", "word", "read"),
    [("vllm", "fp8_block", 0), ("sglang", "fp8_block", 1), ("trtllm", "nvfp4", 0)],
)
def test_what_no_server_runs_so_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str, word: str, read: int
) -> None:
    # Products without graphs, and those that were not tuned.
    folder = tmp_path / "aiconfigurator_core/systems/data/b200_sxm/gemm" / engine / "1.0"
    folder.mkdir(parents=True)
    (folder / "gemm_perf.parquet").touch()
    monkeypatch.setattr(kernel_timings, "find_spec", lambda _: True)
    table = pd.DataFrame(PRODUCTS | {"gemm_dtype": word})
    monkeypatch.setattr(pd, "read_parquet", lambda _: table)
    assert len(list(read_gemm(tmp_path))) == read


def test_families_that_are_not_fitted_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = '[[H100_80GB.gemm]]\ntype = "bf16"\n'
    other = "[[A100_80GB.all_reduce]]\ndevices = 2\n"
    stands = tmp_path / "kernel_fits.toml"
    stands.write_text(f"# about\n\n{own}\n{other}", encoding="utf-8")
    monkeypatch.setattr(write_kernels, "files", lambda _: tmp_path)
    write_kernels.write_kernel_fits((), (), ["gemm"])
    assert tomllib.loads(stands.read_text("utf-8")) == {
        "A100_80GB": {"all_reduce": [{"devices": 2}]}
    }


def test_timings_count_the_pairs_of_prompts(folder: Path) -> None:
    (found,) = read_prefill_attention(folder)
    assert (found.device, found.computed, found.stored) == ("H200_141GB", "bf16", "bf16")
    pairs = [4096**2 / 2, 2 * 128 * (2048 - 64)]
    assert found.rows["flops"].tolist() == [4 * 8 * 128 * each for each in pairs]
    assert found.rows["size"].tolist() == found.rows["inner"].tolist() == [4096, 128]
    # Queries and results of eight heads, keys and values of one.
    assert found.rows["moved"].tolist() == [4096 * 128 * 2 * (2 * 8 + 2)] * 2


def test_timings_count_latents(folder: Path) -> None:
    (decode,), (prompts,) = read_latent_decode(folder), read_latent_prefill(folder)
    # On Blackwell an FP8 cache is multiplied in FP8; short contexts and prompts are left out.
    assert decode.computed == prompts.computed == "fp8"
    assert decode.rows["flops"].tolist() == [2 * 128 * 4096 * 16 * (576 + 512)]
    assert decode.rows["moved"].tolist() == [128 * (4096 * 576 + 16 * (576 + 512) * 2)]
    assert prompts.rows["flops"].tolist() == [2 * 16 * 4096**2 / 2 * 16 * (192 + 128)]


def test_timings_count_the_states_of_delta_rules(folder: Path) -> None:
    (found,) = read_delta_rules(folder)
    # In chunks of 64: 2 x (64 x 5 x 128 + 3 x 128 x 128) for each token and head.
    assert found.rows["flops"].tolist() == [4096 * 32 * 180_224]
    streams = 2 * 16 * 128 + 2 * 32 * 128 + 2 * 32 * 128 * 128 / 64
    states = 2 * 4 * 32 * 128 * 128 * 4
    assert found.rows["moved"].tolist() == [2 * 4096 * streams + states]
    assert found.rows["launches"].tolist() == [6]


def test_all_reduces_are_fitted(folder: Path) -> None:
    (found,) = read_reduces(folder)
    assert (found.device, found.engine, found.devices) == ("H100_80GB", "vllm", 8)
    assert found.sizes.tolist() == [2 * size for size in REDUCES["message_size"][:5]]
    reached, misses = fit_reduces(found)
    assert reached["latency_us"] == pytest.approx(5, rel=0.02)
    assert reached["fraction"] == pytest.approx(0.9, rel=0.02)
    assert reached["ramp_us"] == pytest.approx(15, rel=0.05)
    assert np.abs(misses).max() < 0.3  # two or three sizes say little of three numbers
    assert served(found) == ()
    assert served(found._replace(device="B200_180GB", engine="trtllm")) == ("vllm",)
    assert known_by_hand("H100_80GB")
    assert not known_by_hand("GB300_279GB")


def test_errors_are_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kernels.main([str(folder), "--borrowed"])
    header, *lines = (line.split() for line in capsys.readouterr().out.splitlines())
    assert header[:5] == ["family", "device", "engine", "version", "type"]
    assert [line[:5] for line in lines] == [
        ["gemm", "H100_80GB", "vllm", "0.24.0", "fp8"],
        ["mixture", "H200_141GB", "vllm", "0.24.0", "bfloat16"],
        ["attention_decode", "H200_141GB", "trtllm", "1.3.0rc20", "fp8"],
        ["attention_prefill", "H200_141GB", "trtllm", "1.3.0rc20", "bfloat16"],
        ["latent_decode", "B200_180GB", "trtllm", "1.3.0rc20", "fp8"],
        ["latent_prefill", "B200_180GB", "trtllm", "1.3.0rc20", "fp8"],
        ["recurrent_prefill", "H100_80GB", "sglang", "0.5.14", "bfloat16"],
        ["device", "engine", "version", "devices", "known"],
        ["H100_80GB", "vllm", "0.24.0", "8", lines[-1][4]],
    ]


def test_what_is_lacking_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(kernel_timings, "find_spec", lambda _: True)
    with pytest.raises(SystemExit):
        kernels.main([str(tmp_path)])
    assert "folder must hold" in capsys.readouterr().err
    monkeypatch.setattr(kernel_timings, "find_spec", lambda _: None)
    with pytest.raises(SystemExit):
        kernels.main([str(tmp_path)])
    assert "pip install pyarrow" in capsys.readouterr().err


@pytest.mark.parametrize("routing", ["balanced", "power_law_1.01", "power_law_1.2"])
def test_routing_loses_no_token(routing: str) -> None:
    for tokens in (16, 128, 1024):
        touched, rows = routed(tokens, 8, 128, 1, routing)
        assert rows == pytest.approx(tokens * 8, rel=0.01)
        assert touched <= min(128, tokens * 8)
    apart, together = routed(256, 8, 128, 8, routing), routed(256, 8, 128, 1, routing)
    assert apart[1] >= together[1] / 8 - 1e-9  # the busiest group has no less than the mean
    assert np.isfinite(apart).all()
