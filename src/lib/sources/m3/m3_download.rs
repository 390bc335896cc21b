//! Digests of m3-download: a list of observations as annosaurus answers them. Imaged moments are read too.

use serde_json::Value;

use super::rows::Row;
use super::{Options, pictures};
use crate::contracts::{Asked, Digest};
use crate::error::Error;
use crate::sources::Found;
use crate::summary::Reject;

/// A list as a digest of ours, and what in it cannot be used. `name` is what messages call it.
pub fn digest(
    name: &str,
    list: &[Value],
    options: &Options,
) -> Result<(Digest, Vec<Reject>), Error> {
    check_kind(name, list)?;
    let mut found = Found::default();
    for (i, record) in list.iter().enumerate() {
        if record["observations"].is_array() {
            for row in Row::of_moment(record) {
                row.read(name, options, &mut found);
            }
        } else if record["associations"].is_array() {
            Row::flat(record).read(name, options, &mut found);
        } else if let Some(problem) = fault(record) {
            let place = format!("record {}", i + 1);
            found
                .rejects
                .push(Reject::new(name, place, "associations", problem));
        }
    }
    let found = pictures::choose(found, options);
    let asked = Asked {
        kind: "m3".into(),
        inputs: vec![name.to_owned()],
        filters: Vec::new(),
    };
    Ok((Digest::new(asked, found.observations), found.rejects))
}

/// Why a record is no observation. One without associations has no boxes, which is no fault.
fn fault(record: &Value) -> Option<String> {
    match (record.is_object(), &record["associations"]) {
        (false, _) => Some(format!(
            "observation is no object: {}",
            crate::selectors::excerpt(&record.to_string())
        )),
        (true, Value::Null) => None,
        (true, other) => Some(format!(
            "associations are no list: {}",
            crate::selectors::excerpt(&other.to_string())
        )),
    }
}

fn check_kind(name: &str, list: &[Value]) -> Result<(), Error> {
    let has = |key: &str| list.iter().any(|record| record.get(key).is_some());
    let error = |what: &str, hint: &str| Err(Error::new(format!("{name}: {what}")).hint(hint));
    if list.is_empty() || has("associations") || has("observations") || has("observation_uuid") {
        Ok(())
    } else if has("localization") {
        error(
            "is a list of localizations, a digest was expected",
            "recto-download and recto-reformat read the localizations.json of m3-download as it is",
        )
    } else {
        error(
            "is a list, but not of the observations of m3-download: no record has `associations`",
            "recto-extract reads digests of recto-digest and of m3-download",
        )
    }
}
