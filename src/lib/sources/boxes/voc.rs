//! The source `voc`: an XML file per image, as Pascal VOC has it and labelImg, CVAT, roLabelImg and others write it.
//!
//! Corners are edges from 0, which most tools write, unless `source/annotation` names the convention of the devkit as
//! recto does, or an option says so: first pixel 1, `xmax` the last pixel.

use std::collections::BTreeMap;

use serde_json::Value;

use super::model::{
    BoxDocument, GivenBox, GivenClass, GivenImage, GivenShape, Unit, corners, points, rotated,
};
use super::xml::{self, Element};
use crate::contracts::Metadata;
use crate::values;

/// Reads a document. `inclusive`: corners are counted as in the devkit.
///
/// # Errors
/// It is not XML, or its root is not `annotation`.
pub fn read(name: &str, bytes: &[u8], inclusive: bool) -> Result<BoxDocument, String> {
    let root = xml::read(bytes)?;
    if root.name != "annotation" {
        return Err(format!(
            "document is not VOC: its root is <{}>, <annotation> was expected",
            root.name
        ));
    }
    let convention = root
        .child("source")
        .and_then(|source| source.text_of("annotation"));
    let inclusive = inclusive || convention.is_some_and(|text| text.starts_with("inclusive1"));
    let mut document = BoxDocument::of(name);
    document.images.push(image(&root, name));
    let objects = root.children.iter().filter(|child| child.name == "object");
    for (i, object) in objects.enumerate() {
        let place = format!("object[{i}]");
        if is_deleted(object) {
            document.reject(&place, "deleted", "object was deleted by its annotator");
            continue;
        }
        match given_box(&place, object, inclusive) {
            Ok((given, lost)) => {
                document.boxes.push(given);
                if let Some((field, problem)) = lost {
                    document.reject(
                        &place,
                        field,
                        format!("the box is kept without it, {problem}"),
                    );
                }
            }
            Err((field, problem)) => document.reject_box(&place, field, problem, ""),
        }
    }
    let others = root.children.iter().filter(|child| child.name != "object");
    for other in others.filter(|other| holds_shape(other)) {
        let problem = "boxes are read in <object>, directly in <annotation>";
        document.reject_box(&other.name, "object", problem, "");
    }
    Ok(document)
}

/// Whether an object stays in the file after somebody deleted it, as in LabelMe's.
fn is_deleted(object: &Element) -> bool {
    let text = object.text_of("deleted").unwrap_or_default();
    text == "1" || text.eq_ignore_ascii_case("true")
}

/// Whether there is a box in an element that is not read.
fn holds_shape(element: &Element) -> bool {
    const SHAPES: [&str; 6] = ["bndbox", "bbox", "object", "polygon", "robndbox", "xmin"];
    let is_shape = |child: &Element| SHAPES.contains(&&*child.name.to_ascii_lowercase());
    let mut children = element.children.iter();
    let is_itself = is_shape(element) && !element.children.is_empty();
    is_itself || children.any(|child| is_shape(child) || holds_shape(child))
}

fn image(root: &Element, name: &str) -> GivenImage {
    let source = root.child("source");
    let of_source = |name: &str| {
        source
            .and_then(|source| source.text_of(name))
            .map(str::to_owned)
    };
    let folder = root.text_of("folder");
    let file = root.text_of("filename").filter(|text| !text.is_empty());
    let mut names = Vec::new();
    if let (Some(folder), Some(file)) = (folder.filter(|folder| *folder != "VOC2012"), file) {
        names.push(format!("{folder}/{file}"));
    }
    names.extend(
        root.text_of("path")
            .filter(|text| *text != "Unknown")
            .map(str::to_owned),
    );
    names.extend(file.map(str::to_owned));
    // A file without `filename` is about the image of its own name.
    if names.is_empty() {
        names.push(own_name(name));
    }
    let url = of_source("image")
        .filter(|url| crate::sources::source::is_url(url) && crate::image_names::is_image(url));
    let size = root.child("size").and_then(|size| {
        let side = |name: &str| values::side(&Value::from(size.text_of(name)?));
        Some([side("width")?, side("height")?])
    });
    GivenImage {
        place: "annotation".into(),
        key: String::new(),
        id: of_source("uuid"),
        url,
        names,
        size,
        metadata: Metadata::new(),
        ..GivenImage::default()
    }
}

/// The name of the image that a file with this name is about, unless it says something else.
pub fn own_name(name: &str) -> String {
    let own = crate::image_names::parts(name).pop().unwrap_or_default();
    let own = own.strip_suffix(".gz").unwrap_or(&own);
    own.strip_suffix(".xml").unwrap_or(own).to_owned()
}

/// The field and the problem of a reject.
type Problem = (&'static str, String);

/// Members of an object with a meaning of their own.
const KNOWN: [&str; 9] = [
    "name",
    "bndbox",
    "robndbox",
    "polygon",
    "uuid",
    "attributes",
    "confidence",
    "score",
    "part",
];

/// Values that say nothing: what the format wants where nothing is known.
const SILENT: [(&str, &str); 4] = [
    ("deleted", "0"),
    ("pose", "Unspecified"),
    ("truncated", "0"),
    ("difficult", "0"),
];

/// A box, and what of it was lost.
fn given_box(
    place: &str,
    object: &Element,
    inclusive: bool,
) -> Result<(GivenBox, Option<Problem>), Problem> {
    let name = object.text_of("name").filter(|name| !name.is_empty());
    let name = name.ok_or(("name", "name of the object is missing".to_owned()))?;
    let outline = object.child("polygon").map(polygon);
    let mut lost = None;
    let shape = match (object.child("bndbox"), object.child("robndbox"), outline) {
        (Some(bndbox), _, outline) => {
            let own = of_corners(bndbox, inclusive).map_err(|problem| ("bndbox", problem))?;
            match outline {
                Some(Ok(outline)) => GivenShape {
                    outlines: vec![outline],
                    ..own
                },
                Some(Err(problem)) => {
                    lost = Some(("polygon", problem));
                    own
                }
                None => own,
            }
        }
        (None, Some(rotated), _) => of_rotated(rotated).map_err(|problem| ("robndbox", problem))?,
        (None, None, Some(outline)) => {
            let shape =
                outline.and_then(|outline| GivenShape::of_outlines(vec![outline], Unit::Pixel));
            shape.map_err(|problem| ("polygon", problem))?
        }
        (None, None, None) => return Err(("bndbox", "bndbox is missing".into())),
    };
    let mut attributes = attributes(object);
    let shape = match lost {
        Some(_) => shape,
        None => shape
            .with_rotation(&mut attributes, object.child("occluded").is_some())
            .map_err(|problem| ("bndbox", problem))?,
    };
    let lost = lost.or_else(|| surplus(object));
    let given = GivenBox {
        place: place.to_owned(),
        id: object
            .text_of("uuid")
            .filter(|id| !id.is_empty())
            .map(str::to_owned),
        image: String::new(),
        class: GivenClass::Name(name.to_owned()),
        shape: Some(shape),
        attributes,
    };
    Ok((given, lost))
}

/// What an object has besides its first shape.
fn surplus(object: &Element) -> Option<Problem> {
    let is_repeated = |field: &&str| {
        let given = object.children.iter();
        given.filter(|child| child.name == **field).count() > 1
    };
    let repeated = ["bndbox", "robndbox", "polygon"]
        .into_iter()
        .find(is_repeated);
    match repeated {
        Some(field) => {
            let problem = format!("several {field} of one object, the first is used");
            Some((field, problem))
        }
        None => object
            .child("part")
            .map(|_| ("part", "parts of objects are not read".into())),
    }
}

fn attributes(object: &Element) -> BTreeMap<String, Value> {
    let mut attributes = BTreeMap::new();
    for child in &object.children {
        let is_silent = SILENT.contains(&(child.name.as_str(), child.text.trim()));
        if KNOWN.contains(&child.name.as_str()) || is_silent {
            continue;
        }
        let value = match child.children.is_empty() {
            // The text of a box: no white space of it is lost.
            true if child.name == "text" => Value::from(child.text.as_str()),
            true => Value::from(child.text.trim()),
            false => child.to_json(),
        };
        attributes.insert(child.name.clone(), value);
    }
    // CVAT: <attributes><attribute><name>…</name><value>…</value></attribute></attributes>.
    let given = object
        .child("attributes")
        .into_iter()
        .flat_map(|all| &all.children);
    for attribute in given {
        if let (Some(name), Some(value)) = (attribute.text_of("name"), attribute.text_of("value")) {
            attributes.insert(name.to_owned(), Value::from(value));
        }
    }
    let confidence = object
        .text_of("confidence")
        .or_else(|| object.text_of("score"));
    if let Some(text) = confidence {
        let number: Option<f64> = text.parse().ok().filter(|n: &f64| n.is_finite());
        attributes.insert(
            "confidence".into(),
            number.map_or(Value::from(text), Value::from),
        );
    }
    attributes
}

fn number(element: &Element, name: &str) -> Result<f64, String> {
    let text = element
        .text_of(name)
        .ok_or_else(|| format!("{name} is missing"))?;
    let number = text.parse().ok().filter(|n: &f64| n.is_finite());
    number.ok_or_else(|| format!("{name} is not a number: {}", values::excerpt(text)))
}

fn of_corners(bndbox: &Element, inclusive: bool) -> Result<GivenShape, String> {
    let first = if inclusive { 1.0 } else { 0.0 };
    let [left, top, right, bottom] =
        ["xmin", "ymin", "xmax", "ymax"].map(|name| number(bndbox, name));
    let (left, top) = (left? - first, top? - first);
    GivenShape::of_box([left, top, right? - left, bottom? - top], Unit::Pixel)
}

/// A rotated box of roLabelImg: centre, size, and the angle in radians.
fn of_rotated(element: &Element) -> Result<GivenShape, String> {
    let [cx, cy, w, h, angle] = ["cx", "cy", "w", "h", "angle"].map(|name| number(element, name));
    let (cx, cy, w, h) = (cx?, cy?, w?, h?);
    let box_around = [cx - w / 2.0, cy - h / 2.0, w, h];
    GivenShape::of_box(box_around, Unit::Pixel)?;
    let outline = rotated(corners(box_around), [cx, cy], angle?.to_degrees());
    GivenShape::of_outlines(vec![outline], Unit::Pixel)
}

/// The points of a polygon: `x1`, `y1`, `x2`…, or `pt` with `x` and `y`, or `point` with a pair.
fn polygon(element: &Element) -> Result<Vec<[f64; 2]>, String> {
    let mut numbers = Vec::new();
    let listed: Vec<&Element> = element
        .children
        .iter()
        .filter(|c| !c.children.is_empty())
        .collect();
    if listed.is_empty() {
        for n in 1..=element.children.len() {
            let [x, y] = [format!("x{n}"), format!("y{n}")];
            if element.child(&x).is_none() && element.child(&y).is_none() {
                break;
            }
            numbers.extend([number(element, &x)?, number(element, &y)?]);
        }
    }
    for point in listed {
        numbers.extend([number(point, "x")?, number(point, "y")?]);
    }
    points(&numbers)
}
