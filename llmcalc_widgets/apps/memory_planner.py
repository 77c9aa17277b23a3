"""``MemoryPlanner``: what fits on a device, over a growing batch or prompt."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from typing import Annotated, Any, Unpack

import pandas as pd
import traitlets
from ipywidgets import HTML

from llmcalc_core import (
    CHECKPOINT,
    Evaluation,
    EvaluationRequest,
    evaluate,
    largest_that_fits,
    memory_budget,
)
from llmcalc_widgets.apps.planner import Planner
from llmcalc_widgets.apps.traits import Frame, traits_of
from llmcalc_widgets.export.figure_stills import paint_figure
from llmcalc_widgets.export.request_code import explore_call, program, quoted
from llmcalc_widgets.panels.budget_table import budget_table
from llmcalc_widgets.panels.memory_chart import memory_chart, memory_specification
from llmcalc_widgets.panels.svg import PANEL_STYLE
from llmcalc_widgets.settings.checks import check_text, one_of, whole
from llmcalc_widgets.settings.registry import DEFAULTS, SettingValues, to_request
from llmcalc_widgets.settings.setting import Choice, Setting, Slider, settings_of
from llmcalc_widgets.settings.values import doublings
from llmcalc_widgets.settings.workload import MOST_BATCH, MOST_TOKENS
from llmcalc_widgets.state import EvaluationState, setting_traits
from llmcalc_widgets.text.plan_words import (
    AXIS_WORDS,
    LAYOUT_COLUMNS,
    heading_words,
    layouts_of,
    named_layout,
    verdict_words,
)

_LEAST = {"batch": 1, "input_tokens": 256}
_MOST = {"batch": MOST_BATCH, "input_tokens": MOST_TOKENS}
"""First and last bar."""


WIDEST = "widest tensor parallel"
"""The layout where none is chosen."""


class MemoryValues(SettingValues, total=False):
    """Everything that can be set, and what else is asked of a plan."""

    layout: Annotated[
        str,
        Setting(
            default=WIDEST,
            check=check_text,
            group="view",
            control=Choice(options=lambda: (WIDEST,)),
            label="Layout",
            help="How the devices are used: tensor parallel (TP), pipeline stages (PP), expert "
            "parallel (EP), attention data parallel (DP), replicas",
        ),
    ]
    axis: Annotated[
        str,
        Setting(
            default="batch",
            check=one_of(tuple(AXIS_WORDS)),
            group="view",
            control=Choice(
                options=lambda: tuple(AXIS_WORDS), name_of=lambda name: name.replace("_", " ")
            ),
            label="Over",
            help="What grows from bar to bar: the batch, or the tokens of a prompt",
        ),
    ]
    batch: Annotated[
        int,
        Setting(
            default=32,
            check=whole("batches", MOST_BATCH),
            group="workload",
            control=Slider(stops=tuple(2**power for power in range(13))),
            label="Batch",
            help="Sequences in flight per replica",
        ),
    ]


_NAMES = (
    "model", "hardware", "precision", "devices", "layout", "axis", "batch", "input_tokens",
    "output_tokens", "memory_fraction",
)  # fmt: skip
_ENTRIES = settings_of(MemoryValues)
_SETTINGS = {name: replace(_ENTRIES[name], rare=False) for name in _NAMES}


_MemoryTraits: Any = setting_traits(_SETTINGS)


class MemoryState(EvaluationState, _MemoryTraits):
    """The settings of a memory planner; a wrong value raises and changes nothing."""

    entries = _SETTINGS

    def make_request(self) -> EvaluationRequest:
        """Return the request for the one workload of the settings."""
        request = to_request({**DEFAULTS, "phase": "decode", **self.settings()})
        return replace(request, batches=(self.batch,))


_PlannerTraits: Any = traits_of(MemoryState, _SETTINGS)


class MemoryPlanner(_PlannerTraits, Planner):
    """See what a plan holds in the memory of a device, and the largest batch or prompt that fits.

    Parameters
    ----------
    **settings
        Any of the settings below, to start from.

    Attributes
    ----------
    model, hardware, precision, devices, layout, axis, batch, input_tokens, output_tokens, \
memory_fraction
        The settings; see :class:`MemoryValues`. Setting one recomputes at once; a wrong value
        raises and changes nothing. ``layout`` is how the devices are used, such as 'TP 4 x PP 2'
        (with a multiplication sign), ``axis`` what memory is shown over.
    df : DataFrame
        A row per bar: the plan with memory by kind on its fullest device [bytes], as
        :func:`llmcalc_core.explore` has it. Read-only.
    largest : int
        Largest batch, or longest prompt, that fits; 0 if none does. Read-only.
    budget : DataFrame
        What the engine holds once it has started, in the words of its log, as
        :func:`llmcalc_core.memory_budget` has it. Read-only.
    error : str
        What is wrong with the form; empty if nothing is. Read-only.
    form, chart : widgets
        The parts, to be placed anywhere.

    Raises
    ------
    TypeError
        For a keyword that is no setting, with the nearest one.
    TraitError
        For a wrong value.

    Examples
    --------
    >>> planner = MemoryPlanner(model="llama2_7b", hardware="A100_80GB", devices=1)
    >>> planner.largest
    53
    >>> planner.close()
    """

    known = _NAMES
    largest = traitlets.Int(read_only=True)
    budget = Frame(read_only=True)

    def __init__(self, **settings: Unpack[MemoryValues]) -> None:
        super().__init__(MemoryState(**self.start_values(settings)), _SETTINGS)

    @property
    def chart(self) -> HTML:
        """The answer: bars of memory."""
        return self.answer

    def draw(self, evaluation: Evaluation) -> None:
        """Show what a layout holds, and the largest batch or prompt that fits."""
        layouts = layouts_of(evaluation.frame)
        shown = self._layout_among(layouts)
        plan = layouts[shown]
        most = {name: largest_that_fits(evaluation.request, plan, name) for name in AXIS_WORDS}
        asked = _bars(evaluation.request, self.axis, most[self.axis])
        frame = _of_layout(evaluate(asked).frame, plan)
        self._drawn = asked, plan
        marks = {int(plan[self.axis]): "here"}
        if most[self.axis]:
            marks[most[self.axis]] = "largest"
        self._marks = marks
        self._words = heading_words(evaluation.request, shown), verdict_words(plan, most)
        heading, words = map(escape, self._words)
        budget = _budget(evaluation.request, plan)
        self.answer.value = (
            f"{PANEL_STYLE}<h3>{heading}</h3>"
            f'<div class="llmcalc-status" role="status" aria-live="polite">{words}</div>'
            f"{memory_chart(frame, self.axis, AXIS_WORDS[self.axis], marks=marks)}"
            f"{budget_table(budget)}"
        )
        with self.hold_trait_notifications():
            self.set_trait("df", frame)
            self.set_trait("largest", most[self.axis])
            self.set_trait("budget", budget)

    def write_code(self) -> str:
        """Write the Python that gives ``df`` and ``largest`` as it is shown."""
        asked, plan = self._drawn
        names = [name for name in LAYOUT_COLUMNS if name in plan]
        return program(
            [
                *explore_call("df = ", asked),
                f"layout = {{{', '.join(f'{quoted(name)}: {plan[name]}' for name in names)}}}",
                "df = df[(df[list(layout)] == list(layout.values())).all(axis=1)]",
                "df = df.reset_index(drop=True)",
                'fitting = df[df["memory_headroom_bytes"] >= 0]',
                f"largest = int(fitting[{quoted(self.axis)}].max()) if len(fitting) else 0",
            ]
        )

    def words(self) -> str:
        """Say what fits; not escaped."""
        return ". ".join(self._words)

    def draw_still(self, figure: Any) -> None:  # noqa: ANN401 - matplotlib is optional
        """Draw the bars on matplotlib's figure."""
        label = AXIS_WORDS[self.axis]
        shown = memory_specification(self.df, self.axis, label, marks=self._marks)
        paint_figure(figure, self._words, shown)

    def _layout_among(self, layouts: dict[str, dict[str, Any]]) -> str:
        """Give the layout to show, and say so if it is not the one that is asked for."""
        widest = max(layouts, key=lambda name: _width(layouts[name]))
        asked = named_layout(str(self.layout), layouts) or str(self.layout)
        known = asked in {WIDEST, *layouts}
        self.form.fields["layout"].offer((WIDEST, *layouts, *(() if known else (asked,))), asked)
        if known:
            self.state.accept("layout")
            return widest if asked == WIDEST else asked
        self.state.reject("layout", f"{asked} is no layout of these devices; shown is {widest}")
        return widest


def _width(plan: dict[str, Any]) -> tuple[int, ...]:
    """Order plans by tensor parallel width, then by how few copies they have of anything."""
    return plan["tp"], -plan["attention_dp"], -plan["replicas"], -plan["pp"], -plan["ep"]


def _budget(request: EvaluationRequest, plan: dict[str, Any]) -> pd.DataFrame:
    """Ask what an engine with this plan holds once it has started, for the lengths of a request."""
    (prompt,), (answer,) = request.input_tokens, request.output_tokens
    found: pd.DataFrame = memory_budget(
        request.models[0],
        request.hardware[0],
        tensor_parallel=plan["tp"],
        pipeline_parallel=plan["pp"],
        expert_parallel=plan["ep"],
        attention_data_parallel=plan["attention_dp"],
        bits=request.precisions[0] or CHECKPOINT,
        engine=request.engine,
        engine_version=request.engine_version,
        max_num_seqs=request.max_num_seqs,
        enforce_eager=request.enforce_eager,
        memory_fraction=request.memory_fraction,
        max_model_len=prompt + answer,
        input_tokens=prompt,
        output_tokens=answer,
    )
    return found


def _bars(request: EvaluationRequest, axis: str, largest: int) -> EvaluationRequest:
    """Ask for batches or prompts up to twice the largest that fits."""
    field = "batches" if axis == "batch" else axis
    (present,) = getattr(request, field)
    end = max(present, min(2 * largest, _MOST[axis]))
    values = {*doublings(min(_LEAST[axis], end), end), present, largest or present}
    changes: dict[str, Any] = {field: tuple(sorted(values))}
    return replace(request, **changes)


def _of_layout(frame: pd.DataFrame, plan: dict[str, Any]) -> pd.DataFrame:
    """Take the rows that use the devices as a plan does."""
    same = pd.Series(data=True, index=frame.index)
    for name in LAYOUT_COLUMNS:
        if name in frame:
            same &= frame[name] == plan[name]
    return frame[same].reset_index(drop=True)
