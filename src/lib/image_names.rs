//! Names of images. File names as people and tools write them, and an index that finds what a name belongs to: by its last
//! parts, in any case, with or without the suffix of an image. Ids and URLs as documents spell them, and the same for these.
//! Pure.

use std::collections::{BTreeSet, HashMap};

use percent_encoding::percent_decode_str;
use unicode_normalization::UnicodeNormalization;

/// The suffixes by which a name is known to be that of an image file.
const SUFFIXES: [&str; 20] = [
    "avif", "bmp", "cr2", "dng", "gif", "heic", "j2c", "j2k", "jfif", "jp2", "jpe", "jpeg", "jpf",
    "jpg", "jpx", "png", "svg", "tif", "tiff", "webp",
];

/// What a name was found to belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameMatch<T> {
    /// Nothing has this name.
    None,
    /// One thing has it, and so many of its last parts are the same.
    One(T, usize),
    /// Several things have it alike.
    Many(Vec<T>),
}

/// An index of things by their file names. A thing may have several names.
#[derive(Debug)]
pub struct FileIndex<T> {
    names: Vec<(Path, T)>,
    /// Last part of a name, folded → names.
    by_file: HashMap<String, Vec<usize>>,
    /// The same without the suffix of an image.
    by_stem: HashMap<String, Vec<usize>>,
}

/// A path for comparing.
#[derive(Debug)]
struct Path {
    /// Its parts as they are written.
    exact: Vec<String>,
    /// Its parts in lower case, the last without the suffix of an image.
    folded: Vec<String>,
}

impl Path {
    /// The path, and its last part in lower case; none without parts.
    fn of(name: &str) -> Option<(Self, String)> {
        let exact = parts(name);
        let mut folded: Vec<String> = exact.iter().map(|part| part.to_lowercase()).collect();
        let last = folded.pop()?;
        folded.push(stem(&last).to_owned());
        Some((Path { exact, folded }, last))
    }

    /// How many of the last parts of two paths are the same in any case, and how many exactly.
    fn agreement(&self, other: &Path) -> (usize, usize) {
        let same = |a: &[String], b: &[String]| {
            let pairs = a.iter().rev().zip(b.iter().rev());
            pairs.take_while(|(a, b)| a == b).count()
        };
        let exactly = same(&self.exact, &other.exact);
        (same(&self.folded, &other.folded), exactly)
    }
}

impl<T> Default for FileIndex<T> {
    fn default() -> Self {
        FileIndex {
            names: Vec::new(),
            by_file: HashMap::new(),
            by_stem: HashMap::new(),
        }
    }
}

impl<T: Clone + Ord> FileIndex<T> {
    /// Whether it holds no name.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Adds a name of a thing: a file name, a path or a URL.
    pub fn add(&mut self, name: &str, thing: T) {
        let Some((path, last)) = Path::of(name) else {
            return;
        };
        let number = self.names.len();
        let stem = stem(&last).to_owned();
        self.by_file.entry(last).or_default().push(number);
        self.by_stem.entry(stem).or_default().push(number);
        self.names.push((path, thing));
    }

    /// What a name belongs to: of several files with this name the one whose folders agree furthest. A name may be the end of
    /// a URL: where it is not found as it is, what is escaped in it is read.
    pub fn find(&self, name: &str) -> NameMatch<T> {
        let found = self.find_spelled(name);
        let is_found = matches!(found, NameMatch::One(..));
        if is_found || !name.contains('%') || name.contains("://") {
            return found;
        }
        let plain = percent_decode_str(name).decode_utf8();
        let plain = plain.ok().filter(|plain| *plain != name);
        match plain.map(|plain| self.find_spelled(&plain)) {
            None | Some(NameMatch::None) => found,
            Some(plain) => plain,
        }
    }

    fn find_spelled(&self, name: &str) -> NameMatch<T> {
        let Some((wanted, last)) = Path::of(name) else {
            return NameMatch::None;
        };
        let of_file = self.by_file.get(&last);
        let numbers = of_file.or_else(|| self.by_stem.get(stem(&last)));
        let mut best: BTreeSet<T> = BTreeSet::new();
        let mut most = (0, 0);
        for (path, thing) in numbers.into_iter().flatten().map(|n| &self.names[*n]) {
            let agreement = path.agreement(&wanted);
            if agreement > most {
                (most, best) = (agreement, BTreeSet::new());
            }
            if agreement == most {
                best.insert(thing.clone());
            }
        }
        match best.len() {
            0 => NameMatch::None,
            1 => best
                .pop_first()
                .map_or(NameMatch::None, |thing| NameMatch::One(thing, most.0)),
            _ => NameMatch::Many(best.into_iter().collect()),
        }
    }
}

/// The parts of a path: separated by `/` or `\`, without drive, `.` and `..`. Of a URL those of its path,
/// percent-decoded; of `…?d=PATH`, as local files have it in Label Studio, those of PATH.
pub fn parts(name: &str) -> Vec<String> {
    let name = name.trim();
    let is_url = name.contains("://");
    let (name, is_encoded) = match name.split_once("?d=") {
        Some((_, path)) => (path.split('&').next().unwrap_or(path), true),
        None if is_url => {
            let path = name.split_once("://").map_or(name, |(_, rest)| rest);
            let path = path.split_once('/').map_or("", |(_, path)| path);
            (path.split(['?', '#']).next().unwrap_or(path), true)
        }
        None => (name, false),
    };
    let decoded = match is_encoded {
        true => percent_decode_str(name).decode_utf8_lossy().into_owned(),
        false => name.to_owned(),
    };
    let parts = decoded.split(['/', '\\']).map(str::trim);
    let is_drive = |part: &str| part.len() == 2 && part.ends_with(':');
    let parts = parts.filter(|part| !part.is_empty() && *part != "." && *part != "..");
    parts
        .filter(|part| !is_drive(part))
        .map(|part| part.nfc().collect())
        .collect()
}

/// A name without the suffix of an image; any other dot belongs to the name.
pub fn stem(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, suffix)) if !stem.is_empty() && is_image_suffix(suffix) => stem,
        _ => name,
    }
}

/// Whether a name ends like that of an image file.
pub fn is_image(name: &str) -> bool {
    let is_url = name.contains("://");
    let path = name.split(['?', '#']).next().filter(|_| is_url);
    path.unwrap_or(name)
        .rsplit_once('.')
        .is_some_and(|(_, suffix)| is_image_suffix(suffix))
}

fn is_image_suffix(suffix: &str) -> bool {
    let suffix = suffix.to_ascii_lowercase();
    SUFFIXES.contains(&suffix.as_str())
}

/// Ids and URLs → numbers of observations. Documents spell one id in several ways: the nearest spelling that is known is meant.
#[derive(Debug, Default)]
pub struct IdIndex {
    exact: HashMap<String, Vec<usize>>,
    same: HashMap<String, Vec<usize>>,
    /// By spellings of other ids, from near to far: the ids that may be meant, as [`same`].
    alike: [HashMap<String, Vec<String>>; 3],
}

impl IdIndex {
    /// Adds an id of an observation.
    pub fn add(&mut self, name: &str, number: usize) {
        let named = self.exact.entry(name.to_owned()).or_default();
        if named.last() != Some(&number) {
            named.push(number);
            let same = same(name);
            for (spelt, ids) in alike(name).into_iter().zip(&mut self.alike) {
                let ids = ids.entry(spelt).or_default();
                if !ids.contains(&same) {
                    ids.push(same.clone());
                }
            }
            self.same.entry(same).or_default().push(number);
        }
    }

    /// The observations of an id in exactly this spelling.
    pub fn exactly(&self, name: &str) -> Option<&[usize]> {
        self.exact.get(name).map(Vec::as_slice)
    }

    /// The observations of an id.
    ///
    /// # Errors
    /// Several ids are spelt like it, and none of them is nearer.
    pub fn find(&self, name: &str) -> Result<Option<&[usize]>, String> {
        let found = self.exact.get(name).or_else(|| self.same.get(&same(name)));
        if let Some(found) = found {
            return Ok(Some(found));
        }
        let spelt = alike(name);
        let mut spelt = spelt.iter().zip(&self.alike);
        match spelt
            .find_map(|(spelt, ids)| ids.get(spelt))
            .map(Vec::as_slice)
        {
            Some([only]) => Ok(self.same.get(only).map(Vec::as_slice)),
            Some(several) => {
                let several = several.join(", ");
                Err(format!("id is spelt like several: {name}, {several}"))
            }
            None => Ok(None),
        }
    }
}

/// Ids of images of several digests, of which those are one that are only spelt differently.
#[derive(Debug, Default)]
pub struct Spellings<T> {
    /// By the furthest spelling.
    alike: HashMap<String, Vec<Spelling<T>>>,
}

/// An id as a digest spells it.
#[derive(Debug)]
struct Spelling<T> {
    id: T,
    digest: usize,
    /// Whether the digest is an archive's, and does not only name images.
    is_of_archive: bool,
}

impl<T: AsRef<str>> Spellings<T> {
    /// Adds an id of a digest.
    pub fn add(&mut self, id: T, digest: usize, is_of_archive: bool) {
        if after_scheme(id.as_ref()).is_none() {
            return;
        }
        let alike = self.alike.entry(far(id.as_ref())).or_default();
        let known = alike
            .iter_mut()
            .find(|known| known.digest == digest && known.id.as_ref() == id.as_ref());
        match known {
            Some(known) => known.is_of_archive |= is_of_archive,
            None => alike.push(Spelling {
                id,
                digest,
                is_of_archive,
            }),
        }
    }

    /// The id that stands for one and all that are spelt like it; none where it stands for itself. An archive that spells two ids
    /// alike has two images: then only the scheme and what RFC 3986 calls the same may differ, or nothing. The order of digests
    /// does not matter.
    pub fn one(&self, id: &str) -> Option<&str> {
        if self.alike.is_empty() {
            return None;
        }
        let all = self.alike.get(&far(id))?;
        let nearer = || {
            let near_id = near(id);
            let nearer = all
                .iter()
                .filter(|other| near(other.id.as_ref()) == near_id);
            nearer.collect()
        };
        let group = Some(all.iter().collect()).filter(|group| are_one(group));
        let group = group.or_else(|| Some(nearer()).filter(|group| are_one(group)))?;
        let rank = |spelling: &&&Spelling<T>| {
            let is_secure = matches!(after_scheme(spelling.id.as_ref()), Some((":443", _)));
            (!spelling.is_of_archive, !is_secure)
        };
        let best = group
            .iter()
            .min_by(|a, b| (rank(a), a.id.as_ref()).cmp(&(rank(b), b.id.as_ref())))?;
        Some(best.id.as_ref())
    }
}

/// Whether spellings may be of one image: no archive has two of them.
fn are_one<T>(spellings: &Vec<&Spelling<T>>) -> bool {
    let mut digests = BTreeSet::new();
    let mut of_archives = spellings.iter().filter(|spelling| spelling.is_of_archive);
    of_archives.all(|spelling| digests.insert(spelling.digest))
}

/// An id as all write it who mean the same by RFC 3986 (section 6.2.2).
fn same(id: &str) -> String {
    with_scheme(id, near(id))
}

/// An id in spellings that others may share, from near to far: whatever the scheme, without what is often written
/// differently, and without both.
fn alike(id: &str) -> [String; 3] {
    [near(id), with_scheme(id, far(id)), far(id)]
}

/// A spelling without scheme with that of the id.
fn with_scheme(id: &str, spelt: String) -> String {
    match after_scheme(id) {
        Some((":80", _)) => format!("http://{spelt}"),
        Some(_) => format!("https://{spelt}"),
        None => spelt,
    }
}

/// An id as all write it who mean the same by RFC 3986, whatever the scheme: host in lower case, no default port, only
/// those characters escaped that mean something else without (section 2.2), in capitals (6.2.2.1).
fn near(id: &str) -> String {
    let Some((port, rest)) = after_scheme(id) else {
        return id.trim().to_owned();
    };
    let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix(port).unwrap_or(&host);
    let mut written = Vec::with_capacity(path.len());
    let mut parts = path.trim_end_matches('#').split('%');
    written.extend(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        let hex = part
            .get(..2)
            .filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        let escaped = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escaped {
            Some(byte) if b":/?#[]@!$&'()*+,;=%".contains(&byte) => {
                written.extend(format!("%{byte:02X}").as_bytes());
            }
            Some(byte) => written.push(byte),
            None => written.push(b'%'),
        }
        let rest = if escaped.is_some() { &part[2..] } else { part };
        written.extend(rest.as_bytes());
    }
    format!("{host}{}", String::from_utf8_lossy(&written))
}

/// An id without all that is often written differently: as [`near`], nothing escaped, and no slash at its end.
pub fn far(id: &str) -> String {
    let near = near(id);
    if after_scheme(id).is_none() {
        return near;
    }
    let (path, fragment) = near.split_at(near.find('#').unwrap_or(near.len()));
    let path = percent_decode_str(path.trim_end_matches('/')).decode_utf8_lossy();
    format!("{path}{fragment}")
}

/// What follows the scheme of a web address, and the port that it stands for.
fn after_scheme(id: &str) -> Option<(&'static str, &str)> {
    match id.trim().split_once("://")? {
        (scheme, rest) if scheme.eq_ignore_ascii_case("http") => Some((":80", rest)),
        (scheme, rest) if scheme.eq_ignore_ascii_case("https") => Some((":443", rest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_apart_however_it_is_written() {
        let cases = [
            ("a.jpg", vec!["a.jpg"]),
            ("./images//a.jpg", vec!["images", "a.jpg"]),
            ("C:\\Users\\x\\a b.JPG", vec!["Users", "x", "a b.JPG"]),
            ("../a.jpg", vec!["a.jpg"]),
            ("https://x.example/a%20b/c.jpg?x=1#y", vec!["a b", "c.jpg"]),
            ("/data/local-files/?d=set/a%20b.jpg", vec!["set", "a b.jpg"]),
            ("e\u{301}.jpg", vec!["é.jpg"]),
            ("100%.jpg", vec!["100%.jpg"]),
            ("https://x.example", vec![]),
            ("", vec![]),
        ];
        for (name, wanted) in cases {
            assert_eq!(parts(name), wanted, "{name}");
        }
    }

    #[test]
    fn ids_that_are_only_spelt_differently_are_one_unless_an_archive_has_both() {
        let mut spellings = Spellings::default();
        let ids = [
            ("http://a.example/1", 0, true),
            ("https://a.example/1", 1, true),
            ("http://a.example:80/1/", 2, false),
            ("https://a.example/1/", 2, false),
            // Two images of one archive.
            ("https://a.example/d", 0, true),
            ("https://a.example/d/", 0, true),
            ("http://a.example/d/", 1, true),
            ("https://a.example/e", 0, true),
            ("http://a.example/e", 0, true),
            // What only names an image is not preferred.
            ("http://a.example/f%41", 0, true),
            ("https://a.example/fA", 1, false),
            ("x/1", 0, true),
        ];
        for (id, digest, is_of_archive) in ids {
            spellings.add(id, digest, is_of_archive);
        }
        let cases = [
            ("http://a.example/1", Some("https://a.example/1")),
            ("https://A.example/1/", Some("https://a.example/1")),
            ("https://a.example/d", Some("https://a.example/d")),
            ("http://a.example/d/", Some("https://a.example/d/")),
            ("http://a.example/e", None),
            ("https://a.example/e", None),
            ("https://a.example/fA", Some("http://a.example/f%41")),
            ("https://a.example/1#xywh=1,1,2,2", None),
            ("https://a.example/1?x", None),
            ("x/1", None),
        ];
        for (id, wanted) in cases {
            assert_eq!(spellings.one(id), wanted, "{id}");
        }
    }

    #[test]
    fn the_file_whose_folders_agree_furthest_is_found() {
        let mut index = FileIndex::default();
        let names = [
            ("book1/0001.jpg", 1),
            ("book2/0001.jpg", 2),
            ("x/a.tif", 3),
            ("b.jpg", 4),
            ("B.jpg", 5),
            ("https://x.example/MS%20A/12r.jpg", 6),
            ("https://x.example/MS%20B/12r.jpg", 7),
            ("Größe/GRö.jpg", 8),
            ("100%25.jpg", 9),
            ("100%.jpg", 10),
        ];
        for (name, thing) in names {
            index.add(name, thing);
        }
        let cases = [
            ("images/book2/0001.JPG", NameMatch::One(2, 2)),
            ("0001.jpg", NameMatch::Many(vec![1, 2])),
            ("a.jpg", NameMatch::One(3, 1)),
            ("x/a", NameMatch::One(3, 2)),
            ("MS%20B/12r.jpg", NameMatch::One(7, 2)),
            ("GR%C3%B6.jpg", NameMatch::One(8, 1)),
            ("100%25.jpg", NameMatch::One(9, 1)),
            ("b.jpg", NameMatch::One(4, 1)),
            ("c.jpg", NameMatch::None),
            ("", NameMatch::None),
        ];
        for (name, wanted) in cases {
            assert_eq!(index.find(name), wanted, "{name}");
        }
    }
}
