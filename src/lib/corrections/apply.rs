//! Applies corrections to a set of images.

use std::collections::HashMap;

use serde_json::json;

use super::correction::{Change, CorrectedBox, Correction, ImageChange, ReviewState, STATE};
use super::review_file::LocatedCorrection;
use crate::contracts::canvas::{annotation_of, id_on_image, is_same_canvas};
use crate::contracts::{Localization, LocalizedImage};
use crate::summary::Reject;

/// An image whose boxes can be corrected.
pub trait Correctable {
    /// The image with its boxes.
    fn about(&self) -> &LocalizedImage;
    /// The image with its boxes, to change them.
    fn about_mut(&mut self) -> &mut LocalizedImage;
    /// Width and height of the space that corrections of its boxes are in, if known.
    fn size(&self) -> Option<[f64; 2]>;
    /// A corrected box in the space that its boxes are in, where that is another one.
    fn as_held(&self, shape: CorrectedBox) -> CorrectedBox {
        shape
    }
}

impl Correctable for LocalizedImage {
    fn about(&self) -> &LocalizedImage {
        self
    }

    fn about_mut(&mut self) -> &mut LocalizedImage {
        self
    }

    fn size(&self) -> Option<[f64; 2]> {
        self.frame.map(|frame| [frame.width, frame.height])
    }
}

/// Positions of images in a set, by id and by group, which corrections do not change; and the boxes that corrections have
/// removed, which may come back.
#[derive(Clone, Debug, Default)]
pub struct ImageIndex {
    of_id: HashMap<String, usize>,
    of_group: HashMap<String, Vec<usize>>,
    /// By position of the image: the place that the box had among the boxes, and the box.
    removed: HashMap<usize, Vec<(usize, Localization)>>,
}

impl ImageIndex {
    /// Indexes a set. Of several images with one id, the first is meant.
    pub fn of<'a>(images: impl Iterator<Item = (&'a str, &'a LocalizedImage)>) -> Self {
        let mut places = ImageIndex::default();
        for (at, (id, image)) in images.enumerate() {
            places.of_id.entry(id.to_owned()).or_insert(at);
            let group = places.of_group.entry(image.group.clone()).or_default();
            group.push(at);
        }
        places
    }
}

/// Applies corrections in order. Returns how many were applied, and a reject for each of the others.
pub fn apply_all<I: Correctable>(
    given: &[LocatedCorrection],
    images: &mut [I],
    places: &mut ImageIndex,
) -> (u64, Vec<Reject>) {
    let mut rejects = Vec::new();
    for located in given {
        if let Err(why) = apply(&located.correction, images, places) {
            rejects.push(located.reject(&why));
        }
    }
    ((given.len() - rejects.len()) as u64, rejects)
}

/// Applies a correction. Returns the id that its box has, or had, on the image it was made on.
///
/// # Errors
/// The image or the box does not exist, or the new box does not fit. Nothing has changed then.
pub fn apply<I: Correctable>(
    correction: &Correction,
    images: &mut [I],
    places: &mut ImageIndex,
) -> Result<String, String> {
    let unknown = || format!("there is no image `{}`", correction.image);
    let at = *places.of_id.get(&correction.image).ok_or_else(unknown)?;
    let captures = captures(at, images, places);
    if let Change::OfImage(change) = &correction.change {
        for place in captures {
            say(images[place].about_mut(), change, correction);
        }
        return Ok(correction.id.clone());
    }
    let index = find(correction, images[at].about())?;
    let shape = match &correction.change {
        Change::Create(shape) | Change::Update(shape) => Some(shape.in_frame(images[at].size())?),
        _ => None,
    };
    shape
        .iter()
        .try_for_each(|shape| fits(shape, images[at].size()))?;
    let is_shared = captures.len() > 1;
    let mut id = correction.id.clone();
    // Each capture may have removed it under another id.
    let removed = places.removed.get(&at).into_iter().flatten().rev();
    let annotation = removed
        .map(|(_, l)| l)
        .find(|l| is_called(l, &id, &images[at].about().id))
        .map(|l| annotation_of(l).to_owned());
    for place in captures {
        let shape = shape.clone().map(|shape| images[place].as_held(shape));
        let image = images[place].about_mut();
        let removed = places.removed.entry(place).or_default();
        let now = match (&shape, index) {
            (Some(shape), None) => match take_back(removed, annotation.as_deref(), image) {
                Some(at) => reshape(&mut image.localizations[at], shape),
                None => create(image, shape, correction, is_shared),
            },
            (Some(shape), Some(index)) => {
                update(&mut image.localizations[index], shape, correction)
            }
            (None, Some(index)) if correction.change == Change::Delete => {
                let gone = image.localizations.remove(index);
                let id = gone.id.clone();
                removed.retain(|(_, l)| l.id != id);
                removed.push((index, gone));
                id
            }
            (None, Some(index)) => judge(&mut image.localizations[index], correction),
            (None, None) => continue, // `find` has returned an error for it
        };
        if place == at {
            id = now;
        }
    }
    Ok(id)
}

/// The positions of all images of the canvas of the image at a position.
fn captures<I: Correctable>(at: usize, images: &[I], places: &ImageIndex) -> Vec<usize> {
    let group = &places.of_group[&images[at].about().group];
    let is_capture =
        |p: &&usize| **p == at || is_same_canvas(images[at].about(), images[**p].about());
    group.iter().filter(is_capture).copied().collect()
}

/// A box on an image, to read.
///
/// # Errors
/// The image or the box does not exist.
pub fn held<'a, I: Correctable>(
    correction: &Correction,
    images: &'a [I],
    places: &ImageIndex,
) -> Result<&'a Localization, String> {
    let unknown = || format!("there is no image `{}`", correction.image);
    let at = *places.of_id.get(&correction.image).ok_or_else(unknown)?;
    let image = images[at].about();
    let missing = || format!("there is no box `{}`", correction.id);
    let index = position(&correction.id, &image.id, &image.localizations).ok_or_else(missing)?;
    Ok(&image.localizations[index])
}

/// Puts what is said of an image as a whole into its metadata and labels.
fn say(image: &mut LocalizedImage, change: &ImageChange, correction: &Correction) {
    match change {
        ImageChange::State(state) => {
            let said = [
                state.map_or("", ReviewState::name),
                &correction.author,
                &correction.when,
            ];
            for (key, value) in STATE.into_iter().zip(said) {
                match state.is_none() || value.is_empty() {
                    true => image.metadata.remove(key),
                    false => image.metadata.insert(key.into(), vec![value.to_owned()]),
                };
            }
        }
        ImageChange::AddLabel(class) if !image.labels.contains(class) => {
            image.labels.push(class.clone());
        }
        ImageChange::AddLabel(_) => {}
        ImageChange::RemoveLabel(class) => image.labels.retain(|label| label != class),
    }
}

/// Brings back the box of an annotation that was removed last: its position, if there is one.
fn take_back(
    removed: &[(usize, Localization)],
    annotation: Option<&str>,
    image: &mut LocalizedImage,
) -> Option<usize> {
    let is_it = |(_, l): &&(usize, Localization)| Some(annotation_of(l)) == annotation;
    let (at, localization) = removed.iter().rfind(is_it)?;
    let at = (*at).min(image.localizations.len());
    image.localizations.insert(at, localization.clone());
    Some(at)
}

/// Says that a box is right, or no longer.
fn judge(held: &mut Localization, correction: &Correction) -> String {
    held.attributes.remove("verified");
    held.attributes.remove("verifier");
    if correction.change == Change::Accept {
        held.attributes.insert("verified".into(), json!(true));
        if !correction.author.is_empty() {
            let author = json!(correction.author);
            held.attributes.insert("verifier".into(), author);
        }
    }
    held.id.clone()
}

/// The position of the box, the same on every image of the canvas; none for a new one.
fn find(correction: &Correction, image: &LocalizedImage) -> Result<Option<usize>, String> {
    let id = &correction.id;
    let found = position(id, &image.id, &image.localizations);
    match (&correction.change, found) {
        (Change::Create(_), Some(_)) => Err(format!("there is already a box `{id}`")),
        (Change::Create(_), None) | (_, Some(_)) => Ok(found),
        (_, None) => Err(format!("there is no box `{id}`")),
    }
}

fn position(id: &str, image: &str, boxes: &[Localization]) -> Option<usize> {
    let by_id = boxes.iter().position(|l| l.id == *id);
    by_id.or_else(|| boxes.iter().position(|l| is_called(l, id, image)))
}

/// Whether a box on an image has this id. Whether an id names the image too depends on which images of the canvas the
/// set holds.
fn is_called(l: &Localization, id: &str, image: &str) -> bool {
    let annotation = annotation_of(l);
    l.id == id || annotation == id || id_on_image(annotation, image) == id
}

fn fits(shape: &CorrectedBox, size: Option<[f64; 2]>) -> Result<(), String> {
    let b = &shape.bbox;
    let [width, height] = size.unwrap_or([f64::INFINITY; 2]);
    let inside = b.x >= 0.0 && b.y >= 0.0 && b.right() <= width && b.bottom() <= height;
    match inside {
        true => Ok(()),
        false => Err(format!("the box extends beyond {width} x {height}")),
    }
}

fn create(
    image: &mut LocalizedImage,
    shape: &CorrectedBox,
    correction: &Correction,
    is_shared: bool,
) -> String {
    let mut made = Localization {
        id: correction.id.clone(),
        concept: shape.class.clone(),
        bbox: shape.bbox,
        polygon: shape.polygon.clone(),
        holes: shape.holes.clone(),
        attributes: [
            ("motivation".to_owned(), json!("tagging")),
            ("created".to_owned(), json!(correction.when)),
        ]
        .into(),
    };
    if is_shared {
        made.id = id_on_image(&correction.id, &image.id);
        let annotation = json!(correction.id);
        made.attributes.insert("annotation".into(), annotation);
    }
    sign(&mut made, correction);
    change_attributes(&mut made, shape);
    let id = made.id.clone();
    // An image without frame gets the size at which the browser showed it, which tells where EXIF has rotated it. Boxes
    // that were there before stay on the pixels as stored.
    if image.frame.is_none() && !image.in_pixels {
        image.frame = shape.frame;
        image.in_pixels = shape.frame.is_none();
    }
    image.localizations.push(made);
    id
}

fn update(held: &mut Localization, shape: &CorrectedBox, correction: &Correction) -> String {
    // Tags hold the class too: those of the old class no longer apply.
    held.attributes.remove("tags");
    let when = json!(correction.when);
    held.attributes.insert("modified".into(), when);
    // What a person has changed is no longer a suggestion of a model.
    if held.attributes.contains_key("confidence") {
        held.attributes.insert("verified".into(), json!(true));
    }
    sign(held, correction);
    reshape(held, shape)
}

fn reshape(held: &mut Localization, shape: &CorrectedBox) -> String {
    held.concept.clone_from(&shape.class);
    held.bbox = shape.bbox;
    if held.polygon != shape.polygon || !shape.holes.is_empty() {
        held.holes.clone_from(&shape.holes);
    }
    held.polygon.clone_from(&shape.polygon);
    change_attributes(held, shape);
    held.id.clone()
}

fn change_attributes(held: &mut Localization, shape: &CorrectedBox) {
    for (name, value) in &shape.attributes {
        match value.is_null() {
            true => held.attributes.remove(name),
            false => held.attributes.insert(name.clone(), value.clone()),
        };
    }
}

fn sign(held: &mut Localization, correction: &Correction) {
    if !correction.author.is_empty() {
        let author = json!(correction.author);
        held.attributes.insert("creator".into(), author);
    }
}

#[cfg(test)]
mod tests {
    use super::super::correction::tests::*;
    use super::super::review_file::{line, read};
    use super::*;
    use crate::contracts::{BBox, Frame};

    /// Two captures of one canvas and one of another, each with a box `l1`.
    fn set() -> Vec<LocalizedImage> {
        let image = |id: &str, canvas: &str| {
            let mut image = LocalizedImage {
                id: id.into(),
                group: "g".into(),
                frame: Some(Frame::try_from([10.0, 8.0]).unwrap()),
                ..LocalizedImage::default()
            };
            image.source.canvas = Some(canvas.into());
            create(
                &mut image,
                &drawn(None),
                &correction("l1", Change::Delete),
                false,
            );
            image
        };
        vec![image("a", "c1"), image("b", "c1"), image("x", "c2")]
    }

    fn made(corrections: &[Correction]) -> (Vec<LocalizedImage>, Vec<Result<String, String>>) {
        let mut images = set();
        let mut places = ImageIndex::of(set().iter().map(|image| (&*image.id, image)));
        let outcome = corrections
            .iter()
            .map(|c| apply(c, &mut images, &mut places));
        let outcome = outcome.collect();
        (images, outcome)
    }

    #[test]
    fn a_new_box_is_on_every_capture_of_its_canvas_with_an_id_of_its_own() {
        let (images, outcome) = made(&[
            correction("review-1", Change::Create(drawn(None))),
            correction("review-1", Change::Create(drawn(None))),
        ]);
        let ids: Vec<Vec<&str>> = (images.iter())
            .map(|i| i.localizations.iter().map(|l| &*l.id).collect())
            .collect();
        let on = |image| id_on_image("review-1", image);
        assert_eq!(
            ids,
            [vec!["l1", &on("a")], vec!["l1", &on("b")], vec!["l1"]]
        );
        assert_eq!(outcome[0], Ok(on("a")));
        assert_eq!(outcome[1], Err("there is already a box `review-1`".into()));
        // The page and older lines call it by either name.
        for name in ["review-1", &on("a")] {
            let create = correction("review-1", Change::Create(drawn(None)));
            let (images, outcome) = made(&[create, correction(name, Change::Delete)]);
            assert!(outcome[1].is_ok(), "{outcome:?}");
            assert_eq!(images, set());
        }
    }

    #[test]
    fn what_cannot_be_applied_changes_nothing() {
        let mut beyond = drawn(None);
        beyond.bbox.x = 8.0;
        let mut elsewhere = correction("l1", Change::Delete);
        elsewhere.image = "none".into();
        let cases = [
            (correction("l2", Change::Delete), "there is no box `l2`"),
            (
                correction("l2", Change::Update(drawn(None))),
                "there is no box `l2`",
            ),
            (
                correction("l1", Change::Create(drawn(None))),
                "already a box `l1`",
            ),
            (
                correction("l1", Change::Update(beyond)),
                "extends beyond 10 x 8",
            ),
            (elsewhere, "there is no image `none`"),
        ];
        for (correction, says) in cases {
            let (images, outcome) = made(&[correction]);
            let why = outcome[0].clone().unwrap_err();
            assert!(why.contains(says), "{why}");
            assert_eq!(images, set());
        }
    }

    #[test]
    fn a_box_is_found_by_the_name_it_has_in_a_larger_or_smaller_set() {
        let shared = id_on_image("l1", "a");
        let (images, outcome) = made(&[correction(&shared, Change::Delete)]);
        assert!(outcome[0].is_ok(), "{outcome:?}");
        assert!(images[0].localizations.is_empty() && images[1].localizations.is_empty());
    }

    #[test]
    fn the_first_box_on_an_image_of_unknown_size_is_on_it_as_it_was_shown() {
        let frame = Frame::try_from([20.0, 30.0]).ok();
        for (held, shown, wanted) in [
            (false, frame, frame),
            (false, None, None),
            (true, frame, None),
        ] {
            let mut image = LocalizedImage {
                id: "a".into(),
                in_pixels: held,
                ..LocalizedImage::default()
            };
            let shape = CorrectedBox {
                frame: shown,
                ..drawn(None)
            };
            let mut places = ImageIndex::of([("a", &image.clone())].into_iter());
            let create = correction("review-1", Change::Create(shape));
            apply(&create, std::slice::from_mut(&mut image), &mut places).unwrap();
            assert_eq!((image.frame, image.in_pixels), (wanted, wanted.is_none()));
        }
    }

    #[test]
    fn what_was_drawn_in_another_size_is_brought_to_that_of_the_image() {
        let frame = |w, h| Some(Frame::try_from([w, h]).unwrap());
        let of = |frame| {
            let shape = CorrectedBox {
                frame,
                ..drawn(Some(vec![[1.0, 2.5], [4.0, 2.5], [4.0, 6.5]]))
            };
            made(&[correction("l1", Change::Update(shape))])
        };
        let (images, _) = of(frame(20.0, 16.0));
        let held = &images[0].localizations[0];
        assert_eq!(held.bbox, BBox::try_from([0.5, 1.25, 1.5, 2.0]).unwrap());
        assert_eq!(held.polygon.as_ref().unwrap().points()[1], [2.0, 1.25]);
        let (_, outcome) = of(frame(80.0, 80.0));
        let why = outcome[0].clone().unwrap_err();
        let wanted = "it was drawn on 80 x 80, but the frame of the image is 10 x 8";
        assert_eq!(why, wanted);
    }

    proptest::proptest! {
        #[test]
        fn any_line_is_made_or_left_out(at in 0usize..400, byte: u8, cut in 0usize..400, outline: bool) {
            let points = outline.then(|| vec![[1.0, 2.5], [4.0, 2.5], [4.0, 6.5]]);
            let mut file = line(&correction("l1", Change::Update(drawn(points)))).into_bytes();
            if let Some(held) = file.get_mut(at) {
                *held = byte;
            }
            file.truncate(cut.max(1));
            let (given, unread) = read("f", &file);
            let lines = file.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty());
            proptest::prop_assert_eq!(given.len() + unread.len(), lines.count());
            let mut images = set();
            let mut places = ImageIndex::of(set().iter().map(|image| (&*image.id, image)));
            let (made, unmade) = apply_all(&given, &mut images, &mut places);
            proptest::prop_assert_eq!(made as usize + unmade.len(), given.len());
            let all = images.iter().flat_map(|image| image.localizations.iter().map(move |l| (image, l)));
            for (image, l) in all {
                let [w, h] = image.size().unwrap();
                proptest::prop_assert!(l.bbox.x >= 0.0 && l.bbox.right() <= w && l.bbox.bottom() <= h);
            }
        }
    }
}
