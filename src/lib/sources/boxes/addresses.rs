//! Where images are, by what `--images` says and what documents say themselves: a URL, an id, or names alone, by which
//! `extract` finds the image in another digest.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::model::{Address, GivenImage};
use crate::contracts::Frame;
use crate::image_names::{FileIndex, NameMatch, is_image, parts};
use crate::sources::source::is_url;

/// A file of a folder of images.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedFile {
    /// Its path, by which it is found, `/` as separator.
    pub path: String,
    /// Its path below the folder that the user named, which is added to URLs.
    pub below: String,
    /// Its width and height in pixels, as stored; none if it is not an image that can be read.
    pub size: Option<[u32; 2]>,
    /// The same as its EXIF orientation turns it, where that is another size.
    pub shown: Option<[u32; 2]>,
}

impl ListedFile {
    /// The size that a document says and that of the file, if their shapes differ, however EXIF turns it.
    fn misshapen(&self, given: [u32; 2]) -> Option<String> {
        let differs = differ(given, self.size?)?;
        let is_shown_so = |shown| differ(given, shown).is_none();
        (!self.shown.is_some_and(is_shown_so)).then_some(differs)
    }
}

/// What is known of where images are.
#[derive(Debug, Default)]
pub struct Addresses {
    bases: Vec<String>,
    addresses: Vec<Address>,
    by_file: FileIndex<usize>,
    files: Vec<ListedFile>,
    by_path: FileIndex<usize>,
}

/// Where an image is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Addressed {
    /// The id of its observation.
    pub id: String,
    /// A URL of its file.
    pub url: Option<String>,
    /// Its other names.
    pub names: Vec<String>,
    /// Width and height in pixels of the image that boxes were drawn on.
    pub size: Option<[u32; 2]>,
    /// Whether the file has a size, and EXIF turns it, so that it does not say which image boxes were drawn on.
    pub is_turned: bool,
    /// The sizes by the document and by the file, if their shapes differ.
    pub misshapen: Option<String>,
    /// The files and URLs that it was found as by its name, each with how many of the last parts of the name agree.
    pub found_as: Vec<(String, usize)>,
}

/// What stays as it is in a part of a path (RFC 3986, section 3.3).
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

impl Addresses {
    /// What is known from URL prefixes, pairs of files and images, and files that are there.
    pub fn of(bases: Vec<String>, addresses: Vec<Address>, files: Vec<ListedFile>) -> Self {
        let (mut by_file, mut by_path) = (FileIndex::default(), FileIndex::default());
        for (number, address) in addresses.iter().enumerate() {
            by_file.add(&address.file, number);
        }
        for (number, file) in files
            .iter()
            .enumerate()
            .filter(|(_, file)| is_image(&file.path))
        {
            by_path.add(&file.path, number);
        }
        Addresses {
            bases,
            addresses,
            by_file,
            files,
            by_path,
        }
    }

    /// Adds pairs that documents hold.
    pub fn with(&self, more: impl IntoIterator<Item = Address>) -> Self {
        let addresses = self.addresses.iter().cloned().chain(more).collect();
        Addresses::of(self.bases.clone(), addresses, self.files.clone())
    }

    /// Whether file names are added to a URL.
    pub fn has_base(&self) -> bool {
        !self.bases.is_empty()
    }

    /// Where an image is.
    ///
    /// # Errors
    /// The problem of a reject: its name is that of several files or images.
    pub fn of_image(&self, image: &GivenImage) -> Result<Addressed, String> {
        let (file, by_file) = self.file(image)?.unzip();
        let mut names = image.names.clone();
        if let Some(file) = file.filter(|file| !names.contains(&file.path)) {
            names.insert(0, file.path.clone());
        }
        let (address, by_list) = self.address(&names)?.unzip();
        // What is found by the path of the file is not closer than the file itself.
        let by_list = by_list.map(|agreement| agreement.min(by_file.unwrap_or(agreement)));
        let paths = [file.map(|file| &file.path), address.map(|a| &a.file)];
        let found = paths.into_iter().zip([by_file, by_list]);
        let found = found.filter_map(|(path, agreement)| Some((path?.clone(), agreement?)));
        let mut found_as: Vec<(String, usize)> = found.filter(|(_, n)| *n > 0).collect();
        let id = image
            .id
            .clone()
            .or_else(|| address.map(|address| address.image.clone()));
        let url = address
            .filter(|address| address.is_url)
            .map(|address| address.image.clone());
        let url = url.or_else(|| {
            let (url, agreement) = self.below_base(&names, file)?;
            // A file of a folder was found by its name already.
            found_as.extend(file.is_none().then(|| (url.clone(), agreement)));
            Some(url)
        });
        let url = url.or_else(|| image.url.clone());
        let id = id
            .or_else(|| url.clone())
            .or_else(|| names.first().cloned());
        let id = id
            .filter(|id| !id.trim().is_empty())
            .ok_or("name of the image is missing")?;
        names.retain(|name| *name != id && Some(name) != url.as_ref());
        // What another digest calls the image, if this one has an address of its own.
        names.extend(
            address
                .map(|address| address.image.clone())
                .filter(|name| *name != id),
        );
        if url.is_none() && names.is_empty() {
            names.push(id.clone());
        }
        let is_turned = file.is_some_and(|file| file.shown.is_some());
        // Some tools show the image as stored, others as EXIF turns it: only what the document says tells.
        let measured = file.and_then(|file| file.size).filter(|_| !is_turned);
        Ok(Addressed {
            id,
            url,
            names,
            size: image.size.or(measured),
            is_turned: is_turned && image.size.is_none(),
            misshapen: file.and_then(|file| file.misshapen(image.size?)),
            found_as,
        })
    }

    /// The file of an image, if its folder is known, and how far the names agree. Of an image with an id of its own it only
    /// tells the size.
    fn file(&self, image: &GivenImage) -> Result<Option<(&ListedFile, usize)>, String> {
        match find(&self.by_path, &image.names) {
            Ok(found) => Ok(found.map(|(number, agreement)| (&self.files[number], agreement))),
            Err(_) if image.id.is_some() => Ok(None),
            Err(numbers) => {
                let files = numbers.iter().map(|n| self.files[*n].path.as_str());
                Err(several("files", &image.names, &files.collect::<Vec<_>>()))
            }
        }
    }

    /// The id or URL that a list gives to a file, and how far the names agree: 0 if several have it alike, all of one image.
    fn address(&self, names: &[String]) -> Result<Option<(&Address, usize)>, String> {
        let found = match find(&self.by_file, names) {
            Ok(found) => found,
            Err(numbers) => {
                let images: Vec<&str> = numbers
                    .iter()
                    .map(|n| self.addresses[*n].image.as_str())
                    .collect();
                match images.windows(2).all(|pair| pair[0] == pair[1]) {
                    true => numbers.first().map(|number| (*number, 0)),
                    false => return Err(several("images", names, &images)),
                }
            }
        };
        Ok(found.map(|(number, agreement)| (&self.addresses[number], agreement)))
    }

    /// The URL of a file below the first prefix. A path from the root of somebody's disk is none of the archive: its last
    /// part counts. With the number of parts that do.
    fn below_base(&self, names: &[String], file: Option<&ListedFile>) -> Option<(String, usize)> {
        let base = self.bases.first()?;
        let below = file.map(|file| file.below.as_str());
        let name =
            below.or_else(|| names.iter().map(String::as_str).find(|name| is_image(name)))?;
        if is_url(name) {
            return Some((name.to_owned(), parts(name).len()));
        }
        let all = parts(name);
        let is_absolute = name.starts_with(['/', '\\']) || name.get(1..2) == Some(":");
        let own = match is_absolute {
            true => &all[all.len().saturating_sub(1)..],
            false => &all[..],
        };
        let own: Vec<String> = own
            .iter()
            .map(|part| utf8_percent_encode(part, PATH).to_string())
            .collect();
        let slash = if base.ends_with(['/', '=']) { "" } else { "/" };
        Some((format!("{base}{slash}{}", own.join("/")), own.len()))
    }
}

/// What the first of some names belongs to, and how many of its last parts agree; the error holds all candidates.
fn find(index: &FileIndex<usize>, names: &[String]) -> Result<Option<(usize, usize)>, Vec<usize>> {
    let mut ambiguous = None;
    for name in names {
        match index.find(name) {
            NameMatch::One(number, agreement) => return Ok(Some((number, agreement))),
            NameMatch::Many(numbers) => ambiguous = ambiguous.or(Some(numbers)),
            NameMatch::None => {}
        }
    }
    ambiguous.map_or(Ok(None), Err)
}

fn several(what: &str, names: &[String], found: &[&str]) -> String {
    let name = names.first().map_or("", String::as_str);
    format!(
        "several {what} have this name: {name}, {}",
        found[..found.len().min(5)].join(", ")
    )
}

/// The sizes as a text, if their shapes differ by more than rounding.
pub fn differ(given: [u32; 2], there: [u32; 2]) -> Option<String> {
    let frame = |size: [u32; 2]| Frame::try_from(size.map(f64::from)).ok();
    let (a, b) = (frame(given)?, frame(there)?);
    (!a.may_have_shape_of(b)).then(|| two_sizes(given, there))
}

/// Two sizes as a text.
pub fn two_sizes(a: [u32; 2], b: [u32; 2]) -> String {
    format!("{} x {} and {} x {}", a[0], a[1], b[0], b[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> GivenImage {
        GivenImage {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            ..GivenImage::default()
        }
    }

    #[test]
    fn files_get_urls_below_a_prefix() {
        let cases = [
            (
                "https://x.example/i",
                "a b.jpg",
                "https://x.example/i/a%20b.jpg",
            ),
            (
                "https://x.example/i/",
                "./f/ä#.jpg",
                "https://x.example/i/f/%C3%A4%23.jpg",
            ),
            (
                "https://x.example/?f=",
                "f\\a.jpg",
                "https://x.example/?f=f/a.jpg",
            ),
            (
                "https://x.example/i",
                "/home/me/f/a.jpg",
                "https://x.example/i/a.jpg",
            ),
            (
                "https://x.example/i",
                "C:\\f\\a.JPG",
                "https://x.example/i/a.JPG",
            ),
            (
                "https://x.example/i",
                "http://y.example/a.jpg",
                "http://y.example/a.jpg",
            ),
        ];
        for (base, name, wanted) in cases {
            let addresses = Addresses::of(vec![base.into()], vec![], vec![]);
            let found = addresses.of_image(&named(&[name])).unwrap();
            assert_eq!(
                (found.id.as_str(), found.url.as_deref()),
                (wanted, Some(wanted)),
                "{name}"
            );
        }
    }

    #[test]
    fn a_list_gives_the_id_and_a_folder_the_size() {
        let address = |file: &str, image: &str| Address {
            file: file.into(),
            image: image.into(),
            is_url: false,
        };
        let list = vec![
            address("images/b1/0001.jpg", "id 1"),
            address("images/b2/0001.jpg", "id 2"),
        ];
        let files = vec![ListedFile {
            path: "images/b2/0001.jpg".into(),
            below: "b2/0001.jpg".into(),
            size: Some([30, 20]),
            shown: None,
        }];
        let addresses = Addresses::of(vec![], list, files);
        let found = addresses.of_image(&named(&["b2/0001.jpg"])).unwrap();
        assert_eq!(
            (found.id.as_str(), found.url, found.size),
            ("id 2", None, Some([30, 20]))
        );
        let problem =
            Addresses::of(vec![], addresses.addresses, vec![]).of_image(&named(&["0001.jpg"]));
        assert_eq!(
            problem.unwrap_err(),
            "several images have this name: 0001.jpg, id 1, id 2"
        );
        let other = Addresses::default()
            .of_image(&named(&["x/c.jpg", "c.jpg"]))
            .unwrap();
        assert_eq!(
            (other.id.as_str(), other.names),
            ("x/c.jpg", vec!["c.jpg".to_owned()])
        );
    }
}
