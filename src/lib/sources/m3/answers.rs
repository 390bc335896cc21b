//! Reads the answers of the services and names the documents that they lead to.

use std::collections::BTreeSet;

use serde_json::Value;

use super::knowledge_base;
use super::observations::ObservationRow;
use super::requests::{M3, message};
use super::task::Task;
use crate::error::Error;
use crate::sources::concept_names::{self, below, encoded, unknown};
use crate::sources::paging::{self, Page};
use crate::sources::{DocumentRequest, Found, taxonomy};
use crate::summary::Reject;
use crate::values;

impl M3 {
    /// A concept of the knowledge base: all its names are searched.
    pub(super) fn entry(
        &self,
        typed: &str,
        document: &Value,
        url: &str,
        found: &mut Found,
    ) -> Result<(), Error> {
        let Some((entry, nodes)) = knowledge_base::entry(document, typed) else {
            let what = format!(
                "{url}: response is not an entry of a knowledge base{}",
                message(document)
            );
            return Err(self.advise(Error::new(what), url));
        };
        if entry.name.trim() != typed.trim() {
            let note = format!("\"{typed}\" is a name of \"{}\"", entry.name);
            found.notes.push(note);
        }
        let mut searched = entry.own;
        if self.query.descendants {
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

    /// The ranks above a concept. Boxes of all concepts need the whole tree, which is a single request too.
    pub(super) fn branch(&self, document: &Value, url: &str, found: &mut Found) {
        found.taxa = taxonomy::nodes(document);
        if let (true, Some(root), Some(trees)) = (
            self.query.all,
            knowledge_base::root(document),
            &self.services.trees,
        ) {
            let tree = Task::Tree.ask(&below(&trees.url, &encoded(root)));
            found.next.push(tree.after(url));
        }
    }

    /// Names of the knowledge base: those similar to one that is not among them.
    pub(super) fn names(
        &self,
        typed: &str,
        mut similar: Vec<String>,
        offset: u64,
        document: &Value,
    ) -> Vec<DocumentRequest> {
        let page = paging::page(document);
        let rows = page.as_ref().map_or(&[][..], |page| page.rows);
        similar.extend(concept_names::similar(
            typed,
            concept_names::listed_in(rows),
        ));
        match page.and_then(|page| after_names(document, &page, offset)) {
            Some(offset) => self.ask_names(typed, similar, offset),
            None => vec![self.ask_known(typed, &similar, 0)],
        }
    }

    /// A name that is not in a knowledge base: it is searched if observations have it.
    pub(super) fn known(
        &self,
        typed: &str,
        mut similar: Vec<String>,
        offset: u64,
        document: &Value,
        url: &str,
        found: &mut Found,
    ) -> Result<(), Error> {
        let Some(page) = paging::page(document) else {
            let what = format!(
                "{url}: response is not a list of names{}",
                message(document)
            );
            return Err(self.advise(Error::new(what), url));
        };
        if !concept_names::listed_in(page.rows).any(|name| name == typed) {
            similar.extend(concept_names::similar(
                typed,
                concept_names::listed_in(page.rows),
            ));
            let Some(next) = after_names(document, &page, offset) else {
                return Err(unknown(typed, &similar));
            };
            found
                .next
                .push(self.ask_known(typed, &similar, next).after(url));
            return Ok(());
        }
        found.notes.push(match &self.services.kb {
            Some(_) => format!("\"{typed}\" is not in the knowledge base: searched as typed"),
            None => "without a knowledge base, concepts are searched as typed; --kb URL finds their other names".into(),
        });
        found.next.push(self.ask_count(typed).after(url));
        Ok(())
    }

    /// Everything observed at a moment.
    pub(super) fn moment(&self, document: &Value, url: &str, found: &mut Found) {
        if !document["observations"].is_array() {
            let problem = format!("response is not an imaged moment{}", message(document));
            found
                .rejects
                .push(Reject::new(url, "document", "observations", problem));
        }
        for row in ObservationRow::of_moment(document) {
            self.row(&row, url, found);
        }
    }

    /// Reads a row, and requests what is missing for it.
    pub(super) fn row(&self, row: &ObservationRow, url: &str, found: &mut Found) {
        if let Some(problem) = row.problem() {
            let reject = Reject::new(url, row.name(), "observation", problem);
            found.rejects.push(reject);
            return;
        }
        let Some(missing) = row.read(url, &self.options, found) else {
            return;
        };
        let (moment, video) = (row.moment(), row.video());
        let ask = |uuid: &String| self.ask_reference(uuid, &moment, video.clone());
        let urls = missing.urls.iter().map(ask);
        let strangers = missing.strangers.iter().map(|uuid| {
            let flat = below(&self.services.anno.url, &format!("images/{uuid}"));
            Task::reference(&moment, video.clone()).ask(&flat)
        });
        let videos = self.services.vam.iter().filter_map(|vam| {
            let video = video.clone()?;
            let media = format!("media/videoreference/{}", encoded(&video));
            Some(Task::Video(video).ask(&below(&vam.url, &media)))
        });
        let next: Vec<DocumentRequest> = urls.chain(strangers).chain(videos).collect();
        found
            .next
            .extend(next.into_iter().map(|request| request.after(url)));
    }
}

/// How many names are before the page that follows this one; none at the end. A plain list is the only page.
fn after_names(document: &Value, page: &Page, offset: u64) -> Option<u64> {
    let read = page.rows.len() as u64;
    let next = offset + read;
    let told = |key: &str| values::count(&document[key]);
    let is_same_page = told("offset").is_some_and(|told| told != offset);
    let is_last = told("limit").is_some_and(|limit| read < limit)
        || page.total.is_some_and(|total| next >= total);
    let can_go_on = told("limit").is_some() || page.total.is_some();
    (read > 0 && can_go_on && !is_last && !is_same_page).then_some(next)
}
