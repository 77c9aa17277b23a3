"""Engines by version, eager mode and the most requests at once: what each changes, and where."""

from __future__ import annotations

import numpy as np
import pytest

import llmcalc_core as llm
from llmcalc_core.calibration.constants import fitted
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.costmodel.host import PIECES_PER_LAYER
from llmcalc_core.engines import find_engine, release_of, told_engine, versions_of
from llmcalc_core.fitting.run import Configuration
from llmcalc_core.validation.names import release

ASKED = {"model": "llama3_8b", "input_tokens": 1000, "output_tokens": 200}
H100 = {"system_name": "H100_80GB"}

# (engine, release, what it does); the sources are named in llmcalc_core/engines
KNOWN = [
    # vLLM, config/vllm.py: FULL_AND_PIECEWISE since 0.11; asynchronous scheduling since 0.14.
    ("vllm", "0.10.2", {"whole_decode_graphs": False, "overlaps_host": False}),
    ("vllm", "0.11.0", {"whole_decode_graphs": True, "overlaps_host": False}),
    ("vllm", "0.13", {"whole_decode_graphs": True, "overlaps_host": False}),
    ("vllm", "0.14.0", {"whole_decode_graphs": True, "overlaps_host": True}),
    # Its first scheduler reads prompts first, and captures decode steps alone.
    ("vllm", "0.7.3", {"prefill_first": True, "captured_tokens": 0, "max_num_seqs": 256}),
    ("vllm", "0.8.5", {"prefill_first": False, "captured_tokens": 512, "max_num_seqs": 1024}),
    # SGLang, server_args.py: enable_piecewise_cuda_graph until 0.5.9, disable_... since 0.5.10.
    ("sglang", "0.5.9", {"captured_tokens": 0}),
    ("sglang", "0.5.10", {"captured_tokens": 16384}),
    ("trtllm", "1.0.0rc3", {"overlaps_host": True}),
]  # fmt: skip


@pytest.mark.parametrize(("engine", "version", "own"), KNOWN)
def test_a_release_behaves_as_its_source_says(engine: str, version: str, own: dict) -> None:
    found = find_engine(engine, version)
    assert {name: getattr(found, name) for name in own} == own
    assert found.name == engine


# EngineArgs.get_batch_defaults of vLLM's server
LIMITS = [
    ("0.8.5", "A100_80GB", 8192, 1024),  # pull request 17885 came later
    ("0.9.2", "A100_80GB", 2048, 256),
    ("0.27", "B200_180GB", 8192, 1024),
    ("0.28", "B200_180GB", 16384, 1024),
    ("0.32", "DGX_Spark", 8192, 1024),
    ("0.33", "DGX_Spark", 2048, 256),
    ("0.6.3", "L40S", 8192, 256),
]  # fmt: skip


@pytest.mark.parametrize(("version", "device", "budget", "most"), LIMITS)
def test_limits_of_a_device_changed_between_releases(version, device, budget, most) -> None:
    found = llm.find_hardware(device).engine(find_engine("vllm", version))
    assert (found.token_budget, found.max_num_seqs) == (budget, most)


def test_graphs_of_blackwell_are_larger_since_028() -> None:
    b200 = llm.find_hardware("B200_180GB")
    captured = [b200.engine(find_engine("vllm", one)).captured_tokens for one in ("0.27", "0.28")]
    assert captured == [512, 1024]


@pytest.mark.parametrize(
    ("engine", "version", "message"),
    [
        ("vllm", "0.5.4", "vLLM must be a release from 0.6 to .*the nearest known is 0.6"),
        ("vllm", 0.11, r"engine_version must be text such as .0\.11., got 0\.11"),
        ("vllm", "7", "the nearest known is 0.33"),
        ("vllm", "nightly", "got 'nightly'; the newest is 0.33"),
        ("lmdeploy", "0.1", "engine_version must be left out with LMDeploy"),
    ],
)
def test_an_unknown_release_is_refused_with_the_nearest(engine, version, message) -> None:
    for ask in (
        lambda: find_engine(engine, version),
        lambda: llm.explore("llama3_8b", "H100_80GB", engine=engine, engine_version=version),
        lambda: llm.estimate_serving_performance(**ASKED, engine=engine, engine_version=version),
        lambda: llm.estimate_decode_performance("llama3_8b", engine=engine, engine_version=version),
    ):
        with pytest.raises(ValueError, match=message):
            ask()


def test_the_newest_is_the_default_and_stands_in_the_answer() -> None:
    found = llm.estimate_serving_performance(**ASKED, **H100)
    newest = find_engine("vllm").version
    same = llm.estimate_serving_performance(**ASKED, **H100, engine_version=newest)
    assert found == same
    assert found["engine_version"] == newest
    assert llm.make_request("llama3_8b", "H100_80GB").engine_version is None
    request = llm.make_request("llama3_8b", "H100_80GB", engine_version="v0.11")
    assert (request.engine_version, request.serves) == ("0.11", find_engine("vllm", "0.11"))


def test_a_host_that_works_ahead_hides_its_step() -> None:
    # A step's work and that for each of 64 sequences, beside all but a little (4-norm).
    before, after = (
        llm.estimate_decode_performance(
            "llama3_8b", 64, input_tokens=1000, system_name="H100_80GB", engine_version=version
        )
        for version in ("0.13", "0.14")
    )
    of_vllm = fitted().of("vllm", "H100_80GB")
    host = (of_vllm["step_overhead_s"] + 64 * of_vllm["sequence_overhead_s"]) * 1e3
    device = before["latency"] - host
    joined = (device**4 + host**4) ** 0.25
    assert after["latency"] == pytest.approx(joined, rel=1e-3)


def test_a_decode_step_in_pieces_starts_three_launches_a_layer() -> None:
    whole, pieces = (
        llm.estimate_decode_performance(
            "llama3_8b", 1, system_name="H100_80GB", engine_version=version
        )["latency"]
        for version in ("0.11", "0.10")
    )
    known = efficiency_for(llm.find_hardware("H100_80GB"), llm.Precision())
    launch = 1e3 * PIECES_PER_LAYER * 32 * known.host_launch_s
    host = 1e3 * (known.step_s + known.sequence_step_s)
    assert pieces - host == pytest.approx(np.hypot(whole - host, launch))


def test_eager_starts_every_kernel_from_the_host() -> None:
    frames = {
        eager: llm.explore("llama3_8b", "H100_80GB", 1, batch=[1, 8, 64], enforce_eager=eager)
        for eager in (False, True)
    }
    assert (frames[True]["tpot_s"] > frames[False]["tpot_s"]).all()
    request = llm.make_request("llama3_8b", "H100_80GB", 1, batch=1, enforce_eager=True)
    rows = llm.explain(request, llm.explore("llama3_8b", "H100_80GB", 1, batch=1).iloc[0])
    starting = rows[rows["operation"] == "starting kernels"]["time_s"].sum()
    assert starting > 0
    assert rows["time_s"].sum() == pytest.approx(frames[True]["tpot_s"][0])
    # Steps that are larger than what is captured are eager, too: the host then starts them.
    large = {
        eager: llm.explore(
            "llama3_2_1b", "H100_80GB", 1, batch=[512, 520], input_tokens=16, enforce_eager=eager
        )["tpot_s"]
        for eager in (False, True)
    }
    assert large[False][0] < large[True][0]
    assert large[False][1] == pytest.approx(large[True][1])


def test_no_launch_is_shorter_eagerly_in_serving_or_a_simulation() -> None:
    usual, eager = (
        llm.estimate_serving_performance(**ASKED, **H100, concurrency=8, enforce_eager=one)
        for one in (False, True)
    )
    assert usual["tpot_ms"] < eager["tpot_ms"]
    seen = [
        llm.simulate(
            "llama3_8b", "H100_80GB", concurrency=8, num_prompts=80, input_tokens=1000,
            output_tokens=200, enforce_eager=one,
        ).summary["tpot_mean_s"]
        for one in (False, True)
    ]  # fmt: skip
    assert seen[0] < seen[1]
    assert eager["tpot_ms"] - usual["tpot_ms"] == pytest.approx(1e3 * (seen[1] - seen[0]), rel=0.05)


def test_no_more_run_than_the_engine_lets_in() -> None:
    capped = llm.estimate_serving_performance(**ASKED, **H100, concurrency=64, max_num_seqs=16)
    alone = llm.estimate_serving_performance(**ASKED, **H100, concurrency=16)
    assert (capped["running"], capped["fits"]) == (16, True)
    assert capped["tpot_ms"] == pytest.approx(alone["tpot_ms"])
    assert capped["requests_per_s"] == pytest.approx(alone["requests_per_s"])
    # Three of four wait: by Little's law a request is there four times as long as it runs.
    assert capped["e2e_latency_ms"] == pytest.approx(4 * alone["e2e_latency_ms"])
    seen = llm.simulate(
        "llama3_8b", "H100_80GB", concurrency=64, num_prompts=640, input_tokens=1000,
        output_tokens=200, max_num_seqs=16,
    ).summary  # fmt: skip
    assert capped["ttft_ms"] == pytest.approx(1e3 * seen["ttft_mean_s"], rel=0.05)
    frame = llm.explore(
        "llama3_8b", "H100_80GB", 1, phase="serving", batch=[16, 64], input_tokens=1000,
        output_tokens=200, max_num_seqs=16,
    )  # fmt: skip
    assert frame["tpot_s"].nunique() == frame["device_memory_bytes"].nunique() == 1
    assert frame["ttft_s"][1] == pytest.approx(capped["ttft_ms"] / 1e3, rel=1e-6)
    assert frame["requests_per_s"].tolist() == pytest.approx([alone["requests_per_s"]] * 2)


def test_a_device_caps_what_runs_by_default() -> None:
    # vLLM's server lets 256 in on an A100, 1,024 on an H100, each attention replica for itself.
    for device, most in (("A100_80GB", 256), ("H100_80GB", 1024)):
        found = llm.estimate_serving_performance("llama3_2_1b", 2000, 100, 50, device)
        assert found["running"] == most
    wide = llm.estimate_serving_performance(
        "qwen3_30b_a3b", 2000, 100, 50, "A100_80GB", attention_data_parallel=2
    )
    assert wide["running"] == 512


def test_a_scheduler_that_is_not_followed_is_refused() -> None:
    with pytest.raises(ValueError, match=r"whose scheduler is simulated, from 0.8 on, got '0.6'"):
        llm.simulate("llama3_8b", "H100_80GB", concurrency=1, engine_version="0.6")


def test_rows_are_read_with_the_release_they_state() -> None:
    assert release("vllm", "0.12.0") == "0.12.0"
    assert release("vllm", "nightly-5b8c30d62b754b57") == release("vllm", "") == ""
    assert release("sglang", "0.5.6.post2") == "0.5.6"
    assert release("fastertransformer", "5.x") == ""
    assert release("vllm", "99.0") == ""
    assert Configuration.__dataclass_fields__["engine_version"].default == ""


def test_records_go_from_the_newest_to_the_oldest() -> None:
    for engine in ("vllm", "sglang", "trtllm"):
        known = [release_of(since) or () for since in versions_of(engine)]
        assert known == sorted(known, reverse=True)
        for since in versions_of(engine):
            assert find_engine(engine, since).since == since


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"max_num_seqs": 0}, "max_num_seqs must be a whole number of at least 1, got 0"),
        ({"enforce_eager": "yes"}, "enforce_eager must be"),
    ],
)
def test_what_an_engine_is_told_is_checked(given: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        told_engine("vllm", **given)
    with pytest.raises(ValueError, match=message):
        llm.estimate_serving_performance(**ASKED, **H100, **given)
