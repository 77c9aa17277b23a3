"""What a widget is asked and what it found, to be observed: settings, request, evaluation, errors.

Nothing here knows ipywidgets: forms, charts and panels are handed a state, show it, and write into
it what a person does. A ``Runner`` evaluates it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import RLock
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import traitlets
from traitlets import HasTraits, Int, MetaHasTraits, TraitError, TraitType, Tuple

from llmcalc_core import Evaluation, EvaluationRequest, find_engine
from llmcalc_widgets.settings.deployment import SEVERAL_HARDWARE
from llmcalc_widgets.settings.load import LOAD_SETTINGS, LoadQuestion
from llmcalc_widgets.settings.presets import WORKLOAD_SETTINGS, with_workload, workload_of
from llmcalc_widgets.settings.registry import SETTINGS, to_request
from llmcalc_widgets.settings.rules import RULED, check_together, outdated
from llmcalc_widgets.settings.setting import Setting

PLAN = ("devices", "tp", "pp", "ep", "attention_dp", "cp", "replicas")
"""What makes a plan the same plan in another evaluation, but for its load."""

_IN_FLIGHT, _RATE = "batch", "request_rate"


class Shared(HasTraits):
    """Traits that one thread sets at a time, with all that observes them.

    JupyterLab sends what happens in the page to a subshell of the kernel, whose thread runs beside
    that of the cells (JEP 91). A change is followed by an evaluation and by what is drawn of it;
    two of them at once would mix. What belongs together has one ``lock``: see :meth:`join`.
    """

    def setup_instance(*args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as traitlets has it
        """Make the lock before there are traits."""
        self, *others = args
        self.__dict__["lock"] = RLock()
        super(Shared, self).setup_instance(*others, **kwargs)

    @property
    def lock(self) -> RLock:
        """Held while a trait is set; a thread may take it again."""
        found: RLock = self.__dict__["lock"]
        return found

    def join(self, other: Shared) -> None:
        """Take the lock of another one, before any thread knows of both."""
        self.__dict__["lock"] = other.lock

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute, and tell all who observe it."""
        with self.lock:
            super().__setattr__(name, value)

    @contextmanager
    def hold_trait_notifications(self) -> Iterator[None]:
        """Check and tell changes together at the end."""
        with self.lock, super().hold_trait_notifications():
            yield


class Selection(Shared):
    """Rows of the present evaluation that a person pointed at.

    Attributes
    ----------
    row : int or None
        The selected plan.
    brushed : tuple of int or None
        The plans in the brush; None while there is no brush.
    """

    row: Any = Int(None, allow_none=True)
    brushed: Any = Tuple(None, allow_none=True)


def same_plan(old: Evaluation | None, new: Evaluation, row: int | None) -> int | None:
    """Find the plan of a row in another evaluation."""
    if old is None or row is None:
        return None
    same = np.ones(len(new.rejected), dtype=bool)
    for name in (*PLAN, *_loads(old, new)):
        if old.has(name) and new.has(name):
            same &= new.column(name) == old.column(name)[row]
    return int(same.argmax()) if same.any() else None


def _loads(old: Evaluation, new: Evaluation) -> tuple[str, ...]:
    """Name what tells plans of one layout apart: how many are in flight, or of several rates one.

    At a rate, what is in flight follows from it; and a plan at the only rate stays the same plan
    at another one.
    """
    rates = [one.request.request_rates for one in (old, new)]
    if not any(rates):
        return (_IN_FLIGHT,)
    return (_RATE,) if all(len(one) > 1 for one in rates) else ()


def plan_of(row: pd.Series) -> dict[str, float]:
    """Give what makes the plan of a row the same plan in another frame."""
    whole = {name: int(row[name]) for name in PLAN if name in row}
    if _RATE in row:
        return {**whole, _RATE: float(row[_RATE])}
    return {**whole, _IN_FLIGHT: int(row[_IN_FLIGHT])}


def row_of_plan(plan: Mapping[str, float], frame: pd.DataFrame) -> int | None:
    """Find a plan in a frame; None if it is not there."""
    same = pd.Series(data=True, index=frame.index)
    for name, value in plan.items():
        same &= (frame[name] == value) if name in frame else value == 1
    return int(same.to_numpy().argmax()) if same.any() else None


def check_row(row: Any, found: Evaluation | None) -> int | None:  # noqa: ANN401
    """Return a row of an evaluation, or None.

    Raises
    ------
    ValueError
        If it has no such row.
    """
    if row is None:
        return None
    count = 0 if found is None else len(found.rejected)
    if isinstance(row, bool) or not isinstance(row, (int, np.integer)) or not 0 <= row < count:
        msg = f"row must be from 0 to {count - 1} or None, got {row!r}"
        raise ValueError(msg)
    return int(row)


class SettingTrait(TraitType[Any, Any]):
    """A trait that holds a setting in its canonical form; a wrong value raises.

    Parameters
    ----------
    setting : Setting
        What it holds.
    """

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting.default, help=setting.help)
        self._setting = setting

    def validate(self, _: HasTraits, value: object) -> object:
        """Return a value in its canonical form.

        Raises
        ------
        TraitError
            For a value out of range.
        """
        try:
            return self._setting.checked(value)
        except ValueError as error:
            raise TraitError(str(error)) from None


def setting_traits(settings: Mapping[str, Setting]) -> Any:  # noqa: ANN401 - traits that are made here
    """Make a class that has settings as traits."""
    traits = {name: SettingTrait(one) for name, one in settings.items()}
    return MetaHasTraits("SettingTraits", (Shared,), traits)


class EvaluationState(Shared):
    """The last good evaluation of settings, and what is wrong with the present ones.

    Attributes
    ----------
    evaluation : Evaluation or None
        The last good result.
    errors : dict of str to str
        What is wrong, by the name of the setting; under '' what concerns no single one.
    notes : dict of str to str
        What was changed beside what a person set, by the name of the setting.
    traceback : str
        Where the last evaluation failed; empty if it did not.
    expected_s : float
        How long the evaluation that runs in the background will take, about [s]; 0 if none runs.
    expected_plans : int
        How many plans it is of, about.
    """

    entries: ClassVar[Mapping[str, Setting]] = {}
    """The settings by name."""

    shown: Mapping[str, Any] = MappingProxyType({})
    """The settings that the evaluation is of."""

    evaluation = traitlets.Instance(Evaluation, allow_none=True)
    errors = traitlets.Dict(key_trait=traitlets.Unicode(), value_trait=traitlets.Unicode())
    notes = traitlets.Dict(key_trait=traitlets.Unicode(), value_trait=traitlets.Unicode())
    traceback = traitlets.Unicode()
    expected_s = traitlets.Float(0.0)
    expected_plans = traitlets.Int(0)

    def settings(self) -> dict[str, Any]:
        """Return the settings by name, without names that only stand for others."""
        return {name: getattr(self, name) for name, one in self.entries.items() if not one.alias}

    def make_request(self) -> EvaluationRequest:
        """Return the request that the settings ask for.

        Raises
        ------
        ValueError
            For settings that make no sense together.
        """
        raise NotImplementedError

    def reject(self, name: str, message: str) -> None:
        """Note what is wrong with a setting; the last good result stays."""
        self.errors = {**self.errors, name: message}

    def accept(self, name: str) -> None:
        """Note that a setting is right again."""
        if name in self.errors:
            self.errors = {key: text for key, text in self.errors.items() if key != name}

    def error_words(self) -> str:
        """Say in a line what is wrong; nothing if nothing is."""
        errors = self.errors.items()
        return "; ".join(f"{name}: {text}" if name else text for name, text in errors)


_QuestionTraits: Any = setting_traits(SETTINGS)


class QueryState(EvaluationState, _QuestionTraits):
    """Every setting of a question as a trait; a wrong value raises and changes nothing.

    Examples
    --------
    >>> state = QueryState(devices=16, workload="chat")
    >>> state.tpot_limit_ms, state.make_request().devices
    (40.0, (16,))
    >>> state.output_tokens = 7
    >>> print(state.workload)
    None
    """

    entries: ClassVar[Mapping[str, Setting]] = SETTINGS

    def make_request(self) -> EvaluationRequest:
        """Return the request that the settings ask for."""
        return to_request(self.settings())

    @traitlets.validate(*RULED)
    def _check_together(self, proposal: Any) -> Any:  # noqa: ANN401 - traitlets is untyped
        now = self.settings()
        proposed = {**now, proposal["trait"].name: proposal["value"]}
        if proposed["engine"] != now["engine"]:
            proposed |= outdated(proposed)
        try:
            check_together(proposed)
        except ValueError as error:
            raise TraitError(str(error)) from None
        return proposal["value"]

    @traitlets.observe("engine")
    def _leave_version(self, change: dict[str, Any]) -> None:
        """Let go of a version that the engine has not, and say so."""
        version: str | None = self.settings()["engine_version"]
        self.notes = {}
        if outdated(self.settings()):
            self.engine_version = None
            left = find_engine(change["old"]).label
            self.notes = {"engine_version": f"{version} is of {left}, and was cleared."}

    @traitlets.observe("engine_version")
    def _forget_note(self, _: object) -> None:
        self.notes = {}

    @traitlets.observe("workload")
    def _take_workload(self, change: dict[str, Any]) -> None:
        if change["new"] not in {None, workload_of(self.settings())}:
            with self.hold_trait_notifications():
                for name, value in with_workload({"workload": change["new"]}).items():
                    setattr(self, name, value)

    @traitlets.observe(*WORKLOAD_SETTINGS)
    def _name_workload(self, _: object) -> None:
        self.workload = workload_of(self.settings())


FROM_ONE = replace(SETTINGS["devices_min"], default=1)


class SeveralDevicesState(QueryState):
    """The settings of a question about several devices at once, from one of each at first."""

    entries: ClassVar[Mapping[str, Setting]] = {
        **SETTINGS, "hardware": SEVERAL_HARDWARE, "devices_min": FROM_ONE,
    }  # fmt: skip
    hardware = SettingTrait(SEVERAL_HARDWARE)
    devices_min = SettingTrait(FROM_ONE)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Load:
    """A load curve, or why there is none; nothing where none was asked for.

    Attributes
    ----------
    question : LoadQuestion or None
        What the curve is of.
    curve : DataFrame or None
        See :func:`llmcalc_core.load_curve`.
    trouble : str
        Why there is none.
    """

    question: LoadQuestion | None = None
    curve: pd.DataFrame | None = None
    trouble: str = ""

    @property
    def answered(self) -> LoadQuestion | None:
        """What there is a curve of; None where there is none."""
        return None if self.curve is None else self.question


_LoadTraits: Any = setting_traits(LOAD_SETTINGS)


class LoadState(_LoadTraits):
    """The load curve of a plan, and how it is looked at; a wrong value raises and changes nothing.

    Attributes
    ----------
    load_latency, load_percentile : str
        What is looked at, and said; see :class:`~llmcalc_widgets.settings.load.LoadValues`.
    found : Load
        What was computed last.
    running : bool
        Whether another one is being computed, which will replace it.
    share : float
        How much of that is done [1].

    Examples
    --------
    >>> state = LoadState(load_percentile="p90")
    >>> state.load_percentile, state.load_latency, state.found.curve
    ('p90', 'ttft', None)
    """

    found = traitlets.Instance(Load, ())
    running = traitlets.Bool(default_value=False)
    share = traitlets.Float(0.0)
