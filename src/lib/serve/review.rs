//! Corrections as the page sends them. Pure.

use serde::Deserialize;

use crate::contracts::{BBox, Polygon};
use crate::corrections::{self, Change, Correction, Shape};

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
) -> Result<Correction, String> {
    let sent: Sent =
        serde_json::from_slice(body).map_err(|e| format!("not what a review is: {e}"))?;
    let author = sent.author.trim().to_owned();
    let change = match method {
        "POST" => Change::Create(shape(sent)?),
        "PUT" => Change::Update(shape(sent)?),
        _ => Change::Delete,
    };
    Ok(Correction {
        image: image.to_owned(),
        id: of.to_owned(),
        change,
        author,
        when,
    })
}

fn shape(sent: Sent) -> Result<Shape, String> {
    let around = |outline: &Polygon| BBox::around(outline.points().iter().copied());
    Ok(Shape {
        class: corrections::class_name(&sent.concept)?,
        bbox: match &sent.polygon {
            Some(outline) => around(outline)?,
            None => sent.bbox.ok_or("a box is needed")?,
        },
        polygon: sent.polygon,
        frame: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_review_is_refused() {
        let cases: [(&[u8], &str); 4] = [
            (b"[", "not what a review is"),
            (br#"{"bbox": [1, 2, 3, 4]}"#, "a class name is needed"),
            (br#"{"concept": "a"}"#, "a box is needed"),
            (br#"{"concept": "a", "bbox": [1, 2, 0, 4]}"#, "box is empty"),
        ];
        for (body, says) in cases {
            let why = read("POST", "i", "l", body, String::new()).unwrap_err();
            assert!(why.contains(says), "{why}");
        }
    }
}
