"""The sentences above and below the chart."""

from __future__ import annotations

import html

from llmcalc_core import Evaluation
from llmcalc_widgets.chart.scene import Scene
from llmcalc_widgets.text.sentences import (
    nothing_words,
    question_words,
    selection_words,
    status_words,
    unknown_words,
)


def notice(scene: Scene) -> str:
    """Say in HTML that nothing fits, and what would, or is known; empty if something does."""
    words = nothing_words(scene.evaluation) or unknown_words(scene)
    return f'<div class="llmcalc-notice" role="alert">{html.escape(words)}</div>' if words else ""


def heading(evaluation: Evaluation) -> str:
    """Say in HTML what the chart is of."""
    deployed, workload = map(html.escape, question_words(evaluation.request))
    return f'<h3>{deployed}</h3><div class="llmcalc-note">{workload}</div>'


def status(scene: Scene, drawn: int, brushed: int | None) -> str:
    """Count the plans in HTML, for eyes and screen readers."""
    words = html.escape(status_words(scene, drawn, brushed))
    return f'<div class="llmcalc-status" role="status" aria-live="polite">{words}</div>'


def said(scene: Scene, row: int | None) -> str:
    """Say in HTML which plan is selected, for eyes and screen readers."""
    words = html.escape(selection_words(scene, row))
    return f'<div class="llmcalc-status" role="status" aria-live="polite">{words}</div>'
