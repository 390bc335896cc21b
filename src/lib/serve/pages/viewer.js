// Deep zoom on a canvas: tiles of a IIIF image service, with boxes and outlines over them.
//
// There are three coordinate systems: the frame of the boxes, the pixels of the image, the pixels of the screen. `view` is
// the part of the image on the screen: screen = (image - view) * scale.

/** Tiles that are kept in memory. */
const MOST_TILES = 600;
/** The side of the handles of a selected box, in pixels of the screen. */
const HANDLE = 7;

export class Viewer {
  constructor(canvas, { tiles, info, frame, boxes, colour, isShown, select, change }) {
    Object.assign(this, { canvas, tiles, info, frame, boxes, colour, isShown, select, change });
    this.pen = canvas.getContext("2d");
    this.size = [info.width, info.height];
    this.tile = info.tiles[0].width;
    this.factors = [...info.tiles[0].scaleFactors].sort((a, b) => a - b);
    this.cache = new Map();
    this.loaded = 0;
    this.view = { x: 0, y: 0, scale: 1 };
    this.selected = null;
    this.pointers = new Map();
    this.edits = this.draws = false;
    new ResizeObserver(() => this.resize()).observe(canvas);
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => this.up(event));
    canvas.addEventListener("dblclick", (event) => this.zoom(2, this.at(event)));
    this.resize();
    this.fit();
  }

  resize() {
    const ratio = devicePixelRatio || 1;
    const { width, height } = this.canvas.getBoundingClientRect();
    if (this.screen && this.screen[0] === width && this.screen[1] === height) return;
    const first = !this.screen;
    this.screen = [width, height];
    this.canvas.width = Math.max(1, Math.round(width * ratio));
    this.canvas.height = Math.max(1, Math.round(height * ratio));
    this.ratio = ratio;
    first ? this.fit() : this.draw();
  }

  fit() {
    const [w, h] = this.size;
    const scale = Math.min(this.screen[0] / w, this.screen[1] / h) * 0.97 || 1;
    this.least = Math.min(scale / 4, 1);
    this.view = { scale, x: (w - this.screen[0] / scale) / 2, y: (h - this.screen[1] / scale) / 2 };
    this.draw();
  }

  zoom(by, [x, y] = this.screen.map((side) => side / 2)) {
    const { view } = this;
    const scale = Math.min(16, Math.max(this.least, view.scale * by));
    view.x += x / view.scale - x / scale;
    view.y += y / view.scale - y / scale;
    view.scale = scale;
    this.keepVisible();
  }

  pan(dx, dy) {
    this.view.x += dx / this.view.scale;
    this.view.y += dy / this.view.scale;
    this.keepVisible();
  }

  /** Keeps at least a part of the image on the screen. */
  keepVisible() {
    const { view } = this;
    const margin = 60 / view.scale;
    const clamp = (value, least, most) => Math.min(most, Math.max(least, value));
    view.x = clamp(view.x, margin - this.screen[0] / view.scale, this.size[0] - margin);
    view.y = clamp(view.y, margin - this.screen[1] / view.scale, this.size[1] - margin);
    this.draw();
  }

  draw() {
    this.scheduled ??= requestAnimationFrame(() => {
      this.scheduled = null;
      this.paint();
    });
  }

  paint() {
    const { pen, view, ratio } = this;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, ...this.screen);
    pen.setTransform(ratio * view.scale, 0, 0, ratio * view.scale, -view.x * view.scale * ratio, -view.y * view.scale * ratio);
    // The largest factor that still has a pixel for each pixel of the screen; coarser tiles are painted below it.
    const wanted = [...this.factors].reverse().find((f) => f <= 1 / (view.scale * ratio)) ?? this.factors[0];
    const coarsest = this.factors.at(-1);
    for (const factor of [...this.factors].reverse()) {
      if (factor >= wanted) this.paintTiles(factor, factor === wanted || factor === coarsest);
    }
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    for (const box of this.boxes) if (this.isShown(box)) this.paintBox(box);
    if (this.drawn) this.paintBox(this.drawn, true);
  }

  paintTiles(factor, fetches) {
    const { view, size } = this;
    const side = this.tile * factor;
    const from = (n) => Math.max(0, Math.floor(n / side));
    const to = (n, all) => Math.min(Math.ceil(all / side), Math.ceil(n / side));
    const right = to(view.x + this.screen[0] / view.scale, size[0]);
    const bottom = to(view.y + this.screen[1] / view.scale, size[1]);
    for (let row = from(view.y); row < bottom; row++) {
      for (let column = from(view.x); column < right; column++) {
        const image = this.tileAt(factor, column, row, fetches);
        if (!image?.ready) continue;
        const [x, y] = [column * side, row * side];
        this.pen.imageSmoothingEnabled = view.scale * factor < 3;
        this.pen.drawImage(image, x, y, Math.min(side, size[0] - x), Math.min(side, size[1] - y));
      }
    }
  }

  tileAt(factor, column, row, fetches) {
    const key = `${factor}/${column}/${row}`;
    const cached = this.cache.get(key);
    if (cached) {
      this.cache.delete(key);
      this.cache.set(key, cached);
      return cached;
    }
    if (!fetches) return null;
    const side = this.tile * factor;
    const [x, y] = [column * side, row * side];
    const [w, h] = [Math.min(side, this.size[0] - x), Math.min(side, this.size[1] - y)];
    const whole = x === 0 && y === 0 && w === this.size[0] && h === this.size[1];
    const [tw, th] = [Math.ceil(w / factor), Math.ceil(h / factor)];
    const image = new Image();
    image.onload = () => {
      image.ready = true;
      this.canvas.dataset.loaded = ++this.loaded;
      this.draw();
    };
    // Requested again when it is next visible.
    image.onerror = () => setTimeout(() => this.cache.delete(key), 3000);
    image.src = `${this.tiles}/${whole ? "full" : `${x},${y},${w},${h}`}/${tw},${th}/0/default.jpg`;
    this.cache.set(key, image);
    if (this.cache.size > MOST_TILES) this.cache.delete(this.cache.keys().next().value);
    return image;
  }

  toScreen([x, y]) {
    const { view, size, frame } = this;
    return [((x * size[0]) / frame[0] - view.x) * view.scale, ((y * size[1]) / frame[1] - view.y) * view.scale];
  }

  toFrame([x, y]) {
    const { view, size, frame } = this;
    return [((x / view.scale + view.x) * frame[0]) / size[0], ((y / view.scale + view.y) * frame[1]) / size[1]];
  }

  corners({ bbox: [x, y, w, h] }) {
    return [[x, y], [x + w, y], [x + w, y + h], [x, y + h]];
  }

  paintBox(box, isDrawn = false) {
    const { pen } = this;
    const points = (box.polygon ?? this.corners(box)).map((p) => this.toScreen(p));
    const selected = box === this.selected;
    pen.beginPath();
    points.forEach((p, n) => (n ? pen.lineTo(...p) : pen.moveTo(...p)));
    pen.closePath();
    pen.strokeStyle = this.colour(box.concept);
    pen.fillStyle = pen.strokeStyle;
    pen.globalAlpha = selected ? 0.25 : 0.08;
    pen.fill();
    pen.globalAlpha = 1;
    pen.lineWidth = selected || isDrawn ? 3 : 1.6;
    pen.stroke();
    const [left, top] = [Math.min(...points.map((p) => p[0])), Math.min(...points.map((p) => p[1]))];
    const width = Math.max(...points.map((p) => p[0])) - left;
    if (selected || width > 34) {
      pen.font = "12px system-ui, sans-serif";
      const text = box.concept;
      const wide = pen.measureText(text).width + 6;
      pen.fillRect(left, top - 16, wide, 16);
      pen.fillStyle = "#000";
      pen.fillText(text, left + 3, top - 4);
    }
    if (selected && this.edits && !box.polygon) {
      pen.fillStyle = "#fff";
      for (const [x, y] of this.corners(box).map((p) => this.toScreen(p))) {
        pen.fillRect(x - HANDLE / 2, y - HANDLE / 2, HANDLE, HANDLE);
        pen.strokeRect(x - HANDLE / 2, y - HANDLE / 2, HANDLE, HANDLE);
      }
    }
  }

  setBoxes(boxes, chosen) {
    this.boxes = boxes;
    this.choose(boxes.find((box) => box.id === chosen) ?? null);
  }

  setDraws(yes, concept) {
    this.draws = yes;
    this.concept = concept;
    this.canvas.classList.toggle("draws", yes);
    if (yes) this.canvas.focus();
  }

  choose(box) {
    this.selected = box;
    this.select(box);
    this.draw();
  }

  /** The smallest box under a point of the screen. */
  under(point) {
    const [x, y] = this.toFrame(point);
    const holds = ({ bbox: [l, t, w, h] }) => x >= l && x <= l + w && y >= t && y <= t + h;
    const area = ({ bbox: [, , w, h] }) => w * h;
    return this.boxes.filter((box) => this.isShown(box) && holds(box)).sort((a, b) => area(a) - area(b))[0] ?? null;
  }

  at(event) {
    const place = this.canvas.getBoundingClientRect();
    return [event.clientX - place.left, event.clientY - place.top];
  }

  wheel(event) {
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), this.at(event));
  }

  down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    const point = this.at(event);
    this.pointers.set(event.pointerId, point);
    this.begun = { point, moved: false };
    if (this.pointers.size > 1) {
      this.work = { kind: "pan" };
      this.drawn = null;
    } else if (this.draws) {
      this.work = { kind: "draw", from: this.toFrame(point) };
    } else {
      this.work = this.grab(point);
    }
  }

  /** What a press grabs: a corner of the selected box, the whole box, or the image. */
  grab(point) {
    const box = this.selected;
    if (!this.edits || !box || !this.isShown(box)) return { kind: "pan" };
    if (!box.polygon) {
      // The corners of small boxes leave room in the middle to move the box.
      const [a, , b] = this.corners(box).map((p) => this.toScreen(p));
      const reach = Math.min(2 * HANDLE, (b[0] - a[0]) / 4, (b[1] - a[1]) / 4);
      const near = (p) => Math.hypot(p[0] - point[0], p[1] - point[1]) <= Math.max(reach, 3);
      const corner = this.corners(box).findIndex((p) => near(this.toScreen(p)));
      if (corner >= 0) return { kind: "corner", box, fixed: this.corners(box)[(corner + 2) % 4] };
    }
    const [x, y] = this.toFrame(point);
    const [l, t, w, h] = box.bbox;
    const inside = x >= l && x <= l + w && y >= t && y <= t + h;
    return inside ? { kind: "move", box, from: [x, y] } : { kind: "pan" };
  }

  move(event) {
    const last = this.pointers.get(event.pointerId);
    if (!last) return;
    const point = this.at(event);
    if (this.pointers.size > 1) this.pinch(event.pointerId, last, point);
    this.pointers.set(event.pointerId, point);
    if (Math.hypot(point[0] - this.begun.point[0], point[1] - this.begun.point[1]) > 3) this.begun.moved = true;
    if (this.pointers.size > 1 || !this.begun.moved) return;
    const { work } = this;
    if (work.kind === "pan") this.pan(last[0] - point[0], last[1] - point[1]);
    if (work.kind === "draw") this.drawn = { concept: this.concept, bbox: this.span(work.from, this.toFrame(point)) };
    if (work.kind === "corner") this.drawn = { ...work.box, bbox: this.span(work.fixed, this.toFrame(point)) };
    if (work.kind === "move") this.drawn = this.moved(work.box, work.from, this.toFrame(point));
    this.draw();
  }

  pinch(id, last, point) {
    const [other] = [...this.pointers].filter(([key]) => key !== id).map(([, p]) => p);
    const distance = (p) => Math.max(1, Math.hypot(p[0] - other[0], p[1] - other[1]));
    this.pan((last[0] - point[0]) / 2, (last[1] - point[1]) / 2);
    this.zoom(distance(point) / distance(last), [(point[0] + other[0]) / 2, (point[1] + other[1]) / 2]);
  }

  up(event) {
    this.pointers.delete(event.pointerId);
    if (this.pointers.size || !this.work) return;
    const { work, drawn } = this;
    this.work = this.drawn = null;
    if (drawn && drawn.bbox[2] > 0 && drawn.bbox[3] > 0) this.change(drawn);
    else if (!this.begun.moved && work.kind !== "draw") this.choose(this.under(this.begun.point));
    this.draw();
  }

  /** The box between two points, within the frame, rounded to hundredths. */
  span([ax, ay], [bx, by]) {
    const inside = (n, most) => Math.round(Math.min(most, Math.max(0, n)) * 100) / 100;
    const [l, r] = [Math.min(ax, bx), Math.max(ax, bx)].map((n) => inside(n, this.frame[0]));
    const [t, b] = [Math.min(ay, by), Math.max(ay, by)].map((n) => inside(n, this.frame[1]));
    return [l, t, Math.round((r - l) * 100) / 100, Math.round((b - t) * 100) / 100];
  }

  moved(box, [fx, fy], [tx, ty]) {
    const [l, t, w, h] = box.bbox;
    const shift = (by, start, length, most) => Math.round(Math.min(most - start - length, Math.max(-start, by)) * 100) / 100;
    const [dx, dy] = [shift(tx - fx, l, w, this.frame[0]), shift(ty - fy, t, h, this.frame[1])];
    const polygon = box.polygon?.map(([x, y]) => [x + dx, y + dy]);
    return { ...box, bbox: [l + dx, t + dy, w, h], polygon };
  }
}
