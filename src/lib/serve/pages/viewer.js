// Deep zoom with boxes over the image: two canvases, one for pixels and one for boxes, and what is chosen or drawn.
import { Camera } from "./camera.js";
import { paintBoxes, paintCross, paintDrawing, paintTheirs } from "./paint.js";
import { Pointer } from "./pointer.js";
import { shapeOf } from "./shapes.js";
import { Tiles } from "./tiles.js";

export class Viewer {
  /**
   * @param canvas for boxes; it takes the keys and the pointer. `pixels` lies below it.
   * @param on what happens: `choose(ids)`, `drawn(shape)`, `edited(boxes)`, `opened(box)`, `say(text)`, `moved()`.
   * @param colour of a class.
   */
  constructor({ canvas, pixels, on, colour }) {
    Object.assign(this, { canvas, pixels, on, colour, camera: new Camera() });
    this.pens = [canvas, pixels].map((c) => c.getContext("2d"));
    this.boxes = [];
    this.isShown = () => true;
    this.chosen = new Set();
    this.grip = null;
    this.preview = this.drawing = null;
    this.edits = false;
    this.overlay = null;
    this.theirs = [];
    this.pointer = new Pointer(this);
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.resize();
  }

  /** Shows an image: `info` is that of its service. */
  open({ url, info, frame, boxes }) {
    this.tiles = new Tiles(url, info, () => this.loaded());
    this.overlay = null;
    this.chosen.clear();
    this.grip = this.preview = null;
    this.drag(null);
    this.boxes = boxes;
    this.camera.look(this.tiles.size, frame);
    this.canvas.dataset.loaded = 0;
    this.paintPixels();
    this.draw();
  }

  /** Lays another capture of the same side over the image. */
  cover(url, info, share) {
    const held = this.overlay?.tiles.url === url ? this.overlay.tiles : new Tiles(url, info, () => this.loaded());
    this.overlay = { tiles: held, share };
    this.drawAll();
  }

  uncover() {
    this.overlay = null;
    this.drawAll();
  }

  loaded() {
    this.canvas.dataset.loaded = Number(this.canvas.dataset.loaded) + 1;
    this.drawAll();
  }

  resize() {
    const { width, height } = this.canvas.getBoundingClientRect();
    const [w, h] = this.camera.screen;
    if (w === width && h === height) return;
    this.ratio = devicePixelRatio || 1;
    for (const canvas of [this.canvas, this.pixels]) {
      canvas.width = Math.max(1, Math.round(width * this.ratio));
      canvas.height = Math.max(1, Math.round(height * this.ratio));
    }
    const first = w === 1;
    this.camera.screen = [width, height];
    first ? this.camera.fit() : this.camera.keepVisible();
    this.drawAll();
  }

  fit() {
    this.camera.fit();
    this.drawAll();
  }

  zoom(by, at) {
    this.camera.zoom(by, at);
    this.drawAll();
  }

  pan(dx, dy) {
    this.camera.pan(dx, dy);
    this.drawAll();
  }

  zoomTo(bbox) {
    this.camera.zoomTo(bbox);
    this.drawAll();
  }

  /** Moves the image if a box is not wholly on the screen. */
  bringIntoView({ bbox: [x, y, w, h] }) {
    if (this.camera.shows([x, y, w, h])) return;
    this.camera.centre([x + w / 2, y + h / 2]);
    this.drawAll();
  }

  drawAll() {
    this.pixelsChanged = true;
    this.draw();
  }

  draw() {
    this.scheduled ??= requestAnimationFrame(() => {
      this.scheduled = null;
      if (this.pixelsChanged) this.paintPixels();
      this.paint();
    });
  }

  paintPixels() {
    this.pixelsChanged = false;
    const pen = this.pens[1];
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.globalAlpha = 1;
    pen.clearRect(0, 0, this.pixels.width, this.pixels.height);
    this.tiles?.paint(pen, this.camera, this.ratio);
    if (!this.overlay) return;
    pen.globalAlpha = this.overlay.share;
    this.overlay.tiles.paint(pen, this.camera, this.ratio);
  }

  paint() {
    const [pen] = this.pens;
    pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    pen.clearRect(0, 0, ...this.camera.screen);
    const look = { chosen: this.chosen, grip: this.grip, colour: this.colour, edits: this.edits && !this.drawing };
    paintBoxes(pen, this.camera, this.visible, look);
    for (const box of this.theirs) paintTheirs(pen, this.camera, box);
    if (this.drawing) {
      paintDrawing(pen, this.camera, { ...this.drawing, colour: this.colour(this.drawing.concept) });
      if (this.drawing.cross) paintCross(pen, this.camera, this.drawing.cross);
    }
    this.on.moved();
  }

  /** The boxes as they are shown: those that are being moved at their new place. */
  get visible() {
    const preview = new Map(this.preview?.map((box) => [box.id, box]));
    return this.boxes.filter((box) => this.isShown(box)).map((box) => preview.get(box.id) ?? box);
  }

  get chosenBoxes() {
    return this.boxes.filter((box) => this.chosen.has(box.id) && this.isShown(box));
  }

  /** The box that was chosen last. */
  get primary() {
    const last = [...this.chosen].at(-1);
    return this.boxes.find((box) => box.id === last) ?? null;
  }

  /** Shows other boxes; what is chosen stays so if it is still there. */
  setBoxes(boxes) {
    this.boxes = boxes;
    const ids = new Set(boxes.map((box) => box.id));
    for (const id of this.chosen) if (!ids.has(id)) this.chosen.delete(id);
    this.draw();
  }

  /** Chooses a box alone, or adds or takes it; none: nothing is chosen. */
  choose(box, adds = false) {
    if (adds && !box) return;
    if (!adds) this.chosen.clear();
    if (box && adds && this.chosen.has(box.id)) this.chosen.delete(box.id);
    else if (box) this.chosen.add(box.id);
    this.grip = null;
    this.on.choose();
    this.draw();
  }

  chooseAll(boxes) {
    this.chosen = new Set(boxes.map((box) => box.id));
    this.grip = null;
    this.on.choose();
    this.draw();
  }

  /** Begins to draw: `box`, `outline` or `line`; none: no longer. */
  setDrawing(kind, concept = "") {
    this.drawing = kind ? { kind, concept, given: [], to: null, cross: null } : null;
    this.canvas.classList.toggle("draws", Boolean(kind));
    this.draw();
  }

  /** The box between two points is being drawn; none: no longer. */
  drag(from, to = null) {
    if (!this.drawing) return;
    Object.assign(this.drawing, { given: from ? [from] : [], to });
    this.draw();
  }

  hover(point) {
    const { drawing } = this;
    if (!drawing?.given.length) return;
    drawing.to = this.camera.toFrame(point);
    this.draw();
  }

  /** Adds a point to what is being drawn. A box has two; an outline ends at its first point. */
  addPoint(at) {
    const { drawing, camera } = this;
    const near = (p) => Math.hypot(...[0, 1].map((n) => camera.toScreen(p)[n] - camera.toScreen(at)[n])) < 8;
    const { given } = drawing;
    if (drawing.kind === "outline" && given.length > 2 && near(given[0])) return this.finish();
    if (!given.length || !near(given.at(-1))) given.push(at);
    if (drawing.kind === "box" && given.length === 2) this.finish();
    this.draw();
  }

  dropPoint() {
    this.drawing?.given.pop();
    this.draw();
  }

  /** Ends what is being drawn. */
  finish() {
    const { drawing, camera } = this;
    const shape = shapeOf(drawing.kind, drawing.given, camera.frame);
    const isBox = shape && shape.bbox[2] > 0 && shape.bbox[3] > 0;
    if (!isBox) return this.say(drawing.kind === "line" ? "a line has two points or more" : "an outline has three points or more");
    Object.assign(drawing, { given: [], to: null });
    this.drawn(shape);
  }

  /** Ends what is being drawn or moved, as far as it is a shape: only Escape gives it up. */
  settle() {
    const { drawing, preview } = this;
    if (preview && this.pointer.gesture) {
      this.pointer.gesture = this.preview = null;
      this.edited(preview);
    }
    if (drawing && drawing.kind !== "box" && drawing.given.length) this.finish();
  }

  /** Moves the cross of who draws by keys, by pixels of the screen. */
  moveCross(dx, dy) {
    const { drawing, camera } = this;
    const from = camera.toScreen(drawing.cross ?? camera.toFrame(camera.screen.map((side) => side / 2)));
    const to = camera.toFrame([from[0] + dx, from[1] + dy]).map((n, at) => Math.min(camera.frame[at], Math.max(0, n)));
    drawing.cross = to;
    if (drawing.given.length) drawing.to = to;
    if (!camera.shows([...to, 0, 0])) camera.centre(to);
    this.drawAll();
  }

  placeCross() {
    if (!this.drawing.cross) this.moveCross(0, 0);
    this.addPoint(this.drawing.cross);
  }

  drawn(shape) {
    this.on.drawn(shape);
  }

  edited(boxes) {
    this.on.edited(boxes);
  }

  opened(box) {
    this.choose(box);
    this.on.opened(box);
  }

  say(text) {
    this.on.say(text);
  }
}
