// The page of an image: deep zoom, its boxes, its metadata, and corrections of the boxes if they are accepted.
import { showAccount } from "./account.js";
import { Viewer } from "./viewer.js";

const root = document.documentElement.dataset.root;
const $ = (id) => document.getElementById(id);
const segment = location.pathname.split("/").pop();
const data = await (await fetch(`${root}pages/image/${segment}.json`)).json();
// Without permission to see any pixels, the boxes are shown on an empty canvas.
const service = data.service ?? `iiif/3/${segment}`;
const info = await (await fetch(`${root}${service}/info.json`)).json();
const hidden = new Set();
let withBoxes = true;

document.title = $("title").textContent = [data.label, data.capture].filter(Boolean).join(" · ");
for (const side of ["previous", "next"]) {
  if (data[side]) {
    $(side).href = data[side];
    $(side).hidden = false;
  }
}

/** A colour for a concept, the same on every page. */
function colour(concept) {
  let hash = 7;
  for (const letter of concept) hash = (hash * 31 + letter.codePointAt(0)) >>> 0;
  return `hsl(${(hash * 137.508) % 360} 90% 62%)`;
}

const viewer = new Viewer($("canvas"), {
  tiles: `${root}${service}`,
  info,
  frame: data.frame,
  boxes: data.boxes,
  colour,
  isShown: (box) => withBoxes && !hidden.has(box.concept),
  select: showSelected,
  change: (box) => save(box, box.id ? "PUT" : "POST"),
});

/** Lists the concepts, each with a box to hide it. */
function legend() {
  const counts = new Map();
  for (const box of viewer.boxes) counts.set(box.concept, (counts.get(box.concept) ?? 0) + 1);
  const names = [...counts.keys()].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
  $("legend").replaceChildren(...names.map((name) => {
    const label = document.createElement("label");
    const tick = document.createElement("input");
    tick.type = "checkbox";
    tick.checked = !hidden.has(name);
    tick.addEventListener("change", () => {
      tick.checked ? hidden.delete(name) : hidden.add(name);
      viewer.draw();
    });
    const mark = document.createElement("i");
    mark.style.background = colour(name);
    const item = document.createElement("li");
    label.append(tick, mark, `${name} (${counts.get(name)})`);
    item.append(label);
    return item;
  }));
  $("concepts").replaceChildren(...names.map((name) => new Option(name)));
}

/** Fills the lists beside the image. */
function about() {
  const rows = [["Group", data.groupLabel], ["Labels", data.labels.join(", ")], ...data.metadata,
    ["Rights", data.rights], ["Attribution", data.attribution], ["Size", `${info.width} × ${info.height}`]];
  const list = rows.filter(([, value]) => value).flatMap(([name, value]) => {
    const [term, words] = ["dt", "dd"].map((tag) => document.createElement(tag));
    term.textContent = name;
    words.textContent = value;
    return [term, words];
  });
  const link = document.createElement("dd");
  for (const [name, path] of [["Manifest", data.manifest], ["info.json", `iiif/3/${segment}/info.json`]]) {
    const a = document.createElement("a");
    a.href = root + path;
    a.textContent = name;
    link.append(a, " ");
  }
  const derivatives = ["dt", "dd"].map((tag) => document.createElement(tag));
  derivatives[0].textContent = "Derivatives";
  for (const [name, path] of data.presets) {
    const a = document.createElement("a");
    a.href = root + path;
    a.textContent = name;
    derivatives[1].append(a, " ");
  }
  $("about").replaceChildren(...list, ...(data.presets.length ? derivatives : []), link);
  if (data.captures.length > 1) {
    $("captures").hidden = false;
    $("captures").querySelector("ul").replaceChildren(...data.captures.map(([name, other]) => {
      const item = document.createElement("li");
      const a = document.createElement("a");
      a.href = other;
      a.textContent = name;
      if (other === segment) a.setAttribute("aria-current", "page");
      item.append(a);
      return item;
    }));
  }
}

const showStatus = (text) => { $("status").textContent = text; };

function showSelected(box) {
  showStatus(box ? `${box.concept} · ${box.bbox.map((n) => Math.round(n * 100) / 100).join(", ")}` : "");
  $("delete").disabled = !box;
  if (box) $("concept").value = box.concept;
}

async function save(box, method) {
  const about = method === "POST" ? "" : `?of=${encodeURIComponent(box.id)}`;
  const change = method === "DELETE" ? {} : { concept: box.concept, bbox: box.bbox, polygon: box.polygon ?? null };
  const body = JSON.stringify({ ...change, author: $("author").value.trim() });
  const headers = { "content-type": "application/json" };
  try {
    const reply = await fetch(`${root}review/${segment}${about}`, { method, headers, body });
    const words = await reply.text();
    if (!reply.ok) throw new Error(words.trim());
    const now = JSON.parse(words);
    viewer.setBoxes(now.boxes, method === "DELETE" ? null : now.changed);
    legend();
    showStatus("saved");
  } catch (error) {
    showStatus(`not saved: ${error.message}`);
    const now = await (await fetch(`${root}pages/image/${segment}.json`)).json();
    viewer.setBoxes(now.boxes, null);
  }
}

function setDrawing(yes) {
  if (yes && !$("concept").value.trim()) {
    showStatus("enter a concept first");
    return $("concept").focus();
  }
  viewer.setDraws(yes, $("concept").value.trim());
  document.querySelector("[data-do=draw]").setAttribute("aria-pressed", yes);
}

const actions = {
  in: () => viewer.zoom(1.5),
  out: () => viewer.zoom(1 / 1.5),
  fit: () => viewer.fit(),
  boxes: () => {
    withBoxes = !withBoxes;
    document.querySelector("[data-do=boxes]").setAttribute("aria-pressed", withBoxes);
    viewer.draw();
  },
  draw: () => data.review && setDrawing(!viewer.draws),
  delete: () => data.review && viewer.selected && save(viewer.selected, "DELETE"),
  next: () => data.next && (location.href = data.next),
  previous: () => data.previous && (location.href = data.previous),
};
const keys = { "+": "in", "=": "in", "-": "out", 0: "fit", Home: "fit", b: "boxes", d: "draw", Delete: "delete", Backspace: "delete", n: "next", p: "previous" };

addEventListener("keydown", (event) => {
  if (["INPUT", "SELECT"].includes(event.target.tagName) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") {
    setDrawing(false);
    return viewer.choose(null);
  }
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (step && event.target === $("canvas")) {
    event.preventDefault();
    return viewer.pan(step[0] * 80, step[1] * 80);
  }
  const action = actions[keys[event.key]];
  if (action) {
    event.preventDefault();
    action();
  }
});
for (const button of document.querySelectorAll("[data-do]")) {
  button.addEventListener("click", () => actions[button.dataset.do]());
}

if (data.review) {
  $("review").hidden = false;
  document.querySelector("[data-do=draw]").hidden = false;
  viewer.edits = true;
  $("author").value = data.account?.user ?? localStorage.getItem("author") ?? "";
  $("author").readOnly = Boolean(data.account?.user);
  $("author").addEventListener("change", () => localStorage.setItem("author", $("author").value));
  $("delete").addEventListener("click", actions.delete);
  $("concept").addEventListener("change", () => {
    const concept = $("concept").value.trim();
    viewer.concept = concept;
    if (concept && viewer.selected && viewer.selected.concept !== concept) {
      save({ ...viewer.selected, concept }, "PUT");
    }
  });
}
legend();
about();
showAccount(data.account);
if (data.account && !data.service) showStatus("this image is not open to everybody");
document.body.dataset.ready = "yes";
