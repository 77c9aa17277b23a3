"""The style of drawings and of the tables beside them."""

WHY_CSS = """
.llmcalc-panels { display: grid; column-gap: 28px; row-gap: 14px; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 520px), 1fr)); }
.llmcalc-panels section { min-width: 0; }
.llmcalc-panels h3 { margin: 6px 0; }
.llmcalc-drawing { display: block; width: 100%; max-width: 640px; height: auto;
  overflow: visible; }
.llmcalc-drawing text { font: 11px var(--jp-ui-font-family, sans-serif); fill: var(--c-text); }
.llmcalc-drawing text.number { font-weight: 600; fill: var(--c-strong);
  paint-order: stroke; stroke: var(--c-back); stroke-width: 3px; stroke-linejoin: round; }
.llmcalc-drawing .grid { stroke: var(--c-line); stroke-width: 0.6; }
.llmcalc-drawing .guide { stroke: var(--c-faint); stroke-width: 1; stroke-dasharray: 2 3; }
.llmcalc-drawing circle { stroke: var(--c-back); stroke-width: 0.8; }
.llmcalc-drawing .roof, .llmcalc-drawn .roof { fill: none; stroke: var(--c-strong);
  stroke-width: 1.6; }
.llmcalc-drawing .reached, .llmcalc-drawn .reached { fill: none; stroke: var(--c-strong);
  stroke-width: 1.4; stroke-dasharray: 5 3; }
.llmcalc-drawing .capacity { stroke: var(--c-strong); stroke-width: 1.8; }
.llmcalc-facts { margin-top: 4px; font-size: 12.5px; }
.llmcalc-facts summary { cursor: pointer; }
.llmcalc-panels table, .llmcalc-facts table {
  border-collapse: collapse; width: 100%; font-size: 12.5px;
  font-variant-numeric: tabular-nums; }
.llmcalc-panels th, .llmcalc-panels td, .llmcalc-facts th, .llmcalc-facts td {
  padding: 2px 8px 2px 0; text-align: right;
  border-bottom: 1px solid var(--c-line); font-weight: 400; color: var(--c-text);
  background: none; vertical-align: top; }
.llmcalc-panels tr, .llmcalc-facts tr { background: none !important; }
.llmcalc-panels thead th { font-weight: 600; color: var(--c-strong); }
.llmcalc-panels th[scope="row"], .llmcalc-facts th:first-child,
.llmcalc-operations th:nth-child(2),
.llmcalc-operations td:last-child, .llmcalc-operations th:last-child { text-align: left; }
.llmcalc-panels .band { color: var(--c-faint); }
.llmcalc-operations td { white-space: nowrap; }
.llmcalc-operations td.bar { width: 24%; min-width: 60px; }
.llmcalc-operations td.bar > div { display: flex; height: 12px; margin-top: 3px; }
.llmcalc-operations td.bar i { display: block; height: 100%; }
.llmcalc-sensitivity .meter { height: 4px; margin-top: 2px; background: var(--c-back2); }
.llmcalc-sensitivity .meter i { display: block; height: 100%; margin-left: auto;
  background: #0072B2; }
.llmcalc-wide { grid-column: 1 / -1; overflow-x: auto; }
.llmcalc-slo th:first-child, .llmcalc-slo th:last-child, .llmcalc-slo td:last-child,
.llmcalc-slo td.said { text-align: left !important; }
.llmcalc-devices th:first-child, .llmcalc-devices td.said,
.llmcalc-devices th:nth-child(n + 8) { text-align: left !important; }
.llmcalc-devices td.said:nth-child(8) { min-width: 150px; }
@media (max-width: 900px) {
  .llmcalc-wide table { font-size: 11px !important; }
  .llmcalc-wide th, .llmcalc-wide td { padding-right: 4px !important; }
  .llmcalc-devices td.said:nth-child(8) { min-width: 76px; } }
@media (min-width: 1750px) { .llmcalc-why section:first-child { grid-row: span 2; } }
"""
