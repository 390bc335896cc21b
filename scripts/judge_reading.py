#!/usr/bin/env python3
"""Judges whether what three sets of documents hold is what recto writes into COCO, member by member.

Usage: judge_reading.py BIN [FOLDER]

BIN: folder with the programs. FOLDER: where documents and outputs stay [default: a temporary folder].

A newspaper volume with ALTO, a manuscript with lines, and a multispectral set are drawn: every member (block, line, word,
annotation on an image) is an area of its own colour. recto-serve serves the images, this script everything else. Then
recto-digest, recto-extract, recto-download and recto-reformat run, and each member must be

- either one annotation in COCO, on the image that has its colour, with the box (and outline) of that colour within one pixel,
  and with its class, text and attributes there and in localizations.json;
- or one record in a list of rejects, with its document and its place there.

Nothing else may be in COCO or in the lists, and the members are counted in the documents as served, not only as they were made:
held = written + listed. One line for each set, after a line for each difference.
"""

import contextlib
import csv
import http.server
import io
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from xml.sax.saxutils import quoteattr

import numpy as np
from PIL import Image
from free_port import free_port
from pycocotools.coco import COCO

PAPER = 0xF4EFE6
ALTO_ITEMS = ["ComposedBlock", "TextBlock", "Illustration", "GraphicalElement", "TextLine", "String", "Glyph"]
PAGE_ITEMS = ["TextRegion", "ImageRegion", "SeparatorRegion", "TextLine", "Word"]
PRESENTATION = "http://iiif.io/api/presentation/%d/context.json"
WORDS = ["Anno", "Domini", "Zürich", "»Brieff«", "Kauff&Lauff", "שלום", "naïve", "12½", "<sic>", "l'État", "Æther", "Öl"]


def main() -> int:
    if len(sys.argv) not in (2, 3):
        print(__doc__)
        return 2
    programs = pathlib.Path(sys.argv[1]).resolve()
    with contextlib.ExitStack() as stack:
        if len(sys.argv) == 3:
            work = pathlib.Path(sys.argv[2])
            shutil.rmtree(work, ignore_errors=True)
        else:
            work = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        web = stack.enter_context(Web())
        passed = [judge(stack, programs, work / name, web, name, make) for name, make in
                  [("newspaper", newspaper), ("manuscript", manuscript), ("multispectral", multispectral)]]
    return 0 if all(passed) else 1


# What is drawn and what is expected of it.

class Picture:
    """An image file to be served, on which members are areas of one colour each."""

    def __init__(self, name, size, mark=(2, 2)):
        self.name, self.size = name, size
        self.pixels = np.full((size[1], size[0]), PAPER, np.uint32)
        self.mark = colour()
        self.paint((*mark, 6, 6), self.mark)

    def paint(self, shape, value):
        if isinstance(shape, tuple):
            x, y, width, height = shape
            self.pixels[max(y, 0):y + height, max(x, 0):x + width] = value
        else:
            self.pixels[inside(shape, self.size)] = value

    def save(self, folder):
        path = folder / f"{self.name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.stack([self.pixels >> s & 255 for s in (16, 8, 0)], -1).astype(np.uint8)).save(path, compress_level=1)


COLOURS = iter(range(1, 1 << 24))


def colour():
    """The next colour: far from the one before, and none occurs twice."""
    value = next(COLOURS) * 0x9E3779 & 0xFFFFFF
    return value if value not in (PAPER, 0) else colour()


def inside(points, size):
    """The pixels whose centre is in a polygon."""
    x, y = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5)
    found = np.zeros(x.shape, bool)
    for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1]):
        if y0 != y1:
            found ^= ((y0 <= y) != (y1 <= y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return found


class Member:
    """A member of a document on one image, as it should be in COCO. `shape`: box, outline, or a member with the same area."""

    def __init__(self, source, picture, shape, concept, text, attributes, parent, baseline):
        self.source, self.concept, self.text, self.attributes = source, concept, text, attributes
        self.outline = not isinstance(shape, tuple)
        self.parent, self.baseline = parent, baseline
        self.found, self.right = None, False
        if isinstance(shape, Member):
            self.colour, self.colours, self.outline = shape.colour, shape.colours, shape.outline
            return
        self.colour, self.colours = colour(), []
        above = self
        while above:
            above.colours.append(self.colour)
            above = above.parent
        picture.paint(shape, self.colour)

    def __str__(self):
        return f"{self.source} ({self.concept}, {self.text!r})"


class Made:
    """A set: its documents, and what is expected of them."""

    def __init__(self, web, name, images):
        self.web, self.name, self.images = web, name, images
        self.members, self.listed, self.painted, self.pictures, self.documents = [], [], [], [], []
        self.labels, self.extract_options, self.files = [], [], {}
        self.inputs = []

    def picture(self, name, size, **more):
        self.pictures.append(Picture(name, size, **more))
        return self.pictures[-1]

    def service(self, picture):
        return f"{self.images}/iiif/3/{picture.name.replace('/', '%2F').replace(' ', '%20')}"

    def url(self, path):
        return f"{self.web.address}/{self.name}/{path}"

    def put(self, path, content, kind="application/json", encoding="utf-8", counted=True):
        """Serves a document; members in it are counted when everything is made, unless it is listed as a whole."""
        self.documents.append((self.url(path), content if counted else ""))
        data = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        data = data.replace('encoding="UTF-8"', f'encoding="{encoding}"').encode(encoding, "xmlcharrefreplace")
        self.web.files[f"/{self.name}/{path}"] = kind, data
        return self.url(path)

    def member(self, source, picture, shape, concept, text=None, parent=None, baseline=None, **attributes):
        self.members.append(Member(source, picture, shape, concept, text, attributes, parent, baseline))
        return self.members[-1]

    def label(self, source, picture, concept):
        """Of the image as a whole."""
        self.labels.append((source, picture, concept))

    def reject(self, source, input=None, place=None, record=None):
        """`place`: a dict or list within the document `input`, or the start of a path."""
        self.listed.append((source, input, place, record))

    def paint(self, *pictures):
        """Images that must be in COCO, each once."""
        self.painted += [p.mark for p in pictures]

    def image(self, picture, **more):
        """The body of a painting annotation, Presentation 3."""
        id = self.service(picture)
        return {"id": f"{id}/full/max/0/default.png", "type": "Image", "format": "image/png", "width": picture.size[0],
                "height": picture.size[1], "service": [{"id": id, "type": "ImageService3", "profile": "level2"}], **more}

    def canvas(self, path, size, *bodies, **more):
        """`bodies`: each a body, or body and target of one painting annotation."""
        id = self.url(path)
        pairs = [b if isinstance(b, tuple) else (b, "") for b in bodies]
        return {"id": id, "type": "Canvas", "label": {"none": [path]}, "width": size[0], "height": size[1], "items": [
            {"id": f"{id}/painting", "type": "AnnotationPage", "items": [
                {"id": f"{id}/painting/{i}", "type": "Annotation", "motivation": "painting", "body": body, "target": id + place}
                for i, (body, place) in enumerate(pairs, 1)]}], **more}

    def manifest(self, path, canvases, **more):
        return {"@context": PRESENTATION % 3, "id": self.url(path), "type": "Manifest", "label": {"de": [path]},
                "items": canvases, **more}


def path_of(document, wanted):
    """The path in a document of a member of it, such as items[3].body."""
    found = []

    def walk(value, path):
        if value is wanted:
            found.append(path)
        elif isinstance(value, dict):
            for key, below in value.items():
                walk(below, f"{path}.{key}" if path else key)
        elif isinstance(value, list):
            for i, below in enumerate(value):
                walk(below, f"{path}[{i}]")

    walk(document, "")
    assert len(found) == 1, (found, wanted)
    return found[0]


def count(document):
    """How many annotations that do not paint (each target counts), or items with a place, a document holds."""
    if isinstance(document, str):
        try:
            root = ElementTree.fromstring(document)
        except ElementTree.ParseError:
            return 0
        items = [e for e in root.iter() if e.tag.rpartition("}")[2] in ALTO_ITEMS + PAGE_ITEMS]
        # One without any place that only holds others together is none.
        return sum(not len(e) or bool({"HPOS", "VPOS", "CONTENT", "BASELINE"} & set(e.keys())) or
                   any(c.tag.endswith(("}Coords", "}Baseline", "}Shape")) for c in e) for e in items)
    if isinstance(document, list):
        return sum(map(count, document))
    if not isinstance(document, dict):
        return 0
    own = 0
    kinds = document.get("type"), str(document.get("@type")).removeprefix("oa:")
    if "Annotation" in kinds and "painting" not in document["motivation"]:
        target = document.get("target", document.get("on"))
        own = len(target) if isinstance(target, list) else 1
    return own + sum(map(count, document.values()))


# 1. A newspaper volume.

class Item:
    """An element of ALTO, its box in pixels of the image."""

    def __init__(self, kind, box, below=(), text=None, concept=None, xml="", polygon=None, baseline=None, **attributes):
        self.kind, self.box, self.below, self.text, self.concept = kind, box, list(below), text, concept
        self.xml, self.polygon, self.baseline, self.attributes = xml, polygon, baseline, attributes
        self.id = None


GRANULARITY = {"TextLine": "line", "String": "word", "Glyph": "glyph"}
CLASSES = {"ComposedBlock": "composed block", "TextBlock": "block", "Illustration": "illustration", "GraphicalElement": "graphic",
           "TextLine": "line", "String": "word", "Glyph": "glyph"}


def column(x, y, lines, seed, glyphs=False, baselines=None, hyphen=False):
    """A block of 260 pixels with lines of three words."""
    found = []
    for n in range(lines):
        top = y + 6 + n * 40
        words = []
        for w in range(3):
            box = (x + 12 + w * 80, top + 5, 66 + 3 * w, 22)
            content = WORDS[(seed + 3 * n + w) % len(WORDS)]
            parts = []
            if glyphs and n == 0:
                parts = [Item("Glyph", (box[0] + 3 + 10 * i, box[1] + 4, 7, 14), text=c, xml=' GC="0.5"', confidence=0.5)
                         for i, c in enumerate(content[:5])]
            words.append(Item("String", box, parts, text=content, xml=f' WC="0.{10 + w}"', confidence=(10 + w) / 100))
        line = Item("TextLine", (x + 6, top, 248, 34), words, text=" ".join(w.text for w in words))
        if hyphen and n == 0:
            words[-1].text, words[-1].xml = "Zei", ' SUBS_TYPE="HypPart1" SUBS_CONTENT="Zeitung"'
            words[-1].attributes = {"subs_type": "HypPart1", "subs_content": "Zeitung"}
            line.text = f"{words[0].text} {words[1].text} Zei-"
            line.after = '<HYP CONTENT="-"/>'
        if baselines:
            line.baseline = [(x + 6, top + 26), (x + 254, top + 26)]
            line.flat = baselines == "number"
        found.append(line)
    return Item("TextBlock", (x, y, 260, 12 + 40 * lines), found, text="\n".join(line.text for line in found))


def alto(made, path, picture, items, version=3, unit="pixel", page=None, digits=0, size_in="Page", bad="", number=1,
         backwards=False):
    """Paints the items, which are in reading order, and gives the element Page."""
    ids, orders = Counter(), Counter()
    sx, sy = page[0] / picture.size[0], page[1] / picture.size[1]

    def places(box):
        x0, y0, x1, y1 = (round(v, digits) for v in (box[0] * sx, box[1] * sy, (box[0] + box[2]) * sx, (box[1] + box[3]) * sy))
        return [f"{v:.{digits}f}" for v in (x0, y0, x1 - x0, y1 - y0)]

    def points(of):
        return " ".join(f"{round(x * sx, digits):.{digits}f},{round(y * sy, digits):.{digits}f}" for x, y in of)

    def write(item, parent):
        ids[item.kind] += 1
        item.id = item.id or f"p{number}_{item.kind}_{ids[item.kind]}"
        granularity = GRANULARITY.get(item.kind, "block")
        orders[granularity] += 1
        member = made.member(f"{path}#{item.id}", picture, item.polygon or item.box, item.concept or CLASSES[item.kind], item.text,
                             parent, item.baseline, granularity=granularity, element=item.kind, order=orders[granularity],
                             **item.attributes)
        keys = "".join(f' {k}="{v}"' for k, v in zip(("HPOS", "VPOS", "WIDTH", "HEIGHT"), places(item.box)))
        text = f" CONTENT={quoteattr(item.text)}" if item.kind in ("String", "Glyph") else ""
        line = ""
        if item.baseline:
            line = f' BASELINE="{points(item.baseline).split(",")[-1] if item.flat else points(item.baseline)}"'
        shape = f'<Shape><Polygon POINTS="{points(item.polygon)}"/></Shape>' if item.polygon else ""
        below = "".join(write(i, member) for i in item.below)
        return (f'<{item.kind} ID="{item.id}"{keys}{text}{line}{item.xml}>{shape}{below}{getattr(item, "after", "")}'
                f"</{item.kind}>")

    body = [write(item, None) for item in items]
    body = "".join(reversed(body) if backwards else body) + bad
    size = f' WIDTH="{page[0]}" HEIGHT="{page[1]}"'
    left, top = round(page[0] / 10), round(page[1] / 10)
    inner = f'HPOS="{left}" VPOS="{top}" WIDTH="{page[0] - 2 * left}" HEIGHT="{page[1] - 2 * top}"'
    margins = ""
    if size_in == "margins":
        size = ""
        margins = (f'<TopMargin HPOS="0" VPOS="0" WIDTH="{page[0]}" HEIGHT="{top}"/>'
                   f'<LeftMargin HPOS="0" VPOS="{top}" WIDTH="{left}" HEIGHT="{page[1] - 2 * top}"/>'
                   f'<RightMargin HPOS="{page[0] - left}" VPOS="{top}" WIDTH="{left}" HEIGHT="{page[1] - 2 * top}"/>'
                   f'<BottomMargin HPOS="0" VPOS="{page[1] - top}" WIDTH="{page[0]}" HEIGHT="{top}"/>')
    return f'<Page ID="p{number}" PHYSICAL_IMG_NR="{number}"{size}>{margins}<PrintSpace {inner}>{body}</PrintSpace></Page>'


def alto_file(version, unit, pages, tags="", file_name=""):
    if file_name:
        file_name = f"<sourceImageInformation><fileName>{file_name}</fileName></sourceImageInformation>"
    return (f'<?xml version="1.0" encoding="UTF-8"?>\n<alto xmlns="http://www.loc.gov/standards/alto/ns-v{version}#"><Description>'
            f"<MeasurementUnit>{unit}</MeasurementUnit>{file_name}</Description>{tags}<Layout>{pages}</Layout></alto>")


def newspaper(made):
    def see(path, profile=None, **more):
        link = {"id": made.url(path), "type": "Dataset", "format": "application/xml", **more}
        return [{**link, "profile": profile}] if profile else [link]

    profile = "http://www.loc.gov/standards/alto/ns-v%d#"
    bad_words = ('<TextBlock ID="loose"><TextLine ID="loose_line">'
                 '<String ID="no_width" CONTENT="a" HPOS="10" VPOS="10" HEIGHT="10"/>'
                 '<String ID="negative" CONTENT="b" HPOS="10" VPOS="10" WIDTH="-5" HEIGHT="10"/>'
                 '<String ID="no_number" CONTENT="c" HPOS="ten" VPOS="10" WIDTH="5" HEIGHT="10"/>'
                 '<String ID="no_place" CONTENT="d"/></TextLine></TextBlock>'
                 '<Illustration ID="empty" HPOS="10" VPOS="10" WIDTH="0" HEIGHT="10"/>')

    def bad(path, *ids):
        for id in ids:
            made.reject(f"{path}#{id}", made.url(path), record=id)

    # Issue 1: tenths of millimetres, 1200ths of an inch, pixels of a larger scan.
    a = made.picture("issue 1/page a", (600, 800))
    items = [column(20, 20, 2, 0), column(310, 20, 3, 4, hyphen=True), Item("Illustration", (20, 200, 260, 150)),
             Item("GraphicalElement", (20, 370, 560, 5))]
    made.put("a.xml", alto_file(2, "mm10", alto(made, "a.xml", a, items, page=(762, 1016), bad=bad_words)), "text/xml")
    bad("a.xml", "no_width", "negative", "no_number", "no_place", "empty")

    b = made.picture("issue 1/page b", (600, 900))
    inner = Item("ComposedBlock", (20, 160, 550, 240), [column(30, 170, 2, 3), Item("Illustration", (310, 170, 200, 200))])
    article = Item("ComposedBlock", (14, 14, 570, 400), [column(20, 20, 3, 7), column(310, 20, 3, 9), inner], concept="article",
                   type="article", xml=' TYPE="article"')
    article.below[0].xml, article.below[0].attributes = ' LANG="la"', {"language": "la"}
    for line in article.below[0].below:
        line.attributes["language"] = "la"
        for word in line.below:
            word.attributes["language"] = "la"
    picture = Item("Illustration", (30, 500, 201, 151), concept="photograph", xml=' TYPE="photograph"',
                   polygon=[(30, 540), (70, 500), (190, 500), (231, 560), (231, 620), (180, 651), (60, 651)])
    made.put("b.xml", alto_file(3, "inch1200", alto(made, "b.xml", b, [article, picture], page=(2400, 3600))), "text/xml")

    c = made.picture("issue 1/page c", (600, 800))
    advert = column(310, 20, 2, 3, baselines="points")
    advert.xml, advert.concept = ' TAGREFS="LAYOUT1"', "advertisement"
    items = [column(20, 20, 3, 1, glyphs=True, baselines="points"), advert]
    made.put("c.xml", alto_file(4, "pixel", alto(made, "c.xml", c, items, page=(2400, 3200), digits=2),
             tags='<Tags><LayoutTag ID="LAYOUT1" LABEL="advertisement"/></Tags>'), "application/alto+xml")

    none = made.picture("issue 1/page without words", (300, 400))
    missing = made.picture("issue 1/page whose words are missing", (300, 400))
    html = made.picture("issue 1/page whose words are a web page", (300, 400))
    made.put("html.xml", "<!doctype html><title>Log in</title><p>Please log in.", "text/html")
    made.reject("missing.xml", made.url("missing.xml"))
    made.reject("html.xml", made.url("html.xml"))
    other = made.picture("issue 1/page whose words are of another", (300, 400))
    page = ('<Page ID="p" WIDTH="1000" HEIGHT="500"><PrintSpace><TextBlock ID="b" HPOS="1" VPOS="1" WIDTH="9" HEIGHT="9"/></PrintSpace>'
            "</Page>")
    made.put("other.xml", alto_file(3, "pixel", page), "text/xml", counted=False)
    made.reject("other.xml", made.url("other.xml"))
    made.paint(a, b, c, none, missing, html, other)
    model = {"id": made.url("model.glb"), "type": "Model", "format": "model/gltf-binary"}
    issue = made.manifest("issue1.json", [
        made.canvas("issue1/a", (1200, 1600), made.image(a), seeAlso=see("a.xml", profile % 2)),
        made.canvas("issue1/b", (1000, 1500), made.image(b), seeAlso=see("b.xml", profile % 3)),
        made.canvas("issue1/c", (900, 1200), made.image(c), rendering=[
            {"id": made.url("c.xml"), "type": "Text", "format": "application/alto+xml", "label": {"en": ["Words"]}}]),
        made.canvas("issue1/n", (300, 400), made.image(none)),
        made.canvas("issue1/m", (300, 400), made.image(missing), seeAlso=see("missing.xml", profile % 3)),
        made.canvas("issue1/h", (300, 400), made.image(html), seeAlso=see("html.xml", profile % 3)),
        made.canvas("issue1/o", (300, 400), made.image(other), seeAlso=see("other.xml", profile % 3)),
        made.canvas("issue1/s", (300, 400), model)])
    made.reject("supplement as a model", made.put("issue1.json", issue), issue["items"][7])

    # Issue 2: an image on part of its canvas, a page that only its margins measure, aspect ratios that differ slightly.
    d = made.picture("issue2-d", (600, 800))
    made.put("d.xml", alto_file(3, "mm10", alto(made, "d.xml", d, [column(20, 40, 3, 2), column(310, 40, 4, 5)],
             page=(1524, 2032), digits=1)), "text/xml", encoding="utf-16")
    e = made.picture("issue2-e", (600, 800))
    items = [column(80, 120, 3, 6, baselines="number")]
    made.put("e.xml", alto_file(2, "inch1200", alto(made, "e.xml", e, items, page=(2400, 3200), size_in="margins")), "text/xml")
    f = made.picture("issue2-f", (600, 800))
    items = [column(20, 40, 2, 8), column(310, 500, 3, 5), column(20, 300, 1, 1)]
    for n, item in enumerate(items[:2], 2):
        item.xml = f' IDNEXT="p1_TextBlock_{n}"'
    made.put("f.xml", alto_file(4, "mm10", alto(made, "f.xml", f, items, page=(1530, 2032), digits=1, backwards=True)), "text/xml")
    made.paint(d, e, f)
    made.put("issue2.json", made.manifest("issue2.json", [
        made.canvas("issue2/d", (1000, 1000), (made.image(d), "#xywh=100,40,675,900"), seeAlso=see("d.xml", profile % 3)),
        made.canvas("issue2/e", (1800, 2400), made.image(e, seeAlso=see("e.xml"))),
        made.canvas("issue2/f", (300, 400), made.image(f), seeAlso=see("f.xml", profile % 4))]))

    # Issue 3: one file for both pages, at the manifest.
    pages = [made.picture(f"issue3_{n}", (600, 800)) for n in (1, 2)]
    layout = "".join(alto(made, "issue3.xml", p, [column(20, 40 + 300 * n, 2, n)], page=(1200, 1600), number=n)
                     for n, p in enumerate(pages, 1))
    made.put("issue3.xml", alto_file(3, "pixel", layout), "text/xml")
    made.paint(*pages)
    made.put("issue3.json", made.manifest("issue3.json", [
        made.canvas(f"issue3/{n}", (2400, 3200), made.image(p)) for n, p in enumerate(pages, 1)],
        seeAlso=see("issue3.xml", profile % 3)))

    # Issue 4: Presentation 2.
    g = made.picture("issue4", (600, 800))
    made.put("g.xml", alto_file(2, "pixel", alto(made, "g.xml", g, [column(20, 40, 4, 10)], page=(600, 800))), "text/xml",
             encoding="iso-8859-1")
    made.paint(g)
    made.put("issue4.json", manifest2(made, "issue4.json", [canvas2(made, "issue4/1", (1200, 1600), image2(made, g), seeAlso={
        "@id": made.url("g.xml"), "format": "application/xml", "profile": profile % 2})]))

    year = {"id": made.url("year.json"), "type": "Collection", "label": {"none": ["1848"]}, "items": [
        {"id": made.url(f"issue{n}.json"), "type": "Manifest", "label": {"none": [f"{n}"]}} for n in (1, 2, 3, 4)]}
    made.put("year.json", {"@context": PRESENTATION % 3, **year})
    lost = {"id": made.url("lost.json"), "type": "Manifest", "label": {"none": ["lost"]}}
    unknown = {"id": made.url("index.json"), "type": "Index"}
    volume = {"@context": PRESENTATION % 3, "id": made.url("volume.json"), "type": "Collection", "label": {"none": ["volume"]},
              "items": [{k: v for k, v in year.items() if k != "items"}, lost, unknown, {"type": "Index"}, 1848]}
    made.inputs = [made.put("volume.json", volume)]
    made.reject("lost issue", made.url("lost.json"))
    made.reject("member of an unknown type", made.url("index.json"))
    for i in (3, 4):
        made.reject(f"member {i} of the volume", made.url("volume.json"), f"items[{i}]")


def image2(made, picture):
    id = made.service(picture)
    service = {"@context": "http://iiif.io/api/image/3/context.json", "@id": id, "profile": "level2"}
    return {"@id": f"{id}/full/max/0/default.png", "@type": "dctypes:Image", "format": "image/png", "width": picture.size[0],
            "height": picture.size[1], "service": service}


def canvas2(made, path, size, resource, **more):
    id = made.url(path)
    return {"@id": id, "@type": "sc:Canvas", "label": path, "width": size[0], "height": size[1], "images": [
        {"@type": "oa:Annotation", "motivation": "sc:painting", "on": id, "resource": resource}], **more}


def manifest2(made, path, canvases):
    return {"@context": PRESENTATION % 2, "@id": made.url(path), "@type": "sc:Manifest", "label": path,
            "sequences": [{"@type": "sc:Sequence", "canvases": canvases}]}


# 2. A manuscript with lines.

SVG = '<svg xmlns="http://www.w3.org/2000/svg"%s>%s</svg>'


def text(value, **more):
    return {"type": "TextualBody", "value": value, **more}


def tag(value):
    return text(value, purpose="tagging")


class Annotations:
    """Annotations on one canvas, boxes in pixels of the image; `scale`: units of the canvas in a pixel."""

    def __init__(self, made, path, picture, scale=1):
        self.made, self.path, self.picture, self.scale = made, path, picture, scale
        self.items, self.canvas = [], made.url(path)

    def add(self, name, target, body, motivation="supplementing", **more):
        self.items.append({"id": f"{self.canvas}/annotation/{name}", "type": "Annotation", "motivation": motivation,
                           **({} if body is None else {"body": body}), "target": target, **more})
        return self.items[-1]

    def units(self, *numbers):
        return ",".join(f"{n * self.scale:g}" for n in numbers)

    def at(self, selector):
        return {"type": "SpecificResource", "source": self.canvas, "selector": selector}

    def svg(self, drawing, size=""):
        return {"type": "SvgSelector", "value": SVG % (size, drawing)}

    def member(self, name, shape, concept="text", text=None, **more):
        return self.made.member(f"{self.path}#{name}", self.picture, shape, concept, text, **more)

    def page(self, **more):
        return {"id": f"{self.canvas}/annotations", "type": "AnnotationPage", **more, "items": self.items}


def band(x, y, width, height, lean=6):
    """The outline of a line of writing: its ends lean."""
    return [(x + lean, y), (x + width, y), (x + width - lean, y + height), (x, y + height)]


def pairs(points, by=1):
    return " ".join(f"{x * by:g},{y * by:g}" for x, y in points)


def manuscript(made):
    canvases, bad = [], []
    line = {"granularity": "line"}

    # Folio 1: outlines in units of the canvas.
    p = made.picture("folio-1", (600, 800))
    a = Annotations(made, "f1", p, 2)
    for n in range(6):
        points = band(40, 40 + 60 * n, 400, 40)
        a.add(f"l{n}", a.at(a.svg(f'<polygon points="{pairs(points, 2)}"/>')), text(f"linea {n}", language="la"),
              textGranularity="line")
        a.member(f"l{n}", points, text=f"linea {n}", language="la", order=n + 1, annotation_page="Lines", **line)
    points = band(40, 440, 300, 30)
    move = [(x - (points[i - 1][0] if i else 0), y - (points[i - 1][1] if i else 0)) for i, (x, y) in enumerate(points)]
    a.add("path", a.at(a.svg(f'<path d="m{pairs(move, 2)}z"/>')), text("relative path"))
    a.member("path", points, text="relative path")
    a.add("rect", a.at(a.svg('<g transform="translate(80,1000)"><rect width="400" height="80"/></g>')), text("moved"))
    a.member("rect", (40, 500, 200, 40), text="moved")
    a.add("ellipse", a.at(a.svg('<ellipse cx="900" cy="1300" rx="200" ry="100"/>')), tag("initial"), "tagging")
    a.member("ellipse", [(450 + 100 * np.cos(t), 650 + 50 * np.sin(t)) for t in np.arange(0, 2 * np.pi, 0.02)], "initial")
    drawing = '<svg x="800" y="1400" width="200" height="100" viewBox="0 0 20 10"><rect x="4" y="2" width="10" height="6"/></svg>'
    a.add("inner", a.at(a.svg(drawing)), tag("drawing in a drawing"), "tagging")
    a.member("inner", (420, 710, 50, 30), "drawing in a drawing")
    circle = [(300 + 40 * np.cos(t), 660 + 40 * np.sin(t)) for t in np.arange(0, 2 * np.pi, 0.02)]
    a.add("arcs", a.at(a.svg('<path d="M520,1320 a80,80 0 1,0 160,0 a80,80 0 1 0 -160,0 Z" fill="none" stroke="#f00"/>')),
          [tag("seal"), text("broken", purpose="commenting")], "tagging")
    a.member("arcs", circle, "seal", text="broken")
    points = band(40, 560, 300, 30)
    a.add("filled", a.at(a.svg(f'<g fill="red"><polyline points="{pairs(points, 2)}"/></g>')), text("filled polyline"))
    a.member("filled", points, text="filled polyline")
    canvases.append(made.canvas("f1", (1200, 1600), made.image(p), annotations=[a.page(label={"en": ["Lines"]})]))
    made.paint(p)

    # Folio 2: drawings of another size than the canvas, in a page of its own.
    p = made.picture("folio-2", (600, 800))
    a = Annotations(made, "f2", p)
    for n, (size, by, origin) in enumerate([(' viewBox="0 0 300 400"', 0.5, (0, 0)), (' width="1200" height="1600"', 2, (0, 0)),
                                            (' width="300" height="400" viewBox="0 0 2400 3200"', 4, (0, 0)),
                                            (' viewBox="100 50 600 800"', 1, (100, 50)),
                                            (' width="600px" height="800px"', 1, (0, 0)),
                                            (' width="100%" height="100%" viewBox="0, 0, 300, 400"', 0.5, (0, 0))]):
        points = band(40, 40 + 60 * n, 400, 40)
        drawn = [(x * by + origin[0], y * by + origin[1]) for x, y in points]
        a.add(f"l{n}", a.at(a.svg(f'<path d="M{pairs(drawn)}Z"/>', size)), text(f"versus {n}"))
        a.member(f"l{n}", points, text=f"versus {n}")
    points = band(30, 480, 500, 100, 30)
    a.add("stretched", a.at(a.svg('<polygon points="%s"/>' % " ".join(f"{x / 6:.4f},{y / 8:.4f}" for x, y in points),
                                  ' viewBox="0 0 100 100" preserveAspectRatio="none"')), text("stretched"))
    a.member("stretched", points, text="stretched")
    made.put("f2/annotations.json", {"@context": PRESENTATION % 3, **a.page(id=made.url("f2/annotations.json"))})
    canvases.append(made.canvas("f2", (600, 800), made.image(p), annotations=[
        {"id": made.url("f2/annotations.json"), "type": "AnnotationPage"}]))
    made.paint(p)

    # Folio 3: baselines, alone (made into bands of 32 units of the canvas) and beside areas.
    made.extract_options = ["--line-height", "32"]
    p = made.picture("folio-3", (600, 800))
    a = Annotations(made, "f3", p, 2)
    drawings = ['<path fill="none" d="M80,100 H800"/>', '<polyline fill="none" points="80,200 400,200 800,200"/>',
                '<line x1="80" y1="300" x2="800" y2="300"/>', '<path style="fill:none" d="M80,400 L400,408 L800,412"/>']
    for n, drawing in enumerate(drawings):
        a.add(f"b{n}", a.at(a.svg(drawing)), text(f"baseline {n}"))
        if n < 3:
            base = [(x, 50 + 50 * n) for x in ((40, 200, 400) if n == 1 else (40, 400))]
            a.member(f"b{n}", (40, 50 + 50 * n - 12, 360, 16), text=f"baseline {n}", baseline=base)
    bent = [(40, 200), (200, 204), (400, 206)]
    a.member("b3", [(x, y - 12) for x, y in bent] + [(x, y + 4) for x, y in reversed(bent)], text="baseline 3", baseline=bent)
    for n in range(4):
        points, base = band(40, 300 + 60 * n, 400, 40), [(44, 330 + 60 * n), (240, 332 + 60 * n), (430, 330 + 60 * n)]
        area, drawn = f'<polygon points="{pairs(points, 2)}"/>', f'<polyline fill="none" points="{pairs(base, 2)}"/>'
        box = {"type": "FragmentSelector", "value": f"xywh={a.units(40, 300 + 60 * n, 400, 40)}"}
        # In one drawing, beside a box, and as two drawings in either order.
        selectors = [a.svg(area + drawn), [box, a.svg(drawn)], [a.svg(area), a.svg(drawn)], [a.svg(drawn), a.svg(area)]]
        a.add(f"both{n}", a.at(selectors[n]), text(f"both {n}"))
        a.member(f"both{n}", (40, 300 + 60 * n, 400, 40) if n == 1 else points, text=f"both {n}", baseline=base)
    canvases.append(made.canvas("f3", (1200, 1600), made.image(p), annotations=[a.page()]))
    made.paint(p)

    # Folio 4: boxes in many spellings.
    p = made.picture("folio-4", (600, 800))
    a = Annotations(made, "f4", p, 2)
    def fragment(value):
        return a.at({"type": "FragmentSelector", "value": value})

    def spell(x, y, w, h):
        """One box in all spellings."""
        numbers, share = f"{x},{y},{w},{h}", f"{x / 12:.4f},{y / 16:.4f},{w / 12:.4f},{h / 16:.4f}"
        yield from (a.canvas + end for end in (
            f"#xywh={numbers}", f"#xywh=pixel:{numbers}", f"#xywh%3D{numbers}", f"#xywh={numbers.replace(',', '%2C')}", f"#XYWH={numbers}",
            f"#xywh={x}.25,{y}.0,{w}.0,{h}", f"#xywh=percent:{share}", f"/#xywh={numbers}"))
        yield from map(fragment, (f"xywh={numbers}", f"#xywh={numbers}", f" xywh = {x}, {y}, {w}, {h} ", numbers, [x, y, w, h],
                                  f"xywh:{numbers}", f"xywh=percent:{share}", f"t=1&xywh={numbers}"))
        yield {"id": f"{a.canvas}#xywh={numbers}", "type": "Canvas"}
        yield {"type": "SpecificResource", "selector": [{"type": "FragmentSelector", "value": f"xywh={numbers}"}], "source": {
            "id": a.canvas, "type": "Canvas", "partOf": [{"id": made.url("manuscript.json"), "type": "Manifest"}]}}

    for n in range(len(list(spell(0, 0, 0, 0)))):
        x, y, w, h = box = (20 + 190 * (n % 3), 40 + 70 * (n // 3), 150, 40 + n)
        a.add(f"s{n}", list(spell(2 * x, 2 * y, 2 * w, 2 * h))[n], tag(f"spelling {n}"), "tagging")
        a.member(f"s{n}", box, f"spelling {n}")
    # Beyond the edge: the part within counts.
    a.add("edge", f"{a.canvas}#xywh={a.units(560, 760, 100, 100)}", tag("edge"), "tagging")
    a.member("edge", (560, 760, 40, 40), "edge")
    selector = {"xpath": {"type": "XPathSelector", "value": "/html/body"}, "selector": {"type": "StarSelector", "value": "7"},
                "point": {"type": "PointSelector", "x": 10, "y": 20}, "number": 7, "svg": a.svg('<image href="x.png"/>')}
    end = {"fragment": "area=10,10,50,50", "letters": "xywh=a,b,c,d", "three": "xywh=1,2,3", "empty": "xywh=10,10,0,50",
           "outside": "xywh=2000,2000,50,50"}
    targets = {name: a.at(value) for name, value in selector.items()} | {name: f"{a.canvas}#{value}" for name, value in end.items()}
    for name, target in targets.items():
        bad.append((f"f4#{name}", a.add(name, target, tag(name), "tagging")))
    # The box can be used without its body, which is listed.
    hologram = {"type": "Hologram", "frames": 3}
    a.add("body", f"{a.canvas}#xywh={a.units(350, 500, 100, 40)}", hologram, "commenting")
    a.member("body", (350, 500, 100, 40), "commenting")
    bad.append(("f4: a body of an unknown type", hologram))
    a.add("whole", a.canvas, tag("folio"), "tagging")
    made.label("f4#whole", p, "folio")
    bad.append(("f4#target", a.add("target", None, tag("no target"), "tagging")))
    first, second = f"{a.canvas}#xywh={a.units(20, 500, 100, 40)}", f"{a.canvas}#xywh={a.units(200, 500, 100, 40)}"
    both = [first, "https://elsewhere.example/canvas#xywh=1,2,3,4", second]
    anno = a.add("targets", both, tag("targets"), "tagging")
    a.member("targets[0]", (20, 500, 100, 40), "targets")
    a.member("targets[2]", (200, 500, 100, 40), "targets")
    bad.append(("f4#targets[1]", anno))
    canvases.append(made.canvas("f4", (1200, 1600), made.image(p), annotations=[a.page(), 7]))
    bad.append(("f4: a page that is a number", "items[3].annotations[1]"))
    made.paint(p)

    # Folio 5: texts by reference and in many shapes; annotations on annotations; a page that names its annotations.
    p = made.picture("folio-5", (600, 800))
    a = Annotations(made, "f5", p)
    made.put("line.txt", "Arma virumque\ncano", "text/plain; charset=utf-8")
    resource = {"id": made.url("resource.json"), "type": "TextualBody"}
    made.put("resource.json", {"@context": "http://www.w3.org/ns/anno.jsonld", **resource, **text("Troiae qui primus")})
    made.put("full.txt", "ab oris Italiam fato", "text/plain; charset=utf-8")
    shapes = [("txt", {"id": made.url("line.txt"), "type": "Text", "format": "text/plain"}, "Arma virumque\ncano",
               {"text_source": made.url("line.txt")}),
              ("resource", resource, "Troiae qui primus", {"text_source": resource["id"]}),
              ("part", f"{made.url('full.txt')}#char=8,15", "Italiam", {"text_source": f"{made.url('full.txt')}#char=8,15"}),
              ("html", text("<p>Lavinia<br>venit &amp; <b>litora</b></p>", format="text/html"), "Lavinia\nvenit & litora",
               {"html": "<p>Lavinia<br>venit &amp; <b>litora</b></p>"}),
              ("map", {"type": "TextualBody", "value": {"la": ["multum ille"], "en": ["much he"]}}, "much he", {}),
              ("number", text(1505), "1505", {}), ("list", text(["et terris"]), "et terris", {}),
              ("value", text({"@value": "iactatus", "@language": "la"}), "iactatus", {}), ("plain", "et alto", "et alto", {})]
    for n, (name, body, value, attributes) in enumerate(shapes):
        a.add(name, f"{a.canvas}#xywh=40,{40 + 50 * n},300,40", body, textGranularity="line")
        a.member(name, (40, 40 + 50 * n, 300, 40), text=value, **line, **attributes)
    about = f"{a.canvas}/annotation/txt"
    first = made.members[-len(shapes)]
    made.member("f5#translation", p, first, "commenting", "Arms and the man", about=about)
    a.add("translation", about, text("Arms and the man", language="en"), "commenting")
    made.member("f5#reply", p, first, "replying", "I doubt it", about=f"{a.canvas}/annotation/translation")
    a.add("reply", f"{a.canvas}/annotation/translation", text("I doubt it"), "replying")
    # The box can be used without its text, which is listed.
    a.add("lost text", f"{a.canvas}#xywh=400,40,100,40", {"id": made.url("lost.txt"), "type": "Text", "format": "text/plain"})
    a.member("lost text", (400, 40, 100, 40), "text", links=[made.url("lost.txt")])
    made.reject("f5: a text that is not there", made.url("lost.txt"))
    single = Annotations(made, "f5", p)
    iri = made.url("f5/single.json")
    single.add("single", f"{a.canvas}#xywh=40,600,200,40", tag("single"), "tagging")
    single.items[0]["id"] = iri
    single.member("single", (40, 600, 200, 40), "single")
    made.put("f5/single.json", {"@context": "http://www.w3.org/ns/anno.jsonld", **single.items[0]})
    lost = {"id": made.url("f5/lost.json"), "type": "AnnotationPage"}
    canvases.append(made.canvas("f5", (600, 800), made.image(p), annotations=[a.page(), lost, {
        "id": made.url("f5/iris"), "type": "AnnotationPage", "items": [iri, made.url("f5/lost-single.json")]}]))
    made.paint(p)
    made.reject("f5: page of annotations", made.url("f5/lost.json"))
    made.reject("f5: annotation by IRI", made.url("f5/lost-single.json"))

    # Folios 6 to 8: PAGE on disk, by file name, by the image that the file names, and of 2010 in the spelling of that time.
    for n, version, name, image, page, size in [(6, "2013-07-15", "folio-6.xml", "", (1800, 2400), (1200, 1600)),
                                                (7, "2019-07-15", "export_0001.xml", "scans/FOLIO-7.JPG", (2400, 3200), (600, 800)),
                                                (8, "2010-03-19", "sub/Folio-8.page.xml", "", (1200, 1600), (900, 1200))]:
        p = made.picture(f"folio-{n}", (600, 800))
        made.files[name] = page_xml(made, name, p, version, image, page, 32 * 600 / size[0], bad=n == 7)
        canvases.append(made.canvas(f"f{n}", size, made.image(p)))
        made.paint(p)
    stray = ('<?xml version="1.0" encoding="UTF-8"?>\n<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15">'
             '<Page imageFilename="nobody.png" imageWidth="10" imageHeight="10"/></PcGts>')
    made.files["nobody.xml"] = stray
    made.reject("nobody.xml", "nobody.xml")
    made.files["broken.xml"] = "<?xml version='1.0'?><PcGts><Page"
    made.reject("broken.xml", "broken.xml")

    # Annotations at the manifest, where the canvas does not say what they are about.
    a = Annotations(made, "f5", next(p for p in made.pictures if p.name == "folio-5"))
    a.add("manifest", f"{a.canvas}#xywh=400,600,100,40", tag("from the manifest"), "tagging")
    a.member("manifest", (400, 600, 100, 40), "from the manifest")
    bad.append(("f5#lost annotation", a.add("lost annotation", made.url("nothing"), text("about nothing"), "commenting")))
    bad.append(("f5#elsewhere", a.add("elsewhere", "https://elsewhere.example/canvas#xywh=1,2,3,4", tag("elsewhere"), "tagging")))
    document = made.manifest("manuscript.json", canvases, annotations=[{**a.page(), "id": made.url("at-manifest")}])
    made.inputs = [made.put("manuscript.json", document)]
    for source, member in bad:
        made.reject(source, made.inputs[0], member, member.get("id") if isinstance(member, dict) else None)


def page_xml(made, name, picture, version, image, page, height, bad):
    """`height`: of bands that are made of baselines, in pixels of the image."""
    sx, sy = page[0] / picture.size[0], page[1] / picture.size[1]
    old = version.startswith("2010")

    def coords(element, points):
        scaled = [(round(x * sx), round(y * sy)) for x, y in points]
        if old:
            return f"<{element}>" + "".join(f'<Point x="{x}" y="{y}"/>' for x, y in scaled) + f"</{element}>"
        return f'<{element} points="{" ".join(f"{x},{y}" for x, y in scaled)}"/>'

    def equivalent(value, index=""):
        return f"<TextEquiv{index}><Unicode>{value}</Unicode></TextEquiv>"

    def region(id, x, y, kind, order):
        xml, texts = "", []
        points = [(x, y), (x + 240, y), (x + 250, y + 10), (x + 250, y + 200), (x, y + 200)]
        parent = made.member(f"{name}#{id}", picture, points, kind, None, granularity="block", element="TextRegion", order=order)
        each = 3 if old else 4
        for n in range(3):
            shape, base = band(x + 8, y + 8 + 46 * n, 230, 36), [(x + 12, y + 36 + 46 * n), (x + 230, y + 38 + 46 * n)]
            line = made.member(f"{name}#{id}l{n}", picture, shape, "line", None, parent, None if old else base,
                               granularity="line", element="TextLine", order=(order - 1) * each + n + 1)
            words, values = "", []
            for w in range(2):
                value = f"{id}{n}{w}ſ"
                box = band(x + 24 + 100 * w, y + 14 + 46 * n, 86, 20)
                made.member(f"{name}#{id}l{n}w{w}", picture, box, "word", value, line, granularity="word", element="Word")
                texts_of_word = equivalent(value)
                if n == 0 and not old:
                    texts_of_word = equivalent(value + "?", ' index="1"') + equivalent(value, ' index="0"')
                words += f'<Word id="{id}l{n}w{w}">{coords("Coords", box)}{texts_of_word}</Word>'
                values.append(value)
            # The text of the second line stands at the line, which is not that of its words.
            line.text = f"own text of {id}" if n == 1 else " ".join(values)
            xml += (f'<TextLine id="{id}l{n}">{coords("Coords", shape)}{"" if old else coords("Baseline", base)}{words}'
                    f"{equivalent(line.text) if n == 1 else ''}</TextLine>")
            texts.append(line.text)
        if not old:
            base, top = [(x + 12, y + 176), (x + 230, y + 176)], y + 176 - round(height * 0.75)
            texts.append(f"only a baseline in {id}")
            made.member(f"{name}#{id}only", picture, (x + 12, top, 218, round(height)), "line", texts[-1], parent, base,
                        granularity="line", element="TextLine", order=order * 4)
            xml += f'<TextLine id="{id}only">{coords("Baseline", base)}{equivalent(texts[-1])}</TextLine>'
        parent.text = "\n".join(texts)
        stated = f' type="{kind}"' if kind == "heading" else ""
        if custom:
            stated += f' custom="readingOrder {{index:{order - 1};}} structure {{type:{kind};}}"'
        return f'<TextRegion id="{id}"{stated}>{coords("Coords", points)}{xml}</TextRegion>'

    # In the file the second comes first.
    custom = version.startswith("2013")
    second, first = region("r2", 310, 40, "marginalia" if custom else "block", 2), region("r1", 20, 40, "heading", 1)
    shape = [(40, 400), (300, 410), (310, 560), (30, 540)]
    made.member(f"{name}#image", picture, shape, "illustration", None, granularity="block", element="ImageRegion")
    order = ('<ReadingOrder><OrderedGroup id="g"><RegionRefIndexed index="0" regionRef="r1"/>'
             '<RegionRefIndexed index="1" regionRef="r2"/></OrderedGroup></ReadingOrder>')
    if custom:
        order = ""
    wrong = ""
    if bad:
        wrong = ('<TextRegion id="two"><Coords points="1,1 5,5"/></TextRegion><TextRegion id="words"><Coords points="here"/></TextRegion>'
                 '<ImageRegion id="none"/>')
        for id in ("two", "words", "none"):
            made.reject(f"{name}#{id}", name, record=id)
    return (f'<?xml version="1.0" encoding="UTF-8"?>\n<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/{version}">'
            f'<Page imageFilename="{image or "unknown.tif"}" imageWidth="{page[0]}" imageHeight="{page[1]}">{order}{second}{first}'
            f'<ImageRegion id="image">{coords("Coords", shape)}</ImageRegion>{wrong}</Page></PcGts>')


# 3. A multispectral set.

LAYERS = ["Colour", "Ultraviolet 365 nm", "Infrared 940 nm", "Raking light"]


def multispectral(made):
    canvases, bad = [], []

    def layers(prefix, sizes, **more):
        return [made.picture(f"{prefix}-{n}", size, **more) for n, size in enumerate(sizes)]

    def choice(bodies):
        return {"type": "Choice", "items": bodies}

    def labelled(pictures, **more):
        return [made.image(p, label={"en": [LAYERS[n]]}, **more) for n, p in enumerate(pictures)]

    def on_all(a, name, pictures, box, concept, size, **more):
        """`box` in units of the canvas, of the size `size`; on every layer at its own scale."""
        for n, p in enumerate(pictures):
            sx, sy = p.size[0] / size[0], p.size[1] / size[1]
            scaled = tuple(round(v * s) for v, s in zip(box, (sx, sy, sx, sy)))
            made.member(f"{a.path}#{name}", p, scaled, concept, **more)

    # 1: layers of one size; annotations on the canvas and on single layers.
    four = layers("fragment1", [(600, 400)] * 4)
    a = Annotations(made, "c1", None)
    a.add("whole", a.canvas, tag("fragment"), "tagging")
    for p in four:
        made.label("c1#whole", p, "fragment")
    a.add("all", f"{a.canvas}#xywh=20,20,100,60", tag("aleph"), "tagging")
    on_all(a, "all", four, (20, 20, 100, 60), "aleph", (600, 400))
    a.add("tenths", a.at({"type": "FragmentSelector", "value": "xywh=percent:50,50,25,10"}), tag("bet"), "tagging")
    on_all(a, "tenths", four, (300, 200, 150, 40), "bet", (600, 400))
    bodies = labelled(four)
    for n, (body, picture) in enumerate(zip(bodies, four)):
        own = Annotations(made, f"c1/layer{n}", picture)
        targets = [body["id"], made.service(picture), f"{made.service(picture)}/info.json", None][n:n + 1]
        target = targets[0]
        if target:
            own.add("fragment", f"{target}#xywh=20,100,80,{40 + n}", tag(f"only {n}"), "tagging")
            own.add("selector", {"type": "SpecificResource", "source": target, "selector": {
                "type": "FragmentSelector", "value": "xywh=percent:50,25,10,10"}}, tag(f"share {n}"), "tagging")
        else:
            own.add("fragment", {"type": "SpecificResource", "source": body["id"], "selector": own.svg(
                f'<polygon points="{pairs(band(20, 100, 80, 40))}"/>')}, tag("only 3"), "tagging")
            own.add("selector", {"type": "SpecificResource", "source": {"id": body["id"], "type": "Image"}, "selector": {
                "type": "ImageApiSelector", "region": "pct:50,25,10,10"}}, tag("share 3"), "tagging")
        own.member("fragment", (20, 100, 80, 40 + n) if target else band(20, 100, 80, 40), f"only {n}")
        own.member("selector", (300, 100, 60, 40), f"share {n}")
        bad.append((f"c1/layer{n}#unknown", own.add("unknown", {"type": "SpecificResource", "source": body["id"], "selector": {
            "type": "WavelengthSelector", "value": "940"}}, tag("unknown"), "tagging")))
        body["annotations"] = [own.page()]
    canvases.append(made.canvas("c1", (600, 400), choice(bodies), annotations=[a.page()]))
    made.paint(*four)

    # 2: layers of several sizes on a canvas of another; one layer is no image, one is a number.
    three = layers("fragment2", [(300, 200), (600, 400), (900, 600)])
    a = Annotations(made, "c2", None)
    size = (1200, 800)
    a.add("square", a.at({"type": "ImageApiSelector", "region": "square"}), tag("square"), "tagging")
    on_all(a, "square", three, (200, 0, 800, 800), "square", size)
    a.add("box", f"{a.canvas}#xywh=80,80,240,160", tag("gimel"), "tagging")
    on_all(a, "box", three, (80, 80, 240, 160), "gimel", size)
    a.add("share", f"{a.canvas}#xywh=percent:50,10,20,25", tag("dalet"), "tagging")
    on_all(a, "share", three, (600, 80, 240, 200), "dalet", size)
    a.add("region", a.at({"type": "ImageApiSelector", "region": "pct:10,50,20,25"}), tag("he"), "tagging")
    on_all(a, "region", three, (120, 400, 240, 200), "he", size)
    # Two words for one part, of which the outline is the most exact; a part of a part.
    a.add("alternatives", a.at([{"type": "FragmentSelector", "value": "xywh=600,400,200,160"}, a.svg(
        '<rect x="600" y="400" width="200" height="160"/>', ' viewBox="0 0 1200 800"')]), tag("waw"), "tagging")
    on_all(a, "alternatives", three, (600, 400, 200, 160), "waw", size)
    a.add("refined", a.at({"type": "FragmentSelector", "value": "xywh=840,400,320,320", "refinedBy": {
        "type": "FragmentSelector", "value": "xywh=40,80,120,160"}}), tag("zayin"), "tagging")
    on_all(a, "refined", three, (880, 480, 120, 160), "zayin", size)
    own = Annotations(made, "c2/layer2", three[2])
    own.add("pixels", {"type": "SpecificResource", "source": made.service(three[2]), "selector": {
        "type": "ImageApiSelector", "region": "780,30,60,45"}}, tag("pixels of the layer"), "tagging")
    own.member("pixels", (780, 30, 60, 45), "pixels of the layer")
    made.put("c2/layer2.json", {"@context": PRESENTATION % 3, **own.page(id=made.url("c2/layer2.json"))})
    model = {"id": made.url("mesh.ply"), "type": "Model", "format": "model/ply"}
    bodies = [*labelled(three), model, 7, "rdf:nil"]
    bodies[2]["annotations"] = [{"id": made.url("c2/layer2.json"), "type": "AnnotationPage"}]
    canvases.append(made.canvas("c2", size, choice(bodies), annotations=[a.page()]))
    made.paint(*three)
    body = f"items[{len(canvases) - 1}].items[0].items[0].body.items"
    bad += [("c2: a layer that is a model", f"{body}[3]"), ("c2: a layer that is a number", f"{body}[4]")]

    # 3: a part of an image as painting, by a selector; boxes on the canvas and on the service of the whole image.
    part = made.picture("sheet3", (900, 600), mark=(310, 210))
    a = Annotations(made, "c3", part)
    selected = {"id": made.url("c3/part"), "type": "SpecificResource", "source": made.image(part),
                "selector": {"type": "ImageApiSelector", "region": "300,200,500,300"}}
    a.add("box", f"{a.canvas}#xywh=40,60,200,160", tag("het"), "tagging")
    a.member("box", (320, 230, 100, 80), "het")
    a.add("share", f"{a.canvas}#xywh=percent:50,50,10,20", tag("tet"), "tagging")
    a.member("share", (550, 350, 50, 60), "tet")
    a.add("service", f"{made.service(part)}#xywh=600,220,100,50", tag("of the service"), "tagging")
    a.member("service", (600, 220, 100, 50), "of the service")
    a.add("share of the service", f"{made.service(part)}#xywh=percent:40,70,10,10", tag("share of the service"), "tagging")
    a.member("share of the service", (360, 420, 90, 60), "share of the service")
    canvases.append(made.canvas("c3", (1000, 600), selected, annotations=[a.page()]))
    made.paint(part)

    # Both pages of a spread, cut out of one image.
    spread = made.picture("spread", (800, 400), mark=(10, 10))
    marks = [spread.mark, colour()]
    spread.paint((410, 10, 6, 6), marks[1])
    made.painted += marks
    for n in range(2):
        a = Annotations(made, f"page{n}", spread)
        selected = {"id": made.url(f"spread/{n}"), "type": "SpecificResource", "source": made.image(spread),
                    "selector": {"type": "ImageApiSelector", "region": f"{400 * n},0,400,400"}}
        a.add("box", f"{a.canvas}#xywh=100,100,200,120", tag(f"page {n}"), "tagging")
        a.member("box", (400 * n + 50, 50, 100, 60), f"page {n}")
        canvases.append(made.canvas(f"page{n}", (800, 800), selected, annotations=[a.page()]))

    a = Annotations(made, "spread", spread)
    a.add("right", f"{made.service(spread)}#xywh=500,250,100,60", tag("on the image of both"), "tagging")
    a.member("right", (500, 250, 100, 60), "on the image of both")
    of_spread = {**a.page(), "id": made.url("spread/annotations")}

    # 4: a part that is turned.
    turned = made.picture("sheet4", (600, 400), mark=(110, 110))
    a = Annotations(made, "c4", turned)
    selected = {"id": made.url("c4/turned"), "type": "SpecificResource", "source": made.image(turned),
                "selector": {"type": "ImageApiSelector", "region": "100,100,400,200", "rotation": "90"}}
    a.add("box", f"{a.canvas}#xywh=20,40,60,120", tag("yod"), "tagging")
    # Clockwise: the left edge of the part is the top of the canvas, and its lower edge the left.
    a.member("box", (140, 220, 120, 60), "yod")
    canvases.append(made.canvas("c4", (200, 400), selected, annotations=[a.page()]))
    made.paint(turned)

    # 5: two images on one canvas, each a choice; a box that reaches over both.
    left, right = layers("left5", [(400, 400)] * 2), layers("right5", [(800, 800)] * 2)
    a = Annotations(made, "c5", None)
    a.add("left", f"{a.canvas}#xywh=50,50,200,100", tag("kaf"), "tagging")
    a.add("right", f"{a.canvas}#xywh=550,50,200,100", tag("lamed"), "tagging")
    a.add("over", f"{a.canvas}#xywh=350,200,150,100", tag("mem"), "tagging")
    for p in left:
        made.member("c5#left", p, (50, 50, 200, 100), "kaf")
        made.member("c5#over", p, (350, 200, 50, 100), "mem")
    for p in right:
        made.member("c5#right", p, (300, 100, 400, 200), "lamed")
        made.member("c5#over", p, (0, 400, 200, 200), "mem")
    canvases.append(made.canvas("c5", (800, 400), (choice(labelled(left)), "#xywh=0,0,400,400"),
                                (choice(labelled(right)), "#xywh=400,0,400,400"), annotations=[a.page()]))
    made.paint(*left, *right)

    # 6: a request for a part, without a service beside it.
    request = made.picture("sheet6", (600, 400), mark=(210, 110))
    a = Annotations(made, "c6", request)
    a.add("box", f"{a.canvas}#xywh=20,20,100,80", tag("nun"), "tagging")
    a.member("box", (220, 120, 100, 80), "nun")
    canvases.append(made.canvas("c6", (300, 200), {
        "id": f"{made.service(request)}/200,100,300,200/max/0/default.png", "type": "Image", "format": "image/png"},
        annotations=[a.page()]))
    made.paint(request)

    # A request for half the size: the pixels of that image, and those of its service.
    half = made.picture("sheet7", (600, 400))
    a = Annotations(made, "c10", half)
    body = made.image(half)
    body.update(id=f"{made.service(half)}/full/300,200/0/default.png", width=300, height=200)
    body["service"][0].update(width=600, height=400)
    a.add("canvas", f"{a.canvas}#xywh=100,100,200,100", tag("of the canvas"), "tagging")
    a.member("canvas", (60, 60, 120, 60), "of the canvas")
    a.add("request", f"{body['id']}#xywh=100,30,60,40", tag("of the request"), "tagging")
    a.member("request", (200, 60, 120, 80), "of the request")
    a.add("service", f"{made.service(half)}#xywh=300,200,100,60", tag("of the service"), "tagging")
    a.member("service", (300, 200, 100, 60), "of the service")
    canvases.append(made.canvas("c10", (1000, 667), body, annotations=[a.page()]))
    made.paint(half)

    # 7: annotations at the manifest and at a range, whose canvas stands elsewhere in the document.
    seven = layers("fragment7", [(300, 200)] * 2)
    a = Annotations(made, "c7", None)
    a.add("manifest", f"{a.canvas}#xywh=20,20,40,40", tag("samek"), "tagging")
    on_all(a, "manifest", seven, (20, 20, 40, 40), "samek", (300, 200))
    at_manifest = {**a.page(), "id": made.url("c7/at-manifest")}
    a.items = []
    a.add("range", f"{a.canvas}#xywh=percent:50,50,20,20", tag("ayin"), "tagging")
    on_all(a, "range", seven, (150, 100, 60, 40), "ayin", (300, 200))
    at_range = {**a.page(), "id": made.url("c7/at-range")}
    canvases.append(made.canvas("c7", (300, 200), choice(labelled(seven))))
    made.paint(*seven)

    # 8: a choice of nothing that is an image, and a canvas painted on a canvas.
    canvases.append(made.canvas("c8", (300, 200), {"type": "Canvas", "id": made.url("c1")}))
    bad.append(("c8: a canvas on a canvas", canvases[-1]))

    document = made.manifest("fragments.json", canvases, annotations=[at_manifest, of_spread], structures=[
        {"id": made.url("range"), "type": "Range", "label": {"en": ["Range"]}, "items": [{"id": made.url("c7"), "type": "Canvas"}],
         "annotations": [at_range]}])
    made.inputs = [made.put("fragments.json", document)]
    for source, member in bad:
        made.reject(source, made.inputs[0], member, member.get("id") if isinstance(member, dict) else None)

    # The same in Presentation 2, where a choice has a default and items, and annotations are lists elsewhere.
    old = layers("fragment9", [(300, 200), (600, 400), (300, 200)])
    id = made.url("c9")
    notes = {"@context": PRESENTATION % 2, "@id": made.url("c9/list.json"), "@type": "sc:AnnotationList", "resources": [
        {"@id": f"{id}/1", "@type": "oa:Annotation", "motivation": "oa:tagging", "on": f"{id}#xywh=40,40,100,60",
         "resource": {"@type": "oa:Tag", "chars": "pe"}},
        {"@id": f"{id}/2", "@type": "oa:Annotation", "motivation": ["oa:tagging"], "on": {
            "@type": "oa:SpecificResource", "full": id, "selector": {"@type": "oa:Choice", "default": {
                "@type": "oa:FragmentSelector", "value": "xywh=200,200,100,80"}, "item": {
                "@type": "oa:SvgSelector", "value": SVG % ("", '<path d="M200,200h100v80h-100z"/>')}}},
         "resource": [{"@type": "oa:Tag", "chars": "tsade"}]},
        {"@id": f"{id}/3", "@type": "oa:Annotation", "motivation": "oa:tagging", "on": f"{made.service(old[1])}#xywh=400,100,60,60",
         "resource": {"@type": "oa:Tag", "chars": "qof"}},
        {"@id": f"{id}/4", "@type": "oa:Annotation", "motivation": "oa:tagging", "on": {
            "@type": "oa:SpecificResource", "full": id, "selector": {"@type": "ex:Star"}},
         "resource": {"@type": "oa:Tag", "chars": "resh"}}]}
    for p in old:
        by = p.size[0] / 600
        made.member("c9#1", p, tuple(round(v * by) for v in (40, 40, 100, 60)), "pe")
        made.member("c9#2", p, tuple(round(v * by) for v in (200, 200, 100, 80)), "tsade")
    made.member("c9#3", old[1], (400, 100, 60, 60), "qof")
    made.put("c9/list.json", notes)
    made.reject("c9#4", made.url("c9/list.json"), "resources[3]", f"{id}/4")
    resource = {"@type": "oa:Choice", "default": image2(made, old[0]), "item": [image2(made, p) for p in old[1:]] + ["rdf:nil"]}
    made.paint(*old)
    canvas = canvas2(made, "c9", (600, 400), resource, otherContent=[{"@id": made.url("c9/list.json"), "@type": "sc:AnnotationList"}])
    made.inputs.append(made.put("fragments2.json", manifest2(made, "fragments2.json", [canvas])))


# Running and judging.

class Web(http.server.ThreadingHTTPServer):
    """Serves what stands in `files`: path -> (media type, bytes)."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Files)
        self.files = {}
        self.address = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """Clients may close connections that they do not need any more."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def __exit__(self, *why):
        self.shutdown()
        self.server_close()


class Files(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        status = 200 if self.path in self.server.files else 404
        kind, data = self.server.files.get(self.path, ("text/plain", b"not found"))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def judge(stack, programs, work, web, name, make):
    begun = time.monotonic()
    port = free_port()
    made = Made(web, name, f"http://127.0.0.1:{port}")
    make(made)
    pictures, out = work / "pictures", work / "out"
    out.mkdir(parents=True)
    for picture in made.pictures:
        picture.save(pictures)
    for path, content in made.files.items():
        (work / "transcriptions" / path).parent.mkdir(parents=True, exist_ok=True)
        (work / "transcriptions" / path).write_text(content)
    keep_documents(work / "documents", web, name)
    serve(stack, programs, pictures, port)
    pipeline(programs, made, out, work)
    faults, written, listed, files = compare(made, out)
    held = sum(count(content) for _, content in made.documents) + sum(map(count, made.files.values()))
    others = len({source for source, *_ in made.listed if "#" not in source})
    sources = {m.source for m in made.members} | {source for source, *_ in made.labels + made.listed}
    if held + others != len(sources):
        faults.append(f"the documents hold {held} members, the script knows of {len(sources) - others}")
    lacking = {m.source for m in made.members if not m.right}
    whole = {source for source, *_ in made.labels} | {m.source for m in made.members} - lacking
    boxes = f"{len(made.members)} boxes and {len(made.labels)} labels on {len(made.painted)} images"
    for fault in faults:
        print(f"{name}: {fault}")
    seconds = time.monotonic() - begun
    good = not faults and held + others == len(whole) + len(listed)
    print(f"{name}: {'passed' if good else 'FAILED'}: {held + others} members held = {len(whole)} written + {len(listed)} listed; "
          f"{len(written)} of {boxes}, {files} files; {len(faults)} faults, {seconds:.1f} s", flush=True)
    return good


def keep_documents(folder, web, name):
    for path, (_, data) in web.files.items():
        if path.startswith(f"/{name}/"):
            file = folder / path.removeprefix(f"/{name}/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)


def serve(stack, programs, folder, port):
    command = [programs / "recto-serve", folder, "--listen", f"127.0.0.1:{port}", "--quiet"]
    server = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    stack.callback(server.terminate)
    if not any(said.startswith("listening on ") for said in iter(server.stdout.readline, "")):
        raise SystemExit("recto-serve does not listen")


def pipeline(programs, made, out, work):
    """Exit code 3 says that some records are listed."""
    network = ["--rate", "0", "--retries", "0", "--progress", "none"]
    texts = ["--text-files", work / "transcriptions"] if made.files else []
    for command in (["recto-digest", "iiif", *made.inputs, *texts, *network, "-o", out / "digest.json"],
                    ["recto-extract", out / "digest.json", *made.extract_options, "-o", out / "localizations.json"],
                    ["recto-download", out / "localizations.json", out / "images", *network, "--format", "png",
                     "--image-map", out / "image_map.json", "--failures", out / "failures.csv"],
                    ["recto-reformat", out / "localizations.json", "--image-map", out / "image_map.json", "-f", "coco",
                     "-o", out / "coco"]):
        command = [programs / command[0], *command[1:], "--report", out / f"{command[0]}.json"]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        (out / f"{command[0].name}.log").write_text(run.stderr)
        if run.returncode not in (0, 3):
            raise SystemExit(f"{made.name}: {command[0].name} ends with {run.returncode}: {run.stderr[-2000:]}")


def compare(made, out):
    """Faults; members written; sources listed; files of COCO."""
    faults = []
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(out / "coco/annotations/instances_default.json")
    images = json.loads((out / "localizations.json").read_text())["images"]
    extracted = {(image["id"], box["id"], box["concept"]): box for image in images for box in image["localizations"]}
    areas, marks = {}, {}
    for image in coco.imgs.values():
        pixels = np.asarray(Image.open(out / "coco/images" / image["file_name"]).convert("RGB")).astype(np.uint32)
        pixels = pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2]
        if pixels.shape != (image["height"], image["width"]):
            faults.append(f"{image['uuid']}: COCO says {image['width']} x {image['height']}, the file is {pixels.shape[::-1]}")
        for value in np.unique(pixels):
            marks.setdefault(int(value), []).append(image["id"])
        areas[image["id"]] = pixels
    for mark in made.painted:
        name = next((p.name for p in made.pictures if p.mark == mark), "cut out")
        if len(marks.get(mark, [])) != 1:
            faults.append(f"image {name}: in {len(marks.get(mark, []))} files")
    if len(coco.imgs) != len(made.painted):
        faults.append(f"{len(coco.imgs)} images in COCO, {len(made.painted)} in the documents")

    labels = Counter()
    for source, picture, concept in made.labels:
        labels.update((id, concept) for id in marks.get(picture.mark, []))
    found = Counter((id, concept) for id, image in coco.imgs.items() for concept in image.get("labels", []))
    faults += [f"{coco.imgs[id]['uuid']}: label {concept} is missing" for id, concept in labels - found]
    faults += [f"{coco.imgs[id]['uuid']}: label {concept} is too many" for id, concept in found - labels]

    free = {id: list(coco.imgToAnns[id]) for id in coco.imgs}
    written = []
    for member in made.members:
        where = marks.get(member.colour, [])
        if len(where) != 1:
            faults.append(f"{member}: its colour is in {len(where)} files")
            continue
        wrong = find(member, coco, areas[where[0]], free[where[0]], extracted)
        if member.right:
            written.append(member)
        if wrong:
            faults.append(f"{member}: {wrong}")
    for member in written:
        parent = member.found.get("attributes", {}).get("parent")
        wanted = member.parent and member.parent.found and member.parent.found["uuid"]
        if parent != wanted:
            faults.append(f"{member}: parent {parent}, not {wanted}")
    for id, boxes in free.items():
        for box in boxes:
            faults.append(f"too many: {coco.imgs[id]['uuid']}: {told(box, coco)}")
    lists = ("digest.rejects.csv", "rejects.csv", "failures.csv", "coco/rejects.csv")
    rows = [row for file in lists for row in read_rows(out / file)]
    listed = []
    for source, input, place, record in made.listed:
        found = [row for row in rows if is_of(row, made, input, place, record)]
        rows = [row for row in rows if row not in found[:1]]
        if found:
            listed.append(source)
        else:
            faults.append(f"{source}: not listed")
    faults += ["listed, but can be used, is listed already or has another place: " + " | ".join(row.values()) for row in rows]
    for report in sorted(out.glob("recto-*.json")):
        numbers = json.loads(report.read_text())
        if numbers["read"] != numbers["kept"] + numbers["rejected"]:
            faults.append(f"{report.name}: read {numbers['read']}, kept {numbers['kept']}, rejected {numbers['rejected']}")
    return faults, written, listed, len(coco.imgs)


def find(member, coco, pixels, free, extracted):
    """Takes the annotation of a member from `free`; what is wrong with it."""
    mask = np.isin(pixels, member.colours)
    ys, xs = np.nonzero(mask)
    box = [int(v) for v in (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)]

    def apart(annotation):
        return max(abs(a - b) for a, b in zip(box, sides(annotation)))

    near = [(differences(member, a, coco, mask, extracted), a) for a in free if apart(a) <= 1 + 1e-6]
    if near:
        faults, member.found = min(near, key=lambda n: (len(n[0]), apart(n[1]), n[1]["id"]))
    else:
        # One of another box, if there is one that says the same.
        same = [a for a in free if category(a, coco) == member.concept and a.get("attributes", {}).get("text") == member.text]
        if not same:
            return f"no box, painted {box}"
        member.found = min(same, key=apart)
        faults = [f"its box is {apart(member.found):.2f} pixels off: {told(member.found, coco)}, painted {box}"]
    free.remove(member.found)
    member.right = not faults
    return "; ".join(faults)


def sides(annotation):
    x, y, width, height = annotation["bbox"]
    return [round(v, 4) for v in (x, y, x + width, y + height)]


def category(annotation, coco):
    return coco.cats[annotation["category_id"]]["name"]


def told(annotation, coco):
    text = annotation.get("attributes", {}).get("text")
    return f"{category(annotation, coco)} {sides(annotation)} {text!r} {annotation['uuid']}"


def differences(member, annotation, coco, mask, extracted):
    faults = []
    if category(annotation, coco) != member.concept:
        faults.append(f"class {category(annotation, coco)}")
    attributes = annotation.get("attributes", {})
    stated = extracted.get((coco.imgs[annotation["image_id"]]["uuid"], annotation["uuid"], category(annotation, coco)))
    if stated is None:
        faults.append("not in localizations.json")
    for name, value in {"text": member.text, **member.attributes}.items():
        for where, found in (("COCO", attributes), ("localizations.json", (stated or {}).get("attributes", attributes))):
            if found.get(name) != value:
                faults.append(f"{name} {found.get(name)!r} in {where}, not {value!r}")
    if member.baseline:
        line = attributes.get("baseline") or []
        if len(line) != len(member.baseline) or any(abs(a - b) > 1 for p, q in zip(line, member.baseline) for a, b in zip(p, q)):
            faults.append(f"baseline {line}, not {member.baseline}")
    elif "baseline" in attributes:
        faults.append("a baseline that is not there")
    if member.outline and not annotation["segmentation"]:
        faults.append("outline is missing")
    elif annotation["segmentation"] and not faults:
        outline = coco.annToMask(annotation).astype(bool)
        if (outline & ~grown(mask)).any() or (mask & ~grown(outline)).any():
            faults.append("outline is more than a pixel off")
    return faults


def grown(mask):
    """A mask with a pixel more on each side."""
    wide = np.pad(mask, 1)
    height, width = mask.shape
    return np.any([wide[y:y + height, x:x + width] for y in range(3) for x in range(3)], axis=0)


def read_rows(path):
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [{**row, "file": path.name} for row in csv.DictReader(file)]


def is_of(row, made, input, place, record):
    """Whether a row of a list of rejects is about a member: with its document and place, or, from later stages, its id."""
    if row["file"] == "failures.csv":
        return False
    documents = dict(made.documents)
    if not isinstance(place, str) and place is not None:
        place = path_of(documents[input], place)
    if row["file"] == "rejects.csv":
        return record is not None and row["record"].endswith(record)
    named = row["input"].endswith(input) or row["record"].startswith(input)
    if place is not None:
        return named and (row["field"] + ".").replace("[", ".[").startswith((place + ".").replace("[", ".["))
    return named and (record is None or row["record"].endswith(record) or row["field"].endswith(record))


if __name__ == "__main__":
    sys.exit(main())
