//! What `--group-by` and `--split-by` can name: metadata of an image, and what is known of where it was found. Pure.

use std::collections::BTreeSet;

use crate::contracts::{BorrowedImage, Text};

/// Where an image was found, by names that are not metadata.
fn found_at<'a>(image: &'a BorrowedImage, key: &str) -> Option<&'a str> {
    let source = &image.source;
    match key {
        "group" => Some(&image.group),
        "image" => Some(&image.id),
        "source" => Some(&source.kind),
        "manifest" => source.manifest.as_deref(),
        "canvas" => source.canvas.as_deref(),
        "rights" => source.rights.as_deref(),
        "attribution" => source.attribution.as_deref(),
        "label" => source.labels.manifest.as_deref(),
        _ => None,
    }
}

const NAMES: [&str; 8] = [
    "group",
    "image",
    "source",
    "manifest",
    "canvas",
    "rights",
    "attribution",
    "label",
];

/// The value of a key: metadata of this name, in any case, else one of [`NAMES`]. Several values are joined.
pub fn value(image: &BorrowedImage, key: &str) -> Option<String> {
    let values = values(image, key);
    (!values.is_empty()).then(|| values.join(" | "))
}

/// The values of a key, without those that are blank.
fn values<'a>(image: &'a BorrowedImage, key: &str) -> Vec<&'a str> {
    let metadata = || {
        let same = |(name, _): &(&Text, _)| name.eq_ignore_ascii_case(key);
        image.metadata.iter().find(same).map(|(_, values)| values)
    };
    let given = image.metadata.get(key).or_else(metadata);
    let texts: Vec<&str> = match given {
        Some(values) => values.iter().map(Text::as_str).collect(),
        None => found_at(image, &key.to_lowercase()).into_iter().collect(),
    };
    let texts = texts.into_iter().map(str::trim);
    texts.filter(|text| !text.is_empty()).collect()
}

/// What is wrong with the values of a key of which an image may have only one; none if nothing is.
pub fn several(image: &BorrowedImage, key: &str) -> Option<String> {
    let mut values = values(image, key);
    values.sort_unstable();
    values.dedup();
    (values.len() > 1).then(|| format!("has several values: {}", values.join(", ")))
}

/// The most groups that an image stands between.
const MOST_LINKED: usize = 256;

/// The groups of images that have only one of the values of this one: all of them stay together. Empty if every key has one
/// value.
pub fn linked(image: &BorrowedImage, keys: &[String]) -> Vec<String> {
    let values: Vec<Vec<&str>> = keys.iter().map(|key| values(image, key)).collect();
    if values.iter().all(|values| values.len() < 2) {
        return Vec::new();
    }
    let mut names = vec![String::new()];
    for (n, values) in values.iter().enumerate() {
        let between = if n > 0 { BETWEEN } else { "" };
        let values = if values.is_empty() { &[""][..] } else { values };
        let longer = |name: &String| {
            let longer = values.iter().map(|value| format!("{name}{between}{value}"));
            longer.collect::<Vec<_>>()
        };
        names = names.iter().flat_map(longer).take(MOST_LINKED).collect();
    }
    names
}

/// What stands between the values of several keys.
const BETWEEN: &str = " / ";

/// The group of an image by the values of some keys, and those of them that it lacks. Without keys it is the group that it
/// has; an image that lacks all of them is a group of its own.
pub fn group<'a>(image: &BorrowedImage<'a>, keys: &[String]) -> (Text<'a>, Vec<String>) {
    let own = || match image.group.as_str() {
        "" => image.id.clone(),
        _ => image.group.clone(),
    };
    if keys.is_empty() {
        return (own(), Vec::new());
    }
    let values: Vec<Option<String>> = keys.iter().map(|key| value(image, key)).collect();
    let lacking = keys
        .iter()
        .zip(&values)
        .filter(|(_, value)| value.is_none());
    let lacking: Vec<String> = lacking.map(|(key, _)| key.clone()).collect();
    let group = match lacking.len() == keys.len() {
        true => image.id.clone(),
        false => {
            let texts: Vec<String> = values.into_iter().map(Option::unwrap_or_default).collect();
            texts.join(BETWEEN).into()
        }
    };
    (group, lacking)
}

/// The keys that an image has.
pub fn known(image: &BorrowedImage) -> BTreeSet<String> {
    let names = NAMES.iter().filter(|name| value(image, name).is_some());
    let names = names.map(|&name| name.to_owned());
    image
        .metadata
        .keys()
        .map(Text::to_string)
        .chain(names)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_with_several_values_stands_between_the_groups_of_each() {
        let image = BorrowedImage {
            metadata: [
                ("diver".into(), vec!["a".into(), " b ".into(), "".into()]),
                ("reef".into(), vec!["r".into()]),
            ]
            .into(),
            ..BorrowedImage::default()
        };
        let cases: [(&[&str], &[&str]); 4] = [
            (&["diver"], &["a", "b"]),
            (&["diver", "reef"], &["a / r", "b / r"]),
            (&["nothing", "diver"], &[" / a", " / b"]),
            (&["reef"], &[]),
        ];
        for (keys, wanted) in cases {
            let keys: Vec<String> = keys.iter().map(|&key| key.to_owned()).collect();
            assert_eq!(linked(&image, &keys), wanted, "{keys:?}");
        }
    }

    #[test]
    fn groups_are_named_by_metadata_or_by_where_an_image_was_found() {
        let mut image = BorrowedImage {
            id: "i".into(),
            group: "g".into(),
            metadata: [("Scribe".into(), vec!["A".into(), "B".into()])].into(),
            ..BorrowedImage::default()
        };
        image.source.manifest = Some("m".into());
        let cases: [(&[&str], &str, usize); 6] = [
            (&[], "g", 0),
            (&["Scribe"], "A | B", 0),
            (&["scribe", "manifest"], "A | B / m", 0),
            (&["scribe", "nothing"], "A | B / ", 1),
            (&["nothing"], "i", 1),
            (&["image"], "i", 0),
        ];
        for (keys, wanted, lacking) in cases {
            let keys: Vec<String> = keys.iter().map(|&key| key.to_owned()).collect();
            let (found, lacks) = group(&image, &keys);
            assert_eq!((found.as_str(), lacks.len()), (wanted, lacking), "{keys:?}");
        }
    }
}
