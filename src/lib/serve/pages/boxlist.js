// The boxes of an image in a list: one stop of Tab, arrow keys choose, Enter zooms to a box.
import { $, make } from "./dom.js";
import { isLine, isSuggestion } from "./shapes.js";

const kindOf = (box) => (isLine(box) ? "line" : box.polygon ? "outline" : "box");

/** A box in words. */
export function describe(box) {
  const { text, confidence } = box.attributes ?? {};
  const state = box.draft ? "not saved" : isSuggestion(box) ? `suggested, ${Math.round(confidence * 100)} %` : "";
  const [x, y] = box.bbox.map(Math.round);
  return [box.concept, text, kindOf(box), `at ${x}, ${y}`, state].filter(Boolean).join(" · ");
}

export class BoxList {
  constructor(viewer, classes, on) {
    Object.assign(this, { viewer, classes, on, rows: new Map(), marked: new Set() });
    this.list = $("boxes");
    this.list.addEventListener("click", (event) => {
      const id = event.target.closest("li")?.dataset.id;
      const box = this.viewer.boxes.find((box) => box.id === id);
      if (box) this.viewer.choose(box, event.shiftKey || event.ctrlKey || event.metaKey);
    });
    this.list.addEventListener("dblclick", () => on.zoomTo());
    this.list.addEventListener("keydown", (event) => this.key(event));
    $("list").addEventListener("toggle", () => this.show());
  }

  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) this.on.step(step);
    else if (event.key === "Enter") this.on.zoomTo();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  show() {
    const { boxes } = this.viewer;
    $("amount").textContent = boxes.length;
    if (!$("list").open) return;
    const held = new Set(boxes.map((box) => box.id));
    for (const [id, row] of this.rows) {
      if (held.has(id)) continue;
      row.remove();
      this.rows.delete(id);
    }
    let before = null;
    for (const box of boxes) {
      const row = this.row(box);
      const words = describe(box);
      if (row.lastChild.textContent !== words) {
        row.lastChild.textContent = words;
        row.firstChild.style.background = this.classes.colour(box.concept);
      }
      const next = before ? before.nextSibling : this.list.firstChild;
      if (next !== row) this.list.insertBefore(row, next);
      before = row;
    }
    this.mark();
  }

  /** Marks the rows of the chosen boxes. */
  mark() {
    if (!$("list").open) return;
    const { chosen } = this.viewer;
    for (const id of this.marked) if (!chosen.has(id)) this.rows.get(id)?.setAttribute("aria-selected", "false");
    for (const id of chosen) this.rows.get(id)?.setAttribute("aria-selected", "true");
    this.marked = new Set(chosen);
    const primary = this.rows.get(this.viewer.primary?.id);
    if (!primary) return this.list.removeAttribute("aria-activedescendant");
    this.list.setAttribute("aria-activedescendant", primary.id);
    if (document.activeElement === this.list) primary.scrollIntoView({ block: "nearest" });
  }

  row(box) {
    if (!this.rows.has(box.id)) {
      const row = make("li", { id: `row-${box.id}` }, make("i"), make("span", { dir: "auto" }));
      row.setAttribute("role", "option");
      row.setAttribute("aria-selected", "false");
      row.dataset.id = box.id;
      this.rows.set(box.id, row);
    }
    return this.rows.get(box.id);
  }
}
