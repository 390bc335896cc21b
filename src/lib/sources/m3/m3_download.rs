//! Digests by m3-download: lists of observations as annosaurus returns them. Lists of imaged moments are read too.

use serde_json::Value;

use super::observations::{ObservationRow, in_snake_case};
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
    list: Vec<Value>,
    options: &M3Options,
) -> Result<(Digest, Vec<Reject>), Error> {
    // Services that give names in camel case do so in the lists that m3-download saves of them.
    let list: Vec<Value> = list.into_iter().map(in_snake_case).collect();
    check_kind(name, &list)?;
    let mut found = Found::default();
    for (i, record) in list.iter().enumerate() {
        let rows: Vec<ObservationRow> = match record["observations"].is_array() {
            true => ObservationRow::of_moment(record).collect(),
            false => vec![ObservationRow::flat(record)],
        };
        for row in rows {
            match row.problem() {
                None => drop(row.read(name, options, &mut found)),
                Some(problem) => {
                    let place = format!("record {}", i + 1);
                    let reject = Reject::new(name, place, "associations", problem);
                    found.rejects.push(reject);
                }
            }
        }
    }
    pictures::resolve(&mut found, None);
    let found = pictures::choose(found, options);
    let query = SourceQuery {
        kind: "m3".into(),
        inputs: vec![name.to_owned()],
        filters: Vec::new(),
    };
    Ok((Digest::new(query, found.observations), found.rejects))
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
