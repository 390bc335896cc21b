//! A cached answer in bytes: a header of 64 bytes, then the body. Whatever is cut short, damaged or belongs to another
//! key is not an entry.
//!
//! `recto 1\n`, seconds since 1970 when it was made (u64), length of the body (u64), CRC-32C of the body (u32), the name
//! (32 bytes), CRC-32C of all that (u32); numbers little-endian.

use bytes::Bytes;

use crate::files;

/// Bytes of the header.
pub const HEAD: usize = 64;

const MAGIC: &[u8; 8] = b"recto 1\n";

/// The generation of the rendering code, part of every key and entity tag. Raise it when images are rendered
/// differently: then what older versions cached is not found again, and clients do not take it for the same.
pub const GENERATION: u32 = 3;

/// The key of a cached answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheKey {
    /// The image: 32 hexadecimal digits, the same for all answers about one image.
    pub owner: String,
    /// The answer: 32 hexadecimal digits.
    pub name: String,
}

impl CacheKey {
    /// The key of the answer about the image `id` that `text` describes.
    pub fn new(id: &str, text: &str) -> Self {
        CacheKey {
            owner: owner(id),
            name: files::hex_digest(text.as_bytes(), 32),
        }
    }
}

/// The owner of all answers about an image: 32 hexadecimal digits.
pub fn owner(id: &str) -> String {
    files::hex_digest(id.as_bytes(), 32)
}

/// The header of a body that was made at `made`, in seconds since 1970.
pub fn head(key: &CacheKey, made: u64, body: &[u8]) -> [u8; HEAD] {
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

/// When an entry was made, in seconds since 1970, and its body; none if it is damaged or belongs to another key.
pub fn open(key: &CacheKey, entry: &Bytes) -> Option<(u64, Bytes)> {
    let body = (entry.len() >= HEAD).then(|| entry.slice(HEAD..))?;
    let made = u64::from_le_bytes(entry[8..16].try_into().ok()?);
    (entry[..HEAD] == head(key, made, &body)).then_some((made, body))
}

#[cfg(test)]
mod tests {
    use recto_testkit::mutation::{self, Random};

    use super::*;

    fn entry(key: &CacheKey) -> Vec<u8> {
        [&head(key, 77, b"a picture")[..], b"a picture"].concat()
    }

    #[test]
    fn entries_damaged_anywhere_are_refused() {
        let key = CacheKey::new("a", "full/max");
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
    fn damaged_entries_are_refused() {
        let key = CacheKey::new("a", "full/max");
        let whole = entry(&key);
        let sound = whole.clone();
        let make = move |random: &mut Random| mutation::bytes(&sound, random);
        let takes = move |bytes: &[u8]| {
            let opened = open(&key, &Bytes::copy_from_slice(bytes));
            assert_eq!(opened.is_some(), bytes == whole);
            opened.is_some()
        };
        assert!(mutation::check(5000, make, takes).refused > 0);
    }

    #[test]
    fn entries_of_other_keys_are_refused() {
        let other = CacheKey::new("a", "full/100,");
        assert_eq!(
            open(&other, &entry(&CacheKey::new("a", "full/max")).into()),
            None
        );
    }
}
