// Light, dark, or as the system: set at once, remembered in the cookie that the server reads.

const YEAR_SECONDS = 365 * 24 * 3600;

function apply(theme) {
  const root = document.documentElement;
  for (const name of ["data-theme", "data-bs-theme"]) {
    if (theme) root.setAttribute(name, theme);
    else root.removeAttribute(name);
  }
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `theme=${theme}; path=/; max-age=${YEAR_SECONDS}; SameSite=Lax${secure}`;
  for (const button of document.querySelectorAll("[data-theme-switch] button")) {
    button.setAttribute("aria-pressed", String(button.value === theme));
  }
}

for (const form of document.querySelectorAll("[data-theme-switch]")) form.hidden = false;

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-theme-switch] button");
  if (!button) return;
  event.preventDefault();
  apply(button.value);
});
