//! An answer as it is kept: 64 bytes that say what it is, then its body. Whatever is torn, damaged or stands under
//! another's name is no entry.
//!
//! `recto 1\n`, seconds since 1970 when it was made (u64), length of the body (u64), CRC-32C of the body (u32), the name
//! (32 bytes), CRC-32C of all that (u32); numbers little-endian.

use bytes::Bytes;

use crate::files;

/// Bytes before the body.
pub const HEAD: usize = 64;

const MAGIC: &[u8; 8] = b"recto 1\n";

/// What an answer is kept under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Whose it is: 32 hexadecimal digits, the same for all answers about one image.
    pub owner: String,
    /// Which one: 32 hexadecimal digits.
    pub name: String,
}

impl Key {
    /// The key of an answer about the image of this id, told from all others by `text`.
    pub fn new(id: &str, text: &str) -> Self {
        Key {
            owner: owner(id),
            name: files::hex_digest(text.as_bytes(), 32),
        }
    }
}

/// Whose the answers about an image are.
pub fn owner(id: &str) -> String {
    files::hex_digest(id.as_bytes(), 32)
}

/// What stands before a body that was made at a time, in seconds since 1970.
pub fn head(key: &Key, made: u64, body: &[u8]) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..8].copy_from_slice(MAGIC);
    head[8..16].copy_from_slice(&made.to_le_bytes());
    head[16..24].copy_from_slice(&(body.len() as u64).to_le_bytes());
    head[24..28].copy_from_slice(&crc32c::crc32c(body).to_le_bytes());
    // A name has 32 digits.
    head[28..60].copy_from_slice(format!("{:32.32}", key.name).as_bytes());
    let sum = crc32c::crc32c(&head[..60]);
    head[60..].copy_from_slice(&sum.to_le_bytes());
    head
}

/// When an entry was made, and its body; none if it is not whole, or not the one of this key.
pub fn open(key: &Key, entry: &Bytes) -> Option<(u64, Bytes)> {
    let body = (entry.len() >= HEAD).then(|| entry.slice(HEAD..))?;
    let made = u64::from_le_bytes(entry[8..16].try_into().ok()?);
    (entry[..HEAD] == head(key, made, &body)).then_some((made, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &Key) -> Vec<u8> {
        [&head(key, 77, b"a picture")[..], b"a picture"].concat()
    }

    #[test]
    fn what_is_damaged_anywhere_is_no_entry() {
        let key = Key::new("a", "full/max");
        let whole = entry(&key);
        let opened = open(&key, &Bytes::from(whole.clone()));
        assert_eq!(opened, Some((77, Bytes::from_static(b"a picture"))));
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            assert_eq!(open(&key, &flipped.into()), None, "bit of byte {at}");
            assert_eq!(
                open(&key, &whole[..at].to_vec().into()),
                None,
                "cut at {at}"
            );
        }
        assert_eq!(open(&key, &[&whole[..], b"!"].concat().into()), None);
    }

    #[test]
    fn what_stands_under_the_name_of_another_is_no_entry() {
        let other = Key::new("a", "full/100,");
        assert_eq!(
            open(&other, &entry(&Key::new("a", "full/max")).into()),
            None
        );
    }
}
