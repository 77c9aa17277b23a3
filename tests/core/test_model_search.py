"""Searching the catalogue."""

from __future__ import annotations

from llmcalc_core import list_models


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
