// Single letters act on what carries data-key, unless one writes, holds a modifier, or has switched
// them off (WCAG 2.2, 2.1.4). `?` shows the list.
const STORE = "outreach.shortcuts";

function isOn() {
  try {
    return localStorage.getItem(STORE) !== "off";
  } catch {
    return true;
  }
}

function remember(on) {
  try {
    localStorage.setItem(STORE, on ? "on" : "off");
  } catch {
    // A browser that keeps nothing starts with them on.
  }
}

function isWriting(target) {
  return target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
}

const dialog = document.getElementById("shortcuts");
const box = document.getElementById("shortcuts-on");

function mark() {
  document.documentElement.toggleAttribute("data-keys-off", !isOn());
}

if (box) {
  box.checked = isOn();
  box.addEventListener("change", () => {
    remember(box.checked);
    mark();
  });
}
mark();

function open() {
  dialog?.showModal();
  dialog?.querySelector("[data-close]").focus();
}

for (const button of document.querySelectorAll("[data-shortcuts]")) button.hidden = false;

// A decision brings the next letter at once. Its keys rest until it can have been looked at, or a
// second press of the same key decides on words that nobody read.
const REST_MS = 1500;
const DECIDES = "#decide [data-key]";
const isFresh = document.querySelector("[data-until]") !== null;

function rests(target) {
  return isFresh && target.matches(DECIDES) && performance.now() < REST_MS;
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-shortcuts]")) open();
});

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing || event.repeat) return;
  if (event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) return;
  if (document.querySelector("dialog[open]") || !isOn()) return;
  if (event.key === "?") {
    if (!dialog) return;
    event.preventDefault();
    open();
    return;
  }
  if (event.key.length !== 1) return;
  const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]:not([disabled])`);
  if (!target || !target.checkVisibility()) return;
  event.preventDefault();
  if (target.matches("input")) target.focus();
  else if (!rests(target)) target.click();
});
