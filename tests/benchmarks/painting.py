"""Notebooks with a chart each, and how long it takes until a changed control is painted."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic

from playwright.sync_api import Locator, Page

AS_IT_OPENS = """
from llmcalc_widgets import ParetoExplorer
ParetoExplorer()
"""

MANY_PLANS = """
from llmcalc_widgets import ParetoExplorer
ParetoExplorer(model="mixtral_8x7b", devices=32, batch_max=1024)
"""

WHAT_IF = """
from llmcalc_widgets import WhatIf
WhatIf(model="mixtral_8x7b", devices=32, batch_max=1024)
"""

# bqplot alone: as many marks in as many colours, which all move when a control changes, a line
# through some, and axes that stay as they are: one message for the marks and one for the line.
BARE = """
import bqplot, ipywidgets, numpy
drawn = numpy.random.default_rng(0)
halves = {{name: drawn.uniform(1, 100, (2, {marks})) for name in ("bf16", "fp8")}}
hues = {{name: drawn.integers(0, 6, {marks}).astype(float) for name in halves}}
scales = {{"x": bqplot.LogScale(min=1, max=100), "y": bqplot.LogScale(min=1, max=100)}}
colours = ["#56B4E9", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#0072B2"]
hue = bqplot.OrdinalColorScale(domain=[*range(6)], colors=colours)
points = bqplot.Scatter(
    scales={{**scales, "color": hue}},
    preserve_domain={{"x": True, "y": True, "color": True}},
)
line = bqplot.Lines(scales=scales)
def show(name, shift=0):
    across, up = halves[name] * (1 + shift / 100)
    with points.hold_sync(), line.hold_sync():
        points.x, points.y, points.color = across, up, hues[name]
        line.x, line.y = numpy.sort(across[:40]), numpy.sort(up[:40])
show("bf16")
axes = [bqplot.Axis(scale=scales["x"]), bqplot.Axis(scale=scales["y"], orientation="vertical")]
choice = ipywidgets.Dropdown(options=["bf16", "fp8"], description="Precision")
choice.observe(lambda change: show(change["new"]), "value")
slider = ipywidgets.IntSlider(description="Input tokens", max=30)
slider.observe(lambda change: show("bf16", change["new"]), "value")
figure = bqplot.Figure(marks=[line, points], axes=axes, animation_duration=0)
ipywidgets.VBox([choice, slider, figure])
"""

_FIGURE = ".bqplot.figure svg.svg-figure"
_POINTS = ".bqplot.figure .object_grp > path.dot"

QUIET_MS = 400
"""With no change of the chart for so long, it is taken to be at rest [ms]."""

# From a control's change event to two animation frames after the last change of what is watched.
# ``MOVED`` says of one change whether the answer is new.
_CHANGE_TO_PAINT = """([control, value, quiet, watched]) => new Promise((resolve, reject) => {
    let painted = null, answered = false, still = null;
    const give_up = setTimeout(() => reject(new Error("the answer did not change")), 10000);
    const seen = new MutationObserver(changes => {
        answered ||= changes.some(change => MOVED);
        clearTimeout(still);
        requestAnimationFrame(() => requestAnimationFrame(() => {
            painted = performance.now();
            clearTimeout(still);
            still = setTimeout(() => {
                if (!answered) return;
                clearTimeout(give_up);
                seen.disconnect();
                resolve((painted - start) / 1000);
            }, quiet);
        }));
    });
    seen.observe(document.querySelector(watched),
        {attributes: true, childList: true, characterData: true, subtree: true});
    control.value = value;
    const start = performance.now();
    control.dispatchEvent(new Event("change", {bubbles: true}));
})"""
_MARKS_MOVED = 'change.attributeName === "transform" && change.target.matches(".object_grp")'
_ANSWER_WRITTEN = 'change.target.querySelector?.(".llmcalc-what-if")'

DRAG_S, DRAG_PAUSE_MS = 1.0, 10
"""How long a drag takes, and the pause after each move of the mouse in it."""

# Counts the frames in which marks have moved, and notes when the mouse was let go.
_WATCH = """() => {
    const figure = document.querySelector(".bqplot.figure svg.svg-figure");
    const noted = window.llmcalcDrag = {repaints: 0, painted: 0, released: 0};
    let waits = false;
    noted.seen = new MutationObserver(changes => {
        const moved = changes.some(change => change.target.classList.contains("object_grp"));
        if (waits || !moved) return;
        waits = true;
        requestAnimationFrame(() => requestAnimationFrame(() => {
            waits = false;
            noted.repaints += 1;
            noted.painted = performance.now();
        }));
    });
    noted.seen.observe(figure, {attributes: true, attributeFilter: ["transform"], subtree: true});
    const note = () => { noted.released = performance.now(); };
    window.addEventListener("pointerup", note, {capture: true, once: true});
}"""
_WATCHED = """() => {
    const {seen, repaints, painted, released} = window.llmcalcDrag;
    seen.disconnect();
    return [repaints, (painted - released) / 1000];
}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drag:
    """What a drag of a slider led to.

    Attributes
    ----------
    repaints : int
        Frames in which marks had moved.
    settled_s : float
        From letting go to the last of them; 0 if it came before [s].
    """

    repaints: int
    settled_s: float


class ChartPage:
    """A page with one chart, one dropdown named "Precision" and one slider, "Input tokens".

    Parameters
    ----------
    page : Page
        Where the notebook is open and has run.
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        label = page.locator(".widget-label").get_by_text("Precision", exact=True)
        self._dropdown = page.locator(".widget-dropdown").filter(has=label).locator("select")
        page.locator(_POINTS).first.wait_for()
        self.change_to_paint()

    def marks(self) -> int:
        """Return how many points the chart shows."""
        return self._page.locator(_POINTS).count()

    def change_to_paint(self) -> float:
        """Choose the other precision; return the time until the chart is painted and at rest [s].

        Raises
        ------
        playwright.sync_api.Error
            Where no mark of the chart moved.
        """
        option = "bf16" if self._dropdown.input_value() == "fp8" else "fp8"
        return _time_to_paint(self._dropdown, option, _FIGURE, _MARKS_MOVED)

    def drag(self) -> Drag:
        """Drag the slider over its whole length and back for a second."""
        label = self._page.locator(".widget-label").get_by_text("Input tokens", exact=True)
        slider = self._page.locator(".widget-slider, .widget-hslider").filter(has=label).first
        handle, track = (slider.locator(part).first for part in (".noUi-handle", ".noUi-target"))
        at, along = handle.bounding_box(), track.bounding_box()
        if at is None or along is None:
            message = "the slider is not on the page"
            raise RuntimeError(message)
        mouse, down = self._page.mouse, at["y"] + at["height"] / 2
        self._page.evaluate(_WATCH)
        mouse.move(at["x"] + at["width"] / 2, down)
        mouse.down()
        start = monotonic()
        while (gone_s := monotonic() - start) < DRAG_S:
            share = abs(1 - 1.8 * gone_s / DRAG_S)
            mouse.move(along["x"] + share * along["width"], down)
            self._page.wait_for_timeout(DRAG_PAUSE_MS)
        mouse.up()
        self._page.wait_for_timeout(2 * QUIET_MS)
        repaints, settled = self._page.evaluate(_WATCHED)
        return Drag(repaints=repaints, settled_s=max(settled, 0.0))


class WhatIfPage:
    """A page with a ``WhatIf``.

    Parameters
    ----------
    page : Page
        Where the notebook is open and has run.
    """

    def __init__(self, page: Page) -> None:
        self._bandwidth = page.get_by_role("textbox", name="Bandwidth [TB/s]")
        page.locator(".llmcalc-row .llmcalc-what-if").wait_for()
        self.change_to_paint()

    def change_to_paint(self) -> float:
        """Type another bandwidth; return the time until table and fronts are painted [s].

        Raises
        ------
        playwright.sync_api.Error
            Where the answer was not written again.
        """
        typed = "5" if self._bandwidth.input_value() == "4" else "4"
        return _time_to_paint(self._bandwidth, typed, ".llmcalc-row", _ANSWER_WRITTEN)


def _time_to_paint(control: Locator, value: str, watched: str, moved: str) -> float:
    """Change a control; return the time until what is watched is painted and at rest [s]."""
    script = _CHANGE_TO_PAINT.replace("MOVED", moved)
    given = [control.element_handle(), value, QUIET_MS, watched]
    return float(control.page.evaluate(script, given))
