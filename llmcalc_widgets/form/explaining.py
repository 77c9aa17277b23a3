"""Names and explanations of a form's controls that ipywidgets does not give them: a script does.

ipywidgets leaves the handle of a slider without a name, and its selection sliders announce the
place of the value among the stops. The words of the stop stand in their readout, which we do not
show: the script copies them to the handle. Of text fields and lists that have a label, ipywidgets
shows no tooltip; the line for errors below each control carries its explanation, which the script
copies to label and control.
"""

from __future__ import annotations

from html import escape
from typing import Any

from ipywidgets import HTML, Layout

_SCRIPT = """
const form = this.closest('.llmcalc-form');
const tell = () => {
  for (const handle of form.querySelectorAll('.noUi-handle')) {
    const slider = handle.closest('.jupyter-widgets');
    if (!handle.hasAttribute('aria-labelledby')) {
      const label = slider.querySelector('.widget-label');
      window.llmcalcLabels = (window.llmcalcLabels || 0) + 1;
      label.id ||= 'llmcalc-label-' + window.llmcalcLabels;
      handle.setAttribute('aria-labelledby', label.id);
    }
    const words = slider.querySelector('.widget-readout')?.textContent;
    if (words && handle.getAttribute('aria-valuetext') !== words) {
      handle.setAttribute('aria-valuetext', words);
    }
  }
  for (const field of form.querySelectorAll('.llmcalc-field')) {
    const about = field.querySelector('.llmcalc-error > label')?.title;
    const parts = 'label, input, select, .slider-container, .widget-toggle-button';
    if (!about || about === 'null') continue;
    for (const part of field.querySelectorAll(parts)) {
      if (part.title !== about) part.title = about;
    }
  }
};
new MutationObserver(tell).observe(form, {
  subtree: true, childList: true, attributes: true, attributeFilter: ['aria-valuetext']
});
tell();
"""


def explaining_script() -> HTML:
    """Make the invisible widget whose script names and explains the controls around it."""
    return HTML(f'<style onload="{escape(_SCRIPT)}"></style>', layout=Layout(display="none"))


def explained(label: str, about: str) -> dict[str, Any]:
    """Describe a control outside a form, so that its label has a tooltip.

    ipywidgets shows the tooltip of a list or a text field only where it has no label.

    Examples
    --------
    >>> explained("Up", "What is up")["description"]
    '<span title="What is up">Up</span>'
    """
    words = f'<span title="{escape(about)}">{escape(label)}</span>'
    return {"description": words, "description_allow_html": True}
