// Forms: a second press does nothing twice, and the first thing to mend has the focus.

const busy = new WeakSet();

function release(form) {
  busy.delete(form);
  form.removeAttribute("aria-busy");
  for (const button of form.querySelectorAll("[data-pressed]")) {
    button.removeAttribute("data-pressed");
    button.removeAttribute("aria-busy");
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method === "dialog") return;
  if (busy.has(form)) {
    event.preventDefault();
    return;
  }
  if (form.method !== "post") return;
  busy.add(form);
  form.setAttribute("aria-busy", "true");
  const button = event.submitter;
  if (button) {
    // Not `disabled`: a disabled button's name and value would not be posted.
    button.dataset.pressed = "";
    button.setAttribute("aria-busy", "true");
  }
});

// A page that comes back from the browser's store is to be used again.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) document.querySelectorAll("form[aria-busy]").forEach(release);
});

function focusSummary() {
  const summary = document.querySelector("[data-error-summary]");
  if (summary) summary.focus();
}

// The summary's links lead into the field itself, also where it sits in a closed <details>.
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-error-summary] a[href^='#']");
  const field = link && document.getElementById(link.hash.slice(1));
  if (!field) return;
  event.preventDefault();
  const details = field.closest("details");
  if (details) details.open = true;
  field.focus();
  field.scrollIntoView({ block: "center" });
});

document.addEventListener("htmx:afterSettle", focusNew);
function focusNew(event) {
  if (event.target.querySelector?.("[data-error-summary]")) focusSummary();
}

// A button may need another field first: go there and say so instead of posting for nothing.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-needs]");
  const field = button && document.getElementById(button.dataset.needs);
  if (!field || field.value.trim()) return;
  event.preventDefault();
  field.focus();
  const hint = document.getElementById("needs-hint");
  if (hint) hint.textContent = button.dataset.needsWords;
});

focusSummary();
