// The index page: filters, a grid of thumbnails, keyboard.
import { showAccount } from "./account.js";

const root = document.documentElement.dataset.root;
const [form, grid, more, count] = ["filters", "grid", "more", "count"].map((id) => document.getElementById(id));
/** Images that are added to the grid at once. */
const PAGE = 60;
const counted = (n, one, many) => `${n} ${n === 1 ? one : many}`;
let images = [], found = [], shown = 0;

function options(name, values) {
  const select = form.elements[name];
  for (const value of values) select.append(new Option(value, value));
  if (values.length) select.parentElement.hidden = false;
}

function card(image) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = `${root}view/${image.segment}`;
  const thumbnail = new Image();
  thumbnail.loading = "lazy";
  thumbnail.alt = "";
  if (image.service) thumbnail.src = `${root}${image.service}/full/!400,400/0/default.jpg`;
  const name = document.createElement("b");
  name.textContent = image.label;
  const rest = document.createElement("span");
  const boxes = Object.values(image.concepts).reduce((a, b) => a + b, 0);
  rest.textContent = [image.capture, image.groupLabel, counted(boxes, "box", "boxes")].filter(Boolean).join(" · ");
  link.append(thumbnail, name, rest);
  item.append(link);
  return item;
}

function showMore() {
  grid.append(...found.slice(shown, shown + PAGE).map(card));
  shown = Math.min(found.length, shown + PAGE);
  more.hidden = shown >= found.length;
}

function filter() {
  const wanted = Object.fromEntries(new FormData(form));
  const words = wanted.q.toLowerCase().split(/\s+/).filter(Boolean);
  found = images.filter((image) =>
    (!wanted.concept || image.concepts[wanted.concept]) &&
    (!wanted.group || image.group === wanted.group) &&
    (!wanted.split || image.split === wanted.split) &&
    words.every((word) => image.words.includes(word)));
  grid.replaceChildren();
  shown = 0;
  showMore();
  count.textContent = found.length === images.length ? counted(images.length, "image", "images") : `${found.length} of ${counted(images.length, "image", "images")}`;
  const query = new URLSearchParams(Object.entries(wanted).filter(([, value]) => value));
  history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
}

function columns() {
  return getComputedStyle(grid).gridTemplateColumns.split(" ").length;
}

addEventListener("keydown", (event) => {
  if (event.key === "/" && event.target.tagName !== "INPUT") {
    event.preventDefault();
    form.elements.q.focus();
    return;
  }
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns(), ArrowUp: -columns() }[event.key];
  const links = [...grid.querySelectorAll("a")];
  const at = links.indexOf(document.activeElement);
  if (step && at >= 0 && links[at + step]) {
    event.preventDefault();
    links[at + step].focus();
  }
});

more.addEventListener("click", showMore);
form.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());

const reply = await fetch(`${root}pages/images.json`);
const data = await reply.json();
images = data.images;
showAccount(data.account);
for (const image of images) {
  image.words = [image.id, image.label, image.capture, image.groupLabel, image.metadata].join(" ").toLowerCase();
}
const sorted = (values) => [...new Set(values.filter(Boolean))].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
options("concept", sorted(images.flatMap((image) => Object.keys(image.concepts))));
const groups = new Map(images.map((image) => [image.group, image.groupLabel]));
for (const [value, label] of groups) form.elements.group.append(new Option(label, value));
options("split", sorted(images.map((image) => image.split)));
for (const [name, value] of new URLSearchParams(location.search)) {
  if (form.elements[name]) form.elements[name].value = value;
}
filter();
document.body.dataset.ready = "yes";
