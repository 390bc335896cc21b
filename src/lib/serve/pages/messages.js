// What the page says about itself. A warning stays until it is read; everything else gives way to the next message.
import { $ } from "./dom.js";

let warning = "", held = false;

function show(text) {
  // Set only if it differs: screen readers say again what is set again.
  if ($("said").textContent !== text) $("said").textContent = text;
  $("status").hidden = !text;
  $("status").classList.toggle("warns", Boolean(warning));
  $("read").hidden = !warning;
}

export function say(text) {
  held = false;
  if (!warning) show(text);
}

/** What was said last is not replaced by `saved`: who goes from box to box hears of the next one. */
export const hold = () => (held = true);

/** The server has everything. */
export function saved() {
  if (warning || !held) calm("saved");
}

/** Says what must not be overlooked. */
export function warn(text) {
  warning = text;
  show(text);
}

/** The warning was read, or is no longer true. */
export function calm(text = "") {
  warning = "";
  held = false;
  show(text);
}
