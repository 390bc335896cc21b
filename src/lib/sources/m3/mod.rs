//! MBARI's media management, M3: observations of annosaurus by concept, their pictures and boxes; names and trees
//! of the knowledge base; dives of vampire-squid.
//!
//! Concepts lead to names, names to counts, counts to pages, pages to moments, image references and videos. Which
//! picture of its moment a box is put on is decided when everything is read.

pub mod config;
mod kb;
pub mod list;
mod localizations;
mod pages;
mod pictures;
mod rows;
mod task;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::error::Error;
use crate::sources::names::{self, below, encoded, unknown};
use crate::sources::tree;
use crate::sources::{About, Answer, Concepts, Found, Loss, Request, Source};
use crate::summary::Reject;
use crate::values;
use config::{Services, Setting};
use rows::Row;
use task::Task;

/// Where the services are, and how pictures and labels are chosen.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Source m3")]
pub struct Options {
    /// Where the services are: a TOML file, or the config.ini of m3-download, with a section [m3]
    /// [default: config.ini, if it is there]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<std::path::PathBuf>,
    /// Base URL of annosaurus, such as http://HOST/anno/v1
    #[arg(long, value_name = "URL")]
    pub anno: Option<String>,
    /// Base URL of the knowledge base, such as http://HOST/kb/v1: resolves synonyms, knows descendants and ranks
    #[arg(long, value_name = "URL")]
    pub kb: Option<String>,
    /// Base URL of vampire-squid, such as http://HOST/vam/v1: knows dives, which become groups
    #[arg(long, value_name = "URL")]
    pub vam: Option<String>,
    /// Which picture of a moment its boxes are put on
    #[arg(long, value_name = "RULE", value_enum, default_value_t = Prefer::One)]
    pub prefer: Prefer,
    /// Take pictures with words burnt in where a moment has no other
    #[arg(long)]
    pub overlays: bool,
    /// Name boxes around a part of an animal by the animal alone
    #[arg(long)]
    pub no_parts: bool,
    /// Take boxes too whose numbers have decimals or are texts, or that begin outside of their picture
    #[arg(long)]
    pub mend_boxes: bool,
    /// Read observations of moments without a picture too, so that boxes drawn on video alone are listed as left out;
    /// they may be many times as many
    #[arg(long)]
    pub unpictured: bool,
    /// Keep pictures without boxes too, with their concepts as labels of the whole picture
    #[arg(long)]
    pub unboxed: bool,
}

/// Which picture of a moment its boxes are put on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Prefer {
    /// The one that they name; where they name several of one size, all on one, PNG before JPEG
    #[default]
    One,
    /// Always the one that each box names
    Own,
    /// The PNG of the same size, if there is one
    Png,
    /// The JPEG of the same size, if there is one
    Jpg,
}

impl Options {
    /// The first option given, as users type it.
    pub fn given(&self) -> Option<&'static str> {
        let options = [
            (self.config.is_some(), "--config"),
            (self.anno.is_some(), "--anno"),
            (self.kb.is_some(), "--kb"),
            (self.vam.is_some(), "--vam"),
            (self.prefer != Prefer::One, "--prefer"),
            (self.overlays, "--overlays"),
            (self.no_parts, "--no-parts"),
            (self.mend_boxes, "--mend-boxes"),
            (self.unpictured, "--unpictured"),
            (self.unboxed, "--unboxed"),
        ];
        let mut given = options.into_iter().filter(|(given, _)| *given);
        given.next().map(|(_, name)| name)
    }
}

/// The source `m3`.
#[derive(Debug)]
pub struct M3 {
    /// The concepts asked for, as typed.
    pub concepts: Vec<String>,
    /// What of them.
    pub asked: Concepts,
    /// Where the services are.
    pub services: Services,
    /// How pictures and labels are chosen.
    pub options: Options,
}

impl M3 {
    /// The source; an error when it is asked for what it cannot know.
    pub fn new(
        concepts: Vec<String>,
        asked: Concepts,
        services: Services,
        options: Options,
    ) -> Result<Self, Error> {
        if asked.descendants && services.trees.is_none() {
            return Err(Error::usage("--descendants needs a knowledge base")
                .hint("name it with --kb URL, or `kb` in a file given with -c FILE"));
        }
        Ok(M3 {
            concepts,
            asked,
            services,
            options,
        })
    }
}

impl Source for M3 {
    fn name(&self) -> &'static str {
        "m3"
    }

    fn first(&self) -> Vec<Request> {
        let first = |typed: &String| match &self.services.trees {
            Some(trees) => Task::Entry(typed.clone()).ask(&below(&trees.url, &encoded(typed))),
            None => self.ask_known(typed, &[]),
        };
        self.concepts.iter().map(first).collect()
    }

    fn named(&self) -> Vec<String> {
        self.services
            .all()
            .map(|setting| setting.url.clone())
            .collect()
    }

    fn expects(&self) -> &'static str {
        "JSON"
    }

    fn counts(&self) -> &'static [&'static str] {
        &[
            "names",
            "observations",
            pages::UNPICTURED,
            "moments",
            "boxes",
            "boxes_rejected",
            "images",
        ]
    }

    fn read(&self, answer: &Answer) -> Result<Found, Error> {
        let url = &answer.request.location;
        let task = Task::of(&answer.request);
        let document: Value = match serde_json::from_slice(&answer.bytes) {
            Ok(document) => document,
            Err(e) => {
                let problem = format!("not JSON: {e}");
                return Ok(unreadable(&answer.request, "document", &problem));
            }
        };
        let mut found = Found::default();
        match task {
            Task::Entry(typed) => self.entry(&typed, &document, url, &mut found)?,
            Task::Branch => self.branch(&document, url, &mut found),
            Task::Tree => found.taxa = tree::nodes(&document),
            Task::Names(typed) => {
                let near = names::near(&typed, texts(&document));
                found.next.push(self.ask_known(&typed, &near).after(url));
            }
            Task::Known { typed, near } => self.known(&typed, near, &document, url, &mut found)?,
            Task::Count(name) => {
                let count = document["count"].as_u64();
                found.next = self.plan(&name, count, url);
                let rest = count.filter(|_| !self.options.unpictured);
                let all = rest.map(|pictured| self.ask_count_all(&name, pictured).after(url));
                found.next.extend(all);
            }
            Task::CountAll { pictured } => {
                let all = document["count"].as_u64().unwrap_or(pictured);
                found.count(pages::UNPICTURED, all.saturating_sub(pictured));
            }
            Task::Page { name, span } => return Ok(self.page(&name, &span, &document, answer)),
            Task::Moment => self.moment(&document, url, &mut found),
            Task::Reference { moment, video } => {
                // The flat form tells of which moment it is; the other is believed to be of the one that asked.
                let moment = values::id(&document, &["imaged_moment_uuid"]).unwrap_or(moment);
                found
                    .observations
                    .extend(rows::picture(&document, &moment, video));
            }
            Task::Video(video) => found
                .manifests
                .extend(pictures::about(&document).map(|about| About {
                    manifest: video,
                    ..about
                })),
        }
        Ok(found)
    }

    fn lost(&self, request: &Request, loss: &Loss) -> Result<Option<Found>, Error> {
        let url = &request.location;
        let is_not_there = loss.status == Some(404);
        let instead = |next: Vec<Request>| {
            let next = next.into_iter().map(|request| request.after(url));
            Some(Found {
                next: next.collect(),
                ..Found::default()
            })
        };
        match Task::of(request) {
            Task::Entry(typed) if is_not_there && self.services.kb.is_some() => {
                Ok(instead(self.ask_names(&typed)))
            }
            Task::Entry(_) => Err(self.cannot(url, loss)),
            Task::Names(_) => Err(self.cannot(url, loss)),
            Task::Known { typed, near } => match self.services.kb {
                Some(_) => Err(unknown(&typed, &near)),
                None => Ok(instead(vec![self.ask_count(&typed)])),
            },
            Task::Branch | Task::Tree => Ok(Some(note(format!(
                "ranks are not known to the root: {url}: {}",
                loss.problem
            )))),
            // Beside the point: what cannot be put on a picture.
            Task::CountAll { .. } => Ok(Some(Found::default())),
            Task::Count(name) if !loss.is_of_service => Ok(instead(self.plan(&name, None, url))),
            Task::Page { name, span } if is_not_there && request.body.is_none() => {
                // Some proxies decode `%2F`: then only a name that is no part of the address is found.
                Ok(instead(vec![self.ask_search(&name, span)]))
            }
            Task::Count(_) | Task::Page { .. } if loss.is_of_service || is_not_there => {
                Err(self.cannot(url, loss))
            }
            Task::Reference { moment, video } if is_not_there => {
                let flat = url.rsplit_once("/images/").map(|(_, uuid)| uuid);
                let plain = flat.map(|uuid| self.ask_reference(uuid, &moment, video));
                Ok(instead(plain.into_iter().collect()))
            }
            Task::Video(_) if is_not_there => Ok(Some(note(
                "some videos are not known to vampire-squid: their pictures are grouped by folder"
                    .into(),
            ))),
            _ => Ok(None),
        }
    }

    fn finish(&self, mut found: Found) -> Found {
        self.reconcile(&mut found);
        pictures::choose(found, &self.options)
    }

    fn decides_late(&self) -> bool {
        true
    }

    fn hint(&self, rejects: &[Reject]) -> Option<String> {
        let addresses = rejects.iter().flat_map(|r| [&r.record, &r.input]);
        let mut settings = addresses.filter_map(|url| self.services.behind(url));
        settings.next().map(hint)
    }
}

impl M3 {
    /// A concept and its names, each of which is searched.
    fn entry(
        &self,
        typed: &str,
        document: &Value,
        url: &str,
        found: &mut Found,
    ) -> Result<(), Error> {
        let Some((entry, nodes)) = kb::entry(document, typed) else {
            let what = format!("{url}: is no entry of a knowledge base{}", said(document));
            return Err(self.advise(Error::new(what), url));
        };
        if entry.name.trim() != typed.trim() {
            let news = format!("\"{typed}\" is a name of \"{}\"", entry.name);
            found.notes.push(news);
        }
        let mut searched = entry.own;
        if self.asked.descendants {
            let own: BTreeSet<&String> = searched.iter().collect();
            let others: Vec<String> = entry
                .below
                .into_iter()
                .filter(|n| !own.contains(n))
                .collect();
            searched.extend(others);
        }
        let counts = searched.iter().map(|name| self.ask_count(name).after(url));
        found.next.extend(counts);
        if let Some(kb) = &self.services.kb {
            let branch = format!("phylogeny/up/{}", encoded(&entry.name));
            let branch = Task::Branch.ask(&below(&kb.url, &branch));
            found.next.push(branch.after(url));
        }
        found.taxa = nodes;
        Ok(())
    }

    /// What is above a concept. Boxes of any other concept need the whole tree, which is one request too.
    fn branch(&self, document: &Value, url: &str, found: &mut Found) {
        found.taxa = tree::nodes(document);
        if let (true, Some(root), Some(trees)) =
            (self.asked.all, kb::root(document), &self.services.trees)
        {
            let tree = Task::Tree.ask(&below(&trees.url, &encoded(root)));
            found.next.push(tree.after(url));
        }
    }

    /// A name that no knowledge base vouches for is searched if observations bear it.
    fn known(
        &self,
        typed: &str,
        mut near: Vec<String>,
        document: &Value,
        url: &str,
        found: &mut Found,
    ) -> Result<(), Error> {
        if !document.is_array() {
            let what = format!("{url}: is no list of names{}", said(document));
            return Err(self.advise(Error::new(what), url));
        }
        if !texts(document).any(|name| name == typed) {
            near.extend(names::near(typed, texts(document)));
            return Err(unknown(typed, &near));
        }
        found.notes.push(match &self.services.kb {
            Some(_) => format!("\"{typed}\" is not in the knowledge base: searched as typed"),
            None => "no knowledge base: concepts are searched as typed; --kb URL finds their other names".into(),
        });
        found.next.push(self.ask_count(typed).after(url));
        Ok(())
    }

    fn moment(&self, document: &Value, url: &str, found: &mut Found) {
        if !document["observations"].is_array() {
            let problem = format!("is no imaged moment{}", said(document));
            found
                .rejects
                .push(Reject::new(url, "document", "observations", problem));
        }
        for row in Row::of_moment(document) {
            self.row(&row, url, found);
        }
    }

    /// A row, and what has to be asked for beside it.
    fn row(&self, row: &Row, url: &str, found: &mut Found) {
        let Some(missing) = row.read(url, &self.options, found) else {
            return;
        };
        let (moment, video) = (row.moment(), row.video());
        let ask = |uuid: &String| self.ask_reference(uuid, &moment, video.clone());
        let addresses = missing.addresses.iter().map(ask);
        let strangers = missing.strangers.iter().map(|uuid| {
            let flat = below(&self.services.anno.url, &format!("images/{uuid}"));
            Task::reference(&moment, video.clone()).ask(&flat)
        });
        let videos = self.services.vam.iter().filter_map(|vam| {
            let video = video.clone()?;
            let media = format!("media/videoreference/{}", encoded(&video));
            Some(Task::Video(video).ask(&below(&vam.url, &media)))
        });
        let next: Vec<Request> = addresses.chain(strangers).chain(videos).collect();
        found
            .next
            .extend(next.into_iter().map(|request| request.after(url)));
    }

    fn ask_known(&self, typed: &str, near: &[String]) -> Request {
        let task = Task::Known {
            typed: typed.to_owned(),
            near: near.to_vec(),
        };
        task.ask(&below(&self.services.anno.url, "observations/concepts"))
    }

    fn ask_names(&self, typed: &str) -> Vec<Request> {
        let kb = self.services.kb.iter();
        kb.map(|kb| Task::Names(typed.to_owned()).ask(&below(&kb.url, "concept")))
            .collect()
    }

    fn ask_reference(&self, uuid: &str, moment: &str, video: Option<String>) -> Request {
        Task::reference(moment, video).ask(&below(&self.services.references.url, uuid))
    }

    fn ask_moment(&self, uuid: &str) -> Request {
        Task::Moment.ask(&below(&self.services.moments.url, &encoded(uuid)))
    }

    /// Why the run ends: what was asked, what came, and what to change.
    fn cannot(&self, url: &str, loss: &Loss) -> Error {
        self.advise(Error::new(format!("{url}: {}", loss.problem)), url)
    }

    fn advise(&self, error: Error, url: &str) -> Error {
        match self.services.behind(url) {
            Some(setting) => error.hint(hint(setting)),
            None => error,
        }
    }
}

fn hint(setting: &Setting) -> String {
    format!(
        "is {} the right address? it is set by {}",
        setting.url, setting.name
    )
}

fn note(text: String) -> Found {
    Found {
        notes: vec![text],
        ..Found::default()
    }
}

/// What an error object says, where something else was expected.
fn said(document: &Value) -> String {
    match values::text(&document["message"]) {
        Some(message) => format!(": the service says \"{message}\""),
        None => String::new(),
    }
}

fn unreadable(request: &Request, field: &str, problem: &str) -> Found {
    let input = request
        .from
        .as_ref()
        .map_or("command line", |from| &from.document);
    Found {
        rejects: vec![Reject::new(input, &request.location, field, problem)],
        ..Found::default()
    }
}

fn texts(document: &Value) -> impl Iterator<Item = &str> {
    values::list(document).filter_map(Value::as_str)
}
