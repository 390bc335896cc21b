//! Removing all that is kept of an image: `DELETE /cache/ID` of a running server, `--purge ID` of one that is not.

use std::net::IpAddr;

use hyper::{Method, Request, header};
use percent_encoding::percent_decode_str;

use super::Store;
use crate::error::Error;
use crate::serve::catalogue::Catalogue;
use crate::serve::image::renderer::Service;
use crate::serve::web::router::{Response, refused, text};

/// Answers `DELETE /cache/ID` where the configuration lets anybody send it; none if this is not asked.
pub async fn asked(service: &Service, request: &Request<()>, client: IpAddr) -> Option<Response> {
    let is_offered = !service.store.settings.purge_from.is_empty();
    let id = request.uri().path().strip_prefix("/cache/")?;
    if !is_offered || request.method() != Method::DELETE {
        return None;
    }
    if !may(service, request, client) {
        return Some(refused(
            403,
            "only addresses in `purge_from` may empty the cache",
        ));
    }
    let Ok(id) = percent_decode_str(id).decode_utf8() else {
        return Some(refused(400, "the path is not percent-encoded UTF-8"));
    };
    Some(match service.purge(&id).await {
        Ok(purged) => {
            let done = serde_json::json!({"id": id, "purged": purged});
            text(format!("{done}\n"), "application/json")
        }
        Err(why) => refused(500, &why),
    })
}

/// Whether a client may empty the cache: it is one of those named, nobody stands between, and it is no page in the
/// browser of one of those.
fn may(service: &Service, request: &Request<()>, client: IpAddr) -> bool {
    let on_behalf = [
        header::FORWARDED,
        header::HeaderName::from_static("x-forwarded-for"),
        header::ORIGIN,
    ];
    let is_direct = !on_behalf
        .iter()
        .any(|name| request.headers().contains_key(name));
    is_direct
        && service
            .store
            .settings
            .purge_from
            .contains(&client.to_canonical())
}

/// Purges these images and says what was done. What is no longer in the catalogue may still be kept.
pub async fn all(store: &Store, catalogue: &Catalogue, ids: &[String]) -> Result<String, Error> {
    if store.is_empty() {
        return Err(Error::usage(
            "--purge needs a `folder` or `redis` in `[cache]` of --config",
        ));
    }
    let mut purged = 0;
    for name in ids {
        let id = catalogue
            .find(name)
            .map_or(name, |at| &catalogue.pictures[at].id);
        purged += store.purge(id).await.map_err(Error::new)?;
    }
    Ok(format!(
        "purged {purged} answers about {} images",
        ids.len()
    ))
}
