// The pixels of an image: tiles of a IIIF image service.

/** Tiles that are kept in memory. */
const MOST = 600;

export class Tiles {
  /** @param url of the service; `loaded` is called when there is more to paint. */
  constructor(url, info, loaded) {
    Object.assign(this, { url, loaded });
    this.size = [info.width, info.height];
    this.side = info.tiles[0].width;
    this.factors = [...info.tiles[0].scaleFactors].sort((a, b) => a - b);
    this.cache = new Map();
  }

  /** Paints the part that a camera sees; the image fills what the camera takes for the image. */
  paint(pen, camera, ratio) {
    // Another capture may have another size.
    const own = camera.size[0] / this.size[0];
    const scale = camera.scale * own;
    const [x, y] = [camera.x / own, (camera.y * this.size[1]) / camera.size[1]];
    pen.setTransform(ratio * scale, 0, 0, (ratio * camera.scale * camera.size[1]) / this.size[1], -x * scale * ratio, -camera.y * camera.scale * ratio);
    const seen = [x, y, x + camera.screen[0] / scale, y + camera.screen[1] / scale];
    // The largest factor that still has a pixel for each pixel of the screen; coarser tiles are painted below it.
    const coarseFirst = [...this.factors].reverse();
    const wanted = coarseFirst.find((f) => f <= 1 / (scale * ratio)) ?? this.factors[0];
    for (const factor of coarseFirst) {
      if (factor < wanted) continue;
      pen.imageSmoothingEnabled = scale * factor < 3;
      this.paintLevel(pen, factor, seen, factor === wanted || factor === coarseFirst[0]);
    }
  }

  paintLevel(pen, factor, [left, top, right, bottom], fetches) {
    const side = this.side * factor;
    const from = (n) => Math.max(0, Math.floor(n / side));
    const to = (n, all) => Math.min(Math.ceil(all / side), Math.ceil(n / side));
    for (let row = from(top); row < to(bottom, this.size[1]); row++) {
      for (let column = from(left); column < to(right, this.size[0]); column++) {
        const image = this.tile(factor, column, row, fetches);
        if (!image?.ready) continue;
        const [x, y] = [column * side, row * side];
        pen.drawImage(image, x, y, Math.min(side, this.size[0] - x), Math.min(side, this.size[1] - y));
      }
    }
  }

  tile(factor, column, row, fetches) {
    const key = `${factor}/${column}/${row}`;
    const cached = this.cache.get(key);
    if (cached) {
      // The last used stand last.
      this.cache.delete(key);
      this.cache.set(key, cached);
      return cached;
    }
    if (!fetches) return null;
    const image = new Image();
    image.onload = () => {
      image.ready = true;
      this.loaded();
    };
    // Requested again when it is next visible.
    image.onerror = () => setTimeout(() => this.cache.delete(key), 3000);
    image.src = this.uri(factor, column, row);
    this.cache.set(key, image);
    if (this.cache.size > MOST) this.cache.delete(this.cache.keys().next().value);
    return image;
  }

  uri(factor, column, row) {
    const side = this.side * factor;
    const [x, y] = [column * side, row * side];
    const [w, h] = [Math.min(side, this.size[0] - x), Math.min(side, this.size[1] - y)];
    const whole = x === 0 && y === 0 && w === this.size[0] && h === this.size[1];
    const size = `${Math.ceil(w / factor)},${Math.ceil(h / factor)}`;
    return `${this.url}/${whole ? "full" : `${x},${y},${w},${h}`}/${size}/0/default.jpg`;
  }
}
