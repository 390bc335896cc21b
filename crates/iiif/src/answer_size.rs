//! What size an answer to a quoted request has to have.

use crate::quoted::QuotedRequest;
use crate::request::Region;
use crate::resolve::rotated_size;

/// What the size of an answer says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerSize {
    /// It is the size requested.
    Requested,
    /// It is another: what was requested, in words.
    Other(String),
    /// Only the size of the service's image would tell.
    Unknown,
}

impl QuotedRequest<'_> {
    /// Whether an answer of `found` pixels is what is requested, of any quality, format and rotation. `image` is the size of
    /// the service's image, where it is known. Sides that keep an aspect ratio may be a pixel off: servers round in
    /// different ways.
    ///
    /// ```
    /// use recto_iiif::{AnswerSize, QuotedRequest};
    ///
    /// let request = QuotedRequest::parse("https://a.example/p1/full/1000,/90/gray.png").unwrap();
    /// assert_eq!(request.size_of_answer([800, 1000], None), AnswerSize::Requested);
    /// assert!(matches!(request.size_of_answer([240, 300], None), AnswerSize::Other(_)));
    /// ```
    pub fn size_of_answer(&self, found: [u32; 2], image: Option<[u32; 2]>) -> AnswerSize {
        let size = plain(self.size);
        let enlarges = size.starts_with('^');
        let size = size.trim_start_matches('^');
        let part = part(&plain(self.region), image);
        let degrees: f64 = self.rotation.trim_start_matches('!').parse().unwrap_or(0.0);
        let is = |wanted: [Option<u32>; 2], slack: [u32; 2]| {
            let is_one = |found: [u32; 2], slack: [u32; 2]| {
                (0..2).all(|i| wanted[i].is_none_or(|side| side.abs_diff(found[i]) <= slack[i]))
            };
            let holds = match degrees.rem_euclid(180.0) {
                0.0 => is_one(found, slack),
                90.0 => is_one([found[1], found[0]], slack),
                // Other angles need room, which some servers do not make.
                _ => match wanted {
                    [Some(w), Some(h)] => {
                        let room = rotated_size([w, h], degrees);
                        let is_near = |i: usize| room[i].abs_diff(found[i]) <= 2 + slack[i];
                        is_near(0) && is_near(1) || is_one(found, slack)
                    }
                    _ => return AnswerSize::Unknown,
                },
            };
            match holds {
                true => AnswerSize::Requested,
                false if degrees.rem_euclid(180.0) == 90.0 => {
                    AnswerSize::Other(words([wanted[1], wanted[0]]))
                }
                false => AnswerSize::Other(words(wanted)),
            }
        };
        match (parsed(size), part) {
            (Some(Asked::Size([Some(w), Some(h)])), _) => is([Some(w), Some(h)], [0, 0]),
            (Some(Asked::Size(sides)), part) => {
                let slack = sides.map(|side| u32::from(side.is_none()));
                is(part.map_or(sides, |part| completed(sides, part)), slack)
            }
            (Some(Asked::Within(most)), Some(part)) => {
                let fitted = fitted(part, most, enlarges);
                is(fitted.map(Some), [1, 1])
            }
            (Some(Asked::Percent(n)), Some(part)) => {
                is(part.map(|side| Some(scaled(side, n / 100.0))), [1, 1])
            }
            // What is enlarged is as large as the server likes.
            (Some(Asked::All), Some(part)) if !enlarges => is(part.map(Some), [0, 0]),
            // A region may end at the edge of the image, which is not known.
            (Some(Asked::All), None) if !enlarges => match stated(&plain(self.region)) {
                Some((false, [_, _, w, h])) => is([Some(w as u32), Some(h as u32)], [0, 0]),
                _ => AnswerSize::Unknown,
            },
            _ => AnswerSize::Unknown,
        }
    }

    /// Whether the size of the service's image is needed to tell what the answer has to be: where the size parameter states
    /// no width and no height.
    pub fn needs_size_of_image(&self) -> bool {
        let size = plain(self.size);
        !matches!(parsed(size.trim_start_matches('^')), Some(Asked::Size(_)))
    }

    /// The part of the service's image, `[x, y, width, height]` in its pixels, that is requested pixel for pixel: in full
    /// size, upright, in the usual quality. None where something else is requested. `image` is the size of the image.
    ///
    /// ```
    /// use recto_iiif::QuotedRequest;
    ///
    /// let request = QuotedRequest::parse("https://a.example/p1/square/max/0/default.jpg").unwrap();
    /// assert_eq!(request.part_in_full([1000, 800]), Some([100, 0, 800, 800]));
    /// ```
    pub fn part_in_full(&self, image: [u32; 2]) -> Option<[u32; 4]> {
        let region: Region = plain(self.region).parse().ok()?;
        let part = region.resolve(image).ok()?;
        (self.is_usual_quality() && self.is_full_size()).then_some(part)
    }
}

enum Asked {
    Size([Option<u32>; 2]),
    Within([u32; 2]),
    Percent(f64),
    All,
}

fn parsed(size: &str) -> Option<Asked> {
    if size == "max" || size == "full" {
        return Some(Asked::All);
    }
    if let Some(percent) = size.strip_prefix("pct:") {
        return percent.parse().ok().map(Asked::Percent);
    }
    let (width, height) = size.trim_start_matches('!').split_once(',')?;
    let sides = [width.parse().ok(), height.parse().ok()];
    match (size.starts_with('!'), sides) {
        (true, [Some(w), Some(h)]) => Some(Asked::Within([w, h])),
        (true, _) | (_, [None, None]) => None,
        (false, sides) => Some(Asked::Size(sides)),
    }
}

/// The size of the region, which ends where the image does.
fn part(region: &str, image: Option<[u32; 2]>) -> Option<[u32; 2]> {
    if region == "full" {
        return image;
    }
    if region == "square" {
        return image.map(|[w, h]| [w.min(h); 2]);
    }
    let (is_percent, [x, y, w, h]) = stated(region)?;
    let image = image?;
    let side = |from: f64, length: f64, whole: u32| {
        let whole = f64::from(whole);
        let unit = if is_percent { whole / 100.0 } else { 1.0 };
        let (from, to) = (from * unit, (from + length) * unit);
        (to.min(whole) - from.min(whole)).round() as u32
    };
    Some([side(x, w, image[0]), side(y, h, image[1])])
}

/// The numbers of a region, and whether they are per cent.
fn stated(region: &str) -> Option<(bool, [f64; 4])> {
    let (is_percent, numbers) = match region.strip_prefix("pct:") {
        Some(numbers) => (true, numbers),
        None => (false, region),
    };
    let numbers: Result<Vec<f64>, _> = numbers.split(',').map(str::parse).collect();
    Some((is_percent, numbers.ok()?.try_into().ok()?))
}

fn completed([width, height]: [Option<u32>; 2], [w, h]: [u32; 2]) -> [Option<u32>; 2] {
    let ratio = f64::from(w.max(1)) / f64::from(h.max(1));
    let of = |side: u32, ratio: f64| scaled(side, ratio);
    [
        width.or_else(|| height.map(|height| of(height, ratio))),
        height.or_else(|| width.map(|width| of(width, 1.0 / ratio))),
    ]
}

fn fitted([w, h]: [u32; 2], [most_w, most_h]: [u32; 2], enlarges: bool) -> [u32; 2] {
    let factor =
        (f64::from(most_w) / f64::from(w.max(1))).min(f64::from(most_h) / f64::from(h.max(1)));
    let factor = if enlarges { factor } else { factor.min(1.0) };
    [w, h].map(|side| scaled(side, factor))
}

fn scaled(side: u32, factor: f64) -> u32 {
    (f64::from(side) * factor).round().max(1.0) as u32
}

fn words([width, height]: [Option<u32>; 2]) -> String {
    match (width, height) {
        (Some(w), Some(h)) => format!("{w} x {h} pixels"),
        (Some(w), None) => format!("a width of {w} pixels"),
        (None, Some(h)) => format!("a height of {h} pixels"),
        (None, None) => "another size".into(),
    }
}

/// A parameter as it is meant, where a document escapes it.
fn plain(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_the_size_requested_or_is_another() {
        const IMAGE: Option<[u32; 2]> = Some([1000, 800]);
        let small = [300, 240];
        // The request, the size of the image, an answer that is right, one that is not.
        let cases = [
            ("full/1000,800/0/gray.jpg", None, [1000, 800], small),
            ("full/1000,800/!0/default.jpg", None, [1000, 800], small),
            (
                "full/1000,800/90/default.jpg",
                None,
                [800, 1000],
                [1000, 800],
            ),
            (
                "full/1000,800/270/default.jpg",
                None,
                [800, 1000],
                [240, 300],
            ),
            ("full/1000,800/180/bitonal.png", None, [1000, 800], small),
            ("full/300,200/45/default.png", None, [354, 354], [177, 177]),
            ("full/1000,800/0/default.jpg?x=1", None, [1000, 800], small),
            ("full/1000%2C800/0/gray.jpg", None, [1000, 800], small),
            (
                "full/^2000,1600/0/default.jpg",
                None,
                [2000, 1600],
                [1000, 800],
            ),
            ("full/1000,/0/gray.jpg", None, [1000, 801], small),
            ("full/,800/90/gray.jpg", None, [800, 7], [240, 300]),
            ("full/500,/0/gray.jpg", IMAGE, [500, 401], [500, 300]),
            ("full/!500,500/0/gray.jpg", IMAGE, [500, 400], small),
            ("full/!5000,5000/0/gray.jpg", IMAGE, [1000, 800], small),
            ("full/pct:50/0/gray.jpg", IMAGE, [500, 400], small),
            ("full/max/180/default.jpg", IMAGE, [1000, 800], small),
            ("full/full/0/gray.jpg", IMAGE, [1000, 800], small),
            ("square/max/0/default.jpg", IMAGE, [800, 800], [300, 300]),
            ("pct:0,0,50,50/max/0/default.jpg", IMAGE, [500, 400], small),
            (
                "900,700,200,200/max/0/gray.jpg",
                IMAGE,
                [100, 100],
                [200, 200],
            ),
            ("1,1,30,20/max/0/gray.jpg", None, [30, 20], [15, 10]),
        ];
        for (request, image, right, wrong) in cases {
            let uri = format!("https://a.example/p/{request}");
            let parsed = QuotedRequest::parse(&uri).unwrap();
            assert_eq!(
                parsed.size_of_answer(right, image),
                AnswerSize::Requested,
                "{request}"
            );
            let other = parsed.size_of_answer(wrong, image);
            assert!(
                matches!(other, AnswerSize::Other(_)),
                "{request}: {other:?}"
            );
        }
        for request in [
            "full/max/0/gray.jpg",
            "full/!9,9/0/gray.jpg",
            "full/^max/0/gray.jpg",
            "pct:1,1,5,5/full/0/gray.jpg",
        ] {
            let uri = format!("https://a.example/p/{request}");
            let parsed = QuotedRequest::parse(&uri).unwrap();
            assert_eq!(
                parsed.size_of_answer([3, 3], None),
                AnswerSize::Unknown,
                "{request}"
            );
        }
    }
}
