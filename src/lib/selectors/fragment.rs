//! Media fragments (W3C Media Fragments URI 1.0, section 4.2.2), `xywh=` in pixels or in percent, and the regions of the
//! Image API, which say the same in other words. All code that reads either reads it here.

use percent_encoding::percent_decode_str;

use super::shape::MAX_COORDINATE;
use crate::contracts::{BBox, Frame};
use crate::values::excerpt;

/// The part of an image that a fragment or region selects.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part {
    /// All of it: `full`, or a fragment that selects a time only.
    All,
    /// The largest square in the middle (Image API 3.0, section 4.1).
    Square,
    /// `[x, y, width, height]` in pixels.
    Pixels([f64; 4]),
    /// `[x, y, width, height]` in percent of the width and the height.
    Percent([f64; 4]),
}

impl Part {
    /// `[x, y, width, height]` in pixels of an image or canvas of this size; none if the size is needed and not known.
    pub fn in_pixels(self, space: Option<Frame>) -> Option<[f64; 4]> {
        match (self, space) {
            (Part::Pixels(numbers), _) => Some(numbers),
            (_, None) => None,
            (Part::All, Some(space)) => Some([0.0, 0.0, space.width, space.height]),
            (Part::Square, Some(space)) => {
                let side = space.width.min(space.height);
                let middle = |length: f64| ((length - side) / 2.0).floor();
                Some([middle(space.width), middle(space.height), side, side])
            }
            (Part::Percent([x, y, width, height]), Some(space)) => {
                let (sx, sy) = (space.width / 100.0, space.height / 100.0);
                Some([x * sx, y * sy, width * sx, height * sy])
            }
        }
    }
}

/// Reads a fragment or region in every spelling in which it is published: `xywh=1,2,3,4` alone, after a `#`, at the end of
/// a URL or among other `name=value` pairs, with capitals, blanks, percent-encoding or a colon; `pixel:`, `px:`, `percent:`
/// and `pct:`; four bare numbers; `square` and `full`.
///
/// # Errors
/// The problem, in the manner of [`Reject::problem`](crate::summary::Reject::problem): no `xywh`, another unit, anything
/// but four finite numbers.
pub fn part(text: &str) -> Result<Part, String> {
    let Some(value) = xywh(text)? else {
        return Ok(Part::All);
    };
    match value.to_ascii_lowercase().as_str() {
        "square" => return Ok(Part::Square),
        "full" => return Ok(Part::All),
        _ => {}
    }
    let (unit, list) = match value.split_once(':') {
        Some((unit, list)) => (unit.trim().to_ascii_lowercase(), list),
        None => ("pixel".into(), value.as_str()),
    };
    let numbers = four_numbers(list).map_err(|problem| with_excerpt(&problem, text))?;
    match unit.as_str() {
        "pixel" | "pixels" | "px" => Ok(Part::Pixels(numbers)),
        "percent" | "pct" => Ok(Part::Percent(numbers)),
        _ => Err(with_excerpt(
            "fragment is neither in pixels nor in percent",
            text,
        )),
    }
}

/// Reads the box of a fragment or region as [`part`] does. The box is in pixels of the space that the fragment is written
/// for, and may extend beyond it; `space` is the size of that space, which percentages need.
///
/// # Errors
/// As for [`part`]; also only a time, a number above [`MAX_COORDINATE`], no area, percentages without a `space`.
pub fn bbox(text: &str, space: Option<Frame>) -> Result<BBox, String> {
    let problem = |problem| with_excerpt(problem, text);
    if xywh(text)?.is_none() {
        return Err(problem("a time selects no part of an image"));
    }
    let numbers = part(text)?.in_pixels(space);
    let numbers = numbers.ok_or_else(|| problem("percent of an unknown size"))?;
    if numbers.iter().any(|v| v.abs() > MAX_COORDINATE) {
        return Err(problem("fragment contains a number that is too large"));
    }
    BBox::try_from(numbers).map_err(|_| problem("fragment has no extent"))
}

/// The part of a fragment that selects an area, spelt `xywh=…`; none if it selects a time, or all. Its numbers are not
/// read.
///
/// # Errors
/// It is not known what the fragment selects.
pub fn spatial(text: &str) -> Result<Option<String>, String> {
    let value = xywh(text)?.filter(|value| !value.eq_ignore_ascii_case("full"));
    Ok(value.map(|value| match value.split_once(':') {
        Some((unit, list)) if unit.trim().eq_ignore_ascii_case("pct") => {
            format!("xywh=percent:{}", list.trim())
        }
        _ => format!("xywh={value}"),
    }))
}

/// Whether the text after a `#` selects an area or a time, and is not a part of an id.
pub fn is_media_fragment(fragment: &str) -> bool {
    let is_named = |(name, _): (String, String)| ["xywh", "t"].contains(&name.as_str());
    pairs(fragment).any(is_named) || is_four_numbers(&decoded(fragment))
}

/// The end of a reference that may select a part in a way that is not known here: a fragment that is no media fragment,
/// or a query that asks for an area (Media Fragments 1.0, section 3). Ids have such ends too.
pub fn unread_end(reference: &str) -> Option<&str> {
    if let Some((_, fragment)) = reference.rsplit_once('#') {
        return Some(fragment).filter(|f| !f.is_empty() && !is_media_fragment(f));
    }
    let (_, query) = reference.rsplit_once('?')?;
    pairs(query)
        .any(|(name, _)| name == "xywh")
        .then_some(query)
}

/// The fragment `inner`, which is relative to the part that `outer` selects, as a fragment of the whole. None where one of
/// them cannot be read, and for pixels within percentages: how many pixels the part has is not known here.
pub fn nested_fragment(outer: &str, inner: &str) -> Option<String> {
    let (unit, [x, y, width, height]) = match part(outer).ok()? {
        Part::Pixels(numbers) => ("", numbers),
        Part::Percent(numbers) => ("percent:", numbers),
        Part::All | Part::Square => return None,
    };
    let [ix, iy, w, h] = match part(inner).ok()? {
        Part::Pixels(inner) if unit.is_empty() => inner,
        Part::Percent(inner) => {
            let [ix, iy, w, h] = inner.map(|n| n / 100.0);
            [ix * width, iy * height, w * width, h * height]
        }
        _ => return None,
    };
    Some(format!("xywh={unit}{},{},{w},{h}", x + ix, y + iy))
}

fn with_excerpt(problem: &str, text: &str) -> String {
    format!("{problem}: {}", excerpt(text))
}

/// The value of the last `xywh`, percent-decoded: of several the last counts (section 4.2). None if the fragment selects a
/// time only.
fn xywh(text: &str) -> Result<Option<String>, String> {
    let fragment = text.rsplit_once('#').map_or(text, |(_, after)| after);
    let (mut names, mut found) = (Vec::new(), None);
    for (name, value) in pairs(fragment) {
        if name == "xywh" {
            found = Some(value);
        } else {
            names.push(name);
        }
    }
    if found.is_some() {
        return Ok(found);
    }
    let bare = decoded(fragment);
    if is_region(&bare) {
        return Ok(Some(bare));
    }
    if !names.is_empty() && names.iter().all(|name| name == "t") {
        return Ok(None);
    }
    Err(with_excerpt("xywh is missing from the fragment", text))
}

/// The `name=value` pairs of a fragment, decoded, names in lower case. Some write `xywh:` for `xywh=`.
fn pairs(fragment: &str) -> impl Iterator<Item = (String, String)> {
    fragment.split('&').map(|pair| {
        let pair = decoded(pair);
        let at = pair.find(['=', ':']).unwrap_or(pair.len());
        let (name, value) = pair.split_at(at);
        let value = value.get(1..).unwrap_or_default().trim();
        (name.trim().to_ascii_lowercase(), value.to_owned())
    })
}

/// Whether a text without a name is a region: a word of the Image API, or four numbers.
fn is_region(text: &str) -> bool {
    let word = text.to_ascii_lowercase();
    word == "full" || word == "square" || is_four_numbers(text)
}

/// Whether a text is four numbers, with or without a unit before them.
fn is_four_numbers(text: &str) -> bool {
    let numbers = text.split_once(':').map_or(text, |(_, numbers)| numbers);
    four_numbers(numbers).is_ok()
}

fn decoded(text: &str) -> String {
    percent_decode_str(text)
        .decode_utf8_lossy()
        .trim()
        .to_owned()
}

fn four_numbers(list: &str) -> Result<[f64; 4], String> {
    let list = list.trim().trim_start_matches(['[', '(']);
    let list = list.trim_end_matches([']', ')']);
    let number = |text: &str| {
        let text = text.trim().trim_end_matches("px").trim_end();
        text.parse().ok().filter(|v: &f64| v.is_finite())
    };
    let numbers: Vec<Option<f64>> = match list.contains([',', ';']) {
        true => list.split([',', ';']).map(number).collect(),
        false => list.split_whitespace().map(number).collect(),
    };
    match numbers[..] {
        [Some(x), Some(y), Some(width), Some(height)] => Ok([x, y, width, height]),
        [_, _, _, _] => Err("fragment contains something that is not a number".into()),
        _ => Err("fragment does not have four numbers".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_of_every_shape_are_read_or_refused_with_a_reason() {
        let frame = Frame {
            width: 1000.0,
            height: 500.0,
        };
        let cases: &[(&str, Result<[f64; 4], &str>)] = &[
            ("xywh=1,2,3,4", Ok([1.0, 2.0, 3.0, 4.0])),
            ("#xywh=1,2,3,4", Ok([1.0, 2.0, 3.0, 4.0])),
            ("xywh=pixel:1,2,3,4", Ok([1.0, 2.0, 3.0, 4.0])),
            ("xywh=percent:10,20,50,50", Ok([100.0, 100.0, 500.0, 250.0])),
            ("xywh=Percent:10,20,50,50", Ok([100.0, 100.0, 500.0, 250.0])),
            ("xywh=1.5,2.25,3.125,4", Ok([1.5, 2.25, 3.125, 4.0])),
            (
                "https://example.org/canvas/1#t=1,2&xywh=1,2,3,4",
                Ok([1.0, 2.0, 3.0, 4.0]),
            ),
            ("xywh=1,2,3,4&t=5", Ok([1.0, 2.0, 3.0, 4.0])),
            (" xywh = 1, 2 ,3, 4 ", Ok([1.0, 2.0, 3.0, 4.0])),
            (
                "xywh=percent%3A10%2C20,50,50",
                Ok([100.0, 100.0, 500.0, 250.0]),
            ),
            ("xywh=-5,-6,10,10", Ok([-5.0, -6.0, 10.0, 10.0])),
            ("10,20,30,40", Ok([10.0, 20.0, 30.0, 40.0])),
            ("pct:10,20,50,50", Ok([100.0, 100.0, 500.0, 250.0])),
            ("#xywh%3D10,20,30,40", Ok([10.0, 20.0, 30.0, 40.0])),
            ("XYWH=10,20,30,40", Ok([10.0, 20.0, 30.0, 40.0])),
            ("xywh:10,20,30,40", Ok([10.0, 20.0, 30.0, 40.0])),
            ("xywh:pixel:10,20,30,40", Ok([10.0, 20.0, 30.0, 40.0])),
            ("xywh=10px,20px,30px,40px", Ok([10.0, 20.0, 30.0, 40.0])),
            ("xywh=[10; 20; 30; 40]", Ok([10.0, 20.0, 30.0, 40.0])),
            ("xywh=10 20 30 40", Ok([10.0, 20.0, 30.0, 40.0])),
            ("square", Ok([250.0, 0.0, 500.0, 500.0])),
            ("full", Ok([0.0, 0.0, 1000.0, 500.0])),
            ("xywh=1,2,3,4&xywh=5,6,7,8", Ok([5.0, 6.0, 7.0, 8.0])),
            (
                "xywh=1,2,3",
                Err("fragment does not have four numbers: xywh=1,2,3"),
            ),
            (
                "xywh=1,2,3,4,5",
                Err("fragment does not have four numbers: xywh=1,2,3,4,5"),
            ),
            ("xywh=", Err("fragment does not have four numbers: xywh=")),
            (
                "xywh=1,2,,4",
                Err("fragment contains something that is not a number: xywh=1,2,,4"),
            ),
            (
                "xywh=1,2,x,4",
                Err("fragment contains something that is not a number: xywh=1,2,x,4"),
            ),
            (
                "xywh=NaN,0,1,1",
                Err("fragment contains something that is not a number: xywh=NaN,0,1,1"),
            ),
            (
                "xywh=0,0,inf,1",
                Err("fragment contains something that is not a number: xywh=0,0,inf,1"),
            ),
            ("xywh=1,2,0,4", Err("fragment has no extent: xywh=1,2,0,4")),
            (
                "xywh=1,2,3,-4",
                Err("fragment has no extent: xywh=1,2,3,-4"),
            ),
            (
                "xywh=0,0,1e300,1",
                Err("fragment contains a number that is too large: xywh=0,0,1e300,1"),
            ),
            (
                "xywh=inch:1,2,3,4",
                Err("fragment is neither in pixels nor in percent: xywh=inch:1,2,3,4"),
            ),
            ("t=1,2", Err("a time selects no part of an image: t=1,2")),
            ("page=3", Err("xywh is missing from the fragment: page=3")),
            ("", Err("xywh is missing from the fragment: ")),
        ];
        for (text, wanted) in cases {
            let found = bbox(text, Some(frame));
            let wanted = wanted
                .map(|numbers| BBox::try_from(numbers).unwrap())
                .map_err(str::to_owned);
            assert_eq!(found, wanted, "{text:?}");
        }
    }

    #[test]
    fn ends_of_references_select_or_belong_to_ids() {
        for (fragment, selects) in [
            ("xywh=1,2,3,4", true),
            ("t=3", true),
            ("1,2,3,4", true),
            ("pct:1,2,3,4", true),
            ("xyhw=1,2,3,4", false),
            ("xywh%253D1,2,3,4", false),
            ("canvas-1", false),
            ("full", false),
        ] {
            let reference = format!("https://a.example/c/1#{fragment}");
            assert_eq!(is_media_fragment(fragment), selects, "{fragment}");
            let unread = unread_end(&reference);
            assert_eq!(unread, (!selects).then_some(fragment), "{fragment}");
        }
        for (reference, wanted) in [
            ("https://a.example/c/1", None),
            ("https://a.example/c/1#", None),
            ("https://a.example/c?page=1", None),
            ("https://a.example/c/1?xywh=1,2,3,4", Some("xywh=1,2,3,4")),
        ] {
            assert_eq!(unread_end(reference), wanted, "{reference}");
        }
    }

    #[test]
    fn percent_needs_a_size() {
        let problem = bbox("xywh=percent:1,1,1,1", None).unwrap_err();
        assert_eq!(problem, "percent of an unknown size: xywh=percent:1,1,1,1");
    }
}
