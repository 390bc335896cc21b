//! Reads the images of a `localizations.json` one by one, without their boxes. Of a file with a million images a program
//! then holds only what it makes of each, and one block of the file.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use rayon::prelude::*;
use serde::Deserialize;

use super::envelope::{parse, read};
use super::geometry::Frame;
use super::image_ref::{ImageRef, Provenance};
use super::localizations::{Localizations, LocalizedImage};
use crate::error::Error;
use crate::files;
use crate::summary::Reject;

/// An image without its boxes and metadata, which are skipped while parsing.
#[derive(Deserialize)]
struct Unboxed {
    id: String,
    image: ImageRef,
    source: Provenance,
    group: String,
    #[serde(default)]
    frame: Option<Frame>,
}

impl From<Unboxed> for LocalizedImage {
    fn from(image: Unboxed) -> Self {
        LocalizedImage {
            id: image.id,
            image: image.image,
            source: image.source,
            group: image.group,
            frame: image.frame,
            ..LocalizedImage::default()
        }
    }
}

/// Bytes of a file that are read at a time.
pub(super) const BLOCK: usize = 8 << 20;

/// Calls `make` for each image and returns the results in the order of the file, with the records of a file by
/// m3-download that cannot be used.
///
/// The fast way reads only files that are a valid `localizations.json` down to the last byte. Anything else is read
/// again by [`read`], which can report what is wrong.
///
/// # Errors
/// The file cannot be read or is not a `localizations.json`.
pub fn each_image<T: Send>(
    path: &Path,
    make: impl Fn(LocalizedImage) -> T + Sync,
) -> Result<(Vec<T>, Vec<Reject>), Error> {
    if !files::is_dash(path)
        && let Some(made) = streamed(path, &make)
    {
        return Ok((made, Vec::new()));
    }
    let localizations: Localizations = read(path)?;
    let made = localizations.images.into_par_iter().map(&make).collect();
    Ok((made, localizations.rejects))
}

/// The results for all images; none if the file is not a valid `localizations.json`.
fn streamed<T: Send>(path: &Path, make: &(impl Fn(LocalizedImage) -> T + Sync)) -> Option<Vec<T>> {
    let mut file = File::open(path).ok()?;
    let (mut splitter, mut bytes, mut made) = (Splitter::default(), Vec::new(), Vec::new());
    // The file without the images: a contract with an empty list.
    let mut envelope = Vec::new();
    loop {
        let before = bytes.len();
        (&mut file)
            .take(BLOCK as u64)
            .read_to_end(&mut bytes)
            .ok()?;
        if bytes.len() == before {
            break;
        }
        let elements = splitter.elements(&bytes, &mut envelope)?;
        let parsed: Option<Vec<T>> = elements
            .into_par_iter()
            .map(|element| {
                let image: Unboxed = serde_json::from_slice(&bytes[element]).ok()?;
                Some(make(image.into()))
            })
            .collect();
        made.extend(parsed?);
        bytes.drain(..splitter.forget());
    }
    let is_whole = splitter.state == State::After;
    let envelope = is_whole.then(|| parse::<Localizations>(&envelope, ""))?;
    envelope
        .is_ok_and(|set| set.images.is_empty())
        .then_some(made)
}

/// Finds the elements of the list `images` in a JSON object that arrives in blocks.
#[derive(Default)]
pub(super) struct Splitter {
    pub(super) state: State,
    /// How many objects and lists are open.
    depth: u32,
    in_string: bool,
    is_escaped: bool,
    /// Where the open element begins in the buffer.
    element: Option<usize>,
    /// Where to continue in the buffer.
    at: usize,
    /// Commas since the last element.
    commas: u32,
    is_first: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    #[default]
    Before,
    Within,
    After,
}

impl Splitter {
    /// The elements that end in the new bytes; none if `images` is not a list of objects.
    pub(super) fn elements(
        &mut self,
        bytes: &[u8],
        envelope: &mut Vec<u8>,
    ) -> Option<Vec<Range<usize>>> {
        let mut elements = Vec::new();
        while self.at < bytes.len() {
            if self.in_string && !self.is_escaped && self.element.is_some() {
                // Most of a file is text inside elements: skip it quickly.
                let rest = memchr::memchr2(b'"', b'\\', &bytes[self.at..]);
                self.at += rest.unwrap_or(bytes.len() - self.at);
            }
            let Some(&byte) = bytes.get(self.at) else {
                break;
            };
            self.at += 1;
            if self.element.is_none() && self.state != State::Within {
                envelope.push(byte);
            }
            if self.in_string {
                self.within_string(byte);
                continue;
            }
            match byte {
                b'"' if self.is_between() => return None,
                b'"' => self.in_string = true,
                b'{' | b'[' => self.open(byte, envelope)?,
                b'}' | b']' => elements.extend(self.close(byte, envelope)?),
                b',' if self.is_between() => self.commas += 1,
                _ if self.is_between() && !byte.is_ascii_whitespace() => return None,
                _ => {}
            }
        }
        Some(elements)
    }

    fn is_between(&self) -> bool {
        self.state == State::Within && self.depth == 2
    }

    fn within_string(&mut self, byte: u8) {
        match byte {
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' => self.is_escaped = true,
            b'"' => self.in_string = false,
            _ => {}
        }
    }

    fn open(&mut self, byte: u8, envelope: &[u8]) -> Option<()> {
        self.depth += 1;
        if self.state == State::Before && self.depth == 2 && is_images(envelope) {
            (self.state, self.is_first) = (State::Within, true);
        } else if self.state == State::Within && self.depth == 3 {
            let wanted = u32::from(!self.is_first);
            if byte != b'{' || self.commas != wanted {
                return None;
            }
            (self.element, self.commas, self.is_first) = (Some(self.at - 1), 0, false);
        }
        Some(())
    }

    fn close(&mut self, byte: u8, envelope: &mut Vec<u8>) -> Option<Option<Range<usize>>> {
        self.depth = self.depth.checked_sub(1)?;
        if self.state != State::Within {
            return Some(None);
        }
        match self.depth {
            1 if byte == b']' && self.commas == 0 => {
                self.state = State::After;
                envelope.push(byte);
                Some(None)
            }
            1 => None,
            2 => Some(self.element.take().map(|from| from..self.at)),
            _ => Some(None),
        }
    }

    /// How many bytes at the start of the buffer are no longer needed.
    pub(super) fn forget(&mut self) -> usize {
        let done = self.element.unwrap_or(self.at);
        self.element = self.element.map(|from| from - done);
        self.at -= done;
        done
    }
}

/// Whether the list that opens at the end of these bytes is the member `images`.
fn is_images(envelope: &[u8]) -> bool {
    let before = envelope.strip_suffix(b"[").unwrap_or_default();
    let before = before.trim_ascii_end().strip_suffix(b":");
    before.is_some_and(|before| before.trim_ascii_end().ends_with(b"\"images\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::{Localization, Metadata};
    use proptest::prelude::*;

    fn ids(text: &str) -> Option<Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, text).unwrap();
        streamed(&path, &|image: LocalizedImage| image.id)
    }

    const IMAGE: &str =
        r#"{"id": "a]}\"", "group": "g", "image": {"url": "u"}, "source": {"kind": "table"}}"#;

    #[test]
    fn only_valid_files_are_streamed() {
        let cases = [
            (
                r#"{"contract": "recto/localizations", "version": 1, "images": [#, #]}"#,
                Some(2),
            ),
            (
                r#"{"images" : [ # ] , "version": 1, "contract": "recto/localizations"} "#,
                Some(1),
            ),
            (
                r#"{"contract": "recto/localizations", "version": 1, "images": []}"#,
                Some(0),
            ),
            (
                r#"{"contract": "recto/localizations", "version": 1, "images": [#,]}"#,
                None,
            ),
            (
                r#"{"contract": "recto/localizations", "version": 1, "images": [# #]}"#,
                None,
            ),
            (
                r#"{"contract": "recto/localizations", "version": 1, "images": [#, 1]}"#,
                None,
            ),
            (
                r#"{"contract": "recto/localizations", "version": 1, "images": [#, "x"]}"#,
                None,
            ),
            (
                r#"{"contract": "recto/localizations", "version": 1, "images": [[#]]}"#,
                None,
            ),
            (
                r#"{"contract": "recto/localizations", "version": 9, "images": [#]}"#,
                None,
            ),
            (
                r#"{"contract": "recto/digest", "version": 1, "images": [#]}"#,
                None,
            ),
            (
                r#"{"contract": "recto/localizations", "version": 1, "images": [#]"#,
                None,
            ),
            (
                r#"{"contract": "recto/localizations", "version": 1, "images": [#]}}"#,
                None,
            ),
            (
                r#"{"contract": "recto/localizations", "version": 1, "images": [#"#,
                None,
            ),
            (
                r#"{"version": 1, "x": {"images": [#]}, "contract": "recto/localizations"}"#,
                None,
            ),
            ("[#]", None),
            ("", None),
        ];
        for (text, wanted) in cases {
            let found = ids(&text.replace('#', IMAGE));
            assert_eq!(found.as_ref().map(Vec::len), wanted, "{text}");
            assert!(found.unwrap_or_default().iter().all(|id| id == "a]}\""));
        }
    }

    proptest! {
        #[test]
        fn every_image_is_found_wherever_blocks_end(
            ids in prop::collection::vec("[\\PC\"\\\\{}\\[\\],]{0,8}", 0..8),
            cut in 1usize..40,
        ) {
            let image = |id: &String| LocalizedImage {
                id: id.clone(),
                metadata: Metadata::from([(id.clone(), vec![id.clone()])]),
                localizations: vec![Localization {
                    id: id.clone(),
                    concept: id.clone(),
                    bbox: crate::contracts::BBox { x: 1.0, y: 2.0, width: 3.0, height: 4.0 },
                    polygon: None,
                    holes: Vec::new(),
                    attributes: Default::default(),
                }],
                ..LocalizedImage::default()
            };
            let set = Localizations::new(ids.iter().map(image).collect());
            let text = serde_json::to_vec(&set).unwrap();
            let (mut splitter, mut bytes, mut envelope) = (Splitter::default(), Vec::new(), Vec::new());
            let mut found = Vec::new();
            for block in text.chunks(cut) {
                bytes.extend_from_slice(block);
                for element in splitter.elements(&bytes, &mut envelope).unwrap() {
                    let image: Unboxed = serde_json::from_slice(&bytes[element]).unwrap();
                    found.push(image.id);
                }
                bytes.drain(..splitter.forget());
            }
            prop_assert_eq!(found, ids);
            prop_assert_eq!(splitter.state, State::After);
        }
    }
}
