"""Sentences about a whole evaluation: what is asked, how many plans there are, why none is left."""

from __future__ import annotations

import numpy as np
import pandas as pd

from llmcalc_core import (
    DoesNotFitError,
    Evaluation,
    EvaluationRequest,
    find_engine,
    get_minimum_system_size,
)
from llmcalc_widgets.chart.scene import Scene
from llmcalc_widgets.text.technique_words import arguments_of, price_words, technique_words
from llmcalc_widgets.text.units import counted, gigabytes, seconds
from llmcalc_widgets.text.wording import (
    LATENCY_WORDS,
    STAGE_WORDS,
    TIMES,
    TOO_LARGE,
    load_words,
    plan_words,
    tooltips,
)


def question_words(request: EvaluationRequest) -> tuple[str, str]:
    """Say what is deployed on what, and with which workload; not escaped."""
    deployed = (
        f"{request.models[0].model or 'unnamed model'} on "
        f"{span_words(request.devices)} {TIMES} {request.hardware[0].name}"
    )
    widths = request.context_parallel
    workload = (
        f"{STAGE_WORDS[request.stage]}, {find_engine(request.engine).label}, "
        f"{request.precisions_of(request.models[0])[0].label}, "
        f"{request.input_tokens[0]:,} tokens in, {request.output_tokens[0]:,} out"
    )
    further = [
        *technique_words(request.techniques[0]),
        *([f"context parallel {span_words(widths)}"] if widths else []),
        *price_words(request.hardware[0]),
    ]
    return deployed, "; ".join([workload, *further])


def workload_line(request: EvaluationRequest) -> str:
    """Say what is served how, whatever it runs on; not escaped."""
    _, workload = question_words(request)
    return f"{request.models[0].model or 'unnamed model'}: {workload}"


def span_words(numbers: tuple[int, ...]) -> str:
    """Say from where to where ascending numbers go.

    Examples
    --------
    >>> span_words((8,)), span_words((4, 8, 1024))
    ('8', '4 to 1,024')
    """
    low, high = numbers[0], numbers[-1]
    return f"{high:,}" if low == high else f"{low:,} to {high:,}"


def status_words(scene: Scene, drawn: int, brushed: int | None) -> str:
    """Count the plans, those drawn if not all are, and those in the brush if there is one."""
    plans, request = len(scene.rejected), scene.evaluation.request
    fitting = plans - int(np.isin(scene.evaluation.column("rejected_for"), TOO_LARGE).sum())
    some = f" ({drawn:,} of them drawn)" if drawn < plans else ""
    parts = [counted(plans, "plan") + some, f"{fitting:,} fit in memory"]
    if limits := limit_words(request):
        within = int((~scene.rejected).sum())
        parts.append(f"{within:,} within the limit{'s' if len(limits) > 1 else ''}")
    parts.append(f"{len(scene.front):,} on the front")
    if brushed is not None:
        parts.append(f"{brushed:,} in the brush")
    return ", ".join(parts)


def selection_words(scene: Scene, row: int | None) -> str:
    """Say which plan is selected, its figures, and where on the front it is."""
    if row is None:
        return "No plan selected."
    places = np.flatnonzero(scene.front == row)
    where = f"{places[0] + 1} of {len(scene.front)}" if len(places) else "not"
    figures = tooltips(scene, np.array([row]))[0].replace("\n", "; ")
    return f"Selected: {figures}; {where} on the front."


def limit_words(request: EvaluationRequest) -> list[str]:
    """Say each limit."""
    limits = (
        (request.latency_limit_s, LATENCY_WORDS[request.stage]),
        (request.ttft_limit_s, LATENCY_WORDS["prefill"]),
    )
    return [f"{seconds(limit)} {what}" for limit, what in limits if limit is not None]


def nothing_words(evaluation: Evaluation) -> str:
    """Say why no plan is left, and what would help; empty if some plan is."""
    if evaluation.recommended is not None:
        return ""
    frame, request = evaluation.frame, evaluation.request
    fitting = frame[~frame["rejected_for"].isin(TOO_LARGE)]
    if not fitting.empty:
        return f"{_unmet_words(request)} {_fastest_words(evaluation, fitting)}"
    if (frame["rejected_for"] == "host memory").any():
        return "What is offloaded does not fit in the memory of the host. Offload less."
    closest = frame.iloc[int(frame["memory_headroom_bytes"].argmax())]
    return (
        f"{request.models[0].model or 'The model'} does not fit on "
        f"{counted(request.devices[-1], 'device')} of {request.hardware[0].name}. The smallest "
        f"plan, {plan_words(closest, request.stage)}, is "
        f"{gigabytes(-closest['memory_headroom_bytes'])} short on a device. "
        f"{_enough_words(request)}"
    )


def unknown_words(scene: Scene) -> str:
    """Say why an axis shows nothing; empty if both show something."""
    if scene.known.any():
        return ""
    device = scene.evaluation.request.hardware[0].name
    nouns = [axis.noun for axis in scene.axes]
    free = [noun for noun, one in zip(nouns, scene.figures, strict=True) if not one.any()]
    if free:
        return (
            f"The {' and '.join(free)} of tokens on {device} is 0, which a logarithmic axis cannot "
            "show. Choose another axis, or give its price under Prices."
        )
    missing = [
        noun
        for noun, figures in zip(nouns, scene.figures, strict=True)
        if not np.isfinite(figures).any()
    ]
    return (
        f"The {' and '.join(missing)} of tokens on {device} is not known: its price or power is "
        "not in the catalogue. Choose another axis, or give it under Prices."
    )


def _unmet_words(request: EvaluationRequest) -> str:
    limits = limit_words(request)
    return (
        f"No plan that fits in memory meets the limit{'s' if len(limits) > 1 else ''} of "
        f"{' and '.join(limits)}."
    )


def _fastest_words(evaluation: Evaluation, fitting: pd.DataFrame) -> str:
    """Say which plans come nearest to each limit."""
    request = evaluation.request
    limited = (
        (evaluation.latency_column, request.latency_limit_s),
        ("ttft_s", request.ttft_limit_s),
    )
    words = []
    for column in (name for name, limit in limited if limit is not None):
        fastest = fitting.iloc[int(fitting[column].argmin())]
        what = LATENCY_WORDS["prefill" if column == "ttft_s" else "decode"]
        plan = plan_words(fastest, request.stage)
        words.append(f"The fastest needs {seconds(fastest[column])} {what}: {plan}.")
    return " ".join(words)


def _enough_words(request: EvaluationRequest) -> str:
    batch = request.batches[0]
    try:
        enough = get_minimum_system_size(
            model=request.models[0],
            system_name=request.hardware[0],
            batch_size=batch,
            input_tokens=request.input_tokens[0],
            output_tokens=request.output_tokens[0],
            bits=request.precisions_of(request.models[0])[0],
            memory_fraction=request.memory_fraction,
            **arguments_of(request.techniques[0]),
        )
    except DoesNotFitError:
        return "No number of these devices would do."
    return f"{counted(enough, 'device')} would do at {load_words(batch, request.stage)}."
