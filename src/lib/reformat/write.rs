//! The second pass over the images: reads the boxes of each image that stays, and hands it to the formats.

use std::ops::Range;
use std::path::Path;

use rayon::prelude::*;

use super::assemble::{Assembled, TilePlace, header};
use super::box_to_pixels::Mapping;
use super::classes::names::ClassNames;
use super::place::{self, BoxRules, PlacedBox};
use super::secrets;
use super::tiles::cut::TileRules;
use crate::contracts::{
    BBox, BorrowedImage, BorrowedLocalization, Frame, ImageRecords, ImageRef, MappedFile, Service,
    Text,
};
use crate::error::Error;
use crate::files::Content;
use crate::formats::{Cut, Dataset, DatasetBox, DatasetImage, ImageFacts, OnCanvas};
use crate::pixels::{Header, TileCutter};

/// Where images and their boxes come from.
#[derive(Clone, Copy, Debug)]
pub struct Images<'a> {
    /// The localizations.
    pub records: &'a ImageRecords,
    /// The classes met by the survey.
    pub names: &'a ClassNames<'a>,
    /// How boxes are placed: as by the survey.
    pub boxes: BoxRules,
    /// How images are cut into tiles, if they are.
    pub tiles: Option<TileRules>,
}

/// What is made of which images.
#[derive(Clone, Debug)]
pub struct Share {
    /// Their places in the dataset; the tiles of an image are in it together.
    pub images: Range<usize>,
    /// Whether tiles are cut here; otherwise workers have cut them.
    pub cuts: bool,
}

/// An image of the dataset, and which part of its file it is if it is a tile.
type Made<'a> = (DatasetImage<'a>, Option<TilePlace>);

/// How many tiles are cut at once.
const AT_ONCE: usize = 64;

impl Images<'_> {
    /// Calls `take` for each image of a share of a dataset, in order. Files are below `folder`.
    ///
    /// # Errors
    /// The localizations cannot be read, or `take` fails.
    pub fn each(
        &self,
        assembled: &Assembled,
        share: &Share,
        folder: &Path,
        mut take: impl FnMut(DatasetImage) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let records = &assembled.records;
        let mut places = vec![u32::MAX; self.records.len()];
        for (&record, at) in records.iter().zip(0..) {
            let first = &mut places[record as usize];
            *first = at.min(*first);
        }
        // The tiles of an image follow each other.
        let is_first = |at: &usize| *at == 0 || records[at - 1] != records[*at];
        let firsts = share.images.clone().filter(is_first);
        let firsts = firsts.map(|at| records[at] as usize);
        self.records.visit_blocks(firsts, |block| {
            let made = block.make(|record, image| {
                self.images(image, places[record] as usize, assembled, folder)
            })?;
            for mut made in made {
                if !share.cuts {
                    made.iter_mut().for_each(leave_to_worker);
                    made.into_iter().try_for_each(|(image, _)| take(image))?;
                    continue;
                }
                let Some(cutter) = cutter(&made, assembled)? else {
                    made.into_iter().try_for_each(|(image, _)| take(image))?;
                    continue;
                };
                for some in made.chunks_mut(AT_ONCE) {
                    some.par_iter_mut()
                        .try_for_each(|(image, place)| cut(image, *place, &cutter))?;
                    let some = some.iter_mut().map(|(image, _)| std::mem::take(image));
                    some.into_iter().try_for_each(&mut take)?;
                }
            }
            Ok(())
        })
    }

    /// What becomes of an image: itself, or its tiles that are in the dataset.
    fn images<'a>(
        &self,
        mut image: BorrowedImage<'a>,
        at: usize,
        assembled: &'a Assembled,
        folder: &Path,
    ) -> Vec<Made<'a>> {
        secrets::remove(&mut image);
        let boxes = std::mem::take(&mut image.localizations);
        let Some((rules, first)) = self.tiles.zip(assembled.tiles.get(at)) else {
            let header = header(&assembled.dataset.facts.get(at));
            let entry = assembled.dataset.facts.entry(at);
            let content = MappedFile::parse(entry).content(folder);
            let boxes = self.placed(boxes, &image, &header);
            return vec![(self.image(image, boxes, at, assembled, content), None)];
        };
        let whole = &assembled.tiled[first.image as usize];
        let size = [whole.header.width, whole.header.height];
        let places = rules.places(size, whole.grid.unwrap_or([1, 1]));
        let boxes = self.placed(boxes, &image, &whole.header);
        let mut on_tiles = rules.cut(&boxes, &places);
        let tiles = assembled.tiles.iter().enumerate().skip(at);
        let own = tiles.take_while(|(_, tile)| tile.image == first.image);
        let made = own.map(|(at, tile)| {
            let found = places.iter().position(|place| *place == tile.at);
            let boxes = found.map(|found| std::mem::take(&mut on_tiles[found].boxes));
            let content = MappedFile::parse(&whole.entry).content(folder);
            let mut made = self.image(
                image.clone(),
                boxes.unwrap_or_default(),
                at,
                assembled,
                content,
            );
            let [x, y, w, h] = tile.at;
            made.id = format!("{}#xywh={x},{y},{w},{h}", made.id).into();
            // What the URL returns is the whole image.
            made.url = None;
            made.on_canvas = None;
            (made, Some(*tile))
        });
        made.collect()
    }

    fn placed<'a>(
        &self,
        boxes: Vec<BorrowedLocalization<'a>>,
        image: &BorrowedImage,
        header: &Header,
    ) -> Vec<PlacedBox<'a>> {
        let mapping: Option<Mapping> = place::mapping(image, header, &self.boxes);
        place::place(boxes, mapping, header, self.names, &self.boxes).boxes
    }

    fn image<'a>(
        &self,
        image: BorrowedImage<'a>,
        boxes: Vec<PlacedBox<'a>>,
        at: usize,
        assembled: &'a Assembled,
        content: Content,
    ) -> DatasetImage<'a> {
        let dataset = &assembled.dataset;
        let facts = dataset.facts.get(at);
        let header = header(&facts);
        let mapping = place::mapping(&image, &header, &self.boxes);
        let drawn_in = mapping.map_or(header.orientation, |mapping| mapping.orientation);
        let on_canvas = on_canvas(&image, drawn_in);
        let class = |class: u32| assembled.classes[class as usize];
        let mut number = facts.boxes_before;
        let boxes = boxes.into_iter().filter_map(|placed| {
            let class = class(placed.class)? as usize;
            number += 1;
            Some(DatasetBox {
                number,
                id: placed.id,
                class,
                bbox: placed.bbox,
                outline: placed.outline,
                flags: placed.flags,
                attributes: placed.attributes,
            })
        });
        let boxes = boxes.collect();
        DatasetImage {
            number: at as u32 + 1,
            labels: self.names.labels(&image.labels),
            file: facts.file.into(),
            content,
            sha256: assembled.hashes.get(at).copied().flatten(),
            width: header.width,
            height: header.height,
            channels: header.channels,
            media_type: header.media_type,
            orientation: header.orientation,
            drawn_in,
            group: dataset.groups[facts.group as usize].as_str().into(),
            split: split(dataset, &facts),
            url: url(&image.image),
            on_canvas,
            origin: (image.image.service.map(|service| service.id))
                .or(image.image.url)
                .unwrap_or_default(),
            id: image.id,
            source: image.source,
            metadata: image.metadata,
            cut: None,
            boxes,
        }
    }
}

/// What cuts the tiles of an image; none if it is not cut.
fn cutter(made: &[Made], assembled: &Assembled) -> Result<Option<TileCutter>, Error> {
    let Some((image, Some(place))) = made.first() else {
        return Ok(None);
    };
    let bytes = image.read()?;
    let is_lossless = assembled.tiled[place.image as usize].grid.is_some();
    let cutter = TileCutter::open(bytes, is_lossless).map_err(|cause| uncut(image, &cause))?;
    Ok(Some(cutter))
}

/// Leaves a tile to the worker that has cut it.
fn leave_to_worker((image, place): &mut Made) {
    image.cut = place.map(|_| Cut::ByWorker);
}

fn cut(
    image: &mut DatasetImage,
    place: Option<TilePlace>,
    cutter: &TileCutter,
) -> Result<(), Error> {
    if let Some(place) = place {
        let bytes = cutter.cut(place.at).map_err(|cause| uncut(image, &cause))?;
        image.cut = Some(Cut::Bytes(bytes));
    }
    Ok(())
}

fn uncut(image: &DatasetImage, cause: &str) -> Error {
    Error::new(format!(
        "{}: cannot be cut into tiles: {cause}",
        image.content
    ))
    .hint("run `recto-download --verify` to see which files are damaged")
}

/// Where an image lies on its canvas. A part of an image is on it too, but nothing says where.
fn on_canvas(image: &BorrowedImage, orientation: u8) -> Option<OnCanvas> {
    let canvas = image.source.canvas.as_ref();
    let canvas = canvas.filter(|id| id.starts_with("https://") || id.starts_with("http://"))?;
    let is_part = (image.image.service.as_ref()).is_some_and(|service| service.region.is_some());
    if is_part {
        return None;
    }
    let (area, rotation) = match (image.painted, image.frame) {
        (Some(painted), _) => (painted.area, painted.rotation),
        (None, Some(frame)) if frame != Frame::PERCENT => (
            BBox::try_from([0.0, 0.0, frame.width, frame.height]).ok()?,
            0.0,
        ),
        _ => return None,
    };
    let quarters = rotation / 90.0;
    (quarters.fract() == 0.0).then(|| OnCanvas {
        canvas: canvas.to_string(),
        area,
        quarters: quarters.rem_euclid(4.0) as u8,
        orientation,
    })
}

/// The name of the split of an image.
fn split<'a>(dataset: &'a Dataset, facts: &ImageFacts) -> Option<Text<'a>> {
    let name = |split: u16| dataset.splits[usize::from(split)].as_str().into();
    facts.split.map(name)
}

/// A URL that returns the pixels of an image: all of what the service has, since the URL beside it is often a reduced copy.
fn url<'a>(image: &ImageRef<Text<'a>>) -> Option<Text<'a>> {
    let Some(Service {
        id,
        version,
        region,
        ..
    }) = &image.service
    else {
        return image.url.clone();
    };
    let is_full = |url: &&Text| {
        let request = url.strip_prefix(id.as_str()).unwrap_or_default();
        region.is_none()
            && (request.starts_with("/full/max/") || request.starts_with("/full/full/"))
    };
    if let Some(url) = image.url.as_ref().filter(is_full) {
        return Some(url.clone());
    }
    let region = match region {
        Some([x, y, w, h]) => format!("{x},{y},{w},{h}"),
        None => "full".to_owned(),
    };
    let request = match version {
        1 => format!("{region}/full/0/native.jpg"),
        2 => format!("{region}/full/0/default.jpg"),
        _ => format!("{region}/max/0/default.jpg"),
    };
    Some(format!("{id}/{request}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_leads_to_all_pixels() {
        let service = |version, region| {
            Some(Service {
                id: "http://h/a".into(),
                version,
                level: None,
                region,
            })
        };
        let cases = [
            (Some("http://h/a.jpg"), None, "http://h/a.jpg"),
            (
                Some("http://h/a/full/200,/0/default.jpg"),
                service(3, None),
                "http://h/a/full/max/0/default.jpg",
            ),
            (
                Some("http://h/a/full/full/0/default.png"),
                service(2, None),
                "http://h/a/full/full/0/default.png",
            ),
            (None, service(2, None), "http://h/a/full/full/0/default.jpg"),
            (
                None,
                service(1, Some([1, 2, 3, 4])),
                "http://h/a/1,2,3,4/full/0/native.jpg",
            ),
        ];
        for (given, service, wanted) in cases {
            let image = ImageRef {
                url: given.map(Text::from),
                service,
                ..ImageRef::default()
            };
            assert_eq!(url(&image).as_deref(), Some(wanted));
        }
    }
}
