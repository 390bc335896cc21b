// Classes of the image as a whole.
import { $, make, onLeave } from "./dom.js";

export class Labels {
  /** @param change is called with the new list. */
  constructor(change) {
    this.list = make("ul", { className: "chips" });
    this.change = change;
    this.all = [];
    this.input = make("input", { autocomplete: "off", dir: "auto" });
    const form = make("form", { className: "row" }, make("label", {}, "Label of the image ", this.input), make("button", { textContent: "Add" }));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.settle();
    });
    form.addEventListener("keydown", ({ key }) => key === "Escape" && (this.input.value = ""));
    onLeave(form, () => this.settle());
    $("labels").append(this.list, form);
  }

  /** Adds what is typed. */
  settle() {
    const label = this.input.value.trim();
    this.input.value = "";
    if (label && !this.all.includes(label)) this.change([...this.all, label]);
  }

  show(labels) {
    if (JSON.stringify(labels) === JSON.stringify(this.all)) return;
    this.all = labels;
    this.list.replaceChildren(...labels.map((label) => {
      const button = make("button", { type: "button", textContent: "×" });
      button.setAttribute("aria-label", `Remove the label ${label}`);
      button.addEventListener("click", () => this.change(this.all.filter((other) => other !== label)));
      return make("li", {}, make("bdi", { textContent: label }), " ", button);
    }));
  }
}
