//! `image_map.json` for a program that looks up each of its images once: of a million entries it holds a number for each id, and
//! the paths.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};

use super::image_map::read_image_map;
use crate::error::Error;
use crate::texts::Texts;
use crate::{files, values};

/// The file of each image, found by its id.
#[derive(Debug, Default)]
pub struct ImageFiles {
    /// Numbers made of the ids, ascending.
    ids: Vec<u64>,
    /// The file of each.
    files: Texts,
    /// Numbers made of ids that are UUIDs, in lower case where they are not: m3-download keeps the case of its source.
    lower: Vec<(u64, u32)>,
    /// Of several entries with one file: each → the first.
    shared: HashMap<u32, u32>,
}

/// Bytes of the file that are parsed at a time.
const BLOCK: u64 = 1 << 20;

impl ImageFiles {
    /// Reads an `image_map.json`. `name` gives another name for a file where it has one.
    ///
    /// # Errors
    /// The file cannot be read, or is not a JSON object of texts.
    pub fn open(path: &Path, name: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let mut reading = Reading::default();
        let mut add = |id: &str, file: &str| match name(file) {
            Some(other) => reading.add(id, &other),
            None => reading.add(id, file),
        };
        if each_pair(path, &mut add).is_none() {
            let map = read_image_map(path)?;
            reading = Reading::default();
            for (id, file) in &map {
                reading.add(id, name(file).as_deref().unwrap_or(file));
            }
        }
        Ok(reading.finish())
    }

    /// The number of the entry of an image.
    pub fn find(&self, id: &str) -> Option<u32> {
        let number = files::hash_number(id.as_bytes());
        if let Ok(at) = self.ids.binary_search(&number) {
            return Some(at as u32);
        }
        let at = self.lower.binary_search_by_key(&number, |(id, _)| *id);
        Some(self.lower[at.ok()?].1)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The file of an entry.
    pub fn file(&self, entry: u32) -> &str {
        self.files.get(entry)
    }

    /// The first entry with the same file, if there are several.
    pub fn shared(&self, entry: u32) -> Option<u32> {
        self.shared.get(&entry).copied()
    }

    /// The numbers made of the ids of all entries, and their files.
    pub fn into_parts(self) -> (Vec<u64>, Texts) {
        (self.ids, self.files)
    }
}

#[derive(Default)]
struct Reading {
    /// Numbers made of ids, each with its place in `files`.
    ids: Vec<(u64, u32)>,
    lower: Vec<(u64, u32)>,
    files: Texts,
}

impl Reading {
    fn add(&mut self, id: &str, file: &str) {
        let place = self.files.push(file);
        self.ids.push((files::hash_number(id.as_bytes()), place));
        // No longer text is a UUID in a form that is usual.
        let lower = (id.len() < 64).then(|| values::uuid(id)).flatten();
        if let Some(lower) = lower.filter(|lower| lower != id) {
            self.lower
                .push((files::hash_number(lower.as_bytes()), place));
        }
    }

    fn finish(mut self) -> ImageFiles {
        // Of several entries of one id the last holds, as in any JSON object.
        self.ids
            .sort_unstable_by_key(|(id, place)| (*id, std::cmp::Reverse(*place)));
        self.ids.dedup_by_key(|(id, _)| *id);
        self.lower.sort_unstable();
        self.lower.dedup_by_key(|(id, _)| *id);
        if !self.lower.is_empty() {
            let entries: HashMap<u32, u32> =
                self.ids.iter().map(|(_, place)| *place).zip(0..).collect();
            let entry = |(id, place)| Some((id, *entries.get(&place)?));
            self.lower = self.lower.into_iter().filter_map(entry).collect();
        }
        let files = self
            .files
            .in_order(self.ids.iter().map(|(_, place)| *place));
        ImageFiles {
            shared: shared(&files),
            ids: self.ids.into_iter().map(|(id, _)| id).collect(),
            lower: self.lower,
            files,
        }
    }
}

/// Entries whose file others have too, and the first of these.
fn shared(files: &Texts) -> HashMap<u32, u32> {
    let number = |entry: u32| {
        let mut hasher = DefaultHasher::new();
        files.get(entry).hash(&mut hasher);
        (hasher.finish(), entry)
    };
    let mut numbers: Vec<(u64, u32)> = (0..files.len() as u32).map(number).collect();
    numbers.sort_unstable();
    let mut shared = HashMap::new();
    for same in numbers
        .chunk_by(|a, b| a.0 == b.0)
        .filter(|same| same.len() > 1)
    {
        for (at, (_, entry)) in same.iter().enumerate() {
            let earlier = same[..at].iter().map(|(_, entry)| *entry);
            let mut earlier = earlier.filter(|first| files.get(*first) == files.get(*entry));
            if let Some(first) = earlier.next() {
                shared.extend([(first, first), (*entry, first)]);
            }
        }
    }
    shared
}

/// Calls `visit` with each id and file of an object of texts, some at a time. None if it cannot be read so, or is none.
fn each_pair(path: &Path, visit: &mut dyn FnMut(&str, &str)) -> Option<()> {
    let mut file = File::open(path).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let (mut bytes, mut is_first) = (Vec::new(), true);
    loop {
        let before = bytes.len();
        file.by_ref().take(BLOCK).read_to_end(&mut bytes).ok()?;
        let is_end = bytes.len() == before;
        // Line ends within texts are escaped: a comma at the end of a line is between entries.
        let whole = match is_end {
            true => Some(bytes.len()),
            false => memchr::memmem::rfind(&bytes, b",\n"),
        };
        let Some(whole) = whole else { continue };
        let object = [
            if is_first { &b""[..] } else { b"{" },
            &bytes[..whole],
            if is_end { b"" } else { b"}" },
        ];
        let object = object.concat();
        let mut reader = serde_json::Deserializer::from_slice(&object);
        let n = serde::Deserializer::deserialize_map(&mut reader, Pairs(visit)).ok()?;
        reader.end().ok()?;
        // Beside a comma there is an entry.
        if n == 0 && !(is_first && is_end) {
            return None;
        }
        if is_end {
            return Some(());
        }
        bytes.drain(..whole + 1);
        is_first = false;
    }
}

struct Pairs<'a>(&'a mut dyn FnMut(&str, &str));

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Visitor<'de> for Pairs<'_> {
    /// How many there were.
    type Value = usize;

    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<usize, A::Error> {
        let mut n = 0;
        while let Some((Text(id), Text(file))) = map.next_entry()? {
            self.0(&id, &file);
            n += 1;
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn opened(text: &str) -> Result<ImageFiles, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image_map.json");
        std::fs::write(&path, text).unwrap();
        ImageFiles::open(&path, |file| file.strip_prefix("/abs/").map(str::to_owned))
    }

    #[test]
    fn files_are_found_by_id() {
        const UUID: &str = "AAAAAAAA-0000-4000-8000-00000000000B";
        let text = format!(
            "{{\"a\": \"images/a.jpg\",\n\"b\\n\": \"/abs/b.jpg\",\"c\":\"images/a.jpg\",\n  \"{UUID}\": \"u.jpg\", \"a\": \"b\"}}\n"
        );
        let files = opened(&text).unwrap();
        let file = |id: &str| Some(files.file(files.find(id)?));
        let cases = [
            ("a", Some("b")),
            ("b\n", Some("b.jpg")),
            ("c", Some("images/a.jpg")),
            (UUID, Some("u.jpg")),
            ("aaaaaaaa-0000-4000-8000-00000000000b", Some("u.jpg")),
            ("d", None),
        ];
        for (id, wanted) in cases {
            assert_eq!(file(id), wanted, "{id}");
        }
        assert!(files.shared.is_empty());
    }

    #[test]
    fn a_file_under_two_ids_is_known() {
        let files = opened("{\"a\": \"x\", \"b\": \"y\",\n\"c\": \"x\"}").unwrap();
        let entry = |id: &str| files.find(id).unwrap();
        let first = entry("a").min(entry("c"));
        for (id, wanted) in [("a", Some(first)), ("c", Some(first)), ("b", None)] {
            assert_eq!(files.shared(entry(id)), wanted);
        }
    }

    #[test]
    fn long_maps_are_read_in_pieces_and_mistakes_named() {
        let pairs: BTreeMap<String, String> = (0..30_000)
            .map(|n| {
                (
                    format!("https://archive.example/{n},\"\u{e9}"),
                    format!("images/{n}.jpg"),
                )
            })
            .collect();
        let text = serde_json::to_string_pretty(&pairs).unwrap();
        assert!(text.len() as u64 > BLOCK);
        let files = opened(&text).unwrap();
        assert_eq!(files.len(), pairs.len());
        for (id, file) in &pairs {
            assert_eq!(files.file(files.find(id).unwrap()), file);
        }
        let wrong = [
            text.replacen("\n}", ",\n}", 1),
            text.replacen("\"images/7.jpg\"", "7", 1),
            text.clone() + "{}",
            text[..text.len() - 3].to_owned(),
            text.replacen(",\n", ",,\n", 1),
            "[]".into(),
            "{\"a\": \"b\",\n}".into(),
        ];
        for wrong in wrong {
            let error = opened(&wrong).unwrap_err().to_string();
            assert!(error.contains("image_map.json:"), "{error}");
        }
        assert!(opened("{}").unwrap().is_empty());
    }
}
