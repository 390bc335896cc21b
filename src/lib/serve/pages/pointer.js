// What presses and drags on the image do: move it, draw, move boxes and their grips. One gesture at a time.
import { HANDLE } from "./paint.js";
import { area, grips, holds, isLine, middles, moved, shapeOf, withGrip, withNewPoint } from "./shapes.js";

/** A slip of the hand: what is smaller, in pixels of the screen, is not a box. */
const LEAST = 8, LEAST_SIDE = 3;

const distance = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);

export class Pointer {
  constructor(viewer) {
    Object.assign(this, { viewer, pointers: new Map(), gesture: null, pansWithSpace: false });
    const { canvas } = viewer;
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.up(event));
    canvas.addEventListener("pointercancel", (event) => {
      this.cancel();
      this.pointers.delete(event.pointerId);
    });
    canvas.addEventListener("dblclick", (event) => this.doubleClick(event));
    canvas.addEventListener("auxclick", (event) => event.preventDefault());
  }

  at(event) {
    const place = this.viewer.canvas.getBoundingClientRect();
    return [event.clientX - place.left, event.clientY - place.top];
  }

  wheel(event) {
    event.preventDefault();
    this.viewer.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), this.at(event));
  }

  down(event) {
    const isPan = event.button === 1 || this.pansWithSpace;
    if (event.button > 1 || (event.button === 1 && this.gesture)) return;
    if (event.button === 1) event.preventDefault();
    this.viewer.canvas.setPointerCapture(event.pointerId);
    this.viewer.canvas.focus({ preventScroll: true });
    const point = this.at(event);
    this.pointers.set(event.pointerId, point);
    if (this.pointers.size > 1) {
      this.viewer.preview = null;
      this.gesture = { kind: "pan", moved: true };
      return;
    }
    this.gesture = { ...(isPan ? { kind: "pan" } : this.begin(point)), from: point, moved: false, isPan,
      adds: event.shiftKey || event.ctrlKey || event.metaKey };
  }

  /** What a press begins: a drawing, a grip or a point of the chosen box, the box, or the image. */
  begin(point) {
    const { viewer } = this;
    const start = viewer.camera.toFrame(point);
    if (viewer.drawing) return { kind: "draw", start };
    const box = viewer.edits && viewer.primary;
    if (!box) return { kind: "pan" };
    if (viewer.chosen.size === 1) {
      const grip = this.nearest(grips(box), point, box);
      if (grip >= 0) return { kind: "grip", box, grip };
      const middle = this.nearest(middles(box), point, box);
      if (middle >= 0) return { kind: "grip", box: withNewPoint(box, middle, middles(box)[middle], viewer.camera.frame), grip: middle + 1 };
    }
    const boxes = viewer.chosenBoxes;
    const reach = isLine(box) ? HANDLE * viewer.camera.unit : 0;
    return boxes.some((b) => holds(b, start, reach)) ? { kind: "move", boxes, start } : { kind: "pan" };
  }

  /** The number of the nearest of these points, if it is near. The grips of small boxes leave room to move the box. */
  nearest(places, point, box) {
    const { camera } = this.viewer;
    const [, , w, h] = box.bbox;
    const small = Math.min(w, h) / camera.unit / 4;
    const reach = box.polygon || isLine(box) ? HANDLE : Math.max(3, Math.min(HANDLE * 1.5, small));
    let [best, least] = [-1, reach];
    places.forEach((p, n) => {
      const far = distance(camera.toScreen(p), point);
      if (far <= least) [best, least] = [n, far];
    });
    return best;
  }

  move(event) {
    const point = this.at(event);
    const last = this.pointers.get(event.pointerId);
    const { viewer, gesture } = this;
    if (!last || !gesture) return viewer.hover(point);
    if (this.pointers.size > 1) this.pinch(event.pointerId, last, point);
    this.pointers.set(event.pointerId, point);
    if (this.pointers.size > 1) return;
    if (distance(point, gesture.from) > 3) gesture.moved = true;
    if (!gesture.moved) return;
    const to = viewer.camera.toFrame(point);
    const { frame } = viewer.camera;
    if (gesture.kind === "pan") viewer.pan(last[0] - point[0], last[1] - point[1]);
    if (gesture.kind === "draw") viewer.drawing?.kind === "box" ? viewer.drag(gesture.start, to) : viewer.hover(point);
    if (gesture.kind === "grip") viewer.preview = [withGrip(gesture.box, gesture.grip, to, frame)];
    if (gesture.kind === "move") {
      const [dx, dy] = [to[0] - gesture.start[0], to[1] - gesture.start[1]];
      viewer.preview = gesture.boxes.map((box) => moved(box, dx, dy, frame));
    }
    viewer.draw();
  }

  pinch(id, last, point) {
    const [other] = [...this.pointers].filter(([key]) => key !== id).map(([, p]) => p);
    const far = (p) => Math.max(1, distance(p, other));
    this.viewer.pan((last[0] - point[0]) / 2, (last[1] - point[1]) / 2);
    this.viewer.zoom(far(point) / far(last), [(point[0] + other[0]) / 2, (point[1] + other[1]) / 2]);
  }

  up(event) {
    const point = this.at(event);
    this.pointers.delete(event.pointerId);
    const { viewer, gesture } = this;
    if (this.pointers.size || !gesture) return;
    this.gesture = null;
    const changed = viewer.preview;
    viewer.preview = null;
    if (gesture.kind === "draw") this.endDrawing(gesture, point);
    else if (gesture.moved && changed) viewer.edited(changed);
    else if (!gesture.moved && !gesture.isPan) viewer.choose(this.under(gesture.from), gesture.adds);
    viewer.draw();
  }

  endDrawing(gesture, point) {
    const { viewer } = this;
    const { kind } = viewer.drawing ?? {};
    if (!kind) return;
    if (kind !== "box") return viewer.addPoint(viewer.camera.toFrame(point));
    viewer.drag(null);
    const [w, h] = [0, 1].map((n) => Math.abs(point[n] - gesture.from[n]));
    if (Math.max(w, h) < LEAST) return viewer.choose(this.under(gesture.from), gesture.adds);
    if (Math.min(w, h) < LEAST_SIDE) return viewer.say("too thin for a box: draw a line with l");
    const shape = shapeOf("box", [gesture.start, viewer.camera.toFrame(point)], viewer.camera.frame);
    if (shape.bbox[2] > 0 && shape.bbox[3] > 0) viewer.drawn(shape);
    else viewer.say("the box is not on the image");
  }

  doubleClick(event) {
    const { viewer } = this;
    if (viewer.drawing) return viewer.drawing.kind === "box" || viewer.finish();
    const box = this.under(this.at(event));
    box && viewer.edits ? viewer.opened(box) : viewer.zoom(2, this.at(event));
  }

  /** Gives up the gesture: what was to be moved stays where it was. True if there was one. */
  cancel() {
    const { viewer } = this;
    const had = Boolean(this.gesture && this.gesture.kind !== "pan") || Boolean(viewer.drawing?.given.length);
    if (this.gesture && this.gesture.kind !== "pan") this.gesture = null;
    viewer.preview = null;
    viewer.drag(null);
    viewer.draw();
    return had;
  }

  /** The smallest box under a point of the screen; after the chosen one the next larger, so that covered ones can be had. */
  under(point) {
    const { viewer } = this;
    const at = viewer.camera.toFrame(point);
    const reach = (box) => (isLine(box) ? HANDLE * viewer.camera.unit : 0);
    const found = viewer.visible.filter((box) => holds(box, at, reach(box))).sort((a, b) => area(a) - area(b));
    const chosen = found.findIndex((box) => box.id === viewer.primary?.id);
    return found[(chosen + 1) % found.length] ?? null;
  }
}
