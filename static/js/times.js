// "3 seconds ago" goes on counting on a page that stays open; the words are those of the filter `when`.
const TICK_MS = 10_000;

function counted(number, unit) {
  return `${number} ${unit}${number === 1 ? "" : "s"} ago`;
}

function words(seconds) {
  if (seconds < 10) return "now";
  return seconds < 60 ? counted(Math.floor(seconds), "second") : counted(Math.floor(seconds / 60), "minute");
}

setInterval(() => {
  for (const time of document.querySelectorAll("time[datetime*=T]")) {
    const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
    if (seconds >= 0 && seconds < 3600) time.textContent = words(seconds);
  }
}, TICK_MS);
