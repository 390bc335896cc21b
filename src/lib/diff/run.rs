//! A comparison: records of the first are put aside, those of the second find theirs; what is left is gone, new, or moved.

use std::collections::{BTreeSet, HashMap};
use std::io;

use rayon::prelude::*;
use serde_json::Value;

use super::compare::compare;
use super::compared::Compared;
use super::input::{Input, Kind};
use super::options::Options;
use super::page::Page;
use super::pictures;
use super::record::Record;
use super::stats::DiffStats;
use super::store::Store;
use crate::contracts::{Changed, Difference};
use crate::error::Error;
use crate::files;
use crate::http::{id_without_secrets, without_secrets};
use crate::summary::Summary;

/// A comparison of two.
pub struct Run<'a> {
    options: &'a Options,
    a: &'a Input,
    b: &'a Input,
    stats: DiffStats,
    page: Option<Page>,
    notes: Vec<String>,
}

/// Takes each difference.
type Put<'a> = &'a mut dyn FnMut(&Difference) -> Result<(), Error>;

/// Two records of one image or file.
type Pair = (Record, Record);

impl<'a> Run<'a> {
    /// Of these two.
    pub fn new(options: &'a Options, a: &'a Input, b: &'a Input) -> Self {
        Run {
            options,
            a,
            b,
            stats: DiffStats::default(),
            page: options.html.is_some().then(Page::default),
            notes: Vec::new(),
        }
    }

    /// Compares all, and writes what was asked for.
    ///
    /// # Errors
    /// One cannot be read, or a list cannot be written.
    pub fn run(mut self) -> Result<Compared, Error> {
        let inputs = [self.options.a.clone(), self.options.b.clone()];
        let html = self.options.html.as_deref();
        files::refuse_overwriting(&inputs, &[("--html", html)])?;
        match self.options.json {
            true => self.print_lines()?,
            false => self.compare(&mut |_| Ok(()))?,
        }
        let kind = self.b.kind();
        let names = [&self.options.a, &self.options.b].map(|path| path.display().to_string());
        let verb = if self.stats.differs() {
            "differ"
        } else {
            "are the same"
        };
        let sentence = self.stats.sentence(kind);
        if let (Some(path), Some(page)) = (html, &self.page) {
            let html = page.html(&names, &sentence, &self.stats.examples(kind));
            files::write(path, html.as_bytes())?;
        }
        let [a, b] = names;
        let mut summary = Summary::default();
        if !self.options.quiet {
            summary.done = format!("{a} and {b} {verb}: {sentence}");
            summary.notes = match self.options.json || !self.stats.differs() {
                true => Vec::new(),
                false => self.stats.examples(kind),
            };
            summary.notes.append(&mut self.notes);
        }
        Ok(Compared {
            summary,
            differs: self.stats.differs(),
        })
    }

    /// Prints a line for each difference. Who reads them may stop: the exit code still says whether there are any.
    fn print_lines(&mut self) -> Result<(), Error> {
        let mut failed = None;
        let written = files::write_through("-".as_ref(), |out| {
            let mut is_closed = false;
            let mut put = |difference: &Difference| {
                if is_closed {
                    return Ok(());
                }
                let mut line = serde_json::to_vec(difference)
                    .map_err(|e| Error::new("a difference cannot be written as JSON").because(e))?;
                line.push(b'\n');
                match out.write_all(&line) {
                    Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {
                        is_closed = true;
                        Ok(())
                    }
                    Err(e) => Err(Error::new("standard output: cannot be written").because(e)),
                    Ok(()) => Ok(()),
                }
            };
            self.compare(&mut put).map_err(|error| {
                failed = Some(error);
                io::Error::other("not compared")
            })
        });
        failed.map_or(written, Err)
    }

    fn compare(&mut self, put: Put) -> Result<(), Error> {
        let (mut old, mut new) = (Store::new(), Store::new());
        let of_a = self.a.each(&mut |records| old.add(&records))?;
        old.sort();
        let b = self.b;
        let of_b = b.each(&mut |records| {
            let (mut pairs, mut alone) = (Vec::new(), Vec::new());
            for record in records {
                self.stats.images += 1;
                self.stats.boxes += record.boxes.len() as u64;
                match old.take(&record.id)? {
                    Some(known) => pairs.push((known, record)),
                    None => alone.push(record),
                }
            }
            new.add(&alone)?;
            self.pairs(pairs, put)
        })?;
        for (path, notes) in [(&self.options.a, of_a), (&self.options.b, of_b)] {
            let named = notes
                .into_iter()
                .map(|note| format!("{}: {note}", path.display()));
            self.notes.extend(named);
        }
        let is_recorded = matches!(self.b.kind(), Kind::Downloads | Kind::Dataset);
        if is_recorded && !self.options.rehash {
            self.notes.push(
                "files of the recorded size are compared by the SHA-256 recorded with them; --rehash reads them".into(),
            );
        }
        self.left(&mut old, &mut new, put)?;
        self.whole(put)
    }

    /// Says what differs between records of one image, and between their files.
    fn pairs(&mut self, pairs: Vec<Pair>, put: Put) -> Result<(), Error> {
        let (below, other) = (self.a.root(), self.b.root());
        let judged = |(a, b): &Pair| {
            let mut found = compare(a, b);
            let picture = pictures::compare((a, below), (b, other), self.options.rehash);
            // Where files differ against what was written down, that is no hash of theirs.
            let sums =
                [&a.sha256, &b.sha256].map(|sum| sum.clone().filter(|_| a.sha256 != b.sha256));
            let [from, to] = sums.map(|sum| sum.map(Value::from));
            found.extend(picture.map(|change| Difference {
                from,
                to,
                ..of(change, &b.id)
            }));
            found.into_iter().map(clean).collect()
        };
        let all: Vec<Vec<Difference>> = pairs.par_iter().map(judged).collect();
        for (pair, found) in pairs.iter().zip(all) {
            self.take(&found, put)?;
            if let Some(page) = self.page.as_mut().filter(|_| !found.is_empty()) {
                page.add((&pair.0, below), (&pair.1, other), &found);
            }
        }
        Ok(())
    }

    fn take(&mut self, found: &[Difference], put: Put) -> Result<(), Error> {
        self.stats.add(found);
        found.iter().try_for_each(put)
    }

    /// What only one of them has: the same under another name, or gone, or new.
    fn left(&mut self, old: &mut Store, new: &mut Store, put: Put) -> Result<(), Error> {
        let gone = old.left();
        let mut by_key: HashMap<u64, Vec<u32>> = HashMap::new();
        for row in &gone {
            for key in old.get(*row)?.keys() {
                by_key.entry(key).or_default().push(*row);
            }
        }
        let (mut moved, mut came) = (BTreeSet::new(), Vec::new());
        for row in new.left() {
            let record = new.get(row)?;
            let rows = record.keys().filter_map(|key| by_key.get(&key)).flatten();
            let mut found = None;
            for candidate in rows.filter(|row| !moved.contains(*row)) {
                let known = old.get(*candidate)?;
                if self.is_moved(&known, &record) {
                    found = Some((*candidate, known));
                    break;
                }
            }
            match found {
                Some((from, known)) => {
                    moved.insert(from);
                    self.pairs(vec![(known, record)], put)?;
                }
                None => came.push(row),
            }
        }
        for row in gone.into_iter().filter(|row| !moved.contains(row)) {
            let record = old.get(row)?;
            let from = place(&record);
            self.take(
                &[clean(Difference {
                    from,
                    ..of(Changed::Gone, &record.id)
                })],
                put,
            )?;
        }
        for row in came {
            let record = new.get(row)?;
            let to = place(&record);
            self.take(
                &[clean(Difference {
                    to,
                    ..of(Changed::New, &record.id)
                })],
                put,
            )?;
        }
        Ok(())
    }

    /// Whether two records with different ids are of the same.
    fn is_moved(&self, a: &Record, b: &Record) -> bool {
        let is_one_url = a.url.is_some() && a.url == b.url;
        match (&a.sha256, &b.sha256) {
            (Some(from), Some(to)) => from == to,
            _ if is_one_url => true,
            // Empty files are all alike.
            _ => {
                let has_file = a.path.is_some() && a.bytes == b.bytes && a.bytes != Some(0);
                let files = ((a, self.a.root()), (b, self.b.root()));
                has_file && pictures::compare(files.0, files.1, self.options.rehash).is_none()
            }
        }
    }

    /// What differs in the whole: boxes of each class, and splits.
    fn whole(&mut self, put: Put) -> Result<(), Error> {
        let (from, to) = (self.a.classes(), self.b.classes());
        let names: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
        for name in names
            .into_iter()
            .filter(|name| from.get(*name) != to.get(*name))
        {
            let found = Difference {
                from: from.get(name).copied().map(Value::from),
                to: to.get(name).copied().map(Value::from),
                ..of(Changed::Class, name)
            };
            self.take(&[found], put)?;
        }
        let (from, to) = (self.a.splits(), self.b.splits());
        for (group, split) in &to {
            let before = from.get(group).filter(|before| *before != split);
            if let Some(before) = before {
                let found = Difference {
                    from: Some(before.clone().into()),
                    to: Some(split.clone().into()),
                    ..of(Changed::Split, group)
                };
                self.take(&[found], put)?;
            }
        }
        Ok(())
    }
}

fn of(change: Changed, id: &str) -> Difference {
    Difference {
        recto: Difference::NAME.into(),
        change,
        id: id.to_owned(),
        ..Difference::default()
    }
}

/// Where a record is, if that is not its id.
fn place(record: &Record) -> Option<Value> {
    let place = record.path.as_ref().or(record.url.as_ref())?;
    (*place != record.id).then(|| place.clone().into())
}

/// Without passwords and signatures.
fn clean(found: Difference) -> Difference {
    let is_address = matches!(found.change, Changed::New | Changed::Gone | Changed::Moved);
    let hidden = |value: Value| match value {
        Value::String(text) if is_address => without_secrets(&text).into_owned().into(),
        other => other,
    };
    Difference {
        id: id_without_secrets(&found.id),
        from: found.from.map(hidden),
        to: found.to.map(hidden),
        ..found
    }
}
