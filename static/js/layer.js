// The layer behind the textarea: the same text, cut where a mark begins or ends.

const WORST_FIRST = ["f-block", "f-mend", "f-praise", "field", "pointed"];

function classesOver(ranges, low, high) {
  const over = ranges.filter((range) => range.start <= low && high <= range.end);
  const classes = new Set(over.map((range) => range.classes));
  const severity = WORST_FIRST.slice(0, 3).find((name) => classes.has(name));
  return [severity, classes.has("field") && "field", classes.has("pointed") && "pointed"]
    .filter(Boolean)
    .join(" ");
}

/** Draw `text` into `layer`, with `ranges` of {start, end, classes} marked. */
export function draw(layer, text, ranges) {
  const edges = new Set([0, text.length]);
  for (const range of ranges) {
    edges.add(Math.min(range.start, text.length));
    edges.add(Math.min(range.end, text.length));
  }
  const cuts = [...edges].sort((a, b) => a - b);
  const pieces = document.createDocumentFragment();
  for (let index = 0; index + 1 < cuts.length; index += 1) {
    const [low, high] = [cuts[index], cuts[index + 1]];
    const classes = classesOver(ranges, low, high);
    const words = text.slice(low, high);
    if (!classes) {
      pieces.append(words);
      continue;
    }
    const mark = document.createElement("mark");
    mark.className = classes;
    mark.textContent = words;
    pieces.append(mark);
  }
  // A last line that is empty has no height of its own; the textarea shows one.
  pieces.append("\u200b");
  layer.replaceChildren(pieces);
}
