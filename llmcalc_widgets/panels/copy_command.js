// Copies the command that stands, unseen, beside a button. Widgets know no clipboard; selecting and
// copying works on plain http as well.

const SAID_MS = 2000;

/** @param {HTMLButtonElement} button */
export default function copyCommand(button) {
  const command = button.parentElement.querySelector("textarea");
  const words = button.textContent;
  command.select();
  button.textContent = document.execCommand("copy") ? "Copied" : "Not allowed here";
  button.focus();
  setTimeout(() => {
    button.textContent = words;
  }, SAID_MS);
}
