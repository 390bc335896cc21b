//! The journey of one image, from its server to its final name and its line in the journal.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::checks::{
    KnownSize, TIFF_FACTOR, check_min_size, check_sha256, check_size, check_start,
    check_start_of_any_image, is_of, words_if_smaller,
};
use super::destination::{Destination, Earlier};
use super::encode::{decode_and_encode, join, loss_note, re_encode};
use super::names::{self, Naming, OutputFolder, source_uri};
use super::network::Servers;
use super::options::{Format, Keeping, Lossless, OutputOptions, Tiles};
use super::service::lossless::{Joined, fits_jpeg};
use super::service::plan::{RegionPlan, Sample, output_size};
use super::service::region_store::RegionStore;
use super::service::verify::verify;
use super::service::{self, Fetched, Wanted, Whole, grid};
use super::state::journal::Journal;
use super::state::words;
use crate::contracts::{Download, LocalizedImage, SampledRegion, Service};
use crate::files::{self, Part, SafeName};
use crate::http::{self, Error, Kind, Request, RequestLog, SavedResponse};
use crate::iiif::QuotedRequest;
use crate::pixels::row_writers::{Encoding, JPEG_LONGEST};
use crate::pixels::{Header, VerifiedFile};
use crate::progress::RegionCounter;

/// Downloads images; shared by all that are in progress.
pub struct Downloader<'a> {
    /// Where images come from.
    pub servers: &'a Servers,
    /// Where they go.
    pub folder: &'a OutputFolder,
    /// What files they become.
    pub output: OutputOptions,
    /// Where finished ones are noted.
    pub journal: &'a Journal,
    /// How they are kept.
    pub keeping: Keeping,
    /// How they are named.
    pub naming: &'a Naming,
    /// Paths at which files of others stood, which were moved.
    pub moved: Arc<Mutex<Vec<String>>>,
    /// The most bytes of a file, but for TIFF.
    pub max_bytes: u64,
    /// The fewest pixels of a side.
    pub min_size: u32,
    /// Whether files of types that cannot be decoded are kept.
    pub keeps_unread: bool,
    /// Whether files that are replaced are kept.
    pub keeps_versions: bool,
    /// Counts regions.
    pub regions: &'a RegionCounter,
}

/// An image that is in its place and in the journal.
pub struct Finished {
    /// Its line.
    pub download: Download,
    /// Where that line begins in the journal, in bytes.
    pub line: u64,
    /// Whether the file of an earlier download had another suffix, and was moved away.
    pub is_old_moved: bool,
}

impl Downloader<'_> {
    /// Downloads an image. `own` is what an earlier download left: it alone may be overwritten.
    ///
    /// # Errors
    /// Why it could not be downloaded, with the number of requests it took.
    pub async fn download(
        &self,
        image: &LocalizedImage,
        own: Option<Earlier>,
        log: RequestLog,
    ) -> Result<Finished, Error> {
        let journey = Journey::new(self, image, own, log);
        let finished = journey.run().await;
        let (client, uri) = (&self.servers.client, source_uri(image).unwrap_or_default());
        match &finished {
            Ok(_) => client.succeeded(uri, &journey.log),
            Err(error) => client.failed(uri, &journey.log, error),
        }
        finished.map_err(|error| error.with_attempts(journey.log.requests()))
    }
}

/// One image on its way.
struct Journey<'a> {
    to: &'a Downloader<'a>,
    image: &'a LocalizedImage,
    /// What an earlier download left.
    own: Option<Earlier>,
    /// What is requested: the key under which its files in progress and its journal line are found again.
    request: String,
    /// The files in progress, without suffix.
    work: PathBuf,
    /// The answer that is the whole image.
    part: Part,
    /// What is noted of the region that a later run asks about.
    sampled: Mutex<Sample>,
    log: RequestLog,
}

/// A file that only needs its final name, and what is discarded when it has it.
struct Ready {
    part: Part,
    download: Download,
    leftover: Option<Leftover>,
}

enum Leftover {
    Part(Part),
    Store(Arc<RegionStore>),
}

impl<'a> Journey<'a> {
    fn new(
        to: &'a Downloader<'a>,
        image: &'a LocalizedImage,
        own: Option<Earlier>,
        log: RequestLog,
    ) -> Self {
        let request = to.output.request_for(image);
        let work = to.folder.work.join(names::work(&image.id, &request));
        Journey {
            to,
            image,
            own,
            part: Part::new(work.with_extension("part")),
            request,
            work,
            sampled: Mutex::default(),
            log,
        }
    }

    /// The steps, in their order. `service` plans and verifies region by region; a plain file is verified whole.
    async fn run(&self) -> Result<Finished, Error> {
        let fetched = match (&self.image.image.service, &self.image.image.url) {
            (Some(service), _) => self.fetch_largest(service).await?,
            (None, Some(url)) => match self.fetch_one_of(url).await {
                Err(error) => self.fetch_part(url, error).await?,
                Ok(whole) => Fetched::Whole(whole),
            },
            (None, None) => {
                return Err(Error::unsupported(
                    "the image has neither a service nor a URL",
                ));
            }
        };
        let size = match &fetched {
            Fetched::Whole(whole) => [whole.sound.header.width, whole.sound.header.height],
            Fetched::Regions { store, .. } => store.plan().size,
        };
        check_min_size(size, self.to.min_size)?;
        let ready = match fetched {
            Fetched::Whole(whole) => self.keep_or_re_encode(whole).await?,
            Fetched::Regions { store, notes } => self.assemble(Arc::new(store), notes).await?,
        };
        self.publish(&ready).await?;
        let Ready {
            part,
            download,
            leftover,
        } = ready;
        let finished = self.enter_in_journal(download, &part).await?;
        self.discard(part, leftover).await;
        Ok(finished)
    }

    /// The regions that an earlier run fetched. They are read off the network's thread: there may be gigabytes.
    async fn resume(&self) -> Option<RegionStore> {
        if self.to.output.restarts {
            return None;
        }
        let (path, request) = (self.store_path(), self.request.clone());
        let resume = move || RegionStore::resume(&path, &request);
        // If they cannot be read for any reason, they are requested again.
        tokio::task::spawn_blocking(resume).await.ok().flatten()
    }

    fn store_path(&self) -> PathBuf {
        self.work.with_extension("pack")
    }

    /// Fetches from an image service, or by the image's own URL: where the service has fewer pixels than the source declares,
    /// such as one for thumbnails, the file that has them comes first.
    async fn fetch_largest(&self, service: &Service) -> Result<Fetched, Error> {
        let image = &self.image.image;
        let size = match (service.region, image.declared()) {
            (None, Some(declared)) => self.size_of_service(&service.id).await.zip(Some(declared)),
            _ => None,
        };
        let scaling = self.to.output.scaling;
        let smaller = size.and_then(|(found, declared)| words_if_smaller(found, declared, scaling));
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
    async fn fetch_one_of(&self, url: &str) -> Result<Whole, Error> {
        let mut first = match self.fetch_proven(url).await {
            Err(error) if !matches!(error.kind, Kind::Disk | Kind::Budget) => error,
            had => return had,
        };
        for other in &self.image.image.fallbacks {
            match self.fetch_proven(other).await {
                Ok(whole) => {
                    let note = format!(
                        "downloaded from another URL, because the first failed: {}",
                        first.message
                    );
                    return Ok(Whole {
                        notes: vec![note],
                        ..whole
                    });
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
    async fn fetch_part(&self, url: &str, error: Error) -> Result<Fetched, Error> {
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
        self.fetch_file(url, known).await
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

    /// Gives an answer its final name where it is what is wanted.
    fn keeper(&self) -> impl FnOnce(&VerifiedFile) -> Result<(), Error> + Send + use<> {
        let (output, part) = (self.to.output, self.part.clone());
        let (to, stem) = (self.destination(), self.to.naming.stem(self.image));
        move |sound| match re_encoding(&output, &sound.header) {
            None => to.publish(&part, &path_of(&stem, sound), &sound.sha256),
            Some(_) => Ok(()),
        }
    }

    fn destination(&self) -> Destination {
        Destination {
            folder: self.to.folder.clone(),
            keeping: self.to.keeping,
            own: self.own.clone(),
            keeps_versions: self.to.keeps_versions,
            moved: self.to.moved.clone(),
        }
    }

    /// One answer: kept as it is, or re-encoded where another type or size is wanted.
    async fn keep_or_re_encode(&self, whole: Whole) -> Result<Ready, Error> {
        let header = &whole.sound.header;
        let Some((encoding, size)) = re_encoding(&self.to.output, header) else {
            let download = self.entry(whole.method, &whole.uri, &whole.sound, 1, whole.notes);
            return Ok(Ready {
                part: self.part.clone(),
                download: Download {
                    etag: whole.saved.etag(),
                    last_modified: whole.saved.last_modified(),
                    redirected_to: redirected_to(&whole.saved.url, &whole.uri),
                    ..download
                },
                leftover: None,
            });
        };
        self.check_lossless(Some(
            "the server sent another file type or size than requested",
        ))?;
        let mut notes = whole.notes;
        notes.extend(loss_note(header));
        let output = self.output_part();
        let path = output.path().to_owned();
        let sound = re_encode(&self.part, header.orientation, size, encoding, path).await?;
        Ok(Ready {
            part: output,
            download: self.entry("encoded", &whole.uri, &sound, 1, notes),
            leftover: Some(Leftover::Part(self.part.clone())),
        })
    }

    /// Regions: joined without decoding where possible, otherwise decoded and re-encoded.
    async fn assemble(
        &self,
        store: Arc<RegionStore>,
        mut notes: Vec<String>,
    ) -> Result<Ready, Error> {
        if let Some(why) = self.re_encoding_reason(store.plan()) {
            self.check_lossless(Some(why))?;
            return self.re_encode_regions(store, notes).await;
        }
        let output = self.output_part();
        let may_be_tiff = self.to.output.format != Format::Jpg;
        let (how, sound) = match join(store.clone(), may_be_tiff, output.path().to_owned()).await? {
            Ok(joined) => joined,
            Err(why) => {
                let refused = format!("the regions cannot be joined: {why}");
                self.check_lossless(Some(&refused))?;
                notes.push(format!("regions decoded and re-encoded: {why}"));
                return self.re_encode_regions(store, notes).await;
            }
        };
        let method = match how {
            Joined::Jpeg => "joined",
            Joined::Coefficients => "joined-coefficients",
            Joined::Tiff => "tiled",
        };
        Ok(self.of_regions(method, output, sound, store, notes))
    }

    async fn re_encode_regions(
        &self,
        store: Arc<RegionStore>,
        mut notes: Vec<String>,
    ) -> Result<Ready, Error> {
        let plan = store.plan();
        let size = output_size(plan.size, self.to.output.scaling);
        let usual = match plan.dialect.format == "png" {
            true => Encoding::Png,
            false => Encoding::Jpeg,
        };
        let mut encoding = self.to.output.format.encoding().unwrap_or(usual);
        if encoding == Encoding::Jpeg && size[0].max(size[1]) > JPEG_LONGEST {
            encoding = Encoding::Tiff;
            notes.push(format!(
                "a JPEG cannot hold {} x {} pixels: written as TIFF",
                size[0], size[1]
            ));
        }
        notes.extend(store.sample().as_ref().and_then(loss_note));
        let output = self.output_part();
        let path = output.path().to_owned();
        let sound = decode_and_encode(store.clone(), size, encoding, path).await?;
        Ok(self.of_regions("stitched", output, sound, store, notes))
    }

    fn of_regions(
        &self,
        method: &str,
        part: Part,
        sound: VerifiedFile,
        store: Arc<RegionStore>,
        notes: Vec<String>,
    ) -> Ready {
        let plan = store.plan();
        let regions = grid::count(plan.size, plan.tile) as u32;
        let download = self.entry(method, &plan.service, &sound, regions, notes);
        let sample = self.sampled.lock().unwrap_or_else(PoisonError::into_inner);
        let redirected_to = sample.redirected_to.clone();
        drop(sample);
        Ready {
            part,
            download: Download {
                redirected_to,
                region: sampled(&store, &self.sampled),
                ..download
            },
            leftover: Some(Leftover::Store(store)),
        }
    }

    fn output_part(&self) -> Part {
        Part::new(self.work.with_extension("out"))
    }

    /// Why regions are re-encoded whatever they are, by the options or by what the server gives; none when they may be
    /// joined.
    fn re_encoding_reason(&self, plan: &RegionPlan) -> Option<&'static str> {
        let output = &self.to.output;
        let shrinks = output_size(plan.size, output.scaling) != plan.size;
        match output.format {
            _ if output.lossless == Lossless::Off => Some("--lossless off"),
            Format::Png | Format::Tif => Some("only JPEG regions are joined without decoding them"),
            _ if shrinks => Some("the requested size is smaller than the joined regions"),
            _ if plan.dialect.format != "jpg" => Some("the server does not offer JPEG"),
            Format::Jpg if !fits_jpeg(plan.size) => Some("the image is too large for a JPEG"),
            _ => None,
        }
    }

    /// The error of an image that has to be re-encoded although `--lossless require` forbids it.
    fn check_lossless(&self, reason: Option<&str>) -> Result<(), Error> {
        match reason.filter(|_| self.to.output.lossless == Lossless::Require) {
            Some(why) => Err(Error::unsupported(format!("--lossless require: {why}"))),
            None => Ok(()),
        }
    }

    /// The line of the journal, but for the time and the number of requests.
    fn entry(
        &self,
        method: &str,
        uri: &str,
        sound: &VerifiedFile,
        regions: u32,
        notes: Vec<String>,
    ) -> Download {
        Download {
            recto: Download::NAME.into(),
            id: self.image.id.clone(),
            path: path_of(&self.to.naming.stem(self.image), sound),
            uri: http::without_secrets(uri).into_owned(),
            bytes: sound.bytes,
            sha256: sound.sha256.clone(),
            width: sound.header.width,
            height: sound.header.height,
            media_type: sound.header.media_type.into(),
            method: method.into(),
            regions,
            notes,
            asked: self.request.clone(),
            ..Download::default()
        }
    }

    /// Gives the file its final name. Waiting for the disk is done beside the async workers: many images wait together.
    async fn publish(&self, ready: &Ready) -> Result<(), Error> {
        if ready.part.is_published() {
            return Ok(());
        }
        let (to, part, path, sha256) = (
            self.destination(),
            ready.part.clone(),
            ready.download.path.clone(),
            ready.download.sha256.clone(),
        );
        let publish = move || to.publish(&part, &path, &sha256);
        let published = tokio::task::spawn_blocking(publish).await;
        published.unwrap_or_else(|e| Err(Error::disk(e.to_string())))
    }

    /// Removes what is not needed any more.
    async fn discard(&self, part: Part, leftover: Option<Leftover>) {
        let discard = move || {
            // Its bytes are in a pack.
            if !part.is_published() {
                part.discard();
            }
            match leftover {
                None => {}
                Some(Leftover::Part(part)) => part.discard(),
                // May be gigabytes.
                Some(Leftover::Store(store)) => store.discard(),
            }
        };
        // If it fails, the end of the run removes it.
        let _ = tokio::task::spawn_blocking(discard).await;
    }

    /// Notes a file that has its final name, or a part that goes into a pack.
    async fn enter_in_journal(
        &self,
        mut download: Download,
        part: &Part,
    ) -> Result<Finished, Error> {
        let ignored = self.log.ignored_opt_out();
        download.notes.extend(ignored.map(|declared| {
            format!("downloaded although its owner opts out of text and data mining ({declared})")
        }));
        download.attempts = self.log.requests();
        download.when = jiff::Timestamp::now().to_string();
        let part = (!part.is_published()).then(|| part.clone());
        let noted = self.to.journal.append(download, part).await;
        let (line, download) = noted.map_err(|e| {
            let journal = self.to.folder.path.join(Journal::NAME);
            Error::disk(format!("{}: cannot be written: {e}", journal.display()))
        })?;
        let (to, path) = (self.destination(), download.path.clone());
        let settle = move || to.settle(&path);
        let is_old_moved = tokio::task::spawn_blocking(settle).await.unwrap_or(false);
        Ok(Finished {
            download,
            line,
            is_old_moved,
        })
    }
}

/// Where redirects led, for the journal; none where the URL requested answered.
fn redirected_to(answered: &str, requested: &str) -> Option<String> {
    (answered != requested).then(|| http::without_secrets(answered).into_owned())
}

/// The region by which a later run sees whether an image has changed.
fn sampled(store: &RegionStore, sample: &Mutex<Sample>) -> Option<SampledRegion> {
    let plan = store.plan();
    let cell = plan.sample()?;
    let bytes = store.read(cell).ok()?;
    let sample = sample.lock().unwrap_or_else(PoisonError::into_inner);
    Some(SampledRegion {
        uri: plan.uri(cell),
        sha256: files::hex_digest(&bytes, 64),
        etag: sample.etag.clone(),
        last_modified: sample.last_modified.clone(),
        size: sample.size,
    })
}

/// What an answer is re-encoded as, and its size in pixels; none where it is what is wanted.
fn re_encoding(output: &OutputOptions, header: &Header) -> Option<(Encoding, [u32; 2])> {
    let stored = [header.width, header.height];
    let size = output_size(stored, output.scaling);
    let wanted = output.format.encoding();
    let target = wanted.filter(|e| e.media_type() != header.media_type);
    let same = || match header.media_type {
        "image/png" => Encoding::Png,
        "image/tiff" => Encoding::Tiff,
        _ => Encoding::Jpeg,
    };
    (target.is_some() || size != stored).then(|| (target.unwrap_or_else(same), size))
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

/// The path of an image in the output folder.
fn path_of(stem: &str, sound: &VerifiedFile) -> String {
    format!("{stem}.{}", sound.header.suffix())
}
