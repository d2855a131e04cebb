// Saving and reading as one request after each pause. One at a time, the last words last; what could
// not be saved is kept here and tried again.
import { forget, keep, kept } from "./keepsake.js";

// A pause is this long. The rest of the 300 ms until guidance shows is the server's and the
// browser's: about 100 on two cores that others use as well (tests/e2e/test_guidance.py measures it).
const PAUSE_MS = 100;
const RETRY_MS = 5000;
const NETWORK = "Not saved yet: the server did not answer. Your words are kept in this browser.";
const SERVER = "Not saved yet: the server could not do it. Your words are kept in this browser.";
const CLOSED = "Not saved: this letter can no longer be edited, or you are signed out. Your words are kept in this browser.";

/** The notice that somebody else's words stand against these, while it does. */
function conflict() {
  return document.querySelector("[data-conflict]");
}

/** Save the form while it is written. `onAnswer(sent)` gets the words that an answer is about. */
export function startSaving(form, area, reading, onAnswer) {
  const saving = new Saving(form, area, reading, onAnswer);
  saving.offerKept();
  // A browser may bring back words that the server has not seen.
  if (area.value !== area.defaultValue) saving.soon();
}

class Saving {
  constructor(form, area, reading, onAnswer) {
    Object.assign(this, { form, area, reading, onAnswer });
    this.key = form.dataset.letter;
    this.notice = document.getElementById("unsaved");
    this.sent = new WeakMap();
    this.dirty = false;
    this.leaving = false;
    this.listen();
  }

  listen() {
    this.form.addEventListener("input", () => this.soon());
    this.form.addEventListener("submit", () => {
      // The form itself takes the words along: a save after it would come too late.
      this.leaving = true;
      clearTimeout(this.timer);
      if (this.dirty) keep(this.key, this.area.value);
    });
    this.form.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      this.now();
    });
    this.reading.addEventListener("htmx:beforeSend", (event) => {
      this.sent.set(event.detail.xhr, this.area.value);
    });
    this.reading.addEventListener("htmx:afterOnLoad", (event) => this.answered(event.detail.xhr));
    this.reading.addEventListener("htmx:sendError", () => this.failed(NETWORK, true));
    this.reading.addEventListener("htmx:timeout", () => this.failed(NETWORK, true));
    this.reading.addEventListener("htmx:responseError", (event) => {
      const { status } = event.detail.xhr;
      const again = status >= 500 || status === 429;
      this.failed(again ? SERVER : CLOSED, again);
    });
    this.notice.addEventListener("click", (event) => this.pressed(event));
    document.addEventListener("click", (event) => {
      if (!event.target.closest("[data-leave-words]")) return;
      // Chosen knowingly: the other version, not these words.
      this.leaving = true;
      this.dirty = false;
      forget(this.key);
    });
    window.addEventListener("beforeunload", (event) => {
      if (this.dirty && !this.leaving) {
        keep(this.key, this.area.value);
        if (this.broken) event.preventDefault();
      }
    });
    // A save that waits for the one before it to be answered.
    this.reading.addEventListener("htmx:beforeRequest", (event) => {
      if (this.leaving) event.preventDefault();
    });
    window.addEventListener("pageshow", (event) => {
      if (event.persisted) this.leaving = false;
    });
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "hidden" && this.dirty && !this.leaving) this.now();
    });
  }

  soon() {
    this.dirty = true;
    // Somebody else's words stand against these: nothing is saved over them unasked.
    if (conflict()) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.now(), PAUSE_MS);
  }

  now() {
    clearTimeout(this.timer);
    if (conflict()) return;
    const saved = document.getElementById("saved");
    if (saved && !this.broken) saved.textContent = "Saving";
    window.htmx.trigger(this.reading, "outreach:read");
  }

  /** The parts of the answer are in the page by now: the swap and its settling take no time. */
  answered(xhr) {
    // Only these say what became of the words; signed out, the answer only leads to the door.
    if (![200, 409, 422].includes(xhr.status)) return;
    const sent = this.sent.get(xhr);
    if (xhr.status === 422) {
      // A field is not right yet: what it says is shown, and the next save tries again.
      document.querySelector("[data-choices]")?.remove();
      conflict()?.removeAttribute("data-conflict");
      keep(this.key, this.area.value);
    } else if (xhr.status === 409) {
      keep(this.key, this.area.value);
    } else {
      this.broken = false;
      this.dirty = this.area.value !== sent;
      if (!this.dirty) forget(this.key);
      this.notice.hidden = true;
    }
    this.onAnswer(sent);
  }

  failed(words, again) {
    this.broken = true;
    this.dirty = true;
    keep(this.key, this.area.value);
    this.tell(words, { retry: true });
    const saved = document.getElementById("saved");
    if (saved) saved.textContent = "Not saved yet";
    clearTimeout(this.timer);
    if (again) this.timer = setTimeout(() => this.now(), RETRY_MS);
  }

  tell(words, { retry = false, quote = "" }) {
    const part = (name) => this.notice.querySelector(`[data-unsaved-${name}]`);
    part("words").textContent = words;
    part("quote").textContent = quote;
    part("quote").hidden = !quote;
    part("retry").hidden = !retry;
    part("restore").hidden = !quote;
    part("drop").hidden = !quote;
    this.notice.hidden = false;
  }

  /** Words that an earlier visit could not save: show them, and let their author decide. */
  offerKept() {
    const found = kept(this.key);
    if (!found || typeof found.words !== "string") return;
    if (found.words === this.area.value) {
      forget(this.key);
      return;
    }
    this.keptWords = found.words;
    this.tell("Not saved yet, from your last visit:", { quote: found.words });
  }

  pressed(event) {
    const button = event.target.closest("button");
    if (!button) return;
    if ("unsavedRetry" in button.dataset) this.now();
    if ("unsavedRestore" in button.dataset) {
      this.area.focus();
      this.area.setRangeText(this.keptWords, 0, this.area.value.length, "end");
      this.area.dispatchEvent(new Event("input", { bubbles: true }));
      this.notice.hidden = true;
    }
    if ("unsavedDrop" in button.dataset) {
      forget(this.key);
      this.notice.hidden = true;
      this.area.focus();
    }
  }
}
