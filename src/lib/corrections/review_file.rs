//! Files of reviews, a line per correction.

use std::path::PathBuf;

use super::correction::{Correction, STATE};
use crate::contracts::{Localization, LocalizedImage, Review};
use crate::error::Error;
use crate::files;
use crate::summary::Reject;

/// A correction and where it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct LocatedCorrection {
    /// The file that holds it.
    pub input: String,
    /// Its place in the file: `line 3`.
    pub record: String,
    /// The correction.
    pub correction: Correction,
}

impl LocatedCorrection {
    /// The reject for a correction that cannot be applied.
    pub fn reject(&self, why: &str) -> Reject {
        reject(&self.input, &self.record, why)
    }
}

fn reject(input: &str, record: &str, why: &str) -> Reject {
    let problem = format!("correction cannot be applied: {why}");
    Reject::new(input, record, "review", problem)
}

/// Reads files of reviews, one after the other: their corrections, and the lines that cannot be used.
///
/// # Errors
/// A file cannot be read.
pub fn read_files(paths: &[PathBuf]) -> Result<(Vec<LocatedCorrection>, Vec<Reject>), Error> {
    let (mut given, mut unusable) = (Vec::new(), Vec::new());
    for path in paths {
        let (more, rejects) = read(&path.display().to_string(), &files::read(path)?);
        given.extend(more);
        unusable.extend(rejects);
    }
    Ok((given, unusable))
}

/// Parses a file of reviews: its corrections in order, and the lines that cannot be used. `input` is what rejects call
/// the file.
pub fn read(input: &str, bytes: &[u8]) -> (Vec<LocatedCorrection>, Vec<Reject>) {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let lines = bytes.split(|b| *b == b'\n').enumerate();
    let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    locate(
        input,
        lines.map(|(at, line)| (format!("line {}", at + 1), read_line(line))),
    )
}

/// The corrections that a digest holds, and those that cannot be used. `input` is what rejects call the digest.
pub fn from_digest(input: &str, reviews: &[Review]) -> (Vec<LocatedCorrection>, Vec<Reject>) {
    let reviews = reviews.iter().enumerate();
    locate(
        input,
        reviews.map(|(at, review)| (format!("reviews[{at}]"), Correction::try_from(review))),
    )
}

fn locate(
    input: &str,
    read: impl Iterator<Item = (String, Result<Correction, String>)>,
) -> (Vec<LocatedCorrection>, Vec<Reject>) {
    let (mut corrections, mut rejects) = (Vec::new(), Vec::new());
    for (record, read) in read {
        match read {
            Ok(correction) => corrections.push(LocatedCorrection {
                input: input.to_owned(),
                record,
                correction,
            }),
            Err(why) => rejects.push(reject(input, &record, &why)),
        }
    }
    (corrections, rejects)
}

/// Parses a line of a file of reviews.
///
/// # Errors
/// The line is not JSON, not a review, or its box cannot be read.
pub fn read_line(line: &[u8]) -> Result<Correction, String> {
    let review: Review = serde_json::from_slice(line).map_err(|e| match e.classify() {
        serde_json::error::Category::Data => format!("not a review: {e}"),
        _ => format!("not JSON: {e}"),
    })?;
    Correction::try_from(&review)
}

/// An id for a new box that is unique over all files: the number of the line, and a hash of what was drawn, by whom and
/// when.
pub fn new_id(correction: &Correction, number: usize) -> String {
    const DIGITS: usize = 8;
    let hash = files::hex_digest(line(correction).as_bytes(), DIGITS);
    format!("review-{number}-{hash}")
}

/// What tells one state of a box from every other: corrections carry it, so that nobody overwrites what they have not seen.
pub fn revision(held: &Localization) -> String {
    const DIGITS: usize = 12;
    let text = serde_json::to_vec(held).expect("texts and numbers are JSON");
    files::hex_digest(&text, DIGITS)
}

/// What tells what is said of an image as a whole, and by whom, from everything else that was said of it.
pub fn state_revision(image: &LocalizedImage) -> String {
    const DIGITS: usize = 12;
    let said = STATE.map(|key| image.metadata.get(key));
    let text = serde_json::to_vec(&said).expect("texts are JSON");
    files::hex_digest(&text, DIGITS)
}

/// The line that holds a correction, with its line end.
pub fn line(correction: &Correction) -> String {
    let line = serde_json::to_string(&Review::from(correction));
    line.expect("texts and numbers are JSON") + "\n"
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::correction::tests::*;
    use super::super::correction::{Change, ImageChange, ReviewState};
    use super::*;

    #[test]
    fn lines_are_read_as_they_were_written() {
        let outline = vec![[1.0, 2.5], [4.0, 2.5], [4.0, 6.5]];
        let mut described = drawn(None);
        described.attributes = [("text".into(), "a".into()), ("note".into(), Value::Null)].into();
        let states = [None].into_iter().chain(ReviewState::ALL.map(Some));
        let states = states.map(|state| Change::OfImage(ImageChange::State(state)));
        let changes = [
            Change::Create(drawn(Some(outline))),
            Change::Update(drawn(None)),
            Change::Update(described),
            Change::Delete,
            Change::Accept,
            Change::Withdraw,
            Change::OfImage(ImageChange::AddLabel("torn".into())),
            Change::OfImage(ImageChange::RemoveLabel("torn".into())),
        ];
        for change in changes.into_iter().chain(states) {
            let written = correction("l1", change);
            let (read, rejects) = read("f", line(&written).as_bytes());
            assert!(rejects.is_empty(), "{rejects:?}");
            assert_eq!(read[0].correction, written);
            assert_eq!((&*read[0].input, &*read[0].record), ("f", "line 1"));
        }
    }

    #[test]
    fn every_line_is_read_or_rejected() {
        let good = line(&correction("l1", Change::Delete));
        let cases: [(&[u8], &str); 6] = [
            (b"{", "not JSON"),
            (b"{}", "not a review: missing field `type`"),
            (b"[1]", "not a review"),
            (b"\xff", "not JSON"),
            (
                br#"{"type": "Create", "endTime": "t", "target": "a", "object": {"id": "l"}}"#,
                "the tag is missing",
            ),
            (
                br#"{"type": "Update", "endTime": "t", "target": "a", "object": {"id": "l", "body": [{"value": "b"}],
                    "target": {"source": "a", "selector": {"type": "FragmentSelector", "value": "xywh=1,2,0,0"}}}}"#,
                "the selector cannot be read",
            ),
        ];
        for (bad, says) in cases {
            let bad: Vec<u8> = bad.iter().copied().filter(|b| *b != b'\n').collect();
            let file = [b"\xef\xbb\xbf\r\n", &*bad, b"\n", good.as_bytes()].concat();
            let (read, rejects) = read("f", &file);
            assert_eq!((read.len(), rejects.len()), (1, 1), "{says}");
            assert_eq!(
                (&*rejects[0].record, &*read[0].record),
                ("line 2", "line 3")
            );
            assert!(rejects[0].problem.contains(says), "{}", rejects[0].problem);
        }
    }
}
