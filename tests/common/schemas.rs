//! The published schemas, against which tests hold every file they make.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

/// Where the schema of a contract is published.
pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schemas/{name}.schema.json"))
}

/// The schemas of the types; `tests/contracts.rs` holds the published ones to them.
static VALIDATORS: LazyLock<BTreeMap<&str, Validator>> = LazyLock::new(|| {
    let validator = |schema: &Value| jsonschema::draft202012::new(schema).unwrap();
    recto::schemas::all()
        .into_iter()
        .map(|(name, schema)| (name, validator(&schema)))
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
