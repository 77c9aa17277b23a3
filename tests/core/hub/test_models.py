"""The catalogue: sizes as published, every spelling, errors that help."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from timeit import timeit
from typing import Any

import pytest

from llmcalc_core.architecture.model import architecture
from llmcalc_core.hub.models import find_model, list_models, model_entry
from llmcalc_core.model.config import ModelConfig

TOLERANCE = 0.005  # of the published number of parameters

# (name, parameters, source); safetensors totals are those of the Hugging Face model cards.
PUBLISHED = [
    ("llama2_7b", 6_738_415_616, "safetensors of meta-llama/Llama-2-7b-hf without buffers"),
    ("llama2_13b", 13_015_864_320, "safetensors of meta-llama/Llama-2-13b-hf without buffers"),
    ("llama2_70b", 68_976_648_192, "safetensors of meta-llama/Llama-2-70b-hf without buffers"),
    ("llama3_8b", 8_030_261_248, "safetensors of meta-llama/Llama-3.1-8B"),
    ("llama3_70b", 70_553_706_496, "safetensors of meta-llama/Llama-3.1-70B"),
    ("llama3_405b", 405_853_388_800, "safetensors of meta-llama/Llama-3.1-405B"),
    ("mixtral_8x7b", 46_702_792_704, "safetensors of mistralai/Mixtral-8x7B-v0.1"),
    ("qwen2_57b_a14b", 57_408_658_944, "safetensors of Qwen/Qwen2-57B-A14B"),
    ("qwen3_32b", 32_762_123_264, "safetensors of Qwen/Qwen3-32B"),
    ("qwen3_235b_a22b", 235_093_634_560, "safetensors of Qwen/Qwen3-235B-A22B"),
    ("gemma2_9b", 9_241_705_984, "safetensors of google/gemma-2-9b"),
    ("gemma3_1b", 999_885_952, "safetensors of google/gemma-3-1b-pt"),
    ("deepseek_v2_lite", 15_706_484_224, "safetensors of deepseek-ai/DeepSeek-V2-Lite"),
    ("glm_4_9b", 9_399_951_360, "safetensors of THUDM/glm-4-9b-chat"),
    ("gpt2", 124_439_808, "weights of openai-community/gpt2"),
    ("mamba_2_8b", 2_768_345_600, "safetensors of state-spaces/mamba-2.8b-hf"),
    ("deepseek_v3", 671_000_000_000, "arXiv:2412.19437: 671B"),
    ("palm_540b", 540_350_000_000, "arXiv:2204.02311, table 1"),
    ("minimax_m2_5", 229_000_000_000, "model card: 229B"),
    ("kimi_k2_5", 1_026_500_000_000, "safetensors of moonshotai/Kimi-K2-Instruct, same text part"),
    ("gpt_oss_120b", 116_830_000_000, "arXiv:2508.10925, table 1: 116.83B"),
    ("llama4_maverick", 400_000_000_000, "model card: 400B"),
    ("glm_5", 744_000_000_000, "arXiv:2602.15763: 744B"),
    ("qwen3_5_397b_a17b", 397_000_000_000, "model card: 397B"),
    ("gpt_oss_20b", 20_910_000_000, "arXiv:2508.10925, table 1: 20.91B"),
    ("jamba_1_5_large", 398_000_000_000, "arXiv:2408.12570: 398B"),
]

# Spellings that users of GenZ and of the Hugging Face hub write, and what they mean.
SPELLINGS = [
    ("llama2_7b", "llama2_7b"),
    ("LLAMA2_7B", "llama2_7b"),
    ("meta-llama/Llama-2-7B", "llama2_7b"),
    ("meta-llama/Llama-2-7b-hf", "llama2_7b"),
    ("Llama-2-7b-chat-hf", "llama2_7b"),
    ("meta-llama/llama-2-13b", "llama2_13b"),
    ("llama_33b", "llama_33b"),
    ("meta-llama/llama-2-33b", "llama_33b"),
    ("llama_405b", "llama3_405b"),
    ("meta/llama3_405B", "llama3_405b"),
    ("meta-llama/meta-llama-3.1-70b", "llama3_70b"),
    ("meta-llama/Llama-3.1-8B-Instruct", "llama3_8b"),
    ("meta-llama/Meta-Llama-3-8B-Instruct", "llama3_0_8b"),
    ("Llama-3.2-3B", "llama3_2_3b"),
    ("meta-llama/Llama-3.3-70B-Instruct", "llama3_3_70b"),
    ("mistralai/mistral-7b", "mistral_7b"),
    ("mistralai/Mistral-7B-Instruct-v0.3", "mistral_7b_v0_3"),
    ("mistralai/Mistral-NeMo-12B-Instruct", "mistral_nemo_12b"),
    ("Ministral-8B-Instruct-2410", "ministral_8b"),
    ("mistralai/Mistral-Large", "mistral_large"),
    ("mistralai/Mixtral-8x7B", "mixtral_8x7b"),
    ("mistralai/Mixtral-8x7B-Instruct-v0.1", "mixtral_8x7b"),
    ("mistralai/Mixtral-8x22B", "mixtral_8x22b"),
    ("mistralai/Mixtral-8x22B-Instruct-v0.1", "mixtral_8x22b_instruct"),
    ("e5_mistral_7b", "e5_mistral_7b"),
    ("HuggingFaceH4/zephyr-7b-beta", "zephyr_7b"),
    ("Qwen/Qwen-1_8B", "qwen_1_8b"),
    ("Qwen/Qwen-72B-Chat", "qwen_72b"),
    ("Qwen/Qwen1.5-MoE-A2.7B", "qwen1_5_moe_a2_7b"),
    ("qwen2.5-7b-instruct", "qwen2_5_7b"),
    ("Qwen/Qwen3-30B-A3B", "qwen3_30b_a3b"),
    ("google/gemma-2-27b-it", "gemma2_27b"),
    ("google/gemma-2b-it", "gemma_2b"),
    ("google/gemma-3-12B", "gemma3_12b"),
    ("google/palm", "palm_540b"),
    ("microsoft/phi3mini", "phi3mini"),
    ("microsoft/Phi-3-mini", "phi3mini"),
    ("microsoft/Phi-3.5-MoE", "phi3moe"),
    ("deepseek-ai/DeepSeek-V3-Base", "deepseek_v3"),
    ("deepseek-ai/DeepSeek-R1", "deepseek_v3"),
    ("deepseek-ai/deepseek-moe-16b-base", "deepseek_moe_16b"),
    ("databricks/dbrx-base", "dbrx"),
    ("falcon7b", "falcon7b"),
    ("tiiuae/falcon-7b-instruct", "falcon7b"),
    ("tiiuae/falcon-mamba-7b", "falcon_mamba_7b"),
    ("state-spaces/mamba-130m-hf", "mamba_130m"),
    ("ai21labs/Jamba-v0.1", "jamba_v0_1"),
    ("AI21-Jamba-1.5-Large", "jamba_1_5_large"),
    ("glm-9b", "glm_4_9b"),
    ("grok-1", "grok_1"),
    ("gpt-2", "gpt2"),
    ("gpt-3", "gpt3_175b"),
    ("gpt-3_7b", "opt_7b"),
    ("facebook/OPT-13B", "opt_13b"),
    ("facebook/opt-175b", "opt_175b"),
    ("nvidia/Nemotron-4-340B", "nemotron_4_340b"),
    ("nvidia/Mistral-NeMo-Minitron-8B-Base", "mistral_nemo_minitron_8b"),
    ("MiniMaxAI/MiniMax-M2.5", "minimax_m2_5"),
    ("moonshotai/Kimi-K2.5", "kimi_k2_5"),
    ("openai/gpt-oss-120b", "gpt_oss_120b"),
    ("gpt-oss-20b", "gpt_oss_20b"),
    ("meta-llama/Llama-4-Maverick-17B-128E-Instruct", "llama4_maverick"),
    ("meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8", "llama4_maverick"),
    ("zhipuai/GLM-5", "glm_5"),
    ("zai-org/GLM-5", "glm_5"),
    ("zai-org/GLM-5-FP8", "glm_5"),
    ("nvidia/GLM-5-NVFP4", "glm_5"),
    ("Qwen/Qwen3.5-397B-A17B", "qwen3_5_397b_a17b"),
    ("nvidia/Qwen3.5-397B-A17B-NVFP4", "qwen3_5_397b_a17b"),
    ("EleutherAI/gpt-j-6b", "gpt_j_6b"),
    ("tiiuae/falcon-180B", "falcon_180b"),
    ("meta-llama/Llama-2-70b-chat-hf", "llama2_70b"),
    ("meta-llama/Llama-3.1-405B-Instruct", "llama3_405b"),
    ("Qwen/Qwen2.5-0.5B-Instruct", "qwen2_5_0_5b"),
    ("deepseek-ai/DeepSeek-V3.1", "deepseek_v3"),
    # quantised checkpoints, of the owner of the model and of others
    ("Qwen/Qwen3-235B-A22B-FP8", "qwen3_235b_a22b"),
    ("Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8", "qwen3_coder_480b_a35b"),
    ("deepseek-ai/DeepSeek-R1-Distill-Qwen-32B", "qwen2_5_32b"),
    ("moonshotai/Kimi-K2-Thinking", "kimi_k2"),
    ("nvidia/Qwen3-235B-A22B-NVFP4", "qwen3_235b_a22b"),
    ("nvidia/Llama-3.1-70B-Instruct-FP8", "llama3_70b"),
    ("nvidia/DeepSeek-V3.1-NVFP4", "deepseek_v3"),
    ("nvidia/Kimi-K2.5-NVFP4", "kimi_k2_5"),
    ("Qwen/Qwen3-32B-FP8-Static-PerTensor", "qwen3_32b"),
    ("RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w4a16", "llama3_8b"),
    ("RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w8a8", "llama3_8b"),
    ("RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w8a16", "llama3_8b"),
]


@pytest.mark.parametrize("name", list_models())
def test_layers_add_up_to_the_published_size(name: str) -> None:
    entry = model_entry(name)
    model = architecture(entry.config)
    counted = model.parameters + model.vision_parameters
    assert counted == pytest.approx(entry.published_parameters, rel=TOLERANCE)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [case[:2] for case in PUBLISHED],
    ids=[f"{name}: {source}" for name, _, source in PUBLISHED],
)
def test_size_is_that_of_the_source(name: str, parameters: int) -> None:
    assert model_entry(name).published_parameters == pytest.approx(parameters, rel=1e-3)
    assert architecture(find_model(name)).parameters == pytest.approx(parameters, rel=TOLERANCE)


# (name, active parameters [billions], digits after the point, what they leave out, source)
ACTIVE = [
    ("deepseek_v3", 37, 0, "embedding", "arXiv:2412.19437, section 1"),
    ("qwen3_235b_a22b", 22, 0, "", "arXiv:2505.09388, table 2"),
    ("minimax_m2_5", 9.8, 1, "embedding and head", "technical report of MiniMax-M2"),
    ("kimi_k2_5", 32, 0, "embedding", "arXiv:2507.20534, section 1"),
    ("gpt_oss_120b", 5.13, 2, "embedding", "arXiv:2508.10925, table 1, which counts the head"),
    ("gpt_oss_20b", 3.61, 2, "embedding", "arXiv:2508.10925, table 1, which counts the head"),
    ("llama4_maverick", 17, 0, "", "model card of meta-llama/Llama-4-Maverick-17B-128E"),
    ("glm_5", 40, 0, "embedding and head", "arXiv:2602.15763, table of the architecture"),
    ("qwen3_5_397b_a17b", 17, 0, "", "model card of Qwen/Qwen3.5-397B-A17B"),
]


@pytest.mark.parametrize(
    ("name", "published", "digits", "without"),
    [case[:4] for case in ACTIVE],
    ids=[f"{name}: {source}" for name, _, _, _, source in ACTIVE],
)
def test_active_parameters_are_those_published(
    name: str, published: float, digits: int, without: str
) -> None:
    model = architecture(find_model(name))
    active = model.active_parameters
    active -= model.embedding_parameters if "embedding" in without else 0
    active -= model.head_parameters if "head" in without else 0
    assert round(active / 1e9, digits) == published


@pytest.mark.parametrize(("spelling", "name"), SPELLINGS, ids=[case[0] for case in SPELLINGS])
def test_spelling_finds_its_model(spelling: str, name: str) -> None:
    assert find_model(spelling) is find_model(spelling)
    assert replace(find_model(spelling), precision=None) == _plain(name)


def _plain(name: str) -> ModelConfig:
    return replace(model_entry(name).config, precision=None)


@pytest.mark.parametrize("name", list_models())
def test_entry_is_complete_and_found_by_all_its_spellings(name: str) -> None:
    entry = model_entry(name)
    assert re.search(r"(read|checked) 2\d{3}-\d\d-\d\d|recalled", entry.source)
    for spelling in (name, entry.config.model, *entry.aliases):
        assert model_entry(spelling).name == name
        assert find_model(spelling.upper()) is entry.config


def test_no_spelling_is_given_twice() -> None:
    spellings = Counter(
        re.sub(r"[_.]", "-", spelling.casefold())
        for name in list_models()
        for spelling in {name, model_entry(name).config.model, *model_entry(name).aliases}
    )
    assert {spelling: count for spelling, count in spellings.items() if count > 1} == {}


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("falcon7b", "num_key_value_heads", 1),  # multi-query
        ("mistral_nemo_12b", "head_dim", 128),  # not hidden_size / heads
        ("palm_540b", "num_key_value_heads", 1),
        ("qwen2_57b_a14b", "shared_expert_intermediate_size", 20480),
        ("gemma2_9b", "layer_types", ("sliding_attention", "full_attention") * 21),
        ("deepseek_v3", "kv_lora_rank", 512),
        ("mamba_130m", "layer_types", ("mamba",) * 24),
        ("opt_125m", "learned_positions", 2050),
        ("gpt_oss_120b", "layer_types", ("sliding_attention", "full_attention") * 18),
    ],
)
def test_architecture_is_that_of_the_checkpoint(name: str, field: str, value: object) -> None:
    assert getattr(find_model(name), field) == value


@pytest.mark.parametrize(
    ("model", "close"),
    [
        ("lama2_7b", "llama2_7b"),
        ("mixtral_8x7", "mixtral_8x7b"),
        ("meta-llama/Llama-2-8b", "meta-llama/Llama-2-"),
        ("somebody/Llama-3.1-8B-Instruct", "meta-llama/Llama-3.1-8B"),
        ("somebody/Llama-3.1-8B-Instruct-FP8", "meta-llama/Llama-3.1-8B"),
        ("nvidia/Llama-3.1-8B-Instruct", "meta-llama/Llama-3"),
    ],
)
def test_unknown_name_suggests_the_nearest(model: str, close: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(model))) as caught:
        find_model(model)
    assert close in str(caught.value)
    with pytest.raises(ValueError, match="did you mean"):
        model_entry(model)


def test_a_name_far_from_all_others_gets_no_guess() -> None:
    with pytest.raises(ValueError, match=r"unknown model 'bge-m3'; list_models"):
        find_model("bge-m3")


@pytest.mark.parametrize("model", [None, 7, 7.0, ["llama2_7b"], ""])
def test_what_is_no_model_is_refused(model: Any) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(model))):
        find_model(model)


def test_config_passes_through() -> None:
    config = ModelConfig(
        vocab_size=100,
        hidden_size=8,
        num_decoder_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
    )
    assert find_model(config) is config


def test_entries_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        model_entry("llama2_7b").source = "hearsay"  # type: ignore[misc]


def test_name_comes_before_a_folder_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gpt2").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_model("gpt2") is model_entry("gpt2").config
    with pytest.raises(ValueError, match=r"config\.json"):
        find_model("./gpt2")


def test_repeated_lookup_is_immediate() -> None:
    find_model("llama2_7b")
    best = min(timeit(lambda: find_model("llama2_7b"), number=1000) for _ in range(20)) / 1000
    assert best < 3e-6  # seconds


# (spelling, label of the precision)
STORED = [
    ("Qwen/Qwen3-32B", "none"),
    ("meta-llama/Llama-3.1-8B-Instruct", "none"),
    ("Qwen/Qwen3-32B-FP8", "w fp8_block, a fp8, kv bf16"),
    ("nvidia/Llama-3.1-70B-Instruct-FP8", "fp8"),  # with scales of the KV cache
    ("Qwen/Qwen2.5-72B-Instruct-AWQ", "int4"),
    ("Qwen/Qwen2.5-72B-Instruct-GPTQ-Int8", "w8a16"),
    ("RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w8a8", "w8a8"),
    ("Qwen/Qwen3-30B-A3B-GPTQ-Int4", "bf16, experts w int4, a bf16"),
    # as their own files say
    ("deepseek-ai/DeepSeek-R1", "w fp8_block, a fp8, kv bf16"),
    ("openai/gpt-oss-20b", "bf16, experts w fp4, a bf16, 4.25 bits"),
    ("nvidia/DeepSeek-V3.1-NVFP4", "fp4, attention bf16, attention output fp4"),
    ("qwen3-235b-a22b-nvfp4", "fp4"),
    ("nvidia/MiniMax-M2.5-NVFP4", "w bf16, a bf16, kv fp8, experts w fp4, a fp4"),
]


@pytest.mark.parametrize(("spelling", "label"), STORED, ids=[case[0] for case in STORED])
def test_spelling_says_the_precision(spelling: str, label: str) -> None:
    precision = find_model(spelling).precision
    assert (precision.label if precision else "none") == label


def test_list_can_be_searched() -> None:
    assert {"llama2_70b", "llama3_405b", "mixtral_8x22b", "gpt_j_6b"} <= set(list_models())
    assert list_models("Qwen3-30B") == ("qwen3_30b_a3b",)
    assert list_models("30b qwen3") == list_models("QWEN3 30b")
    assert list_models("30b qwen3") == ("qwen3_30b_a3b", "qwen3_vl_30b_a3b")
    assert list_models("no such model") == ()


def test_what_has_the_name_comes_before_what_has_an_alias() -> None:
    found = list_models("deepseek")
    assert {"deepseek_v3", "deepseek_v3_2", "deepseek_moe_16b", "llama3_8b"} <= set(found)
    own = [name for name in found if name.startswith("deepseek")]
    assert list(found[: len(own)]) == own  # distilled models have only an alias


def test_a_misspelt_search_gives_the_nearest() -> None:
    assert list_models("qwen3_23b_a22b")[0] == "qwen3_235b_a22b"
    assert "mixtral_8x7b" in list_models("mixtrall-8x7b")


def test_there_are_all_models_of_the_families_in_use() -> None:
    assert len(list_models()) >= 160
    for family in ("llama", "qwen2", "qwen2_5", "qwen3", "deepseek", "gpt_oss", "gemma", "gemma2",
                   "gemma3", "mistral", "mixtral", "phi", "falcon", "glm", "kimi_k2",
                   "minimax"):  # fmt: skip
        assert [name for name in list_models(family) if name.startswith(family)], family
