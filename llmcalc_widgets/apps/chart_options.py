"""``ChartOptions``: what the chart is to show, as traits: its axes, and fronts beside the front."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from string import ascii_uppercase
from typing import Annotated, Any, TypedDict

import traitlets
from traitlets import TraitError

from llmcalc_widgets.chart.axes import AXES
from llmcalc_widgets.chart.compared_fronts import ComparedFront
from llmcalc_widgets.chart.palette import COLOUR_WORDS
from llmcalc_widgets.chart.view import ChartView
from llmcalc_widgets.runner.evaluations import EvaluationCache
from llmcalc_widgets.settings.checks import one_of
from llmcalc_widgets.settings.compared import (
    checked_compared,
    checked_pins,
    difference_words,
    typed_changes,
    usual_comparisons,
)
from llmcalc_widgets.settings.presets import WORKLOAD_SETTINGS, WORKLOADS, workload_of
from llmcalc_widgets.settings.registry import DEFAULTS, PRICES, to_request
from llmcalc_widgets.settings.rules import check_together, with_version
from llmcalc_widgets.settings.setting import Setting, settings_of
from llmcalc_widgets.settings.values import name_of
from llmcalc_widgets.state import setting_traits


def check_axis(name: str, value: object) -> str:
    """Return the name of an axis.

    Raises
    ------
    ValueError
        For an unknown one, with the nearest.

    Examples
    --------
    >>> check_axis("x_axis", "tpto")
    Traceback (most recent call last):
        ...
    ValueError: x_axis must be the name of an axis or None, got 'tpto'; did you mean 'tpot'?
    """
    if isinstance(value, str) and value in AXES:
        return value
    close = get_close_matches(str(value), AXES, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(AXES)}"
    msg = f"{name} must be the name of an axis or None, got {value!r}; {hint}"
    raise ValueError(msg)


class ChartValues(TypedDict, total=False):
    """Everything about the chart that can be set."""

    x_axis: Annotated[
        str | None,
        Setting(
            default=None,
            optional=True,
            check=check_axis,
            group="view",
            help="What is across, a key of ``AXES``; None for what is usual in the phase",
        ),
    ]
    y_axis: Annotated[
        str | None,
        Setting(
            default=None,
            optional=True,
            check=check_axis,
            group="view",
            help="What is up, a key of ``AXES``; None for what is usual in the phase",
        ),
    ]
    colour_by: Annotated[
        str,
        Setting(
            default="tp",
            check=one_of(tuple(COLOUR_WORDS)),
            group="view",
            help="What tells plans apart in colour, a column of the frame",
        ),
    ]
    pins: Annotated[
        tuple[Mapping[str, Any], ...],
        Setting(
            default=(),
            check=checked_pins,
            group="view",
            help="Fronts that stay while the settings change, each with a 'name' and its "
            "'settings'",
        ),
    ]
    compared: Annotated[
        tuple[Mapping[str, Any], ...],
        Setting(
            default=(),
            check=checked_compared,
            group="view",
            help="Settings that differ from the present ones, such as ``{'hardware': 'B200'}``: "
            "the front of each is drawn beside the present one, and follows it",
        ),
    ]


CHART_SETTINGS = settings_of(ChartValues)


_ChartTraits: Any = setting_traits(CHART_SETTINGS)


class ChartOptions(_ChartTraits):
    """How an evaluation is looked at; a wrong value raises and changes nothing.

    Attributes
    ----------
    x_axis, y_axis : str or None
        What is across and up, a key of ``AXES``: 'tpot', 'ttft', 'e2e_latency',
        'tokens_per_s_per_user', 'tokens_per_s_per_device', 'tokens_per_s', 'devices', 'cost' (of a
        token), 'usd_per_month', 'batch', 'tp' and 'energy' (of a token); None for what is usual in
        the phase.
    colour_by : {'tp', 'pp', 'ep', 'attention_dp', 'replicas', 'devices'}
        What tells plans apart in colour.
    pins : tuple of dict
        Fronts that stay while the settings change, each with a 'name' and its 'settings'.
    compared : tuple of dict
        Settings that differ from the present ones, such as ``{"hardware": "B200"}``: the front of
        each is drawn beside the present one, and follows it.
    """

    colour_by: Any
    pins: Any
    compared: Any

    @traitlets.validate("x_axis", "y_axis")
    def _check_axes(self, proposal: Any) -> Any:  # noqa: ANN401 - traitlets is untyped
        name, value = proposal["trait"].name, proposal["value"]
        other = self.y_axis if name == "x_axis" else self.x_axis
        if value is not None and value == other:
            msg = f"y_axis must differ from x_axis, which is {value!r} as well"
            raise TraitError(msg)
        return value

    def offered_comparisons(self) -> list[str]:
        """Give what can be searched for, as it would be typed."""
        return usual_comparisons()

    def compare_with(self, typed: str) -> None:
        """Draw the front of changes that were typed, beside the others."""
        with self.lock:
            self.compared = (*self.compared, typed_changes(typed))

    def pin(self, settings: Mapping[str, Any], name: str | None = None) -> None:
        """Keep the front of settings under a name, by default the next free letter."""
        with self.lock:
            taken = {pin["name"] for pin in self.pins}
            free = (letter for letter in ascii_uppercase if letter not in taken)
            chosen = next(free, str(len(self.pins) + 1)) if name is None else name
            self.pins = (*self.pins, {"name": chosen, "settings": dict(settings)})

    def choose_colour(self, name: str) -> None:
        """Tell plans apart by a key of ``COLOUR_WORDS``."""
        with self.lock:
            self.colour_by = name

    def choose_axis(self, name: str, value: str, shown: tuple[str, str]) -> None:
        """Set one axis; if the other one of those shown shows this already, they change places."""
        across, up = shown
        places = {"x_axis": across, "y_axis": up}
        other = "y_axis" if name == "x_axis" else "x_axis"
        with self.hold_trait_notifications():
            if places[other] == value:
                setattr(self, other, places[name])
            setattr(self, name, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """Settings to evaluate, and what their front is called."""

    name: str
    kind: str
    at: int
    settings: dict[str, Any]


class ComparedFronts:
    """Evaluates what is pinned and compared, and keeps what it has evaluated."""

    def __init__(self) -> None:
        self._cache = EvaluationCache()

    def of(
        self, options: ChartOptions, settings: Mapping[str, Any], view: ChartView
    ) -> tuple[ComparedFront, ...]:
        """Give the fronts beside that of settings, seen along the axes of its view."""
        entries = _entries(options, settings)
        return tuple(self._front(entry, settings, view) for entry in entries)

    def _front(self, entry: _Entry, settings: Mapping[str, Any], view: ChartView) -> ComparedFront:
        found, trouble = None, ""
        phase = entry.settings["phase"]
        if phase != settings["phase"]:
            trouble = f"not drawn: it is of phase {phase}"
        else:
            try:
                check_together(entry.settings)
                found = self._cache.evaluate(to_request(entry.settings))
            except ValueError as error:
                trouble = str(error)
        return ComparedFront(
            name=entry.name,
            kind=entry.kind,
            at=entry.at,
            words=difference_words(entry.settings, settings),
            view=None if found is None else ChartView(evaluation=found, names=view.names),
            trouble=trouble,
        )


def _entries(options: ChartOptions, settings: Mapping[str, Any]) -> Iterator[_Entry]:
    names = {pin["name"] for pin in options.pins}
    for at, pin in enumerate(options.pins):
        yield _Entry(name=pin["name"], kind="pins", at=at, settings=pin["settings"])
    for at, changes in enumerate(options.compared):
        called = _called(changes)
        name = str(at + 1) if called in names else called or str(at + 1)
        names.add(name)
        yield _Entry(name=name, kind="compared", at=at, settings=_changed(settings, changes))


def _called(changes: Mapping[str, Any]) -> str:
    """Call what is compared by its device, model, precision or workload; empty if it is by more."""
    if set(changes) == set(WORKLOAD_SETTINGS):
        workload = workload_of(changes)
        return WORKLOADS[workload].label if workload else ""
    ((setting, value), *others) = changes.items()
    named = setting in ("hardware", "model", "precision") and not others
    return name_of(value).rpartition("/")[2] if named else ""


def _changed(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Change settings; a price or power that is set is that of its device, not of another one."""
    other = changes.get("hardware", settings["hardware"]) != settings["hardware"]
    listed = {name: DEFAULTS[name] for name in PRICES} if other else {}
    return {**settings, **listed, **with_version(changes, settings)}
