"""Keys of the keyboard, in the browser: steps along the front, and none of Jupyter's shortcuts.

JupyterLab and Notebook bind plain keys such as the arrows and "d d" to commands of the notebook
while no cell is being edited, and take them before the widget that has the focus: a slider does not
move. They leave alone an element that carries ``data-lm-suppress-shortcuts``, which no widget of
ipywidgets can set; so one small script of the page does, for as long as the key is pressed in a
part of ours. Without the script everything is still reached by the tab key.
"""

from __future__ import annotations

from html import escape

from ipywidgets import HTML, Layout

STEPS = {"ArrowLeft": "previous", "ArrowDown": "previous", "ArrowRight": "next",
         "ArrowUp": "next", "Home": "first", "End": "last", "Escape": "clear"}  # fmt: skip
"""Keys in the chart, and the buttons that they press."""

_STEPS = ", ".join(f"{key}: '{step}'" for key, step in STEPS.items())
_LABEL = "Chart of plans. Arrow keys step along the Pareto front, Escape clears."
_TRIES, _PAUSE_MS = 60, 100
"""How often, and at what distance, the script looks for the chart, which is drawn after it."""

_SCRIPT = f"""
const part = this.closest('.llmcalc-chart');
let tries = 0;
const look = setInterval(() => {{
  const figure = part.querySelector('.bqplot.figure');
  if (figure) {{
    figure.tabIndex = 0;
    figure.setAttribute('role', 'application');
    figure.setAttribute('aria-label', '{_LABEL}');
  }}
  if (figure || ++tries > {_TRIES}) clearInterval(look);
}}, {_PAUSE_MS});
if (!window.llmcalcKeys) {{
  window.llmcalcKeys = {{{_STEPS}}};
  window.addEventListener('keydown', event => {{
    const at = event.target;
    if (!at.closest || !at.closest('.llmcalc')) return;
    const ours = !event.ctrlKey && !event.metaKey && !event.altKey
      && !(event.shiftKey && event.key === 'Enter');
    at.toggleAttribute('data-lm-suppress-shortcuts', ours);
    const chart = at.closest('.llmcalc-chart'), step = window.llmcalcKeys[event.key];
    if (!ours || !step || !chart || !at.closest('.bqplot, .llmcalc-steps')) return;
    chart.querySelector('.llmcalc-step-' + step).click();
    event.preventDefault();
  }}, true);
}}
"""


def key_script() -> HTML:
    """Make the invisible widget whose script lets the chart around it have the focus."""
    return HTML(f'<style onload="{escape(_SCRIPT)}"></style>', layout=Layout(display="none"))
