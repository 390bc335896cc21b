// The chosen box in numbers and words: place, text, attributes, who made it. All of it can be changed here.
import { $, make, onLeave } from "./dom.js";
import { isLine, isSuggestion, KEPT, moved } from "./shapes.js";

/** Attributes with a place of their own, or without a meaning for people. */
const ELSEWHERE = [...KEPT, "text", "baseline", "motivation", "tags", "html", "verified", "body", "links"];
const SIDES = ["x", "y", "width", "height"];

/** How long the server waits for further letters of a text. */
const REST = 1000;

export class Chosen {
  /** @param change is called with the changed box. */
  constructor(viewer, change) {
    Object.assign(this, { viewer, change });
    this.sides = SIDES.map((name, n) => {
      const input = make("input", { type: "number", step: "any", min: 0, name });
      input.addEventListener("change", () => this.place(n, input.value));
      $("place").append(make("label", {}, name, input));
      return input;
    });
    // Each letter is a draft in this browser; the server gets them when the hand rests.
    $("text").addEventListener("input", () => this.set("text", $("text").value, "string", { pause: REST, kind: "text" }));
    $("text").addEventListener("change", () => this.set("text", $("text").value));
    $("chosen").addEventListener("focusin", ({ target }) => Object.assign(this, { field: target, before: target.value }));
    $("chosen").addEventListener("focusout", () => this.leave());
    $("chosen").addEventListener("change", ({ target }) => (this.before = target.value));
    $("chosen").addEventListener("keydown", ({ key, target }) => key === "Escape" && this.giveUp(target));
    this.attributes = make("div", { className: "pairs" });
    const [name, value] = ["name", "value"].map((word) => make("input", { autocomplete: "off", placeholder: word }));
    name.setAttribute("aria-label", "Name of a new attribute");
    value.setAttribute("aria-label", "Value of the new attribute");
    this.added = [name, value];
    const add = make("button", { type: "submit", textContent: "Add" });
    const form = make("form", { className: "row" }, name, value, add);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!name.value.trim()) return name.focus();
      this.add();
    });
    onLeave(form, () => value.value && this.add());
    $("attributes").append(this.attributes, form);
  }

  get box() {
    return this.viewer.chosen.size === 1 ? this.viewer.primary : null;
  }

  show(reviews) {
    const many = this.viewer.chosen.size;
    $("chosen").hidden = !many;
    if (!many) return;
    const { box } = this;
    $("chosen-title").textContent = box ? box.concept : `${many} boxes`;
    $("chosen-title").dir = "auto";
    for (const button of $("chosen").querySelectorAll("button")) button.hidden = !reviews && !["zoomTo", "others"].includes(button.dataset.do);
    const chosen = this.viewer.chosenBoxes;
    $("chosen").querySelector("[data-do=accept]").hidden = !reviews || !chosen.some(isSuggestion);
    for (const part of [$("place"), $("text").parentElement, $("attributes")]) part.hidden = !box || (!reviews && part !== $("place"));
    $("made").textContent = box ? madeBy(box) : "";
    if (!box) return;
    this.sides.forEach((input, n) => {
      if (document.activeElement !== input) input.value = box.bbox[n];
      input.disabled = !reviews || (n > 1 && Boolean(box.polygon || isLine(box)));
    });
    if (document.activeElement !== $("text")) $("text").value = box.attributes?.text ?? "";
    this.showAttributes(box);
  }

  showAttributes(box) {
    const pairs = Object.entries(box.attributes ?? {}).filter(([name]) => !ELSEWHERE.includes(name));
    const now = JSON.stringify([box.id, pairs]);
    if (now === this.shown) return;
    // What somebody is typing in stays.
    if (this.about === box.id && this.attributes.contains(this.field)) return;
    Object.assign(this, { shown: now, about: box.id });
    this.attributes.replaceChildren(...pairs.map(([name, value]) => {
      const isPlain = ["string", "number", "boolean"].includes(typeof value);
      const input = make("input", { value: isPlain ? value : JSON.stringify(value), readOnly: !isPlain, dir: "auto" });
      input.addEventListener("change", () => this.set(name, input.value, typeof value));
      return make("label", {}, name, input);
    }));
  }

  /** Escape: what stood in a field before it was typed in stands there again. */
  giveUp(field) {
    if (this.added.includes(field)) return this.added.forEach((input) => (input.value = ""));
    if (field.value === undefined || field.value === this.before) return;
    field.value = this.before;
    if (field === $("text")) this.set("text", field.value);
  }

  /** A field is left: attributes that changed while it was typed in are shown now. */
  leave() {
    this.field = null;
    Promise.resolve().then(() => this.box && !this.field && this.showAttributes(this.box));
  }

  /** Takes over what is typed, as if the field was left. */
  settle() {
    const { field, before } = this;
    if (field && field.value !== before) field.dispatchEvent(new Event("change", { bubbles: true }));
    if (this.added[1].value) this.add();
  }

  /** Sets the new attribute, if it has a name. */
  add() {
    const [name, value] = this.added.map((input) => input.value);
    if (!this.box || !name.trim()) return;
    this.added.forEach((input) => (input.value = ""));
    this.set(name.trim(), value);
  }

  place(side, text) {
    const { box } = this;
    const { frame } = this.viewer.camera;
    const value = Number(text);
    if (!box || text === "" || !Number.isFinite(value) || value === box.bbox[side]) return;
    const delta = value - box.bbox[side];
    if (side < 2) return this.change(moved(box, ...(side ? [0, delta] : [delta, 0]), frame));
    const bbox = box.bbox.map((n, at) => (at === side ? Math.min(value, frame[side - 2] - box.bbox[side - 2]) : n));
    if (bbox[side] > 0) this.change({ ...box, bbox });
  }

  /** Sets an attribute; an empty one is removed. */
  set(name, text, kind = "string", options = {}) {
    const { box } = this;
    if (!box) return;
    const value = kind === "number" && Number.isFinite(Number(text)) ? Number(text) : kind === "boolean" ? text === "true" : text;
    const { [name]: old, ...others } = box.attributes ?? {};
    if ((old ?? "") === value) return;
    this.change({ ...box, attributes: text === "" ? others : { ...others, [name]: value } }, options);
  }
}

function madeBy({ attributes = {}, draft }) {
  const { creator, created, modified, verifier, verified, confidence } = attributes;
  const day = (time) => time?.slice(0, 16).replace("T", " ");
  return [
    draft && `not saved: ${draft.why ?? "on its way"}`,
    confidence !== undefined && `a model is ${Math.round(confidence * 100)} % sure`,
    verified === true && `accepted${verifier ? ` by ${verifier}` : ""}`,
    creator && `by ${creator}`,
    (modified ?? created) && day(modified ?? created),
  ].filter(Boolean).join(" · ");
}
