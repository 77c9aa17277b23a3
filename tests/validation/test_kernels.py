"""Published timings of kernels: read, estimated and printed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from llmcalc_core.validation import kernel_timings, kernels
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


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lay out a folder of two tables."""
    data = tmp_path / "aiconfigurator_core" / "systems" / "data"
    tables = {
        data / "h200_sxm/moe/vllm/0.24.0/moe_perf.parquet": ROWS,
        data / "h200_sxm/attention/trtllm/1.3.0rc20/generation_attention_perf.parquet": ATTENTION,
    }
    for table in tables:
        table.parent.mkdir(parents=True)
        table.touch()
    monkeypatch.setattr(kernel_timings, "find_spec", lambda _: True)
    monkeypatch.setattr(pd, "read_parquet", lambda path: pd.DataFrame(tables[path]))
    return tmp_path


def test_timings_count_the_work_of_experts(folder: Path) -> None:
    (found,) = kernel_timings.read_mixtures(folder)
    assert (found.device, found.engine, found.computed) == ("H200_141GB", "vllm", "bf16")
    # Eight rows of one token for eight experts: 3 x 1536 x 4096 weights of two bytes each, and
    # rows of 4096 and 1536 entering, twice 1536 and 4096 leaving.
    assert found.rows["moved"].iloc[0] == 8 * (3 * 1536 * 4096 * 2 + (5632 + 7168) * 2)
    assert found.rows["flops"].iloc[0] == 2 * 8 * 3 * 1536 * 4096
    assert found.rows["size"].tolist() == [1, 4, 256]
    assert found.rows["seconds"].iloc[1] == pytest.approx(1.1304e-3)


def test_timings_count_the_keys_that_a_step_reads(folder: Path) -> None:
    (found,) = kernel_timings.read_decode_attention(folder)
    assert (found.device, found.engine, found.stored) == ("H200_141GB", "trtllm", "fp8")
    # Keys and values of 128 bytes each, and eight heads' queries and results of two.
    queries = 8 * 128 * 2 * 2
    # The first row is left out: 17 MB that its 50 MB of cache served, faster than 10 us and memory.
    assert found.rows["moved"].tolist() == [64 * (8192 * 2 * 128 + queries)] * 2
    assert found.rows["flops"].tolist() == [4 * 64 * 8 * 128 * 8192] * 2


def test_errors_are_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kernels.main([str(folder), "--borrowed"])
    header, *lines = (line.split() for line in capsys.readouterr().out.splitlines())
    assert header[:5] == ["family", "device", "engine", "version", "type"]
    assert [line[:5] for line in lines] == [
        ["mixture", "H200_141GB", "vllm", "0.24.0", "bfloat16"],
        ["attention_decode", "H200_141GB", "trtllm", "1.3.0rc20", "fp8"],
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
