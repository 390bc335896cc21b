// Three coordinate systems: the frame of the boxes, the pixels of the image, the pixels of the screen.
// screen = (image - [x, y]) * scale.

const clamp = (value, least, most) => Math.min(most, Math.max(least, value));

export class Camera {
  constructor() {
    this.screen = [1, 1];
    this.look([1, 1], [1, 1]);
  }

  /** Looks at an image of another size. */
  look(size, frame) {
    Object.assign(this, { size, frame });
    this.fit();
  }

  fit() {
    const [w, h] = this.size;
    this.scale = Math.min(this.screen[0] / w, this.screen[1] / h) * 0.97 || 1;
    this.least = Math.min(this.scale / 4, 1);
    this.x = (w - this.screen[0] / this.scale) / 2;
    this.y = (h - this.screen[1] / this.scale) / 2;
  }

  zoom(by, [x, y] = this.screen.map((side) => side / 2)) {
    const scale = clamp(this.scale * by, this.least, 16);
    this.x += x / this.scale - x / scale;
    this.y += y / this.scale - y / scale;
    this.scale = scale;
    this.keepVisible();
  }

  pan(dx, dy) {
    this.x += dx / this.scale;
    this.y += dy / this.scale;
    this.keepVisible();
  }

  /** Keeps at least a part of the image on the screen. */
  keepVisible() {
    const margin = 60 / this.scale;
    this.x = clamp(this.x, margin - this.screen[0] / this.scale, this.size[0] - margin);
    this.y = clamp(this.y, margin - this.screen[1] / this.scale, this.size[1] - margin);
  }

  /** Zooms to a box, so that it takes a share of the screen. */
  zoomTo([x, y, w, h], share = 0.4) {
    const [sx, sy] = this.size.map((side, n) => side / this.frame[n]);
    const wanted = Math.min((this.screen[0] * share) / (w * sx), (this.screen[1] * share) / (h * sy));
    this.scale = clamp(wanted, this.least, 8);
    this.centre([x + w / 2, y + h / 2]);
  }

  /** Moves a point of the frame to the middle. */
  centre([x, y]) {
    this.x = (x * this.size[0]) / this.frame[0] - this.screen[0] / this.scale / 2;
    this.y = (y * this.size[1]) / this.frame[1] - this.screen[1] / this.scale / 2;
    this.keepVisible();
  }

  /** Whether a box is wholly on the screen. */
  shows([x, y, w, h]) {
    const [[l, t], [r, b]] = [this.toScreen([x, y]), this.toScreen([x + w, y + h])];
    return l >= 0 && t >= 0 && r <= this.screen[0] && b <= this.screen[1];
  }

  toScreen([x, y]) {
    const { size, frame } = this;
    return [((x * size[0]) / frame[0] - this.x) * this.scale, ((y * size[1]) / frame[1] - this.y) * this.scale];
  }

  toFrame([x, y]) {
    const { size, frame } = this;
    return [((x / this.scale + this.x) * frame[0]) / size[0], ((y / this.scale + this.y) * frame[1]) / size[1]];
  }

  /** Units of the frame to a pixel of the screen. */
  get unit() {
    return this.frame[0] / this.size[0] / this.scale;
  }
}
