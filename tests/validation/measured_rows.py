"""Rows of all schemas for tests, and estimates of round numbers in place of the real ones."""

from __future__ import annotations

from types import SimpleNamespace

LLAMA, GPT_OSS = "meta-llama/Llama-3.1-70B", "openai/gpt-oss-120b"
DEEPSEEK, KIMI = "deepseek-ai/DeepSeek-V3", "moonshotai/Kimi-K2.5"
H200, B200 = "H200_SXM_141GB", "B200_SXM_180GB"

CLOSED_LOOP = {
    "id": "c1_cfg1", "model": "meta-llama/Llama-3.1-70B", "hardware": "H200_SXM_141GB",
    "engine": "vllm", "weights": "fp8", "concurrency": "16", "tensor_parallel": "2",
    "pipeline_parallel": "1", "attention_data_parallel": "1", "moe_tensor_parallel": "1.0",
    "moe_expert_parallel": "1.0", "input_tokens": "1024", "output_tokens": "8192",
    "ttft_ms": "100", "tpot_ms": "20",
}  # fmt: skip

SWEPT = "swept_tp2_epnone_1"
"""An id of a row that is not InferenceX's."""

PUBLISHED = {
    "id": "p1", "source_title": "a table", "engine": "TensorRT-LLM",
    "model": "meta-llama/Llama-2-7b-hf", "hardware": "A100_SXM_80GB", "n_devices": "1",
    "tp": "1.0", "pp": "1.0", "ep": "", "precision_weights": "fp16", "precision_kv": "fp16",
    "stage_or_metric": "tpot_ms", "batch_or_concurrency": "8.0", "input_tokens": "100.0",
    "output_tokens": "11.0", "value": "16", "per": "per_instance", "kind": "static_batch",
    "notes": "",
}  # fmt: skip


OPEN_LOOP = {
    "id": "o1", "source": "github:inference-sim/training some run", "engine": "vllm",
    "model": "meta-llama/Llama-2-7b-hf", "hardware": "H100_80GB", "tp": "1", "dp": "1",
    "precision": "16 bit", "max_num_batched_tokens": "2048", "max_num_seqs": "128",
    "kv_blocks": "", "arrivals": "constant", "rate": "5.0", "duration_s": "20", "requests": "",
    "sessions": "4", "system_prompt_tokens": "100", "question_tokens": "466",
    "multi_turn": "True", "output_tokens": "50", "prompt_tokens_mean": "591.6",
    "prompt_tokens_p99": "603.01", "answer_tokens_mean": "40.5", "ttft_mean_ms": "25.04",
    "ttft_p50_ms": "24.26", "ttft_p90_ms": "28.37", "ttft_p99_ms": "45.97",
    "e2e_mean_ms": "400", "e2e_p99_ms": "500", "tpot_mean_ms": "9.265",
}  # fmt: skip


def open_loop_row(**changes):
    return OPEN_LOOP | changes


def closed_loop_row(**changes):
    return CLOSED_LOOP | changes


def published_row(**changes):
    return PUBLISHED | changes


class RoundEstimates:
    """Stands for the estimates: batch and length decide the figures; every call is kept."""

    def __init__(self, *, largest_batch: int = 10**9) -> None:
        self.calls = []
        self.api = SimpleNamespace(
            estimate_prefill_performance=self.prefill,
            estimate_decode_performance=self.decode,
            estimate_end_to_end_performance=self.end_to_end,
            estimate_serving_performance=self.serving,
        )
        self.largest_batch = largest_batch

    def prefill(
        self, *, model, batch_size, input_tokens, system_name, bits, tensor_parallel,
        pipeline_parallel, expert_parallel, engine, engine_version, memory_fraction,
        constants=None,
    ):  # fmt: skip
        self.calls.append(("prefill", locals()))
        return self._static(batch_size, 1.0 * input_tokens)

    def decode(
        self, *, model, batch_size, input_tokens, output_tokens, system_name, bits,
        tensor_parallel, pipeline_parallel, expert_parallel, engine, engine_version,
        memory_fraction, constants=None,
    ):  # fmt: skip
        self.calls.append(("decode", locals()))
        return self._static(batch_size, 20.0)

    def end_to_end(
        self, *, model, batch_size, input_tokens, output_tokens, system_name, bits,
        tensor_parallel, pipeline_parallel, expert_parallel, engine, engine_version,
        memory_fraction, constants=None,
    ):  # fmt: skip
        self.calls.append(("end_to_end", locals()))
        return self._static(batch_size, 1.0 * input_tokens + 20.0 * (output_tokens - 1))

    def _static(self, batch, latency):
        return {
            "latency": latency,
            "latency_low": 0.8 * latency,
            "latency_high": 1.25 * latency,
            "memory_bytes": 24 * 2**30,
            "fits": batch <= self.largest_batch,
            "basis": "calibrated",
        }

    def serving(
        self, *, model, concurrency, input_tokens, output_tokens, system_name, bits,
        tensor_parallel, pipeline_parallel, expert_parallel, attention_data_parallel, engine,
        engine_version, max_num_seqs,
        fixed_lengths, held_steps, in_step, streaming, num_prompts, graph_batch_sizes,
        memory_fraction,
        prefix_hit_rate=0.0, prefill_chunk_tokens=None, constants=None,
    ):  # fmt: skip
        self.calls.append(("serving", locals()))
        return {
            "ttft_ms": 120.0, "ttft_ms_low": 60.0, "ttft_ms_high": 480.0,
            "tpot_ms": 12.0, "tpot_ms_low": 9.0, "tpot_ms_high": 24.0,
            # A request of n output tokens takes n ms for each in flight and for 60 more.
            "tokens_per_s": 1000.0 * concurrency / (concurrency + 60),
            "fits": concurrency <= self.largest_batch,
            "max_concurrency": self.largest_batch,
            "running": min(concurrency, self.largest_batch),
            "basis": "transferred",
        }  # fmt: skip
