//! What `--group-by` and `--split-by` can name: metadata of an image, and what is known of where it was found. Pure.

use std::collections::BTreeSet;

use crate::contracts::LocalizedImage;

/// Where an image was found, by names that are not metadata.
fn found_at<'a>(image: &'a LocalizedImage, key: &str) -> Option<&'a str> {
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
pub fn value(image: &LocalizedImage, key: &str) -> Option<String> {
    let metadata = || {
        let same = |(name, _): &(&String, _)| name.eq_ignore_ascii_case(key);
        image.metadata.iter().find(same).map(|(_, values)| values)
    };
    let given = image.metadata.get(key).or_else(metadata);
    let text = match given {
        Some(values) => values.join(" | "),
        None => found_at(image, &key.to_lowercase())?.to_owned(),
    };
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The group of an image by the values of some keys, and those of them that it lacks. Without keys it is the group that it
/// has; an image that lacks all of them is a group of its own.
pub fn group(image: &LocalizedImage, keys: &[String]) -> (String, Vec<String>) {
    let own = || match image.group.as_str() {
        "" => image.id.clone(),
        group => group.to_owned(),
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
            texts.join("\u{1f}")
        }
    };
    (group.replace('\u{1f}', " / "), lacking)
}

/// The keys that an image has.
pub fn known(image: &LocalizedImage) -> BTreeSet<String> {
    let names = NAMES.iter().filter(|name| value(image, name).is_some());
    let names = names.map(|&name| name.to_owned());
    image.metadata.keys().cloned().chain(names).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::Metadata;

    #[test]
    fn groups_are_named_by_metadata_or_by_where_an_image_was_found() {
        let mut image = LocalizedImage {
            id: "i".into(),
            group: "g".into(),
            metadata: Metadata::from([("Scribe".into(), vec!["A".into(), "B".into()])]),
            ..LocalizedImage::default()
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
