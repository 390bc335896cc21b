//! An entry of an image map: a file, or a part of one. `images/g/a.jpg#pack=images/images-00000.tar&offset=1536&length=4711` is the
//! image `images/g/a.jpg`, whose bytes are in the tar file from byte 1536 on; `s3://bucket/set/a.jpg` is in an object store. Pure, but for the paths that it names.

use std::path::Path;

use crate::files::{self, Content};

/// What stands between the name of an image and the pack that it is in.
const PACK: &str = "#pack=";

/// An entry, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappedFile<'a> {
    /// The path that the image has, or would have if it were a file of its own, relative to the map's own folder.
    pub name: &'a str,
    /// The path of the tar file that it is in, likewise, where its bytes begin there, and how many there are.
    pub pack: Option<(&'a str, u64, u64)>,
}

impl<'a> MappedFile<'a> {
    /// Takes an entry apart. What is not understood as a part of a pack is a name.
    pub fn parse(entry: &'a str) -> Self {
        let parts = || {
            // Names of images do not end so: nearly all are told by that alone.
            entry
                .ends_with(|c: char| c.is_ascii_digit())
                .then_some(())?;
            let (name, rest) = entry.rsplit_once(PACK)?;
            let (rest, length) = rest.rsplit_once("&length=")?;
            let (pack, offset) = rest.rsplit_once("&offset=")?;
            let pack = (pack, offset.parse().ok()?, length.parse().ok()?);
            Some((name, pack))
        };
        match parts() {
            Some((name, pack)) => MappedFile {
                name,
                pack: Some(pack),
            },
            None => MappedFile {
                name: entry,
                pack: None,
            },
        }
    }

    /// Its path among the files of a training set: of an object the key in its store.
    pub fn path(&self) -> &'a str {
        let key = || self.name.split_once("://")?.1.split_once('/');
        match files::is_in_store(Path::new(self.name)) {
            true => key().map_or(self.name, |(_, key)| key),
            false => self.name,
        }
    }

    /// The entry, with something before its paths.
    pub fn entry(&self, prefix: &str) -> String {
        let name = self.name;
        match self.pack {
            None => format!("{prefix}{name}"),
            Some((pack, offset, length)) => {
                format!("{prefix}{name}{PACK}{prefix}{pack}&offset={offset}&length={length}")
            }
        }
    }

    /// Where the bytes are, for a map in this folder.
    pub fn content(&self, folder: &Path) -> Content {
        match self.pack {
            None if files::is_in_store(Path::new(self.name)) => Content::file(self.name.into()),
            None => Content::file(folder.join(self.name)),
            Some((pack, offset, length)) => Content::part(folder.join(pack), offset, length),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_taken_apart_and_put_together() {
        let part = |name, pack, offset, length| MappedFile {
            name,
            pack: Some((pack, offset, length)),
        };
        let file = |name| MappedFile { name, pack: None };
        let cases = [
            ("g/a.jpg", file("g/a.jpg")),
            (
                "g/a.jpg#pack=images-00000.tar&offset=1536&length=4711",
                part("g/a.jpg", "images-00000.tar", 1536, 4711),
            ),
            (
                "a&offset=1.jpg#pack=b&offset=2&length=3.tar&offset=512&length=0",
                part("a&offset=1.jpg", "b&offset=2&length=3.tar", 512, 0),
            ),
            ("g/a#pack=x.jpg", file("g/a#pack=x.jpg")),
            (
                "a.jpg#pack=b.tar&offset=-1&length=2",
                file("a.jpg#pack=b.tar&offset=-1&length=2"),
            ),
        ];
        for (entry, wanted) in cases {
            let found = MappedFile::parse(entry);
            assert_eq!(found, wanted, "{entry}");
            assert_eq!(found.entry(""), entry);
        }
        let (entry, _) = cases[1];
        let below = MappedFile::parse(entry).entry("images/");
        let below = MappedFile::parse(&below);
        assert_eq!(
            below,
            part("images/g/a.jpg", "images/images-00000.tar", 1536, 4711)
        );
        assert_eq!(below.path(), "images/g/a.jpg");
        let object = MappedFile::parse("s3://bucket/set/g/a.jpg");
        assert_eq!(object.path(), "set/g/a.jpg");
        let content = object.content(Path::new("/d"));
        assert_eq!(content, Content::file("s3://bucket/set/g/a.jpg".into()));
        let content = below.content(Path::new("/d"));
        let path = Path::new("/d/images/images-00000.tar").to_owned();
        assert_eq!(content, Content::part(path, 1536, 4711));
    }
}
