// Offsets. The server counts code points (as Python does), a textarea counts UTF-16 units.

/** Turn an offset in code points of `text` into one in UTF-16 units. */
export function toUnits(text, points) {
  let units = 0;
  for (let left = points; left > 0 && units < text.length; left -= 1) {
    units += text.codePointAt(units) > 0xffff ? 2 : 1;
  }
  return units;
}

/** Count the code points of `text`: what both the house's limit and X's are counted in. */
export function countPoints(text) {
  let count = 0;
  for (let at = 0; at < text.length; at += text.codePointAt(at) > 0xffff ? 2 : 1) count += 1;
  return count;
}

/** The one stretch in which two texts differ: `before[start:oldEnd]` became `after[start:newEnd]`. */
export function editBetween(before, after) {
  let start = 0;
  const shorter = Math.min(before.length, after.length);
  while (start < shorter && before[start] === after[start]) start += 1;
  let oldEnd = before.length;
  let newEnd = after.length;
  while (oldEnd > start && newEnd > start && before[oldEnd - 1] === after[newEnd - 1]) {
    oldEnd -= 1;
    newEnd -= 1;
  }
  return { start, oldEnd, newEnd };
}

/**
 * Carry ranges over an edit. What lies before it stays, what lies behind it moves, and what was
 * edited itself goes: nobody knows whether the finding still holds, until it is read again.
 */
export function carry(ranges, edit) {
  const moved = edit.newEnd - edit.oldEnd;
  const kept = [];
  for (const range of ranges) {
    if (range.end <= edit.start) kept.push(range);
    else if (range.start >= edit.oldEnd)
      kept.push({ ...range, start: range.start + moved, end: range.end + moved });
  }
  return kept;
}

/** What counts against the house limit: a last line that says how to stop the letters does not. */
export function withoutLine(text, line) {
  const body = text.trimEnd();
  return line && body.endsWith(line) ? body.slice(0, -line.length).trimEnd() : text;
}
