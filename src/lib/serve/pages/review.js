// Correcting boxes: what the keys and buttons of the review do.
import { Combobox } from "./combobox.js";
import { $, counted, session, setting } from "./dom.js";
import { describe } from "./boxlist.js";
import { hold, say } from "./messages.js";
import { area, GRIP_NAMES, grips, holds, inFrame, isSuggestion, middles, moved, points, withGrip, withNewPoint, withoutPoint } from "./shapes.js";

/** How long the server waits for steps of an arrow key. */
const PAUSE = 250;

/** An id for a new box: whoever sends it twice, because no answer came, makes one box. */
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `review-${[...bytes].map((b) => b.toString(16).padStart(2, "0")).join("")}`;
}

const copied = { boxes: [], frame: null };

export class Review {
  /** @param settle takes over what is drawn, moved or typed and not ended yet. */
  constructor({ viewer, classes, sheet, mayEdit, next, goTo, copyNext, settle }) {
    // Images that were left by what was done last on them: undo goes back to them.
    Object.assign(this, { viewer, classes, mayEdit, next, goTo, copyNext, settle, left: [] });
    this.sheetOf = sheet;
    const names = () => classes.names;
    this.concept = new Combobox($("concept"), $("concepts"), { names, take: () => this.drawOn(), leave: () => $("canvas").focus() });
    this.renamed = new Combobox($("rename"), $("names"), { names, take: (name) => this.setClass(name), leave: () => this.endRename() });
    $("concept").value = session.get("concept") ?? "";
    $("concept").addEventListener("input", () => this.conceptChanged());
    $("rename").addEventListener("blur", () => ($("beside").hidden = true));
    $("author").addEventListener("input", () => setting.set("author", $("author").value));
  }

  /** Another image is shown. */
  begin({ account, review }) {
    if (!review) return;
    const user = account?.user;
    $("author").value = user ?? ($("author").value || setting.get("author") || "");
    $("author").readOnly = Boolean(user);
    this.showMode();
    // Classes that are new since then are proposed too.
    if ($("concepts").hidden) this.concept.fill("");
  }

  get sheet() {
    return this.sheetOf();
  }

  get author() {
    return $("author").value.trim();
  }

  get nextClass() {
    return $("concept").value.trim();
  }

  conceptChanged() {
    session.set("concept", this.nextClass);
    if (this.viewer.drawing) this.viewer.drawing.concept = this.nextClass;
    this.viewer.draw();
  }

  /** Changes boxes; `options` as of the sheet. */
  put(changes, options = {}) {
    if (!changes.length || !this.mayEdit()) return;
    this.sheet.put(changes, { author: this.author, ...options });
    // The next step of an arrow key begins where this one ended, whenever the page is shown again.
    this.viewer.setBoxes(this.sheet.boxes);
  }

  drawn(shape) {
    const { line, ...box } = shape;
    const id = newId();
    const concept = this.nextClass;
    const attributes = line ? { baseline: line } : {};
    this.put([{ id, want: { id, concept, ...box, attributes } }]);
    this.viewer.setBoxes(this.sheet.boxes);
    this.viewer.chosen = new Set([id]);
    this.viewer.grip = null;
    this.viewer.draw();
  }

  /** Says which box is chosen. */
  announce() {
    const { viewer } = this;
    const many = viewer.chosen.size;
    const grip = viewer.grip === null || !viewer.primary ? "" : ` · ${this.gripName()}`;
    say(many > 1 ? `${many} boxes chosen` : viewer.primary ? describe(viewer.primary) + grip : "");
  }

  gripName() {
    const box = this.viewer.primary;
    return grips(box).length === 8 && !box.polygon && !box.attributes?.baseline ? GRIP_NAMES[this.viewer.grip] : `point ${this.viewer.grip + 1}`;
  }

  /** Chooses the next visible box, or the one before. False: there is none in this direction. */
  step(by) {
    const { viewer } = this;
    const boxes = viewer.visible;
    const at = boxes.findIndex((box) => box.id === viewer.primary?.id);
    const next = boxes[at < 0 ? (by > 0 ? 0 : boxes.length - 1) : at + by];
    if (!next) return false;
    viewer.choose(next);
    viewer.bringIntoView(next);
    return true;
  }

  /** Chooses the next larger box at the same place. */
  covered() {
    const { viewer } = this;
    const box = viewer.primary;
    if (!box) return this.step(1);
    const middle = [box.bbox[0] + box.bbox[2] / 2, box.bbox[1] + box.bbox[3] / 2];
    const there = viewer.visible.filter((other) => holds(other, middle)).sort((a, b) => area(a) - area(b));
    viewer.choose(there[(there.findIndex((other) => other.id === box.id) + 1) % there.length] ?? box);
  }

  zoomTo() {
    const box = this.viewer.primary;
    if (box) this.viewer.zoomTo(box.bbox);
  }

  /** Goes on to the next suggestion after the chosen box, or to the first; false: there is none. */
  toSuggestion() {
    const { viewer } = this;
    const boxes = viewer.visible;
    const at = boxes.findIndex((box) => box.id === viewer.primary?.id);
    const next = [...boxes.slice(at + 1), ...boxes.slice(0, at + 1)].find(isSuggestion);
    viewer.choose(next ?? null);
    if (next) viewer.bringIntoView(next);
    return Boolean(next);
  }

  accept() {
    const { viewer } = this;
    const open = viewer.chosenBoxes.filter(isSuggestion);
    if (!open.length) return this.toSuggestion() || say("no suggestion is left on this image");
    this.put(open.map((box) => ({ id: box.id, want: accepted(box) })));
    viewer.setBoxes(this.sheet.boxes);
    if (!this.toSuggestion()) say("all suggestions of this image are dealt with");
    hold();
  }

  acceptAll() {
    const open = this.sheet.boxes.filter(isSuggestion);
    this.mark("accepted", open.map((box) => ({ id: box.id, want: accepted(box) })));
  }

  /** Says how far the review of the image is and goes on; said again, it is taken back. */
  mark(state, changes = []) {
    this.settle();
    const { image } = this.sheet;
    const isAgain = image.state === state && !changes.length;
    this.put([...changes, { id: "", want: { state: isAgain ? null : state, labels: image.labels } }]);
    if (isAgain) return undefined;
    this.left.push(this.sheet.segment);
    return this.next();
  }

  delete() {
    const { viewer } = this;
    if (viewer.drawing?.given.length) return viewer.dropPoint();
    if (viewer.grip !== null && this.dropPoint()) return;
    const gone = viewer.chosenBoxes;
    if (!gone.length) return;
    const wasSuggested = gone.every(isSuggestion);
    const at = viewer.visible.findIndex((box) => box.id === gone[0].id);
    this.put(gone.map((box) => ({ id: box.id, want: null })));
    viewer.setBoxes(this.sheet.boxes);
    // Who looks through suggestions goes on.
    const next = wasSuggested ? viewer.visible.slice(at).find(isSuggestion) ?? viewer.visible.find(isSuggestion) : null;
    viewer.choose(next ?? null);
    if (next) return hold();
    say(`${gone.length === 1 ? gone[0].concept : counted(gone.length, "box", "boxes")} deleted; Ctrl+Z brings back`);
  }

  dropPoint() {
    const { viewer } = this;
    const box = viewer.primary;
    const without = box && withoutPoint(box, viewer.grip, viewer.camera.frame);
    if (!without) return false;
    this.put([{ id: box.id, want: without }]);
    viewer.grip = Math.min(viewer.grip, points(without).length - 1);
    return true;
  }

  /** Goes to the next corner, edge or point of the chosen box. */
  turnGrip(by) {
    const { viewer } = this;
    const box = viewer.chosen.size === 1 && viewer.primary;
    if (!box) return;
    const n = grips(box).length;
    viewer.grip = viewer.grip === null ? (by > 0 ? 0 : n - 1) : (viewer.grip + by + n) % n;
    this.announce();
    viewer.draw();
  }

  newPoint() {
    const { viewer } = this;
    const box = viewer.chosen.size === 1 && viewer.primary;
    if (!box) return;
    const after = box.polygon || box.attributes?.baseline ? Math.min(viewer.grip ?? 0, middles(box).length - 1) : Math.floor((viewer.grip ?? 0) / 2);
    const all = points(box);
    const [p, q] = [all[after], all[(after + 1) % all.length]];
    const middle = middles(box)[after] ?? [(p[0] + q[0]) / 2, (p[1] + q[1]) / 2];
    this.put([{ id: box.id, want: withNewPoint(box, after, middle, viewer.camera.frame) }]);
    viewer.setBoxes(this.sheet.boxes);
    viewer.grip = after + 1;
    this.announce();
  }

  /** Arrow keys: moves the chosen boxes or the chosen grip. `side`: the right or lower edge instead. */
  nudge(dx, dy, side) {
    const { viewer } = this;
    const { frame, unit } = viewer.camera;
    const boxes = viewer.chosenBoxes;
    if (!boxes.length) return false;
    const [x, y] = [dx * unit, dy * unit];
    const grip = side && !boxes[0].polygon ? (dx ? 3 : 5) : viewer.grip;
    const one = (box) => {
      if (grip === null || !grips(box)[grip]) return moved(box, x, y, frame);
      const [px, py] = grips(box)[grip];
      return withGrip(box, grip, [px + x, py + y], frame);
    };
    this.put(boxes.map((box) => ({ id: box.id, want: one(box) })), { pause: PAUSE, kind: "nudge" });
    return true;
  }

  /** Gives the chosen boxes a class. */
  setClass(name) {
    const chosen = this.viewer.chosenBoxes.filter((box) => box.concept !== name);
    if (name) this.put(chosen.map((box) => ({ id: box.id, want: { ...accepted(box), concept: name } })));
    this.endRename();
    this.viewer.setBoxes(this.sheet.boxes);
    if (name) this.announce();
  }

  /** A digit: the class of the chosen boxes; while drawing, or if none is chosen, of the next box. */
  digit(key) {
    const name = this.classes.ofKey(key);
    if (!name) return say(`there is no class ${key}`);
    if (this.viewer.chosen.size && !this.viewer.drawing) return this.setClass(name);
    $("concept").value = name;
    this.conceptChanged();
    say(`next box: ${name}`);
  }

  rename() {
    const box = this.viewer.primary;
    if (!box || !this.mayEdit()) return;
    $("beside").hidden = false;
    $("rename").value = box.concept;
    this.place();
    $("rename").focus();
    $("rename").select();
    this.renamed.fill("");
    $("names").hidden = false;
    $("rename").setAttribute("aria-expanded", "true");
  }

  endRename() {
    $("beside").hidden = true;
    $("canvas").focus();
  }

  /** Keeps the input of the class beside its box. */
  place() {
    const box = this.viewer.primary;
    if ($("beside").hidden || !box) return;
    const { camera } = this.viewer;
    const [x] = camera.toScreen([box.bbox[0] + box.bbox[2], 0]);
    const [, y] = camera.toScreen([0, box.bbox[1]]);
    const [w, h] = camera.screen;
    $("beside").style.left = `${Math.max(8, Math.min(x + 8, w - 250))}px`;
    $("beside").style.top = `${Math.max(8, Math.min(y, h - 280))}px`;
  }

  draw(kind) {
    const { viewer } = this;
    viewer.settle();
    if (viewer.drawing?.kind === kind) viewer.setDrawing(null);
    else if (!this.nextClass) {
      say("enter a class first");
      $("concept").focus();
    } else {
      viewer.setDrawing(kind, this.nextClass);
      viewer.canvas.focus();
    }
    this.showMode();
  }

  /** A class was entered: now boxes of it are drawn. */
  drawOn() {
    this.conceptChanged();
    if (!this.nextClass) return;
    if (!this.viewer.drawing) this.draw("box");
    this.viewer.canvas.focus();
  }

  showMode() {
    for (const [name, kind] of [["draw", "box"], ["outline", "outline"], ["line", "line"]]) {
      document.querySelector(`[data-do=${name}]`).setAttribute("aria-pressed", this.viewer.drawing?.kind === kind);
    }
  }

  endDrawing() {
    this.viewer.setDrawing(null);
    this.showMode();
  }

  copy() {
    Object.assign(copied, { boxes: this.viewer.chosenBoxes, frame: this.viewer.camera.frame });
    say(copied.boxes.length ? `${counted(copied.boxes.length, "box", "boxes")} copied` : "choose boxes to copy");
    return copied.boxes.length;
  }

  /** Puts copies on the same part of the image, or as near as its frame allows. */
  paste() {
    const { viewer } = this;
    const { frame } = viewer.camera;
    const [width, height] = frame;
    const fits = copied.boxes.map((box) => inFrame(box, copied.frame, frame)).filter(({ bbox: [, , w, h] }) => w <= width && h <= height);
    const made = fits.map((box) => {
      const { confidence, verified, verifier, annotation, created, creator, modified, ...attributes } = box.attributes ?? {};
      const id = newId();
      const { concept, bbox, polygon, holes } = box;
      return moved({ id, concept, bbox, polygon, ...(holes && { holes }), attributes }, 0, 0, frame);
    });
    if (!made.length) return say("nothing to paste here");
    this.put(made.map((box) => ({ id: box.id, want: box })));
    viewer.setBoxes(this.sheet.boxes);
    viewer.chooseAll(made);
    if (fits.length < copied.boxes.length) say(`${counted(copied.boxes.length - fits.length, "box does", "boxes do")} not fit on this image`);
  }

  get canUndo() {
    return Boolean(this.sheet.done.length || this.left.length);
  }

  async undo(back = true) {
    while (back && !this.sheet.done.length && this.left.length) await this.goTo(this.left.pop());
    const ids = back ? this.sheet.undo(this.author) : this.sheet.redo(this.author);
    if (!ids) return say(back ? "nothing to undo on this image" : "nothing to redo on this image");
    this.viewer.setBoxes(this.sheet.boxes);
    this.viewer.chooseAll(this.viewer.boxes.filter((box) => ids.includes(box.id)));
    say(back ? "undone" : "done again");
  }

  get actions() {
    return {
      accept: () => this.accept(),
      acceptAll: () => this.acceptAll(),
      reviewed: () => this.mark("reviewed"),
      doubtful: () => this.mark("doubtful"),
      draw: () => this.draw("box"),
      outline: () => this.draw("outline"),
      line: () => this.draw("line"),
      class: () => $("concept").select(),
      rename: () => this.rename(),
      text: () => $("chosen").hidden || $("text").focus(),
      delete: () => this.delete(),
      grip: () => this.turnGrip(1),
      gripBack: () => this.turnGrip(-1),
      point: () => this.newPoint(),
      copy: () => this.copy(),
      paste: () => this.paste(),
      copyNext: () => this.copyNext(),
      undo: () => this.undo(),
      redo: () => this.undo(false),
    };
  }
}

/** A suggestion that somebody has agreed to. */
function accepted(box) {
  return box.attributes?.confidence === undefined ? box : { ...box, attributes: { ...box.attributes, verified: true } };
}
