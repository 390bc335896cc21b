// Which images are looked at, and in which order: the words of the address, `?group=A&state=unreviewed&order=confidence`.

export const NAMES = ["q", "concept", "group", "split", "state", "order"];
/** What images can be asked for by the state of their review. */
export const STATES = [["unreviewed", "not reviewed"], ["reviewed", "reviewed"], ["accepted", "accepted"], ["doubtful", "doubtful"], ["suggested", "with suggestions"]];

/** The filter of an address. */
export function filterOf(search) {
  const given = new URLSearchParams(search);
  return Object.fromEntries(NAMES.map((name) => [name, given.get(name) ?? ""]));
}

/** The filter as the end of an address: empty, or with `?`. */
export function queryOf(filter) {
  const query = new URLSearchParams(NAMES.filter((name) => filter[name]).map((name) => [name, filter[name]]));
  return query.size ? `?${query}` : "";
}

/** Prepares what is searched of an image. */
export function searchable(image) {
  image.words = [image.id, image.label, image.capture, image.groupLabel, image.metadata].join(" ").toLowerCase();
  return image;
}

/** Whether an image is looked at. */
export function fits(image, filter) {
  const words = filter.q.toLowerCase().split(/\s+/).filter(Boolean);
  return (!filter.concept || Boolean(image.concepts[filter.concept])) &&
    (!filter.group || image.group === filter.group) &&
    (!filter.split || image.split === filter.split) &&
    (!filter.state || hasState(image, filter.state)) &&
    words.every((word) => image.words.includes(word));
}

function hasState(image, state) {
  if (state === "suggested") return image.suggestions > 0;
  return state === "unreviewed" ? !image.state : image.state === state;
}

/** Images in the order of a filter: that of the set, or those first of which a model is least sure. */
export function sorted(images, { order }) {
  if (order !== "confidence") return images;
  const least = (image) => image.least ?? Infinity;
  return [...images].sort((a, b) => least(a) - least(b) || 0);
}
