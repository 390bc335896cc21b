// An input with a list of proposals that is searched as one types (the combobox pattern of ARIA). The list is a `select`.
import { find } from "./fuzzy.js";

/** More are not shown: who types on finds them. */
const MOST = 200;

export class Combobox {
  /** @param names gives the proposals; `take` is called with what was chosen or typed, `leave` on Escape. */
  constructor(input, list, { names, take = () => {}, leave = () => {} }) {
    Object.assign(this, { input, list, names, take, leave });
    input.setAttribute("role", "combobox");
    input.setAttribute("aria-autocomplete", "list");
    input.setAttribute("aria-controls", list.id);
    input.addEventListener("input", () => this.open());
    input.addEventListener("click", () => this.open());
    input.addEventListener("keydown", (event) => this.key(event));
    input.addEventListener("blur", () => this.close());
    // Pressed, not clicked: the input loses the focus first, and the list closes.
    list.addEventListener("pointerdown", (event) => {
      if (event.target.tagName !== "OPTION") return;
      event.preventDefault();
      this.choose(event.target.value);
    });
    this.close();
    this.fill("");
  }

  fill(typed) {
    const found = find(this.names(), typed).slice(0, MOST);
    const given = typed.trim();
    // What was typed may be a class of its own.
    const all = given && found.length && !found.includes(given) ? [...found, given] : found;
    this.list.replaceChildren(...all.map((name, n) => {
      const option = new Option(n < found.length ? name : `${name} (new)`, name);
      option.id = `${this.list.id}-${n}`;
      option.dir = "auto";
      return option;
    }));
    this.list.size = Math.min(8, Math.max(2, all.length));
    this.mark(given && found.length ? 0 : -1);
  }

  open() {
    this.fill(this.input.value);
    this.list.hidden = this.list.length === 0;
    this.input.setAttribute("aria-expanded", !this.list.hidden);
  }

  close() {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.mark(-1);
  }

  mark(at) {
    this.list.selectedIndex = at;
    if (at < 0) return this.input.removeAttribute("aria-activedescendant");
    this.input.setAttribute("aria-activedescendant", this.list.options[at].id);
    this.list.options[at].scrollIntoView({ block: "nearest" });
  }

  choose(value) {
    this.input.value = value;
    this.close();
    this.take(value.trim());
  }

  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      if (this.list.hidden) this.open();
      const n = this.list.length;
      if (n) this.mark((this.list.selectedIndex + step + n + (this.list.selectedIndex < 0 && step < 0 ? 1 : 0)) % n);
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.choose(this.list.hidden || this.list.selectedIndex < 0 ? this.input.value : this.list.value);
    } else if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      const wasOpen = !this.list.hidden;
      this.close();
      this.leave(wasOpen);
    }
  }
}
