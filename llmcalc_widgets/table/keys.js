// Keys in the table of plans: from row to row, also over the ends of a page. Within a page the
// arrows move the selection by themselves, as in every group of radio buttons.

const WAIT_MS = 2000;
const ROWS = ".widget-radio-box input";
const LABEL =
  "Plans. Arrow keys move the selection, Page Up and Page Down by a page, Home and End to the ends.";

/**
 * @param {HTMLStyleElement} style - in the table
 * @param {{keys: Object<string, string>, prefix: string}} options - the step of each key, and how
 *   the class of the button that makes the step begins
 */
export default function moveByKeys(style, { keys, prefix }) {
  const table = style.closest(".llmcalc-table");
  const group = table.querySelector(".widget-radio-box");
  group.setAttribute("role", "radiogroup");
  group.setAttribute("aria-label", LABEL);
  const chosen = () => table.querySelector(`${ROWS}:checked`);
  const focusOther = (before) => {
    const start = performance.now();
    const look = () => {
      const now = chosen();
      if (now && now !== before) now.focus();
      else if (performance.now() - start < WAIT_MS) requestAnimationFrame(look);
    };
    look();
  };
  table.addEventListener("keydown", (event) => {
    const rows = [...table.querySelectorAll(ROWS)];
    const step = keys[event.key];
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!step || !plain || !rows.includes(event.target)) return;
    if (step === "above" && event.target !== rows[0]) return;
    if (step === "below" && event.target !== rows.at(-1)) return;
    event.preventDefault();
    const before = chosen();
    table.querySelector(`.${prefix}${step}`).click();
    focusOther(before);
  });
}
