#!/usr/bin/env python3
"""Asks decoders that are not recto's whether tiles joined by crates/jpeg/examples/stitch.rs are the tiles, pixel by pixel.

  judge_stitch.py STITCH            the matrix: samplings, codings, odd edges, JPEG and BigTIFF
  judge_stitch.py STITCH --server BASE [--size W,H]
                                    regions of a IIIF image service, in multiples of 16, in several sizes

Needs Pillow, numpy, tifffile and imagecodecs, and the programs djpeg and jpegtran (libjpeg-turbo) and vips. Tiles are
made by Pillow (libjpeg-turbo) and jpegtran; the judges are `djpeg -nosmooth` for JPEGs, since its usual smoothing
of chroma crosses the seams that are no more, and tifffile, Pillow (libtiff) and libvips for TIFFs.
"""
import argparse, io, itertools, json, pathlib, subprocess, sys, tempfile, urllib.request

import numpy as np
import tifffile
from PIL import Image

Image.MAX_IMAGE_PIXELS = None
RNG = np.random.default_rng(7)


def picture(width, height, mode):
    """Waves, edges and grain."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    channels = {"L": 1, "RGB": 3, "CMYK": 4}[mode]
    planes = []
    for c in range(channels):
        wave = 110 + 60 * np.sin(x * (c + 2) / 23) * np.cos(y / 31)
        edge = 70 * (((x // 19 + y // 13) % 5) == c)
        rough = np.where((x // 64 + y // 64) % 3 == 0, 30, 3)
        planes.append(wave + edge + RNG.normal(0, 1, x.shape) * rough)
    samples = np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8)
    return Image.fromarray(samples[..., 0] if channels == 1 else samples, mode)


def djpeg(path):
    """Samples as libjpeg decodes them, chroma not smoothed. CMYK comes as it is stored."""
    image = Image.open(path)
    if image.mode == "CMYK":
        return np.array(image)
    out = subprocess.run(["djpeg", "-nosmooth", str(path)], capture_output=True, check=True)
    assert not out.stderr, f"{path}: {out.stderr.decode()}"
    return np.array(Image.open(io.BytesIO(out.stdout)))


def smooth(path):
    """Samples as libjpeg decodes them by default: what TIFF readers do with each tile."""
    return np.array(Image.open(path))


def mosaic(folder, size, tile, decode):
    rows = []
    for r, y in enumerate(range(0, size[1], tile[1])):
        row = []
        for c, x in enumerate(range(0, size[0], tile[0])):
            samples = decode(folder / f"{c}_{r}.jpg")
            assert samples.shape[:2] == (min(tile[1], size[1] - y), min(tile[0], size[0] - x))
            row.append(samples)
        rows.append(np.concatenate(row, 1))
    return np.concatenate(rows, 0)


def cut(image, folder, tile, options, after):
    for r, y in enumerate(range(0, image.height, tile[1])):
        for c, x in enumerate(range(0, image.width, tile[0])):
            box = (x, y, min(x + tile[0], image.width), min(y + tile[1], image.height))
            path = folder / f"{c}_{r}.jpg"
            image.crop(box).save(path, "JPEG", **options(c, r))
            if after:
                changed = subprocess.run(["jpegtran", "-copy", "all", *after, str(path)], capture_output=True, check=True)
                path.write_bytes(changed.stdout)


def join(stitch, folder, out, size, tile):
    command = [stitch, "join", str(folder), str(out), "--size", "%d,%d" % size, "--tile", "%d,%d" % tile]
    return subprocess.run(command, capture_output=True, text=True)


def whole(stitch, *paths):
    found = subprocess.run([stitch, "check", *map(str, paths)], capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr


def vips(path, folder):
    out = folder / "vips.tif"
    subprocess.run(["vips", "copy", str(path), f"{out}[compression=none]"], check=True, capture_output=True)
    return tifffile.imread(out)


SAMPLINGS = {"4:4:4": ("RGB", 0), "4:2:2": ("RGB", 1), "4:2:0": ("RGB", 2), "grey": ("L", None), "CMYK": ("CMYK", None), "RGB": ("RGB", "rgb")}
CODINGS = {
    "baseline": ({}, None),
    "optimised": ({"optimize": True}, None),
    "progressive": ({"progressive": True}, None),
    "restarts": ({"restart_marker_blocks": 5}, None),
    "restarts, rows": ({"restart_marker_rows": 1}, None),
    "progressive, restarts": ({"progressive": True}, ["-progressive", "-restart", "3B"]),
    "scan by component": ({}, ["-scans", "SCANS"]),
    "q100": ({"quality": 100}, None),
    "q10": ({"quality": 10}, None),
}


def matrix(stitch, work):
    cases = 0
    for (sampling, (mode, factor)), (coding, (changes, after)) in itertools.product(SAMPLINGS.items(), CODINGS.items()):
        # Odd edges, and even ones within a block.
        size, tile = [((1011, 701), (256, 256)), ((1000, 700), (256, 256)), ((777, 523), (128, 64))][cases % 3]
        if after and "SCANS" in after:
            scans = work / "scans"
            scans.write_text(";\n".join(str(c) for c in range({"L": 1, "RGB": 3, "CMYK": 4}[mode])) + ";\n")
            after = ["-scans", str(scans)]
        options = {"quality": 85, **changes}
        if factor == "rgb":
            options["keep_rgb"] = True
        elif factor is not None:
            options["subsampling"] = factor
        folder = work / "tiles"
        folder.mkdir(exist_ok=True)
        cut(picture(*size, mode), folder, tile, lambda c, r: options, after)
        name = f"{sampling}, {coding}"
        whole(stitch, *folder.glob("*.jpg"))

        joined = work / "joined.jpg"
        done = join(stitch, folder, joined, size, tile)
        assert done.returncode == 0, f"{name}: {done.stderr}"
        whole(stitch, joined)
        assert np.array_equal(djpeg(joined), mosaic(folder, size, tile, djpeg)), f"{name}: pixels differ"

        tiff = work / "joined.tif"
        done = join(stitch, folder, tiff, size, tile)
        if mode == "CMYK":
            assert done.returncode and "four components" in done.stderr, f"{name}: {done.stderr}"
        else:
            assert done.returncode == 0, f"{name}: {done.stderr}"
            judge_tiff(name, tiff, folder, size, tile, work)
        cases += 1
        print(f"  {name}: identical", flush=True)
    return cases


def judge_tiff(name, path, folder, size, tile, work):
    """Readers smooth chroma inside each tile, so seams are as in the tiles. At the picture's right and bottom edge the
    last column and row of subsampled tiles are mixed with what the tile is padded with: there, and only there, the
    usual decoding may differ; without smoothing nothing does."""
    wanted = mosaic(folder, size, tile, smooth)
    readers = {"tifffile": lambda: tifffile.imread(path), "Pillow": lambda: np.array(Image.open(path)), "vips": lambda: vips(path, work)}
    for reader, read in readers.items():
        found = read()
        assert found.shape == wanted.shape, f"{name}: {reader} reads {found.shape}, not {wanted.shape}"
        inner = np.array_equal(found[:-1, :-1], wanted[:-1, :-1])
        assert inner, f"{name}: {reader} reads other pixels: {describe(found, wanted)}"
    data = path.read_bytes()
    stored, rows = work / "stored.jpg", []
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[0]
        for offset, length in zip(page.dataoffsets, page.databytecounts):
            stored.write_bytes(data[offset : offset + length])
            rows.append(djpeg(stored))
    columns = -(-size[0] // tile[0])
    rows = [np.concatenate(rows[i : i + columns], 1) for i in range(0, len(rows), columns)]
    found = np.concatenate(rows, 0)[: size[1], : size[0]]
    wanted = mosaic(folder, size, tile, djpeg)
    assert np.array_equal(found, wanted), f"{name}: stored tiles: {describe(found, wanted)}"


def describe(found, wanted):
    if found.shape != wanted.shape:
        return f"shape {found.shape}, not {wanted.shape}"
    off = np.abs(found.astype(int) - wanted)
    return f"{(off > 0).mean():.4%} of samples, at most {off.max()}"


def tiff_cases(stitch, work):
    """What only a TIFF can hold: several qualities, and more than 65,500 pixels."""
    folder = work / "tiles"
    for path in folder.glob("*"):
        path.unlink()
    size, tile = (1003, 777), (256, 256)
    options = lambda c, r: {"quality": 60 + 5 * ((c + r) % 6), "subsampling": 2}
    cut(picture(*size, "RGB"), folder, tile, options, None)
    done = join(stitch, folder, work / "joined.jpg", size, tile)
    assert done.returncode and "quantization tables differ" in done.stderr, done.stderr
    assert join(stitch, folder, work / "joined.tif", size, tile).returncode == 0
    judge_tiff("several qualities", work / "joined.tif", folder, size, tile, work)
    size = (70_144, 300)
    cut(picture(*size, "RGB"), folder, tile, lambda c, r: {"quality": 85, "subsampling": 2}, None)
    done = join(stitch, folder, work / "joined.jpg", size, tile)
    assert done.returncode and "too large for a JPEG" in done.stderr, done.stderr
    assert join(stitch, folder, work / "joined.tif", size, tile).returncode == 0
    judge_tiff("70144 wide", work / "joined.tif", folder, size, tile, work)
    # The profile stays.
    profile = bytes(range(256)) * 300
    cut(picture(512, 256, "RGB"), folder, tile, lambda c, r: {"quality": 85, "icc_profile": profile}, None)
    for kind in ("jpg", "tif"):
        assert join(stitch, folder, work / f"joined.{kind}", (512, 256), tile).returncode == 0
        assert Image.open(work / f"joined.{kind}").info["icc_profile"] == profile, kind
    print("  several qualities, 70,144 wide, profiles: identical")


def refusals(stitch, work):
    folder = work / "tiles"
    cases = [
        ((1000, 1000), {"subsampling": 2}, "not a multiple of 16"),
        ((1000, 1000), {"subsampling": 0}, None),
    ]
    for tile, options, words in cases:
        for path in folder.glob("*"):
            path.unlink()
        size = (2100, 1300)
        cut(picture(*size, "RGB"), folder, tile, lambda c, r: {"quality": 85, **options}, None)
        done = join(stitch, folder, work / "joined.jpg", size, tile)
        if words:
            assert done.returncode and words in done.stderr, done.stderr
        else:
            assert done.returncode == 0, done.stderr
            assert np.array_equal(djpeg(work / "joined.jpg"), mosaic(folder, size, tile, djpeg))
    print("  tiles of 1000 pixels: refused at 4:2:0, identical at 4:4:4")


def cut_short(stitch, work):
    """Every cut of a real encoder's file is found out."""
    for options in ({"subsampling": 2}, {"progressive": True}, {"restart_marker_blocks": 3}):
        path = work / "cut.jpg"
        picture(160, 120, "RGB").save(path, quality=80, **options)
        data = path.read_bytes()
        paths = []
        for cut in range(2, len(data), max(1, len(data) // 400)):
            paths.append(work / f"cut{cut}.jpg")
            paths[-1].write_bytes(data[:cut])
        found = subprocess.run([stitch, "check", *map(str, paths)], capture_output=True, text=True)
        faults = sum("damaged JPEG" in line for line in found.stdout.splitlines())
        assert faults == len(paths), f"{options}: {faults} of {len(paths)}"
        for one in paths:
            one.unlink()
    print("  files cut short: all found out")


def surplus(stitch, work):
    """Bytes too many before the end marker: what djpeg decodes without a warning is whole, many are damage."""
    path = work / "surplus.jpg"
    for options in ({"subsampling": 2}, {"progressive": True}, {"restart_marker_blocks": 3}):
        picture(160, 120, "RGB").save(path, quality=80, **options)
        data = path.read_bytes()
        for many in (0, 1, 2, 4, 5, 9, 100):
            path.write_bytes(data[:-2] + bytes(n * 37 % 255 for n in range(1, many + 1)) + data[-2:])
            decoded = subprocess.run(["djpeg", str(path)], capture_output=True)
            found = subprocess.run([stitch, "check", str(path)], capture_output=True, text=True)
            damaged = "damaged JPEG" in found.stdout
            assert not (damaged and decoded.returncode == 0 and many < 5), f"{options}: {many} too many: djpeg takes it"
            assert damaged == (many > 4), f"{options}: {many} too many: {found.stdout}"
            assert not damaged or decoded.returncode == 2 or many == 5, f"{options}: {many} too many: {decoded.stderr}"
    print("  bytes too many before the end: as djpeg has it")


def server(stitch, work, base, size):
    info = json.load(urllib.request.urlopen(f"{base}/info.json"))
    size = size or (info["width"], info["height"])
    quality = "default"
    for side in (256, 512, 992):
        folder = work / f"server{side}"
        folder.mkdir()
        for r, y in enumerate(range(0, size[1], side)):
            for c, x in enumerate(range(0, size[0], side)):
                w, h = min(side, size[0] - x), min(side, size[1] - y)
                uri = f"{base}/{x},{y},{w},{h}/{w},{h}/0/{quality}.jpg"
                (folder / f"{c}_{r}.jpg").write_bytes(urllib.request.urlopen(uri).read())
        whole(stitch, *folder.glob("*.jpg"))
        done = join(stitch, folder, work / "joined.jpg", size, (side, side))
        assert done.returncode == 0, done.stderr
        wanted = mosaic(folder, size, (side, side), djpeg)
        assert np.array_equal(djpeg(work / "joined.jpg"), wanted), "pixels differ"
        done = join(stitch, folder, work / "joined.tif", size, (side, side))
        assert done.returncode == 0, done.stderr
        judge_tiff("server", work / "joined.tif", folder, size, (side, side), work)
        first = Image.open(folder / "0_0.jpg")
        print(f"  {base}: {size[0]} x {size[1]} in regions of {side}: identical ({first.layer if hasattr(first, 'layer') else ''})")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stitch", help="target/release/examples/stitch")
    parser.add_argument("--server", help="a IIIF image service to take regions from")
    parser.add_argument("--size", type=lambda text: tuple(map(int, text.split(","))), help="use so much of it, from the left top")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        if args.server:
            return server(args.stitch, work, args.server.rstrip("/"), args.size)
        cases = matrix(args.stitch, work)
        tiff_cases(args.stitch, work)
        refusals(args.stitch, work)
        cut_short(args.stitch, work)
        surplus(args.stitch, work)
        print(f"{cases} combinations and the rest agree")


if __name__ == "__main__":
    sys.exit(main())
