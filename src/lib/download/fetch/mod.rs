//! The journey of one image, from its server to its final name and its line in the journal.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::checks::check_min_size;
use super::destination::{Destination, Earlier};
use super::names::{self, Naming, OutputFolder, source_uri};
use super::network::Servers;
use super::options::{Keeping, OutputOptions};
use super::service::Fetched;
use super::service::plan::{Sample, output_size};
use super::service::region_store::RegionStore;
use super::state::journal::Journal;
use crate::contracts::{Download, LocalizedImage};
use crate::files::Part;
use crate::http::{Error, RequestLog};
use crate::pixels::row_writers::Encoding;
use crate::pixels::{Header, VerifiedFile};
use crate::progress::RegionCounter;

mod output;
mod ways;

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

/// The path of an image in the output folder.
fn path_of(stem: &str, sound: &VerifiedFile) -> String {
    format!("{stem}.{}", sound.header.suffix())
}
