//! JSON read so that the message about a mistake names its line, column and member.

use serde::de::DeserializeOwned;

use crate::error::Error;

/// Whether JSON bytes hold a list, as the files of m3-download do. All contracts of recto are objects.
pub fn is_list(bytes: &[u8]) -> bool {
    first(bytes) == Some(b'[')
}

/// The first byte that is not white space, after a byte-order mark.
pub fn first(bytes: &[u8]) -> Option<u8> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    bytes.iter().copied().find(|b| !b.is_ascii_whitespace())
}

/// Parses JSON; `name` is what messages call the bytes.
///
/// # Errors
/// Names line, column and member of the first mistake: `name:3:18: `images[0].id`: invalid type…`.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8], name: &str) -> Result<T, Error> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|e| {
        let member = e.path().to_string();
        let member = if [".", "?"].contains(&member.as_str()) {
            String::new()
        } else {
            format!("`{member}`: ")
        };
        json_error(name, &member, e.inner())
    })?;
    json.end().map_err(|e| json_error(name, "", &e))?;
    Ok(value)
}

/// Parses a line of JSON Lines; `name` is what messages call the file, and `number` the line there, from 1.
///
/// # Errors
/// Names line and column of the first mistake.
pub fn parse_line<'a, T: serde::Deserialize<'a>>(
    line: &'a [u8],
    name: &str,
    number: usize,
) -> Result<T, Error> {
    serde_json::from_slice(line).map_err(|e| {
        let text = e.to_string();
        let text = text.split(" at line ").next().unwrap_or(&text);
        Error::new(format!("{name}:{number}:{}: {text}", e.column()))
    })
}

fn json_error(name: &str, member: &str, e: &serde_json::Error) -> Error {
    let text = e.to_string();
    let text = text.split(" at line ").next().unwrap_or(&text);
    Error::new(format!(
        "{name}:{}:{}: {member}{text}",
        e.line(),
        e.column()
    ))
}
