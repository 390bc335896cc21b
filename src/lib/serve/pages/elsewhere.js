// Corrections that this browser keeps for other sets of the same site. No page here sends them: a review file that was moved, say,
// counts as another one. The reviewer is told of them, and can take them along or throw them away.
import { $, counted, make, setting } from "./dom.js";

/** What the names of all kept corrections begin with, those of outbox.js. */
const START = "recto-draft ";
/** So many images are named. */
const NAMED = 3;

/** The corrections of sets other than that of an outbox, by set: `[{path, drafts: [[key, draft]]}]`. */
function setsBeside(prefix) {
  const sets = new Map();
  for (const key of setting.names().sort()) {
    if (!key.startsWith(START) || key.startsWith(prefix)) continue;
    const [, path, reviews, segment] = key.split(" ");
    if (!segment) continue;
    const name = `${path} ${reviews}`;
    const set = sets.get(name) ?? { path, drafts: [] };
    try {
      set.drafts.push([key, JSON.parse(setting.get(key))]);
      sets.set(name, set);
    } catch {
      // Not one of ours.
    }
  }
  return [...sets.values()];
}

function which({ path, drafts }, own) {
  const images = [...new Set(drafts.map(([, draft]) => decodeURIComponent(draft.segment)))];
  const further = images.length > NAMED ? ` and ${counted(images.length - NAMED, "other image", "other images")}` : "";
  const last = new Date(Math.max(...drafts.map(([, draft]) => draft.made))).toLocaleString();
  return `${path === own ? "" : `at ${path}, `}on ${images.slice(0, NAMED).join(", ")}${further}, last ${last}`;
}

function button(text, work) {
  const made = make("button", { type: "button", textContent: text });
  made.addEventListener("click", work);
  return made;
}

function download(drafts) {
  const text = JSON.stringify(drafts.map(([, draft]) => draft), null, 2);
  const href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  make("a", { href, download: "recto-corrections.json" }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}

/** Tells of the corrections that are kept for other sets than that of an outbox. */
export function showElsewhere(outbox) {
  const sets = setsBeside(outbox.prefix);
  $("elsewhere").hidden = !sets.length;
  const [, own] = outbox.prefix.split(" ");
  $("elsewhere").replaceChildren(...sets.map((set) => {
    const n = counted(set.drafts.length, "correction", "corrections");
    const discard = () => {
      if (!confirm(`Discard ${n} for another set?`)) return;
      for (const [key] of set.drafts) setting.remove(key);
      showElsewhere(outbox);
    };
    const words = `This browser keeps ${n} for another set, not saved: ${which(set, own)}. They are sent when that set is served at its address again, with the review file under its former path.`;
    const row = make("div", { className: "row" }, button("Download", () => download(set.drafts)), button("Discard", discard));
    return make("div", {}, make("p", { textContent: words, dir: "auto" }), row);
  }));
}
