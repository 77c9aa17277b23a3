"""Names of the sliders' handles for screen readers, which ipywidgets leaves without one."""

from __future__ import annotations

from html import escape

from ipywidgets import HTML, Layout

_TRIES, _PAUSE_MS = 60, 100
"""How often, and at what distance, the script looks for handles, which are drawn after it."""

_SCRIPT = f"""
const form = this.closest('.llmcalc-form');
let tries = 0;
const look = setInterval(() => {{
  for (const handle of form.querySelectorAll('.noUi-handle:not([aria-labelledby])')) {{
    const label = handle.closest('.jupyter-widgets').querySelector('.widget-label');
    window.llmcalcLabels = (window.llmcalcLabels || 0) + 1;
    label.id ||= 'llmcalc-label-' + window.llmcalcLabels;
    handle.setAttribute('aria-labelledby', label.id);
  }}
  if (++tries > {_TRIES}) clearInterval(look);
}}, {_PAUSE_MS});
"""


def name_script() -> HTML:
    """Make the invisible widget whose script names the handles of the form around it."""
    return HTML(f'<style onload="{escape(_SCRIPT)}"></style>', layout=Layout(display="none"))
