//! The image map: which file holds which image. One JSON object, or JSON Lines, compressed or in a folder of parts, as its name asks for.

use std::collections::BTreeMap;
use std::io::{self, Seek, Write};
use std::path::Path;

use serde::{Deserialize, Serialize, Serializer};

use super::json::{parse_json, parse_line};
use super::set_folder::is_set_folder;
use super::set_input::{Head, contract_of, head_of, of_folder, unpacked};
use super::set_output::{Form, write_parts};
use crate::error::Error;
use crate::summary::counted;
use crate::zstandard::compress;
use crate::{files, values};

/// `image_map.json`: image id → path, relative to the map's own folder, `/` as separator. It lists only files that
/// exist and were verified.
pub type ImageMap = BTreeMap<String, String>;

/// The text of the `contract` member, where a map is JSON Lines.
pub const IMAGE_MAP: &str = "recto/image_map";
const VERSION: u32 = 1;

/// A line of an image map as JSON Lines.
#[derive(Serialize, Deserialize)]
struct MappedImage<'a> {
    id: std::borrow::Cow<'a, str>,
    path: std::borrow::Cow<'a, str>,
}

/// Reads an image map in any of its forms. Ids that are UUIDs are found in lower case too: m3-download keeps the case of its
/// source.
///
/// # Errors
/// The file cannot be read, is damaged, or is not an image map.
pub fn read_image_map(path: &Path) -> Result<ImageMap, Error> {
    let bytes = match of_folder(path).filter(|_| is_set_folder(path)) {
        Some(bytes) => bytes?,
        None => files::read(path)
            .map_err(|e| e.hint("`recto-download` writes it; --image-map names another"))?,
    };
    let name = path.display().to_string();
    let mut map = parse_image_map(bytes, &name).map_err(|error| match contract_of(path) {
        Some(other) if other != IMAGE_MAP => Error::new(format!(
            "{name}: is a {other} file, {IMAGE_MAP} was expected"
        ))
        .hint("`recto-download` writes image_map.json; --image-map names it"),
        _ => error,
    })?;
    let lower = |(id, file): (&String, &String)| {
        let lower = values::uuid(id).filter(|lower| lower != id)?;
        Some((lower, file.clone()))
    };
    let lower: Vec<(String, String)> = map.iter().filter_map(lower).collect();
    for (id, file) in lower {
        map.entry(id).or_insert(file);
    }
    Ok(map)
}

/// An image map in any of its forms; `name` is what messages call the bytes.
///
/// # Errors
/// They are damaged, or not an image map.
fn parse_image_map(bytes: Vec<u8>, name: &str) -> Result<ImageMap, Error> {
    let bytes = unpacked(bytes, name)?;
    match head_of(first_line(&bytes)) {
        Some(head) => parse_lines(&bytes, &head, name),
        None => parse_json(&bytes, name),
    }
}

/// The image map that bytes hold as JSON Lines; none where they are something else.
pub fn image_map_in_lines(bytes: &[u8], name: &str) -> Option<Result<ImageMap, Error>> {
    let bytes = unpacked(bytes.to_vec(), name).ok()?;
    let head = head_of(first_line(&bytes)).filter(|head| head.contract == IMAGE_MAP)?;
    Some(parse_lines(&bytes, &head, name))
}

fn first_line(bytes: &[u8]) -> &[u8] {
    bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default()
}

fn parse_lines(bytes: &[u8], head: &Head, name: &str) -> Result<ImageMap, Error> {
    let lines = bytes.split(|byte| *byte == b'\n').enumerate().skip(1);
    if head.contract != IMAGE_MAP || head.version != VERSION {
        return Err(Error::new(format!(
            "{name}:1: is {} of version {}, {IMAGE_MAP} of version {VERSION} was expected",
            head.contract, head.version
        )));
    }
    let mut map = ImageMap::new();
    let mut found = 0;
    for (number, line) in lines.filter(|(_, line)| !line.trim_ascii().is_empty()) {
        let image: MappedImage = parse_line(line, name, number + 1)?;
        map.insert(image.id.into_owned(), image.path.into_owned());
        found += 1;
    }
    if found != head.count {
        let what = format!(
            "{name}: declares {}, found {found}",
            counted(head.count, "line", "lines")
        );
        return Err(Error::new(what)
            .hint("the file was cut off or changed: recto-download writes it again"));
    }
    Ok(map)
}

/// Publishes an image map from pairs in the order of ids, in the form that the name of the file asks for. The pairs are
/// streamed, not collected in memory.
///
/// # Errors
/// The file cannot be written.
pub fn write_image_map<'a>(
    path: &Path,
    pairs: impl ExactSizeIterator<Item = (&'a str, String)>,
) -> Result<(), Error> {
    match Form::of(path) {
        Form::Lines => files::write_through(path, |out| write_lines(out, pairs)),
        Form::CompressedLines => {
            let aside = || {
                let mut aside = files::unnamed(path)?;
                let mut out = io::BufWriter::new(&mut aside);
                write_lines(&mut out, pairs)?;
                out.flush()?;
                drop(out);
                aside.rewind()?;
                Ok(io::BufReader::new(aside))
            };
            let mut lines = aside().map_err(|e| files::cannot_write(path, e))?;
            files::write_through(path, |out| compress(&mut lines, out))
        }
        Form::Folder => {
            let head = serde_json::json!({"contract": IMAGE_MAP, "version": VERSION});
            let head = head.as_object().cloned().unwrap_or_default();
            write_parts(path, &head, |put| {
                pairs.into_iter().try_for_each(|pair| put(&line_of(pair)?))
            })
        }
        Form::Json => files::write_through(path, |out| {
            let mut json = serde_json::Serializer::pretty(&mut *out);
            json.collect_map(pairs)?;
            out.write_all(b"\n")
        }),
    }
}

fn write_lines<'a>(
    out: &mut dyn Write,
    pairs: impl ExactSizeIterator<Item = (&'a str, String)>,
) -> io::Result<()> {
    let count = pairs.len();
    writeln!(
        out,
        "{{\"contract\":\"{IMAGE_MAP}\",\"version\":{VERSION},\"count\":{count}}}"
    )?;
    for pair in pairs {
        out.write_all(&line_of(pair)?)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn line_of((id, path): (&str, String)) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&MappedImage {
        id: id.into(),
        path: path.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_reads_the_same_in_every_form_and_one_that_was_cut_off_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let pairs = [("a\nb", "images/1.jpg"), ("contract", "x/ü.png")];
        for name in ["map.json", "map.jsonl", "map.jsonl.zst", "map/"] {
            for count in [0, 2] {
                let file = folder.path().join(name);
                let some = pairs[..count].iter();
                write_image_map(&file, some.map(|(id, path)| (*id, (*path).to_owned()))).unwrap();
                let map = read_image_map(&file).unwrap();
                let found: Vec<(&str, &str)> = map.iter().map(|(i, p)| (&**i, &**p)).collect();
                assert_eq!(found, &pairs[..count], "{name}");
            }
        }
        let lines = std::fs::read(folder.path().join("map.jsonl")).unwrap();
        let before_last = lines[..lines.len() - 1].iter().rposition(|b| *b == b'\n');
        let before_last = before_last.unwrap() + 1;
        for (bytes, words) in [
            (&lines[..lines.len() - 3], "m:3:"),
            (&lines[..before_last], "declares 2 lines, found 1"),
            (
                &b"{\"contract\":\"recto/digest\",\"version\":1,\"count\":0}"[..],
                "recto/image_map of version 1",
            ),
        ] {
            let error = parse_image_map(bytes.to_vec(), "m")
                .unwrap_err()
                .to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
