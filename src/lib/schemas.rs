//! Schemas of the contracts for other programs: JSON Schema for JSON files, Table Schema for CSV files. They are
//! generated from the types in [`contracts`](crate::contracts) and [`report`](crate::report) and stored in `schemas/`.

use std::sync::LazyLock;

use regex::Regex;
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Value, json};

use crate::contracts::{
    Change, DatasetFile, Difference, Digest, Download, Failure, ImageMap, Localizations,
    LockedDocument, LockedImage, Review, SetFolder, ShardPlan,
};
use crate::report::ReportFile;
use crate::summary::Reject;

/// All schemas: the file name without `.schema.json`, and the schema.
pub fn all() -> Vec<(&'static str, Value)> {
    vec![
        ("digest", object::<Digest>("digest.json, version 1")),
        (
            "localizations",
            object::<Localizations>("localizations.json, version 1"),
        ),
        ("image_map", image_map()),
        (
            "downloads",
            object::<Download>("A line of downloads.jsonl, the journal of finished images"),
        ),
        (
            "lock",
            object::<LockedImage>("A line of recto.lock: an image"),
        ),
        (
            "lock_documents",
            object::<LockedDocument>("A line of recto.lock: a document"),
        ),
        (
            "set",
            object::<SetFolder>("set.json, version 1: a set in parts"),
        ),
        (
            "plan",
            object::<ShardPlan>("plan.json of recto-shard, version 1"),
        ),
        ("dataset", object::<DatasetFile>("dataset.json, version 1")),
        (
            "report",
            object::<ReportFile>("The file of --report, version 1"),
        ),
        (
            "review",
            object::<Review>("A line of a file of reviews, written by recto-serve --review"),
        ),
        (
            "difference",
            object::<Difference>("A line of recto diff --json"),
        ),
        ("changes", table::<Change>("changes.csv")),
        ("failures", table::<Failure>("failures.csv")),
        ("rejects", table::<Reject>("rejects.csv")),
    ]
}

/// The JSON Schema (2020-12) of what a type reads.
fn object<T: JsonSchema>(title: &str) -> Value {
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    let mut schema = SchemaGenerator::new(settings)
        .into_root_schema_for::<T>()
        .to_value();
    schema["title"] = title.into();
    unlink(&mut schema);
    schema
}

fn image_map() -> Value {
    let mut schema = object::<ImageMap>("image_map.json");
    schema["description"] =
        "Image id to path, relative to the map's own folder, `/` as separator. It lists only files that exist and were verified. \
         Of an image in a tar file, `#pack=`, the path of that file, `&offset=`, where its bytes begin there, `&length=`, and how \
         many there are, follow; of one in an object store it is the URL."
            .into();
    // Neither absolute nor on a drive, and not outside the folder.
    schema["additionalProperties"] = json!({
        "type": "string",
        "pattern": r"^(?!/)(?![A-Za-z]:)(?!\.\.(/|$))(?!.*/\.\.(/|$))[^\\]+$",
    });
    schema
}

/// The Table Schema of a type whose members are the columns, in order.
fn table<T: JsonSchema>(title: &str) -> Value {
    let schema = object::<T>(title);
    let required = &schema["required"];
    let is_required = |name: &str| {
        required
            .as_array()
            .is_some_and(|r| r.iter().any(|n| n == name))
    };
    let columns = schema["properties"].as_object().into_iter().flatten();
    let fields: Vec<Value> = columns
        .map(|(name, member)| {
            json!({
                "name": name,
                "type": column_type(&member["type"]),
                "description": member["description"],
                "constraints": {"required": is_required(name)},
            })
        })
        .collect();
    json!({
        "title": title,
        "description": schema["description"],
        "fields": fields,
        "missingValues": [""],
    })
}

/// `integer` or `string`, also for a member that may be absent.
fn column_type(types: &Value) -> Value {
    match types {
        Value::Array(several) => several.first().cloned().unwrap_or_default(),
        one => one.clone(),
    }
}

/// Replaces links of the documentation, which cannot be followed from a schema, by plain names.
fn unlink(schema: &mut Value) {
    // The pattern is constant, and a test uses it.
    static LINK: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\[(`[^`]+`)\](\([^)]*\))?").expect("a regular expression"));
    match schema {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "description" => {
                        let joined = text.replace('\n', " ");
                        *text = LINK.replace_all(&joined, "$1").into_owned();
                    }
                    member => unlink(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(unlink),
        _ => {}
    }
}
