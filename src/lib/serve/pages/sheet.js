// The boxes of one image: as the server has them, with the corrections on their way, and what can be undone.
import { same } from "./shapes.js";

/** Changes of the same kind within this time are undone together, such as steps of an arrow key. */
const TOGETHER = 1500;

export class Sheet {
  constructor(segment, data, outbox) {
    Object.assign(this, { segment, outbox, done: [], undone: [], aliases: new Map(), own: new Map(), since: 0, frame: data.frame });
    this.take(data, 0);
  }

  /**
   * Takes over what the server says; `asked` is when it was asked. An answer that a correction has overtaken is older than
   * what is held. True if it was taken.
   */
  take({ boxes, labels, state, by, at, revision }, asked) {
    if (asked < this.since) return false;
    this.since = asked;
    this.held = new Map(boxes.map((box) => [box.id, box]));
    this.heldImage = { labels, state, by, at, revision };
    return true;
  }

  /** The answer to a correction of this image. */
  adopt(answer, draft) {
    if (draft.id && draft.want && answer.changed !== draft.id) this.aliases.set(draft.id, answer.changed);
    const { labels, state, by, at, revision, box } = answer;
    this.heldImage = { labels, state, by, at, revision };
    this.since = performance.now();
    if (!draft.id) return;
    if (box) this.held.set(box.id, box);
    else this.held.delete(answer.changed);
    this.own.set(answer.changed, box?.revision ?? "");
  }

  /** The id that the server has given to a box in the meantime. */
  now(id) {
    return this.aliases.get(id) ?? id;
  }

  get drafts() {
    return this.outbox.of(this.segment);
  }

  /** The boxes as they shall be. Those that the server does not have yet have a `draft`. */
  get boxes() {
    const drafts = new Map(this.drafts.map((draft) => [this.now(draft.id), draft]));
    const boxes = [];
    for (const [id, box] of this.held) {
      const draft = drafts.get(id);
      drafts.delete(id);
      if (!draft) boxes.push(box);
      else if (draft.want) boxes.push({ ...draft.want, id, draft });
      else if (draft.state === "conflict") boxes.push({ ...box, draft });
    }
    for (const [id, draft] of drafts) if (id && draft.want) boxes.push({ ...draft.want, id, draft });
    return boxes;
  }

  /** Labels and state of the image as they shall be. */
  get image() {
    const draft = this.drafts.find((draft) => !draft.id);
    return draft ? { ...this.heldImage, ...draft.want } : this.heldImage;
  }

  /**
   * Changes boxes, or the image as a whole (an empty id).
   * @param changes `[{id, want}]`; want null: removed.
   * @param author who does it; `pause`: how long the server may wait for it; `kind`: steps of one kind are undone together.
   */
  put(changes, { author, pause = 0, kind = null }) {
    const held = new Map(this.boxes.map((box) => [box.id, box]));
    const before = (id) => (id ? plain(held.get(this.now(id))) : { state: this.image.state, labels: this.image.labels });
    const entries = changes.map(({ id, want }) => ({ id, before: before(id), after: plain(want) }));
    const last = this.done.at(-1);
    const isStep = kind && last?.kind === kind && Date.now() - last.at < TOGETHER && ids(last.entries) === ids(entries);
    if (isStep) last.entries.forEach((entry, n) => (entry.after = entries[n].after));
    else this.done.push({ kind, entries, at: 0 });
    this.done.at(-1).at = Date.now();
    this.undone = [];
    this.send(entries.map(({ id, after }) => ({ id, want: after })), author, pause);
  }

  send(changes, author, pause = 0) {
    // A draft is known by the id under which it was made.
    const made = new Map(this.drafts.map((draft) => [this.now(draft.id), draft.id]));
    for (const { id, want } of changes) {
      const now = this.now(id);
      const base = id ? this.held.get(now) ?? null : this.heldImage;
      const name = made.get(now) ?? now;
      const seen = this.seen(now, want, base);
      this.outbox.put({ segment: this.segment, id: name, want: want && { ...want, id: name }, base, seen, frame: this.frame, author, pause });
    }
  }

  /** The revision on which a change was made: what the server has if that is one's own work, else that of the changed box. */
  seen(id, want, base) {
    const isOwn = this.own.has(id) && this.own.get(id) === (base?.revision ?? "");
    return isOwn ? base?.revision ?? "" : want?.revision ?? base?.revision ?? "";
  }

  /** Takes the last change back. Returns the ids of its boxes; null: there is none. */
  undo(author) {
    return this.turn(this.done, this.undone, "before", author);
  }

  redo(author) {
    return this.turn(this.undone, this.done, "after", author);
  }

  turn(from, to, side, author) {
    const step = from.pop();
    if (!step) return null;
    to.push({ ...step, at: 0 });
    this.send(step.entries.map((entry) => ({ id: entry.id, want: entry[side] })), author);
    return step.entries.map((entry) => this.now(entry.id));
  }

  /** Whether the points of the boxes are of an image of this size still. */
  fits({ frame }) {
    return String(frame) === String(this.frame);
  }

  /** Whether the server says something else than before. */
  differs({ boxes, labels, state, by, at }) {
    const image = JSON.stringify([labels, state, by, at]);
    const held = this.heldImage;
    return image !== JSON.stringify([held.labels, held.state, held.by, held.at]) || boxes.length !== this.held.size
      || boxes.some((box) => !same(box, this.held.get(box.id)) || box.revision !== this.held.get(box.id).revision);
  }
}

const ids = (entries) => entries.map((entry) => entry.id).join("\n");

/** What is remembered of a box. */
function plain(box) {
  if (!box) return null;
  const { draft, ...rest } = box;
  return rest;
}
