//! `croissant.json`: a description of a set in the words of Croissant 1.1 (JSON-LD of MLCommons), which says what files there
//! are and how their records are read. Pure.
//!
//! It has no clock: the date of publication is what the user says. Paths are relative to its folder, and so is the address.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::description::Made;
use super::release;
use crate::files::{self, WrittenFile};
use crate::formats::{Contents, Dataset, Format, Kind, Member, Place};
use crate::summary::counted;

/// The name of the description.
pub const CROISSANT: &str = "croissant.json";

/// The description of what a format wrote. `named` are the files, by their names below its folder, for which [`is_named`].
pub fn croissant(
    made: &Made,
    format: &dyn Format,
    contents: &[Contents],
    named: &[(String, WrittenFile)],
) -> Value {
    let dataset = &made.assembled.dataset;
    let mut distribution: Vec<Value> = Vec::new();
    let mut records = vec![classes(&dataset.classes)];
    if !dataset.splits.is_empty() {
        records.push(splits(dataset, format));
    }
    for kind in contents {
        for resource in resources(kind, named) {
            // Two kinds of records may stand in the same files.
            if !distribution
                .iter()
                .any(|known| known["@id"] == resource["@id"])
            {
                distribution.push(resource);
            }
        }
        if !kind.members.is_empty() {
            records.push(record_set(kind, !dataset.splits.is_empty()));
        }
    }
    let mut set = Map::new();
    let mut say = |key: &str, value: Value| {
        set.insert(key.into(), value);
    };
    say("@context", context());
    say("@type", "sc:Dataset".into());
    say("conformsTo", "http://mlcommons.org/croissant/1.1".into());
    say("name", "Training set".into());
    say("description", description(made, format).into());
    say_release(made, &mut say);
    // What a description must have and nobody said: the folder of this file.
    say("url", "./".into());
    if let Some(date) = made.options.published {
        say("datePublished", date.to_string().into());
    }
    owners(made, &mut say);
    say("distribution", distribution.into());
    say("recordSet", records.into());
    Value::Object(set)
}

/// Which version it is, and of what.
fn say_release(made: &Made, say: &mut dyn FnMut(&str, Value)) {
    let release = &made.release;
    let version = Some(&*release.version).filter(|version| !version.is_empty());
    say("version", version.unwrap_or(release::FIRST).into());
    if let Some(before) = &release.previous {
        let before = json!({
            "@type": "sc:Dataset", "name": "Training set", "version": before.version, "identifier": format!("sha256:{}", before.sha256),
        });
        say("isBasedOn", before);
    }
}

/// What a set is, in a sentence.
fn description(made: &Made, format: &dyn Format) -> String {
    let dataset = &made.assembled.dataset;
    let boxes: u64 = dataset
        .facts
        .iter()
        .map(|facts| u64::from(facts.boxes()))
        .sum();
    format!(
        "{} with {} of {}, as {}: {}",
        counted(dataset.facts.len() as u64, "image", "images"),
        counted(boxes, "box", "boxes"),
        counted(dataset.classes.len() as u64, "class", "classes"),
        format.name(),
        format.conventions(made.format_options)
    )
}

/// Rights and owners, as far as the sources name them; a description has to have both.
fn owners(made: &Made, say: &mut dyn FnMut(&str, Value)) {
    let owners = &made.assembled.owners;
    let said = |texts: BTreeSet<&String>| -> Vec<String> {
        let said = texts.into_iter().filter(|text| !text.is_empty());
        said.cloned().collect()
    };
    let or_unsaid = |said: Vec<String>| match said.is_empty() {
        true => vec![UNSAID.to_owned()],
        false => said,
    };
    let licences = said(owners.keys().map(|(rights, _)| rights).collect());
    let owners = said(owners.keys().map(|(_, attribution)| attribution).collect());
    if !owners.is_empty() {
        say("citeAs", format!("{}.", owners.join("; ")).into());
    }
    say("license", or_unsaid(licences).into());
    let creator = |name: String| json!({ "@type": "sc:Organization", "name": name });
    say(
        "creator",
        or_unsaid(owners).into_iter().map(creator).collect(),
    );
}

/// Whose a set is, or under which rights, if no source says so.
const UNSAID: &str = "Not said by the sources";

/// Whether a file is named with its hash: the only one of its kind, or one with records.
pub fn is_named(contents: &[Contents], path: &str) -> bool {
    contents.iter().any(|kind| is_named_in(kind, path))
}

fn is_named_in(kind: &Contents, path: &str) -> bool {
    let is_record = |m: &Member| !matches!(m.place, Place::Whole | Place::Path(_));
    (!is_set(kind) || kind.members.iter().any(is_record))
        && kind.paths.iter().any(|pattern| matches(pattern, path))
}

/// The files of one kind: one that is named for itself as a file, others as a set; those with records each with its hash.
fn resources(kind: &Contents, named: &[(String, WrittenFile)]) -> Vec<Value> {
    let types = match &kind.media_types[..] {
        [one] => json!(one),
        several => json!(several),
    };
    let of_kind = named.iter().filter(|(path, _)| is_named_in(kind, path));
    let object = |(path, file): &(String, WrittenFile)| {
        json!({
            "@type": "cr:FileObject", "@id": path, "name": path, "contentUrl": path,
            "contentSize": format!("{} B", file.bytes), "encodingFormat": types, "sha256": files::hex(&file.sha256),
        })
    };
    let mut resources: Vec<Value> = of_kind.map(object).collect();
    if is_set(kind) {
        resources.push(json!({
            "@type": "cr:FileSet", "@id": set_id(kind), "name": kind.name, "description": kind.about,
            "encodingFormat": types, "includes": kind.paths,
        }));
    }
    resources
}

fn is_set(kind: &Contents) -> bool {
    kind.paths.len() != 1 || kind.paths[0].contains('*')
}

fn set_id(kind: &Contents) -> String {
    format!("{}-set", kind.name)
}

/// Whether a path fits a pattern, in which `*` is any text.
fn matches(pattern: &str, path: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == path,
        Some((begin, rest)) => path.strip_prefix(begin).is_some_and(|path| {
            let mut ends = path.char_indices().map(|(at, _)| at).chain([path.len()]);
            ends.any(|at| matches(rest, &path[at..]))
        }),
    }
}

fn record_set(kind: &Contents, has_splits: bool) -> Value {
    let field = |member: &Member| {
        let mut field = field(kind, member);
        if has_splits && member.name == "split" {
            field["references"] = json!({ "field": { "@id": "splits/name" } });
        }
        field
    };
    json!({
        "@type": "cr:RecordSet", "@id": kind.name, "name": kind.name, "description": kind.about,
        "field": kind.members.iter().map(field).collect::<Vec<_>>(),
    })
}

fn field(kind: &Contents, member: &Member) -> Value {
    let (extract, transform) = match member.place {
        Place::Column(column) => (json!({ "column": column }), None),
        Place::Within(column, name) => (
            json!({ "column": column }),
            Some(json!({ "jsonPath": name })),
        ),
        Place::Json(path) => (json!({ "jsonPath": path }), None),
        Place::Path("(.*)") => (json!({ "fileProperty": "fullpath" }), None),
        Place::Path(regex) => (
            json!({ "fileProperty": "fullpath" }),
            Some(json!({ "regex": regex })),
        ),
        Place::Whole => (json!({ "fileProperty": "content" }), None),
    };
    let mut source = match is_set(kind) {
        true => json!({ "fileSet": { "@id": set_id(kind) }, "extract": extract }),
        false => {
            json!({ "fileObject": { "@id": kind.paths[0] }, "extract": extract })
        }
    };
    if let Some(transform) = transform {
        source["transform"] = transform;
    }
    let (data_type, is_list) = match member.kind {
        Kind::Text => ("sc:Text", false),
        Kind::Integer => ("sc:Integer", false),
        Kind::Number => ("sc:Float", false),
        Kind::Box => ("cr:BoundingBox", false),
        Kind::Image => ("sc:ImageObject", false),
        Kind::Texts => ("sc:Text", true),
        Kind::Integers => ("sc:Integer", true),
        Kind::Boxes => ("cr:BoundingBox", true),
        Kind::BoxRows => ("sc:Float", false),
    };
    let mut field = json!({
        "@type": "cr:Field", "@id": format!("{}/{}", kind.name, member.name), "name": member.name,
        "dataType": data_type, "source": source,
    });
    if is_list {
        field["repeated"] = true.into();
    }
    if member.kind == Kind::BoxRows {
        field["isArray"] = true.into();
        field["arrayShape"] = "-1,4".into();
    }
    if data_type == "cr:BoundingBox" {
        field["source"]["format"] = "XYWH".into();
    }
    field
}

/// The names of the classes, by the place that they have in every format.
fn classes(names: &[String]) -> Value {
    let row =
        |(place, name): (usize, &String)| json!({ "classes/place": place, "classes/name": name });
    json!({
        "@type": "cr:RecordSet", "@id": "classes", "name": "classes", "description": "The classes in order, from 0.",
        "dataType": "sc:Enumeration", "key": { "@id": "classes/place" },
        "field": [
            { "@type": "cr:Field", "@id": "classes/place", "name": "place", "dataType": "sc:Integer" },
            { "@type": "cr:Field", "@id": "classes/name", "name": "name", "dataType": "sc:Text" },
        ],
        "data": names.iter().enumerate().map(row).collect::<Vec<_>>(),
    })
}

fn splits(dataset: &Dataset, format: &dyn Format) -> Value {
    let url = |name: &str| match name.to_ascii_lowercase().as_str() {
        "train" | "training" => "http://mlcommons.org/croissant/TrainingSplit",
        "val" | "valid" | "validation" | "dev" => "http://mlcommons.org/croissant/ValidationSplit",
        "test" | "testing" => "http://mlcommons.org/croissant/TestSplit",
        _ => "http://mlcommons.org/croissant/Split",
    };
    let named = dataset.splits.iter().zip(format.split_names(dataset));
    let row =
        |(split, name): (&String, String)| json!({ "splits/name": name, "splits/url": url(split) });
    json!({
        "@type": "cr:RecordSet", "@id": "splits", "name": "splits", "description": "The splits.",
        "dataType": "cr:Split", "key": { "@id": "splits/name" },
        "field": [
            { "@type": "cr:Field", "@id": "splits/name", "name": "name", "dataType": "sc:Text" },
            { "@type": "cr:Field", "@id": "splits/url", "name": "url", "dataType": "sc:URL" },
        ],
        "data": named.map(row).collect::<Vec<_>>(),
    })
}

/// What the names in the description mean: section "Appendix 1" of the specification.
fn context() -> Value {
    const OF_CROISSANT: [&str; 29] = [
        "arrayShape",
        "citeAs",
        "column",
        "containedIn",
        "equivalentProperty",
        "excludes",
        "extract",
        "field",
        "fileObject",
        "fileProperty",
        "fileSet",
        "format",
        "includes",
        "isArray",
        "isLiveDataset",
        "jsonPath",
        "key",
        "md5",
        "parentField",
        "path",
        "recordSet",
        "references",
        "regex",
        "repeated",
        "replace",
        "samplingRate",
        "separator",
        "source",
        "subField",
    ];
    let mut context = json!({
        "@language": "en", "@vocab": "https://schema.org/", "sc": "https://schema.org/",
        "cr": "http://mlcommons.org/croissant/", "rai": "http://mlcommons.org/croissant/RAI/",
        "dct": "http://purl.org/dc/terms/", "conformsTo": "dct:conformsTo",
        "data": { "@id": "cr:data", "@type": "@json" }, "examples": { "@id": "cr:examples", "@type": "@json" },
        "name": { "@container": "@language" }, "description": { "@container": "@language" },
        "dataType": { "@id": "cr:dataType", "@type": "@vocab" }, "transform": "cr:transform",
    });
    for name in OF_CROISSANT {
        context[name] = format!("cr:{name}").into();
    }
    context
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text() {
        let cases = [
            ("a.csv", "a.csv", true),
            ("a.csv", "b/a.csv", false),
            ("a/*.json", "a/x.json", true),
            ("a/*.json", "a/b/x.json", true),
            ("a/*.json", "a/x.jsonl", false),
            ("*/m.jsonl", "train/m.jsonl", true),
            ("*é*", "aéé", true),
            ("*", "", true),
        ];
        for (pattern, path, wanted) in cases {
            assert_eq!(matches(pattern, path), wanted, "{pattern} {path}");
        }
    }
}
