//! `diff`: what is not the same in two digests, sets of localizations, folders of downloads or training sets.
//!
//! [`input`] reads each as a stream of records; those of the first are put aside on the disk, and found again by their ids as
//! the second is read: in memory are some 40 bytes an image. [`compare`] says what differs between two records, [`pictures`]
//! between two files; what is gone and what is new may be the same under another name.

mod annotated;
mod boxes;
mod compare;
mod compared;
mod input;
mod options;
mod page;
mod pictures;
mod record;
mod run;
mod stats;
mod store;

pub use compared::Compared;
pub use options::Options;

use crate::error::Error;
use input::Input;
use run::Run;

/// Compares two digests, sets, folders or datasets.
///
/// # Errors
/// One cannot be read, they are of different kinds or formats, or a list cannot be written.
pub fn diff(options: &Options) -> Result<Compared, Error> {
    let (a, b) = (Input::open(&options.a)?, Input::open(&options.b)?);
    if a.kind() != b.kind() {
        let what = format!(
            "{} is {}, {} is {}: only two of the same kind can be compared",
            options.a.display(),
            a.kind().name(),
            options.b.display(),
            b.kind().name()
        );
        return Err(Error::usage(what));
    }
    if let (Input::Dataset(_, old), Input::Dataset(_, new)) = (&a, &b)
        && !old
            .format
            .split(',')
            .any(|format| new.format.split(',').any(|other| other == format))
    {
        // What one format says and another cannot would be taken for a difference.
        let what = format!(
            "{} is in {}, {} is in {}: only training sets of one format can be compared",
            options.a.display(),
            old.format,
            options.b.display(),
            new.format
        );
        return Err(Error::usage(what).hint("the localizations that they were made from can be"));
    }
    Run::new(options, &a, &b).run()
}
