// The images one after the other: the next of the filter, and how far the review of the set is.
import { read } from "./dom.js";
import { fits, searchable, sorted } from "./filter.js";
import { isSuggestion } from "./shapes.js";

export class Queue {
  constructor(filter) {
    this.filter = filter;
    this.images = null;
  }

  /** Reads the images once. Their order then stays: who works through them does not see them move. */
  load() {
    this.loading ??= read("pages/images.json").then(({ images }) => {
      this.all = images.map(searchable);
      this.images = sorted(this.all, this.filter);
      this.places = new Map(this.images.map((image, n) => [image.segment, n]));
      return this;
    });
    return this.loading;
  }

  /** The segment of the next image of the filter, or with -1 of the one before; null: there is none. */
  async beside(segment, step) {
    await this.load();
    const at = this.places.get(segment) ?? -1;
    for (let n = at + step; n >= 0 && n < this.images.length; n += step) {
      if (fits(this.images[n], this.filter)) return this.images[n].segment;
    }
    return null;
  }

  /** Takes over what was corrected on an image. */
  update(segment, boxes, { state, labels }) {
    const image = this.images?.[this.places.get(segment)];
    if (!image) return;
    const open = boxes.filter(isSuggestion);
    image.state = state || null;
    image.suggestions = open.length;
    image.least = open.length ? Math.min(...open.map((box) => Number(box.attributes.confidence))) : null;
    image.concepts = {};
    for (const concept of [...boxes.map((box) => box.concept), ...labels]) image.concepts[concept] = (image.concepts[concept] ?? 0) + 1;
  }

  /** How many images the filter has, how many of them are reviewed, and the place of one among them. */
  progress(segment) {
    // What has just left the filter by being reviewed still counts.
    const { state, ...others } = this.filter;
    const wide = { ...others, state: state === "unreviewed" ? "" : state };
    const all = this.images.filter((image) => fits(image, wide));
    const place = all.findIndex((image) => image.segment === segment);
    return { of: all.length, done: all.filter((image) => image.state).length, place: place + 1 };
  }
}
