// Lets the chart have the focus, and gives the keys pressed in a part of ours to that part: those of
// the chart step along the front, and Jupyter's shortcuts take none.

const TRIES = 60; // to find the figure, which is drawn after this script has run
const PAUSE_MS = 100;
const LABEL = "Chart of plans. Arrow keys step along the Pareto front, Escape clears.";

const whenDrawn = (part, work) => {
  let tries = 0;
  const look = setInterval(() => {
    const figure = part.querySelector(".bqplot.figure");
    tries += 1;
    if (figure) work(figure);
    if (figure || tries > TRIES) clearInterval(look);
  }, PAUSE_MS);
};

const letFocus = (figure) => {
  figure.tabIndex = 0;
  figure.setAttribute("role", "application");
  figure.setAttribute("aria-label", LABEL);
};

/**
 * @param {HTMLStyleElement} style - in the chart
 * @param {{keys: Object<string, string>, prefix: string}} options - the step of each key, and how
 *   the class of the button that makes the step begins
 */
export default function stepByKeys(style, { keys, prefix }) {
  whenDrawn(style.closest(".llmcalc-chart"), letFocus);
  if (window.llmcalcKeys) return;
  window.llmcalcKeys = true;
  const press = (event) => {
    const at = event.target;
    if (!at.closest?.(".llmcalc")) return;
    const modified = event.ctrlKey || event.metaKey || event.altKey;
    const ours = !modified && !(event.shiftKey && event.key === "Enter");
    at.toggleAttribute("data-lm-suppress-shortcuts", ours);
    const chart = at.closest(".llmcalc-chart");
    const step = keys[event.key];
    if (!ours || !step || !chart || !at.closest(".bqplot, .llmcalc-steps")) return;
    chart.querySelector(`.${prefix}${step}`).click();
    event.preventDefault();
  };
  window.addEventListener("keydown", press, true);
}
