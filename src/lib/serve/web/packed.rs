//! Long texts: packed while they are written, so that a manifest of fifty thousand canvases never stands in memory as a whole, and
//! unpacked while they are sent to clients that do not take them packed.

use std::io::{self, Read as _, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes, buf::Reader};
use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;
use hyper::body::{Body, Frame, SizeHint};
use sha2::{Digest as _, Sha256};

use crate::files;

/// Texts of at least this many bytes are packed.
pub const LONG: usize = 1 << 20;
/// The bytes that are unpacked at a time.
const PIECE: u64 = 64 << 10;

/// A text that was written, as it is kept.
#[derive(Debug)]
pub enum WrittenText {
    /// A short one, as it is.
    Plain(String),
    /// A long one, in gzip, and its number of bytes without.
    Packed(Vec<u8>, u64),
}

/// A text that is being written.
pub struct TextWriter {
    hash: Sha256,
    /// What was written last, and is neither hashed nor packed yet.
    held: Vec<u8>,
    packed: Option<GzEncoder<Vec<u8>>>,
    /// Bytes that were packed.
    length: u64,
}

impl TextWriter {
    /// An empty text; `start` is hashed before it.
    pub fn new(start: &str) -> Self {
        TextWriter {
            hash: Sha256::new_with_prefix(start),
            held: Vec::new(),
            packed: None,
            length: 0,
        }
    }

    /// The whole text, and the SHA-256 of all that was hashed, as lower-case hex.
    ///
    /// # Errors
    /// It is not UTF-8.
    pub fn finish(mut self) -> io::Result<(WrittenText, String)> {
        if self.packed.is_some() {
            self.pack()?;
        } else {
            self.hash.update(&self.held);
        }
        let hash = files::hex(&self.hash.finalize());
        let text = match self.packed {
            Some(packed) => WrittenText::Packed(packed.finish()?, self.length),
            None => WrittenText::Plain(String::from_utf8(self.held).map_err(io::Error::other)?),
        };
        Ok((text, hash))
    }

    fn pack(&mut self) -> io::Result<()> {
        self.hash.update(&self.held);
        let start = || GzEncoder::new(Vec::new(), Compression::default());
        self.packed
            .get_or_insert_with(start)
            .write_all(&self.held)?;
        self.length += self.held.len() as u64;
        self.held.clear();
        Ok(())
    }
}

impl Write for TextWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        if self.held.len() >= LONG {
            self.pack()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A packed text as the body of a message, unpacked piece by piece as the client takes it.
pub struct Unpacked {
    packed: GzDecoder<Reader<Bytes>>,
    /// Bytes that are not sent yet.
    left: u64,
}

impl Unpacked {
    /// A text in gzip that has so many bytes without.
    pub fn new(packed: Bytes, length: u64) -> Self {
        Unpacked {
            packed: GzDecoder::new(packed.reader()),
            left: length,
        }
    }

    fn piece(&mut self) -> io::Result<Bytes> {
        let mut piece = Vec::with_capacity(PIECE.min(self.left) as usize);
        let read = self.packed.by_ref().take(PIECE).read_to_end(&mut piece)?;
        match self.left.checked_sub(read as u64).filter(|_| read > 0) {
            Some(left) => self.left = left,
            None => return Err(io::ErrorKind::InvalidData.into()),
        }
        Ok(piece.into())
    }
}

impl Body for Unpacked {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let body = self.get_mut();
        let piece = (body.left > 0).then(|| body.piece().map(Frame::data));
        Poll::Ready(piece)
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    fn written(bytes: &[u8]) -> (WrittenText, String) {
        let mut text = TextWriter::new("text ");
        bytes
            .chunks(1000)
            .for_each(|chunk| text.write_all(chunk).unwrap());
        text.finish().unwrap()
    }

    #[tokio::test]
    async fn long_texts_come_back_as_they_were() {
        for length in [0, LONG - 1, LONG, LONG + 1, 3 * LONG + 77] {
            let bytes: Vec<u8> = (0..length).map(|n| b'a' + (n % 23) as u8).collect();
            let (text, hash) = written(&bytes);
            assert_eq!(hash, files::hex_digest_of(&[b"text ", &bytes], 64));
            match text {
                WrittenText::Plain(text) => {
                    assert!(length < LONG && text.as_bytes() == bytes, "{length}");
                }
                WrittenText::Packed(packed, unpacked) => {
                    assert!(length >= LONG && packed.len() < length / 10, "{length}");
                    let body = Unpacked::new(packed.into(), unpacked);
                    assert_eq!(body.size_hint().exact(), Some(length as u64));
                    let sent = body.collect().await.unwrap().to_bytes();
                    assert!(sent == bytes, "{length}");
                }
            }
        }
    }

    #[tokio::test]
    async fn a_text_of_another_length_than_was_said_is_broken_off() {
        let (WrittenText::Packed(packed, length), _) = written(&vec![b'a'; LONG]) else {
            panic!("it is long");
        };
        for said in [length - 1, length + 1] {
            let body = Unpacked::new(packed.clone().into(), said);
            assert!(body.collect().await.is_err(), "{said}");
        }
    }
}
