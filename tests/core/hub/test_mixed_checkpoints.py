"""Checkpoints whose layers differ, or whose head is quantised: bytes as they are stored."""

from __future__ import annotations

from typing import Any

import pytest

from llmcalc_core import ModelConfig, Precision, Techniques, estimate_decode_performance
from llmcalc_core.architecture.model import architecture
from llmcalc_core.hub.reader import read_hf_config
from llmcalc_core.memory.device_memory import device_memory
from llmcalc_core.precision import parse_precision
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout
from tests.core.hub.test_quantisation import (
    DEEPSEEK_V3,
    GROUP,
    QWEN3_32B,
    group,
    nvfp4,
    read,
    weight_bytes,
)
from tests.core.layers.test_compressed import V4

NEMOTRON = {
    "model_type": "nemotron_h", "vocab_size": 131072, "hidden_size": 2688,
    "num_attention_heads": 32, "num_key_value_heads": 2, "head_dim": 128,
    "intermediate_size": 1856, "ssm_state_size": 128, "conv_kernel": 4, "mamba_num_heads": 64,
    "mamba_head_dim": 64, "n_groups": 8, "use_conv_bias": True, "n_routed_experts": 128,
    "num_experts_per_tok": 6, "moe_intermediate_size": 1856, "n_shared_experts": 1,
    "moe_shared_expert_intermediate_size": 3712,
    "hybrid_override_pattern": "MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME",
}  # fmt: skip
# hf_quant_config.json of nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-NVFP4, read 2026-11-23: attention is
# left out, and the layer of Mamba-2 before each
ATTENTION = [5, 12, 19, 26, 33, 42]
LEFT_OUT = [
    *(f"backbone.layers.{at - 1}.mixer.{name}_proj" for at in ATTENTION for name in ("in", "out")),
    *(f"backbone.layers.{at}.mixer.{name}_proj" for at in ATTENTION for name in "qkvo"),
]


def test_some_layers_in_16_bits_count_as_such() -> None:
    """Of 23 layers of Mamba-2 six are in 16 bits, 17 in 4.5 with their scales."""
    config = read(NEMOTRON, nvfp4("lm_head", *LEFT_OUT))
    assert config.precision.recurrent == "fp4"
    assert config.precision.bits("recurrent") == pytest.approx((17 * 4.5 + 6 * 16) / 23)
    assert config.precision.bits("experts") == 4.5
    all_narrow = read(NEMOTRON, nvfp4("lm_head", *[one for one in LEFT_OUT if "proj" not in one]))
    inner, shared = 64 * 64, 2 * 8 * 128
    mamba = 2688 * (2 * inner + shared + 64 + inner) + (inner + shared) * 5 + 3 * 64 + inner
    attention = 2688 * 128 * (2 * 32 + 2 * 2)
    more = 6 * (mamba + attention) * (16 - 4.5) / 8
    assert weight_bytes(config) - weight_bytes(all_narrow) == pytest.approx(more, rel=1e-6)


def test_the_first_and_the_last_layer_in_16_bits() -> None:
    """Of 64 dense layers of 3 x 5120 x 25,600 two, which a majority would overlook."""
    ends = [f"model.layers.{layer}.mlp*" for layer in (0, 63)]
    wider, narrow = read(QWEN3_32B, nvfp4("lm_head", *ends)), read(QWEN3_32B, nvfp4("lm_head"))
    more = 2 * 3 * 5120 * 25600 * (16 - 4.5) / 8
    assert weight_bytes(wider) - weight_bytes(narrow) == pytest.approx(more)
    assert weight_bytes(wider, tp=8) - weight_bytes(narrow, tp=8) == pytest.approx(more / 8)
    bits = (2 * 16 + 62 * 4.5) / 64
    assert wider.precision.bits("weights") == pytest.approx(bits)
    assert "weights 4.86 bits" in wider.precision.label


def test_one_projection_of_three_in_8_bits() -> None:
    """The usual guard of quantised files: every down projection is kept in FP8."""
    groups = {
        "group_0": {"targets": ["Linear"], "weights": {"num_bits": 4, "type": "float",
                                                       "group_size": 16}},
        "group_1": {"targets": ["re:.*down_proj"], "weights": {"num_bits": 8, "type": "float"}},
    }  # fmt: skip
    config = read(QWEN3_32B, {**group({}, None), "config_groups": groups, "ignore": ["lm_head"]})
    assert config.precision.bits("weights") == pytest.approx((2 * 4.5 + 8) / 3)
    assert config.precision.bits("attention") == 4.5


def test_queries_weigh_more_than_keys() -> None:
    """Queries of 64 heads in 4.5 bits, keys and values of 8 heads each in 16."""
    names = [f"model.layers.{layer}.self_attn.{name}" for layer in range(64)
             for name in ("k_proj", "v_proj")]  # fmt: skip
    config = read(QWEN3_32B, nvfp4("lm_head", *names))
    assert config.precision.attention == "fp4"
    assert config.precision.bits("attention") == pytest.approx((64 * 4.5 + 16 * 16) / 80)


def test_layers_of_prediction_are_not_those_of_the_decoder() -> None:
    assert read(DEEPSEEK_V3, nvfp4("lm_head", "mtp.layers.0*")).precision.label == "fp4"


def _groups(*targets: str) -> dict[str, Any]:
    """FP8 for the first targets, NVFP4 for the second, as RedHatAI/DeepSeek-V4-Flash-NVFP4-FP8."""
    schemes = ({"num_bits": 8, "type": "float"}, GROUP)
    return {"quant_method": "compressed-tensors", "ignore": [], "config_groups": {
        target: {"targets": [target], "weights": weights, "input_activations": weights}
        for target, weights in zip(targets, schemes, strict=True)
    }}  # fmt: skip


def test_modules_by_other_names_are_found() -> None:
    """Files of DeepSeek-V4 call the parts of an expert w1 or gate_proj, by who converted them."""
    targets = ("re:.*attn.*(fused_wqa_wkv|wq_b|wo_a|wo_b)$", "re:.*ffn.*(gate|up|down)_proj$")
    precision = read(V4, _groups(*targets)).precision
    assert (precision.attention, precision.experts, precision.shared) == ("fp8", "fp4", "fp4")
    assert precision.stored_bits == ()
    shared = [rf"re:.*\.mlp\.shared_expert\.{name}_proj$" for name in ("gate", "up", "down")]
    assert read(DEEPSEEK_V3, nvfp4("lm_head", *shared)).precision.shared == "bf16"


def test_what_a_file_says_of_unknown_modules_is_refused() -> None:
    """Never 16 bits for what is stored in four, because its name is not known."""
    targets = ("re:.*attn.*", "re:.*ffn.*(first|second)_proj$")
    with pytest.raises(ValueError, match=r"not known, such as 're:\.\*ffn"):
        read(V4, _groups(*targets))
    others = ("re:.*attn.*", "re:.*(visual|mtp).*_proj$")
    assert read(V4, _groups(*others)).precision.experts == "bf16"


# (quantisation of the head, bits of one of its weights)
HEADS: list[tuple[dict[str, Any], float]] = [
    (nvfp4("lm_head"), 16.0),
    (group({"num_bits": 8, "type": "float"}, None), 8.0),
    ({"quant_method": "gptq", "bits": 4, "group_size": 64, "lm_head": True}, 4 + 20 / 64),
    ({"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION",
      "quantized_layers": {"lm_head": {"quant_algo": "FP8"},
                           "model.layers.0.mlp.up_proj": {"quant_algo": "FP8"}}}, 8.0),
]  # fmt: skip


@pytest.mark.parametrize(("quantisation", "bits"), HEADS)
def test_a_head_takes_the_bits_that_its_file_says(quantisation, bits) -> None:
    config = read(QWEN3_32B, quantisation)
    assert config.precision.bits("head") == pytest.approx(bits)


def test_a_narrow_head_takes_less() -> None:
    fp8 = {"num_bits": 8, "type": "float"}
    narrow, wide = (read(QWEN3_32B, group(fp8, None, ignore=out)) for out in ([], ["lm_head"]))
    assert weight_bytes(wide) - weight_bytes(narrow) == pytest.approx(151936 * 5120)


MX = {"dtype": "fp4", "qscheme": "per_group", "group_size": 32}
EIGHT = {"dtype": "fp8_e4m3", "qscheme": "per_tensor"}
ROUND = {"quant_method": "auto-round", "bits": 4, "group_size": 128, "sym": True,
         "packing_format": "auto_round:auto_gptq"}  # fmt: skip


@pytest.mark.parametrize("left_out", ["model.layers.61*", "mtp.layers.0*"])
def test_modules_of_prediction_left_out_are_held_in_16_bits(left_out: str) -> None:
    """NVFP4 files leave the module of DeepSeek-V3 as it is: 2 bytes of each of its 11.6 billion."""
    drafting = Techniques(speculative_tokens=1, acceptance_rate=0.8)

    def added(config: ModelConfig) -> float:
        model = architecture(config)
        grids = [
            make_grid((Layout(),), batches=(1,), inputs=(15,), outputs=(1,), techniques=one)
            for one in (Techniques(), drafting)
        ]
        usual, more = (
            device_memory(model, config.precision, grid).weights.item() for grid in grids
        )
        return more - usual

    values = {**DEEPSEEK_V3, "num_nextn_predict_layers": 1}
    wide, narrow = (read(values, nvfp4("lm_head", *out)) for out in ([left_out], []))
    assert wide.precision.bits("mtp") == 16
    assert added(wide) == pytest.approx(2 * architecture(wide).mtp_parameters, rel=1e-6)
    assert added(narrow) < added(wide) / 3


# (quantisation as Quark and AutoRound write it, label)
OTHERS: list[tuple[dict[str, Any], str]] = [
    ({"quant_method": "quark", "global_quant_config": {"weight": MX, "input_tensors": MX},
      "exclude": ["lm_head", "re:.*self_attn.*"]}, "w4a4, attention bf16, 4.25 bits"),
    ({"quant_method": "quark", "global_quant_config": {"weight": EIGHT, "input_tensors": EIGHT},
      "layer_quant_config": {"*.k_proj": {"weight": EIGHT, "input_tensors": EIGHT,
                                          "output_tensors": EIGHT}},
      "exclude": ["lm_head"]}, "fp8"),
    (ROUND, "int4, 4.125 bits"),
    ({**ROUND, "extra_config": {f"model.layers.{layer}.self_attn.{name}_proj": {"bits": 16}
                                for layer in range(64) for name in "qkvo"}},
     "int4, attention bf16, 4.125 bits"),
]  # fmt: skip


@pytest.mark.parametrize(("quantisation", "label"), OTHERS)
def test_quark_and_auto_round(quantisation, label) -> None:
    assert read(QWEN3_32B, quantisation).precision.label == label


@pytest.mark.parametrize(
    ("quantisation", "message"),
    [
        ({**ROUND, "bits": 2}, "bits can only be described as 4 or 8, got 2"),
        ({**ROUND, "data_type": "mx_fp"}, "data_type can only be described as int"),
        ({**ROUND, "extra_config": {"model.layers.0.mlp.up_proj": {"bits": 8}}}, "extra_config"),
        ({"quant_method": "quark", "global_quant_config": {"weight": {"dtype": "fp6_e3m2"}}},
         "dtype must be one of fp4, .*got 'fp6_e3m2'"),
        ({"quant_method": "quark", "global_quant_config": {
            "weight": EIGHT, "input_tensors": {"dtype": "fp6_e3m2"}}},
         "input_tensors: the field dtype must be one of fp4, .*got 'fp6_e3m2'"),
        ({"quant_method": "quark", "global_quant_config": {"weight": EIGHT},
          "layer_quant_config": {"*.k_proj": {"weight": EIGHT, "output_tensors": {"dtype": "x"}}}},
         "output_tensors: the field dtype must be one of"),
    ],
)  # fmt: skip
def test_what_quark_and_auto_round_cannot_say_is_refused(quantisation, message) -> None:
    with pytest.raises(ValueError, match=message):
        read(QWEN3_32B, quantisation)


def test_a_tied_head_is_the_embedding() -> None:
    tied = {**QWEN3_32B, "tie_word_embeddings": True}
    assert read(tied, group({"num_bits": 8, "type": "float"}, None)).precision.stored_bits == ()


def test_stated_bits_are_checked() -> None:
    mixed = Precision(weights="fp4", stored_bits={"recurrent": 7.5, "head": 8})
    assert mixed.stored_bits == (("head", 8.0), ("recurrent", 7.5))
    assert hash(mixed) == hash(Precision(weights="fp4", stored_bits=mixed.stored_bits))
    assert mixed.part("recurrent").weight_bytes == 7.5 / 8
    assert mixed.part("recurrent") is mixed.part("recurrent")
    assert mixed.head_bytes == 1
    assert mixed.unquantised_bytes == parse_precision("fp4").unquantised_bytes
    with pytest.raises(ValueError, match=r"stored_bits must be one of.*got 'recurent'"):
        Precision(stored_bits={"recurent": 8})
    with pytest.raises(ValueError, match=r"stored_bits, head must be .*got 0"):
        Precision(stored_bits={"head": 0})


def test_weights_are_read_as_they_are_held() -> None:
    """Decoding at a batch of one is bound by weights: more bits take longer, if slightly."""
    ends = [f"model.layers.{layer}.mlp*" for layer in range(16)]
    asked = {"batch_size": 1, "system_name": "B200_180GB", "input_tokens": 100}
    narrow, wider, wide = (
        estimate_decode_performance(config, **asked)["latency"]
        for config in (
            read(QWEN3_32B, nvfp4("lm_head")),
            read(QWEN3_32B, nvfp4("lm_head", *ends)),
            read_hf_config(QWEN3_32B),
        )
    )
    assert narrow < wider < wide
