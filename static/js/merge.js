// Merge fields, as the server fills them: `{first_name|there}`. Only for what must be instant; the
// server's answer always has the last word.
const FIELD = /\{([a-z][a-z0-9_]{0,30})(?:\|([^{}\n]{0,100}))?\}/g;

/** Fill the fields of `words` that `values` knows or that have a fallback. */
export function fill(words, values) {
  return words.replace(FIELD, (whole, name, fallback) => {
    const value = Object.hasOwn(values, name) ? values[name] : "";
    return value || (fallback ?? whole);
  });
}

/** The ranges of the merge fields in `words`, in UTF-16 units. */
export function fieldRanges(words) {
  return Array.from(words.matchAll(FIELD), (found) => ({
    start: found.index,
    end: found.index + found[0].length,
    classes: "field",
  }));
}
