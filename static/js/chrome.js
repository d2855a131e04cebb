// What stands around a page: the sheet 'More', things that ask once, and the offer to undo.

// A <details> that floats closes on Escape and on a press elsewhere.
document.addEventListener("click", (event) => {
  for (const details of document.querySelectorAll("details[data-more][open], details.ask[open]")) {
    if (!details.contains(event.target)) details.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const details of document.querySelectorAll("details[data-more][open], details.ask[open]")) {
    details.open = false;
    details.querySelector("summary").focus();
  }
});

for (const undo of document.querySelectorAll("[data-until]")) {
  const left = Date.parse(undo.dataset.until) - Date.now();
  // A clock that runs apart from the server's must not hide the offer early or keep it for long.
  setTimeout(
    () => {
      if (!undo.hasAttribute("aria-busy")) undo.remove();
    },
    Math.min(Math.max(left, 3000), 15000),
  );
}
