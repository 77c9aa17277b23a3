"""Names and explanations of a form's controls that ipywidgets does not give them: a script does.

ipywidgets leaves the handle of a slider without a name, and its selection sliders announce the
place of the value among the stops. The words of the stop stand in their readout, which we do not
show: the script copies them to the handle. Of text fields and lists that have a label, ipywidgets
shows no tooltip; the line for errors below each control carries its explanation, which the script
copies to label and control.
"""

from __future__ import annotations

from ipywidgets import HTML

from llmcalc_widgets.elements.assets import page_script, read_asset

_SCRIPT = read_asset("llmcalc_widgets.form", "explaining.js")


def explaining_script() -> HTML:
    """Make the invisible widget whose script names and explains the controls around it."""
    return page_script(_SCRIPT)
