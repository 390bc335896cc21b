//! `--regions`: every box becomes an image of its own, a part of the image that it is on. A core, from images and their
//! sizes to such images; later stages read the file of them in place of localizations.json.

use std::str::FromStr;

pub mod sizes;

use super::service::plan;
use crate::contracts::{BBox, Frame, ImageRef, Localization, LocalizedImage, Polygon, Service};

/// What is added to a box on each side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Margin {
    /// Pixels of the image.
    Pixels(f64),
    /// Percent of the side of the box.
    Percent(f64),
}

impl std::fmt::Display for Margin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Margin::Pixels(n) => write!(f, "{n}"),
            Margin::Percent(n) => write!(f, "{n}%"),
        }
    }
}

impl Default for Margin {
    fn default() -> Self {
        Margin::Pixels(0.0)
    }
}

impl FromStr for Margin {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (number, margin): (&str, fn(f64) -> Margin) = match text.trim().strip_suffix('%') {
            Some(number) => (number, Margin::Percent),
            None => (text.trim(), Margin::Pixels),
        };
        match number.trim().parse::<f64>() {
            Ok(number) if number.is_finite() && number >= 0.0 => Ok(margin(number)),
            _ => Err(
                "a number of pixels such as 16, or a share of the box such as 10%, is needed"
                    .into(),
            ),
        }
    }
}

impl Margin {
    fn of(self, side: f64) -> f64 {
        match self {
            Margin::Pixels(pixels) => pixels,
            Margin::Percent(percent) => side * percent / 100.0,
        }
    }
}

/// The regions of the boxes of an image.
#[derive(Debug, Default, PartialEq)]
pub struct Crops {
    /// One image per region; boxes with the same region share it.
    pub images: Vec<LocalizedImage>,
    /// Boxes without a region: id, and why.
    pub rejects: Vec<(String, String)>,
}

/// The regions of an image, in the order of its boxes. `size` is that of its service's image, in pixels. Each region has
/// its own box, then the others that lie on it, clipped at its edge; boxes are in pixels of the region.
pub fn crop(image: &LocalizedImage, size: [u32; 2], margin: Margin) -> Crops {
    let (service, sheet) = match sheet(image, size) {
        Ok(found) => found,
        Err(why) => return Crops::none(image, &why),
    };
    let mut crops = Crops::default();
    let mut found: Vec<([u32; 4], Vec<usize>)> = Vec::new();
    for (at, localization) in image.localizations.iter().enumerate() {
        let Some(region) = sheet.region(&localization.bbox, margin) else {
            let why = format!("box lies outside of the image of {} x {}", size[0], size[1]);
            crops.rejects.push((localization.id.clone(), why));
            continue;
        };
        match found.iter_mut().find(|(known, _)| *known == region) {
            Some((_, own)) => own.push(at),
            None => found.push((region, vec![at])),
        }
    }
    let whole = found
        .iter()
        .map(|(region, own)| sheet.image(image, service, *region, own));
    crops.images = whole.collect();
    crops
}

/// The service of an image, and how its boxes lie on it; or why none of its boxes has a region.
fn sheet(image: &LocalizedImage, size: [u32; 2]) -> Result<(&Service, Sheet), String> {
    let Some(service) = &image.image.service else {
        return Err("--regions needs an image service, and the image is a plain file".into());
    };
    let (corner, [width, height]) = plan::part(service, size).map_err(|e| e.message)?;
    let pixels = Frame::try_from([f64::from(width), f64::from(height)])?;
    let frame = match image.frame {
        Some(frame) => frame,
        None if image.in_pixels => pixels,
        None => return Err("the coordinate space of its boxes is not known".into()),
    };
    if !frame.may_have_shape_of(pixels) {
        return Err(format!(
            "its boxes are in a coordinate space of {} x {}, which does not have the aspect ratio of the image of {width} x {height}",
            frame.width, frame.height
        ));
    }
    let sheet = Sheet {
        corner,
        pixels,
        scale: [pixels.width / frame.width, pixels.height / frame.height],
    };
    Ok((service, sheet))
}

/// The pixels that boxes lie on.
struct Sheet {
    /// Where they lie in the service's image, in pixels.
    corner: [u32; 2],
    /// Their size.
    pixels: Frame,
    /// From the frame of the boxes to pixels.
    scale: [f64; 2],
}

impl Sheet {
    fn on(&self, bbox: &BBox) -> BBox {
        bbox.scale(self.scale[0], self.scale[1])
    }

    /// The pixels that a box touches, and its margin, `[x, y, width, height]` on the sheet.
    fn region(&self, bbox: &BBox, margin: Margin) -> Option<[u32; 4]> {
        // Rounding errors of scaling are far less than a pixel, and must not add a row.
        const NOISE: f64 = 1e-6;
        let b = self.on(bbox).clip(self.pixels)?;
        let span = |from: f64, side: f64, whole: f64| {
            let margin = margin.of(side);
            let first = (from - margin + NOISE).floor().max(0.0);
            let end = (from + side + margin - NOISE).ceil().min(whole);
            (end > first).then_some((first as u32, (end - first) as u32))
        };
        let (x, width) = span(b.x, b.width, self.pixels.width)?;
        let (y, height) = span(b.y, b.height, self.pixels.height)?;
        Some([x, y, width, height])
    }

    /// A region as an image.
    fn image(
        &self,
        of: &LocalizedImage,
        service: &Service,
        region: [u32; 4],
        own: &[usize],
    ) -> LocalizedImage {
        let [x, y, width, height] = region;
        let part = [x + self.corner[0], y + self.corner[1], width, height];
        let service = Service {
            region: Some(part),
            ..service.clone()
        };
        // Both sides are above zero: a region has pixels.
        let frame = Frame {
            width: width.into(),
            height: height.into(),
        };
        let all = &of.localizations;
        let mut labels: Vec<String> = Vec::new();
        for concept in own.iter().map(|&at| &all[at].concept) {
            if !labels.contains(concept) {
                labels.push(concept.clone());
            }
        }
        let others = (0..all.len()).filter(|at| !own.contains(at));
        let shown = own.iter().copied().chain(others).filter_map(|at| {
            let found = self.shown(&all[at], region, frame)?;
            Some(match own.contains(&at) {
                true => found,
                // One box may be on several regions; ids are unique.
                false => Localization {
                    id: format!("{}@{x},{y},{width},{height}", found.id),
                    ..found
                },
            })
        });
        LocalizedImage {
            id: service.name(),
            labels,
            frame: Some(frame),
            in_pixels: false,
            localizations: shown.collect(),
            image: ImageRef {
                service: Some(service),
                width: Some(width),
                height: Some(height),
                ..ImageRef::default()
            },
            source: of.source.clone(),
            group: of.group.clone(),
            metadata: of.metadata.clone(),
            painted: None,
            rejected: of.rejected,
        }
    }

    /// A box on a region, in pixels of the region; none where nothing of it lies there.
    fn shown(
        &self,
        localization: &Localization,
        region: [u32; 4],
        frame: Frame,
    ) -> Option<Localization> {
        let corner = [f64::from(region[0]), f64::from(region[1])];
        let b = self.on(&localization.bbox);
        let moved = BBox {
            x: b.x - corner[0],
            y: b.y - corner[1],
            ..b
        };
        let [sx, sy] = self.scale;
        let polygon = localization.polygon.as_ref();
        let outline = |p: &Polygon| p.map(|[x, y]| [x * sx - corner[0], y * sy - corner[1]]);
        Some(Localization {
            bbox: moved.clip(frame)?,
            polygon: polygon.map(outline),
            ..localization.clone()
        })
    }
}

impl Crops {
    fn none(image: &LocalizedImage, why: &str) -> Self {
        let reject = |l: &Localization| (l.id.clone(), why.to_owned());
        Crops {
            images: Vec::new(),
            rejects: image.localizations.iter().map(reject).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(id: &str, concept: &str, bbox: [f64; 4]) -> Localization {
        Localization {
            id: id.into(),
            concept: concept.into(),
            bbox: BBox::try_from(bbox).unwrap(),
            polygon: None,
            holes: Vec::new(),
            attributes: Default::default(),
        }
    }

    fn image(
        frame: [f64; 2],
        region: Option<[u32; 4]>,
        localizations: Vec<Localization>,
    ) -> LocalizedImage {
        let service = Service {
            id: "https://a.example/1".into(),
            version: 2,
            level: None,
            region,
        };
        LocalizedImage {
            id: "1".into(),
            image: ImageRef {
                service: Some(service),
                ..ImageRef::default()
            },
            frame: Some(Frame::try_from(frame).unwrap()),
            localizations,
            ..LocalizedImage::default()
        }
    }

    fn places(crops: &Crops) -> Vec<[u32; 4]> {
        let region = |i: &LocalizedImage| i.image.service.as_ref().unwrap().region.unwrap();
        crops.images.iter().map(region).collect()
    }

    #[test]
    fn a_region_is_the_pixels_that_a_box_touches() {
        // (frame, part of the service's image, box, margin, region)
        let cases = [
            (
                [100.0, 80.0],
                None,
                [10.0, 20.0, 30.0, 40.0],
                "0",
                [10, 20, 30, 40],
            ),
            (
                [100.0, 80.0],
                None,
                [10.4, 20.0, 30.2, 40.0],
                "0",
                [10, 20, 31, 40],
            ),
            (
                [100.0, 80.0],
                None,
                [10.0, 20.0, 30.0, 40.0],
                "5",
                [5, 15, 40, 50],
            ),
            (
                [100.0, 80.0],
                None,
                [10.0, 20.0, 30.0, 40.0],
                "10%",
                [7, 16, 36, 48],
            ),
            (
                [100.0, 80.0],
                None,
                [0.0, 60.0, 30.0, 20.0],
                "5",
                [0, 55, 35, 25],
            ),
            (
                [50.0, 40.0],
                None,
                [10.0, 20.0, 5.0, 5.0],
                "1",
                [19, 39, 12, 12],
            ),
            (
                [100.0, 80.0],
                None,
                [90.0, 70.0, 40.0, 40.0],
                "0",
                [90, 70, 10, 10],
            ),
            (
                [40.0, 30.0],
                Some([20, 10, 40, 30]),
                [1.0, 2.0, 3.0, 4.0],
                "0",
                [21, 12, 3, 4],
            ),
            (
                [40.0, 30.0],
                Some([20, 10, 40, 30]),
                [0.0, 0.0, 3.0, 4.0],
                "9",
                [20, 10, 12, 13],
            ),
        ];
        for (frame, part, bbox, margin, wanted) in cases {
            let crops = crop(
                &image(frame, part, vec![boxed("a", "x", bbox)]),
                [100, 80],
                margin.parse().unwrap(),
            );
            assert_eq!(
                places(&crops),
                [wanted],
                "{frame:?} {part:?} {bbox:?} {margin}"
            );
        }
    }

    #[test]
    fn regions_hold_their_own_box_and_what_lies_on_them() {
        let boxes = vec![
            boxed("a", "x", [10.0, 10.0, 20.0, 20.0]),
            boxed("b", "y", [20.0, 20.0, 20.0, 20.0]),
            boxed("c", "x", [10.0, 10.0, 20.0, 20.0]),
            boxed("d", "x", [200.0, 10.0, 20.0, 20.0]),
        ];
        let crops = crop(
            &image([100.0, 80.0], None, boxes),
            [100, 80],
            Margin::default(),
        );
        assert_eq!(crops.images.len(), 2, "equal regions are one image");
        let shown = |i: usize| -> Vec<(String, [f64; 4])> {
            let boxes = crops.images[i].localizations.iter();
            boxes
                .map(|l| {
                    (
                        l.id.clone(),
                        [l.bbox.x, l.bbox.y, l.bbox.width, l.bbox.height],
                    )
                })
                .collect()
        };
        assert_eq!(
            shown(0),
            [
                ("a".into(), [0.0, 0.0, 20.0, 20.0]),
                ("c".into(), [0.0, 0.0, 20.0, 20.0]),
                ("b@10,10,20,20".into(), [10.0, 10.0, 10.0, 10.0]),
            ]
        );
        assert_eq!(shown(1)[0], ("b".into(), [0.0, 0.0, 20.0, 20.0]));
        assert_eq!(crops.images[0].labels, ["x"]);
        assert_eq!(crops.images[1].labels, ["y"]);
        assert_eq!(crops.images[1].id, "https://a.example/1#xywh=20,20,20,20");
        assert_eq!(crops.rejects.len(), 1);
        assert!(
            crops.rejects[0].1.starts_with("box lies outside"),
            "{:?}",
            crops.rejects
        );
    }

    #[test]
    fn boxes_without_a_region_are_reported() {
        let one = || vec![boxed("a", "x", [1.0, 1.0, 2.0, 2.0])];
        let plain = LocalizedImage {
            image: ImageRef::default(),
            ..image([9.0, 9.0], None, one())
        };
        let unknown = LocalizedImage {
            frame: None,
            ..image([9.0, 9.0], None, one())
        };
        let cases = [
            (plain, "--regions needs an image service"),
            (unknown, "the coordinate space of its boxes"),
            (
                image([9.0, 90.0], None, one()),
                "its boxes are in a coordinate space of 9 x 90",
            ),
            (
                image([9.0, 9.0], Some([95, 0, 9, 9]), one()),
                "region 95,0,9,9 extends beyond",
            ),
        ];
        for (image, wanted) in cases {
            let crops = crop(&image, [100, 80], Margin::default());
            assert!(crops.images.is_empty());
            assert!(
                crops.rejects[0].1.starts_with(wanted),
                "{:?}",
                crops.rejects
            );
        }
        for bad in ["", "-1", "x", "5px", "nan%"] {
            assert!(bad.parse::<Margin>().is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_region_holds_its_box_and_stays_on_the_image(
            w in 1u32..4000, h in 1u32..4000, fx in 0.1f64..8.0,
            x in 0.0f64..0.99, y in 0.0f64..0.99, bw in 0.001f64..1.0, bh in 0.001f64..1.0, margin in 0.0f64..50.0,
        ) {
            let frame = [f64::from(w) * fx, f64::from(h) * fx];
            let bbox = [x * frame[0], y * frame[1], bw * frame[0], bh * frame[1]];
            let crops = crop(&image(frame, None, vec![boxed("a", "x", bbox)]), [w, h], Margin::Pixels(margin));
            let [left, top, width, height] = places(&crops)[0];
            proptest::prop_assert!(width > 0 && height > 0 && left + width <= w && top + height <= h);
            let b = &crops.images[0].localizations[0].bbox;
            // The box is where it was on the image, as far as it was on it.
            let whole = [f64::from(left) + b.x, f64::from(top) + b.y];
            proptest::prop_assert!((whole[0] - bbox[0] / fx).abs() < 0.001 && (whole[1] - bbox[1] / fx).abs() < 0.001);
            let end = (bbox[0] + bbox[2]).min(frame[0]) / fx;
            proptest::prop_assert!((whole[0] + b.width - end).abs() < 0.001);
        }
    }
}
