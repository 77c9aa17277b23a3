"""What screen readers are told of the sliders' handles, which ipywidgets leaves without a name.

ipywidgets' selection sliders announce the place of the value among the stops. The words of the
stop stand in their readout, which we do not show: a script copies them to the handle.
"""

from __future__ import annotations

from html import escape

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
};
new MutationObserver(tell).observe(form, {
  subtree: true, childList: true, attributes: true, attributeFilter: ['aria-valuetext']
});
tell();
"""


def name_script() -> HTML:
    """Make the invisible widget whose script names the handles of the form around it."""
    return HTML(f'<style onload="{escape(_SCRIPT)}"></style>', layout=Layout(display="none"))
