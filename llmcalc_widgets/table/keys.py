"""Keys in the table of plans, in the browser: from row to row, also over the ends of a page.

Among the rows of a page the arrows move the selection by themselves, as in every group of radio
buttons. At its ends, and for keys that go further, a script presses one of the invisible buttons
made here, and takes the focus along when the new page is there.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from ipywidgets import HTML, Button, HBox, Layout

_FAR = 1 << 40
_STEPS = {"above": -1, "below": 1, "first": -_FAR, "last": _FAR}
_KEYS = {
    "ArrowUp": "above",
    "ArrowLeft": "above",
    "ArrowDown": "below",
    "ArrowRight": "below",
    "PageUp": "page-above",
    "PageDown": "page-below",
    "Home": "first",
    "End": "last",
}
_PREFIX = "llmcalc-row-"
_WAIT_MS = 2000

_SCRIPT = f"""
const table = this.closest('.llmcalc-table'), keys = {_KEYS};
const rows = () => [...table.querySelectorAll('.widget-radio-box input')];
const group = table.querySelector('.widget-radio-box');
group.setAttribute('role', 'radiogroup');
group.setAttribute('aria-label', 'Plans. Arrow keys move the selection, Page Up and Page Down by a '
  + 'page, Home and End to the ends.');
table.addEventListener('keydown', event => {{
  const at = event.target, all = rows(), step = keys[event.key];
  if (!step || !all.includes(at) || event.ctrlKey || event.metaKey || event.altKey) return;
  const inside = step === 'above' ? at !== all[0] : step === 'below' && at !== all[all.length - 1];
  if (inside) return;
  event.preventDefault();
  const before = table.querySelector('.widget-radio-box input:checked');
  table.querySelector('.{_PREFIX}' + step).click();
  const start = performance.now();
  const follow = () => {{
    const now = table.querySelector('.widget-radio-box input:checked');
    if (now && now !== before) now.focus();
    else if (performance.now() - start < {_WAIT_MS}) requestAnimationFrame(follow);
  }};
  follow();
}});
"""


def table_keys(page: int, step: Callable[[int], None]) -> HBox:
    """Make the invisible script and the buttons that it presses.

    Parameters
    ----------
    page : int
        Rows on a page.
    step : callable
        Moves the selection by so many rows.

    Returns
    -------
    HBox
        To be put into the table.
    """
    steps = {"page-above": -page, "page-below": page, **_STEPS}
    buttons = [_button(name, rows, step) for name, rows in steps.items()]
    script = HTML(f'<style onload="{escape(_SCRIPT)}"></style>')
    return HBox([script, *buttons], layout=Layout(display="none"))


def _button(name: str, rows: int, step: Callable[[int], None]) -> Button:
    button = Button()
    button.add_class(f"{_PREFIX}{name}")
    button.on_click(lambda _: step(rows))
    return button
