//! The table `[cache]` of the configuration.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use crate::error::Error;

const TWO_DAYS: Duration = Duration::from_secs(2 * 24 * 3600);
const TEN_GIB: u64 = 10 << 30;

/// Where answers are cached besides memory, how many and how long.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct CacheSettings {
    /// The folder for answers.
    pub folder: Option<PathBuf>,
    /// The most bytes on disk.
    #[serde(deserialize_with = "bytes")]
    pub disk: Option<u64>,
    /// The share of the limit that is kept when space is freed, 0 to 1.
    pub low_water: Option<f64>,
    /// How long an answer is kept.
    #[serde(deserialize_with = "time")]
    pub cache_time: Option<Duration>,
    /// Answers are kept for ever and never evicted.
    pub permanent: bool,
    /// How a changed file is recognized.
    pub identity: Identity,
    /// The URL of a Redis server, which several servers may share.
    pub redis: Option<String>,
    /// The start of keys in Redis.
    pub redis_prefix: Option<String>,
    /// How long Redis may take to answer.
    #[serde(deserialize_with = "time")]
    pub redis_timeout: Option<Duration>,
    /// How long Redis is left alone after a failure.
    #[serde(deserialize_with = "time")]
    pub redis_retry: Option<Duration>,
    /// The addresses that may send `DELETE /cache/ID`; empty: none.
    pub purge_from: Vec<IpAddr>,
}

/// How a changed file is recognized.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Identity {
    /// By its path, size, times and inode: costs nothing.
    #[default]
    File,
    /// By the SHA-256 of its bytes, read when the file is new or changed: the same on every machine with a copy.
    Content,
}

impl Default for CacheSettings {
    fn default() -> Self {
        CacheSettings {
            folder: None,
            disk: None,
            low_water: None,
            cache_time: None,
            permanent: false,
            identity: Identity::File,
            redis: None,
            redis_prefix: None,
            redis_timeout: None,
            redis_retry: None,
            purge_from: Vec::new(),
        }
    }
}

impl CacheSettings {
    /// Checks the table as a whole.
    ///
    /// # Errors
    /// A key that would have no effect, or a number out of range.
    pub fn check(&self) -> Result<(), Error> {
        let of_folder = self.disk.is_some() || self.low_water.is_some();
        let of_redis = self.redis_prefix.is_some()
            || self.redis_timeout.is_some()
            || self.redis_retry.is_some();
        let wrong = [
            (
                self.folder.is_none() && of_folder,
                "`disk` and `low_water` need `folder`",
            ),
            (
                self.redis.is_none() && of_redis,
                "`redis_prefix`, `redis_timeout` and `redis_retry` need `redis`",
            ),
            (
                self.permanent && (self.cache_time.is_some() || self.low_water.is_some()),
                "`permanent` excludes `cache_time` and `low_water`",
            ),
            (
                !self
                    .low_water
                    .is_none_or(|share| (0.0..=1.0).contains(&share)),
                "`low_water` is a share from 0 to 1",
            ),
        ];
        match wrong.iter().find(|(is_wrong, _)| *is_wrong) {
            Some((_, why)) => Err(Error::new(format!("[cache]: {why}"))
                .hint("docs/serve.md lists every key of the configuration")),
            None => Ok(()),
        }
    }

    /// How long an answer is kept; none: for ever.
    pub fn kept_for(&self) -> Option<Duration> {
        (!self.permanent).then(|| self.cache_time.unwrap_or(TWO_DAYS))
    }

    /// The most bytes on disk; none: no limit.
    pub fn most_on_disk(&self) -> Option<u64> {
        self.disk.or((!self.permanent).then_some(TEN_GIB))
    }
}

const UNITS_OF_BYTES: [(&str, f64); 10] = [
    ("B", 1.0),
    ("kB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("TB", 1e12),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
    ("", 1.0),
];

const UNITS_OF_TIME: [(&str, f64); 12] = [
    ("ms", 0.001),
    ("s", 1.0),
    ("second", 1.0),
    ("min", 60.0),
    ("minute", 60.0),
    ("h", 3600.0),
    ("hour", 3600.0),
    ("d", 86400.0),
    ("day", 86400.0),
    ("week", 604_800.0),
    ("year", 31_557_600.0),
    ("", 1.0),
];

/// A number, or text with a number and its unit.
#[derive(Deserialize)]
#[serde(untagged)]
enum Amount {
    Number(u64),
    Text(String),
}

fn bytes<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let wanted = "bytes are a number or text such as \"10 GiB\"";
    let bytes = amount(from, &UNITS_OF_BYTES, wanted)?;
    // The cast saturates beyond 2^64.
    Ok(Some(bytes as u64))
}

fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let wanted = "times are seconds or text such as \"2 days\"";
    let seconds = amount(from, &UNITS_OF_TIME, wanted)?;
    let time = Duration::try_from_secs_f64(seconds).map_err(|_| de::Error::custom(wanted))?;
    Ok(Some(time))
}

fn amount<'de, D: Deserializer<'de>>(
    from: D,
    units: &[(&str, f64)],
    wanted: &str,
) -> Result<f64, D::Error> {
    let amount = Amount::deserialize(from).map_err(|_| de::Error::custom(wanted))?;
    let read = match amount {
        Amount::Number(number) => Some(number as f64),
        Amount::Text(text) => read_amount(&text, units),
    };
    read.ok_or_else(|| de::Error::custom(wanted))
}

fn read_amount(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (number, unit) = (number.parse::<f64>().ok()?, unit.trim());
    let is_unit =
        |known: &str| known == unit || (known.len() > 2 && unit.strip_suffix('s') == Some(known));
    let (_, factor) = units.iter().find(|(known, _)| is_unit(known))?;
    Some(number * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_units() {
        let cases = [
            ("disk = 5", Some((5, None))),
            ("disk = \"10 GiB\"", Some((10 << 30, None))),
            ("disk = \"1.5kB\"", Some((1500, None))),
            ("disk = \"10 apples\"", None),
            ("disk = -1", None),
            ("disk = \"GiB\"", None),
            ("cache_time = \"2 days\"", Some((0, Some(172_800_000)))),
            ("cache_time = \"1 day\"", Some((0, Some(86_400_000)))),
            ("cache_time = \"500 ms\"", Some((0, Some(500)))),
            ("cache_time = 60", Some((0, Some(60_000)))),
            ("cache_time = \"soon\"", None),
            ("cache_tim = 60", None),
        ];
        for (text, wanted) in cases {
            let read = toml::from_str::<CacheSettings>(text).ok();
            let read = read.map(|s| (s.disk.unwrap_or(0), s.cache_time.map(|t| t.as_millis())));
            assert_eq!(read, wanted, "{text}");
        }
    }

    #[test]
    fn keys_without_effect_are_refused() {
        let cases = [
            ("", ""),
            ("folder = \"a\"\ndisk = 5\nlow_water = 0.5", ""),
            ("disk = 5", "need `folder`"),
            ("redis_prefix = \"a\"", "need `redis`"),
            ("permanent = true\ncache_time = 5", "excludes `cache_time`"),
            ("folder = \"a\"\nlow_water = 1.5", "from 0 to 1"),
        ];
        for (text, wanted) in cases {
            let checked = toml::from_str::<CacheSettings>(text).unwrap().check();
            let said = checked.err().map(|e| e.to_string()).unwrap_or_default();
            assert!(
                said.contains(wanted) && said.is_empty() == wanted.is_empty(),
                "{text}: {said}"
            );
        }
    }
}
