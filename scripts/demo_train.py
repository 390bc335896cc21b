#!/usr/bin/env python3
"""Trains a small detector on the demo's letters and judges it on pages of a manuscript it has never seen: `make demo-train`.

  demo_train.py SET [--steps N] [--seed N] [--at-least MAP50]

SET: a COCO set of recto-reformat with the splits train and test, or train and val. Prints a row per class and mAP50 as pycocotools
measures it on the split that is not for training; the exit code is 1 if it is below 0.8. `recto demo` writes it as train_letters.py. Needs jax, numpy, Pillow and pycocotools, no network and no
weights of others. The same set and seed give the same detector on the same machine.

The detector: pages at a fifth of their size, cut into patches of 8 x 8 pixels, and seven convolutions over the patches. Each
patch says which letter's middle it lies in, if any, and how far the edges of its box are.
"""
import argparse
import contextlib
import io
import pathlib
import resource
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

SHRINK, PATCH, CROP, BATCH = 5, 8, 256, 8
CHANNELS, DILATIONS = 64, [1, 2, 2, 1]
# Edges are counted in pixels of about half a letter.
REACH = 16.0
# A patch within the box of a letter and not in its middle.
EITHER = -1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=pathlib.Path)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at-least", type=float, default=0.8)
    given = parser.parse_args()
    held_back = next((split for split in ["test", "val"] if annotations(given.set, split).exists()), "test")
    train, test = (read(given.set, split) for split in ["train", held_back])
    pages = Pages(given.set, train)
    model = fit(pages, given.steps, given.seed)
    found = [row for page in test.dataset["images"] for row in detect(model, given.set, page, pages.classes)]
    score = judge(test, found)
    cpu = resource.getrusage(resource.RUSAGE_SELF)
    print(f"mAP50 {score:.3f}, at least {given.at_least} is wanted; {cpu.ru_utime + cpu.ru_stime:.0f} CPU s, {cpu.ru_maxrss / 1024:.0f} MiB")
    sys.exit(0 if score >= given.at_least else 1)


def read(folder, split):
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(annotations(folder, split))


def annotations(folder, split):
    return folder / "annotations" / f"instances_{split}.json"


def shrunk(folder, page):
    image = Image.open(folder / "images" / page["file_name"]).convert("L")
    return image.resize((image.width // SHRINK, image.height // SHRINK), Image.Resampling.BOX)


# What it learns from.


class Pages:
    """The training pages, and crops of them at random."""

    def __init__(self, folder, coco):
        self.classes = sorted(coco.cats)
        self.pages = []
        for page in coco.dataset["images"]:
            image = shrunk(folder, page)
            rows = coco.imgToAnns[page["id"]]
            boxes = np.array([row["bbox"] for row in rows], np.float32) * (image.width / page["width"])
            boxes[:, 2:] += boxes[:, :2]
            self.pages.append((image, boxes, np.array([self.classes.index(row["category_id"]) for row in rows])))

    def crop(self, rng):
        """A square of a page, between 0.8 and 1.25 times as large as it is there, lighter or darker, with grain."""
        image, boxes, labels = self.pages[rng.integers(len(self.pages))]
        zoom = np.exp(rng.uniform(-0.22, 0.22))
        side = CROP / zoom
        left, top = rng.uniform(0, image.width - side), rng.uniform(0, image.height - side)
        square = image.resize((CROP, CROP), Image.Resampling.BILINEAR, (left, top, left + side, top + side))
        pixels = normal(square) * rng.uniform(0.7, 1.3) + rng.uniform(-0.3, 0.3)
        pixels += rng.normal(0, rng.uniform(0, 0.1), pixels.shape)
        return pixels.astype(np.float32), *targets((boxes - [left, top, left, top]) * zoom, labels)


def normal(image):
    return np.asarray(image, np.float32) / 64 - 2


def targets(boxes, labels):
    """For each patch the letter in whose middle half it lies, from 1, or that it may be either, and the edges of its box."""
    x, y = centres(CROP // PATCH, CROP // PATCH)
    letter, edges = np.zeros(x.shape, np.int32), np.zeros((*x.shape, 4), np.float32)
    for (left, top, right, bottom), label in zip(boxes, labels):
        # Of a narrow letter at least one column of patches.
        wide, high = max((right - left) / 4, PATCH / 2), max((bottom - top) / 4, PATCH / 2)
        letter[(x >= left) & (x < right) & (y >= top) & (y < bottom) & (letter == 0)] = EITHER
        inside = (abs(x - (left + right) / 2) <= wide) & (abs(y - (top + bottom) / 2) <= high)
        letter[inside] = label + 1
        edges[inside] = np.stack([x - left, y - top, right - x, bottom - y], -1)[inside]
    return letter, edges / REACH


def centres(wide, high):
    return np.meshgrid((np.arange(wide) + 0.5) * PATCH, (np.arange(high) + 0.5) * PATCH)


# The detector.


def fresh(key, classes):
    half = PATCH // 2
    shapes = [(3, half * half, 32), (3, 4 * 32, CHANNELS)] + [(3, CHANNELS, CHANNELS)] * len(DILATIONS) + [(1, CHANNELS, classes + 1 + 4)]
    keys = jax.random.split(key, len(shapes))
    return [(jax.random.normal(k, (n, n, a, b)) * (2 / (n * n * a)) ** 0.5, jnp.zeros(b)) for k, (n, a, b) in zip(keys, shapes)]


def convolve(layer, x, dilation=1):
    weights, bias = layer
    return jax.lax.conv_general_dilated(x, weights, (1, 1), "SAME", rhs_dilation=(dilation, dilation), dimension_numbers=("NHWC", "HWIO", "NHWC")) + bias


def fold(x, n):
    """Squares of n x n places become channels of one."""
    count, high, wide, channels = x.shape
    x = x.reshape(count, high // n, n, wide // n, n, channels).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(count, high // n, wide // n, n * n * channels)


def lively(x):
    """Of one size at every patch, then what is above 0."""
    return jax.nn.relu(x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-6))


def look(model, pixels):
    """Logits of nothing and every letter, and the edges, for each patch."""
    fine, coarse, *trunk, head = model
    x = lively(convolve(fine, fold(pixels[..., None], PATCH // 2)))
    x = convolve(coarse, fold(x, 2))
    for layer, dilation in zip(trunk, DILATIONS):
        x = x + convolve(layer, lively(x), dilation)
    out = convolve(head, lively(x))
    return out[..., :-4], jax.nn.softplus(out[..., -4:])


def loss(model, pixels, letter, edges):
    logits, reach = look(model, pixels)
    some = letter > 0
    count = some.sum() + 1
    wrong = -jnp.take_along_axis(jax.nn.log_softmax(logits), jnp.maximum(letter, 0)[..., None], -1)[..., 0]
    return (wrong * (letter != EITHER)).sum() / count + (abs(reach - edges).sum(-1) * some).sum() / count


@jax.jit
def step(model, mean, square, n, rate, batch):
    """One step of Adam."""
    value, slope = jax.value_and_grad(loss)(model, *batch)
    each = lambda function, *trees: jax.tree.map(function, *trees)
    mean = each(lambda m, g: 0.9 * m + 0.1 * g, mean, slope)
    square = each(lambda s, g: 0.99 * s + 0.01 * g * g, square, slope)
    move = lambda w, m, s: w - rate * (m / (1 - 0.9**n)) / (jnp.sqrt(s / (1 - 0.99**n)) + 1e-8)
    return each(move, model, mean, square), mean, square, value


def fit(pages, steps, seed):
    rng, start = np.random.default_rng(seed), time.monotonic()
    model = fresh(jax.random.key(seed), len(pages.classes))
    mean = square = jax.tree.map(jnp.zeros_like, model)
    letters = sum(len(labels) for _, _, labels in pages.pages)
    print(f"{len(pages.pages)} pages with {letters} letters of {len(pages.classes)} classes to learn from", flush=True)
    for n in range(1, steps + 1):
        batch = [np.stack(part) for part in zip(*(pages.crop(rng) for _ in range(BATCH)))]
        rate = 3e-3 * min(1, n / 20) * (1 + np.cos(np.pi * n / steps)) / 2
        model, mean, square, value = step(model, mean, square, n, rate, batch)
        if n % 50 == 0:
            print(f"step {n} of {steps}: loss {value:.2f}, {time.monotonic() - start:.0f} s", flush=True)
    return model


# The judgement.


def detect(model, folder, page, classes):
    """Boxes on a page, in pixels of the page."""
    image = shrunk(folder, page)
    # Of equal size, so that the detector is compiled once.
    whole = np.full((-image.height % 256 + image.height, -image.width % 256 + image.width), -2, np.float32)
    whole[: image.height, : image.width] = normal(image)
    logits, reach = (np.asarray(part[0]) for part in jax.jit(look)(model, whole[None]))
    sure = np.asarray(jax.nn.softmax(logits))[..., 1:]
    x, y = centres(sure.shape[1], sure.shape[0])
    left, top, right, bottom = np.moveaxis(reach * REACH, -1, 0)
    corners = np.stack([x - left, y - top, x + right, y + bottom], -1) * (page["width"] / image.width)
    for n, category in enumerate(classes):
        likely = sure[..., n] > 0.05
        for score, (x0, y0, x1, y1) in distinct(sure[..., n][likely], corners[likely]):
            yield {"image_id": page["id"], "category_id": category, "score": float(score), "bbox": [float(v) for v in (x0, y0, x1 - x0, y1 - y0)]}


def distinct(scores, boxes):
    """The surest of boxes that share more than half, again and again."""
    order = np.argsort(-scores, kind="stable")
    while len(order):
        best, order = order[0], order[1:]
        yield scores[best], boxes[best]
        corner, far = np.maximum(boxes[best, :2], boxes[order, :2]), np.minimum(boxes[best, 2:], boxes[order, 2:])
        shared = np.prod(np.maximum(far - corner, 0), -1)
        area = lambda box: np.prod(box[..., 2:] - box[..., :2], -1)
        order = order[shared / (area(boxes[best]) + area(boxes[order]) - shared) <= 0.5]


def judge(test, found):
    if not found:
        return 0.0
    with contextlib.redirect_stdout(io.StringIO()):
        judged = COCOeval(test, test.loadRes(found), "bbox")
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
    print("\n| class | letters on the test pages | AP50 |\n|---|--:|--:|")
    for n, category in enumerate(judged.params.catIds):
        # IoU 0.5, every recall, every size, 100 boxes an image.
        precision = judged.eval["precision"][0, :, n, 0, -1]
        print(f"| {test.cats[category]['name']} | {len(test.getAnnIds(catIds=[category]))} | {precision.mean():.3f} |")
    print()
    return judged.stats[1]


if __name__ == "__main__":
    main()
