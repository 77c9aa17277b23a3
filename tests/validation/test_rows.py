"""Rows of measured files: which case each becomes, or why it becomes none."""

from __future__ import annotations

import math

import pytest

from llmcalc_core import Precision, find_model
from llmcalc_core.architecture.model import architecture
from llmcalc_core.validation import closed_loop, names, published
from llmcalc_core.validation.cells import CannotPredictError
from llmcalc_core.validation.schemas import schema_of
from llmcalc_core.workload.layout import Layout
from tests.validation.measured_rows import (
    B200,
    CLOSED_LOOP,
    DEEPSEEK,
    GPT_OSS,
    H200,
    KIMI,
    LLAMA,
    OPEN_LOOP,
    PUBLISHED,
    closed_loop_row,
    published_row,
)

BF16 = {"weights": "bf16", "activations": "bf16"}
FP4 = {"weights": "fp4", "activations": "fp4"}


@pytest.mark.parametrize(("header", "name"), [(CLOSED_LOOP, "closed loop"),
                                              (PUBLISHED, "published points"),
                                              (OPEN_LOOP, "open loop")])  # fmt: skip
def test_header_tells_the_schema_without_the_measured_columns(header, name):
    kept = [column for column in header if column != "value" and not column.endswith("_ms")]
    assert schema_of(tuple(kept)).name == name


def test_a_header_of_no_schema_names_what_each_lacks():
    header = tuple(column for column in CLOSED_LOOP if column not in ("engine", "concurrency"))
    with pytest.raises(
        ValueError, match=r"closed loop engine, concurrency; for published.*; for open loop"
    ) as told:
        schema_of(header)
    assert "source_title" in str(told.value)


def test_closed_loop_row_is_read_whole():
    case = closed_loop.read_case(closed_loop_row())
    assert (case.id, case.kind, case.batch) == ("c1_cfg1", "closed_loop", 16)
    assert (case.model.model, case.hardware.name) == ("meta-llama/Llama-3.1-70B", "H200_141GB")
    assert case.layout == Layout(tp=2, pp=1, ep=1, attention_dp=1)
    assert case.metrics == ("ttft_ms", "tpot_ms")
    assert case.measured == (100.0, 20.0)


@pytest.mark.parametrize(
    ("name", "read", "source"),
    [
        ("2026_03_25_dsr1_h200_1", (922, 900), "InferenceX"),
        ("dsr1_h200_sglang_cfg81", (922, 900), "InferenceX"),
        ("kimi_k2_5_gap_analysis_kimi_k2_5_c4_tp8_ep1_33", (922, 900), "InferenceX"),
        ("qwen3_32b_h100_sxm_vllm_1024x1000_c8_tp2_epnone_31", (1024, 1000), "vendor sweep"),
    ],
)
def test_lengths_of_inferencex_are_nine_tenths_of_the_nominal(name, read, source):
    row = closed_loop_row(id=name, input_tokens="1024", output_tokens="1000")
    case = closed_loop.read_case(row)
    assert (case.input_tokens, case.output_tokens) == read
    assert case.source == source == closed_loop.source_of(row)


def test_a_source_that_a_file_names_counts_before_the_form_of_an_id():
    row = closed_loop_row(source_ref="vendor sweep, as collected by someone")
    assert closed_loop.source_of(row) == "vendor sweep"
    assert closed_loop.source_of(row | {"source_ref": "a.org/InferenceX"}) == "InferenceX"


@pytest.mark.parametrize(
    ("model", "hardware", "engine", "weights", "precision"),
    [
        (LLAMA, H200, "vllm", "", Precision(**BF16)),
        (LLAMA, H200, "vllm", "bf16", Precision(**BF16)),
        (LLAMA, H200, "trtllm", "", Precision(**BF16)),
        # InferenceX's scripts set the type of its cache.
        (LLAMA, H200, "vllm", "fp8",
         Precision(weights="fp8", activations="fp8", kv_cache="fp8")),
        (LLAMA, H200, "trtllm", "fp8",
         Precision(weights="fp8", activations="fp8", kv_cache="fp8")),
        (LLAMA, B200, "trtllm", "fp4",
         Precision(**FP4, kv_cache="fp8")),
        (LLAMA, B200, "vllm", "fp4", Precision(**FP4, kv_cache="fp8")),
        # DeepSeek-V3's FP8 has a scale of 32 bits for each block of 128 by 128 weights.
        (DEEPSEEK, H200, "sglang", "fp8",
         Precision(weights="fp8", activations="fp8", scale_bits=32 / 128**2)),
        # exclude_modules of NVIDIA's checkpoints: DeepSeek's leave attention out, not what follows
        # it, GLM-5's all of attention, Qwen3's and Llama 4's nothing, MiniMax's all of attention.
        (DEEPSEEK, B200, "sglang", "fp4",
         Precision(**FP4, kv_cache="fp8", attention="bf16", attention_output="fp4")),
        ("zai-org/GLM-5", B200, "sglang", "fp4",
         Precision(**FP4, kv_cache="fp8", attention="bf16")),
        ("Qwen/Qwen3-235B-A22B", B200, "trtllm", "fp4", Precision(**FP4, kv_cache="fp8")),
        ("meta-llama/Llama-4-Maverick-17B-128E-Instruct", B200, "trtllm", "fp4",
         Precision(**FP4, kv_cache="fp8")),
        ("MiniMaxAI/MiniMax-M2.5", B200, "vllm", "fp4",
         Precision(**BF16, kv_cache="fp8", experts="fp4", expert_activations="fp4")),
        (GPT_OSS, H200, "vllm", "fp4",
         Precision(**BF16, experts="fp4", expert_activations="bf16")),
        # InferenceX sets no type of the cache there.
        (GPT_OSS, H200, "trtllm", "fp4",
         Precision(**BF16, experts="fp4", expert_activations="bf16")),
        (GPT_OSS, B200, "trtllm", "fp4",
         Precision(**BF16, kv_cache="fp8", experts="fp4", expert_activations="fp8")),
        (KIMI, H200, "vllm", "int4",
         Precision(**BF16, experts="int4", expert_activations="bf16")),
    ],
)  # fmt: skip
def test_checkpoint_decides_the_types(model, hardware, engine, weights, precision):
    row = closed_loop_row(model=model, hardware=hardware, engine=engine, weights=weights)
    assert closed_loop.read_case(row).precision == precision


@pytest.mark.parametrize(("ranks", "groups"), [("16", "4.0"), ("64", "8.0"), ("4", "2.0")], ids=str)
def test_attention_ranks_counted_twice_are_as_many_as_groups_of_experts(ranks, groups):
    row = closed_loop_row(model=GPT_OSS, tensor_parallel="1", attention_data_parallel=ranks,
                          moe_tensor_parallel=groups, moe_expert_parallel=groups)  # fmt: skip
    width = int(float(groups))
    assert closed_loop.read_case(row).layout == Layout(tp=1, ep=width, attention_dp=width)


def test_more_attention_ranks_than_a_server_has_devices_are_refused():
    row = closed_loop_row(model=GPT_OSS, tensor_parallel="1", attention_data_parallel="16",
                          moe_tensor_parallel="8.0", moe_expert_parallel="2.0")  # fmt: skip
    with pytest.raises(CannotPredictError, match=r"16 attention ranks .*more than the 8 devices"):
        closed_loop.read_case(row)


@pytest.mark.parametrize(
    ("widths", "layout"),
    [
        (("1", "4", "1.0", "4.0"), Layout(tp=1, ep=4, attention_dp=4)),
        (("1", "4", "4.0", "1.0"), Layout(tp=1, ep=1, attention_dp=4)),
        (("8", "1", "8.0", "8.0"), Layout(tp=8, ep=8, attention_dp=1)),
        (("2", "1", "0.0", "0.0"), Layout(tp=2, ep=1, attention_dp=1)),
        (("2", "", "", ""), Layout(tp=2, ep=1, attention_dp=1)),
    ],
)
def test_widths_are_read_as_recorded(widths, layout):
    columns = ("tensor_parallel", "attention_data_parallel", "moe_tensor_parallel",
               "moe_expert_parallel")  # fmt: skip
    row = closed_loop_row(model=GPT_OSS, **dict(zip(columns, widths, strict=True)))
    assert closed_loop.read_case(row).layout == layout


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"hardware": "Ascend_910"}, "device 'Ascend_910' is not in the catalogue"),
        ({"model": "some/unknown"}, "model 'some/unknown' is not in the catalogue"),
        ({"engine": "ollama"}, "engine 'ollama' is not modelled"),
        ({"concurrency": ""}, "concurrency is not stated"),
        ({"concurrency": "many"}, "concurrency must be a number, got 'many'"),
        ({"concurrency": "2.5"}, "concurrency must be a whole number"),
        ({"tensor_parallel": "3"}, "tensor_parallel must divide the 64 attention heads"),
        ({"weights": "fp7"}, "bits must be one of"),
    ],
)
def test_a_row_that_says_nothing_useful_says_why(changes, reason):
    with pytest.raises(ValueError, match=reason):
        closed_loop.read_case(closed_loop_row(**changes))


@pytest.mark.parametrize(
    ("stated", "metric"),
    [
        ("ttft_ms", "ttft_ms"), ("ttft_max_ms", "ttft_ms"), ("prefill_latency_ms", "ttft_ms"),
        ("tpot_ms", "tpot_ms"), ("tpot_p50_ms", "tpot_ms"),
        ("decode_latency_total_ms", "decode_ms"), ("e2e_latency_ms", "e2e_ms"),
        ("throughput_output_tok_s", "tokens_per_s"),
        ("throughput_tok_s_unspecified_scope", "tokens_per_s"),
        ("memory_used_gb", "memory_gib"), ("fits_in_memory", "fits"),
    ],
)  # fmt: skip
def test_published_metrics(stated, metric):
    case = published.read_case(published_row(stage_or_metric=stated, value="7"))
    assert (case.metrics, case.measured, case.kind) == ((metric,), (7.0,), "static")


@pytest.mark.parametrize(
    ("stated", "engine"),
    [
        ("TensorRT-LLM", "trtllm"), ("trtllm", "trtllm"), ("vLLM", "vllm"),
        ("vLLM(ROCm)", "vllm"), ("vllm-tpu", "vllm"), ("vLLM 0.4.3+rocm614, PyTorch", "vllm"),
        ("sglang", "sglang"), ("FasterTransformer", "fastertransformer"),
        ("LMDeploy-TurboMind", "lmdeploy"), ("Google JAX/XLA (paper)", "fastertransformer"),
    ],
)  # fmt: skip
def test_engine_spellings(stated, engine):
    assert names.engine(stated) == engine


def test_throughput_needs_its_scope():
    tokens = {"stage_or_metric": "throughput_output_tok_s", "tp": "2", "n_devices": "2"}
    assert published.read_case(published_row(**tokens)).per == 1
    assert published.read_case(published_row(**tokens, per="per_gpu")).per == 2
    with pytest.raises(CannotPredictError, match="per instance or per device"):
        published.read_case(published_row(**tokens, per=""))
    assert published.read_case(published_row(per="")).per == 1


def test_saturated_batch_is_bound_only_where_the_notes_say_so():
    saturated = {"kind": "inflight_saturated", "batch_or_concurrency": "1500.0"}
    assert published.read_case(published_row(**saturated)).batch == 0
    noted = published_row(**saturated, notes="num_prompts=1500, max_num_seqs=1500 (upper bound)")
    assert published.read_case(noted).batch == 1500


def test_lengths_come_from_columns_then_notes_then_the_source():
    assert published.read_case(published_row(output_tokens="0.0")).output_tokens == 1
    blank = {"input_tokens": "", "output_tokens": ""}
    noted = published.read_case(published_row(**blank, notes="medians (p50 in 28650, out 256)"))
    assert (noted.input_tokens, noted.output_tokens) == (28650, 256)
    suite = published_row(**blank, source_title="AccelMark verified results")
    assert published.read_case(suite).input_tokens == 280
    for row in (suite | {"stage_or_metric": "ttft_ms"}, published_row(**blank)):
        with pytest.raises(CannotPredictError, match="lengths of prompts"):
            published.read_case(row)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"stage_or_metric": "watts"}, "stage_or_metric 'watts' is none"),
        ({"kind": "poisson"}, "kind 'poisson' is none"),
        ({"tp": ""}, "tp is not stated"),
        ({"n_devices": "4"}, "4 devices are stated for a layout of 1"),
        ({"notes": "x | first-token max > 2 x B: requests queued (KV pool or batch limit)"},
         "requests waited"),
        ({"engine": "JetStream-PyTorch"}, "engine 'JetStream-PyTorch' is not modelled"),
    ],
)  # fmt: skip
def test_published_rows_that_no_estimate_describes(changes, reason):
    with pytest.raises(CannotPredictError, match=reason):
        published.read_case(published_row(**changes))


@pytest.mark.parametrize(
    ("weights", "kv_cache", "engine", "notes", "label"),
    [
        ("fp16", "fp16", "FasterTransformer", "", "fp16"),
        ("fp8", "", "TensorRT-LLM", "", "fp8"),
        ("fp8", "", "vLLM(ROCm)", "", "w fp8, a fp8, kv bf16"),
        ("fp8", "fp8", "vLLM(ROCm)", "", "fp8"),
        ("nvfp4", "", "TensorRT-LLM", "", "fp4"),
        ("w4a16", "", "vLLM", "", "int4"),
        ("w8a8", "", "vLLM", "", "w8a8"),
        ("int8", "bf16", "vLLM", "weight-only int8", "w8a16"),
        ("int8", "int8", "vLLM", "", "int8"),
    ],
)
def test_published_precisions(weights, kv_cache, engine, notes, label):
    row = published_row(
        precision_weights=weights, precision_kv=kv_cache, engine=engine, notes=notes
    )
    assert published.read_case(row).precision.label == label


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("GPT-6.7B (h=4096,L=32,heads=32,MHA,ffn=4h,vocab=51200)", 6.65),
        ("GPT-20B (h=6144,L=44,heads=48,MHA,ffn=4h,vocab=51200)", 20.2),
    ],
)
def test_a_shape_in_the_name_is_a_model(name, billions):
    found = names.model(name)
    assert architecture(found).parameters / 1e9 == pytest.approx(billions, rel=0.01)
    assert (found.model, found.num_ffi) == (name.split()[0], 1)


def test_palm_has_the_heads_it_was_padded_to():
    found = names.model(
        "PaLM-540B (h=18432,L=118,48->64 heads,d_head 256,MQA,ffn 4h SwiGLU,parallel block)"
    )
    assert (found.num_attention_heads, found.num_key_value_heads, found.head_dim) == (64, 1, 256)
    # 540.35 billion with 48 heads (arXiv:2204.02311, table 1); 16 more of q and o in each layer.
    padding = 2 * 16 * 256 * 18432 * 118
    assert architecture(found).parameters == pytest.approx(540.35e9 + padding, rel=0.005)


def test_other_names_are_looked_up():
    assert names.model("meta-llama/Llama-2-7b-chat-hf") is find_model("llama2_7b")


def test_what_was_not_measured_is_not_a_number():
    row = {name: text for name, text in closed_loop_row(tpot_ms="").items() if name != "ttft_ms"}
    assert all(math.isnan(value) for value in closed_loop.read_case(row).measured)


@pytest.mark.parametrize(
    ("version", "layout"), [("1.0", Layout(tp=1, ep=2, attention_dp=2)), ("0.17", Layout(tp=2))]
)
def test_how_tensorrt_llm_divided_mixtures_is_of_its_version(version, layout):
    # The pages' commands: attention data parallelism in 1.0 (00f37686), none in 0.17 (258c7540).
    row = published_row(
        model="mistralai/Mixtral-8x7B-v0.1", n_devices="2", tp="2", kind="inflight_saturated",
        source_title=f"TensorRT-LLM perf-overview v{version} (saturated)",
    )  # fmt: skip
    assert published.read_case(row).layout == layout
