"""The version of an engine on screen: chosen, checked, kept and written as code."""

from __future__ import annotations

import pytest
from traitlets import TraitError

import llmcalc_core as llm
from llmcalc_widgets import ParetoExplorer, SloFinder
from llmcalc_widgets.form.form import RARE


@pytest.fixture
def explorer():
    made = ParetoExplorer(model="llama3_8b", devices=1, phase="serving", engine_version="0.11")
    made.form.reveal(RARE)
    yield made
    made.close()


def test_a_version_asks_the_core(explorer) -> None:
    assert explorer.request.serves == llm.find_engine("vllm", "0.11")
    newest = ParetoExplorer(model="llama3_8b", devices=1, phase="serving")
    assert newest.engine_version is None
    # It schedules ahead, which 0.11 does not.
    assert newest.df["tpot_s"].min() < explorer.df["tpot_s"].min()
    assert "vLLM 0.11" in explorer.chart._head.value
    newest.close()


def test_its_code_gives_the_same_table(explorer) -> None:
    code = explorer.to_code()
    assert 'engine_version="0.11"' in code
    seen: dict[str, object] = {}
    exec(code, seen)  # noqa: S102 - the program that a user would run
    assert seen["df"].equals(explorer.df)


def test_it_is_kept(explorer) -> None:
    again = ParetoExplorer.from_config(explorer.to_config())
    assert again.engine_version == "0.11"
    again.close()


def test_a_version_that_an_engine_has_not_is_refused_with_the_nearest(explorer) -> None:
    with pytest.raises(TraitError, match=r"from 0.6 to 0.33, got '0.1'; the nearest known is 0.6"):
        explorer.engine_version = "0.1"
    with pytest.raises(TraitError, match=r"must be a release such as '0\.11'"):
        explorer.engine_version = "nightly"
    assert explorer.engine_version == "0.11"


def test_the_newest_stands_where_nothing_is_typed() -> None:
    explorer = ParetoExplorer(model="llama3_8b", devices=1, engine="sglang", phase="decode")
    explorer.form.reveal(RARE)
    newest = llm.find_engine("sglang").version
    assert explorer.form.fields["engine_version"].text.placeholder == f"newest, {newest}"
    explorer.close()


def test_a_search_and_a_load_curve_ask_for_it() -> None:
    finder = SloFinder(model="llama3_8b", hardware=("H100_80GB",), engine_version="0.11")
    assert 'engine_version="0.11"' in finder.to_code()
    finder.close()


def test_another_engine_clears_a_version_that_it_has_not_and_says_so(explorer) -> None:
    field = explorer.form.fields["engine_version"]
    explorer.form.fields["engine"].dropdown.value = "sglang"
    assert (explorer.engine, explorer.engine_version, explorer.error) == ("sglang", None, "")
    assert explorer.request.serves == llm.find_engine("sglang")
    assert "0.11 is of vLLM, and was cleared." in field.message.value
    field.text.value = "0.5"
    assert (explorer.engine_version, field.message.value) == ("0.5", "")


def test_an_engine_without_versions_takes_none(explorer) -> None:
    explorer.update(engine="lmdeploy", phase="decode")
    field = explorer.form.fields["engine_version"]
    assert (explorer.engine_version, field.text.disabled) == (None, True)
    assert "Versions of LMDeploy are not told apart." in field.message.value
    with pytest.raises(TraitError, match="engine_version of SGLang must be a release"):
        explorer.update(engine="sglang", engine_version="0.11")
    assert explorer.engine == "lmdeploy"
    explorer.update(engine="vllm", engine_version="0.11")
    explorer.compared = [{"engine": "sglang"}]
    assert explorer.chart.drawing.compared_lines.names


def test_a_refused_version_stands_under_its_field_in_words(explorer) -> None:
    field = explorer.form.fields["engine_version"]
    field.text.value = "0.1"
    assert "Engine version of vLLM must be a release from" in field.message.value


def test_what_an_engine_is_told_has_controls_and_asks_the_core(explorer) -> None:
    explorer.form.reveal("Techniques")
    explorer.form.fields["max_num_seqs"].text.value = "16"
    explorer.form.fields["enforce_eager"].dropdown.value = True
    told = llm.find_engine("vllm", "0.11").told(max_num_seqs=16, enforce_eager=True)
    assert explorer.request.serves == told
    assert "at most 16 at once, eager" in explorer.chart._head.value
    explorer.form.fields["max_num_seqs"].text.value = "0"
    assert "Must be" in explorer.form.fields["max_num_seqs"].message.value
    assert explorer.max_num_seqs == 16
