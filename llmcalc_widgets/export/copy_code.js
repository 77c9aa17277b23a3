// Copies the code that stands beside a button. Widgets know no clipboard; selecting and copying
// works on plain http as well.

const SAID_MS = 2000;

/** @param {HTMLButtonElement} button */
export default function copyCode(button) {
  const code = button.parentElement.querySelector("textarea");
  code.focus();
  code.select();
  button.textContent = document.execCommand("copy") ? "Copied" : "Press Ctrl+C";
  button.focus();
  setTimeout(() => {
    button.textContent = "Copy";
  }, SAID_MS);
}
