//! The request limits that archives ask of harvesters: a table that comes with the program, and one of the user.

use std::path::Path;

use serde::Deserialize;

use super::options::{LEAST_RATE, Options};
use super::pacing::RequestLimit;
use crate::error::Error;
use crate::files;

/// Limits by host; the first row that fits counts.
#[derive(Debug)]
pub struct Archives(Vec<Row>);

#[derive(Clone, Debug, Deserialize)]
struct Row {
    host: String,
    at_once: u16,
    per_second: f64,
    #[serde(default)]
    why: String,
}

impl RequestLimit {
    /// What each of several programs that ask the same host side by side may do; 0 and 1: one alone.
    pub fn divided_by(self, workers: u64) -> Self {
        let workers = workers.max(1);
        RequestLimit {
            at_once: u16::try_from(u64::from(self.at_once) / workers)
                .unwrap_or(u16::MAX)
                .max(1),
            per_second: self.per_second / workers as f64,
        }
    }
}

impl Archives {
    /// The limits that come with the program, after those of the user's table, which count first.
    ///
    /// # Errors
    /// If the user's table cannot be read, or has a row that cannot be used.
    pub fn open(own: Option<&Path>) -> Result<Self, Error> {
        let mut rows = match own {
            Some(path) => read(&files::read(path)?, &path.display().to_string())?,
            None => Vec::new(),
        };
        rows.extend(read(include_bytes!("archives.csv"), "archives.csv")?);
        Ok(Archives(rows))
    }

    /// The limit of a host for one program: that of its archive where it is known, and never more than the user allows,
    /// divided among those that share the host, `sharing` beside those of the options. Where a store says whose turn it is,
    /// only requests in flight are divided.
    pub fn limit_for(&self, options: &Options, host: &str, sharing: u64) -> RequestLimit {
        let whole = self.whole_limit_for(options, host);
        let own = whole.divided_by(options.workers).divided_by(sharing);
        match options.budget_store {
            None => own,
            Some(_) => RequestLimit {
                per_second: whole.per_second,
                ..own
            },
        }
    }

    /// The limit of a host for all programs that share it.
    fn whole_limit_for(&self, options: &Options, host: &str) -> RequestLimit {
        let Some((known, _)) = self.find(host) else {
            return RequestLimit {
                at_once: options.per_host(),
                per_second: options.rate(),
            };
        };
        let per_second = match (options.rate, known.per_second) {
            (Some(given), known) if given > 0.0 => given.min(known),
            (_, known) => known,
        };
        let at_once = options.per_host.unwrap_or(u16::MAX);
        RequestLimit {
            at_once: at_once.min(known.at_once),
            per_second,
        }
    }

    /// The limit that the archive behind a host asks for, with the reason, where it is known.
    pub fn find(&self, host: &str) -> Option<(RequestLimit, &str)> {
        let is_below = |row: &&Row| {
            host.eq_ignore_ascii_case(&row.host)
                || host
                    .to_ascii_lowercase()
                    .strip_suffix(&row.host.to_ascii_lowercase())
                    .is_some_and(|rest| rest.ends_with('.'))
        };
        let row = self.0.iter().find(is_below)?;
        let limit = RequestLimit {
            at_once: row.at_once,
            per_second: row.per_second,
        };
        Some((limit, &row.why))
    }
}

fn read(bytes: &[u8], name: &str) -> Result<Vec<Row>, Error> {
    let mut reader = csv::Reader::from_reader(bytes);
    let mut rows = Vec::new();
    for (i, row) in reader.deserialize().enumerate() {
        let row: Row = row.map_err(|e| {
            Error::new(format!("{name}, row {}: cannot be used", i + 1))
                .because(e)
                .hint("the columns are host,at_once,per_second,why")
        })?;
        if row.at_once == 0 || !(row.per_second >= LEAST_RATE && row.per_second.is_finite()) {
            let what = format!(
                "{name}, row {}: at_once and per_second must be above 0, per_second at least {LEAST_RATE}",
                i + 1
            );
            return Err(Error::new(what));
        }
        rows.push(row);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_found_by_their_domain_and_the_users_own_limits_count_first() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own.csv");
        std::fs::write(&own, "host,at_once,per_second,why\nloc.gov,3,2,agreed\n").unwrap();
        let built_in = Archives::open(None).unwrap();
        let at_once =
            |archives: &Archives, host| archives.find(host).map(|(limit, _)| limit.at_once);
        assert_eq!(at_once(&built_in, "tile.LOC.gov"), Some(1));
        assert_eq!(at_once(&built_in, "notloc.gov"), None);
        assert_eq!(
            at_once(&Archives::open(Some(&own)).unwrap(), "loc.gov"),
            Some(3)
        );
        std::fs::write(&own, "host,at_once,per_second,why\nloc.gov,0,2,\n").unwrap();
        let error = Archives::open(Some(&own)).unwrap_err().to_string();
        assert!(
            error.contains("row 1: at_once and per_second must be above 0"),
            "{error}"
        );
    }

    #[test]
    fn damaged_tables_are_read_or_refused_with_their_row() {
        use recto_testkit::{mutation, samples};
        let takes = |bytes: &[u8]| match read(bytes, "own.csv") {
            Ok(rows) => rows
                .iter()
                .all(|row| row.at_once > 0 && row.per_second > 0.0),
            Err(error) => {
                assert!(error.what().starts_with("own.csv, row "), "{error}");
                false
            }
        };
        mutation::check(
            3000,
            |random| mutation::text(samples::ARCHIVES, random),
            takes,
        )
        .is_mixed();
    }
}
