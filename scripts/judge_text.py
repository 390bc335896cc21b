#!/usr/bin/env python3
"""Compare what recto-digest reads in transcriptions (ALTO, PAGE, hOCR) with what the XML and HTML parsers of Python find.

Usage: judge_text.py RECTO_DIGEST FILE...

Each file is read as that of a canvas of the page's own size: every region, line, word and glyph with a place must be an
annotation with that box, and the texts of words must be the same. A file of several pages counts only its first. One
line per difference, then a summary.
"""

import html.parser
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter

ALTO = {"ComposedBlock", "TextBlock", "Illustration", "GraphicalElement", "TextLine", "String", "Glyph"}
HOCR = re.compile(r"\bocrx?_(?!page\b)\w+")
VOID = {"br", "meta", "link", "img", "hr", "input"}


def main() -> int:
    if len(sys.argv) < 3:
        print(__doc__)
        return 2
    digest = pathlib.Path(sys.argv[1]).resolve()
    failed = 0
    for name in sys.argv[2:]:
        faults = judge(digest, pathlib.Path(name))
        failed += bool(faults)
        print("".join(f"{name}: {fault}\n" for fault in faults), end="")
    print(f"{len(sys.argv) - 2 - failed} passed, {failed} failed")
    return 1 if failed else 0


def judge(digest, path):
    size, image, expected = read(path)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "m.json").write_text(json.dumps(manifest(image or path.name, size)))
        command = [digest, "iiif", "m.json", "--offline", "-o", "d.json", "--text-files", path.resolve()]
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if run.returncode not in (0, 3):
            return [f"exit {run.returncode}: {run.stderr}"]
        found = json.loads((folder / "d.json").read_text())["observations"][0].get("annotations", [])
    boxes = Counter((a["attributes"]["element"], box(a["regions"][0])) for a in found if box(a["regions"][0]))
    texts = Counter(a["bodies"][1]["value"] for a in found if a["attributes"]["granularity"] == "word" and len(a["bodies"]) > 1)
    wanted = Counter((element, tuple(place)) for element, place, _ in expected)
    words = Counter(text for _, _, text in expected if text)
    faults = [f"{n} x missing: {what}" for what, n in (wanted - boxes).items()]
    faults += [f"{n} x too many: {what}" for what, n in (boxes - wanted).items()]
    faults += [f"words differ: {words - texts} and {texts - words}"] if words != texts else []
    return faults if expected else ["nothing was found in it"]


def box(region):
    """Left, top, right, bottom; of an outline, around its points; none of a line of which only the baseline is known."""
    polygon = re.search(r'<polygon points="([^"]*)"', region.get("svg", ""))
    if polygon:
        return around(polygon[1])
    if "fragment" not in region:
        return None
    x, y, width, height = map(float, region["fragment"].removeprefix("xywh=").split(","))
    return tuple(round(v, 2) for v in (x, y, x + width, y + height))


def around(points):
    numbers = [float(n) for n in re.split(r"[\s,]+", points.strip())]
    xs, ys = numbers[::2], numbers[1::2]
    return tuple(round(v, 2) for v in (min(xs), min(ys), max(xs), max(ys)))


def manifest(name, size):
    base = f"https://a.example/{name.rsplit('/')[-1].split('.')[0]}"
    canvas = {"@id": base, "@type": "sc:Canvas", "width": size[0], "height": size[1], "images": [
        {"motivation": "sc:painting", "on": base, "resource": {"@id": f"{base}.jpg", "@type": "dctypes:Image"}}]}
    return {"@id": "https://a.example/m", "@type": "sc:Manifest", "label": "m", "sequences": [{"canvases": [canvas]}]}


def read(path):
    """Size of the page, name of its image, and element, box and text (of words) of each item."""
    data = path.read_bytes()
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError:
        root = None
    kind = local(root.tag) if root is not None else "html"
    if kind == "alto":
        return read_alto(root)
    if kind == "PcGts":
        return read_page(root)
    return read_hocr(data.decode(errors="replace"))


def local(tag):
    return tag.rpartition("}")[2]


def below(element, *names):
    return [e for e in element.iter() if local(e.tag) in names]


def read_alto(root):
    page = below(root, "Page")[0]
    items = []
    for e in below(page, *ALTO):
        outline = [p for shape in e if local(shape.tag) == "Shape" for p in shape if local(p.tag) == "Polygon"]
        sides = [e.get(n) for n in ("HPOS", "VPOS", "WIDTH", "HEIGHT")]
        if outline:
            place = around(outline[0].get("POINTS"))
        elif all(sides) and float(sides[2]) > 0 and float(sides[3]) > 0:
            x, y, width, height = map(float, sides)
            place = tuple(round(v, 2) for v in (x, y, x + width, y + height))
        else:
            continue
        items.append((local(e.tag), place, e.get("CONTENT") if local(e.tag) == "String" else None))
    return [float(page.get(n)) for n in ("WIDTH", "HEIGHT")], None, items


def read_page(root):
    page = below(root, "Page")[0]
    items = []
    for e in page.iter():
        name = local(e.tag)
        if not (name.endswith("Region") or name in ("TextLine", "Word", "Glyph", "Border", "TableCell")):
            continue
        coords = [c for c in e if local(c.tag) == "Coords"]
        points = coords[0].get("points") if coords else None
        if coords and points is None:
            points = " ".join(f"{p.get('x')},{p.get('y')}" for p in coords[0])
        try:
            place = around(points)
        except (AttributeError, ValueError):
            continue
        if place[0] == place[2] or place[1] == place[3] or len(points.split()) < 3:
            continue
        texts = [t for t in e if local(t.tag) == "TextEquiv"]
        best = min(texts, key=lambda t: int(t.get("index", -1)), default=None)
        text = below(best, "Unicode")[0].text if name == "Word" and best is not None else None
        items.append((name, place, text))
    return [float(page.get(n)) for n in ("imageWidth", "imageHeight")], None, items


class Soup(html.parser.HTMLParser):
    """Items of the first page: class, box, text of words."""

    def __init__(self):
        super().__init__()
        self.items, self.size, self.image, self.pages, self.words = [], None, None, 0, []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        names, title = attrs.get("class") or "", attrs.get("title") or ""
        self.pages += "ocr_page" in names
        numbers = re.search(r"\b(?:bbox|x_bboxes) ((?:-?[\d.]+ ?){4})", title)
        place = tuple(map(float, numbers[1].split())) if numbers else None
        if "ocr_page" in names and self.pages == 1:
            self.size = place[2:]
            image = re.search(r"""image ["']([^"']*)["']""", title)
            self.image = image and image[1]
        name = HOCR.search(names)
        is_item = name and place and self.pages == 1 and place[0] < place[2] and place[1] < place[3]
        if tag not in VOID:
            self.words.append([tag, []] if is_item and name[0] == "ocrx_word" else [tag, None])
        if is_item:
            self.items.append([name[0], place, self.words[-1][1] if name[0] == "ocrx_word" else None])

    def handle_endtag(self, tag):
        if any(name == tag for name, _ in self.words):
            while self.words.pop()[0] != tag:
                pass

    def handle_data(self, data):
        for _, words in self.words:
            if words is not None:
                words.append(data)


def read_hocr(text):
    soup = Soup()
    soup.feed(text)
    joined = [(name, place, " ".join("".join(words).split()) if words else None) for name, place, words in soup.items]
    return soup.size, soup.image, joined


if __name__ == "__main__":
    sys.exit(main())
