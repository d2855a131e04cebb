// Words that the server has not taken yet, kept in this browser until it has. Nothing else is kept.
const PREFIX = "outreach.words.";

/** Keep the words of one letter. */
export function keep(key, words) {
  try {
    localStorage.setItem(PREFIX + key, JSON.stringify({ words, at: Date.now() }));
  } catch {
    // A full or closed store: the words are still in the textarea.
  }
}

/** The words kept for a letter, or null. */
export function kept(key) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + key));
  } catch {
    return null;
  }
}

/** The server has them, or nobody wants them: forget. */
export function forget(key) {
  try {
    localStorage.removeItem(PREFIX + key);
  } catch {
    // Nothing was kept.
  }
}
