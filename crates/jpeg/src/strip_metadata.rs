//! A JPEG without its metadata.

use crate::bits::fill_bytes;

/// Removes EXIF and other metadata, ICC profiles, thumbnails, comments, and bytes after the end marker from a JPEG that
/// [`check`](crate::check) accepts. What decoders need is copied byte for byte: tables, frame header, scans, JFIF and
/// Adobe segments.
///
/// `None` if there are other segments or bytes between segments, or if the JPEG is cut short between segments. Scan data
/// is not checked.
///
/// ```
/// # let mut jpeg = Vec::new();
/// # jpeg_encoder::Encoder::new(&mut jpeg, 90).encode(&[120; 64], 8, 8, jpeg_encoder::ColorType::Luma).unwrap();
/// let comment = [&[0xFF, 0xFE, 0, 7], &b"hello"[..]].concat();
/// let commented = [&jpeg[..2], &comment, &jpeg[2..]].concat();
/// assert_eq!(recto_jpeg::strip_metadata(&commented), Some(jpeg));
/// ```
pub fn strip_metadata(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    out.extend_from_slice(bytes.strip_prefix(&[0xFF, 0xD8]).map(|_| &bytes[..2])?);
    let mut at = 2;
    loop {
        at += fill_bytes(bytes.get(at..)?).checked_sub(1)?;
        let code = *bytes.get(at + 1)?;
        if code == 0xD9 {
            out.extend([0xFF, 0xD9]);
            out.shrink_to_fit();
            return Some(out);
        }
        let length = u16::from_be_bytes(*bytes.get(at + 2..)?.first_chunk()?);
        let end = at + 2 + usize::from(length);
        let body = bytes.get(at + 4..end)?;
        match code {
            0xE0 if body.starts_with(b"JFIF\0") => out.extend(jfif(body)?),
            0xEE if body.starts_with(b"Adobe") => out.extend(adobe(body)?),
            0xE0..=0xEF | 0xFE => {}
            // Tables, frames that this crate reads, scans, restart intervals, a height after the scan.
            0xDB | 0xC4 | 0xC0..=0xC2 | 0xDA | 0xDD | 0xDC => {
                out.extend_from_slice(&bytes[at..end]);
            }
            _ => return None,
        }
        at = end;
        if code == 0xDA {
            let data = entropy_coded(&bytes[at..])?;
            out.extend_from_slice(&bytes[at..at + data]);
            at += data;
        }
    }
}

/// The JFIF segment without its thumbnail.
fn jfif(body: &[u8]) -> Option<Vec<u8>> {
    const THUMBNAIL: usize = 12;
    let mut segment = vec![0xFF, 0xE0, 0, 16];
    segment.extend_from_slice(body.get(..THUMBNAIL)?);
    segment.extend([0, 0]);
    Some(segment)
}

/// The Adobe segment without further bytes.
fn adobe(body: &[u8]) -> Option<Vec<u8>> {
    const LENGTH: usize = 12;
    let mut segment = vec![0xFF, 0xEE, 0, 2 + LENGTH as u8];
    segment.extend_from_slice(body.get(..LENGTH)?);
    Some(segment)
}

/// The number of bytes before a marker other than a restart marker.
fn entropy_coded(bytes: &[u8]) -> Option<usize> {
    let mut ends = memchr::memchr_iter(0xFF, bytes);
    ends.find(|&at| !matches!(bytes.get(at + 1), Some(0x00 | 0xD0..=0xD7)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check;
    use zune_jpeg::zune_core::bytestream::ZCursor;

    fn segment(code: u8, body: &[u8]) -> Vec<u8> {
        let length = (body.len() as u16 + 2).to_be_bytes();
        [&[0xFF, code], &length[..], body].concat()
    }

    fn encoded(progressive: bool, restart: u16) -> Vec<u8> {
        let pixels: Vec<u8> = (0..40 * 30 * 3).map(|n| (n * 7 % 251) as u8).collect();
        let mut out = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut out, 80);
        encoder.set_progressive(progressive);
        encoder.set_restart_interval(restart);
        encoder
            .encode(&pixels, 40, 30, jpeg_encoder::ColorType::Rgb)
            .unwrap();
        out
    }

    fn decoded(bytes: &[u8]) -> Vec<u8> {
        let mut decoder = zune_jpeg::JpegDecoder::new(ZCursor::new(bytes));
        decoder.decode().unwrap()
    }

    #[test]
    fn metadata_is_removed_and_what_is_decoded_stays() {
        for (progressive, restart) in [(false, 0), (false, 2), (true, 0)] {
            let plain = encoded(progressive, restart);
            let metadata = [
                segment(0xE1, b"Exif\0\0where it was taken"),
                segment(0xE2, b"ICC_PROFILE\0\x01\x01a profile"),
                segment(0xFE, b"a comment"),
            ];
            let with_metadata =
                [&plain[..2], &metadata.concat(), &plain[2..], b"and more"].concat();
            let stripped = strip_metadata(&with_metadata).unwrap();
            check(&stripped).unwrap();
            assert_eq!(decoded(&stripped), decoded(&plain));
            assert_eq!(strip_metadata(&stripped), Some(stripped.clone()));
            for word in ["taken", "profile", "comment", "more"] {
                assert_eq!(
                    memchr::memmem::find(&stripped, word.as_bytes()),
                    None,
                    "{word}"
                );
            }
        }
    }

    #[test]
    fn a_thumbnail_in_jfif_is_removed_and_densities_stay() {
        let plain = encoded(false, 0);
        let at = memchr::memmem::find(&plain, b"JFIF\0").unwrap();
        let own = &plain[at..at + 14];
        let body = [&own[..12], &[1, 1, 9, 9, 9][..]].concat();
        let with_metadata = [&plain[..2], &segment(0xE0, &body), &plain[at + 14..]].concat();
        assert_eq!(strip_metadata(&with_metadata), strip_metadata(&plain));
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let plain = encoded(true, 3);
        for cut in 0..plain.len() {
            strip_metadata(&plain[..cut]);
            let mut damaged = plain.clone();
            damaged[cut] = 0xFF;
            strip_metadata(&damaged);
        }
        assert_eq!(strip_metadata(b""), None);
        assert_eq!(strip_metadata(b"\xff\xd8 words"), None);
    }
}
