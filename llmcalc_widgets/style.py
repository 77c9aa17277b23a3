"""The style of every part, in JupyterLab's colours where there are any."""

from __future__ import annotations

from html import escape

from ipywidgets import HTML, Layout, VBox

_CSS = """
.llmcalc {
  --c-text: var(--jp-ui-font-color1, #212121);
  --c-strong: var(--jp-ui-font-color0, #000);
  --c-faint: var(--jp-ui-font-color2, #616161);
  --c-line: var(--jp-border-color2, #d0d0d0);
  --c-back: var(--jp-layout-color1, #fff);
  --c-back2: var(--jp-layout-color2, #f2f2f2);
  --c-error: color-mix(in srgb, var(--jp-error-color0, #c62828) 72%, var(--c-strong));
  color: var(--c-text);
  font-family: var(--jp-ui-font-family, sans-serif);
  font-size: 13px;
  line-height: 1.4;
  overflow: visible;
}
.llmcalc .bqplot {
  --bq-axislabel-fill: var(--c-text);
  --bq-axislabel-font: 12px var(--jp-ui-font-family, sans-serif);
  --bq-axis-tick-text-fill: var(--c-text);
  --bq-axis-tick-text-font: 11px var(--jp-ui-font-family, sans-serif);
  --bq-axis-path-stroke: var(--c-faint);
  --bq-axis-tick-stroke: var(--c-line);
  --bq-background: transparent;
  --bq-plotarea-background-fill: transparent;
}
.llmcalc .widget-html-content, .llmcalc .jupyter-widget-html-content {
  color: var(--c-text); font-size: 13px; line-height: 1.4; align-self: stretch;
}
.llmcalc .widget-html, .llmcalc .jupyter-widget-html { height: auto; margin: 0; }
.llmcalc .widget-label, .llmcalc .jupyter-widget-label { color: var(--c-text); }
.llmcalc-form { display: grid !important; align-content: start;
  grid-template-columns: repeat(auto-fill, minmax(270px, 1fr)); column-gap: 16px; }
.llmcalc-field { overflow: visible; }
.llmcalc-field > .widget-hbox { align-items: center; overflow: visible; }
.llmcalc-hidden-label > .widget-label, .llmcalc-hidden-label > label {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }
.llmcalc-field .widget-text, .llmcalc-field .widget-text input { min-width: 0; }
.llmcalc-field input[type="text"] { text-align: right; }
.llmcalc-search input[type="text"] { text-align: left; }
.llmcalc-list { grid-row: span 5; }
.llmcalc-field .widget-label { white-space: normal; line-height: 14px; height: 28px;
  display: flex; align-items: center; justify-content: flex-end; text-align: right; }
.llmcalc-note.under { padding: 0 4px 4px 112px; margin: 0; }
.llmcalc-field .widget-toggle-buttons { display: flex; align-items: center; }
.llmcalc-field .widget-toggle-buttons > .widget-label { flex: 0 0 auto; text-align: right;
  margin-right: 8px; }
.llmcalc-field .widget-toggle-buttons button { padding: 0 5px; margin: 2px 1px; }
.llmcalc-field .slider-container { margin-right: 10px; }
.llmcalc-row { padding: 6px; box-sizing: border-box; }
.llmcalc-row > .widget-vbox { margin: 0 !important; }
.llmcalc .llmcalc-error .widget-html-content { color: var(--c-error); font-size: 12px;
  padding: 0 4px 4px 112px; }
.llmcalc .llmcalc-error .aside { color: var(--c-faint); }
.llmcalc-fold { grid-column: 1 / -1; overflow: visible; }
.llmcalc-fold > button, .llmcalc-fold > button.mod-active { text-align: left;
  background: none; box-shadow: none; font-weight: 600; color: var(--c-strong);
  border-top: 1px solid var(--c-line); }
.llmcalc-folded { display: grid; grid-template-columns: repeat(auto-fill, minmax(270px, 1fr));
  column-gap: 16px; overflow: visible; }
.llmcalc-editor { display: grid !important; column-gap: 16px; overflow: visible;
  grid-column: 1 / -1; grid-template-columns: repeat(auto-fill, minmax(min(100%, 400px), 1fr)); }
.llmcalc-edit button { padding: 0 4px; overflow: hidden; text-overflow: ellipsis;
  font-size: 12px; background: none; color: var(--c-strong); }
.llmcalc-error pre { overflow: auto; font-size: 11px; }
.llmcalc h3 { font-size: 14px; font-weight: 600; margin: 0; color: var(--c-strong); }
.llmcalc-legend { display: flex; flex-wrap: wrap; gap: 2px 14px; color: var(--c-text);
  font-size: 12px; padding: 2px 4px; }
.llmcalc-legend span { white-space: nowrap; }
.llmcalc-legend svg, .llmcalc-key svg, .llmcalc th svg, .llmcalc h3 svg { vertical-align: -2px;
  margin-right: 4px; overflow: visible; color: var(--c-strong); }
.llmcalc-notice { border-left: 4px solid var(--c-error); background: var(--c-back2);
  padding: 8px 12px; margin: 4px 0; color: var(--c-strong); font-size: 13px; }
.llmcalc-status { color: var(--c-text); font-size: 12.5px; padding: 2px 0; }
.llmcalc-chart .bqplot { overflow: visible; }
.llmcalc-chart .bqplot svg { will-change: transform; } /* drawn apart from the page around it */
.llmcalc-stale { opacity: 0.3; }
.llmcalc-waiting { align-items: center; column-gap: 12px; }
.llmcalc-elapsed { flex: 0 0 auto; font-variant-numeric: tabular-nums; }
.llmcalc-chart .bqplot:focus-visible { outline: 2px solid var(--jp-brand-color1, #1976d2); }
.llmcalc-chart .bqplot path.line { pointer-events: none; }
.llmcalc-chart .bqplot g:first-child > .curve:nth-child(n+4) path.line { stroke-linecap: square;
  stroke-width: 15px !important; transform-box: fill-box; transform-origin: center;
  transform: rotate(45deg); } /* the recommended plan: a line of no length is drawn as its ends */
.llmcalc-chart .bqplot g:first-child > .curve:nth-child(5) path.line {
  stroke-width: 11px !important; }
.llmcalc-rivals { border-collapse: collapse; width: 100%; }
.llmcalc-rivals caption { text-align: left; font-weight: 600; color: var(--c-strong); }
.llmcalc-rivals th, .llmcalc-rivals td { padding: 3px 10px 3px 0; text-align: left;
  vertical-align: top; border-bottom: 1px solid var(--c-line); color: var(--c-text);
  font-weight: 400; background: none; white-space: normal; }
.llmcalc-rivals thead th { color: var(--c-faint); }
.llmcalc-rivals tr { background: none !important; }
.llmcalc-rival { white-space: nowrap; }
.llmcalc-chart .bqplot .curve_label { font-weight: 700; font-size: 13px; text-anchor: middle;
  fill: var(--c-strong) !important; pointer-events: none;
  paint-order: stroke; stroke: var(--c-back); stroke-width: 3px; }
.llmcalc-details { display: grid !important; align-content: start;
  grid-template-columns: repeat(auto-fit, minmax(min(350px, 100%), 1fr)); column-gap: 24px; }
.llmcalc-details table { border-collapse: collapse; width: 100%;
  font-variant-numeric: tabular-nums; }
.llmcalc-details th, .llmcalc-details td { padding: 3px 8px 3px 0; text-align: right;
  vertical-align: top; border-bottom: 1px solid var(--c-line); font-weight: 400;
  color: var(--c-text); background: none; }
.llmcalc-details tr { background: none !important; }
.llmcalc-details th[scope="row"] { text-align: left; color: var(--c-faint);
  white-space: nowrap; }
.llmcalc h3.whose { margin-top: 10px; font-size: 13px; }
.llmcalc-details thead th { font-weight: 600; color: var(--c-strong); }
.llmcalc-details .band { color: var(--c-faint); font-size: 12px; white-space: nowrap; }
.llmcalc-details .plan { color: var(--c-strong); font-weight: 600; }
.llmcalc-bar { margin: 10px 0 4px; }
.llmcalc-bar .name { display: flex; justify-content: space-between; gap: 8px; font-size: 12.5px; }
.llmcalc-bar .name b { color: var(--c-strong); font-weight: 600; }
.llmcalc-bar .track { display: flex; height: 16px; margin: 3px 0; position: relative;
  border-radius: 3px; overflow: hidden; background: var(--c-back2); }
.llmcalc-bar .track > i { display: block; height: 100%; box-shadow: inset -1px 0 var(--c-back); }
.llmcalc-bar .track > i.free { background: transparent; }
.llmcalc-bar .track > u { position: absolute; top: 0; bottom: 0; width: 2px;
  background: var(--c-strong); }
.llmcalc-key { display: flex; flex-wrap: wrap; gap: 1px 12px; font-size: 12px; }
.llmcalc-key span { white-space: nowrap; }
.llmcalc-key i { display: inline-block; width: 10px; height: 10px; border-radius: 2px;
  margin-right: 4px; vertical-align: -1px; }
.llmcalc-key i.free { border: 1px solid var(--c-faint); box-sizing: border-box; }
.llmcalc-note { color: var(--c-faint); font-size: 12px; margin: 4px 0; }
.llmcalc-still.below .llmcalc-drawing, .llmcalc-still.below .llmcalc-drawn { display: none; }
.llmcalc-tooltip { font-family: var(--jp-ui-font-family, sans-serif); font-size: 12px; }
.llmcalc-tooltip .widget-html-content { white-space: pre-line; line-height: 1.4;
  padding: 6px 10px; color: var(--jp-ui-font-color0, #000);
  background: var(--jp-layout-color1, #fff); }
[data-jp-theme-light="false"] .llmcalc { --jp-widgets-dropdown-arrow: url("data:image/svg+xml,\
%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 18 18'%3E%3Cpath fill='white' \
d='M5.2,5.9L9,9.7l3.8-3.8l1.2,1.2l-4.9,5l-4.9-5L5.2,5.9z'/%3E%3C/svg%3E"); }
"""


_HIDE_STILL = """
const output = this.closest('.jp-OutputArea-child');
const hide = () => {
  const next = output.nextElementSibling, second = next?.nextElementSibling;
  const pictured = second?.querySelector('.llmcalc-still.below');
  const stills = pictured ? [next, second] : next?.querySelector('.llmcalc-still') ? [next] : [];
  for (const still of stills) still.style.display = 'none';
};
if (output && !output.dataset.llmcalcLive) {
  output.dataset.llmcalcLive = 'yes';
  const cell = output.parentElement;
  const watch = new MutationObserver(() => cell.contains(output) ? hide() : watch.disconnect());
  watch.observe(cell, {childList: true});
  hide();
}
"""
"""Hides the still after a live view; in CSS, ``:has`` would cost milliseconds at every change."""


def style_sheet() -> HTML:
    """Make the invisible widget that carries the style of a part, and hides what stands for it."""
    sheet = f'<style onload="{escape(_HIDE_STILL)}">{_CSS}</style>'
    return HTML(sheet, layout=Layout(display="none"))


def standing(part: str) -> str:
    """Write a part's HTML with its style, to be read without the widget."""
    return f'<div class="llmcalc"><style>{_CSS}</style>{part}</div>'


def row_of(*parts: VBox) -> VBox:
    """Put parts beside each other, and below where there is no room."""
    row = VBox(
        parts,
        layout=Layout(
            display="flex",
            flex_flow="row wrap",
            width="100%",
            align_items="flex-start",
            grid_gap="8px 20px",
        ),
    )
    row.add_class("llmcalc-row")
    return row
