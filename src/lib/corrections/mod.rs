//! Corrections of boxes that people made in the browser: what they say, the files that hold them, and what they do to
//! a set of images.
//!
//! `recto-serve --review` writes and applies them, `recto-digest` copies them into the digest, `recto-extract` applies
//! them. Only [`read_files`] reads from the disk.

mod apply;
mod correction;
mod review_file;

pub use apply::{Correctable, ImageIndex, apply, apply_all, held};
pub use correction::{
    Change, CorrectedBox, Correction, ImageChange, ReviewState, STATE, checked, class_name,
};
pub use review_file::{
    LocatedCorrection, from_digest, line, new_id, read, read_files, read_line, revision,
    state_revision,
};
