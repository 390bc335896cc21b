// How the pixels are shown: brightness, contrast, gamma, inversion, and another capture of the same side over them.
import { $, make, root } from "./dom.js";
import { say } from "./messages.js";

const SLIDERS = [
  ["brightness", "Brightness", 0.2, 3, 1],
  ["contrast", "Contrast", 0.2, 4, 1],
  ["gamma", "Gamma", 0.2, 4, 1],
];

export class Adjust {
  constructor(viewer) {
    this.viewer = viewer;
    this.sliders = SLIDERS.map(([name, says, min, max, value]) => {
      const input = make("input", { type: "range", id: name, min, max, step: 0.05, defaultValue: value, value });
      input.addEventListener("input", () => this.show());
      $("sliders").append(make("label", {}, says, " ", input));
      return input;
    });
    this.inverted = make("input", { type: "checkbox", id: "inverted" });
    this.inverted.addEventListener("change", () => this.show());
    const reset = make("button", { type: "button", textContent: "As it is" });
    reset.addEventListener("click", () => this.reset());
    this.capture = make("select", { id: "over" });
    this.share = make("input", { type: "range", id: "share", min: 0, max: 1, step: 0.05, value: 0.5 });
    for (const input of [this.capture, this.share]) input.addEventListener("input", () => this.cover());
    this.captures = make("div", { hidden: true }, make("label", {}, "Capture over it ", this.capture), make("label", {}, "Share ", this.share));
    $("sliders").append(make("label", {}, this.inverted, " Inverted"), reset, this.captures);
  }

  /** The other captures of an image that can lie over it: `[name, segment]`. They stay as they were chosen. */
  offer(captures, segment) {
    const others = captures.filter(([, other]) => other !== segment);
    const held = this.capture.selectedOptions[0]?.textContent;
    this.capture.replaceChildren(new Option("none", ""), ...others.map(([name, other]) => new Option(name, other)));
    const again = others.find(([name]) => name === held);
    this.capture.value = again?.[1] ?? "";
    this.captures.hidden = others.length === 0;
    this.cover();
  }

  invert() {
    this.inverted.checked = !this.inverted.checked;
    this.show();
  }

  reset() {
    for (const slider of this.sliders) slider.value = slider.defaultValue;
    this.inverted.checked = false;
    this.show();
  }

  show() {
    const [brightness, contrast, gamma] = this.sliders.map((slider) => Number(slider.value));
    for (const part of document.querySelectorAll("#tone feFuncR, #tone feFuncG, #tone feFuncB")) part.setAttribute("exponent", 1 / gamma);
    const filters = [
      gamma !== 1 && "url(#tone)",
      brightness !== 1 && `brightness(${brightness})`,
      contrast !== 1 && `contrast(${contrast})`,
      this.inverted.checked && "invert(1)",
    ];
    this.viewer.pixels.style.filter = filters.filter(Boolean).join(" ");
  }

  async cover() {
    const segment = this.capture.value;
    if (!segment) return this.viewer.uncover();
    const url = `${root}iiif/3/${segment}`;
    const reply = await fetch(`${url}/info.json`);
    if (!reply.ok) return say("this capture is not open to everybody");
    const info = await reply.json();
    if (this.capture.value === segment) this.viewer.cover(url, info, Number(this.share.value));
  }
}
