// Corrections on their way to the server. Each is kept in this browser until the server has it: whoever is offline, logged
// out or refused loses nothing, and what is left is sent again when a page of the server is next opened.
//
// A draft says how a box (or, with an empty id, the image as a whole) shall be, and how it was at the server when it was
// seen. What request makes the one from the other is found out when it is sent.
import { root } from "./dom.js";
import { KEPT, same } from "./shapes.js";

/** Statuses after which the same request may succeed by itself. */
const isPassing = (status) => status === 0 || status === 408 || status === 429 || status >= 500;
const mostWait = 30_000;

/** How many corrections of boxes are on their way at a time. */
const AT_ONCE = 6;

/** Whether two states of what a draft is about are the same. */
const sameState = (id, a, b) => (id ? same(a, b) : JSON.stringify([a.state ?? "", a.labels]) === JSON.stringify([b.state ?? "", b.labels]));

export class Outbox {
  /**
   * @param reviews what tells the file of reviews from others.
   * @param on `answer(segment, answer, draft)` when the server has a correction, `refused(draft)` when it does not take one,
   *   `stale(segment)` when an image has to be read again, `change()` whenever drafts change.
   */
  constructor(reviews, on) {
    Object.assign(this, { on, reviews });
    // Drafts for another server that was under this address are not for this one.
    this.prefix = `recto-draft ${new URL(root, location.href).pathname} ${reviews} `;
    this.drafts = new Map();
    this.keeps = true;
    // Who is logged in: nobody else may send what was made now.
    this.user = undefined;
    this.restore();
    addEventListener("online", () => this.flush(true));
    // Whoever comes back may have logged in in the meantime.
    addEventListener("focus", () => this.flush(true));
    addEventListener("storage", (event) => event.key?.startsWith(this.prefix) && !event.newValue && this.forget(event.key));
    addEventListener("beforeunload", (event) => {
      if (!this.keeps && this.drafts.size) event.preventDefault();
    });
  }

  restore() {
    try {
      for (const key of Object.keys(localStorage).filter((key) => key.startsWith(this.prefix))) {
        const draft = JSON.parse(localStorage.getItem(key));
        this.drafts.set(key, { ...draft, state: draft.state === "conflict" ? "conflict" : "waiting", due: 0, tries: 0 });
      }
    } catch {
      this.keeps = false;
    }
  }

  store(key) {
    try {
      const draft = this.drafts.get(key);
      if (draft) localStorage.setItem(key, JSON.stringify(draft));
      else localStorage.removeItem(key);
    } catch {
      this.keeps = false;
    }
    this.on.change();
  }

  forget(key) {
    const draft = this.drafts.get(key);
    if (!draft || draft.state === "sending") return;
    this.drafts.delete(key);
    this.on.change();
  }

  /** The drafts of an image. */
  of(segment) {
    return [...this.drafts.values()].filter((draft) => draft.segment === segment);
  }

  get size() {
    return this.drafts.size;
  }

  /** Those that the server has refused, or that somebody else's change stands against. */
  get refused() {
    return [...this.drafts.values()].filter((draft) => draft.state === "refused" || draft.state === "conflict");
  }

  /**
   * A box shall be so, or be gone (null). `base` is how the server has it, null if it does not, and `seen` the revision that
   * the correction was made on, empty for a new box. `frame` is that of the image in which its points are.
   */
  put({ segment, id, want, base, seen, frame, author, pause = 0 }) {
    const key = this.keyOf({ segment, id });
    const held = this.drafts.get(key);
    const draft = held ?? { segment, id, base, seen, made: Date.now() + Math.random(), tries: 0, wasTried: false };
    Object.assign(draft, { want, frame, author, user: this.user, due: Date.now() + pause, version: (draft.version ?? 0) + 1 });
    if (draft.state !== "sending" && draft.state !== "conflict") draft.state = "waiting";
    this.drafts.set(key, draft);
    const undone = draft.state !== "sending" && !draft.wasTried && sameState(id, draft.want, draft.base);
    if (undone) this.drafts.delete(key);
    this.store(key);
    if (!undone) this.flush();
  }

  /** After a conflict: sends one's own all the same. */
  keepMine(draft) {
    Object.assign(draft, { base: draft.theirs, seen: draft.theirs?.revision ?? "", state: "waiting", theirs: undefined, due: 0 });
    this.store(this.keyOf(draft));
    this.flush();
  }

  discard(draft) {
    this.drafts.delete(this.keyOf(draft));
    this.store(this.keyOf(draft));
    this.on.stale(draft.segment);
  }

  keyOf(draft) {
    return `${this.prefix}${draft.segment} ${draft.id}`;
  }

  /**
   * Sends what is due: a few boxes at a time, and an image as a whole alone, so that no answer about it is overtaken. `all`: also
   * what was refused before.
   */
  async flush(all = false) {
    if (all) for (const draft of this.drafts.values()) if (draft.state !== "conflict") draft.due = Math.min(draft.due, Date.now());
    if (all) for (const draft of this.drafts.values()) if (draft.state === "refused") draft.state = "waiting";
    if (this.busy) return;
    this.busy = true;
    const send = (draft) => this.send(draft).catch((error) => this.refuse(draft, { status: 0, why: error.message }));
    for (let due; (due = this.nextDue()).length;) {
      await alone(this.prefix, () => Promise.all(due.map(send))).catch(() => due.forEach((draft) => this.refuse(draft, { status: 0, why: "the browser does not let it be sent" })));
    }
    this.busy = false;
    clearTimeout(this.timer);
    const dues = [...this.drafts.values()].filter((draft) => draft.state === "waiting").map((draft) => draft.due);
    if (dues.length) this.timer = setTimeout(() => this.flush(), Math.max(20, Math.min(...dues) - Date.now()));
  }

  nextDue() {
    const due = [...this.drafts.values()].filter((draft) => draft.state === "waiting" && draft.due <= Date.now());
    due.sort((a, b) => a.made - b.made);
    const ofImage = due.findIndex((draft) => !draft.id);
    return due.slice(0, ofImage < 0 ? AT_ONCE : Math.min(AT_ONCE, Math.max(1, ofImage)));
  }

  async send(draft) {
    const key = this.keyOf(draft);
    if (this.keeps && !localStorage.getItem(key)) return this.forget(key); // Another tab has sent it.
    const { version } = draft;
    Object.assign(draft, { state: "sending", wasTried: true });
    this.store(key);
    let answer = null;
    for (const request of requests(draft)) {
      const reply = await ask(request, draft, this.reviews);
      if (reply.status !== 200) return this.refuse(draft, reply);
      answer = reply.answer;
    }
    // A new box whose first answer was lost is at the server as it was then.
    const isOld = draft.want && !draft.seen && answer.box && place(answer.box) !== place(draft.want);
    if (draft.version === version && !isOld) {
      this.drafts.delete(key);
    } else {
      // It was changed again in the meantime: that is a change of what the server has now.
      const held = draft.id ? answer.box : answer;
      Object.assign(draft, { base: held, seen: held?.revision ?? "", state: "waiting" });
    }
    this.store(key);
    this.on.answer(draft.segment, answer, draft);
  }

  refuse(draft, { status, why, theirs }) {
    // Removing what is not there is done, and so is a change whose answer was lost.
    const isGone = draft.want === null && (theirs === null || (status === 409 && !draft.base));
    const isDone = theirs && draft.want && [draft.want, agreed(draft.want)].some((want) => sameState(draft.id, want, theirs));
    if (isGone || isDone) {
      this.drafts.delete(this.keyOf(draft));
      this.store(this.keyOf(draft));
      return this.on.stale(draft.segment);
    }
    draft.tries++;
    draft.status = status;
    if (isPassing(status)) {
      Object.assign(draft, { state: "waiting", due: Date.now() + Math.min(mostWait, 1000 * 2 ** draft.tries) });
    } else {
      Object.assign(draft, { state: theirs === undefined ? "refused" : "conflict", theirs });
    }
    draft.why = why;
    this.store(this.keyOf(draft));
    this.on.refused(draft);
  }
}

/** How the server holds a suggestion that somebody has changed: as accepted. */
const agreed = (want) => (want.attributes ? { ...want, attributes: { ...want.attributes, verified: true } } : want);

/** Class and place of a box, to compare. */
const place = ({ concept, bbox, polygon, holes }) => JSON.stringify([concept, bbox, polygon ?? null, holes ?? []]);

/** Runs work that no other tab of the server does at the same time. */
const alone = (name, work) => (navigator.locks ? navigator.locks.request(name, work) : work());

/** The requests that make a draft true: `{method, query, body}`. */
export function requests({ id, want, base, seen, frame }) {
  if (!id) return requestsOfImage(want, base, seen || undefined);
  const query = `?of=${encodeURIComponent(id)}`;
  const revision = seen || undefined;
  if (!want) return [{ method: "DELETE", query, body: { revision } }];
  const attributes = changed(want.attributes ?? {}, base?.attributes ?? {});
  const shape = { concept: want.concept, bbox: want.bbox, polygon: want.polygon ?? null, holes: want.holes, frame };
  if (!seen) return [{ method: "POST", query, body: { ...shape, attributes } }];
  const { verified } = attributes;
  const isJudged = Object.keys(attributes).length === 1 && verified !== undefined;
  if (isJudged && base && same({ ...want, attributes: {} }, { ...base, attributes: {} })) {
    return [{ method: "PUT", query, body: { accepted: verified === true, revision } }];
  }
  return [{ method: "PUT", query, body: { ...shape, attributes, revision } }];
}

function requestsOfImage(want, base, revision) {
  const list = [];
  for (const add of want.labels.filter((label) => !base.labels.includes(label))) list.push({ add });
  for (const remove of base.labels.filter((label) => !want.labels.includes(label))) list.push({ remove });
  if ((want.state ?? "") !== (base.state ?? "") || !list.length) list.push({ state: want.state ?? "", revision });
  return list.map((body) => ({ method: "PUT", query: "", body }));
}

/** Attributes that are new or other, and null for those that are gone. */
function changed(want, base) {
  const names = new Set([...Object.keys(want), ...Object.keys(base)].filter((name) => !KEPT.includes(name)));
  const differ = [...names].filter((name) => JSON.stringify(want[name]) !== JSON.stringify(base[name]));
  return Object.fromEntries(differ.map((name) => [name, want[name] ?? null]));
}

/** Sends a request: its status, and the answer, or why there is none. Status 0: no answer came. */
async function ask({ method, query, body }, { segment, author, user }, reviews) {
  try {
    const reply = await fetch(`${root}review/${segment}${query}`, {
      method, headers: { "content-type": "application/json" }, body: JSON.stringify({ ...body, author, user, reviews, brief: true }),
      signal: AbortSignal.timeout(30_000),
    });
    const words = await reply.text();
    if (reply.ok) return { status: 200, answer: JSON.parse(words) };
    try {
      const { problem, box, image } = JSON.parse(words);
      return { status: reply.status, why: problem, theirs: image ?? box };
    } catch {
      return { status: reply.status, why: words.trim() || `the server answered ${reply.status}` };
    }
  } catch {
    return { status: 0, why: navigator.onLine === false ? "offline" : "the server does not answer" };
  }
}
