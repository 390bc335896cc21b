// Classes of the image as a whole.
import { $, make } from "./dom.js";

export class Labels {
  /** @param change is called with the new list. */
  constructor(change) {
    this.list = make("ul", { className: "chips" });
    this.change = change;
    this.all = [];
    const input = make("input", { autocomplete: "off", dir: "auto" });
    const form = make("form", { className: "row" }, make("label", {}, "Label of the image ", input), make("button", { textContent: "Add" }));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const label = input.value.trim();
      input.value = "";
      if (label && !this.all.includes(label)) change([...this.all, label]);
    });
    $("labels").append(this.list, form);
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
