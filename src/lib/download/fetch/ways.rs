//! The ways to an image: its service, whole or by regions, its own URL, the other URLs that it has.

use super::Journey;
use crate::contracts::Service;
use crate::download::checks::{
    KnownSize, TIFF_FACTOR, check_min_size, check_sha256, check_size, check_start,
    check_start_of_any_image, is_of, words_if_smaller,
};
use crate::download::names::source_uri;
use crate::download::options::Tiles;
use crate::download::service::plan::RegionPlan;
use crate::download::service::region_store::RegionStore;
use crate::download::service::verify::verify;
use crate::download::service::{self, Fetched, Wanted, Whole};
use crate::download::state::words;
use crate::files::SafeName;
use crate::http::{self, Error, Kind, Request, SavedResponse};
use crate::iiif::QuotedRequest;

impl Journey<'_> {
    /// Fetches from an image service, or by the image's own URL: where the service has fewer pixels than the source declares,
    /// such as one for thumbnails, the file that has them comes first.
    pub(super) async fn fetch_largest(&self, service: &Service) -> Result<Fetched, Error> {
        let image = &self.image.image;
        let size = match (service.region, image.declared()) {
            (None, Some(declared)) => self.size_of_service(&service.id).await.zip(Some(declared)),
            _ => None,
        };
        let scaling = self.to.output.scaling;
        let smaller = size
            .and_then(|(found, declared)| words_if_smaller("service", found, declared, scaling));
        let url = image.url.as_ref();
        let has_file = url.is_some_and(|url| {
            !QuotedRequest::parse(url).is_some_and(|request| is_of(&request, service))
        });
        if let Some(words) = smaller.clone().filter(|_| has_file)
            && let Ok(own) = self.fetch_own_url(service, Error::info(words)).await
        {
            return Ok(own);
        }
        let resumed = self.resume().await;
        let mut fetched = match self.fetch_service(service, resumed).await {
            Err(error) => return self.fetch_own_url(service, error).await,
            Ok(fetched) => fetched,
        };
        let (Fetched::Whole(Whole { notes, .. }) | Fetched::Regions { notes, .. }) = &mut fetched;
        notes.extend(smaller);
        Ok(fetched)
    }

    /// Fetches from an image service: the whole image, or its regions.
    async fn fetch_service(
        &self,
        service: &Service,
        resumed: Option<RegionStore>,
    ) -> Result<Fetched, Error> {
        let output = &self.to.output;
        let new_store = |plan: RegionPlan| {
            // Checked before the regions are requested, not after.
            self.check_lossless(self.re_encoding_reason(&plan))?;
            RegionStore::create(&self.store_path(), &self.request, plan)
                .map_err(|e| Error::disk(e.to_string()))
        };
        let wanted = Wanted {
            service,
            scaling: output.scaling,
            is_canonical: output.tiles == Tiles::Canonical,
            format: output.server_format(),
            declared: self.image.image.declared(),
            max_bytes: self.to.max_bytes,
            part: &self.part,
            new_store: &new_store,
            regions: self.to.regions,
            sampled: &self.sampled,
            log: self.log.clone(),
        };
        service::fetch(self.to.servers, &wanted, resumed).await
    }

    /// Fetches a plain file from its URL, else from the other URLs that it has.
    ///
    /// # Errors
    /// That of its URL, with those of the others.
    pub(super) async fn fetch_one_of(&self, url: &str) -> Result<Whole, Error> {
        let mut first = match self.fetch_proven(url).await {
            Err(error) if !matches!(error.kind, Kind::Disk | Kind::Budget) => error,
            had => return had,
        };
        for other in &self.image.image.fallbacks {
            match self.fetch_proven(other).await {
                Ok(mut whole) => {
                    let note = format!(
                        "downloaded from another URL, because the first failed: {}",
                        first.message
                    );
                    whole.notes.insert(0, note);
                    return Ok(whole);
                }
                Err(error) => {
                    let other = http::without_secrets(other);
                    let message = format!("{}; {other}: {}", first.message, error.message);
                    first = Error {
                        message,
                        ..more_hopeful(first, error)
                    };
                }
            }
        }
        Err(first)
    }

    /// Fetches from the image service, by regions if need be, what its server does not give in one answer to a request that
    /// is all there is of an image: servers cap answers, and some do not know all words for regions.
    ///
    /// # Errors
    /// The error of the request, with that of the service.
    pub(super) async fn fetch_part(&self, url: &str, error: Error) -> Result<Fetched, Error> {
        let Some(request) = QuotedRequest::parse(url) else {
            return Err(error);
        };
        let is_in_words = request.region == "square" || request.region.starts_with("pct:");
        let may_be_had = match error.kind {
            Kind::WrongSize => true,
            Kind::NotFound | Kind::Status | Kind::Unsupported => is_in_words,
            _ => false,
        };
        let size = match may_be_had {
            true => self.size_of_service(request.base).await,
            false => None,
        };
        let Some((size, part)) = size.and_then(|size| Some((size, request.part_in_full(size)?)))
        else {
            return Err(error);
        };
        let service = Service {
            region: Some(part).filter(|part| *part != [0, 0, size[0], size[1]]),
            ..Service::of_request(&request)
        };
        let resumed = self.resume().await;
        let fetched = self.fetch_service(&service, resumed).await;
        fetched.map_err(|other| Error {
            message: format!("{}; from its service: {}", error.message, other.message),
            ..more_hopeful(error, other)
        })
    }

    /// Fetches the image by its own URL where its service cannot give it: the file must have the size that the source
    /// declares.
    ///
    /// # Errors
    /// The error of the service, with that of the URL.
    async fn fetch_own_url(&self, service: &Service, error: Error) -> Result<Fetched, Error> {
        let image = &self.image.image;
        // A document may quote a request for a smaller image; what a table quotes is what is wanted.
        let is_wanted = |url: &&String| match QuotedRequest::parse(url) {
            _ if self.image.source.kind == "table" => true,
            Some(request) => image.declared().is_some() || request.is_full_size(),
            None => true,
        };
        // Of a part of an image, other URLs than requests for it may be all of the image.
        let is_part =
            |url: &&String| service.region.is_none() || QuotedRequest::parse(url).is_some();
        let url = image.url.as_ref().filter(is_wanted).filter(is_part);
        let Some(url) = url.filter(|_| is_of_service(error.kind)) else {
            return Err(error);
        };
        // A region that reaches beyond the edge ends there (Image API 3.0, section 4.1).
        let of_service = match QuotedRequest::parse(url) {
            Some(request) if image.declared().is_none() => self.size_of_service(request.base).await,
            _ => None,
        };
        let known = KnownSize {
            declared: image.declared(),
            service: of_service,
        };
        match self.fetch_file(url, known).await {
            Ok(whole) => Ok(Fetched::Whole(Whole {
                notes: vec![format!(
                    "taken from the URL of the image, because its service cannot be used: {}",
                    error.message
                )],
                ..whole
            })),
            Err(other) => {
                let message = format!("{}; its own URL: {}", error.message, other.message);
                Err(Error {
                    message,
                    ..more_hopeful(error, other)
                })
            }
        }
    }

    /// Fetches a plain file. What is requested of an image service has to have the size requested.
    async fn fetch_proven(&self, url: &str) -> Result<Whole, Error> {
        let request = QuotedRequest::parse(url).filter(|r| r.needs_size_of_image());
        let service = match request {
            // Without its info.json there is nothing to compare with.
            Some(request) => self.size_of_service(request.base).await,
            None => None,
        };
        let known = KnownSize {
            declared: None,
            service,
        };
        let mut whole = self.fetch_file(url, known).await?;
        // What is requested of a service in another size is had in that.
        let declared = self.image.image.declared();
        let declared = declared.filter(|_| QuotedRequest::parse(url).is_none());
        let found = [whole.sound.header.width, whole.sound.header.height];
        let scaling = self.to.output.scaling;
        let smaller =
            declared.and_then(|declared| words_if_smaller("file", found, declared, scaling));
        whole.notes.extend(smaller);
        Ok(whole)
    }

    /// Width and height of the image of a service, where its `info.json` can be read.
    async fn size_of_service(&self, base: &str) -> Option<[u32; 2]> {
        let servers = self.to.servers;
        let admission = servers.admissions.of(&servers.client, base, &self.log);
        let admission = admission.await.ok()?;
        Some([admission.info.width, admission.info.height])
    }

    /// Fetches a plain file, of the size that is known. Where it is what is wanted, the thread that verifies it also gives
    /// it its final name.
    async fn fetch_file(&self, url: &str, known: KnownSize) -> Result<Whole, Error> {
        let request = Request {
            check_start: Some(match self.to.keeps_unread {
                true => check_start_of_any_image,
                false => check_start,
            }),
            ..Request::image(url, self.to.max_bytes.saturating_mul(TIFF_FACTOR)).logged(&self.log)
        };
        let check = async |_: &SavedResponse| {
            let declared = self.image.image.sha256.clone();
            let (keep, most, least) = (self.keeper(), self.to.max_bytes, self.to.min_size);
            let requested = url.to_owned();
            let verified = verify(&self.part, move |sound| {
                if sound.bytes > most && sound.header.media_type != "image/tiff" {
                    return Err(Error::too_large(most));
                }
                check_min_size([sound.header.width, sound.header.height], least)?;
                check_sha256(&sound, declared.as_deref())?;
                check_size(&sound, &requested, known)?;
                keep(&sound)?;
                Ok(sound)
            })
            .await;
            verified.map_err(|error| self.keep_unread(error))
        };
        let client = &self.to.servers.client;
        let (saved, sound) = client.save(&request, &self.part, check).await?;
        Ok(Whole {
            method: "bytes",
            uri: url.to_owned(),
            saved,
            sound,
            notes: Vec::new(),
        })
    }

    /// Keeps a file that cannot be decoded beside the images, if the user wants that.
    fn keep_unread(&self, error: Error) -> Error {
        if error.kind != Kind::Unsupported || !self.to.keeps_unread || error.is_too_large() {
            return error;
        }
        let name = source_uri(self.image).unwrap_or_default();
        let name = name.split(['?', '#']).next().unwrap_or_default();
        let suffix = name.rsplit_once('.').map_or("bin", |(_, suffix)| suffix);
        let suffix = match suffix.len() {
            1..=4 => suffix,
            _ => "bin",
        };
        let stem = self.to.naming.stem(self.image);
        let suffix = SafeName::readable(suffix);
        let path = format!("unread/{stem}.{}", suffix.as_str());
        match self.part.publish(&self.to.folder.work.join(&path)) {
            Ok(()) => Error {
                message: words::kept_unread(&error.message, &path),
                ..error
            },
            Err(e) => Error::disk(e.line()),
        }
    }
}

/// Of the errors of two ways to one image the one that another run may not meet, else the first.
fn more_hopeful(first: Error, other: Error) -> Error {
    match other.kind.may_pass() && !first.kind.may_pass() {
        true => other,
        false => first,
    }
}

/// Whether an error says something about the service of an image and not about its host, its owner or this computer.
fn is_of_service(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::NotFound
            | Kind::Forbidden
            | Kind::Status
            | Kind::Server
            | Kind::WrongSize
            | Kind::NotAnImage
            | Kind::Truncated
            | Kind::Damaged
            | Kind::Info
            | Kind::Network
            | Kind::Protocol
            | Kind::Timeout
            | Kind::Unsupported
    )
}
