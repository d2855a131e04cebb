// Requests of htmx: busy while under way, and a sentence when no answer comes.
import { say } from "./announce.js";

const WORDS = {
  network: "The server did not answer. What you wrote is still here; try again.",
  server: "The server could not do this. What you wrote is still here; try again.",
  refused: "This is not open to you, or it is gone. Load the page again.",
  often: "That was too often in a short time. Wait a moment, then try again.",
};

function wordsFor(status) {
  if (status === 429) return WORDS.often;
  if (status >= 500) return WORDS.server;
  return WORDS.refused;
}

/** Show one notice on top of the page; the composer shows its own. */
function show(words) {
  const place = document.getElementById("messages");
  if (!place || place.querySelector("[data-request-failed]")) return;
  const notice = document.createElement("div");
  notice.className = "notice spam";
  notice.dataset.requestFailed = "";
  notice.textContent = words;
  place.append(notice);
  say(words);
}

document.addEventListener("htmx:sendError", (event) => fail(event, WORDS.network));
document.addEventListener("htmx:timeout", (event) => fail(event, WORDS.network));
document.addEventListener("htmx:responseError", (event) =>
  fail(event, wordsFor(event.detail.xhr.status)),
);
document.addEventListener("htmx:afterOnLoad", (event) => {
  if (event.detail.successful) document.querySelector("[data-request-failed]")?.remove();
});

function fail(event, words) {
  if (!event.target.closest?.("[data-composer]")) show(words);
}
