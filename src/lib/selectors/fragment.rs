//! Media fragments (W3C Media Fragments URI 1.0, section 4.2.2): `xywh=` in pixels or in percent.

use percent_encoding::percent_decode_str;

use super::shape::MAX_COORDINATE;
use crate::contracts::{BBox, Frame};
use crate::values::excerpt;

/// Reads the box of a media fragment, `xywh=1,2,3,4`: alone, after a `#`, at the end of a URL, or among other `name=value`
/// pairs. The box is in pixels of the space that the fragment is written for, and may extend beyond it; `space` is the
/// size of that space, which percentages need.
///
/// # Errors
/// The problem, in the manner of [`Reject::problem`](crate::summary::Reject::problem): no `xywh`, another unit, anything
/// but four finite numbers, a number above [`MAX_COORDINATE`], no area, percentages without a `space`.
pub fn bbox(text: &str, space: Option<Frame>) -> Result<BBox, String> {
    let value = xywh(text)?;
    let (unit, list) = match value.split_once(':') {
        Some((unit, list)) => (unit.trim().to_ascii_lowercase(), list),
        None => ("pixel".into(), value.as_str()),
    };
    let [x, y, width, height] =
        four_numbers(list).map_err(|problem| with_excerpt(&problem, text))?;
    let (sx, sy) = match unit.as_str() {
        "pixel" => (1.0, 1.0),
        "percent" => {
            let space = space.ok_or_else(|| with_excerpt("percent of an unknown size", text))?;
            (space.width / 100.0, space.height / 100.0)
        }
        _ => {
            return Err(with_excerpt(
                "fragment is neither in pixels nor in percent",
                text,
            ));
        }
    };
    let numbers = [x * sx, y * sy, width * sx, height * sy];
    if numbers.iter().any(|v| v.abs() > MAX_COORDINATE) {
        return Err(with_excerpt(
            "fragment contains a number that is too large",
            text,
        ));
    }
    BBox::try_from(numbers).map_err(|_| with_excerpt("fragment has no extent", text))
}

/// The fragment `inner`, which is relative to the part that `outer` selects, as a fragment of the whole. None where one of
/// them cannot be read, and for pixels within percentages: how many pixels the part has is not known here.
pub fn nested_fragment(outer: &str, inner: &str) -> Option<String> {
    let (of_all, [x, y, width, height]) = numbers(outer)?;
    let (of_part, inner) = numbers(inner)?;
    let [ix, iy, w, h] = match (of_all, of_part) {
        (Unit::Pixel, Unit::Pixel) => inner,
        (_, Unit::Percent) => {
            let [ix, iy, w, h] = inner.map(|n| n / 100.0);
            [ix * width, iy * height, w * width, h * height]
        }
        (Unit::Percent, Unit::Pixel) => return None,
    };
    let unit = match of_all {
        Unit::Pixel => "",
        Unit::Percent => "percent:",
    };
    Some(format!("xywh={unit}{},{},{w},{h}", x + ix, y + iy))
}

#[derive(Clone, Copy)]
enum Unit {
    Pixel,
    Percent,
}

fn numbers(text: &str) -> Option<(Unit, [f64; 4])> {
    let value = xywh(text).ok()?;
    let (unit, list) = value.split_once(':').unwrap_or(("pixel", &value));
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "pixel" => Unit::Pixel,
        "percent" => Unit::Percent,
        _ => return None,
    };
    Some((unit, four_numbers(list).ok()?))
}

fn with_excerpt(problem: &str, text: &str) -> String {
    format!("{problem}: {}", excerpt(text))
}

/// The value of the last `xywh`, percent-decoded: of several the last counts (section 4.2).
fn xywh(text: &str) -> Result<String, String> {
    let pairs = text.rsplit_once('#').map_or(text, |(_, after)| after);
    let decoded = |s: &str| percent_decode_str(s).decode_utf8_lossy().trim().to_owned();
    let mut names = Vec::new();
    let mut found = None;
    for pair in pairs.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decoded(name).to_ascii_lowercase();
        if name == "xywh" {
            found = Some(decoded(value));
        }
        names.push(name);
    }
    found.ok_or_else(|| {
        let only_time = names.iter().all(|name| name == "t");
        let problem = if only_time {
            "a time selects no part of an image"
        } else {
            "xywh is missing from the fragment"
        };
        with_excerpt(problem, text)
    })
}

fn four_numbers(list: &str) -> Result<[f64; 4], String> {
    let numbers: Vec<Option<f64>> = list
        .split(',')
        .map(|s| s.trim().parse().ok().filter(|v: &f64| v.is_finite()))
        .collect();
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
    fn percent_needs_a_size() {
        let problem = bbox("xywh=percent:1,1,1,1", None).unwrap_err();
        assert_eq!(problem, "percent of an unknown size: xywh=percent:1,1,1,1");
    }
}
