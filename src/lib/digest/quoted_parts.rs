//! Parts of what an image request returns, as parts of the image of its service.

use crate::contracts::Region;
use crate::iiif::QuotedRequest;
use crate::selectors::{self, Part, fragment};

/// Maps a region of the image that a request returns to pixels of the service's image; none if that is not possible.
pub fn in_service(request: &QuotedRequest, region: &Region) -> Option<Region> {
    let of_all = request.region == "full";
    let in_words = match request.region.strip_prefix("pct:") {
        Some(share) => format!("xywh=percent:{share}"),
        None => format!("xywh={}", request.region),
    };
    let fragment = match &region.fragment {
        _ if region.is_whole() && of_all => None,
        _ if region.is_whole() && request.region != "square" => Some(in_words),
        _ if of_all && request.is_full_size() => return Some(region.clone()),
        Some(part) if region.svg.is_none() && request.is_upright() => {
            let part = match request.is_full_size() {
                true => part.clone(),
                false => share(request, part)?,
            };
            match of_all {
                true => Some(part),
                false => Some(selectors::nested_fragment(&in_words, &part)?),
            }
        }
        _ => return None,
    };
    Some(Region {
        fragment,
        ..Region::default()
    })
}

/// A part of what a request returns, as a share of it; none if it is in pixels, and it is not known how many there are.
fn share(asked: &QuotedRequest, part: &str) -> Option<String> {
    let [x, y, width, height] = match fragment::part(part).ok()? {
        Part::Percent(_) => return Some(part.to_owned()),
        Part::Pixels(numbers) => numbers,
        Part::All | Part::Square => return None,
    };
    let (Some(w), Some(h)) = asked.asked_size() else {
        return None;
    };
    // The answer is at most as large.
    if asked.size.contains('!') {
        return None;
    }
    let (sx, sy) = (100.0 / f64::from(w), 100.0 / f64::from(h));
    let (x, y, width, height) = (x * sx, y * sy, width * sx, height * sy);
    Some(format!("xywh=percent:{x},{y},{width},{height}"))
}
