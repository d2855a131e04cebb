// Lists that live: what was polled takes the place of what is there, part by part, but never under
// somebody's hands; and what was done from a list is said where the focus goes.

function isInUse(element) {
  return element.contains(document.activeElement) || element.querySelector("details[open]") !== null;
}

function put(part) {
  const there = document.getElementById(part.id);
  const { version } = part.dataset;
  // A part without a version says of itself nothing; one that is the same is left as it is.
  if (!there || isInUse(there) || (version && version === there.dataset.version)) return;
  const taken = document.importNode(part, true);
  there.replaceWith(taken);
  window.htmx.process(taken);
}

document.addEventListener("htmx:beforeSwap", (event) => {
  const { elt, xhr } = event.detail;
  if (!elt.matches("[data-poller]")) return;
  // 286: nothing of what is there can change any more.
  elt.toggleAttribute("data-over", xhr.status === 286);
  const page = new DOMParser().parseFromString(xhr.responseText, "text/html");
  page.querySelectorAll("[data-living]").forEach(put);
});

function pollAgain() {
  const over = document.querySelector("[data-poller][data-over]");
  if (!over) return;
  const anew = over.cloneNode();
  anew.removeAttribute("data-over");
  over.replaceWith(anew);
  window.htmx.process(anew);
}

document.addEventListener("htmx:afterSettle", (event) => {
  if (!event.target.matches?.("[data-answers]")) return;
  // Another list is there, of which something may change.
  pollAgain();
  if (event.detail.requestConfig?.verb !== "post") return;
  // The button that was pressed is gone with its row: the sentence about it is what to read next.
  const said = document.querySelector("#messages .notice:last-child");
  if (!said) return;
  said.tabIndex = -1;
  said.focus();
});
