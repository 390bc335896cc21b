//! The source `m3`: MBARI's media management. Observations of annosaurus by concept with their images and boxes, names
//! and trees of the knowledge base, dives of vampire-squid.
//!
//! Concepts lead to names, names to counts, counts to pages, pages to moments, image references and videos. The image
//! for each box is chosen among those of its moment when everything is read.

mod answers;
pub mod config;
mod knowledge_base;
mod link_value;
mod localizations;
pub mod m3_download;
mod observations;
mod options;
mod pages;
mod pictures;
mod requests;
mod task;

use serde_json::Value;

use super::concept_names::{below, encoded, unknown};
use super::source::{About, Answer, DocumentRequest, FetchFailure, Found, Source};
use super::unpack::without_mark;
use super::{paging, taxonomy};
use crate::error::Error;
use crate::summary::{Reject, Rejects};
use crate::values;
pub use options::{M3Options, Prefer};
pub use requests::M3;
use task::Task;

impl Source for M3 {
    fn name(&self) -> &'static str {
        "m3"
    }

    fn first(&self) -> Vec<DocumentRequest> {
        let first = |typed: &String| match &self.services.trees {
            Some(trees) => Task::Entry(typed.clone()).ask(&below(&trees.url, &encoded(typed))),
            None => self.ask_known(typed, &[], 0),
        };
        self.concepts.iter().map(first).collect()
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
        let document = match self.document(&task, answer) {
            Ok(document) => document,
            Err(instead) => return Ok(*instead),
        };
        let mut found = Found::default();
        match task {
            Task::Entry(typed) => self.entry(&typed, &document, url, &mut found)?,
            Task::Branch => self.branch(&document, url, &mut found),
            Task::Tree => found.taxa = taxonomy::nodes(&document),
            Task::Names {
                typed,
                similar,
                offset,
            } => {
                let next = self.names(&typed, similar, offset, &document).into_iter();
                found.next.extend(next.map(|request| request.after(url)));
            }
            Task::Known {
                typed,
                similar,
                offset,
            } => self.known(&typed, similar, offset, &document, url, &mut found)?,
            Task::Count(name) => {
                found.next = self.counted(&name, paging::total(&document), url);
            }
            Task::CountAll { pictured } => {
                let all = paging::total(&document).unwrap_or(pictured);
                found.count(pages::UNPICTURED, all.saturating_sub(pictured));
            }
            Task::Page { name, span } => {
                return Ok(self.page(&name, &span, &document, &answer.request));
            }
            Task::Moment => self.moment(&document, url, &mut found),
            Task::Reference { moment, video } => {
                // The flat form names its moment; the other form is taken to be of the moment that led to it.
                let moment = values::id(&document, &["imaged_moment_uuid"]).unwrap_or(moment);
                found
                    .observations
                    .extend(observations::picture(&document, &moment, video));
            }
            Task::Video(video) => {
                let first = paging::page(&document).and_then(|page| page.rows.first());
                match pictures::about(first.unwrap_or(&document)) {
                    Some(about) => found.manifests.push(About {
                        manifest: video,
                        ..about
                    }),
                    None => found.notes.push(UNKNOWN_VIDEOS.into()),
                }
            }
        }
        Ok(found)
    }

    fn failed(
        &self,
        request: &DocumentRequest,
        failure: &FetchFailure,
    ) -> Result<Option<Found>, Error> {
        let url = &request.location;
        let is_missing = failure.status == Some(404);
        let instead = |next: Vec<DocumentRequest>| {
            let next = next.into_iter().map(|request| request.after(url));
            Some(Found {
                next: next.collect(),
                ..Found::default()
            })
        };
        match Task::of(request) {
            Task::Entry(typed) if is_missing && self.services.kb.is_some() => {
                Ok(instead(self.ask_names(&typed, Vec::new(), 0)))
            }
            Task::Entry(_) => Err(self.cannot_read(url, failure)),
            Task::Names { .. } => Err(self.cannot_read(url, failure)),
            Task::Known { typed, similar, .. } => match self.services.kb {
                Some(_) => Err(unknown(&typed, &similar)),
                None => Ok(instead(vec![self.ask_count(&typed)])),
            },
            Task::Branch | Task::Tree => Ok(Some(note(format!(
                "ranks up to the root are not known: {url}: {}",
                failure.problem
            )))),
            // Not needed: these observations cannot be put on an image anyway.
            Task::CountAll { .. } => Ok(Some(Found::default())),
            Task::Count(name) if !failure.is_of_service => Ok(instead(self.plan(&name, None, url))),
            Task::Page { name, span } if is_missing && request.body.is_none() => {
                // Some proxies decode `%2F`: then only a request with the name in its body finds it.
                Ok(instead(vec![self.ask_search(&name, span)]))
            }
            Task::Count(_) | Task::Page { .. } if failure.is_of_service || is_missing => {
                Err(self.cannot_read(url, failure))
            }
            Task::Page { name, span } if failure.may_be_size => {
                Ok(Some(self.divided(&name, &span, failure, request)))
            }
            Task::Reference { moment, video } if is_missing => {
                let uuid = url.rsplit_once("/images/").map(|(_, uuid)| uuid);
                let other_form = uuid.map(|uuid| self.ask_reference(uuid, &moment, video));
                Ok(instead(other_form.into_iter().collect()))
            }
            Task::Video(_) if is_missing => Ok(Some(note(UNKNOWN_VIDEOS.into()))),
            _ => Ok(None),
        }
    }

    fn named(&self) -> Vec<String> {
        let named = self.services.all().filter(|setting| setting.is_named);
        named.map(|setting| setting.url.clone()).collect()
    }

    fn finish(&self, mut found: Found) -> Found {
        self.reconcile(&mut found);
        found.notes.extend(self.untold());
        if self.services.vam.is_none() {
            found.notes.push(
                "no video service is set: groups are folders of images instead of dives, and metadata names no dive; --vam URL, or `vam` in the file of -c, adds them".into(),
            );
        }
        pictures::resolve(&mut found, Some(&self.services.anno.url));
        pictures::choose(found, &self.options)
    }

    fn finishes(&self) -> bool {
        true
    }

    fn decides_in_finish(&self) -> bool {
        true
    }

    fn hint(&self, rejects: &Rejects) -> Option<String> {
        // Rejects of documents, not those of records within them.
        let document = |r: Reject| match r.field.as_str() {
            "observations" => self.services.behind(&r.input).cloned(),
            _ => self.services.behind(&r.record).cloned(),
        };
        let setting = rejects.iter().find_map(document);
        setting.map(|setting| requests::hint(&setting)).or_else(|| {
            OPTIONS.iter().find_map(|option| {
                let accepts = format!("{option} accepts it");
                let n = rejects
                    .iter()
                    .filter(|r| r.problem.contains(&accepts))
                    .count() as u64;
                (n > 0).then(|| format!("{option} accepts {n} of the boxes that were left out"))
            })
        })
    }
}

const UNKNOWN_VIDEOS: &str =
    "some videos are not in vampire-squid: their images are grouped by folder";

/// Options that accept boxes that are left out without them.
const OPTIONS: [&str; 2] = ["--repair-boxes", "--overlays"];

impl M3 {
    /// The document of an answer, with names in snake case.
    ///
    /// # Errors
    /// It cannot be used: what follows instead.
    fn document(&self, task: &Task, answer: &Answer) -> Result<Value, Box<Found>> {
        let request = &answer.request;
        let bytes = without_mark(&answer.bytes);
        let document = serde_json::from_slice(bytes).map_err(|e| {
            let problem = format!("not JSON: {e}");
            Box::new(match task {
                Task::Page { name, span } => {
                    self.divided(name, span, &FetchFailure::of(problem), request)
                }
                _ => unreadable(request, "document", &problem),
            })
        })?;
        let document = observations::in_snake_case(document);
        let is_tree = matches!(task, Task::Entry(_) | Task::Branch | Task::Tree);
        match is_tree.then(|| taxonomy::too_large(&document)).flatten() {
            Some(problem) => Err(Box::new(unreadable(request, "tree", &problem))),
            None => Ok(document),
        }
    }
}

fn note(text: String) -> Found {
    Found {
        notes: vec![text],
        ..Found::default()
    }
}

fn unreadable(request: &DocumentRequest, field: &str, problem: &str) -> Found {
    let input = request
        .from
        .as_ref()
        .map_or("command line", |from| &from.document);
    Found {
        rejects: vec![Reject::new(input, &request.location, field, problem)],
        ..Found::default()
    }
}
