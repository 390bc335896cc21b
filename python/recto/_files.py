"""Reads the files that recto's stages write."""

import gzip
import json
import os

Path = "str | os.PathLike[str]"


def localizations(path="localizations.json", image_map=None):
    """Every box as a dict, a row of a table: image, group, concept, x, y, width, height in the frame of its image, which is
    frame_width by frame_height, the id of the box, and its attributes under their own names, after ``attribute_`` where such
    a name is taken.

    With ``image_map``, the file that recto-download wrote, rows have the ``path`` of the image too, or None where it was not
    downloaded. Boxes are in the frame: ``recto-reformat`` maps them to the pixels of the file.
    """
    paths = globals()["image_map"](image_map) if image_map is not None else None
    if paths is not None:
        # UUIDs are the same in capitals.
        paths.update({name.lower(): place for name, place in paths.items() if len(name) == 36 and name.lower() not in paths})
    return list(_rows(images(path), paths))


def _rows(found, paths):
    for image in found:
        about = {"image": image["id"], "group": image.get("group")}
        if paths is not None:
            about["path"] = paths.get(image["id"], paths.get(image["id"].lower()))
        frame = image.get("frame") or [None, None]
        for box in image.get("localizations", []):
            x, y, width, height = box["bbox"]
            row = dict(about, concept=box["concept"], x=x, y=y, width=width, height=height)
            row.update(frame_width=frame[0], frame_height=frame[1], id=box.get("id"))
            for name, value in box.get("attributes", {}).items():
                row["attribute_" + name if name in row else name] = value
            yield row


def images(path="localizations.json"):
    """Every image of a localizations.json with its boxes, as it stands there, one after the other."""
    return _records(path, "images", "recto/localizations")


def digest(path="digest.json"):
    """Every observation of a digest, as it stands there, one after the other."""
    return _records(path, "observations", "recto/digest")


def image_map(path="image_map.json"):
    """The files of images: id to path, joined with the folder of the map; absolute paths and URLs as they are."""
    folder = os.path.dirname(os.fspath(path))
    with _opened(path) as file:
        first = file.readline()
        head = _object(first)
        if head is not None and head.get("contract") == "recto/image_map" and "count" in head:
            found = {line["id"]: line["path"] for line in _counted(path, file, head["count"])}
        else:
            found = json.loads(first + file.read())
    if not isinstance(found, dict) or not all(isinstance(place, str) for place in found.values()):
        raise ValueError(f"{path}: not an image map of recto-download")
    is_whole = lambda place: "://" in place or os.path.isabs(place)
    return {name: place if is_whole(place) else os.path.join(folder, *place.split("/")) for name, place in found.items()}


def _records(path, member, contract):
    if os.path.isdir(path):
        yield from _parts(path, contract)
        return
    with _opened(path) as file:
        first = file.readline()
        head = _object(first)
        if head is not None and member not in head:
            _check(path, head, contract)
            yield from _counted(path, file, head.get("count"))
            return
        whole = json.loads(first + file.read())
    _check(path, whole, contract)
    yield from whole[member]


def _parts(folder, contract):
    with open(os.path.join(folder, "set.json"), encoding="utf-8") as file:
        index = json.load(file)
    _check(folder, index.get("head", {}), contract)
    for part in index["parts"]:
        path = os.path.join(folder, part["file"])
        with _opened(path) as file:
            yield from _counted(path, file, part["count"])


def _counted(path, lines, count):
    read = 0
    for line in lines:
        if line.strip():
            read += 1
            yield json.loads(line)
    if count is not None and read != count:
        raise ValueError(f"{path}: {read} records, {count} are announced: the file was cut off")


def _object(line):
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _check(path, head, contract):
    found = head.get("contract")
    if found != contract:
        raise ValueError(f"{path}: contract is {found!r}, expected {contract!r}")


def _opened(path):
    name = os.fspath(path)
    if name.endswith(".zst"):
        try:
            from compression import zstd  # Python 3.14
        except ImportError:
            try:
                from backports import zstd
            except ImportError:
                raise ImportError(f"{name}: Zstandard needs Python 3.14 or the package backports.zstd") from None
        return zstd.open(name, "rt", encoding="utf-8")
    if name.endswith(".gz"):
        return gzip.open(name, "rt", encoding="utf-8")
    return open(name, encoding="utf-8")
