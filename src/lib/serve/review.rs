//! Corrections made in the browser: what a request asks, what it does to the catalogue, and its line in the file
//! of reviews. Pure.
//!
//! A line is an activity (ActivityStreams 2.0, as IIIF's Change Discovery uses it) about a W3C annotation, with its
//! author and time. Lines are only ever appended; played from the first to the last they give the present state.

use serde::Deserialize;
use serde_json::{Value, json};

use super::annotation::tag;
use super::catalogue::Catalogue;
use super::sides::{self, Side};
use crate::contracts::{BBox, Frame, Localization, Polygon, Region};
use crate::selectors::{self, Selection};

/// A correction.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    /// The image it was made on; it holds for all images of the same side.
    pub image: String,
    /// The box by its id on that image; of a new one, the id it gets.
    pub of: String,
    /// What becomes of the box.
    pub change: Change,
    /// Who made it.
    pub author: String,
    /// When, RFC 3339, UTC.
    pub when: String,
}

/// What becomes of a box.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// There is a new one.
    Create(Shape),
    /// It is this now.
    Update(Shape),
    /// It is gone.
    Delete,
}

/// What a box shows, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    concept: String,
    bbox: BBox,
    polygon: Option<Polygon>,
}

/// What the page sends.
#[derive(Debug, Deserialize)]
struct Sent {
    #[serde(default)]
    author: String,
    #[serde(default)]
    concept: String,
    bbox: Option<BBox>,
    polygon: Option<Polygon>,
}

/// Reads a request: POST makes a box, PUT changes and DELETE removes the one named `of`.
pub fn read(
    method: &str,
    image: &str,
    of: &str,
    body: &[u8],
    when: String,
) -> Result<Edit, String> {
    let sent: Sent =
        serde_json::from_slice(body).map_err(|e| format!("not what a review is: {e}"))?;
    let author = sent.author.trim().to_owned();
    let shape = || {
        let concept = sent.concept.trim();
        let bbox = sent.bbox.ok_or("a box is needed")?;
        match concept.is_empty() || concept.chars().any(char::is_control) {
            true => Err("a concept is needed"),
            false => Ok(Shape {
                concept: concept.to_owned(),
                bbox,
                polygon: sent.polygon.clone(),
            }),
        }
    };
    let change = match method {
        "POST" => Change::Create(shape()?),
        "PUT" => Change::Update(shape()?),
        _ => Change::Delete,
    };
    Ok(Edit {
        image: image.to_owned(),
        of: of.to_owned(),
        change,
        author,
        when,
    })
}

/// Makes a correction in a catalogue. The error says why it cannot be made.
pub fn apply(catalogue: &mut Catalogue, edit: &Edit) -> Result<(), String> {
    let Found {
        places,
        index,
        frame,
    } = find(catalogue, edit)?;
    if let Change::Create(shape) | Change::Update(shape) = &edit.change {
        fits(shape, frame)?;
    }
    for at in places {
        let boxes = &mut catalogue.pictures[at].about.localizations;
        match (&edit.change, index) {
            (Change::Create(shape), _) => boxes.push(new(shape, edit)),
            (Change::Update(shape), Some(index)) => change(&mut boxes[index], shape, edit),
            (Change::Delete, Some(index)) => {
                boxes.remove(index);
            }
            _ => return Err(format!("no box is called `{}`", edit.of)),
        }
    }
    Ok(())
}

/// What a correction is about.
struct Found {
    /// The images of the side.
    places: Vec<usize>,
    /// The box among the boxes of each of them.
    index: Option<usize>,
    /// The size of the side.
    frame: [f64; 2],
}

fn find(catalogue: &Catalogue, edit: &Edit) -> Result<Found, String> {
    let unknown = || format!("no image is called `{}`", edit.image);
    let picture = &catalogue.pictures[catalogue.find(&edit.image).ok_or_else(unknown)?];
    let groups = sides::groups(catalogue);
    let group = groups
        .iter()
        .find(|group| group.name == picture.about.group);
    let sides = group.map(|group| group.sides()).unwrap_or_default();
    let is_its = |side: &&Side| side.pictures.iter().any(|p| p.id == picture.id);
    let side = sides.iter().find(is_its).ok_or_else(unknown)?;
    let boxes = &picture.about.localizations;
    let index = boxes.iter().position(|l| l.id == edit.of);
    match (&edit.change, index) {
        (Change::Create(_), Some(_)) => Err(format!("a box is called `{}` already", edit.of)),
        (Change::Update(_) | Change::Delete, None) => {
            Err(format!("no box is called `{}`", edit.of))
        }
        _ => Ok(Found {
            places: (side.pictures.iter())
                .filter_map(|p| catalogue.find(&p.id))
                .collect(),
            index,
            frame: side.size(),
        }),
    }
}

fn fits(shape: &Shape, [width, height]: [f64; 2]) -> Result<(), String> {
    let b = &shape.bbox;
    let inside = b.x >= 0.0 && b.y >= 0.0 && b.right() <= width && b.bottom() <= height;
    match inside {
        true => Ok(()),
        false => Err(format!("the box reaches beyond {width} x {height}")),
    }
}

fn new(shape: &Shape, edit: &Edit) -> Localization {
    let mut attributes = std::collections::BTreeMap::new();
    attributes.insert("motivation".to_owned(), json!("tagging"));
    attributes.insert("created".to_owned(), json!(edit.when));
    let mut made = Localization {
        id: edit.of.clone(),
        concept: shape.concept.clone(),
        bbox: shape.bbox,
        polygon: shape.polygon.clone(),
        attributes,
    };
    sign(&mut made, edit);
    made
}

fn change(held: &mut Localization, shape: &Shape, edit: &Edit) {
    // Tags hold the concept too; what was said of the old one is no longer so.
    held.attributes.remove("tags");
    held.attributes.insert("modified".into(), json!(edit.when));
    held.concept.clone_from(&shape.concept);
    held.bbox = shape.bbox;
    held.polygon.clone_from(&shape.polygon);
    sign(held, edit);
}

fn sign(held: &mut Localization, edit: &Edit) {
    if !edit.author.is_empty() {
        held.attributes.insert("creator".into(), json!(edit.author));
    }
}

/// The line of a correction, without its end.
pub fn line(edit: &Edit) -> String {
    let (kind, shape) = match &edit.change {
        Change::Create(shape) => ("Create", Some(shape)),
        Change::Update(shape) => ("Update", Some(shape)),
        Change::Delete => ("Delete", None),
    };
    let mut annotation = json!({"id": edit.of, "type": "Annotation"});
    if let Some(shape) = shape {
        annotation["motivation"] = json!("tagging");
        annotation["body"] = json!([tag(&shape.concept)]);
        annotation["target"] = json!({
            "type": "SpecificResource",
            "source": edit.image,
            "selector": selector(shape),
        });
        annotation["creator"] = json!({"type": "Person", "name": edit.author});
        annotation["created"] = json!(edit.when);
    }
    json!({
        "@context": ["http://www.w3.org/ns/anno.jsonld", "https://www.w3.org/ns/activitystreams"],
        "type": kind,
        "actor": {"type": "Person", "name": edit.author},
        "endTime": edit.when,
        "target": edit.image,
        "object": annotation,
    })
    .to_string()
}

fn selector(shape: &Shape) -> Value {
    let b = &shape.bbox;
    match &shape.polygon {
        Some(polygon) => json!({"type": "SvgSelector", "value": super::annotation::svg(polygon)}),
        None => json!({
            "type": "FragmentSelector",
            "conformsTo": "http://www.w3.org/TR/media-frags/",
            "value": format!("xywh={},{},{},{}", b.x, b.y, b.width, b.height),
        }),
    }
}

/// Reads a line of the file of reviews.
pub fn read_line(line: &str) -> Result<Edit, String> {
    let line: Value = serde_json::from_str(line).map_err(|e| format!("not JSON: {e}"))?;
    let text = |value: &Value, name: &str| {
        let found = value[name].as_str();
        found
            .map(str::to_owned)
            .ok_or(format!("`{name}` is missing"))
    };
    let annotation = &line["object"];
    let change = match line["type"].as_str() {
        Some("Create") => Change::Create(shape(annotation)?),
        Some("Update") => Change::Update(shape(annotation)?),
        Some("Delete") => Change::Delete,
        _ => return Err("`type` is none of Create, Update, Delete".into()),
    };
    Ok(Edit {
        image: text(&line, "target")?,
        of: text(annotation, "id")?,
        change,
        author: text(&line["actor"], "name").unwrap_or_default(),
        when: text(&line, "endTime")?,
    })
}

fn shape(annotation: &Value) -> Result<Shape, String> {
    let concept = annotation["body"][0]["value"].as_str().ok_or("no tag")?;
    let selector = &annotation["target"]["selector"];
    let value = selector["value"].as_str().map(str::to_owned);
    let is_svg = selector["type"] == "SvgSelector";
    let (svg, fragment) = if is_svg { (value, None) } else { (None, value) };
    let region = Region {
        svg,
        fragment,
        ..Region::default()
    };
    match selectors::select(&region, None::<Frame>) {
        Ok(Selection::Part(shape)) => Ok(Shape {
            concept: concept.to_owned(),
            bbox: shape.bbox,
            polygon: shape.polygon.filter(|_| is_svg),
        }),
        _ => Err("no selector that can be read".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_were_written() {
        let body = br#"{"author": " A. Reader ", "concept": "bet", "bbox": [1, 2.5, 3, 4], "polygon": [[1, 2.5], [4, 2.5], [4, 6.5]]}"#;
        for method in ["POST", "PUT", "DELETE"] {
            let edit = read(
                method,
                "http://a/b",
                "l1",
                body,
                "2026-01-02T03:04:05Z".into(),
            )
            .unwrap();
            assert_eq!(read_line(&line(&edit)).unwrap(), edit);
        }
        let plain = br#"{"concept": "bet", "bbox": [1, 2.5, 3, 4]}"#;
        let edit = read("POST", "i", "l1", plain, "2026-01-02T03:04:05Z".into()).unwrap();
        assert_eq!(read_line(&line(&edit)).unwrap(), edit);
    }

    #[test]
    fn what_is_no_review_is_refused() {
        let cases: [(&[u8], &str); 4] = [
            (b"[", "not what a review is"),
            (br#"{"bbox": [1, 2, 3, 4]}"#, "a concept is needed"),
            (br#"{"concept": "a"}"#, "a box is needed"),
            (br#"{"concept": "a", "bbox": [1, 2, 0, 4]}"#, "box is empty"),
        ];
        for (body, says) in cases {
            let why = read("POST", "i", "l", body, String::new()).unwrap_err();
            assert!(why.contains(says), "{why}");
        }
        assert!(read_line("{}").is_err() && read_line("x").is_err());
    }
}
