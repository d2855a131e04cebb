// Lists that live: what was polled takes the place of what is there, row by row, but never under
// somebody's hands; and what was done from a list is said where the focus goes.

function isInUse(element) {
  return element.contains(document.activeElement) || element.querySelector("details[open]") !== null;
}

document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { target, fragment } = event.detail;
  const fresh = fragment.firstElementChild;
  // Only what a poll brought holds back; the answer to a press is always shown.
  if (!fresh?.matches("[data-calm]")) return;
  const { version } = fresh.dataset;
  const isSame = version !== undefined && version === target.dataset.version;
  if (isSame || isInUse(target)) event.detail.shouldSwap = false;
});

// The button that was pressed is gone with its row: the sentence about it is what to read next.
document.addEventListener("htmx:afterSettle", (event) => {
  if (!event.target.matches?.("[data-answers]") || event.detail.requestConfig?.verb !== "post") return;
  const said = document.querySelector("#messages .notice:last-child");
  if (!said) return;
  said.tabIndex = -1;
  said.focus();
});
