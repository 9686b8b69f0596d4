// Adds a copy button to every text that has one waiting. Pages need nothing else from a script.
(() => {
  "use strict";

  const REST_MS = 2000;

  const select_text = (source) => {
    const range = document.createRange();
    range.selectNodeContents(source);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  };

  const copy_text = async (source) => {
    try {
      await navigator.clipboard.writeText(source.textContent);
      return "Copied";
    } catch {
      select_text(source);
      return "Selected";
    }
  };

  for (const button of document.querySelectorAll("button[data-copy]")) {
    const source = document.getElementById(button.dataset.copy);
    const status = document.getElementById(`${button.dataset.copy}-status`);
    if (!source) continue;
    const label = button.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const outcome = await copy_text(source);
      button.textContent = outcome;
      if (status) status.textContent = outcome === "Copied" ? "Copied to the clipboard" : "Selected, ready to copy";
      setTimeout(() => {
        button.textContent = label;
        if (status) status.textContent = "";
      }, REST_MS);
    });
  }
})();
