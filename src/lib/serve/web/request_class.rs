//! Classes of requests, for each of which the configuration may set how many a client may send, and how long answers are fresh.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::message::Response;
use super::route::Route;
use crate::serve::auth::rate::{self, Buckets, Rate};

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestClass {
    /// Pixels.
    Images,
    /// Descriptions of images (`info.json`).
    Info,
    /// Manifests, collections, annotations, searches.
    Documents,
    /// Pages for the browser and their data.
    Pages,
}

/// What is set for a class.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClassSettings {
    /// How many requests a client may send.
    pub rate: Option<Rate>,
    /// For how many seconds clients may use an answer without asking again.
    pub max_age: Option<u32>,
}

/// The settings of all classes, with the requests of clients so far.
#[derive(Debug, Default)]
pub struct RequestClasses {
    settings: BTreeMap<RequestClass, ClassSettings>,
    buckets: BTreeMap<RequestClass, Buckets>,
}

impl RequestClass {
    /// The class of a route.
    pub fn of(route: &Route) -> Self {
        match route {
            Route::Image { .. } if route.is_info() => RequestClass::Info,
            Route::Image { .. } | Route::Preset { .. } => RequestClass::Images,
            Route::Presentation(..) | Route::Activity(_) => RequestClass::Documents,
            Route::PresetList | Route::PresetImages(_) => RequestClass::Documents,
            _ => RequestClass::Pages,
        }
    }
}

impl RequestClasses {
    /// As the configuration sets them.
    pub fn new(settings: BTreeMap<RequestClass, ClassSettings>) -> Self {
        let limited = settings
            .iter()
            .filter_map(|(class, of)| Some((*class, Buckets::new(of.rate?))));
        RequestClasses {
            buckets: limited.collect(),
            settings,
        }
    }

    /// Counts a request of a client; `now` is in milliseconds since 1970.
    ///
    /// # Errors
    /// The response to one that sends too many of this class.
    pub fn take(&self, route: &Route, sender: &str, now: i64) -> Result<(), Response> {
        match self.buckets.get(&RequestClass::of(route)) {
            Some(buckets) => buckets.take(sender, now).map_err(rate::too_many_requests),
            None => Ok(()),
        }
    }

    /// An answer with the time for which it may be used. What depends on the visitor, and what must not be stored, stays so.
    pub fn aged(&self, route: &Route, mut response: Response) -> Response {
        let settings = self.settings.get(&RequestClass::of(route));
        let max_age = settings.and_then(|settings| settings.max_age);
        let stated = response.header("cache-control");
        let is_for_all = stated == "no-cache" || stated.starts_with("public");
        if let Some(seconds) =
            max_age.filter(|_| is_for_all && matches!(response.status, 200 | 304))
        {
            response.set_header("cache-control", &format!("public, max-age={seconds}"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_classes() {
        let cases = [
            ("/iiif/3/a/full/max/0/default.jpg", RequestClass::Images),
            (
                "/iiif/degraded/2/a/full/max/0/default.jpg",
                RequestClass::Images,
            ),
            ("/iiif/preset/thumbnail/a", RequestClass::Images),
            ("/iiif/2/a/info.json", RequestClass::Info),
            ("/iiif/3/a", RequestClass::Info),
            (
                "/iiif/presentation/3/collection.json",
                RequestClass::Documents,
            ),
            ("/iiif/preset.json", RequestClass::Documents),
            ("/iiif/preset/thumbnail", RequestClass::Documents),
            ("/iiif/activity/all-changes", RequestClass::Documents),
            ("/", RequestClass::Pages),
            ("/view/a", RequestClass::Pages),
        ];
        for (path, wanted) in cases {
            assert_eq!(RequestClass::of(&Route::of(path)), wanted, "{path}");
        }
    }
}
