// One live region for the whole page. An element with data-announce="<what>" and data-words says
// its words when they change after a swap, and only then: typing on is not news.

const said = new Map();

/** Say a sentence to whoever listens to the page instead of looking at it. */
export function say(words) {
  const live = document.getElementById("live");
  if (!live) return;
  live.textContent = "";
  // A region that is emptied and filled at once may count as unchanged.
  requestAnimationFrame(() => {
    live.textContent = words;
  });
}

function collect(speak) {
  for (const element of document.querySelectorAll("[data-announce]")) {
    const { announce, words, verdict } = element.dataset;
    const state = verdict ?? words;
    const isNews = speak && said.has(announce) && said.get(announce) !== state && state;
    said.set(announce, state);
    if (!isNews) continue;
    say(words);
    // Parts of the page that depend on it fetch themselves: hx-trigger="outreach:<what> from:body".
    document.body.dispatchEvent(new CustomEvent(`outreach:${announce}`));
  }
}

/** Remember what the page says now, and speak of what changes from here on. */
export function watchAnnouncements() {
  collect(false);
  document.addEventListener("htmx:afterSettle", () => collect(true));
}
