// Names the handles of a form's sliders, announces the words of their stops, and gives every part
// of a control the tooltip that the line for errors below it carries.

const PARTS = "label, input, select, .slider-container, .widget-toggle-button";

/** @param {HTMLStyleElement} style - in the form */
export default function explainControls(style) {
  const form = style.closest(".llmcalc-form");
  const nameHandle = (handle) => {
    const slider = handle.closest(".jupyter-widgets");
    if (!handle.hasAttribute("aria-labelledby")) {
      const label = slider.querySelector(".widget-label");
      window.llmcalcLabels = (window.llmcalcLabels || 0) + 1;
      label.id ||= `llmcalc-label-${window.llmcalcLabels}`;
      handle.setAttribute("aria-labelledby", label.id);
    }
    const words = slider.querySelector(".widget-readout")?.textContent;
    if (words && handle.getAttribute("aria-valuetext") !== words) {
      handle.setAttribute("aria-valuetext", words);
    }
  };
  const explain = (field) => {
    const about = field.querySelector(".llmcalc-error > label")?.title;
    if (!about || about === "null") return;
    for (const part of field.querySelectorAll(PARTS)) {
      if (part.title !== about) part.title = about;
    }
  };
  const explainAll = () => {
    form.querySelectorAll(".noUi-handle").forEach(nameHandle);
    form.querySelectorAll(".llmcalc-field").forEach(explain);
  };
  new MutationObserver(explainAll).observe(form, {
    subtree: true,
    childList: true,
    attributes: true,
    attributeFilter: ["aria-valuetext"],
  });
  explainAll();
}
