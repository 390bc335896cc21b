//! Removing everything that is cached about an image: `DELETE /cache/ID` of a running server, `--purge ID` without one.

use std::net::IpAddr;

use super::TieredCache;
use crate::error::Error;
use crate::http::header::{self, HeaderMap, HeaderName};
use crate::serve::catalogue::Catalogue;
use crate::serve::image::renderer::Renderer;
use crate::serve::web::message::{Response, error_response, uncached};
use crate::summary::counted;

/// Answers `DELETE /cache/ID`. None if the configuration lets nobody send it.
pub async fn answer(
    renderer: &Renderer,
    id: &str,
    headers: &HeaderMap,
    client: IpAddr,
) -> Option<Response> {
    let allowed = &renderer.cache.settings.purge_from;
    if allowed.is_empty() {
        return None;
    }
    if !is_direct(headers) || !allowed.contains(&client.to_canonical()) {
        let why = "the cache can be purged only from the addresses in `purge_from`";
        return Some(error_response(403, why));
    }
    Some(match renderer.purge(id).await {
        Ok(purged) => {
            let done = serde_json::json!({"id": id, "purged": purged});
            uncached(format!("{done}\n"), "application/json")
        }
        Err(why) => error_response(500, &why),
    })
}

/// Whether a request comes from the client itself: not through a proxy, and not from a page in its browser.
fn is_direct(headers: &HeaderMap) -> bool {
    let indirect = [
        header::FORWARDED,
        HeaderName::from_static("x-forwarded-for"),
        header::ORIGIN,
    ];
    !indirect.iter().any(|name| headers.contains_key(name))
}

/// Purges images by id, and says what was done. An image that is no longer in the catalogue may still be cached.
///
/// # Errors
/// No tier is configured, or one could not be purged.
pub async fn all(
    cache: &TieredCache,
    catalogue: &Catalogue,
    ids: &[String],
) -> Result<String, Error> {
    if cache.is_empty() {
        return Err(Error::usage(
            "--purge needs a `folder` or `redis` in `[cache]` of --config",
        ));
    }
    let mut purged = 0;
    for name in ids {
        let id = catalogue
            .find(name)
            .map_or(name, |at| &catalogue.images[at].id);
        purged += cache.purge(id).await.map_err(Error::new)?;
    }
    Ok(format!(
        "purged {} about {}",
        counted(purged, "answer", "answers"),
        counted(ids.len() as u64, "image", "images")
    ))
}
