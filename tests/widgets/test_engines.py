"""Engines on screen: their names are those of the core's records."""

from __future__ import annotations

import pytest

import llmcalc_core as llm
from llmcalc_core.engines import ENGINE_RECORDS
from llmcalc_widgets import ParetoExplorer


def test_the_form_lists_those_that_are_deployed_by_the_names_people_know() -> None:
    explorer = ParetoExplorer(model="llama3_8b", devices=1)
    listed = [("vLLM", "vllm"), ("TensorRT-LLM", "trtllm"), ("SGLang", "sglang"),
              ("llama.cpp", "llama.cpp")]  # fmt: skip
    assert list(explorer.form.fields["engine"].list.options) == listed
    explorer.engine = "lmdeploy"
    assert ("LMDeploy", "lmdeploy") in explorer.form.fields["engine"].list.options
    explorer.close()


@pytest.mark.parametrize("engine", ["lmdeploy", "toy"])
def test_an_engine_that_no_list_has_is_named_and_its_basis_said(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ENGINE_RECORDS, "toy", llm.Engine(name="toy", label="Toy"))
    explorer = ParetoExplorer(model="llama3_8b", devices=1, engine=engine)
    label = {"lmdeploy": "LMDeploy", "toy": "Toy"}[engine]
    assert label in explorer.chart._head.value
    assert not explorer.error
    assert set(explorer.df["basis"]) == {"assumed" if engine == "toy" else "transferred"}
    explorer.close()
