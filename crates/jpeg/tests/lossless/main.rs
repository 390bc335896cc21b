//! The `jpeg` room from outside: what `check` lets pass and what it refuses, and tiles joined without loss, judged by
//! a decoder that is not recto's. Fixtures are made here. `scripts/judge_stitch.py` asks libjpeg-turbo and libtiff.

mod fixtures;
mod hostile;
mod joined;
mod whole;
