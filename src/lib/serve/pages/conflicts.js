// Corrections that the server did not take: why, and what can be done about it.
import { $, make } from "./dom.js";

function button(text, work) {
  const made = make("button", { type: "button", textContent: text });
  made.addEventListener("click", work);
  return made;
}

const place = (box) => (box ? `${box.concept} at ${box.bbox.map(Math.round).join(", ")}` : "removed");

/** Shows the drafts of an image that were refused, or that somebody else's change stands against. */
export function showConflicts(outbox, drafts) {
  const open = drafts.filter((draft) => draft.state === "conflict" || draft.state === "refused");
  $("conflicts").hidden = !open.length;
  $("conflicts").replaceChildren(...(open.length ? [make("h2", { textContent: "Not saved" })] : []), ...open.map((draft) => {
    const isConflict = draft.state === "conflict";
    const words = make("p", { textContent: draft.why, dir: "auto" });
    const both = draft.id && isConflict ? [make("p", { textContent: `yours: ${place(draft.want)}`, dir: "auto" }), make("p", { textContent: `theirs: ${place(draft.theirs)}`, dir: "auto" })] : [];
    const keep = isConflict ? button("Keep mine", () => outbox.keepMine(draft)) : button("Send again", () => outbox.flush(true));
    const drop = button(isConflict ? "Take theirs" : "Discard", () => outbox.discard(draft));
    return make("div", {}, words, ...both, make("div", { className: "row" }, keep, drop));
  }));
}
