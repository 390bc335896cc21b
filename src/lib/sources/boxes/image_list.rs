//! What `--images` may name: `image_map.json` of `recto-download`, a JSON object or a table of files and their images, a
//! COCO file. All become pairs: file → the id or URL of its image.

use serde_json::{Map, Value};

use super::model::{Address, BoxDocument};
use super::{coco, loose_json};
use crate::contracts::{self, MappedFile};
use crate::image_names::is_image;
use crate::values;

/// Columns that name the file, and columns that name its image, the best first.
const FILES: [&str; 7] = [
    "file",
    "file_name",
    "filename",
    "path",
    "image_path",
    "name",
    "image_file",
];
const URLS: [&str; 3] = ["url", "image_url", "uri"];
const IMAGES: [&str; 8] = [
    "image",
    "url",
    "image_url",
    "uri",
    "id",
    "uuid",
    "service",
    "origin",
];

/// Reads such a file.
///
/// # Errors
/// It is none of them.
pub fn read(name: &str, bytes: &[u8]) -> Result<BoxDocument, String> {
    if let Some(map) = contracts::image_map_in_lines(bytes, name) {
        let map = map.map_err(|error| error.what().to_owned())?;
        let mut document = BoxDocument::of(name);
        document.addresses = map.iter().map(|(id, path)| directed(id, path)).collect();
        return Ok(document);
    }
    match bytes.trim_ascii_start().first() {
        Some(b'{') => of_object(name, bytes),
        Some(b'[') => of_records(name, bytes),
        Some(_) => {
            let text = std::str::from_utf8(bytes).map_err(|_| "document is not UTF-8")?;
            let mut document = BoxDocument::of(name);
            document.addresses = table(text)?;
            Ok(document)
        }
        None => Err("document is empty: files and their images were expected".into()),
    }
}

fn of_object(name: &str, bytes: &[u8]) -> Result<BoxDocument, String> {
    let members: Map<String, Value> = loose_json::parse(bytes)?;
    if members.get("images").is_some_and(Value::is_array) {
        return coco::read(name, bytes);
    }
    let pairs = members.iter().map(|(key, value)| match value {
        Value::String(value) => Ok(directed(key, value)),
        other => Err(format!(
            "document is not a map of files: `{}` is {}",
            values::excerpt(key),
            loose_json::shown(other)
        )),
    });
    let mut document = BoxDocument::of(name);
    document.addresses = pairs.collect::<Result<_, _>>()?;
    Ok(document)
}

/// A pair as file → image. image_map.json leads from ids of images to files, other maps from files to URLs or ids.
fn directed(key: &str, value: &str) -> Address {
    let is_url = crate::sources::source::is_url;
    let is_file_first = match (is_url(key), is_url(value)) {
        (false, true) => true,
        (true, _) => false,
        (false, false) => is_image(key) && !is_image(value),
    };
    let (file, image) = if is_file_first {
        (key, value)
    } else {
        (value, key)
    };
    Address {
        file: MappedFile::parse(file).name.to_owned(),
        image: image.to_owned(),
        is_url: is_file_first && is_url(image),
    }
}

fn of_records(name: &str, bytes: &[u8]) -> Result<BoxDocument, String> {
    let records: Vec<Map<String, Value>> = loose_json::parse(bytes)?;
    let find = |record: &Map<String, Value>, names: &[&'static str]| {
        names
            .iter()
            .find_map(|name| Some((*name, values::text(record.get(*name)?)?)))
    };
    let mut document = BoxDocument::of(name);
    for (i, record) in records.iter().enumerate() {
        match (find(record, &FILES), find(record, &IMAGES)) {
            (Some((_, file)), Some((column, image))) => {
                document.addresses.push(address(column, &file, &image))
            }
            _ => document.reject(
                &format!("[{i}]"),
                "record",
                "record does not name a file and its image",
            ),
        }
    }
    Ok(document)
}

fn address(column: &str, file: &str, image: &str) -> Address {
    Address {
        file: file.to_owned(),
        image: image.to_owned(),
        is_url: URLS.contains(&column) && crate::sources::source::is_url(image),
    }
}

/// Files and images of a table with a header, such as the `sources.csv` that recto writes beside a set.
///
/// # Errors
/// It has no column of files or none of images.
pub fn table(text: &str) -> Result<Vec<Address>, String> {
    let header = text.lines().next().unwrap_or_default();
    let delimiter = [b'\t', b';', b',']
        .into_iter()
        .max_by_key(|d| header.bytes().filter(|b| b == d).count())
        .unwrap_or(b',');
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(text.as_bytes());
    let columns = reader
        .headers()
        .map_err(|e| format!("table cannot be read: {e}"))?
        .clone();
    let place = |names: &[&'static str]| {
        let at = |name: &str| {
            columns
                .iter()
                .position(|column| column.trim().eq_ignore_ascii_case(name))
        };
        names.iter().find_map(|name| Some((*name, at(name)?)))
    };
    let missing = |what: &str| {
        let columns: Vec<&str> = columns.iter().collect();
        format!(
            "table does not have a column of {what}: there are {}",
            columns.join(", ")
        )
    };
    let (_, file) = place(&FILES).ok_or_else(|| missing("files (file, file_name, path)"))?;
    let (column, image) = place(&IMAGES).ok_or_else(|| missing("images (image, url, id, uuid)"))?;
    let mut pairs = Vec::new();
    for record in reader.records() {
        let cells = record.map_err(|e| format!("table cannot be read: {e}"))?;
        let cell = |at: usize| cells.get(at).map(str::trim).filter(|cell| !cell.is_empty());
        if let (Some(file), Some(image)) = (cell(file), cell(image)) {
            pairs.push(address(column, file, image));
        }
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_lead_to_images_whichever_way_they_are_written() {
        let address = |image: &str, is_url| Address {
            file: "images/a.jpg".into(),
            image: image.into(),
            is_url,
        };
        let url = "https://x.example/iiif/a";
        let cases = [
            (
                r#"{"https://x.example/iiif/a": "images/a.jpg"}"#,
                address(url, false),
            ),
            (
                r#"{"images/a.jpg": "https://x.example/iiif/a"}"#,
                address(url, true),
            ),
            (
                r#"[{"file": "images/a.jpg", "url": "https://x.example/iiif/a"}]"#,
                address(url, true),
            ),
            (
                "image_id,file,image\n1,images/a.jpg,https://x.example/iiif/a\n",
                address(url, false),
            ),
            (
                "Path;URL\nimages/a.jpg;https://x.example/iiif/a\n",
                address(url, true),
            ),
            (
                r#"{"013dd38c": "images/a.jpg"}"#,
                address("013dd38c", false),
            ),
        ];
        for (text, wanted) in cases {
            assert_eq!(
                read("m", text.as_bytes()).unwrap().addresses,
                [wanted],
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_list_of_images_is_refused() {
        for (text, begin) in [
            ("", "document is empty"),
            ("{\"a\": 1}", "document is not a map of files: `a` is 1"),
            ("x,y\n1,2\n", "table does not have a column of files"),
            ("file,y\n1,2\n", "table does not have a column of images"),
        ] {
            let problem = read("m", text.as_bytes()).unwrap_err();
            assert!(problem.starts_with(begin), "{text}: {problem}");
        }
    }
}
