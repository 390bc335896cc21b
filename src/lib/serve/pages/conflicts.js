// Corrections that the server did not take: why, and what can be done about it.
import { $, counted, make, root } from "./dom.js";
import { KEPT } from "./shapes.js";

function button(text, work) {
  const made = make("button", { type: "button", textContent: text });
  made.addEventListener("click", work);
  return made;
}

const place = (box) => `${box.concept} at ${box.bbox.map(Math.round).join(", ")}`;
const shown = (value) => (value === undefined || value === null ? "none" : typeof value === "string" ? `“${value}”` : JSON.stringify(value));

/** One of two versions of a box, or of an image as a whole, with all in which they differ. */
export function version(id, one, other) {
  if (!one) return "removed";
  if (!id) return one.state ? `${one.state}${one.by ? ` by ${one.by}` : ""}` : "not reviewed";
  const [mine, theirs] = [one.attributes ?? {}, other?.attributes ?? {}];
  const names = [...new Set([...Object.keys(mine), ...Object.keys(other ? theirs : {})])].filter((name) => !KEPT.includes(name));
  const differ = names.filter((name) => JSON.stringify(mine[name]) !== JSON.stringify(theirs[name]));
  const rings = (box) => JSON.stringify([box?.polygon ?? null, box?.holes ?? []]);
  const holes = one.holes ? ` with ${counted(one.holes.length, "hole", "holes")}` : "";
  const outline = rings(one) === rings(other) || !one.polygon ? [] : [`outline of ${one.polygon.length} points${holes}`];
  return [place(one), ...outline, ...differ.map((name) => `${name}: ${shown(mine[name])}`)].join("; ");
}

const words = (text) => make("p", { textContent: text, dir: "auto" });

/** Shows the drafts that were refused, or that somebody else's change stands against: first those of this image. */
export function showConflicts(outbox, { segment, account }, query) {
  const open = outbox.refused.sort((a, b) => (b.segment === segment) - (a.segment === segment));
  $("conflicts").hidden = !open.length;
  if (!open.length) return $("conflicts").replaceChildren();
  const entries = open.map((draft) => {
    const isConflict = draft.state === "conflict";
    const parts = [words(draft.why)];
    if (draft.segment !== segment) parts.push(make("p", {}, "on ", make("a", { href: draft.segment + query, textContent: decodeURIComponent(draft.segment) })));
    if (isConflict) {
      parts.push(words(`yours: ${version(draft.id, draft.want, draft.theirs)}`));
      parts.push(words(`theirs: ${version(draft.id, draft.theirs, draft.want)}`));
    }
    if (draft.status === 401 && account) parts.push(make("p", {}, make("a", { href: `${root}auth/login`, target: "_blank", textContent: "Log in, then come back" })));
    const keep = isConflict ? button("Keep mine", () => outbox.keepMine(draft)) : button("Send again", () => outbox.flush(true));
    const drop = button(isConflict ? "Take theirs" : "Discard", () => outbox.discard(draft));
    return make("div", {}, ...parts, make("div", { className: "row" }, keep, drop));
  });
  $("conflicts").replaceChildren(make("h2", { textContent: "Not saved" }), ...entries);
}
