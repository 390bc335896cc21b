//! `/iiif/preset…`: the presets, and the derivatives they describe.
//!
//! A preset redirects to the request of the Image API that means the same. Only an image on a background cannot be
//! described by such a request, and is answered directly.

use serde_json::{Value, json};

use super::api;
use super::preset::{Fit, Preset};
use crate::iiif::{self, Version};
use crate::serve::auth::rules::Access;
use crate::serve::image_record::Subject;
use crate::serve::presentation::uris::{self, Uris};
use crate::serve::site::Site;
use crate::serve::web::message::{
    Body, OneByOne, Request, Response, WithLast, error_response, json_response,
};

/// `/iiif/preset.json`: every preset.
pub fn list(site: &Site, uris: &Uris, request: &Request) -> Response {
    let presets = site.presets.iter();
    let presets: Vec<Value> = presets
        .map(|(name, preset)| describe(name, preset, uris))
        .collect();
    json_response(&json!({"presets": presets}), "application/json", request)
}

/// `/iiif/preset/NAME`: a preset, with the URL of the derivative of every image.
pub fn images(site: &Site, name: &str, uris: &Uris, request: &Request) -> Response {
    let Some((name, preset)) = site.presets.find(name) else {
        return unknown(site, name);
    };
    let mut document = describe(name, preset, uris);
    // The list itself stands here instead of its address.
    document
        .as_object_mut()
        .map(|object| object.remove("images"));
    let image = |id: &str| {
        let path = uris::preset_path(name, &uris.segment_of(id));
        json!({"id": id, "url": uris.page(&format!("/{path}"))})
    };
    let images = site.catalogue.images.iter();
    let listed = images.filter(|image| site.can_list(image));
    let document = WithLast {
        object: &document,
        name: "images",
        last: OneByOne(|| listed.clone().map(|listed| image(&listed.id))),
    };
    json_response(&document, "application/json", request)
}

/// `/iiif/preset/NAME/ID`: a redirect to the derivative of an image, or the image on its background.
pub fn answer(site: &Site, name: &str, id: &str, uris: &Uris, request: &Request) -> Response {
    let Some((_, preset)) = site.presets.find(name) else {
        return unknown(site, name);
    };
    let Some(at) = site.find(id, uris) else {
        return api::not_found(id);
    };
    let access = site.access(at);
    if access < Access::Degraded {
        return site.permissions.refuse(api::NOT_FOR_YOU);
    }
    let facts = match &site.file {
        Ok(facts) => facts.clone(),
        Err(why) => return api::unavailable(id, why),
    };
    let limits = site.cap.declared(facts.size);
    let plan = preset.plan(facts.size, &limits);
    if plan.background.is_some() {
        // Requests of the Image API are checked where the redirect leads; this is not one.
        if access < Access::Full {
            return site.permissions.refuse(api::ONLY_SMALL);
        }
        let subject = Subject {
            image: site.catalogue.images[at].clone(),
            facts,
            reduced: None,
        };
        return api::rendered(site, subject, plan, request);
    }
    let canonical = plan.canonical(Version::V3, facts.size, &limits);
    let to = iiif::append_path(&uris.service(Version::V3, id), &canonical);
    Response::new(302, Body::Empty)
        .with_header("location", to)
        .with_header("cache-control", "no-cache")
}

fn describe(name: &str, preset: &Preset, uris: &Uris) -> Value {
    let [r, g, b] = preset.background;
    let (background, fit) = match preset.fit {
        Fit::Contain => (None, "contain"),
        Fit::Cover => (None, "cover"),
        Fit::Pad => (Some(format!("#{r:02x}{g:02x}{b:02x}")), "pad"),
    };
    json!({
        "name": name,
        "width": preset.width,
        "height": preset.height,
        "fit": fit,
        "format": preset.format.name(),
        "quality": preset.quality.name(),
        "background": background,
        "enlarge": preset.enlarge,
        "images": uris.page(&format!("/iiif/preset/{}", uris::segment(name))),
    })
}

fn unknown(site: &Site, name: &str) -> Response {
    let names: Vec<&str> = site.presets.names().collect();
    let why = format!(
        "no preset is called `{name}`; the presets are {}",
        names.join(", ")
    );
    error_response(404, &why)
}
