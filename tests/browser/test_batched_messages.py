"""The chart is painted before the words around it are set; what comes in between keeps order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from llmcalc_widgets.elements.page import read_asset
from tests.browser.chart import figure, steady_points
from tests.browser.conftest import OpenNotebook
from tests.browser.controls import control
from tests.browser.kernel import Kernel
from tests.browser.page import NotebookPage

pytestmark = pytest.mark.browser

MAKE = """
from llmcalc_widgets import ParetoExplorer
explorer = ParetoExplorer(model="llama2_7b", hardware="A100_80GB", devices=8, phase="decode")
explorer
"""
CANDIDATES = 4
"""Position of the plans in the figure."""
FRAMES_APART = 2
"""Those that the words wait: one is drawn with the marks, the next says that it is painted."""

# Counts frames, and notes in which of them the marks have moved and the heading was written.
_WATCH = """() => {
    const noted = window.noted = {frame: 0, moved: [], written: []};
    const count = () => { noted.frame += 1; requestAnimationFrame(count); };
    requestAnimationFrame(count);
    const watch = (element, frames, options) => new MutationObserver(() => {
        frames.push(noted.frame);
    }).observe(element, {subtree: true, ...options});
    const chart = document.querySelector(".llmcalc-chart");
    const figure = chart.querySelector(".bqplot.figure");
    watch(figure, noted.moved, {attributes: true, attributeFilter: ["transform"]});
    watch(chart.querySelector("h3").parentElement, noted.written, {childList: true});
}"""
_SAVE = "() => window.jupyterapp.shell.currentWidget.context.save()"
_NO_FRAMES = "() => { window.requestAnimationFrame = () => 0; }"


@pytest.fixture
def notebook(open_notebook: OpenNotebook) -> NotebookPage:
    notebook = open_notebook([MAKE])
    figure(notebook.page)
    return notebook


@pytest.fixture
def tab(open_tab: OpenNotebook) -> NotebookPage:
    """Open a page that may be loaded again."""
    tab = open_tab([MAKE])
    figure(tab.page)
    return tab


@pytest.fixture
def kernel(request: pytest.FixtureRequest) -> Iterator[Kernel]:
    """Reach the kernel of the page that a test asks for, once the page listens."""
    name = "tab" if "tab" in request.fixturenames else "notebook"
    notebook: NotebookPage = request.getfixturevalue(name)
    with notebook.kernel() as kernel:
        notebook.wait_until(
            lambda: kernel.read("explorer._messages._page_listens"), "the page to listen"
        )
        yield kernel


# Runs the script with a manager that gives no buffers where there are none, as those of Solara and
# Colab do (``ClassicComm.on_msg`` of googlecolab/colab-cdn-widget-manager), or loses those there
# are, and says what widgets were given and what the kernel was told. Colab's makes a widget when it
# is first seen (``Manager.get_model``): then the page may not have it yet.
_WITHOUT_BUFFERS = """async ([script, updates, buffers]) => {
    const module = await import(`data:text/javascript,${encodeURIComponent(script)}`);
    const given = {}, told = [], on = {};
    const widget = (id) => ({
        state_change: Promise.resolve(),
        _handle_comm_msg: async (message) => {
            if (id === "broken") throw new Error("no");
            given[id] = [message.content.data.state, message.buffers.length];
        },
    });
    const manager = { has_model: (id) => id !== "unseen", get_model: async (id) => widget(id) };
    const model = {
        widget_manager: manager,
        on: (name, does) => { on[name] = does; },
        send: (said) => told.push(said),
    };
    module.default.initialize({ model });
    on["msg:custom"]({ late: true, updates }, buffers);
    await new Promise((resolve) => setTimeout(resolve, 400));
    return [given, told];
}"""
SCRIPT = read_asset("llmcalc_widgets.transport", "batched_messages.js")


@pytest.mark.parametrize(
    ("updates", "buffers", "given", "told"),
    [
        ([["a", {"state": 1, "buffer_paths": []}]], None, {"a": [1, 0]}, []),
        ([["a", {"state": 1}]], None, {"a": [1, 0]}, []),
        ([["a", {"state": 1, "buffer_paths": [["x"]]}]], [0], {"a": [1, 1]}, []),
        ([["a", {"state": 1, "buffer_paths": [["x"]]}]], None, {}, ["not set"]),
        ([["broken", {"state": 1, "buffer_paths": []}]], None, {}, ["not set"]),
        ([["a", {"state": 1}], ["unseen", {"state": 2}]], None, {"a": [1, 0]}, ["not set"]),
    ],
    ids=["empty", "no paths", "one", "lost", "refused by its widget", "not made yet"],
)
def test_buffers_may_be_absent_and_what_is_not_set_is_told(
    browser: Browser, updates: Any, buffers: Any, given: Any, told: Any
) -> None:
    page = browser.new_page()
    found = page.evaluate(_WITHOUT_BUFFERS, [SCRIPT, updates, buffers])
    assert found == [given, ["listening", *told]]
    page.close()


def heading_is_on(page: Page, devices: int) -> None:
    expect(page.locator(".llmcalc-chart h3")).to_contain_text(f"on {devices}")


def test_words_follow_the_painted_chart(notebook: NotebookPage, kernel: Kernel) -> None:
    page = notebook.page
    page.evaluate(_WATCH)
    kernel.run("explorer.devices = 2")
    heading_is_on(page, 2)
    moved, written = page.evaluate("() => [window.noted.moved, window.noted.written]")
    assert min(written) - min(moved) >= FRAMES_APART
    assert min(written) > max(moved)


def test_what_is_selected_at_once_is_said_last(notebook: NotebookPage, kernel: Kernel) -> None:
    page = notebook.page
    said = page.get_by_role("status").filter(has_text="elected")
    for devices in (2, 4, 8):
        kernel.run(f"explorer.devices = {devices}\nexplorer.select(0)")
        heading_is_on(page, devices)
        expect(page.get_by_role("columnheader", name="Selected")).to_be_visible()
        expect(said).not_to_contain_text("No plan selected")
        kernel.run("explorer.select(None)")
        expect(said).to_contain_text("No plan selected")


def test_words_come_where_no_frame_does(tab: NotebookPage, kernel: Kernel) -> None:
    page = tab.page
    page.evaluate(_NO_FRAMES)
    kernel.run("explorer.devices = 2")
    heading = page.locator(".llmcalc-chart h3")
    tab.wait_until(lambda: "on 2" in (heading.text_content() or ""), "the words")


def test_a_page_that_was_loaded_again_follows(tab: NotebookPage, kernel: Kernel) -> None:
    page = tab.page
    page.evaluate(_SAVE)
    kernel.run("explorer.devices = 2")
    page.reload()
    kernel.run("explorer.devices = 4")
    figure(page)
    heading_is_on(page, 4)
    kernel.run("explorer.devices = 2")
    heading_is_on(page, 2)
    assert kernel.read("explorer._messages._plain") is False
    assert control(page, "Devices").get_by_role("textbox").input_value() == "2"


def test_two_pages_of_one_kernel_agree(tab: NotebookPage, kernel: Kernel, browser: Browser) -> None:
    tab.page.evaluate(_SAVE)
    context = browser.new_context()
    other = tab.open_in(context.new_page())
    figure(other.page)
    for devices in (2, 4):
        kernel.run(f"explorer.devices = {devices}")
        drawn = kernel.read("len(explorer.chart.drawing.rows['candidates'])")
        for each in (tab, other):
            heading_is_on(each.page, devices)
            assert len(steady_points(figure(each.page), CANDIDATES)) == drawn
    assert other.problems == []
    context.close()
