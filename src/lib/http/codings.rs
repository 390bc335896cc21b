//! Content codings as servers really use them: which of them a body is in is decided by its first bytes, because headers
//! name codings that were not applied, and bodies come in codings that no header names (RFC 9110 §8.4.1).

use std::io::{self, BufRead, Read, Write};

use reqwest::header::HeaderMap;

use super::error::Error;
use crate::zstandard;

/// What documents may be encoded in, as a value of `Accept-Encoding`.
pub const ACCEPTED: &str = "gzip, deflate, br, zstd";

/// A coding that a header names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// `gzip`, `x-gzip`: RFC 1952.
    Gzip,
    /// `deflate`: RFC 1950, and in practice RFC 1951 too.
    Deflate,
    /// `br`: RFC 7932.
    Brotli,
    /// `zstd`: RFC 8878.
    Zstd,
}

/// The coding that the headers of an answer name last, if it is one that has to be undone. Others, such as `identity`,
/// `aws-chunked` and `utf-8`, leave the body as it is.
pub fn declared(headers: &HeaderMap) -> Option<Coding> {
    let values = headers.get_all("content-encoding").into_iter();
    let names = values.flat_map(|value| value.as_bytes().split(|&byte| byte == b','));
    let codings = names.filter_map(|name| match &*name.trim_ascii().to_ascii_lowercase() {
        b"gzip" | b"x-gzip" => Some(Coding::Gzip),
        b"deflate" => Some(Coding::Deflate),
        b"br" => Some(Coding::Brotli),
        b"zstd" => Some(Coding::Zstd),
        _ => None,
    });
    codings.reduce(|_, last| last)
}

/// What undoes a coding, where the first bytes show that it was applied.
fn really(coding: Coding, start: &[u8]) -> Option<Coding> {
    const PLAIN: [&[u8]; 9] = [
        b"\xff\xd8\xff",
        b"\x89PNG",
        b"GIF8",
        b"II*\0",
        b"MM\0*",
        b"RIFF",
        b"{",
        b"[",
        b"<",
    ];
    match start {
        [0x1f, 0x8b, ..] => Some(Coding::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Coding::Zstd),
        _ if PLAIN.iter().any(|plain| start.starts_with(plain)) => None,
        [a, b, ..] if coding == Coding::Gzip && is_zlib(*a, *b) => Some(Coding::Deflate),
        // Without their marks these two cannot be what was applied.
        _ if matches!(coding, Coding::Gzip | Coding::Zstd) => None,
        [] => None,
        _ => Some(coding),
    }
}

/// Writes what a body holds once its coding is undone, at most `max_bytes` of it; returns how many bytes that are.
///
/// # Errors
/// `truncated` where the coding is damaged, one of too large a body, and those of the disk.
pub fn decode(
    coding: Coding,
    mut body: impl BufRead,
    out: &mut impl Write,
    max_bytes: u64,
) -> Result<u64, Error> {
    let start = body.fill_buf().map_err(|e| Error::disk(e.to_string()))?;
    let start: Vec<u8> = start[..start.len().min(8)].to_vec();
    let is_zlib = matches!(*start, [a, b, ..] if is_zlib(a, b));
    let mut plain: Box<dyn Read + '_> = match really(coding, &start) {
        None => Box::new(body),
        Some(Coding::Gzip) => once_more(flate2::bufread::MultiGzDecoder::new(body))?,
        Some(Coding::Deflate) if is_zlib => Box::new(flate2::bufread::ZlibDecoder::new(body)),
        Some(Coding::Deflate) => Box::new(flate2::bufread::DeflateDecoder::new(body)),
        Some(Coding::Brotli) => Box::new(brotli_decompressor::Decompressor::new(body, 1 << 16)),
        Some(Coding::Zstd) => Box::new(zstandard::Decoder::new(body)),
    };
    let (mut block, mut bytes) = (vec![0; 1 << 16], 0);
    loop {
        let n = match plain.read(&mut block) {
            Ok(0) => return Ok(bytes),
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(damaged(&e.to_string())),
        };
        bytes += n as u64;
        if bytes > max_bytes {
            return Err(Error::too_large(max_bytes));
        }
        out.write_all(&block[..n])
            .map_err(|e| Error::disk(e.to_string()))?;
    }
}

/// What the start of a body says once its coding is undone, as far as it goes: of what is cut or damaged, as much as can be
/// read, at most `max_bytes`. Text of which a coding is only said stays as it is, and gzip is known without a header too.
pub fn start_of(coding: Option<Coding>, body: Vec<u8>, max_bytes: u64) -> Vec<u8> {
    let is_gzip = body.starts_with(&[0x1f, 0x8b]);
    let Some(coding) = coding.or(is_gzip.then_some(Coding::Gzip)) else {
        return body;
    };
    let mut plain = Vec::new();
    let undone = decode(coding, &*body, &mut plain, max_bytes);
    let is_text = |byte: &u8| !byte.is_ascii_control() || byte.is_ascii_whitespace();
    match undone.is_err() && body.iter().all(is_text) {
        true => body,
        false => plain,
    }
}

/// Whether these are the first bytes of RFC 1950.
fn is_zlib(a: u8, b: u8) -> bool {
    a & 0x0f == 8 && (u16::from(a) << 8 | u16::from(b)).is_multiple_of(31)
}

/// What a gzip holds, also where it was packed twice, as `gzip, gzip` says.
fn once_more<'a>(outer: impl Read + 'a) -> Result<Box<dyn Read + 'a>, Error> {
    let mut outer = io::BufReader::new(outer);
    let start = outer.fill_buf().map_err(|e| damaged(&e.to_string()))?;
    Ok(match start.starts_with(&[0x1f, 0x8b]) {
        true => Box::new(flate2::bufread::MultiGzDecoder::new(outer)),
        false => Box::new(outer),
    })
}

fn damaged(why: &str) -> Error {
    Error::truncated(format!("its content coding is damaged: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn packed(coding: Coding, plain: &[u8]) -> Vec<u8> {
        use flate2::{Compression, write};
        let fast = Compression::fast();
        match coding {
            Coding::Gzip => {
                let mut packer = write::GzEncoder::new(Vec::new(), fast);
                packer.write_all(plain).unwrap();
                packer.finish().unwrap()
            }
            Coding::Deflate => {
                let mut packer = write::ZlibEncoder::new(Vec::new(), fast);
                packer.write_all(plain).unwrap();
                packer.finish().unwrap()
            }
            Coding::Zstd => ruzstd::encoding::compress_to_vec(
                plain,
                ruzstd::encoding::CompressionLevel::Fastest,
            ),
            // An uncompressed block (RFC 7932 §9.2), and the last, empty one.
            Coding::Brotli => {
                let length = u32::try_from(plain.len() - 1).unwrap();
                let head = length << 4 | 1 << 20;
                // WBITS 16, not the last block, MNIBBLES 4, MLEN - 1, uncompressed.
                let mut bytes = (head & 0xff_ffff).to_le_bytes()[..3].to_vec();
                bytes.extend_from_slice(plain);
                bytes.push(3);
                bytes
            }
        }
    }

    fn unpacked(coding: Coding, body: &[u8]) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        decode(coding, body, &mut out, 1 << 20).map(|_| out)
    }

    #[test]
    fn every_coding_is_undone_by_its_first_bytes() {
        let plain = b"\x89PNG and the rest of it".repeat(9);
        let all = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd];
        for coding in all {
            assert_eq!(
                unpacked(coding, &packed(coding, &plain)),
                Ok(plain.clone()),
                "{coding:?}"
            );
            assert_eq!(
                unpacked(coding, &plain),
                Ok(plain.clone()),
                "{coding:?} is said only"
            );
        }
        let raw = &packed(Coding::Deflate, &plain)[2..];
        assert_eq!(unpacked(Coding::Deflate, raw), Ok(plain.clone()));
        assert_eq!(
            unpacked(Coding::Brotli, &packed(Coding::Gzip, &plain)),
            Ok(plain)
        );
        assert_eq!(unpacked(Coding::Gzip, b""), Ok(Vec::new()));
        let plain = b"\x89PNG and the rest of it".to_vec();
        let twice = packed(Coding::Gzip, &packed(Coding::Gzip, &plain));
        assert_eq!(unpacked(Coding::Gzip, &twice), Ok(plain.clone()));
        let zlib = packed(Coding::Deflate, &plain);
        assert_eq!(unpacked(Coding::Gzip, &zlib), Ok(plain));
    }

    #[test]
    fn what_unpacks_to_too_much_or_is_cut_is_an_error() {
        let bomb = packed(Coding::Gzip, &vec![0; 2 << 20]);
        assert!(unpacked(Coding::Gzip, &bomb).unwrap_err().is_too_large());
        let cut = &bomb[..bomb.len() / 2];
        assert_eq!(
            unpacked(Coding::Gzip, cut).unwrap_err().kind,
            crate::http::Kind::Truncated
        );
    }

    #[test]
    fn the_start_of_a_body_is_read_as_far_as_it_goes() {
        let plain = b"User-agent: *\nDisallow: /a\n".repeat(9);
        let all = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd];
        for coding in all {
            let body = packed(coding, &plain);
            let read = |body: &[u8]| start_of(Some(coding), body.to_vec(), 1 << 20);
            assert_eq!(read(&body), plain, "{coding:?}");
            assert_eq!(read(&plain), plain, "{coding:?} is said only");
            let cut = read(&body[..body.len() - 1]);
            assert!(plain.starts_with(&cut), "{coding:?}");
        }
        assert_eq!(start_of(None, packed(Coding::Gzip, &plain), 1 << 20), plain);
        assert_eq!(start_of(None, plain.clone(), 9), plain);
        let bomb = packed(Coding::Gzip, &vec![b'#'; 1 << 20]);
        assert!(start_of(Some(Coding::Gzip), bomb, 1 << 17).len() <= 1 << 17);
    }

    #[test]
    fn only_codings_that_change_a_body_count() {
        let cases = [
            ("gzip", Some(Coding::Gzip)),
            ("X-GZIP", Some(Coding::Gzip)),
            ("aws-chunked, br", Some(Coding::Brotli)),
            ("Identity", None),
            ("utf-8", None),
            ("", None),
        ];
        for (value, wanted) in cases {
            let mut headers = HeaderMap::new();
            headers.insert("content-encoding", HeaderValue::from_static(value));
            assert_eq!(declared(&headers), wanted, "{value}");
        }
    }

    #[test]
    fn damaged_bodies_are_undone_or_refused() {
        use recto_testkit::mutation;
        let sound = packed(Coding::Gzip, &b"{\"a\": [1, 2, 3]}".repeat(40));
        let takes = |bytes: &[u8]| {
            let all = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd];
            all.iter().all(|coding| unpacked(*coding, bytes).is_ok())
        };
        mutation::check(2000, move |random| mutation::bytes(&sound, random), takes).is_mixed();
    }
}
