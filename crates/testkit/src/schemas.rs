//! The published schemas, against which tests hold every file they make.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

/// Where the schema of a contract is published.
pub fn path(name: &str) -> PathBuf {
    folder().join(format!("{name}{SUFFIX}"))
}

const SUFFIX: &str = ".schema.json";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas")
}

/// Name → schema as published; `tests/whole/contracts.rs` compares these files with the types.
static SCHEMAS: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
    let mut schemas = BTreeMap::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_string_lossy();
        if let Some(name) = file.strip_suffix(SUFFIX) {
            let schema = serde_json::from_slice(&std::fs::read(&path).unwrap());
            let schema = schema.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            schemas.insert(name.to_owned(), schema);
        }
    }
    schemas
});

static VALIDATORS: LazyLock<BTreeMap<&str, Validator>> = LazyLock::new(|| {
    let validator = |schema: &Value| jsonschema::draft202012::new(schema).unwrap();
    let schemas = SCHEMAS.iter();
    schemas
        .map(|(name, schema)| (name.as_str(), validator(schema)))
        .collect()
});

/// The faults that the schema of a contract (`digest`, `localizations`, `image_map`, `downloads` for one line,
/// `report`) finds in a value.
pub fn faults(name: &str, value: &Value) -> Vec<String> {
    let validator = VALIDATORS
        .get(name)
        .unwrap_or_else(|| panic!("no schema {name}"));
    validator
        .iter_errors(value)
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect()
}

/// The faults of a file that bears a name of ours. Files that are nobody's contract have none.
pub fn file_faults(path: &str, bytes: &[u8]) -> Vec<String> {
    match path.rsplit('/').next().unwrap_or(path) {
        "image_map.json" => json_faults(Some("image_map"), bytes),
        "downloads.jsonl" => bytes
            .split_inclusive(|b| *b == b'\n')
            // A run that was killed leaves the last line without its end; the next run takes it away.
            .filter(|line| line.ends_with(b"\n"))
            .flat_map(|line| json_faults(Some("downloads"), line))
            .collect(),
        // What a full disk cut short stays a line of its own.
        "review.jsonl" => (bytes
            .split(|b| *b == b'\n')
            .filter(|line| line.ends_with(b"}")))
        .flat_map(|line| json_faults(Some("review"), line))
        .collect(),
        name if name.ends_with("failures.csv") => table_faults("failures", bytes),
        name if name.ends_with("rejects.csv") => table_faults("rejects", bytes),
        name if name.ends_with(".json") => json_faults(None, bytes),
        _ => Vec::new(),
    }
}

/// The faults of a JSON file of the contract given, else of the one it says it is.
fn json_faults(name: Option<&str>, bytes: &[u8]) -> Vec<String> {
    let value: Value = match serde_json::from_slice(bytes) {
        Ok(value) => value,
        Err(e) => return vec![format!("not JSON: {e}")],
    };
    let contract = value["contract"].as_str();
    let own = contract.and_then(|contract| contract.strip_prefix("recto/"));
    name.or(own).map_or(Vec::new(), |name| faults(name, &value))
}

/// The faults of a CSV file by its table schema: header, number of cells, what a cell may hold.
fn table_faults(name: &str, bytes: &[u8]) -> Vec<String> {
    let fields = SCHEMAS[name]["fields"].as_array().unwrap();
    let mut csv = csv::Reader::from_reader(bytes);
    let header: Vec<Value> = csv.headers().unwrap().iter().map(Value::from).collect();
    let columns: Vec<Value> = fields.iter().map(|f| f["name"].clone()).collect();
    if header != columns {
        return vec![format!("the header is {header:?}")];
    }
    let mut faults = Vec::new();
    for row in csv.records() {
        match row {
            Err(e) => faults.push(e.to_string()),
            Ok(row) => faults.extend(
                fields
                    .iter()
                    .zip(&row)
                    .filter_map(|(f, cell)| cell_fault(f, cell)),
            ),
        }
    }
    faults
}

fn cell_fault(field: &Value, cell: &str) -> Option<String> {
    let is_missing = cell.is_empty();
    let is_required = field["constraints"]["required"] == true;
    let is_number = cell.parse::<u64>().is_ok();
    let is_bad =
        (is_missing && is_required) || (!is_missing && field["type"] == "integer" && !is_number);
    is_bad.then(|| format!("{} holds `{cell}`", field["name"]))
}

/// Fails unless a value is valid by the published schema of a contract.
#[track_caller]
pub fn validate(name: &str, value: &Value) {
    let faults = faults(name, value);
    assert!(
        faults.is_empty(),
        "not a valid {name}:\n{}\n{value:#}",
        faults.join("\n")
    );
}
