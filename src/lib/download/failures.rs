//! Images that could not be downloaded. There may be as many as images, as when a host cannot be reached: of each only its number
//! and that of its reason are held, and what its record says is read again when the list is written.

use std::collections::{HashMap, HashSet};

use super::names::{Naming, source_uri};
use super::state::input::Set;
use crate::contracts::{Failure, LocalizedImage};
use crate::error::Error;
use crate::http::{self, Kind, without_secrets};
use crate::texts::Texts;

/// An image of the set that could not be downloaded.
#[derive(Clone, Copy, Debug)]
struct Failed {
    /// Its number in [`Set::records`].
    at: u32,
    /// The number of its reason.
    cause: u32,
    attempts: u32,
}

/// Why: what is the same for many images.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Cause {
    kind: String,
    status: Option<u16>,
    message: String,
}

/// Failures of a run.
#[derive(Debug, Default)]
pub struct Failures {
    of_set: Vec<Failed>,
    causes: Vec<Cause>,
    known: HashMap<Cause, u32>,
    /// Those of images that are not in [`Set::records`], or that were downloaded and are left out.
    pub others: Vec<Failure>,
}

impl Failures {
    /// The number of images.
    pub fn len(&self) -> usize {
        self.of_set.len() + self.others.len()
    }

    /// Whether nothing failed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an image of the set.
    pub fn push(&mut self, at: u32, error: http::Error) {
        let cause = Cause {
            kind: error.kind.name().into(),
            status: error.status,
            message: error.message,
        };
        self.add(at, cause, error.attempts);
    }

    fn add(&mut self, at: u32, cause: Cause, attempts: u32) {
        let new = self.causes.len() as u32;
        let number = match self.known.get(&cause) {
            Some(number) => *number,
            None => {
                self.causes.push(cause.clone());
                // Messages that name their own URL do not come again.
                if self.known.len() < MOST_KNOWN {
                    self.known.insert(cause, new);
                }
                new
            }
        };
        self.of_set.push(Failed {
            at,
            cause: number,
            attempts,
        });
    }

    /// Adds what failed in an earlier run and was not asked for in this one, and gives what was not requested the number of
    /// requests of an earlier run: the next run does not take it for new. Both by the numbers of images.
    pub fn add_earlier(&mut self, left: Vec<(u32, Failure)>, tried: &HashMap<u32, u32>) {
        for failed in self.of_set.iter_mut().filter(|f| f.attempts == 0) {
            failed.attempts = tried.get(&failed.at).copied().unwrap_or_default();
        }
        for (at, failure) in left {
            let cause = Cause {
                kind: failure.kind,
                status: failure.status,
                message: failure.message,
            };
            self.add(at, cause, failure.attempts);
        }
    }

    /// The numbers of the images of the set.
    pub fn numbers(&self) -> HashSet<u32> {
        self.of_set.iter().map(|failed| failed.at).collect()
    }

    /// Whether the kind of any of them is such a one.
    pub fn has(&self, is_it: impl Fn(Kind) -> bool) -> bool {
        let kinds = self.causes.iter().map(|cause| &cause.kind);
        let mut kinds = kinds.chain(self.others.iter().map(|failure| &failure.kind));
        kinds.any(|name| kind_of(name).is_some_and(&is_it))
    }

    /// Whether the same command may get any of them later.
    pub fn may_pass(&self) -> bool {
        let of_set = self.causes.iter();
        let mut of_set = of_set.map(|cause| cause_may_pass(&cause.kind, &cause.message));
        of_set.any(|may_pass| may_pass) || self.others.iter().any(may_pass)
    }

    /// All, in the order of their ids, one after the other.
    ///
    /// # Errors
    /// The set cannot be read any more, or `take` fails.
    pub fn visit(
        &self,
        set: &Set,
        naming: &Naming,
        mut take: impl FnMut(Failure) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let of_set = self.in_order(set)?;
        let mut others: Vec<&Failure> = self.others.iter().collect();
        others.sort();
        let mut others = others.into_iter().peekable();
        let numbers: Vec<u32> = of_set.iter().map(|failed| failed.at).collect();
        let mut of_set = of_set.into_iter();
        let parts = |_, image: LocalizedImage| {
            let url = source_uri(&image).unwrap_or_default();
            let url = without_secrets(url).into_owned();
            (url, naming.stem(&image), image.id)
        };
        set.visit(&numbers, parts, |(url, path, id)| {
            let Some(failed) = of_set.next() else {
                return Ok(());
            };
            let cause = self.causes[failed.cause as usize].clone();
            let failure = Failure {
                id,
                url,
                path,
                kind: cause.kind,
                status: cause.status,
                attempts: failed.attempts,
                message: cause.message,
            };
            while let Some(other) = others.next_if(|other| **other < failure) {
                take(other.clone())?;
            }
            take(failure)
        })?;
        others.cloned().try_for_each(take)
    }

    /// Those of the set in the order of their ids, of which only the texts are held meanwhile.
    fn in_order(&self, set: &Set) -> Result<Vec<Failed>, Error> {
        let numbers: Vec<u32> = self.of_set.iter().map(|failed| failed.at).collect();
        let mut ids = Texts::default();
        set.visit(
            &numbers,
            |_, image| image.id,
            |id| {
                ids.push(&id);
                Ok(())
            },
        )?;
        let mut order: Vec<u32> = (0..ids.len() as u32).collect();
        order.sort_by(|a, b| ids.get(*a).cmp(ids.get(*b)));
        let failed = |n: u32| self.of_set[n as usize];
        Ok(order.into_iter().map(failed).collect())
    }
}

/// The most reasons that are looked for when another one comes.
const MOST_KNOWN: usize = 1 << 14;

fn kind_of(name: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| kind.name() == name)
}

/// Whether the same command may get an image later: its server failed, or it was not asked for it because others failed.
pub fn may_pass(failure: &Failure) -> bool {
    cause_may_pass(&failure.kind, &failure.message)
}

fn cause_may_pass(kind: &str, message: &str) -> bool {
    // A host that wants to know who asks wants to know it the next time too.
    let was_left = message.starts_with(http::LEFT) && !message.contains("--contact");
    kind_of(kind).is_some_and(Kind::may_pass) || was_left
}

/// An image that could not be downloaded, as a row of `failures.csv`.
pub fn failure(image: &LocalizedImage, naming: &Naming, error: http::Error) -> Failure {
    let url = source_uri(image).unwrap_or_default();
    Failure {
        id: image.id.clone(),
        url: without_secrets(url).into_owned(),
        path: naming.stem(image),
        kind: error.kind.name().into(),
        status: error.status,
        attempts: error.attempts,
        message: error.message,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::contracts::ImageRecords;

    #[test]
    fn failures_come_in_the_order_of_ids_with_what_their_records_say() {
        let image = |id: &str| {
            let url = format!("https://a.example/{id}.jpg?token=x");
            serde_json::from_value(serde_json::json!({
                "id": id, "group": "g", "image": {"url": url}, "source": {"kind": "table"}
            }))
            .unwrap()
        };
        let images: Vec<LocalizedImage> = ["d", "a", "c", "e"].map(image).into();
        let set = Set {
            records: Arc::new(ImageRecords::held(images)),
            ..Set::default()
        };
        let mut failures = Failures::default();
        for (at, attempts) in [(3, 0), (0, 2), (1, 0)] {
            let error = http::Error::of_status(500).with_attempts(attempts);
            failures.push(at, error);
        }
        failures.add_earlier(Vec::new(), &HashMap::from([(1, 7), (0, 9)]));
        let other = |id: &str| Failure {
            id: id.into(),
            url: String::new(),
            path: String::new(),
            kind: "disk".into(),
            status: None,
            attempts: 1,
            message: "m".into(),
        };
        failures.others = vec![other("z"), other("b")];
        assert_eq!((failures.len(), failures.causes.len()), (5, 1));
        let mut found = Vec::new();
        failures
            .visit(&set, &Naming::default(), |failure| {
                found.push((failure.id, failure.attempts, failure.path));
                Ok(())
            })
            .unwrap();
        let wanted = [
            ("a", 7, "g/a"),
            ("b", 1, ""),
            ("d", 2, "g/d"),
            ("e", 0, "g/e"),
            ("z", 1, ""),
        ];
        let wanted = wanted.map(|(id, attempts, path)| (id.to_owned(), attempts, path.to_owned()));
        assert_eq!(found, wanted);
        assert!(failures.may_pass() && failures.has(|kind| kind == Kind::Disk));
    }
}
