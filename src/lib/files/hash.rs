//! SHA-256 in hex.

use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::store::open;

/// The first `digits` hex digits of the SHA-256 of some bytes.
pub fn hex_digest(bytes: &[u8], digits: usize) -> String {
    hex(&Sha256::digest(bytes))[..digits.min(64)].to_owned()
}

/// The same of several pieces of bytes, one after the other.
pub fn hex_digest_of(pieces: &[&[u8]], digits: usize) -> String {
    let mut hash = Sha256::new();
    pieces.iter().for_each(|piece| hash.update(piece));
    hex(&hash.finalize())[..digits.min(64)].to_owned()
}

/// A number made of some bytes, the same on every run and machine: the start of their SHA-256.
pub fn hash_number(bytes: &[u8]) -> u64 {
    let hash = Sha256::digest(bytes);
    hash.iter()
        .take(8)
        .fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// The SHA-256 of everything that is left to read, as lower-case hex, and the number of bytes.
///
/// # Errors
/// The input cannot be read.
pub fn sha256(input: &mut impl Read) -> io::Result<(String, u64)> {
    let (hash, bytes) = digest(input)?;
    Ok((hex(&hash), bytes))
}

/// The SHA-256 of everything that is left to read.
///
/// # Errors
/// The input cannot be read.
pub fn sha256_bytes(input: &mut impl Read) -> io::Result<[u8; 32]> {
    digest(input).map(|(hash, _)| hash)
}

fn digest(input: &mut impl Read) -> io::Result<([u8; 32], u64)> {
    let (mut hash, mut buffer, mut bytes) = (Sha256::new(), vec![0; 1 << 16], 0);
    loop {
        match input.read(&mut buffer)? {
            0 => return Ok((hash.finalize().into(), bytes)),
            n => {
                hash.update(&buffer[..n]);
                bytes += n as u64;
            }
        }
    }
}

/// Bytes as lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

/// The bytes of a SHA-256 in hex; zeros where it is not one.
pub fn sha256_of_hex(hex: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        let digits = hex.get(2 * at..2 * at + 2);
        *byte = digits
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .unwrap_or(0);
    }
    bytes
}

/// The SHA-256 of a file as lower-case hex. The file is streamed.
///
/// # Errors
/// The file cannot be read.
pub fn sha256_of_file(path: &Path) -> io::Result<String> {
    sha256(&mut open(path)?).map(|(hash, _)| hash)
}
