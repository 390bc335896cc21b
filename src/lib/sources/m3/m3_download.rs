//! Digests by m3-download: lists of observations as annosaurus returns them. Lists of imaged moments are read too.

use serde_json::Value;

use super::observations::ObservationRow;
use super::options::M3Options;
use super::pictures;
use crate::contracts::{Digest, SourceQuery};
use crate::error::Error;
use crate::sources::Found;
use crate::summary::Reject;

/// Converts a list to a digest; also returns the records that cannot be used. `name` is what messages call the list.
///
/// # Errors
/// The list holds something else than observations.
pub fn digest(
    name: &str,
    list: &[Value],
    options: &M3Options,
) -> Result<(Digest, Vec<Reject>), Error> {
    check_kind(name, list)?;
    let mut found = Found::default();
    for (i, record) in list.iter().enumerate() {
        if record["observations"].is_array() {
            for row in ObservationRow::of_moment(record) {
                row.read(name, options, &mut found);
            }
        } else if record["associations"].is_array() {
            ObservationRow::flat(record).read(name, options, &mut found);
        } else if let Some(problem) = problem_of(record) {
            let place = format!("record {}", i + 1);
            found
                .rejects
                .push(Reject::new(name, place, "associations", problem));
        }
    }
    let found = pictures::choose(found, options);
    let query = SourceQuery {
        kind: "m3".into(),
        inputs: vec![name.to_owned()],
        filters: Vec::new(),
    };
    Ok((Digest::new(query, found.observations), found.rejects))
}

/// Why a record is not an observation; none for one without associations, which is fine: it does not have boxes.
fn problem_of(record: &Value) -> Option<String> {
    match (record.is_object(), &record["associations"]) {
        (false, _) => Some(format!(
            "observation is not an object: {}",
            crate::values::excerpt(&record.to_string())
        )),
        (true, Value::Null) => None,
        (true, other) => Some(format!(
            "associations are not a list: {}",
            crate::values::excerpt(&other.to_string())
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
            "`recto-download` and `recto-reformat` read the localizations.json of m3-download directly",
        )
    } else {
        error(
            "is a list, but not of observations by m3-download: no record has `associations`",
            "`recto-extract` reads digests by `recto-digest` and by m3-download",
        )
    }
}
