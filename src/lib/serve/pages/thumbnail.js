// The card of an image on the grid: its thumbnail with its boxes, which are fetched when the card comes into view.
import { make, read, root, counted } from "./dom.js";

export class Thumbnails {
  /** @param colour of a class. */
  constructor(colour) {
    this.colour = colour;
    this.shows = true;
    this.seen = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        this.seen.unobserve(target);
        this.outline(target);
      }
    }, { rootMargin: "300px" });
  }

  card(image, query) {
    const picture = new Image();
    picture.loading = "lazy";
    picture.alt = "";
    if (image.service) picture.src = `${root}${image.service}/full/!400,400/0/default.jpg`;
    const boxes = Object.values(image.concepts).reduce((a, b) => a + b, 0);
    const says = [image.capture, image.groupLabel, counted(boxes, "box", "boxes"), image.suggestions && counted(image.suggestions, "suggestion", "suggestions")];
    const rest = make("span", { className: "says", dir: "auto" }, says.filter(Boolean).join(" · "));
    if (image.state) rest.append(" ", make("span", { className: "state", textContent: image.state, title: image.by ? `by ${image.by}` : "" }));
    const link = make("a", { href: `${root}view/${image.segment}${query}` },
      make("span", { className: "thumb" }, picture), make("b", { textContent: image.label, dir: "auto" }), rest);
    link.dataset.segment = image.segment;
    link.dataset.boxes = boxes;
    if (boxes) this.seen.observe(link);
    return make("li", {}, link);
  }

  /** Paints the boxes over a thumbnail. */
  async outline(link) {
    if (!this.shows) return;
    const picture = link.querySelector("img");
    const [{ boxes }] = await Promise.all([read(`pages/boxes/${link.dataset.segment}.json`), picture.complete || new Promise((done) => (picture.onload = picture.onerror = done))])
      .catch(() => [{ boxes: [] }]);
    const [w, h] = [picture.naturalWidth, picture.naturalHeight];
    if (!w || !boxes.length) return;
    const place = picture.parentElement;
    const canvas = place.querySelector("canvas") ?? place.appendChild(make("canvas", { ariaHidden: "true" }));
    [canvas.width, canvas.height] = [place.clientWidth || 240, place.clientHeight || 180];
    const scale = Math.min(canvas.width / w, canvas.height / h);
    const [left, top] = [(canvas.width - w * scale) / 2, (canvas.height - h * scale) / 2];
    const pen = canvas.getContext("2d");
    pen.lineWidth = 1.5;
    for (const [concept, x, y, width, height, isSuggested] of boxes) {
      pen.strokeStyle = this.colour(concept);
      pen.setLineDash(isSuggested ? [4, 3] : []);
      pen.strokeRect(left + x * w * scale, top + y * h * scale, Math.max(1.5, width * w * scale), Math.max(1.5, height * h * scale));
    }
  }

  /** Shows or hides the boxes of the cards of a grid. */
  show(yes, grid) {
    this.shows = yes;
    for (const canvas of grid.querySelectorAll(".thumb canvas")) canvas.hidden = !yes;
    if (yes) for (const link of grid.querySelectorAll("a")) if (link.dataset.boxes !== "0" && !link.querySelector("canvas")) this.seen.observe(link);
  }
}
