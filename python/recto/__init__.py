"""recto for Python: read what its stages write, and run them with progress.

    import recto

    recto.run("digest", "iiif", "https://archive.example/manifest.json", output="digest.json")
    rows = recto.localizations("localizations.json")     # a dict per box: pandas.DataFrame(rows), polars.DataFrame(rows)

The programs do the work; this module starts them and reads their files. It needs nothing but Python.
"""

from ._files import digest, image_map, images, localizations
from ._run import Ended, RectoError, program, run

__all__ = ["Ended", "RectoError", "digest", "image_map", "images", "localizations", "program", "run"]
