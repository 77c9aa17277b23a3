// Hides the still picture and table that a cell stores after its live view, for readers without a
// kernel, once that view is really drawn: where bqplot's script is missing they stay.

const OFTEN_MS = 200;
const TIMES = 150; // then whatever has not come does not come

const isDrawn = (live) => {
  const chart = live.querySelector(".llmcalc-chart");
  return (chart ?? live).querySelector(chart ? ".bqplot svg" : ".llmcalc-form") !== null;
};

/** The outputs that stand for a live view: after it, before another one, picture and table. */
const stillsOf = (live) => {
  const passed = [];
  for (let node = live; node?.parentElement; node = node.parentElement) {
    for (let next = node.nextElementSibling; next; next = next.nextElementSibling) {
      if (next.querySelector(".llmcalc-row")) return [];
      const still = next.matches(".llmcalc-still") ? next : next.querySelector(".llmcalc-still");
      if (still) {
        const picture = passed.at(-1);
        const below = still.matches(".below") && picture?.querySelector("img");
        return below ? [picture, next] : [next];
      }
      passed.push(next);
    }
  }
  return [];
};

const watch = (live) => {
  const hide = () => {
    if (!live.isConnected || !isDrawn(live)) return false;
    const stills = stillsOf(live);
    for (const still of stills) still.style.display = "none";
    return stills.length > 0;
  };
  const again = (left) => {
    if (!hide() && left) setTimeout(again, OFTEN_MS, left - 1);
  };
  again(TIMES);
  const cell = live.closest(".jp-OutputArea-child")?.parentElement;
  if (!cell) return;
  const changes = new MutationObserver(() => {
    if (cell.contains(live)) hide();
    else changes.disconnect();
  });
  changes.observe(cell, { childList: true });
};

/** @param {HTMLStyleElement} style - in the live view, which may come into the page after it */
export default function hideStill(style) {
  const look = (left) => {
    const live = style.isConnected && style.closest(".llmcalc-row");
    if (!live) {
      if (left) setTimeout(look, OFTEN_MS, left - 1);
    } else if (!live.dataset.llmcalcLive) {
      live.dataset.llmcalcLive = "yes";
      watch(live);
    }
  };
  look(TIMES);
}
