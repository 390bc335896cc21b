// The page of all images: filters, a grid of thumbnails, keyboard. It comes back to the image that was looked at last.
import { showAccount } from "./account.js";
import { Classes } from "./classes.js";
import { $, counted, read, session } from "./dom.js";
import { showElsewhere } from "./elsewhere.js";
import { filterOf, fits, NAMES, queryOf, searchable, sorted, STATES } from "./filter.js";
import { Outbox } from "./outbox.js";
import { Thumbnails } from "./thumbnail.js";

const [form, grid, more, count] = ["filters", "grid", "more", "count"].map($);
/** Images that are added to the grid at once. */
const PAGE = 60;
let images = [], found = [], shown = 0, query = "";

function options(name, values) {
  const select = form.elements[name];
  for (const [value, label] of values) select.append(new Option(label, value));
  if (values.length) select.parentElement.hidden = false;
}

function showMore() {
  grid.append(...found.slice(shown, shown + PAGE).map((image) => thumbnails.card(image, query)));
  shown = Math.min(found.length, shown + PAGE);
  more.hidden = shown >= found.length;
}

function filter() {
  const wanted = Object.fromEntries(NAMES.map((name) => [name, form.elements[name].value]));
  query = queryOf(wanted);
  found = sorted(images, wanted).filter((image) => fits(image, wanted));
  grid.replaceChildren();
  shown = 0;
  showMore();
  count.textContent = found.length === images.length ? counted(images.length, "image", "images") : `${found.length} of ${counted(images.length, "image", "images")}`;
  const done = found.filter((image) => image.state).length;
  $("progress").textContent = done ? `${done.toLocaleString("en")} reviewed` : "";
  history.replaceState(null, "", query || location.pathname);
}

/** Shows the grid down to an image, and that image. */
function comeBack(segment) {
  const at = found.findIndex((image) => image.segment === segment);
  if (at < 0) return;
  while (shown <= at) showMore();
  const link = grid.children[at].firstChild;
  link.scrollIntoView({ block: "center" });
  link.focus({ preventScroll: true });
}

const columns = () => getComputedStyle(grid).gridTemplateColumns.split(" ").length;

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
new IntersectionObserver(([entry]) => entry.isIntersecting && !more.hidden && showMore(), { rootMargin: "800px" }).observe(more);
form.addEventListener("input", (event) => (event.target.name === "boxes" ? thumbnails.show(event.target.checked, grid) : filter()));
form.addEventListener("submit", (event) => event.preventDefault());

const [data, known] = await Promise.all([read("pages/images.json"), read("pages/classes.json")]);
const classes = new Classes(known.classes);
const thumbnails = new Thumbnails((name) => classes.colour(name));
images = data.images.map(searchable);
showAccount(data.account);
const natural = (a, b) => a.localeCompare(b, undefined, { numeric: true });
const sortedValues = (values) => [...new Set(values.filter(Boolean))].sort(natural).map((value) => [value, value]);
options("concept", sortedValues(images.flatMap((image) => Object.keys(image.concepts))));
options("group", [...new Map(images.map((image) => [image.group, image.groupLabel]))]);
options("split", sortedValues(images.map((image) => image.split)));
if (data.reviews || images.some((image) => image.state)) options("state", STATES);
if (images.some((image) => image.least !== null)) form.elements.order.parentElement.hidden = false;
for (const [name, value] of Object.entries(filterOf(location.search))) if (value) form.elements[name].value = value;
filter();
comeBack(session.get("place"));
document.body.dataset.ready = "yes";

// Corrections that were not sent from the page of an image.
const say = (text) => {
  $("problem").textContent = text;
  $("problem").hidden = !text;
};
const outbox = new Outbox(known.reviews, {
  answer: () => {},
  refused: (draft) => say(`a correction is not saved: ${draft.why}`),
  stale: () => {},
  change: () => outbox?.size || say(""),
});
showElsewhere(outbox);
outbox.flush(true);
