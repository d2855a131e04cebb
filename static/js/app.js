// The entry: every module binds itself to data attributes, by delegated events on the document.
// Nothing here is needed for a page to work; each form also posts without it.
import "./theme.js";
import "./forms.js";
import "./requests.js";
import "./shortcuts.js";
import "./chrome.js";
import "./times.js";
import "./copy.js";
import "./living.js";
import { watchAnnouncements } from "./announce.js";
import { startComposer } from "./composer.js";

watchAnnouncements();
const form = document.querySelector("[data-composer]");
if (form) startComposer(form);
