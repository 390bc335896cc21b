//! The `jpeg` room from outside: what `check` lets pass and what it refuses, and tiles joined without loss, judged by
//! a decoder that is not recto's. Fixtures are made here. `scripts/judge_stitch.py` asks libjpeg-turbo and libtiff.

#[path = "lossless/fixtures.rs"]
mod fixtures;
#[path = "lossless/hostile.rs"]
mod hostile;
#[path = "lossless/joined.rs"]
mod joined;
#[path = "lossless/whole.rs"]
mod whole;
