// Hides the still picture and table that a cell stores after its live view, for readers without a
// kernel.

/** @param {HTMLStyleElement} style - in the live view */
export default function hideStill(style) {
  const output = style.closest(".jp-OutputArea-child");
  if (!output || output.dataset.llmcalcLive) return;
  output.dataset.llmcalcLive = "yes";
  const hide = () => {
    const next = output.nextElementSibling;
    const second = next?.nextElementSibling;
    const stills = second?.querySelector(".llmcalc-still.below")
      ? [next, second]
      : next?.querySelector(".llmcalc-still")
        ? [next]
        : [];
    for (const still of stills) still.style.display = "none";
  };
  const cell = output.parentElement;
  const watch = new MutationObserver(() => {
    if (cell.contains(output)) hide();
    else watch.disconnect();
  });
  watch.observe(cell, { childList: true });
  hide();
}
