//! Content codings: how texts are compressed for clients that accept it.

use std::io::{self, Read, Write as _};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress};

use super::accept;
use super::message::{Body, Response};

/// Texts below this many bytes are sent as they are.
const LEAST: usize = 1 << 10;
/// Brotli compresses JSON well at this level, ten times faster than at its best one.
const BROTLI_QUALITY: u32 = 5;
/// The window of Brotli, as a power of two.
const BROTLI_WINDOW: u32 = 22;

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// None: as it is.
    Identity,
    /// Brotli.
    Brotli,
    /// Zstandard.
    Zstd,
    /// Gzip.
    Gzip,
}

impl Coding {
    /// The coding that a client likes best, by its `Accept-Encoding`; without that header, none.
    pub fn preferred(accept_encoding: &str) -> Self {
        const OFFERED: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];
        if accept_encoding.is_empty() {
            return Coding::Identity;
        }
        // Two names of one coding (RFC 9110 §8.4.1.3).
        let accepted = accept_encoding
            .to_ascii_lowercase()
            .replace("x-gzip", "gzip");
        let Some(best) = accept::preferred(&accepted, &OFFERED.map(Coding::name)) else {
            return Coding::Identity;
        };
        let best = OFFERED[best];
        let likes = |name| accept::quality(&accepted, name);
        match accept::names(&accepted, "identity") && likes("identity") > likes(best.name()) {
            true => Coding::Identity,
            false => best,
        }
    }

    /// The coding for a text that is kept in gzip: that one if the client takes it at all, since any other has to be made.
    pub fn of_packed(accept_encoding: &str) -> Self {
        let accepted = accept_encoding
            .to_ascii_lowercase()
            .replace("x-gzip", "gzip");
        match Self::preferred(accept_encoding) {
            Coding::Brotli | Coding::Zstd if accept::quality(&accepted, "gzip") > Some(0) => {
                Coding::Gzip
            }
            liked => liked,
        }
    }

    /// Its name in HTTP; empty for none.
    pub fn name(self) -> &'static str {
        match self {
            Coding::Identity => "",
            Coding::Brotli => "br",
            Coding::Zstd => "zstd",
            Coding::Gzip => "gzip",
        }
    }

    /// Whether texts of so many bytes are compressed.
    pub fn is_for(self, bytes: usize) -> bool {
        self != Coding::Identity && bytes >= LEAST
    }

    /// A text in this coding, of which no more than a piece is held at a time.
    ///
    /// # Errors
    /// The text cannot be read.
    pub fn encode(self, mut text: impl Read) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        match self {
            Coding::Identity => drop(text.read_to_end(&mut out)?),
            Coding::Zstd => compress(text, &mut out, CompressionLevel::Fastest),
            Coding::Gzip => {
                let mut writer = GzEncoder::new(&mut out, Compression::default());
                io::copy(&mut text, &mut writer)?;
                writer.finish()?;
            }
            Coding::Brotli => {
                let mut writer =
                    brotli::CompressorWriter::new(&mut out, 1 << 16, BROTLI_QUALITY, BROTLI_WINDOW);
                io::copy(&mut text, &mut writer)?;
                writer.flush()?;
                drop(writer);
            }
        }
        Ok(out)
    }
}

/// A response and its body, in the coding that the client likes best if it is a text that is not coded yet. Long texts are
/// documents, which are coded elsewhere.
pub fn coded(mut response: Response, bytes: Bytes, accept_encoding: &str) -> (Response, Bytes) {
    /// What is compressed in much less than a millisecond.
    const MOST: usize = 32 << 10;
    // What must not be stored may hold a secret beside words of the request; its length must not tell (BREACH).
    let is_secret = response.header("cache-control") == "no-store";
    let is_coded = !response.header("content-encoding").is_empty();
    let is_packed = response.unpacked_length().is_some();
    if !is_text(&response) || is_coded || is_secret {
        return (response, bytes);
    }
    if !response.header("vary").contains("accept-encoding") {
        response.vary_by("accept-encoding");
    }
    let coding = Coding::preferred(accept_encoding);
    if !coding.is_for(bytes.len()) || bytes.len() > MOST || is_packed {
        return (response, bytes);
    }
    // Reading from memory and writing to it do not fail.
    let Ok(packed) = coding.encode(&*bytes) else {
        return (response, bytes);
    };
    (in_coding(response, coding), packed.into())
}

/// The response to which the bytes of its text in a coding belong.
pub fn in_coding(mut response: Response, coding: Coding) -> Response {
    let etag = tag_in(response.header("etag"), coding);
    if !etag.is_empty() {
        response.set_header("etag", &etag);
    }
    response.set_header("content-encoding", coding.name());
    response.body = Body::Empty;
    response
}

/// Whether the body of a response is text.
pub fn is_text(response: &Response) -> bool {
    let media_type = response.header("content-type");
    media_type.starts_with("text/") || media_type.contains("json")
}

/// The entity tag of a text in a coding: another one for each, since the bytes differ.
fn tag_in(etag: &str, coding: Coding) -> String {
    match (coding, etag.strip_suffix('"')) {
        (Coding::Identity, _) | (_, None) => etag.to_owned(),
        (coding, Some(start)) => format!("{start}-{}\"", coding.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressed_is_read_by_others() {
        let text = "{\"a\": [1, 2, 3]}\n".repeat(5000).into_bytes();
        for coding in [Coding::Brotli, Coding::Zstd, Coding::Gzip] {
            let packed = coding.encode(&text[..]).unwrap();
            assert!(
                packed.len() < text.len() / 10,
                "{coding:?}: {}",
                packed.len()
            );
            let mut out = Vec::new();
            match coding {
                Coding::Brotli => {
                    let mut input = brotli_decompressor::Decompressor::new(&packed[..], 4096);
                    input.read_to_end(&mut out).unwrap();
                }
                Coding::Zstd => {
                    let mut input = ruzstd::decoding::StreamingDecoder::new(&packed[..]).unwrap();
                    input.read_to_end(&mut out).unwrap();
                }
                _ => {
                    let mut input = flate2::read::GzDecoder::new(&packed[..]);
                    input.read_to_end(&mut out).unwrap();
                }
            }
            assert!(out == text, "{coding:?}");
        }
    }

    #[test]
    fn each_coding_has_a_tag_of_its_own() {
        assert_eq!(tag_in("\"a\"", Coding::Gzip), "\"a-gzip\"");
        assert_eq!(tag_in("\"a\"", Coding::Identity), "\"a\"");
        assert_eq!(Coding::preferred(""), Coding::Identity);
        assert_eq!(Coding::preferred("gzip, deflate, br"), Coding::Brotli);
        assert_eq!(Coding::preferred("br;q=0, gzip;q=0.5"), Coding::Gzip);
        assert_eq!(Coding::preferred("gzip;q=0.5, identity"), Coding::Identity);
        assert_eq!(Coding::preferred("gzip, *;q=0.1"), Coding::Gzip);
        assert_eq!(Coding::preferred("x-gzip"), Coding::Gzip);
    }

    #[test]
    fn what_is_kept_in_gzip_is_sent_so_to_all_who_take_it() {
        let cases = [
            ("gzip, br", Coding::Gzip),
            ("br, x-gzip;q=0.1", Coding::Gzip),
            ("*", Coding::Gzip),
            ("br, zstd;q=0.5", Coding::Brotli),
            ("zstd, gzip;q=0", Coding::Zstd),
            ("", Coding::Identity),
            ("identity, gzip;q=0.5", Coding::Identity),
        ];
        for (accepted, coding) in cases {
            assert_eq!(Coding::of_packed(accepted), coding, "{accepted}");
        }
    }
}
