#!/usr/bin/env python3
"""Looks into a wheel of recto that is installed beside this Python: what its programs need of glibc, whether notices and
metadata are there, whether all programs start and are the same version, and whether the Python module reads what the demo made.

usage: judge_wheel.py WHEEL DEMO        DEMO: the folder of `recto demo`
"""

import pathlib
import re
import struct
import subprocess
import sys
import sysconfig
import zipfile

PROGRAMS = ["recto", "recto-digest", "recto-extract", "recto-download", "recto-reformat", "recto-serve", "recto-shard"]
GLIBC = (2, 17)


def main():
    wheel, demo = sys.argv[1], pathlib.Path(sys.argv[2])
    with zipfile.ZipFile(wheel) as packed:
        contents(wheel, packed)
    programs_start()
    module(demo)
    print(f"wheel: {pathlib.Path(wheel).stat().st_size / 1e6:.1f} MB, {len(PROGRAMS)} programs for glibc {GLIBC[0]}.{GLIBC[1]} and later")


def contents(wheel, packed):
    names = packed.namelist()
    scripts = {name.rsplit("/", 1)[1]: name for name in names if ".data/scripts/" in name}
    assert sorted(scripts) == sorted(PROGRAMS), sorted(scripts)
    needed = glibc_needed(packed.read(scripts.pop("recto")))
    assert needed and max(needed) <= GLIBC, f"recto needs glibc {max(needed)}"
    for program, name in scripts.items():
        assert f"/recto\" {program.removeprefix('recto-')} \"$@\"" in packed.read(name).decode(), f"{program} is no command of recto"
    has = lambda part: any(part in name for name in names)
    for part in ["/licenses/LICENSE", "/licenses/THIRD-PARTY.md", "/sboms/", "share/man/man1/recto-digest.1",
                 "share/bash-completion/completions/recto", "share/zsh/site-functions/_recto", "share/doc/recto/licences.txt"]:
        assert has(part), f"{part} is not in the wheel"
    licences = packed.read(next(name for name in names if name.endswith("doc/recto/licences.txt"))).decode()
    for crate in ["ring ", "rustls ", "hyper ", "hayro "]:
        assert re.search(rf"^{crate}", licences, re.M), f"no licence of {crate}"
    metadata = packed.read(next(name for name in names if name.endswith(".dist-info/METADATA"))).decode()
    for line in ["Name: recto", "License-Expression: MIT OR Apache-2.0", "License-File: THIRD-PARTY.md", "Requires-Python: >=3.9"]:
        assert line in metadata, f"no `{line}` in the metadata"
    assert "manylinux2014" in wheel or "manylinux_2_17" in wheel, wheel


def glibc_needed(elf):
    """The versions of glibc that a program asks its loader for, from its section of needed versions (.gnu.version_r)."""
    assert elf[:6] == b"\x7fELF\x02\x01", "not a program for 64-bit Linux"
    start, = struct.unpack_from("<Q", elf, 40)
    size, count = struct.unpack_from("<HH", elf, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", elf, start + n * size) for n in range(count)]
    found = set()
    for section in sections:
        if section[1] != 0x6FFFFFFE:
            continue
        texts = sections[section[6]][4]
        at = section[4]
        while True:
            _, entries, _, first, following = struct.unpack_from("<HHIII", elf, at)
            entry = at + first
            for _ in range(entries):
                _, _, _, name, after = struct.unpack_from("<IHHII", elf, entry)
                text = elf[texts + name:elf.index(b"\0", texts + name)].decode()
                version = re.fullmatch(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?", text)
                if version:
                    found.add((int(version[1]), int(version[2])))
                entry += after
            if not following:
                break
            at += following
    return found


def programs_start():
    versions = set()
    for program in PROGRAMS:
        path = pathlib.Path(sysconfig.get_path("scripts")) / program
        said = subprocess.run([path, "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout
        name, version = said.strip().split(" ", 1)
        assert name == program, said
        versions.add(version)
    assert len(versions) == 1, versions
    version = versions.pop()
    assert re.fullmatch(r"\d+\.\d+\.\d+ \([0-9a-f]{7,12}\)", version), f"version {version} names no commit"


def module(demo):
    import recto

    rows = recto.localizations(demo / "localizations.json", image_map=demo / "image_map.json")
    assert len(rows) == 656, len(rows)
    assert {"image", "group", "concept", "x", "y", "width", "height", "path"} <= set(rows[0])
    assert all(pathlib.Path(row["path"]).is_file() for row in rows)
    assert len({row["concept"] for row in rows}) == 10
    try:
        recto.image_map(demo / "localizations.json")
        raise AssertionError("a set was taken for an image map")
    except ValueError as error:
        assert "not an image map" in str(error), error
    ended = recto.run("reformat", demo / "localizations.json", image_map=demo / "image_map.json", format="csv", output="csv")
    assert ended.complete and ended.report["images"] == 6, ended
    events = []
    again = recto.run("download", demo / "localizations.json", demo / "images", image_map=demo / "image_map.json",
                      failures="failures.csv", progress=events.append)
    assert again.complete and events[-1]["event"] == "end", (again, events)
    try:
        recto.run("extract", "missing.json")
    except recto.RectoError as error:
        assert error.exit == 1 and "missing.json" in str(error), error
    else:
        raise AssertionError("a stage that could not finish did not raise an error")


if __name__ == "__main__":
    main()
