//! The options of `recto-digest`, and what follows from them.

use std::path::PathBuf;

use super::boxes;
use super::document_limits::DocumentLimits;
use super::filter::{self, Filter};
use crate::conditions::Condition;
use crate::error::Error;
use crate::files::SafeName;
use crate::report::Common;
use crate::sources::boxes::BoxesOptions;
use crate::sources::fathomnet::{FathomNet, FathomNetOptions};
use crate::sources::iiif::Iiif;
use crate::sources::m3::{M3, M3Options, config};
use crate::sources::table::{Table, TableOptions};
use crate::sources::{self, ConceptOptions, Source, TextOptions};
use crate::workers::ShardChoice;
use crate::{files, http};

/// Options of `recto-digest`. [`Stage::parse`](crate::report::Stage::parse) makes them from arguments.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Kind of the source that describes the images
    #[arg(value_name = "SOURCE", value_parser = clap::builder::PossibleValuesParser::new(sources::ALL))]
    pub source: String,
    /// Documents to start from: URLs, files, or - for standard input; for m3 and fathomnet: concepts; for coco, yolo, voc,
    /// via and labelstudio also folders
    #[arg(value_name = "URL|FILE|CONCEPT", required_unless_present = "concept")]
    pub inputs: Vec<String>,
    /// Write the digest to FILE (- for standard output) [default for m3 and fathomnet: CONCEPT_digest.json, with
    /// --descendants CONCEPT_desc_digest.json]
    #[arg(short, long, value_name = "FILE", required_if_eq_any([
        ("source", "iiif"), ("source", "table"), ("source", "coco"), ("source", "yolo"), ("source", "voc"),
        ("source", "via"), ("source", "labelstudio"),
    ]))]
    pub output: Option<PathBuf>,
    /// Keep images if the label of the image, canvas or manifest matches; upper and lower case are the same
    /// (repeatable: any of them)
    #[arg(long, value_name = "REGEX", value_parser = filter::label)]
    pub label: Vec<regex::Regex>,
    /// Keep images by metadata, or by label, manifest, canvas, group, rights, id, url, service; keep boxes by
    /// box.width, box.height, box.x, box.y, box.concept, box.id and box.ATTRIBUTE. Write KEY=VALUE, KEY!=VALUE,
    /// KEY~REGEX, or KEY with <, <=, >, >= and a number or a date: depth_meters>=500, recorded_timestamp<2020
    /// (repeatable: all of them)
    #[arg(long = "where", value_name = "KEY=VALUE", value_parser = Condition::parse)]
    pub conditions: Vec<Condition>,
    /// Copy the corrections in a file by `recto-serve --review` into the digest, if they are of images that are kept;
    /// `recto-extract` applies them (repeatable: files are read in order)
    #[arg(long, value_name = "FILE")]
    pub review: Vec<PathBuf>,
    /// Keep only the first N images
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// Keep fetched documents in DIR, and fetch them again only if they have changed
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Read a stream of activities (IIIF Change Discovery) back to --since: documents in --cache that it does not say to have
    /// changed afterwards are used without a request (repeatable; iiif). A stream may be an input too: then its resources
    /// are read
    #[arg(long, value_name = "URL", requires = "cache", requires = "since")]
    pub activities: Vec<String>,
    /// When the cache was last filled, a date or a time in RFC 3339, such as 2026-03-01: what changed before is not asked for
    /// again, as far as --activities and streams among the inputs tell (iiif)
    #[arg(long, value_name = "TIME", requires = "cache", value_parser = since)]
    pub since: Option<jiff::Timestamp>,
    /// Write to FILE which documents the digest was made from: URL, ETag, size and SHA-256 of each, and the command.
    /// Entries in FILE for other digests and for images are kept [default FILE: recto.lock]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "recto.lock",
        conflicts_with = "shard")]
    pub lock: Option<PathBuf>,
    /// Compare the documents with FILE, which --lock wrote: those of --cache that have its bytes are used without a
    /// request, others are listed in --changes, and the exit code is 3 [default FILE: recto.lock]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "recto.lock",
        conflicts_with_all = ["lock", "shard"])]
    pub locked: Option<PathBuf>,
    /// With --locked, list the documents that are new, changed or gone in FILE [default: the output's name with .changes.csv]
    #[arg(long, value_name = "FILE", requires = "locked")]
    pub changes: Option<PathBuf>,
    /// Largest document that is read, in MB (10⁶ bytes), after decompression; larger ones are rejected. Documents whose JSON would
    /// take more than 8 times as much memory are rejected too [default: 64; 1000 for tables and boxes]
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub max_document: Option<u64>,
    /// Fetch only part I of N of the documents, I from 0 to N-1, into --cache, and write no digest: for N workers. With one
    /// input, every worker reads the collections and each manifest is fetched by one worker; with several, each input is
    /// fetched by one worker. The rate limit of each host is divided among the workers. With their caches in one folder,
    /// the same command with --offline instead of --shard writes the digest that one worker would write. auto: as
    /// recto-download --shard (iiif)
    #[arg(long, value_name = "I/N|auto", requires = "cache", conflicts_with_all = ["limit", "offline"])]
    pub shard: Option<ShardChoice>,
    /// Do not use the network: read only files and the cache
    #[arg(long)]
    pub offline: bool,
    /// Documents read at the same time [default: 8; 16 for m3]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// Write the list of records that were left out to FILE [default: the output's name with .rejects.csv; none with -o -]
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// Do not fetch annotations in documents of their own (iiif)
    #[arg(long)]
    pub no_annotations: bool,
    #[command(flatten)]
    #[allow(missing_docs)] // A comment would stand in --help.
    pub common: Common,
    #[command(flatten)]
    #[allow(missing_docs)] // A comment would stand in --help.
    pub table: TableOptions,
    #[command(flatten)]
    #[allow(missing_docs)] // A comment would stand in --help.
    pub text: TextOptions,
    #[command(flatten)]
    #[allow(missing_docs)] // A comment would stand in --help.
    pub boxes: BoxesOptions,
    #[command(flatten)]
    #[allow(missing_docs)] // A comment would stand in --help.
    pub concepts: ConceptOptions,
    #[command(flatten)]
    #[allow(missing_docs)] // A comment would stand in --help.
    pub m3: M3Options,
    #[command(flatten)]
    #[allow(missing_docs)] // A comment would stand in --help.
    pub fathomnet: FathomNetOptions,
    #[command(flatten)]
    #[allow(missing_docs)] // A comment would stand in --help.
    pub http: http::Options,
}

impl Options {
    /// Refuses options of other sources.
    ///
    /// # Errors
    /// An option belongs to another source.
    pub(super) fn refuse_foreign(&self) -> Result<(), Error> {
        let Some(option) = self.foreign() else {
            return Ok(());
        };
        let other = format!("{option} is not an option of the source {}", self.source);
        Err(Error::usage(other).hint("`recto-digest --help` lists the options of each source"))
    }

    /// The source that the options describe; `services` are those of m3.
    ///
    /// # Errors
    /// An option belongs to another source, or one is missing.
    pub(super) fn source(
        &self,
        services: Option<config::ServiceUrls>,
    ) -> Result<Box<dyn Source>, Error> {
        self.refuse_foreign()?;
        let inputs = self.inputs();
        Ok(match (self.source.as_str(), services) {
            ("table", _) => Box::new(Table {
                inputs,
                options: self.table.clone(),
                max_bytes: self.max_document_bytes(),
            }),
            (_, Some(services)) => Box::new(M3::new(
                inputs,
                self.concepts.clone(),
                services,
                self.m3.clone(),
            )?),
            ("fathomnet", _) => Box::new(FathomNet {
                concepts: inputs,
                query: self.concepts.clone(),
                options: self.fathomnet.clone(),
            }),
            ("iiif", _) => Box::new(Iiif {
                inputs,
                no_annotations: self.no_annotations,
                text: self.text.choice(),
                granularity: self.text.text_granularity.clone(),
            }),
            (kind, _) => Box::new(boxes::source(
                kind,
                &inputs,
                &self.boxes,
                self.max_document_bytes(),
            )?),
        })
    }

    /// The first option on the command line that belongs to another source.
    fn foreign(&self) -> Option<&'static str> {
        let options = [
            (&["table"][..], self.table.given()),
            (&["iiif"], self.no_annotations.then_some("--no-annotations")),
            (&["iiif"], self.since.map(|_| "--since")),
            (&["iiif"], self.shard.map(|_| "--shard")),
            (&["iiif", "table"], self.text.common_given()),
            (&["m3", "fathomnet"], self.concepts.given()),
            (&["m3"], self.m3.given()),
            (&["fathomnet"], self.fathomnet.given()),
        ];
        let of_others = options
            .into_iter()
            .filter(|(of, _)| !of.contains(&self.source.as_str()));
        let given = of_others.into_iter().find_map(|(_, given)| given);
        given.or_else(|| self.boxes.foreign_to(&self.source))
    }

    /// The configuration file of m3: the one named, else that of m3-download where it lies here.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn config_file(&self) -> Result<Option<config::File>, Error> {
        let named = self.m3.config.clone();
        let default_file = || {
            let path = PathBuf::from(config::DEFAULT_FILE);
            let is_set = self.m3.anno.is_some() || self.m3.raziel.is_some();
            (!is_set && files::is_there(&path)).then_some(path)
        };
        match named.or_else(default_file) {
            None => Ok(None),
            // That of raziel.
            Some(path) if sources::is_url(&path.display().to_string()) => Ok(None),
            Some(path) => Ok(Some((path.display().to_string(), files::read(&path)?))),
        }
    }

    /// The inputs, as arguments or with --concept.
    pub(super) fn inputs(&self) -> Vec<String> {
        let given = self.inputs.iter().chain(&self.concepts.concept);
        given.cloned().collect()
    }

    /// The file of the digest, by default named after the concepts.
    pub(super) fn output(&self) -> PathBuf {
        let default_name = || self.default_output();
        self.output.clone().unwrap_or_else(default_name)
    }

    /// The name of a digest of concepts: `Nanomia_bijuga_digest.json`, `Nanomia_desc_digest.json`.
    fn default_output(&self) -> PathBuf {
        let concepts = self.inputs().join("_");
        let stem = match concepts.len() <= SafeName::MOST {
            true => SafeName::readable(&concepts),
            false => SafeName::unique(&concepts),
        };
        let below = if self.concepts.descendants {
            "_desc"
        } else {
            ""
        };
        format!("{}{below}_digest.json", stem.as_str()).into()
    }

    /// Options of the HTTP client. Servers of m3 are the user's own and are used without rate limits.
    pub(super) fn http(&self) -> http::Options {
        match self.source.as_str() {
            "m3" => self.http.for_own_servers(),
            _ => self.http.clone(),
        }
    }

    /// How many documents are read at the same time.
    pub(super) fn jobs(&self) -> usize {
        let default_jobs = if self.source == "m3" { 16 } else { 8 };
        self.jobs.unwrap_or(default_jobs).into()
    }

    fn max_document_bytes(&self) -> u64 {
        let default = match self.source.as_str() {
            "iiif" | "m3" | "fathomnet" => 64,
            _ => 1000,
        };
        self.max_document.unwrap_or(default) * 1_000_000
    }

    /// How large documents may be.
    pub(super) fn document_limits(&self, source: &dyn Source) -> DocumentLimits {
        DocumentLimits::new(self.max_document_bytes(), source.reads_trees())
    }

    /// The filters.
    pub(super) fn filter(&self) -> Filter {
        Filter {
            labels: self.label.clone(),
            conditions: self.conditions.clone(),
        }
    }

    /// Whether it is noted which documents are read.
    pub(super) fn notes_documents(&self) -> bool {
        self.lock.is_some() || self.locked.is_some()
    }

    /// The list of documents that are not as the lock says.
    pub(super) fn changes(&self) -> PathBuf {
        let output = self.output();
        let beside = || match files::is_dash(&output) {
            true => "changes.csv".into(),
            false => output.with_extension("changes.csv"),
        };
        self.changes.clone().unwrap_or_else(beside)
    }

    /// The file of the rejects, if there is one.
    pub(super) fn rejects_file(&self) -> Option<PathBuf> {
        let output = self.output();
        let beside = || (!files::is_dash(&output)).then(|| output.with_extension("rejects.csv"));
        self.rejects.clone().or_else(beside)
    }
}

fn since(text: &str) -> Result<jiff::Timestamp, String> {
    sources::iiif::change_discovery::timestamp(text).ok_or_else(|| {
        "write a date (2026-03-01) or a time with its offset (2026-03-01T12:00:00Z)".into()
    })
}
