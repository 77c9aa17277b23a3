"""The explorer without a browser: settings in, evaluation and selection out."""

from __future__ import annotations

import json
from collections.abc import Iterator

import ipywidgets
import pandas as pd
import pytest
from traitlets import TraitError

from llmcalc_core import explore, find_hardware, find_model, get_hardware_config
from llmcalc_widgets import ParetoExplorer

NASTY = "<img src=x onerror=alert(1)>"
SMALL = {
    "vocab_size": 32000,
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 11008,
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
}


@pytest.fixture
def explorer() -> Iterator[ParetoExplorer]:
    made = ParetoExplorer(model="llama2_7b", hardware="A100_80GB", devices=4, phase="decode")
    yield made
    made.close()


def test_df_is_what_explore_gives_for_the_same_question() -> None:
    explorer = ParetoExplorer(
        model="llama2_70b",
        hardware="H100_80GB",
        devices=16,
        phase="prefill",
        input_tokens=1000,
        output_tokens=100,
        batch_min=3,
        batch_max=20,
        precision="fp8",
        memory_fraction=0.8,
        ttft_limit_ms=500,
    )
    expected = explore(
        "llama2_70b",
        "H100_80GB",
        16,
        phase="prefill",
        input_tokens=1000,
        output_tokens=100,
        batch=[3, 4, 8, 16, 20],
        exact_batch=True,
        precision="fp8",
        memory_fraction=0.8,
        ttft_limit_s=0.5,
    )
    pd.testing.assert_frame_equal(explorer.df, expected)
    pd.testing.assert_frame_equal(
        explorer.front, expected[expected["on_front"]].sort_values("ttft_s")
    )
    assert explorer.request.ttft_limit_s == 0.5
    explorer.close()


def test_df_of_serving_is_what_explore_gives() -> None:
    explorer = ParetoExplorer(
        model="mixtral_8x7b", devices=4, phase="serving", engine="TensorRT-LLM", tpot_limit_ms=30
    )
    assert (explorer.engine, explorer.request.engine) == ("trtllm", "trtllm")
    expected = explore(
        "mixtral_8x7b", "H100_80GB", 4, phase="serving", engine="trtllm", tpot_limit_s=0.03
    )
    pd.testing.assert_frame_equal(explorer.df, expected)
    explorer.close()


def test_a_change_by_code_takes_effect_at_once(explorer: ParetoExplorer) -> None:
    explorer.devices = 2
    assert set(explorer.df["devices"]) == {2}
    assert explorer.request.devices == (2,)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("devices", 0, "at least 1"),
        ("devices", "many", "whole number"),
        ("devices", [1, 2], "whole number"),
        ("input_tokens", 2.5, "whole number"),
        ("output_tokens", 10**12, "at most"),
        ("phase", "decoding", "decode"),
        ("phase", "servign", "serving"),
        ("engine", "vlm", "vllm"),
        ("precision", "fp7", "fp8"),
        ("memory_fraction", 1.5, "at most 1"),
        ("tpot_limit_ms", -5, "above 0"),
        ("tpot_limit_ms", True, "above 0"),
        ("model", "llama2_71b", "llama2_70b"),
        ("hardware", "H100_81GB", "H100_80GB"),
        ("batch_min", 512, "batch_max"),
    ],
)
def test_nonsense_raises_and_changes_nothing(
    explorer: ParetoExplorer, name: str, value: object, says: str
) -> None:
    before, frame = explorer.settings(), explorer.df
    with pytest.raises(TraitError, match=says):
        setattr(explorer, name, value)
    assert explorer.settings() == before
    assert explorer.df is frame
    with pytest.raises(TraitError, match=says):
        ParetoExplorer(**{name: value})


def test_an_unknown_keyword_names_the_nearest() -> None:
    with pytest.raises(TypeError, match="'batch_max'"):
        ParetoExplorer(batch_maximum=8, phase="decode")  # type: ignore[call-arg]


def test_update_changes_together_and_evaluates_once(explorer: ParetoExplorer) -> None:
    seen: list[int] = []
    explorer.observe(lambda change: seen.append(len(change["new"])), "df")
    explorer.update(batch_min=512, batch_max=1024, devices=8)
    assert len(seen) == 1
    assert set(explorer.df["batch"]) == {512, 1024}
    with pytest.raises(TraitError):
        explorer.update(devices=2, batch_min=4096)
    assert (explorer.devices, explorer.batch_min) == (8, 512)


def test_outputs_are_read_only_and_observable(explorer: ParetoExplorer) -> None:
    for name in ("df", "front", "selected", "selection", "request", "error"):
        with pytest.raises(TraitError):
            setattr(explorer, name, None)
    seen: list[str] = []
    explorer.observe(lambda change: seen.append(change["name"]), ["df", "request", "selected"])
    explorer.input_tokens = 1000
    assert sorted(set(seen)) == ["df", "request"]


def test_a_selected_plan_stays_selected_while_it_exists(explorer: ParetoExplorer) -> None:
    explorer.select(3)
    plan = explorer.selected[["tp", "pp", "replicas", "batch"]].tolist()
    explorer.batch_max = 1024
    assert explorer.selected[["tp", "pp", "replicas", "batch"]].tolist() == plan
    assert explorer.selection.index.tolist() == [explorer.selected.name]
    explorer.devices = 1
    assert explorer.selected is None
    assert explorer.selection.empty
    with pytest.raises(ValueError, match="from 0 to"):
        explorer.select(len(explorer.df))


def test_a_click_selects_the_plan_under_it(explorer: ParetoExplorer) -> None:
    plot = explorer.chart.plot
    plot.candidates.selected = [5]
    row = explorer.chart.drawing.rows["candidates"][5]
    assert explorer.selected.name == row
    assert plot.selected.x.tolist() == [plot.candidates.x[5]]
    plot.candidates.selected = None
    assert explorer.selected is None


def test_a_brush_selects_the_plans_in_it_once_the_mouse_is_up(explorer: ParetoExplorer) -> None:
    brush = explorer.chart.plot.brush
    limit = explorer.df["tpot_s"].median() * 1e3
    brush.brushing = True
    across, _ = explorer.chart.drawing.ends
    brush.selected_x, brush.selected_y = [-1.0, float(across.places(limit))], [-1.0, 2.0]
    assert explorer.selection.empty
    brush.brushing = False
    inside = explorer.df[explorer.df["tpot_s"] * 1e3 <= limit]
    assert 0 < len(inside) < len(explorer.df)
    pd.testing.assert_frame_equal(explorer.selection, inside)
    assert f"{len(inside)} in the brush" in explorer.chart._status.value


def test_models_and_devices_may_be_objects_or_dicts(explorer: ParetoExplorer) -> None:
    explorer.model = "meta-llama/Llama-2-70b-hf"
    assert explorer.model == "llama2_70b"
    explorer.model = SMALL
    assert explorer.model.hidden_size == 4096
    text = explorer.form.fields["model"].text
    assert text.value == explorer.model.model
    text.value, text.value = "llama2_7b", explorer.model.model
    explorer.model = find_model("llama2_13b")
    assert explorer.request.models == (find_model("llama2_13b"),)
    explorer.hardware = get_hardware_config("H100_80GB") | {"Memory_BW": 4000}
    assert explorer.form.fields["hardware"].text.value == explorer.hardware.name
    explorer.hardware = find_hardware("L4")
    assert explorer.hardware == "L4"


def test_a_model_file_is_read(tmp_path, explorer: ParetoExplorer) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "config.json").write_text(json.dumps(SMALL))
    explorer.model = tmp_path
    assert explorer.df["weights_bytes"].min() > 0


def test_settings_link_to_other_widgets(explorer: ParetoExplorer) -> None:
    slider = ipywidgets.IntSlider(min=1, max=8, value=2)
    ipywidgets.link((explorer, "devices"), (slider, "value"))
    slider.value = 8
    assert explorer.df["devices"].max() == 8
    explorer.devices = 4
    assert slider.value == 4


def test_a_name_is_text_not_markup() -> None:
    explorer = ParetoExplorer(
        model=find_model(SMALL | {"_name_or_path": NASTY}), devices=1, phase="decode"
    )
    object.__setattr__(explorer.model, "model", NASTY)
    explorer.batch_max = 4096
    explorer.update(input_tokens=100_000, batch_min=4096)
    texts = [
        widget.value
        for widget in explorer._parts
        if isinstance(widget, ipywidgets.HTML) and "<style>" not in widget.value
    ]
    assert any("&lt;img" in text for text in texts)
    assert not any("<img" in text for text in texts)
    explorer.close()


def test_when_nothing_fits_it_says_what_would() -> None:
    explorer = ParetoExplorer(model="llama2_70b", hardware="H100_80GB", devices=1, phase="decode")
    words = explorer.chart._notice.value
    assert "does not fit on 1 device" in words
    assert "2 devices would do" in words
    assert explorer.front.empty
    explorer.devices = 8
    assert explorer.chart._notice.value == ""
    explorer.tpot_limit_ms = 1
    assert "The fastest needs" in explorer.chart._notice.value
    explorer.close()


def test_closing_leaves_nothing() -> None:
    registry = ipywidgets.widgets.widget._instances
    before = set(registry)
    explorer = ParetoExplorer(model=find_model("llama2_7b"), phase="decode")
    explorer.chart.brush_button.value = True
    for name in explorer.outputs.buttons:
        explorer.outputs.reveal(name)
    explorer.update(devices=4, tpot_limit_ms=20)
    explorer.select(0)
    explorer.form.fields["devices"].text.value = "nonsense"
    assert len(set(registry) - before) > 50
    explorer.close()
    assert set(registry) - before == set()
