//! `/review/ID`: corrections of boxes, as the pages send them.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use serde::Deserialize;

use super::file::ReviewFile;
use crate::contracts::{BBox, Polygon};
use crate::corrections::{self, Change, CorrectedBox, Correction};
use crate::serve::auth::rules::Access;
use crate::serve::catalogue::SharedCatalogue;
use crate::serve::image::api;
use crate::serve::pages;
use crate::serve::presentation::uris::Uris;
use crate::serve::site::Site;
use crate::serve::web::message::{Response, error_response, uncached};

/// A correction, as it was sent.
pub struct ReviewRequest {
    /// `POST` for a new box, `PUT` to change and `DELETE` to remove one.
    pub method: String,
    /// The identifier of the image, decoded.
    pub image: String,
    /// The id of the box; empty for a new one.
    pub of: String,
    /// The body, JSON.
    pub body: Bytes,
    /// When it arrived, as RFC 3339.
    pub when: String,
}

/// Applies a correction. `site` is that of the visitor who sent it.
pub fn answer(
    file: &Mutex<ReviewFile>,
    shared: &SharedCatalogue,
    site: &Site,
    uris: &Uris,
    request: ReviewRequest,
) -> Response {
    let Some(at) = site.find(&request.image, uris) else {
        return api::not_found(&request.image);
    };
    let image = &site.catalogue.images[at];
    if site.permissions.access(&image.about) < Access::Review {
        return (site.permissions).refuse("you do not have permission to correct this image");
    }
    let mut correction = match read(request, &image.id) {
        Ok(correction) => correction,
        Err(why) => return error_response(400, &why),
    };
    if let Some(user) = &site.permissions.visitor.user {
        correction.author.clone_from(user);
    }
    // Corrections are applied one after the other.
    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
    let id = image.id.clone();
    let changed = shared.change(|catalogue| {
        let (corrected, changed) = file.apply(correction, catalogue)?;
        let at = corrected.find(&id);
        let boxes = at.map(|at| pages::boxes(&corrected.images[at]));
        Ok((corrected, (changed, boxes)))
    });
    match changed {
        Err((status, why)) => error_response(status, &why),
        Ok((changed, boxes)) => {
            let answer = serde_json::json!({"changed": changed, "boxes": boxes});
            uncached(format!("{answer}\n"), "application/json")
        }
    }
}

/// The body of a request.
#[derive(Debug, Deserialize)]
struct Sent {
    #[serde(default)]
    author: String,
    #[serde(default)]
    concept: String,
    bbox: Option<BBox>,
    polygon: Option<Polygon>,
}

/// Reads a correction of the image with this id.
fn read(request: ReviewRequest, image: &str) -> Result<Correction, String> {
    let sent: Sent =
        serde_json::from_slice(&request.body).map_err(|e| format!("not a valid review: {e}"))?;
    let author = sent.author.trim().to_owned();
    let change = match &*request.method {
        "POST" => Change::Create(shape(sent)?),
        "PUT" => Change::Update(shape(sent)?),
        _ => Change::Delete,
    };
    Ok(Correction {
        image: image.to_owned(),
        id: request.of,
        change,
        author,
        when: request.when,
    })
}

fn shape(sent: Sent) -> Result<CorrectedBox, String> {
    let around = |outline: &Polygon| BBox::around(outline.points().iter().copied());
    Ok(CorrectedBox {
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
    use recto_testkit::mutation::{self, Random};
    use serde_json::json;

    use super::*;

    #[test]
    fn invalid_reviews_are_refused() {
        let cases: [(&'static [u8], &str); 4] = [
            (b"[", "not a valid review"),
            (br#"{"bbox": [1, 2, 3, 4]}"#, "a class name is needed"),
            (br#"{"concept": "a"}"#, "a box is needed"),
            (br#"{"concept": "a", "bbox": [1, 2, 0, 4]}"#, "box is empty"),
        ];
        for (body, says) in cases {
            let request = ReviewRequest {
                method: "POST".into(),
                image: "i".into(),
                of: "l".into(),
                body: Bytes::from_static(body),
                when: String::new(),
            };
            let why = read(request, "i").unwrap_err();
            assert!(why.contains(says), "{why}");
        }
    }

    #[test]
    fn damaged_bodies_are_refused_or_hold_a_correction() {
        let sound = [
            json!({"author": "anna", "concept": "alef", "bbox": [1, 2, 3, 4]}),
            json!({"concept": "alef", "polygon": [[1, 2], [9, 2], [9, 9]]}),
        ];
        let make = move |random: &mut Random| {
            let sound = random.choose(&sound).clone();
            mutation::json(&sound, random)
        };
        let takes = |body: &[u8]| {
            let ends = ["POST", "PUT", "DELETE"].map(|method| {
                let request = ReviewRequest {
                    method: method.into(),
                    image: "i".into(),
                    of: "l".into(),
                    body: Bytes::copy_from_slice(body),
                    when: String::new(),
                };
                read(request, "i")
            });
            let is_told = |why: &String| !why.is_empty();
            assert!(
                ends.iter()
                    .filter_map(|end| end.as_ref().err())
                    .all(is_told)
            );
            ends[0].is_ok()
        };
        mutation::check(5000, make, takes).is_mixed();
    }
}
