//! Where the page of a transcription lies on the canvas or image that it transcribes.
//!
//! A transcription is made from a scan whose size is often neither that of the canvas nor that of the image published, and
//! in tenths of millimetres as often as in pixels. The size of its page, in whatever unit, is that of the whole: it decides.

use super::page::TextPage;
use crate::contracts::{Frame, Space};

/// How a page is brought onto a canvas or image: each coordinate is multiplied.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// The space that coordinates are in afterwards.
    pub space: Space,
    /// What horizontal coordinates and widths are multiplied by.
    pub sx: f64,
    /// What vertical coordinates and heights are multiplied by.
    pub sy: f64,
    /// What is added to them then, horizontally and vertically.
    pub by: [f64; 2],
    /// A note for the user: what had to be assumed, such as that the page was stretched.
    pub assumed: Option<&'static str>,
}

/// Aspect ratios that differ by less are the same: sizes are rounded to pixels, and scans trimmed a little.
const SAME_SHAPE: f64 = 0.01;

/// Aspect ratios that differ by more belong to different pictures.
const OTHER_PICTURE: f64 = 0.1;

/// The fit of a page onto a canvas, or onto the image itself where that has the shape of the page and the canvas does not.
///
/// # Errors
/// The page has the shape of neither, or its size is missing and cannot be concluded.
///
/// `part` is the part of the image that is on the canvas, `[x, y, width, height]` in its pixels, where that is not all of it: a page
/// of its size is that of the part.
pub fn fit(
    page: &TextPage,
    canvas: Option<Frame>,
    image: Option<Frame>,
    part: Option<[u32; 4]>,
) -> Result<Fit, String> {
    let spaces = [(Space::Canvas, canvas), (Space::Image, image)];
    let known: Vec<(Space, Frame)> = spaces
        .into_iter()
        .filter_map(|(space, frame)| Some((space, frame?)))
        .collect();
    let Some(size) = page.size else {
        return without_size(page, &known);
    };
    let onto = |(space, frame): (Space, Frame), assumed| Fit {
        space,
        sx: frame.width / size.width,
        sy: frame.height / size.height,
        by: [0.0, 0.0],
        assumed,
    };
    if known.is_empty() {
        // The page is the whole image: its own size is the best that is known.
        return Ok(onto((Space::Canvas, size), None));
    }
    let equal = known.iter().find(|(_, frame)| *frame == size);
    if let (None, Some([x, y, width, height])) = (equal, part)
        && [size.width, size.height] == [f64::from(width), f64::from(height)]
    {
        return Ok(Fit {
            space: Space::Image,
            sx: 1.0,
            sy: 1.0,
            by: [f64::from(x), f64::from(y)],
            assumed: None,
        });
    }
    let alike = || known.iter().find(|(_, f)| stretch(size, *f) <= SAME_SHAPE);
    if let Some(found) = equal.or_else(alike) {
        return Ok(onto(*found, None));
    }
    let mut by_shape = known.clone();
    by_shape.sort_by(|(_, a), (_, b)| stretch(size, *a).total_cmp(&stretch(size, *b)));
    match by_shape.first() {
        Some((space, frame)) if stretch(size, *frame) <= OTHER_PICTURE => {
            let assumed = "page with another aspect ratio than canvas and image: stretched to fit";
            Ok(onto((*space, *frame), Some(assumed)))
        }
        _ => Err(format!(
            "page of the transcription has another aspect ratio than its image: {} x {}, {}",
            size.width,
            size.height,
            sizes(&known)
        )),
    }
}

/// Pixels of the image are the most likely unit of a file that does not say how large its page is.
fn without_size(page: &TextPage, known: &[(Space, Frame)]) -> Result<Fit, String> {
    if !page.is_in_pixels {
        return Err(
            "size of the page is missing: its unit of length cannot be converted to pixels".into(),
        );
    }
    let corners = page.items.iter().flat_map(|item| {
        let corner = item.bbox.map(|bbox| [bbox.right(), bbox.bottom()]);
        corner.into_iter().chain(item.baseline.iter().copied())
    });
    let (right, bottom) = corners.fold((0.0_f64, 0.0_f64), |(right, bottom), [x, y]| {
        (right.max(x), bottom.max(y))
    });
    let holds = |frame: &Frame| {
        right <= frame.width * (1.0 + SAME_SHAPE) && bottom <= frame.height * (1.0 + SAME_SHAPE)
    };
    let of = |wanted: Space| known.iter().find(|(space, _)| *space == wanted);
    let (space, assumed) = match (of(Space::Image), of(Space::Canvas)) {
        (None, None) => (
            Space::Image,
            "page without size: coordinates are taken as pixels of the image",
        ),
        (Some((_, image)), _) if holds(image) => (
            Space::Image,
            "page without size: coordinates are taken as pixels of the image",
        ),
        (_, Some((_, canvas))) if holds(canvas) => (
            Space::Canvas,
            "page without size: coordinates are taken as units of the canvas",
        ),
        _ => {
            return Err(format!(
                "size of the page is missing: its items reach to {right}, {bottom}, {}",
                sizes(known)
            ));
        }
    };
    Ok(Fit {
        space,
        sx: 1.0,
        sy: 1.0,
        by: [0.0, 0.0],
        assumed: Some(assumed),
    })
}

/// How much one side is stretched against the other: 0 for frames of the same shape.
fn stretch(a: Frame, b: Frame) -> f64 {
    let ratio = (a.width * b.height) / (a.height * b.width);
    ratio.max(1.0 / ratio) - 1.0
}

fn sizes(known: &[(Space, Frame)]) -> String {
    let size = |(space, frame): &(Space, Frame)| {
        let name = match space {
            Space::Canvas => "canvas",
            Space::Image => "image",
        };
        format!("{name} {} x {}", frame.width, frame.height)
    };
    known.iter().map(size).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_fitted_by_their_size() {
        let frame = |[width, height]: [f64; 2]| Frame { width, height };
        let page = |size: Option<[f64; 2]>| TextPage {
            size: size.map(frame),
            is_in_pixels: true,
            ..TextPage::default()
        };
        let (canvas, image) = (Some([1000.0, 500.0]), Some([4000.0, 2000.0]));
        let cases = [
            // In the size of the image, of the canvas, in millimetres.
            (
                Some([4000.0, 2000.0]),
                canvas,
                image,
                Some((Space::Image, 1.0, 1.0)),
            ),
            (
                Some([1000.0, 500.0]),
                canvas,
                image,
                Some((Space::Canvas, 1.0, 1.0)),
            ),
            (
                Some([2500.0, 1250.0]),
                canvas,
                image,
                Some((Space::Canvas, 0.4, 0.4)),
            ),
            (
                Some([2000.0, 1000.0]),
                None,
                image,
                Some((Space::Image, 2.0, 2.0)),
            ),
            // The canvas is larger than the image on it.
            (
                Some([2000.0, 1000.0]),
                Some([100.0, 100.0]),
                image,
                Some((Space::Image, 2.0, 2.0)),
            ),
            (
                Some([2000.0, 1050.0]),
                canvas,
                None,
                Some((Space::Canvas, 0.5, 500.0 / 1050.0)),
            ),
            (Some([500.0, 1000.0]), canvas, image, None),
            (
                Some([500.0, 1000.0]),
                None,
                None,
                Some((Space::Canvas, 1.0, 1.0)),
            ),
            (None, canvas, image, Some((Space::Image, 1.0, 1.0))),
            (None, canvas, None, Some((Space::Canvas, 1.0, 1.0))),
        ];
        for (size, canvas, image, wanted) in cases {
            let found = fit(&page(size), canvas.map(frame), image.map(frame), None).ok();
            let found = found.map(|fit| (fit.space, fit.sx, fit.sy));
            assert_eq!(found, wanted, "{size:?} {canvas:?} {image:?}");
        }
        let in_millimetres = TextPage::default();
        assert!(fit(&in_millimetres, canvas.map(frame), None, None).is_err());
        let part = Some([1000, 500, 300, 200]);
        let of_part = fit(&page(Some([300.0, 200.0])), None, image.map(frame), part).unwrap();
        assert_eq!((of_part.by, of_part.sx), ([1000.0, 500.0], 1.0));
        let of_whole = fit(&page(Some([4000.0, 2000.0])), None, image.map(frame), part).unwrap();
        assert_eq!(of_whole.by, [0.0, 0.0]);
    }
}
