"""The style of what comes out of the explorer, beside the style of every part."""

from __future__ import annotations

from ipywidgets import HTML, Layout

_ROW = 26
"""Height of a row [px], the same for plans and figures, which stand beside each other."""

_TABLE = f"""
.llmcalc-outputs, .llmcalc-outputs .widget-vbox, .llmcalc-outputs .widget-hbox,
.llmcalc-table .widget-radio, .llmcalc-table .widget-radio-box {{ overflow: visible; }}
.llmcalc-table .llmcalc-sheet {{ overflow-x: auto; position: relative;
  border: 1px solid var(--c-line); }}
.llmcalc-table .llmcalc-sheet > .widget-hbox {{ overflow: hidden; width: max-content; }}
.llmcalc-table .llmcalc-sheet button {{ margin: 0; padding: 0 8px; text-align: right;
  color: var(--c-strong); background: var(--c-back2); font-weight: 600; font-size: 12px;
  border-right: 1px solid var(--c-line); overflow: hidden; text-overflow: clip; }}
.llmcalc-table .llmcalc-sheet button:first-child {{ text-align: left; }}
.llmcalc-table .widget-radio {{ margin: 0; z-index: 1; }}
.llmcalc-table .widget-radio-box {{ margin: 0; padding: 0; width: 100%; }}
.llmcalc-table .widget-radio-box label {{ height: {_ROW}px; line-height: {_ROW}px; margin: 0;
  padding: 0 8px; display: flex; align-items: center; width: 100%; box-sizing: border-box;
  font-size: 12.5px; color: var(--c-text); white-space: nowrap;
  position: relative; cursor: pointer; }}
.llmcalc-table .widget-radio-box input {{ margin: 0 6px 0 0; order: -1; }}
.llmcalc-table .widget-radio-box label::after {{ content: ""; position: absolute; left: 0; top: 0;
  width: 3000px; height: {_ROW}px; }}
.llmcalc-table .widget-radio-box label:hover::after {{ background: var(--c-text); opacity: 0.08; }}
.llmcalc-table .widget-radio-box label:has(:checked)::after {{ opacity: 1; background: none;
  box-shadow: inset 0 0 0 2px var(--c-strong); }}
.llmcalc-table .widget-radio-box label:has(:focus-visible) {{ font-weight: 600; }}
.llmcalc-table .widget-radio-box label:has(:focus-visible)::after {{
  box-shadow: inset 0 0 0 2px var(--jp-brand-color1, #1976d2), inset 0 0 0 3px var(--c-back); }}
.llmcalc-table table {{ table-layout: fixed; border-collapse: collapse;
  font-size: 12.5px; font-variant-numeric: tabular-nums; color: var(--c-text); }}
.llmcalc-table td {{ height: {_ROW}px; padding: 0 8px; box-sizing: border-box; text-align: right;
  white-space: nowrap; overflow: hidden; text-overflow: ellipsis; background: none; border: none;
  color: var(--c-text); }}
.llmcalc-table tr {{ background: none !important; }}
.llmcalc-table label:nth-child(even),
.llmcalc-table tr:nth-child(even) td {{ background: var(--c-back2); }}
.llmcalc-table th {{ padding: 0; height: 0; line-height: 0; border: none; }}
.llmcalc-table th span, .llmcalc-table caption {{ position: absolute; width: 1px; height: 1px;
  overflow: hidden; clip-path: inset(50%); white-space: nowrap; }}
"""

_REST = """
.llmcalc-outputs a { color: var(--c-strong); text-decoration: underline; }
.llmcalc-listing { grid-column: 1 / -1; }
.llmcalc-listing .widget-html-content { position: relative; }
.llmcalc-listing textarea { display: block; box-sizing: border-box; width: 100%; resize: vertical;
  padding: 8px 12px; font: 12.5px/1.5 var(--jp-code-font-family, monospace); overflow: auto;
  color: var(--c-text); background: var(--c-back2); border: 1px solid var(--c-line); }
.llmcalc-listing button { position: absolute; top: 6px; right: 6px; margin: 0; width: auto;
  color: var(--c-strong); background: var(--c-back); border: 1px solid var(--c-faint); }
"""


def output_style() -> HTML:
    """Make the invisible widget that carries the style of the drawers."""
    return HTML(f"<style>{_TABLE}{_REST}</style>", layout=Layout(display="none"))
