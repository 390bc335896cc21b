//! Reads the elements of the long list of a contract one by one: of a file with a million images a program then holds only what
//! it makes of each, and one block of the file.

use std::ops::Range;

use super::nesting::Nesting;
use super::set_input::{SetFile, envelope, is_of_another, promised};

/// Bytes of a file that are read at a time.
const BLOCK: usize = 4 << 20;

/// How many lines are looked at to see whether they are of the contract of the head.
const LOOKED_AT: u64 = 64;

/// An element: where it begins in the file, and its bytes.
pub type Element<'a> = (u64, &'a [u8]);

/// Calls `visit` with the elements of the list `list` of a JSON object, those of a block of the file at a time and in their order.
/// Returns the object without them, with an empty list. Of JSON Lines the elements are the lines after the head.
///
/// None if the file is not an object with such a list of objects, down to its last byte, or if `visit` returns none.
pub fn each_element(
    set: &SetFile,
    list: &str,
    mut visit: impl FnMut(Vec<Element>) -> Option<()>,
) -> Option<Vec<u8>> {
    if set.is_lines {
        return each_line(set, list, visit);
    }
    let (mut splitter, mut bytes) = (Splitter::of(list), Vec::new());
    let (mut envelope, mut offset) = (Vec::new(), 0);
    loop {
        let before = bytes.len();
        set.read(offset + before as u64, BLOCK, &mut bytes).ok()?;
        if bytes.len() == before {
            break;
        }
        let elements = splitter.elements(&bytes, &mut envelope)?;
        let place = |range: Range<usize>| (offset + range.start as u64, &bytes[range]);
        visit(elements.into_iter().map(place).collect())?;
        let done = splitter.forget();
        bytes.drain(..done);
        offset += done as u64;
    }
    (splitter.state == State::After).then_some(envelope)
}

fn each_line(
    set: &SetFile,
    list: &str,
    mut visit: impl FnMut(Vec<Element>) -> Option<()>,
) -> Option<Vec<u8>> {
    let (mut bytes, mut offset, mut head, mut count) = (Vec::new(), 0, None, 0);
    loop {
        let before = bytes.len();
        set.read(offset + before as u64, BLOCK, &mut bytes).ok()?;
        let is_end = bytes.len() == before;
        let whole = match is_end {
            true => bytes.len(),
            false => memchr::memrchr(b'\n', &bytes).map_or(0, |at| at + 1),
        };
        let (mut lines, mut start) = (Vec::new(), 0);
        while start < whole {
            let rest = &bytes[start..whole];
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let line = rest[..end].trim_ascii();
            match head {
                None => head = Some(line.to_vec()),
                Some(_) if line.is_empty() => {}
                Some(_) if line[0] != b'{' => return None,
                Some(_) => lines.push((offset + start as u64, &rest[..end])),
            }
            start += end + 1;
        }
        let first = LOOKED_AT.saturating_sub(count) as usize;
        let mut first = lines.iter().take(first);
        if first.any(|(_, line)| is_of_another(line, list)) {
            return None;
        }
        count += lines.len() as u64;
        visit(lines)?;
        bytes.drain(..whole);
        offset += whole as u64;
        if is_end {
            break;
        }
    }
    let head = head?;
    (promised(&head) == Some(count)).then(|| envelope(&head, list))?
}

/// Finds the elements of a list in a JSON object that arrives in blocks.
#[derive(Default)]
pub struct Splitter<'a> {
    /// The member that is the list.
    list: &'a str,
    state: State,
    nesting: Nesting,
    /// Where the open element begins in the buffer.
    element: Option<usize>,
    /// Where to continue in the buffer.
    at: usize,
    /// Commas since the last element.
    commas: u32,
    is_first: bool,
}

/// How many objects and lists are open around an element: the object, and its list.
const AROUND: u32 = 2;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Before,
    Within,
    After,
}

impl<'a> Splitter<'a> {
    /// Of the member that is this list.
    pub fn of(list: &'a str) -> Self {
        Splitter {
            list,
            ..Splitter::default()
        }
    }

    /// The elements that end in the new bytes; none if it is not a list of objects.
    pub fn elements(&mut self, bytes: &[u8], envelope: &mut Vec<u8>) -> Option<Vec<Range<usize>>> {
        let mut elements = Vec::new();
        while self.at < bytes.len() {
            if let Some(from) = self.element {
                let end = self.nesting.leave(&bytes[self.at..], AROUND);
                self.at = end.map_or(bytes.len(), |end| self.at + end);
                if end.is_some() {
                    elements.push(from..self.at);
                    self.element = None;
                }
                continue;
            }
            let byte = bytes[self.at];
            self.at += 1;
            if self.state != State::Within {
                envelope.push(byte);
            }
            if self.nesting.in_text {
                self.within_text(byte);
                continue;
            }
            match byte {
                b'"' if self.is_between() => return None,
                b'"' => self.nesting.in_text = true,
                b'{' | b'[' => self.open(byte, envelope)?,
                b'}' | b']' => self.close(byte, envelope)?,
                b',' if self.is_between() => self.commas += 1,
                _ if self.is_between() && !byte.is_ascii_whitespace() => return None,
                _ => {}
            }
        }
        Some(elements)
    }

    fn is_between(&self) -> bool {
        self.state == State::Within && self.nesting.depth == AROUND
    }

    fn within_text(&mut self, byte: u8) {
        match byte {
            _ if self.nesting.is_escaped => self.nesting.is_escaped = false,
            b'\\' => self.nesting.is_escaped = true,
            b'"' => self.nesting.in_text = false,
            _ => {}
        }
    }

    fn open(&mut self, byte: u8, envelope: &[u8]) -> Option<()> {
        self.nesting.depth += 1;
        let depth = self.nesting.depth;
        if self.state == State::Before && depth == AROUND && ends_in_member(envelope, self.list) {
            (self.state, self.is_first) = (State::Within, true);
        } else if self.state == State::Within && depth == AROUND + 1 {
            let wanted = u32::from(!self.is_first);
            if byte != b'{' || self.commas != wanted {
                return None;
            }
            (self.element, self.commas, self.is_first) = (Some(self.at - 1), 0, false);
        }
        Some(())
    }

    fn close(&mut self, byte: u8, envelope: &mut Vec<u8>) -> Option<()> {
        self.nesting.depth = self.nesting.depth.checked_sub(1)?;
        if self.state == State::Within {
            if byte != b']' || self.commas != 0 {
                return None;
            }
            self.state = State::After;
            envelope.push(byte);
        }
        Some(())
    }

    /// How many bytes at the start of the buffer are no longer needed.
    pub fn forget(&mut self) -> usize {
        let done = self.element.unwrap_or(self.at);
        self.element = self.element.map(|from| from - done);
        self.at -= done;
        done
    }
}

/// Whether the list that opens at the end of these bytes is the value of this member.
fn ends_in_member(envelope: &[u8], member: &str) -> bool {
    let before = envelope.strip_suffix(b"[").unwrap_or_default();
    let before = before.trim_ascii_end().strip_suffix(b":");
    let name = format!("\"{member}\"");
    before.is_some_and(|before| before.trim_ascii_end().ends_with(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::{Localization, Localizations, LocalizedImage, Metadata, parse};
    use proptest::prelude::*;

    fn ids(text: &str) -> Option<Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, text).unwrap();
        let mut ids = Vec::new();
        let envelope = each_element(&SetFile::open(&path)?, "images", |elements| {
            let parse = |(_, bytes)| serde_json::from_slice::<LocalizedImage>(bytes);
            let images = elements.into_iter().map(parse);
            ids.extend(images.map(|image| image.unwrap().id));
            Some(())
        })?;
        let set = parse::<Localizations>(&envelope, "").ok()?;
        set.images.is_empty().then_some(ids)
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
            let (mut splitter, mut bytes, mut envelope) = (Splitter::of("images"), Vec::new(), Vec::new());
            let mut found = Vec::new();
            for block in text.chunks(cut) {
                bytes.extend_from_slice(block);
                for element in splitter.elements(&bytes, &mut envelope).unwrap() {
                    let image: LocalizedImage = serde_json::from_slice(&bytes[element]).unwrap();
                    found.push(image.id);
                }
                bytes.drain(..splitter.forget());
            }
            prop_assert_eq!(found, ids);
            prop_assert_eq!(splitter.state, State::After);
        }
    }
}
