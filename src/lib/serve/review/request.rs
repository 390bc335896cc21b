//! `/review/ID`: corrections of boxes and what is said of an image, as the pages send them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::file::{Conflict, Refusal, ReviewFile, Seen};
use crate::contracts::{BBox, Frame, Polygon};
use crate::corrections::{self, Change, CorrectedBox, Correction, ImageChange, ReviewState};
use crate::serve::catalogue::SharedCatalogue;
use crate::serve::image::api;
use crate::serve::pages;
use crate::serve::presentation::uris::Uris;
use crate::serve::site::Site;
use crate::serve::web::message::{Response, error_response, uncached};

/// A correction, as it was sent.
pub struct ReviewRequest {
    /// `POST` for a new box or one that comes back, `PUT` to change one or the image, `DELETE` to remove a box.
    pub method: String,
    /// The identifier of the image, decoded.
    pub image: String,
    /// The id of the box. For a new one the client may choose it; empty if it does not, or for the image as a whole.
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
    if !site.may_review(at) {
        return (site.permissions).refuse("you do not have permission to correct this image");
    }
    let Read {
        mut correction,
        seen,
        is_brief,
        page,
    } = match read(request, &image.id) {
        Ok(read) => read,
        Err(why) => return error_response(400, &why),
    };
    let user = &site.permissions.visitor.user;
    // Corrections are applied one after the other.
    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
    if let Err(why) = page.is_of(file.key(), user.as_deref()) {
        return error_response(409, &why);
    }
    if let Some(user) = user {
        correction.author.clone_from(user);
    }
    let id = image.id.clone();
    let changed = shared.change(|catalogue| {
        let (corrected, changed) = file.apply(correction, &seen, catalogue)?;
        let answer = corrected.find(&id).map(|at| {
            let image = &corrected.images[at];
            match is_brief {
                true => pages::reviewed_box(image, &changed),
                false => pages::reviewed(image),
            }
        });
        Ok((corrected, (changed, answer)))
    });
    match changed {
        Err(refusal) => refused(&refusal),
        Ok((changed, answer)) => {
            let mut answer = answer.unwrap_or_else(|| json!({}));
            answer["changed"] = json!(changed);
            uncached(format!("{answer}\n"), "application/json")
        }
    }
}

/// The reason as text; of a conflict the box or the image as it is now too, as JSON.
fn refused(refusal: &Refusal) -> Response {
    let Some(held) = &refusal.conflict else {
        return error_response(refusal.status, &refusal.why);
    };
    let answer = match held {
        Conflict::Box(held) => {
            let held = held.as_ref().map(|held| pages::of_box(held));
            json!({"problem": refusal.why, "box": held})
        }
        Conflict::State(image) => {
            json!({"problem": refusal.why, "image": pages::reviewed_image(image)})
        }
    };
    let mut response = uncached(format!("{answer}\n"), "application/json");
    response.status = refusal.status;
    response
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
    /// Rings in the outline around what does not belong to it.
    #[serde(default)]
    holes: Vec<Polygon>,
    /// Attributes that change; null removes one.
    #[serde(default)]
    attributes: BTreeMap<String, Value>,
    /// The revision of the box, or of the state of the image, that was seen.
    #[serde(default)]
    revision: String,
    /// `[width, height]` of the frame in which the points are given.
    frame: Option<Frame>,
    /// The key of the file of reviews that the page belongs to.
    reviews: Option<String>,
    /// Who was logged in when the correction was made.
    user: Option<String>,
    /// Whether the box is right; nothing else of it changes then.
    accepted: Option<bool>,
    /// Of an image: `reviewed`, `accepted`, `doubtful`, or empty.
    state: Option<String>,
    /// Of an image: a class that it has as a whole.
    add: Option<String>,
    /// Of an image: a class that it does not have.
    remove: Option<String>,
    /// Whether the answer need not hold the other boxes.
    #[serde(default)]
    brief: bool,
}

/// The page that sends a correction, as far as it says so: the key of its file of reviews, and who was logged in then.
#[derive(Debug)]
struct Page {
    reviews: Option<String>,
    user: Option<String>,
}

impl Page {
    /// Refuses what was made for another server under the same address, or by somebody else in the same browser.
    fn is_of(&self, key: &str, user: Option<&str>) -> Result<(), String> {
        if self
            .reviews
            .as_deref()
            .is_some_and(|reviews| reviews != key)
        {
            return Err(
                "the page belongs to another set than the server has now; open it again".into(),
            );
        }
        match (self.user.as_deref(), user) {
            (Some(made_by), Some(user)) if made_by != user => Err(format!(
                "it was made by {made_by}, and you are logged in as {user}"
            )),
            _ => Ok(()),
        }
    }
}

/// A request, understood.
#[derive(Debug)]
struct Read {
    correction: Correction,
    /// What it was made on.
    seen: Seen,
    is_brief: bool,
    page: Page,
}

/// Reads a correction of the image with this id.
fn read(request: ReviewRequest, image: &str) -> Result<Read, String> {
    // What is removed need not be described.
    let body: &[u8] = match request.method == "DELETE" && request.body.is_empty() {
        true => b"{}",
        false => &request.body,
    };
    let mut sent: Sent =
        serde_json::from_slice(body).map_err(|e| format!("not a valid review: {e}"))?;
    let author = sent.author.trim().to_owned();
    let seen = Seen {
        revision: std::mem::take(&mut sent.revision),
        frame: sent.frame,
    };
    let page = Page {
        reviews: sent.reviews.take(),
        user: sent.user.take(),
    };
    let is_brief = sent.brief;
    let mut id = request.of;
    let change = match (&*request.method, sent.accepted) {
        ("POST", _) => Change::Create(shape(sent)?),
        ("PUT", Some(true)) => Change::Accept,
        ("PUT", Some(false)) => Change::Withdraw,
        ("PUT", None) => match of_image(&sent)? {
            Some(change) => {
                id = image.to_owned();
                Change::OfImage(change)
            }
            None => Change::Update(shape(sent)?),
        },
        _ => Change::Delete,
    };
    if id.len() > 2048 || id.chars().any(char::is_control) {
        return Err("not a valid id of a box".into());
    }
    let correction = Correction {
        image: image.to_owned(),
        id,
        change,
        author,
        when: request.when,
    };
    Ok(Read {
        correction,
        seen,
        is_brief,
        page,
    })
}

/// What a request says of the image as a whole, if it does.
fn of_image(sent: &Sent) -> Result<Option<ImageChange>, String> {
    if let Some(class) = &sent.add {
        return corrections::class_name(class).map(|class| Some(ImageChange::AddLabel(class)));
    }
    if let Some(class) = &sent.remove {
        return corrections::class_name(class).map(|class| Some(ImageChange::RemoveLabel(class)));
    }
    match sent.state.as_deref() {
        None => Ok(None),
        Some("") => Ok(Some(ImageChange::State(None))),
        Some(name) => match ReviewState::of(name) {
            None => Err(format!(
                "`{name}` is not a state of a review: reviewed, accepted, doubtful, or nothing"
            )),
            state => Ok(Some(ImageChange::State(state))),
        },
    }
}

fn shape(sent: Sent) -> Result<CorrectedBox, String> {
    let around = |outline: &Polygon| BBox::around(outline.points().iter().copied());
    Ok(CorrectedBox {
        class: corrections::class_name(&sent.concept)?,
        bbox: match &sent.polygon {
            Some(outline) => around(outline)?,
            None => sent.bbox.ok_or("a box is needed")?,
        },
        holes: match sent.polygon {
            Some(_) => sent.holes,
            None => Vec::new(),
        },
        polygon: sent.polygon,
        frame: None,
        attributes: corrections::checked(&sent.attributes)?,
    })
}

#[cfg(test)]
mod tests {
    use recto_testkit::mutation::{self, Random};
    use serde_json::json;

    use super::*;

    #[test]
    fn invalid_reviews_are_refused() {
        let cases: [(&'static [u8], &str); 6] = [
            (b"[", "not a valid review"),
            (br#"{"bbox": [1, 2, 3, 4]}"#, "a class name is needed"),
            (br#"{"concept": "a"}"#, "a box is needed"),
            (br#"{"concept": "a", "bbox": [1, 2, 0, 4]}"#, "box is empty"),
            (
                br#"{"concept": "a", "bbox": [1, 2, 3, 4], "attributes": {"creator": "b"}}"#,
                "`creator` cannot be changed by hand",
            ),
            (
                br#"{"concept": "a", "bbox": [1, 2, 3, 4], "attributes": {"baseline": [[1, 2]]}}"#,
                "at least two points",
            ),
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
            json!({"concept": "alef", "bbox": [1, 2, 3, 4], "attributes": {"text": "a", "baseline": [[1, 2], [3, 4]]}}),
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
