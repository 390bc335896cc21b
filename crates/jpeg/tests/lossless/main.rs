//! The crate from outside: what `check` accepts and what it rejects, and tiles joined without loss, compared by a
//! decoder of somebody else. All pictures are drawn here. `scripts/judge_stitch.py` asks libjpeg-turbo and libtiff.

mod fixtures;
mod hostile;
mod joined;
mod whole;
