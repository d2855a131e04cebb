// A button that copies what a field holds. Without this the field can be selected by hand.
import { say } from "./announce.js";

for (const button of document.querySelectorAll("button[data-copy]")) {
  const field = document.getElementById(button.dataset.copy);
  if (!field || !navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    field.select();
    await navigator.clipboard.writeText(field.value);
    say("Copied.");
    const words = button.firstChild;
    const before = words.textContent;
    words.textContent = "Copied";
    setTimeout(() => {
      words.textContent = before;
    }, 2000);
  });
}
