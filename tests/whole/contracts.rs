//! The files between stages: what the schemas say, what the types read, and that the two agree.

use std::collections::BTreeSet;

use proptest::collection::vec as vec_of;
use proptest::prelude::*;
use recto::contracts::{self, *};
use recto::report::ReportFile;
use recto::schemas;
use recto::summary::Reject;
use recto_testkit::schemas::{faults, path, validate};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

#[test]
fn the_published_schemas_are_those_of_the_types() {
    for (name, schema) in schemas::all() {
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if std::env::var_os("RECTO_ACCEPT").is_some() {
            std::fs::create_dir_all(path(name).parent().unwrap()).unwrap();
            std::fs::write(path(name), &text).unwrap();
        }
        let published = std::fs::read_to_string(path(name)).unwrap_or_default();
        assert!(
            published == text,
            "schemas/{name}.schema.json is not what the types say; make schemas"
        );
        assert!(!text.contains("[`"), "{name} has a link that leads nowhere");
    }
    let folder = std::fs::read_dir(path("digest").parent().unwrap()).unwrap();
    assert_eq!(
        folder.count(),
        schemas::all().len(),
        "a schema of no contract"
    );
}

#[test]
fn table_schemas_name_the_columns_that_are_written() {
    let columns = |name: &str| -> Vec<String> {
        let schema = schemas::all()
            .into_iter()
            .find(|(n, _)| *n == name)
            .unwrap()
            .1;
        let fields = schema["fields"].as_array().unwrap().clone();
        for field in &fields {
            assert!(
                field["description"].as_str().is_some_and(|d| !d.is_empty()),
                "{field}"
            );
            assert!(
                ["string", "integer"].contains(&field["type"].as_str().unwrap()),
                "{field}"
            );
        }
        fields
            .iter()
            .map(|f| f["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(columns("failures"), Failure::HEADER);
    let written = serde_json::to_value(Reject::new("a", "b", "c", "d")).unwrap();
    let written: Vec<&String> = written.as_object().unwrap().keys().collect();
    assert_eq!(columns("rejects").iter().collect::<Vec<_>>(), written);
}

// Samples that hold every member, and every variant of every member.

fn service() -> Value {
    json!({"id": "https://example.org/iiif/a", "version": 3, "level": 2, "region": [1, 2, 3, 4]})
}

fn image() -> Value {
    json!({"url": "https://example.org/a.jpg", "service": service(), "width": 30, "height": 40, "media_type": "image/jpeg",
        "sha256": "0123456789abcdef".repeat(4), "names": ["a.jpg"], "whole": [3000, 4000],
        "fallbacks": ["https://mirror.example/a.jpg"]})
}

fn taxonomy() -> Value {
    let lineage = json!([{"name": "object"}, {"rank": "genus", "name": "Aegina"}]);
    json!({"Aegina": {"lineage": lineage, "alternative_names": ["narcomedusa"]}})
}

fn provenance() -> Value {
    json!({
        "kind": "iiif", "manifest": "https://example.org/m", "canvas": "https://example.org/c",
        "labels": {"manifest": "Psalter", "canvas": "f. 1r", "image": "infra-red"},
        "rights": "https://creativecommons.org/publicdomain/mark/1.0/", "attribution": "A library",
    })
}

fn digest() -> Value {
    json!({
        "contract": "recto/digest", "version": 1,
        "source": {"kind": "iiif", "inputs": ["m.json"], "filters": ["--limit 3"]},
        "observations": [{
            "id": "https://example.org/iiif/a", "image": image(), "source": provenance(), "group": "Psalter",
            "metadata": {"Date": ["1200", ""]}, "canvas": [1000, 800.5], "placement": [-1, 0, 10.5, 20], "rotation": -90.5,
            "see_also": [{"url": "https://example.org/1.xml", "format": "text/xml", "profile": "http://www.loc.gov/standards/alto/v3/alto.xsd", "label": "ALTO"}],
            "annotations": [{
                "id": "a1", "motivation": ["tagging"],
                "bodies": [{"purpose": "tagging", "value": "alef", "label": "Alef", "format": "text/plain", "language": "en"}],
                "regions": [
                    {"frame": "canvas", "fragment": "xywh=1,2,3,4", "svg": "<g/>", "point": [1.5, 2.5]},
                    {"frame": "image"},
                ],
                "attributes": {"confidence": 0.5, "creator": null},
            }],
            "rejected": true,
        }],
        "taxonomy": taxonomy(),
        "reviews": reviews(),
    })
}

/// A correction of each kind, what is said of images, the parts of images named in each way.
fn reviews() -> Vec<Value> {
    let person = json!({"type": "Person", "name": "A. Reader"});
    let line = |kind: &str, object: Value| {
        json!({
            "@context": ["http://www.w3.org/ns/anno.jsonld", "https://www.w3.org/ns/activitystreams"],
            "type": kind, "actor": person, "endTime": "2024-05-06T07:08:09Z", "target": "https://example.org/iiif/a",
            "object": object,
        })
    };
    let drawn = |selector: Value| {
        json!({
            "id": "review-1", "type": "Annotation", "motivation": "tagging",
            "body": [{"type": "TextualBody", "purpose": "tagging", "value": "bet"}],
            "target": {"type": "SpecificResource", "source": "https://example.org/iiif/a", "frame": [1000, 800.5],
                "selector": selector},
            "attributes": {"text": "b", "note": null},
            "creator": person, "created": "2024-05-06T07:08:09Z",
        })
    };
    let image =
        |body: Value| json!({"id": "https://example.org/iiif/a", "type": "Image", "body": body});
    let class = json!([{"type": "TextualBody", "purpose": "tagging", "value": "torn"}]);
    let whole = json!({"id": "https://example.org/iiif/a", "type": "Image"});
    let conforms = "http://www.w3.org/TR/media-frags/";
    let fragment =
        json!({"type": "FragmentSelector", "conformsTo": conforms, "value": "xywh=1,2,3,4.5"});
    let outline =
        json!({"type": "SvgSelector", "value": "<svg><polygon points=\"1,2 4,2 4,6.5\"/></svg>"});
    let known = json!({"id": "review-1", "type": "Annotation"});
    vec![
        line("Create", drawn(fragment)),
        line("Update", drawn(outline)),
        line("Accept", known.clone()),
        line("Delete", known),
        line("View", whole.clone()),
        line("Flag", whole.clone()),
        line("Undo", whole),
        line("Add", image(class.clone())),
        line("Remove", image(class)),
    ]
}

fn localizations() -> Value {
    json!({
        "contract": "recto/localizations", "version": 1,
        "images": [{
            "id": "https://example.org/iiif/a", "image": image(), "source": provenance(), "group": "Psalter",
            "metadata": {"Date": ["1200"]}, "labels": ["recto"], "frame": [1000, 800], "in_pixels": true,
            "painted": {"area": [10, 0, 500.5, 400], "rotation": 22.5}, "rejected": true,
            "localizations": [{
                "id": "a1", "concept": "alef", "bbox": [1, 2, 3, 4.5],
                "polygon": [[1, 2], [4, 2], [4, 6.5]],
                "holes": [[[3, 3], [3.5, 3], [3.5, 3.5]]], "attributes": {"text": "words"},
            }],
        }],
        "taxonomy": taxonomy(),
    })
}

fn image_map() -> Value {
    json!({"https://example.org/iiif/a": "images/Psalter/a.jpg", "b": "b..jpg"})
}

fn download() -> Value {
    json!({
        "recto": "download/1",
        "id": "https://example.org/iiif/a", "path": "images/a.jpg", "uri": "https://example.org/iiif/a/full/max/0/default.jpg",
        "bytes": 12345, "sha256": "0123456789abcdef".repeat(4), "width": 30, "height": 40, "media_type": "image/jpeg",
        "method": "stitched", "attempts": 3, "regions": 2, "etag": "\"x\"", "last_modified": "Tue, 15 Nov 1994 12:45:26 GMT",
        "redirected_to": "https://example.org/b.jpg", "pack": {"tar": "images-00000.tar", "offset": 512},
        "region": {"uri": "https://example.org/iiif/a/0,0,9,9/max/0/default.jpg", "sha256": "0123456789abcdef".repeat(4),
            "etag": "\"y\"", "last_modified": "Tue, 15 Nov 1994 12:45:26 GMT", "size": [30, 40]},
        "when": "2024-05-06T07:08:09Z", "notes": ["cap 1000 x 1000"], "asked": "full/max jpg",
    })
}

fn report() -> Value {
    json!({
        "contract": "recto/report", "version": 1, "stage": "extract", "exit": 3, "error": "what happened",
        "seen": 4, "filtered": 1, "read": 3, "kept": 2, "rejected": 1, "reasons": {"fragment has no extent": 1},
        "changes": {"gone": ["a"]}, "notes": ["news"], "elapsed_seconds": 0.25, "images": 1, "localizations": 2,
    })
}

fn dataset() -> Value {
    let count = json!({"images": 2, "boxes": 3, "negatives": 1, "groups": 2});
    json!({
        "contract": "recto/dataset", "version": 1, "format": "coco", "conventions": "boxes in pixels",
        "recto": "0.1.0", "command": "recto-reformat l.json -f coco",
        "dataset_version": "1.1.0", "previous": {"version": "1.0.0", "sha256": "fedcba9876543210".repeat(4)},
        "inputs": [{"name": "l.json", "sha256": "fedcba9876543210".repeat(4)}],
        "sources": [{"rights": "CC0", "attribution": "A library", "images": 3, "manifest_count": 2, "manifests": ["m", "n"]}],
        "classes": [{"name": "alef", "boxes": 3}], "total": count, "splits": {"train": count},
        "groups": {"manuscript": "train"}, "split": "train=0.8,val=0.2", "seed": 7, "left_out": {"not downloaded": 2}, "filtered": 1, "notes": ["one"],
        "files": [{"path": "images/a.jpg", "bytes": 12345, "sha256": "0123456789abcdef".repeat(4)}],
    })
}

/// Reads a sample by its type and writes it again.
fn reread(name: &str, sample: &Value) -> Result<Value, String> {
    fn through<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Result<Value, String> {
        let read: T = contracts::parse_json(bytes, "x").map_err(|e| e.to_string())?;
        Ok(serde_json::to_value(read).unwrap())
    }
    fn contract<T: Contract>(bytes: &[u8]) -> Result<Value, String> {
        let read: T = contracts::parse(bytes, "x").map_err(|e| e.to_string())?;
        Ok(serde_json::to_value(read).unwrap())
    }
    let bytes = serde_json::to_vec(sample).unwrap();
    match name {
        "digest" => contract::<Digest>(&bytes),
        "localizations" => contract::<Localizations>(&bytes),
        "image_map" => through::<ImageMap>(&bytes),
        "downloads" => through::<Download>(&bytes),
        "dataset" => contract::<DatasetFile>(&bytes),
        "report" => through::<ReportFile>(&bytes),
        "plan" => contract::<ShardPlan>(&bytes),
        "set" => through::<SetFolder>(&bytes),
        "review" => through::<Review>(&bytes),
        "lock" => through::<LockedImage>(&bytes),
        "lock_documents" => through::<LockedDocument>(&bytes),
        "difference" => through::<Difference>(&bytes),
        other => panic!("no sample of {other}"),
    }
}

fn plan() -> Value {
    let host = json!({"host": "a.example", "images": 2, "requests": 3, "shared_by": 1});
    let shard = json!({"file": "shard-00000.json", "sha256": "0".repeat(64), "images": 2, "requests": 3, "hosts": [host]});
    json!({"contract": "recto/plan", "version": 1, "set_sha256": "0".repeat(64), "images": 2, "requests": 3,
           "shared_names": ["0123456789abcdef"], "shared_names_in_packs": ["0123456789abcdef"], "shards": [shard]})
}

fn locked() -> Value {
    json!({
        "id": "https://example.org/iiif/a", "uri": "https://example.org/iiif/a/full/max/0/default.jpg", "path": "images/a.jpg",
        "bytes": 12345, "sha256": "0123456789abcdef".repeat(4), "width": 30, "height": 40, "media_type": "image/jpeg",
        "method": "bytes", "etag": "\"x\"", "last_modified": "Tue, 15 Nov 1994 12:45:26 GMT",
        "fingerprint": "0123456789abcdef",
    })
}

fn locked_document() -> Value {
    json!({
        "url": "https://example.org/anno/query", "request": "{\"limit\":10}", "bytes": 12345, "sha256": "0123456789abcdef".repeat(4),
        "etag": "\"x\"", "last_modified": "Tue, 15 Nov 1994 12:45:26 GMT",
    })
}

/// A difference of each kind, with every member.
fn differences() -> Vec<Value> {
    let of = |change: &str| {
        json!({"recto": "difference/1", "change": change, "id": "https://example.org/iiif/a", "box": "a1", "member": "url",
            "from": [1, 2, 3, 4], "to": "alef", "iou": 0.75})
    };
    let changes = "new gone missing moved picture bytes contents size new-box gone-box box outline label box-id attribute labels \
        rights attribution group metadata class split";
    changes.split_whitespace().map(of).collect()
}

fn set_in_parts() -> Value {
    let part = json!({"file": "part-00000.jsonl", "count": 1, "sha256": "0".repeat(64)});
    let head = json!({"contract": "recto/localizations", "version": 1});
    json!({"contract": "recto/set", "version": 1, "count": 1, "head": head, "parts": [part]})
}

fn samples() -> Vec<(&'static str, Value)> {
    let further = [
        ("digest", digest()),
        ("localizations", localizations()),
        ("image_map", image_map()),
        ("downloads", download()),
        ("dataset", dataset()),
        ("report", report()),
        ("plan", plan()),
        ("lock", locked()),
        ("lock_documents", locked_document()),
        ("set", set_in_parts()),
    ];
    let reviews = reviews().into_iter().map(|line| ("review", line));
    let differences = differences().into_iter();
    let differences = differences.map(|line| ("difference", line));
    reviews.chain(further).chain(differences).collect()
}

#[test]
fn a_sample_of_every_contract_is_valid_by_schema_and_type() {
    for (name, sample) in samples() {
        validate(name, &sample);
        let written = reread(name, &sample).unwrap();
        validate(name, &written);
        assert_eq!(written, sample, "{name}");
    }
}

#[test]
fn the_samples_hold_every_member_and_variant() {
    for (name, schema) in schemas::all() {
        let samples = samples().into_iter().filter(|(n, _)| *n == name);
        let samples: Vec<Value> = samples.map(|(_, sample)| sample).collect();
        if samples.is_empty() {
            assert!(schema["fields"].is_array(), "{name} has no sample");
            continue;
        }
        let mut named = BTreeSet::new();
        members("", &schema, &mut named);
        for (def, schema) in schema["$defs"].as_object().into_iter().flatten() {
            members(def, schema, &mut named);
        }
        let mut seen = BTreeSet::new();
        for sample in samples {
            visit("", &schema, &schema, &sample, &mut seen);
        }
        let missing: Vec<_> = named.difference(&seen).collect();
        assert!(missing.is_empty(), "the sample of {name} lacks {missing:?}");
    }
}

/// What a schema names: `Type.member` and `Type=variant`.
fn members(def: &str, schema: &Value, named: &mut BTreeSet<String>) {
    for member in schema["properties"].as_object().into_iter().flatten() {
        named.insert(format!("{def}.{}", member.0));
    }
    for variant in schema["oneOf"].as_array().into_iter().flatten() {
        named.insert(format!("{def}={}", variant["const"]));
    }
}

/// What of it a value holds.
fn visit(def: &str, schema: &Value, root: &Value, value: &Value, seen: &mut BTreeSet<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.trim_start_matches("#/$defs/");
        return visit(name, &root["$defs"][name], root, value, seen);
    }
    for choice in schema["anyOf"].as_array().into_iter().flatten() {
        visit(def, choice, root, value, seen);
    }
    for variant in schema["oneOf"].as_array().into_iter().flatten() {
        if variant["const"] == *value {
            seen.insert(format!("{def}={value}"));
        }
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(value) = value.get(name) {
            seen.insert(format!("{def}.{name}"));
            visit(def, member, root, value, seen);
        }
    }
    for item in value.as_array().into_iter().flatten() {
        visit(def, &schema["items"], root, item, seen);
    }
    for item in value.as_object().into_iter().flatten() {
        visit(def, &schema["additionalProperties"], root, item.1, seen);
    }
}

#[test]
fn what_is_not_a_contract_is_refused_by_schema_and_type() {
    let observation = "/observations/0";
    let localization = "/images/0/localizations/0";
    // (contract, where, what stands there instead; null: nothing)
    let cases = [
        (
            "digest",
            "/contract".to_owned(),
            json!("recto/localizations"),
        ),
        ("digest", "/contract".into(), Value::Null),
        ("digest", "/reviews".into(), json!({})),
        ("digest", "/reviews/0/type".into(), json!("Move")),
        ("review", "/type".into(), Value::Null),
        ("review", "/target".into(), json!(3)),
        ("review", "/endTime".into(), Value::Null),
        ("review", "/object/id".into(), Value::Null),
        ("review", "/object/body".into(), json!("bet")),
        (
            "review",
            "/object/target/selector/type".into(),
            json!("PointSelector"),
        ),
        ("digest", "/version".into(), json!(2)),
        ("digest", "/version".into(), json!("1")),
        ("digest", "/source".into(), Value::Null),
        ("digest", "/observations".into(), json!({})),
        ("digest", format!("{observation}/id"), json!(3)),
        ("digest", format!("{observation}/image"), Value::Null),
        ("digest", format!("{observation}/image/width"), json!(-1)),
        ("digest", format!("{observation}/image/width"), json!(1.5)),
        (
            "digest",
            format!("{observation}/image/service/region"),
            json!([1, 2, 3]),
        ),
        (
            "digest",
            format!("{observation}/metadata/Date"),
            json!("1200"),
        ),
        ("digest", format!("{observation}/canvas"), json!([0, 800])),
        ("digest", format!("{observation}/canvas"), json!([1000])),
        (
            "digest",
            format!("{observation}/placement"),
            json!([0, 0, 0, 1]),
        ),
        ("digest", format!("{observation}/see_also/0/url"), json!(3)),
        (
            "digest",
            format!("{observation}/annotations/0/regions"),
            Value::Null,
        ),
        (
            "digest",
            format!("{observation}/annotations/0/regions/0/frame"),
            json!("page"),
        ),
        (
            "digest",
            format!("{observation}/annotations/0/regions/0/point"),
            json!([1]),
        ),
        (
            "digest",
            format!("{observation}/annotations/0/bodies/0/value"),
            json!(3),
        ),
        ("localizations", "/images".into(), Value::Null),
        ("localizations", "/contract".into(), json!("recto/digest")),
        ("localizations", "/images/0/frame".into(), json!([1000, -1])),
        ("localizations", "/images/0/labels".into(), json!("recto")),
        (
            "localizations",
            format!("{localization}/concept"),
            Value::Null,
        ),
        (
            "localizations",
            format!("{localization}/bbox"),
            json!([1, 2, 0, 4]),
        ),
        (
            "localizations",
            format!("{localization}/bbox"),
            json!([1, 2, 3, -4]),
        ),
        (
            "localizations",
            format!("{localization}/bbox"),
            json!([1, 2, 3]),
        ),
        (
            "localizations",
            format!("{localization}/bbox"),
            json!([1, 2, 3, 4, 5]),
        ),
        (
            "localizations",
            format!("{localization}/bbox"),
            json!([1, 2, 3, "4"]),
        ),
        (
            "localizations",
            format!("{localization}/polygon"),
            json!([[1, 2], [3, 4]]),
        ),
        (
            "localizations",
            format!("{localization}/polygon"),
            json!([[1, 2], [3, 4], [5]]),
        ),
        ("image_map", "/b".into(), json!(3)),
        ("downloads", "/recto".into(), Value::Null),
        ("downloads", "/sha256".into(), Value::Null),
        ("downloads", "/bytes".into(), json!(-1)),
        ("dataset", "/contract".into(), json!("recto/digest")),
        ("dataset", "/total/boxes".into(), json!(-1)),
        ("dataset", "/files/0/sha256".into(), Value::Null),
        ("report", "/kept".into(), json!("2")),
    ];
    for (name, place, instead) in cases {
        let bad = changed(name, &place, &instead);
        assert!(
            !faults(name, &bad).is_empty(),
            "the schema of {name} takes {place} = {instead}"
        );
        assert!(
            reread(name, &bad).is_err(),
            "the type of {name} takes {place} = {instead}"
        );
    }
}

/// The schema alone refuses these. The types read them: what they would break is found where it matters, by
/// record, and one record out of 10,000 is no reason to refuse the file.
#[test]
fn the_schema_is_stricter_than_the_type_in_these() {
    let cases = [
        ("digest", "/observations/0/image", json!({})),
        ("digest", "/observations/0/image/service/version", json!(9)),
        ("image_map", "/b", json!("../b.jpg")),
        ("image_map", "/b", json!("/b.jpg")),
        ("image_map", "/b", json!("a/../../b.jpg")),
        ("image_map", "/b", json!("a\\b.jpg")),
        ("downloads", "/recto", json!("download/9")),
        ("downloads", "/sha256", json!("ABC")),
        ("downloads", "/method", json!("stretched")),
        ("dataset", "/files/0/sha256", json!("ABC")),
        ("report", "/stage", json!("lunch")),
    ];
    for (name, place, instead) in cases {
        let bad = changed(name, place, &instead);
        assert!(
            !faults(name, &bad).is_empty(),
            "the schema of {name} takes {place} = {instead}"
        );
        assert!(
            reread(name, &bad).is_ok(),
            "the type of {name} refuses {place} = {instead}"
        );
    }
}

/// And the type alone refuses this, which JSON Schema cannot say.
#[test]
fn the_type_is_stricter_than_the_schema_in_these() {
    let cases = [(
        "localizations",
        "/images/0/localizations/0/polygon",
        json!([[1, 2], [3, 4], [1, 2]]), // closed, two points are left
    )];
    for (name, place, instead) in cases {
        let bad = changed(name, place, &instead);
        assert!(faults(name, &bad).is_empty(), "{place} = {instead}");
        assert!(reread(name, &bad).is_err(), "{place} = {instead}");
    }
}

fn changed(name: &str, place: &str, instead: &Value) -> Value {
    let mut sample = samples().into_iter().find(|(n, _)| *n == name).unwrap().1;
    let (parent, member) = place.rsplit_once('/').unwrap();
    let parent = sample
        .pointer_mut(parent)
        .unwrap_or_else(|| panic!("{name} has no {place}"));
    assert!(parent.get(member).is_some(), "{name} has no {place}");
    match instead {
        Value::Null => drop(parent.as_object_mut().unwrap().remove(member)),
        value => parent[member] = value.clone(),
    }
    sample
}

#[test]
fn an_older_program_reads_a_newer_file_of_the_same_version() {
    for (name, sample) in samples() {
        // Every other member of an image map is an image; every other number of a report is a count; a set in parts has the head
        // of another contract.
        if ["image_map", "report", "set"].contains(&name) {
            continue;
        }
        let mut newer = sample.clone();
        extend(&mut newer);
        validate(name, &newer);
        assert_eq!(reread(name, &newer).unwrap(), sample, "{name}");
    }
}

/// Adds a member to every object but those whose keys are data.
fn extend(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (key, member) in members.iter_mut() {
                match key.as_str() {
                    "metadata" | "attributes" | "splits" | "left_out" => {}
                    "groups" if member.is_object() => {}
                    "taxonomy" => member
                        .as_object_mut()
                        .unwrap()
                        .values_mut()
                        .for_each(extend),
                    _ => extend(member),
                }
            }
            members.insert("since_tomorrow".into(), json!({"a": [1]}));
        }
        Value::Array(items) => items.iter_mut().for_each(extend),
        _ => {}
    }
}

#[test]
fn a_newer_program_reads_the_least_that_older_ones_wrote() {
    let digest = json!({
        "contract": "recto/digest", "version": 1, "source": {"kind": "table", "inputs": []},
        "observations": [{
            "id": "a", "image": {"url": "a.jpg"}, "source": {"kind": "table"}, "group": "",
            "annotations": [{"id": "", "regions": [{"frame": "canvas"}]}],
        }],
    });
    let localizations = json!({
        "contract": "recto/localizations", "version": 1,
        "images": [{"id": "a", "image": {"url": "a.jpg"}, "source": {"kind": "table"}, "group": ""}],
    });
    for (name, least) in [
        ("digest", digest),
        ("localizations", localizations),
        ("image_map", json!({})),
    ] {
        validate(name, &least);
        let written = reread(name, &least).unwrap();
        validate(name, &written);
    }
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![(-1000i32..100_000).prop_map(f64::from), -1e7..1e7]
}

fn side() -> impl Strategy<Value = f64> {
    prop_oneof![(1u32..100_000).prop_map(f64::from), 1e-3..1e7]
}

fn bbox() -> impl Strategy<Value = BBox> {
    (number(), number(), side(), side()).prop_map(|(x, y, width, height)| BBox {
        x,
        y,
        width,
        height,
    })
}

fn frame() -> impl Strategy<Value = Frame> {
    (side(), side()).prop_map(|(width, height)| Frame { width, height })
}

fn polygon() -> impl Strategy<Value = Polygon> {
    let points = vec_of((number(), number()).prop_map(|(x, y)| [x, y]), 3..8);
    points.prop_filter_map("closed too soon", |points| Polygon::try_from(points).ok())
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![".{0,12}", "[a-z\"\\\\,\n<&é\u{5d0}]{0,8}"]
}

fn maybe<T: std::fmt::Debug + Clone + 'static>(
    some: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Option<T>> {
    proptest::option::of(some).boxed()
}

fn image_ref() -> impl Strategy<Value = ImageRef> {
    let service = (text(), 1u8..4, maybe(0u8..3), maybe(any::<[u32; 4]>())).prop_map(
        |(id, version, level, region)| Service {
            id,
            version,
            level,
            region,
        },
    );
    (
        text(),
        maybe(service),
        maybe(1u32..9999),
        maybe(1u32..9999),
        maybe(text()),
        maybe("[0-9a-f]{64}"),
        vec_of(text(), 0..2),
        maybe(any::<[u32; 2]>()),
        vec_of(text(), 0..2),
    )
        .prop_map(
            |(url, service, width, height, media_type, sha256, names, whole, fallbacks)| ImageRef {
                url: Some(url),
                fallbacks,
                service,
                names,
                width,
                height,
                media_type,
                sha256,
                whole,
            },
        )
}

fn annotation() -> impl Strategy<Value = Annotation> {
    let space = prop_oneof![Just(Space::Canvas), Just(Space::Image)];
    let point = (number(), number()).prop_map(|(x, y)| [x, y]);
    let region = (space, maybe(text()), maybe(text()), maybe(point)).prop_map(
        |(frame, fragment, svg, point)| Region {
            frame,
            fragment,
            svg,
            point,
        },
    );
    let body = (
        maybe(text()),
        text(),
        maybe(text()),
        maybe(text()),
        maybe(text()),
    )
        .prop_map(|(purpose, value, label, format, language)| Body {
            purpose,
            value,
            label,
            format,
            language,
        });
    (
        text(),
        vec_of(text(), 0..3),
        vec_of(body, 0..3),
        vec_of(region, 1..3),
    )
        .prop_map(|(id, motivation, bodies, regions)| {
            let attributes = [("n".to_owned(), json!({"a": [1, null, "x"]}))].into();
            Annotation {
                id,
                motivation,
                bodies,
                regions,
                attributes,
            }
        })
}

fn observation() -> impl Strategy<Value = Observation> {
    let metadata = proptest::collection::btree_map(text(), vec_of(text(), 0..3), 0..3);
    let annotations = vec_of(annotation(), 0..3);
    let numbers = (maybe(frame()), maybe(bbox()), maybe(-360.0..720.0f64));
    let link = (text(), maybe(text()), maybe(text()), maybe(text()));
    let link = link.prop_map(|(url, format, profile, label)| SeeAlso {
        url,
        format,
        profile,
        label,
    });
    let links = vec_of(link, 0..2);
    (
        text(),
        image_ref(),
        text(),
        metadata,
        numbers,
        links,
        annotations,
    )
        .prop_map(
            |(id, image, group, metadata, numbers, see_also, annotations)| Observation {
                rejected: id.len() % 2 == 1,
                id,
                image,
                source: Provenance::default(),
                group,
                metadata,
                canvas: numbers.0,
                placement: numbers.1,
                rotation: numbers.2,
                see_also,
                annotations,
            },
        )
}

fn localized() -> impl Strategy<Value = LocalizedImage> {
    let localization =
        (text(), text(), bbox(), maybe(polygon())).prop_map(|(id, concept, bbox, polygon)| {
            Localization {
                id,
                concept,
                bbox,
                polygon,
                holes: Vec::new(),
                attributes: [("text".to_owned(), json!("x"))].into(),
            }
        });
    (
        text(),
        image_ref(),
        vec_of(text(), 0..3),
        maybe(frame()),
        vec_of(localization, 0..3),
    )
        .prop_map(|(id, image, labels, frame, localizations)| LocalizedImage {
            id,
            image,
            labels,
            frame,
            localizations,
            ..LocalizedImage::default()
        })
}

proptest! {
    #[test]
    fn digests_are_read_as_they_were_written(observations in vec_of(observation(), 0..3)) {
        let digest = Digest::new(SourceQuery::default(), observations);
        let bytes = serde_json::to_vec_pretty(&digest).unwrap();
        prop_assert_eq!(&contracts::parse::<Digest>(&bytes, "x").unwrap(), &digest);
        validate("digest", &serde_json::from_slice(&bytes).unwrap());
    }

    #[test]
    fn localizations_are_read_as_they_were_written(images in vec_of(localized(), 0..3)) {
        let localizations = Localizations::new(images);
        let bytes = serde_json::to_vec_pretty(&localizations).unwrap();
        prop_assert_eq!(&contracts::parse::<Localizations>(&bytes, "x").unwrap(), &localizations);
        validate("localizations", &serde_json::from_slice(&bytes).unwrap());
    }

    #[test]
    fn a_file_that_was_cut_short_is_refused_by_name(at in 0usize..1000) {
        let whole = serde_json::to_vec(&digest()).unwrap();
        let cut = &whole[..at % whole.len()];
        let error = contracts::parse::<Digest>(cut, "cut.json").unwrap_err().to_string();
        prop_assert!(error.starts_with("error: cut.json:"), "{}", error);
    }
}

/// Every test folder does this when it ends; here are files that it must not let pass.
#[test]
fn files_that_programs_make_are_held_against_the_schemas() {
    let good = [
        ("out/digest.json", digest().to_string()),
        ("image_map.json", image_map().to_string()),
        ("out/dataset.json", dataset().to_string()),
        ("images/downloads.jsonl", format!("{}\n{{\"re", download())),
        (
            "failures.csv",
            "id,url,path,kind,status,attempts,message\na,b,c,d,,1,e\n".into(),
        ),
        (
            "a.rejects.csv",
            "input,record,field,problem\na,b,c,\"d,\nd\"\n".into(),
        ),
        ("someone/elses.json", "{\"contract\":\"rent\"}".into()),
        ("notes.txt", "{".into()),
    ];
    let bad = [
        (
            "any.json",
            changed("digest", "/version", &json!(2)).to_string(),
        ),
        (
            "localizations.json",
            changed("localizations", "/images/0/id", &json!(1)).to_string(),
        ),
        (
            "report.json",
            changed("report", "/kept", &Value::Null).to_string(),
        ),
        (
            "dataset.json",
            changed("dataset", "/files/0/bytes", &json!("1")).to_string(),
        ),
        ("cut.json", "{".into()),
        ("image_map.json", "{\"a\":\"/a.jpg\"}".into()),
        (
            "images/downloads.jsonl",
            format!(
                "{}\n{}\n",
                download(),
                changed("downloads", "/bytes", &json!(-1))
            ),
        ),
        (
            "failures.csv",
            "id,url,path,kind,status,attempts,message\na,b,c,d,,many,e\n".into(),
        ),
        (
            "out/failures.csv",
            "id,url,path,kind,attempts,message\n".into(),
        ),
        ("rejects.csv", "input,record,field,problem\na,,c,d\n".into()),
        (
            "a.rejects.csv",
            "input,record,field,problem\na,b,c\n".into(),
        ),
    ];
    let work = recto_testkit::Workdir::new();
    // Past `write`, which remembers what a test wrote itself.
    let make = |name: &str, text: &str| {
        let path = work.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    good.iter().for_each(|(name, text)| make(name, text));
    assert_eq!(work.faults(), Vec::<String>::new());
    for (name, text) in bad {
        make(name, &text);
        let faults = work.faults();
        assert_eq!(faults.len(), 1, "{name}: {faults:?}");
        assert!(faults[0].starts_with(&format!("{name}: ")), "{faults:?}");
        std::fs::remove_file(work.path(name)).unwrap();
    }
    let foreign = changed("digest", "/version", &json!(2));
    work.write_json("mine.json", &foreign);
    assert_eq!(work.faults(), Vec::<String>::new(), "a test wrote it");
}
