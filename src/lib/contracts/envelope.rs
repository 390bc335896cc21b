//! What all JSON contracts share: a name and a version, checked before anything else is read.

use std::path::Path;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use super::json::{first, parse_json};
use super::set_input;
use crate::error::Error;
use crate::files;

/// A JSON contract: its name and version, and the command that writes it.
pub trait Contract: DeserializeOwned + Serialize {
    /// The text of the `contract` member.
    const NAME: &'static str;
    /// The newest version this program knows.
    const VERSION: u32 = 1;
    /// The program that writes it.
    const WRITTEN_BY: &'static str;
    /// The member with its long list, of which JSON Lines have a line for each element; empty: there is none.
    const LIST: &'static str = "";
    /// Parses a JSON list where the contract is an object: the form in which m3-download writes the same data.
    ///
    /// # Errors
    /// There is no such form for this contract, or the list does not have it.
    fn parse_list(_bytes: &[u8], name: &str) -> Result<Self, Error> {
        Err(not_an_object::<Self>(name))
    }
}

fn not_an_object<T: Contract>(name: &str) -> Error {
    let what = format!("{name}:1:1: is not an object, {} was expected", T::NAME);
    Error::new(what).hint(written_by::<T>())
}

fn written_by<T: Contract>() -> String {
    let written = format!("`{}` writes {} files", T::WRITTEN_BY, T::NAME);
    match T::WRITTEN_BY {
        "recto-digest" => format!("{written}; `recto-digest table` reads tables"),
        _ => written,
    }
}

/// The two members that every contract has.
#[derive(Deserialize)]
struct Envelope {
    contract: Option<String>,
    version: Option<u32>,
}

/// Reads a contract from a file (`-`: standard input).
///
/// # Errors
/// The file cannot be read or is not this contract. The message names file, line, column and member.
pub fn read<T: Contract>(path: &Path) -> Result<T, Error> {
    let name = path.display().to_string();
    let bytes = match set_input::of_folder(path).filter(|_| !T::LIST.is_empty()) {
        Some(bytes) => bytes?,
        None => files::read(path).map_err(|e| e.hint(written_by::<T>()))?,
    };
    parse_set(bytes, &name)
}

/// Parses a contract in any form that one file can have.
///
/// # Errors
/// As [`parse`].
pub fn parse_set<T: Contract>(bytes: Vec<u8>, name: &str) -> Result<T, Error> {
    match T::LIST {
        "" => parse(&bytes, name),
        list => parse(&set_input::assembled(bytes, list, name)?, name),
    }
}

/// Parses a contract, or the form in which m3-download writes the same data; `name` is what messages call the bytes.
///
/// # Errors
/// The bytes are not this contract, or are of a version that this program does not know.
pub fn parse<T: Contract>(bytes: &[u8], name: &str) -> Result<T, Error> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let hint = written_by::<T>();
    match first(bytes) {
        Some(b'[') => return T::parse_list(bytes, name),
        Some(b'{') => {}
        _ if serde_json::from_slice::<IgnoredAny>(bytes).is_ok() => {
            return Err(not_an_object::<T>(name));
        }
        _ => {
            let what = format!("{name}: is not JSON, {} was expected", T::NAME);
            return Err(Error::new(what).hint(hint));
        }
    }
    let Envelope { contract, version } = parse_json(bytes, name)?;
    match contract.as_deref() {
        Some(found) if found == T::NAME => {}
        Some(found) => {
            return Err(Error::new(format!(
                "{name}: is a {found} file, {} was expected",
                T::NAME
            ))
            .hint(hint));
        }
        None => {
            return Err(Error::new(format!(
                "{name}: `contract` is missing, {} was expected",
                T::NAME
            ))
            .hint(hint));
        }
    }
    match version {
        Some(version) if (1..=T::VERSION).contains(&version) => parse_json(bytes, name),
        version => Err(Error::new(format!(
            "{name}: version {} of {}, this program knows 1 to {}",
            version.map_or("(none)".into(), |v| v.to_string()),
            T::NAME,
            T::VERSION
        ))
        .hint("use the version of recto that wrote it, or write it again with this one")),
    }
}

/// Whether a file begins like a contract. Such a file is the output of a stage and must not be overwritten.
pub fn is_contract(path: &Path) -> bool {
    let start = files::start(path, 4096);
    let text = String::from_utf8_lossy(&start);
    let is_object = text.trim_start().starts_with('{');
    is_object && text.contains("\"contract\"") && text.contains("\"recto/")
}
