// Shows what is new without a reload: every element with data-live asks its address for what came
// after the newest message it shows. Without this script the same pages work by reloading.

const EVERY_MS = 1000;
const announcer = document.querySelector("[data-announce]");
const clock = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    time.textContent = clock.format(new Date(time.dateTime));
  }
}

// Ids are up to 19 digits, more than a number holds.
function newestId(list) {
  let newest = 0n;
  for (const item of list.querySelectorAll("[data-id]")) {
    const id = BigInt(item.dataset.id);
    if (id > newest) newest = id;
  }
  return newest;
}

function atEnd(list) {
  return list.scrollHeight - list.scrollTop - list.clientHeight < 80;
}

function append(list, items) {
  const known = new Set([...list.children].map((item) => item.dataset.id));
  const fresh = items.filter((item) => !known.has(item.dataset.id));
  const follow = atEnd(list);
  list.append(...fresh);
  if (follow) list.scrollTop = list.scrollHeight;
  const theirs = fresh.filter((item) => item.classList.contains("theirs"));
  if (theirs.length) announcer.textContent = `New message from ${list.dataset.from}: ${theirs.at(-1).querySelector(".words").textContent}`;
}

// The focused link stays the same element, so that the keyboard keeps its place.
function replace(list, items) {
  const focused = list.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  list.replaceChildren(...items);
  for (const link of list.querySelectorAll("a")) {
    if (list.dataset.current && link.getAttribute("href").includes(`/with/${list.dataset.current}/`)) link.setAttribute("aria-current", "page");
    if (link.getAttribute("href") === focused) link.focus();
  }
  if (!list.dataset.current) announcer.textContent = "New message";
}

async function look(list) {
  const answer = await fetch(`${list.dataset.live}?after=${newestId(list)}`, { cache: "no-store" });
  if (answer.status !== 200) return;
  const part = new DOMParser().parseFromString(`<ul>${await answer.text()}</ul>`, "text/html");
  localTimes(part);
  const items = [...part.querySelectorAll("li")];
  if (list.dataset.mode === "append") append(list, items);
  else replace(list, items);
}

async function watch(list) {
  for (;;) {
    await new Promise((done) => setTimeout(done, EVERY_MS));
    if (document.hidden) continue;
    // The sandbox may be restarting; the next look tells.
    await look(list).catch(() => {});
  }
}

localTimes(document);
for (const list of document.querySelectorAll("[data-live]")) {
  if (list.dataset.mode === "append") list.scrollTop = list.scrollHeight;
  watch(list);
}
