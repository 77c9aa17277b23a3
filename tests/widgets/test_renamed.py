"""Settings by their old names: understood for a version, with a warning to whoever uses them."""

from __future__ import annotations

import ipywidgets
import pytest
import traitlets

from llmcalc_widgets import HardwareComparer, ParetoExplorer, SloFinder
from llmcalc_widgets.settings.compared import typed_changes

OLD = "stage is deprecated and goes with the next version: use phase"


@pytest.fixture
def explorer():
    with pytest.warns(DeprecationWarning, match=OLD) as told:
        made = ParetoExplorer(model="llama2_7b", devices=1, stage="serving")
    assert told[0].filename == __file__
    yield made
    made.close()


def test_an_old_name_is_read_set_and_observed(explorer) -> None:
    assert explorer.phase == "serving"
    seen: list[str] = []
    explorer.observe(lambda change: seen.append(change["new"]), "stage")
    with pytest.warns(DeprecationWarning, match=OLD) as told:
        explorer.stage = "decode"
    assert told[0].filename == __file__
    with pytest.warns(DeprecationWarning, match=OLD) as told:
        assert explorer.stage == explorer.phase == "decode"
    assert told[0].filename == __file__
    explorer.phase = "prefill"
    assert seen == ["decode", "prefill"]
    with pytest.warns(DeprecationWarning, match=OLD):
        explorer.update(stage="serving")
    choice = ipywidgets.Dropdown(options=["decode", "serving"], value="decode")
    with pytest.warns(DeprecationWarning, match=OLD):
        traitlets.link((explorer, "stage"), (choice, "value"))
    assert choice.value == "serving"


def test_what_is_written_has_the_new_name(explorer) -> None:
    assert 'phase="serving"' in explorer.to_code()
    config = explorer.to_config()
    assert config["phase"] == "serving"
    assert "stage" not in config
    old = {name: value for name, value in config.items() if name != "phase"} | {"stage": "prefill"}
    with pytest.warns(DeprecationWarning, match=OLD):
        again = ParetoExplorer.from_config(old)
    assert again.phase == "prefill"
    again.close()


def test_what_is_compared_and_pinned_may_have_it(explorer) -> None:
    with pytest.warns(DeprecationWarning, match=OLD):
        explorer.compared = [{"stage": "serving", "devices": 2}]
    assert explorer.compared == ({"phase": "serving", "devices": 2},)
    with pytest.warns(DeprecationWarning, match=OLD):
        explorer.pins = [{"name": "A", "settings": {"stage": "serving"}}]
    assert explorer.pins[0]["settings"]["phase"] == "serving"
    assert typed_changes("stage: decode") == {"phase": "decode"}


def test_both_names_and_a_widget_without_phases_are_refused() -> None:
    with pytest.raises(TypeError, match="stage is the old name of phase"):
        ParetoExplorer(stage="decode", phase="serving")
    with pytest.warns(DeprecationWarning, match=OLD):
        comparer = HardwareComparer(model="llama3_8b", hardware="L40S", stage="decode")
    assert comparer.phase == "decode"
    comparer.close()
    with pytest.warns(DeprecationWarning, match=OLD), pytest.raises(TypeError, match="no setting"):
        SloFinder(stage="decode")
