// The classes on an image: how many boxes each has, and which are hidden.
import { $, make } from "./dom.js";

export class Legend {
  constructor(classes, changed) {
    Object.assign(this, { classes, changed, hidden: new Set(), shown: "" });
  }

  show(boxes) {
    const counts = new Map();
    for (const { concept } of boxes) counts.set(concept, (counts.get(concept) ?? 0) + 1);
    const names = [...counts.keys()].sort((a, b) => this.classes.order(a) - this.classes.order(b));
    const now = JSON.stringify(names.map((name) => [name, counts.get(name)]));
    if (now === this.shown) return;
    this.shown = now;
    $("legend").replaceChildren(...names.map((name) => this.row(name, counts.get(name))));
  }

  row(name, count) {
    const tick = make("input", { type: "checkbox", checked: !this.hidden.has(name) });
    tick.addEventListener("change", () => {
      tick.checked ? this.hidden.delete(name) : this.hidden.add(name);
      this.changed();
    });
    const mark = make("i");
    mark.style.background = this.classes.colour(name);
    const label = make("label", {}, tick, mark, make("span", {}, make("bdi", { textContent: name }), ` (${count})`));
    // Painted by the style sheet: it is no part of the name.
    label.dataset.key = this.classes.keyOf(name);
    return make("li", {}, label);
  }
}
