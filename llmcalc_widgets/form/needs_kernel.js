// Says on a page without a kernel, such as one that nbconvert made, that controls need one.

export default {
  render({ model, el }) {
    const layout = model.get("layout"); // a model itself, which knows whether its comm is live
    const show = () => {
      const dead = layout.comm_live === false;
      el.innerHTML = "";
      el.style.display = dead ? "" : "none";
      if (!dead) return;
      el.className = "llmcalc-notice";
      el.setAttribute("role", "note");
      el.textContent = "No kernel runs here: these controls change nothing.";
    };
    layout.on("comm_live_update", show);
    show();
    return () => layout.off("comm_live_update", show);
  },
};
