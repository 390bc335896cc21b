"""Runs recto's stages as programs."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass, field

# Stages that tell how far they are.
_TELLING = ("digest", "extract", "download", "reformat", "serve", "shard")
# Ends with a result: all of it, without what was left out for good, of two that differ, without what another run may get.
_USABLE = (0, 3, 4, 75)


class RectoError(Exception):
    """A stage could not finish: ``exit`` is the code of the program, the text what it said."""

    def __init__(self, exit, said):
        super().__init__(said or f"recto ended with code {exit}")
        self.exit = exit


@dataclass
class Ended:
    """How a stage ended. ``exit``: 0 everything was done, 3 some records were left out for good, 75 another run may get
    further; ``report`` is the file of --report as a dict; ``output`` what was printed to standard output."""

    exit: int
    report: dict = field(default_factory=dict)
    output: str = ""

    @property
    def complete(self):
        """Whether nothing was left out."""
        return self.exit == 0


def program():
    """The path of the program recto: beside this Python, else on the PATH."""
    name = "recto" + (sysconfig.get_config_var("EXE") or "")
    beside = [sysconfig.get_path("scripts"), os.path.dirname(sys.executable)]
    for scheme in ("posix_user", "nt_user", "osx_framework_user"):
        if scheme in sysconfig.get_scheme_names():
            beside.append(sysconfig.get_path("scripts", scheme))
    for folder in beside:
        place = os.path.join(folder or "", name)
        if os.path.isfile(place):
            return place
    found = shutil.which(name)
    if found is None:
        raise FileNotFoundError("the program recto is neither beside this Python nor on the PATH")
    return found


def run(stage, *arguments, progress=None, cwd=None, **options):
    """Runs a stage to its end and returns an :class:`Ended`.

    ``recto.run("download", "localizations.json", "images", contact="you@university.example", dry_run=True)`` is
    ``recto download localizations.json images --contact you@university.example --dry-run``. An option that takes no value is
    True, one that is given several times is a list; ``where`` and other names that Python reserves not are written as they are,
    ``-`` as ``_``. ``progress`` is called with every event of ``--progress json``, a dict with ``event``.

    Raises :class:`RectoError` where the stage has no result (exit codes 1 and 2, and 75 where nothing could be read), and KeyboardInterrupt where it was stopped.
    """
    line = [program(), stage, *map(os.fspath, arguments)]
    for name, value in options.items():
        line.extend(_option("--" + name.replace("_", "-"), value))
    is_telling = progress is not None and stage in _TELLING
    if is_telling:
        line.append("--progress=json")
    with tempfile.TemporaryDirectory() as folder:
        place = os.path.join(folder, "report.json")
        if "report" not in options and stage in ("digest", "extract", "download", "reformat"):
            line.append("--report=" + place)
        ended, said, output = _started(line, cwd, progress if is_telling else None)
        report = _report(options.get("report", place), cwd)
    if ended == 130:
        raise KeyboardInterrupt
    if ended not in _USABLE or report.get("error"):
        raise RectoError(ended, said)
    return Ended(ended, report, output)


def _option(name, value):
    if value is None or value is False:
        return []
    if value is True:
        return [name]
    values = value if isinstance(value, (list, tuple)) else [value]
    return [f"{name}={os.fspath(one) if isinstance(one, os.PathLike) else one}" for one in values]


def _started(line, cwd, progress):
    """Exit code, what was said to standard error, and standard output."""
    with tempfile.TemporaryFile() as out:
        pipe = subprocess.PIPE
        child = subprocess.Popen(line, cwd=cwd, stdout=out, stderr=pipe, text=True, encoding="utf-8", errors="replace")
        said = []
        try:
            for text in child.stderr:
                event = _event(text) if progress is not None else None
                if event is None:
                    said.append(text)
                    continue
                if event["event"] == "end" and event.get("error"):
                    said.append("\n".join(filter(None, [event["error"], *event["because"], event["hint"]])))
                progress(event)
            code = child.wait()
        except BaseException:
            child.terminate()
            child.wait()
            raise
        finally:
            child.stderr.close()
        out.seek(0)
        return code, "".join(said).strip(), out.read().decode("utf-8", "replace")


def _event(text):
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) and "event" in value else None


def _report(place, cwd):
    try:
        with open(os.path.join(cwd or "", os.fspath(place)), encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}
