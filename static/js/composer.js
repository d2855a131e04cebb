// The composer: marks under the words, counters and bubble at once, a reading after each pause,
// fixes on one press. The textarea is never replaced and never loses the focus.
import { draw } from "./layer.js";
import { fieldRanges, fill } from "./merge.js";
import { carry, countPoints, editBetween, toUnits, withoutLine } from "./offsets.js";
import { startSaving } from "./saving.js";

const CLASS_OF_SEVERITY = { block: "f-block", warn: "f-mend", praise: "f-praise" };

/** Bind the composer's form. */
export function startComposer(form) {
  const composer = new Composer(form);
  composer.readFindings(composer.area.value);
  composer.show();
}

class Composer {
  constructor(form) {
    this.form = form;
    this.area = form.querySelector("[data-letter-words]");
    this.layer = form.querySelector("[data-layer]");
    this.reading = form.querySelector("#reading");
    this.values = {
      first_name: form.dataset.firstName,
      name: form.dataset.name,
      handle: form.dataset.handle,
    };
    this.limit = Number(form.dataset.limit);
    this.stopLine = form.dataset.stopLine;
    this.ranges = [];
    this.fixes = [];
    this.drawn = this.area.value;
    this.layer.parentElement.classList.add("live");
    form.querySelector("[data-insert-bar]").hidden = false;
    startSaving(form, this.area, this.reading, (sent) => this.answered(sent));
    this.listen();
  }

  listen() {
    this.area.addEventListener("input", () => this.changed());
    this.form.addEventListener("click", (event) => this.pressed(event));
    for (const type of ["mouseover", "focusin"]) {
      this.reading.addEventListener(type, (event) => this.point(event));
    }
    for (const type of ["mouseleave", "focusout"]) {
      this.reading.addEventListener(type, () => this.point(null));
    }
  }

  /** The words were edited: carry marks and fixes over the edit, show all that can be instant. */
  changed() {
    const edit = editBetween(this.drawn, this.area.value);
    this.ranges = carry(this.ranges, edit);
    this.fixes = carry(this.fixes, edit);
    this.drawn = this.area.value;
    this.show();
  }

  /** The server answered for the words as they were `sent`; meanwhile they may have changed. */
  answered(sent) {
    this.readFindings(sent);
    const edit = editBetween(sent, this.area.value);
    if (sent !== this.area.value) {
      this.ranges = carry(this.ranges, edit);
      this.fixes = carry(this.fixes, edit);
    }
    this.drawn = this.area.value;
    this.showMarks();
    if (sent !== this.area.value) this.showCount();
    this.showDisagreement();
  }

  readFindings(text) {
    this.ranges = [];
    this.fixes = [];
    for (const item of this.reading.querySelectorAll("[data-finding]")) {
      const range = this.rangeOf(item, text);
      const classes = CLASS_OF_SEVERITY[item.dataset.severity];
      if (range && classes && text.slice(range.start, range.end) === item.dataset.quote) {
        this.ranges.push({ ...range, classes, id: item.id });
      }
    }
    for (const button of this.reading.querySelectorAll("[data-fix]")) {
      const range = this.rangeOf(button, text);
      if (range) this.fixes.push({ ...range, id: button.id, from: text.slice(range.start, range.end) });
    }
  }

  rangeOf(element, text) {
    if (element.dataset.start === undefined) return null;
    return {
      start: toUnits(text, Number(element.dataset.start)),
      end: toUnits(text, Number(element.dataset.end)),
    };
  }

  show() {
    this.showMarks();
    this.showCount();
  }

  showMarks() {
    const text = this.area.value;
    draw(this.layer, text, [...this.ranges, ...fieldRanges(text), ...(this.pointed ?? [])]);
  }

  showCount() {
    const received = fill(this.area.value, this.values);
    const length = countPoints(withoutLine(received, this.stopLine));
    const over = length > this.limit;
    this.form.querySelector("[data-count]").textContent = length.toLocaleString("en");
    this.form.querySelector("[data-count-tone]").classList.toggle("mend", over);
    this.form.querySelector("[data-count-meter]").value = length;
    document.getElementById("bubble").textContent = received;
  }

  showDisagreement() {
    const place = this.form.querySelector("[data-disagreement]");
    const verdict = document.getElementById("verdict")?.dataset.verdict;
    // What somebody has begun to write stays in sight.
    if (place) place.hidden = verdict !== "spam" && !place.querySelector("textarea")?.value;
  }

  /** Show in the words which of them a finding is about. */
  point(event) {
    const item = event?.target.closest?.("[data-finding]");
    const pointed = this.ranges
      .filter((range) => item && range.id === item.id)
      .map((range) => ({ ...range, classes: "pointed" }));
    if (pointed.length === 0 && !this.pointed?.length) return;
    this.pointed = pointed;
    this.showMarks();
  }

  pressed(event) {
    const fix = event.target.closest("[data-fix]");
    if (fix) {
      event.preventDefault();
      this.mend(fix);
      return;
    }
    const insert = event.target.closest("[data-insert]");
    if (insert) this.write(this.area.selectionStart, this.area.selectionEnd, insert.dataset.insert);
  }

  mend(button) {
    const range = this.fixes.find((fix) => fix.id === button.id);
    // The words it was about were edited: the next reading, on its way, knows better.
    if (!range || this.area.value.slice(range.start, range.end) !== range.from) return;
    this.write(range.start, range.end, button.dataset.replacement);
  }

  /** Replace a stretch of the words so that the browser's own undo takes it back. */
  write(start, end, replacement) {
    this.pointed = [];
    this.area.focus();
    this.area.setSelectionRange(start, end);
    const before = this.area.value;
    const wanted = before.slice(0, start) + replacement + before.slice(end);
    const command = replacement ? "insertText" : "delete";
    if (before === wanted) return;
    const done = document.execCommand?.(command, false, replacement);
    if (!done || this.area.value !== wanted) {
      this.area.value = before;
      this.area.setRangeText(replacement, start, end, "end");
      this.area.dispatchEvent(new Event("input", { bubbles: true }));
    }
  }
}
