//! What a file that was downloaded has to be: an image, of the size requested, the file that its source declares.

use super::service::plan::{Scaling, output_size};
use super::service::verify::error_of;
use super::state::words;
use crate::contracts::Service;
use crate::http::Error;
use crate::iiif::{AnswerSize, QuotedRequest};
use crate::pixels::{self, VerifiedFile};

/// TIFF files may be so many times as large as others: they hold uncompressed pixels.
pub const TIFF_FACTOR: u64 = 8;

/// Refuses what its first bytes show to be no image, before the rest of it is read. Only a TIFF may have `most` bytes.
///
/// # Errors
/// It is no image that is read here.
pub fn check_start(start: &[u8], most: u64) -> Result<u64, Error> {
    pixels::check_start(start).map_err(error_of)?;
    let most = if pixels::is_tiff(start) {
        most
    } else {
        most / TIFF_FACTOR
    };
    Ok(pixels::most_of_jpeg(start).map_or(most, |of_jpeg| of_jpeg.min(most)))
}

/// The same where images of other types are kept.
///
/// # Errors
/// It is no image.
pub fn check_start_of_any_image(start: &[u8], most: u64) -> Result<u64, Error> {
    match pixels::is_unread_image(start) {
        true => Ok(most / TIFF_FACTOR),
        false => check_start(start, most),
    }
}

/// Whether a file is the one that the source declares.
///
/// # Errors
/// It is another.
pub fn check_sha256(sound: &VerifiedFile, declared: Option<&str>) -> Result<(), Error> {
    match declared.filter(|sha256| !sha256.eq_ignore_ascii_case(&sound.sha256)) {
        None => Ok(()),
        Some(declared) => Err(Error::checksum(format!(
            "not the file that the source declares: its SHA-256 is {}, not {declared}",
            sound.sha256
        ))),
    }
}

/// Whether an image is not smaller than the user wants.
///
/// # Errors
/// It is smaller.
pub fn check_min_size(size: [u32; 2], least: u32) -> Result<(), Error> {
    match size[0].min(size[1]) < least {
        true => Err(Error::too_small(words::too_small(size, least))),
        false => Ok(()),
    }
}

/// What is known of the size of a file before it comes.
#[derive(Clone, Copy, Debug)]
pub struct KnownSize {
    /// As the source declares it.
    pub declared: Option<[u32; 2]>,
    /// Of the image of the service that the URL requests it of.
    pub service: Option<[u32; 2]>,
}

/// Whether an image has the size that is known, or that its URL requests.
///
/// # Errors
/// It has another.
pub fn check_size(sound: &VerifiedFile, url: &str, known: KnownSize) -> Result<(), Error> {
    let [width, height] = [sound.header.width, sound.header.height];
    let other = |wanted: String| {
        let found = format!("it has {width} x {height} pixels, {wanted}");
        Err(Error::wrong_size(found))
    };
    if let Some([w, h]) = known.declared {
        return match [w, h] == [width, height] {
            true => Ok(()),
            false => other(format!("the source declares {w} x {h}")),
        };
    }
    let request = QuotedRequest::parse(url);
    match request.map(|request| request.size_of_answer([width, height], known.service)) {
        Some(AnswerSize::Other(wanted)) => other(format!("the request is for {wanted}")),
        _ => Ok(()),
    }
}

/// What is told where an image has fewer pixels than its source declares, and than are wanted of it: that of a service, or a
/// file. A pixel or two are a matter of rounding.
pub fn words_if_smaller(
    what: &str,
    found: [u32; 2],
    declared: [u32; 2],
    scaling: Scaling,
) -> Option<String> {
    const NEAR: u32 = 2;
    let wanted = output_size(declared, scaling);
    let is_smaller = (0..2).all(|side| found[side].saturating_add(NEAR) < wanted[side]);
    is_smaller.then(|| {
        format!(
            "the {what} has fewer pixels than the source declares: {} x {}, not {} x {}",
            found[0], found[1], declared[0], declared[1]
        )
    })
}

/// Whether a request is one to a service, by whatever scheme.
pub fn is_of(request: &QuotedRequest, service: &Service) -> bool {
    fn place(url: &str) -> &str {
        let place = url.split_once("://").map_or(url, |(_, place)| place);
        place.trim_end_matches('/')
    }
    place(request.base) == place(&service.id)
}
