"""The registry: each entry is whole, and all that is made of an entry is made of a new one, too."""

from __future__ import annotations

from dataclasses import fields
from inspect import signature
from typing import Annotated, Any, TypedDict

import pytest
from traitlets import TraitError

from llmcalc_core import Techniques, make_request
from llmcalc_widgets import HardwareComparer, MemoryPlanner, ParetoExplorer, SloFinder, WhatIf
from llmcalc_widgets.form.fields import Field
from llmcalc_widgets.form.form import Form
from llmcalc_widgets.settings.checks import whole
from llmcalc_widgets.settings.compared import typed_changes, usual_comparisons
from llmcalc_widgets.settings.registry import DEFAULTS, SETTINGS, to_request
from llmcalc_widgets.settings.setting import Entry, Setting, Slider, settings_of
from llmcalc_widgets.state import EvaluationState, setting_traits

APPS = [ParetoExplorer, MemoryPlanner, HardwareComparer, SloFinder, WhatIf]


class LoadValues(TypedDict, total=False):
    """A setting that no widget has."""

    wave: Annotated[
        int,
        Setting(
            default=4,
            check=whole("batches", 64),
            group="techniques",
            control=Slider(stops=(1, 2, 4, 8)),
            label="Wave size",
            serving_label="Waves in flight",
            help="Requests that arrive together",
            disabled=lambda values: (
                "No account in prefill." if values["phase"] == "prefill" else ""
            ),
        ),
    ]
    phase: Annotated[str, SETTINGS["phase"]]  # fmt: skip


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_an_entry_is_whole(setting: Setting) -> None:
    assert setting.control is not None
    assert setting.label
    assert len(setting.help) > 10
    value = setting.checked(setting.default)
    assert (value, type(value)) == (setting.default, type(setting.default))
    for usual in setting.usual():
        setting.checked(usual)


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_none_is_refused_where_a_setting_must_be_something(setting: Setting) -> None:
    explorer = ParetoExplorer(model="llama2_7b", devices=1, phase="decode")
    if setting.optional:
        setattr(explorer, setting.name, None)
        assert getattr(explorer, setting.name) is None
    else:
        with pytest.raises(TraitError):
            setattr(explorer, setting.name, None)
        assert explorer.error == ""
    explorer.close()


def test_every_technique_of_the_core_is_a_setting() -> None:
    assert {field.name for field in fields(Techniques)} <= set(SETTINGS)


def test_every_argument_of_a_setting_is_one_of_the_core() -> None:
    known = {*signature(make_request).parameters, *(field.name for field in fields(Techniques))}
    used = DEFAULTS | {
        "phase": "serving", "tpot_limit_ms": 5, "ttft_limit_ms": 5, "context_parallel_max": 2,
        "lora_adapters": 3, "prefix_hit_rate": 0.5,
    }  # fmt: skip
    for setting in SETTINGS.values():
        assert set(setting.arguments(used)) <= known
    assert to_request(used).techniques[0].lora_adapters == 3


@pytest.mark.parametrize("app", APPS)
def test_a_setting_of_a_widget_has_its_trait_and_tooltip(app: Any) -> None:
    traits = app.class_traits()
    for name in app.known:
        assert name in traits
        assert traits[name].help


def test_a_new_entry_is_a_trait_a_control_and_words() -> None:
    entries = settings_of(LoadValues)
    traits: Any = setting_traits(entries)

    class LoadState(EvaluationState, traits):
        pass

    LoadState.entries = entries
    state: Any = LoadState(wave=8.0)
    assert state.settings() == {"wave": 8, "phase": "serving"}
    form = Form(state, entries)
    assert form.folds["Techniques"].button.description == "Techniques (1 set)"
    form.reveal("Techniques")
    field = form.fields["wave"]
    assert (field.text.value, field.message.tooltip) == ("8", "Requests that arrive together")
    field.text.value = "1e3"
    assert "Must be at most 64, got 1,000" in field.message.value
    assert state.errors["wave"]
    field.text.value = "16"
    assert (state.wave, state.errors) == (16, {})
    assert field.text.description == "Waves in flight"
    state.phase = "prefill"
    assert field.text.disabled
    assert "No account in prefill." in field.message.value
    assert (entries["wave"].words, entries["wave"].read(" 2 ")) == ("wave size", 2)


def test_a_setting_without_a_control_is_in_no_form() -> None:
    bare = Setting(name="bare", default=1, check=whole("devices"), label="Bare")
    traits: Any = setting_traits({"bare": bare})

    class BareState(EvaluationState, traits):
        pass

    with pytest.raises(TypeError, match="'bare' must have a control"):
        Form(BareState(), {"bare": bare})


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("devices: 4", {"devices": 4}),
        ("fewest devices: none", {"devices_min": None}),
        ("TPOT limit [ms]: 25 tokens/s", {"tpot_limit_ms": 40.0}),
        ("phase: serving", {"phase": "serving"}),
        ("offload_to_fit: yes", {"offload_to_fit": True}),
        ("workload: chat", {"workload": "chat"}),
        ("H100_80GB", {"hardware": "H100_80GB"}),
        ("no such: 3", {"hardware": "no such: 3"}),
    ],
)
def test_any_setting_can_be_typed_to_compare(text: str, changes: dict[str, object]) -> None:
    assert typed_changes(text) == changes


def test_what_is_offered_to_compare_is_read_back() -> None:
    for text in usual_comparisons():
        for name, value in typed_changes(text).items():
            SETTINGS[name].checked(value)


def test_only_entries_hint_what_holds_while_nothing_is_typed() -> None:
    explorer = ParetoExplorer(model="llama2_7b", devices=1, phase="decode")
    for title in explorer.form.folds:
        explorer.form.reveal(title)
    for name, field in explorer.form.fields.items():
        assert isinstance(field, Field)
        if isinstance(SETTINGS[name].control, Entry):
            assert field.text.placeholder
    explorer.close()


def test_a_form_without_phases_hints_as_well() -> None:
    planner = MemoryPlanner(model="llama2_7b", hardware="A100_80GB")
    share = planner.form.fields["memory_fraction"]
    assert share.text.placeholder == "the engine's own"
    planner.close()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("isl", "did you mean 'input_tokens'"),
        ("kv_cache_dtype", "did you mean 'precision'"),
        ("gpu_memory_utilization", "did you mean 'memory_fraction'"),
        ("max_model_len", "did you mean 'input_tokens'"),
        ("tensor_parallel_size", "every split of the devices is tried"),
        ("tp", "every split of the devices is tried"),
        ("inputtokens", "did you mean 'input_tokens'"),
    ],
)
def test_what_engines_call_a_setting_is_known(name: str, hint: str) -> None:
    with pytest.raises(TypeError, match=f"no setting '{name}'; {hint}"):
        ParetoExplorer(**{name: 1})
