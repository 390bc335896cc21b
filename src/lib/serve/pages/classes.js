// What boxes can be called: the classes of the set in their order, with colours and keys.
import { colourOf } from "./colours.js";

export class Classes {
  /** @param known `[{name, order, count}]` of the server. */
  constructor(known) {
    this.orders = new Map(known.map(({ name, order }) => [name, order]));
    this.last = Math.max(-1, ...this.orders.values());
  }

  /** The place of a class in the order; a new one gets the next. */
  order(name) {
    if (!this.orders.has(name)) this.orders.set(name, ++this.last);
    return this.orders.get(name);
  }

  colour(name) {
    return colourOf(this.order(name));
  }

  get names() {
    return [...this.orders.keys()].sort((a, b) => this.order(a) - this.order(b));
  }

  /** The class of a key 1 to 9. */
  ofKey(key) {
    return this.names[key - 1];
  }

  /** The key of a class, if it has one. */
  keyOf(name) {
    const at = this.names.indexOf(name);
    return at >= 0 && at < 9 ? String(at + 1) : "";
  }
}
