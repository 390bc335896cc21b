//! Why a run ends without images, and what to do about it.

use super::filter::{Blame, Filter};
use crate::error::Error;
use crate::http::Kind;
use crate::sources::FetchFailure;
use crate::summary::{Reject, Rejects, Summary};

/// The error for a run that would write no images: names the likely reason and what helps.
pub fn error(filter: &Filter, blame: &Blame, summary: &Summary) -> Error {
    if blame.images > 0 {
        let (why, hint) = blame.reason(filter);
        let error = Error::new(format!(
            "filters left out all images ({} found): {why}",
            blame.images
        ));
        return match hint {
            Some(hint) => error.hint(hint),
            None => error,
        };
    }
    let count = |kind: &str| summary.counts.get(kind).copied().unwrap_or(0);
    let read = what_was_read(summary);
    let rejects = &summary.rejects;
    let error = match (rejects.len(), rejects.iter().next()) {
        (_, None) => Error::new(format!("no images found: {read}")),
        (1, Some(only)) if only.field != "target" => {
            Error::new(format!("{}: {}", place(&only), only.problem))
        }
        _ if count("canvases") + count("rows") == 0 && count("annotations") > 0 => {
            Error::new(format!("no images found: {read}"))
                .hint("name the manifest of the annotations too")
        }
        (many, _) => Error::new(format!("no image can be used: {read}, {many} left out")),
    };
    let is_unboxed = count("observations") > 0 && count("boxes") == 0;
    let unboxed =
        is_unboxed.then_some("no observation has a box; --unboxed keeps images without boxes");
    let may_pass = summary.rejects.may_pass();
    let error = error.temporary(may_pass);
    match advice(rejects).or(unboxed) {
        Some(advice) => error.hint(advice),
        None => error,
    }
}

fn what_was_read(summary: &Summary) -> String {
    const KINDS: [(&str, &str); 9] = [
        ("documents", "document"),
        ("collections", "collection"),
        ("manifests", "manifest"),
        ("canvases", "canvas"),
        ("annotations", "annotation"),
        ("rows", "row"),
        ("observations", "observation"),
        ("moments", "moment"),
        ("boxes", "box"),
    ];
    let read = KINDS.iter().filter_map(|(kind, one)| {
        let n = *summary.counts.get(*kind).filter(|n| **n > 0)?;
        Some(format!("{n} {}", if n == 1 { one } else { kind }))
    });
    read.collect::<Vec<_>>().join(", ")
}

/// The document to blame: the one that could not be read, else the one that holds the problem.
fn place(reject: &Reject) -> &str {
    match reject.field.as_str() {
        "document" | "type" => &reject.input,
        _ => &reject.record,
    }
}

/// What helps with these rejects, if anything is known.
fn advice(rejects: &Rejects) -> Option<&'static str> {
    use Sign::{Class, Offline, Words};
    const ADVICE: [(Sign, &str); 8] = [
        (
            Words("--max-document"),
            "a higher --max-document MB reads it, if the machine has the memory",
        ),
        (Offline, "without --offline the document is fetched"),
        (
            Class(Kind::Forbidden),
            "authenticate with --bearer TOKEN or --header 'NAME: VALUE'",
        ),
        (
            Class(Kind::Network),
            "check the URL and the network; --rewrite FROM=TO uses a mirror instead",
        ),
        (
            Class(Kind::NotFound),
            "open the URL in a browser: digest needs the manifest or collection itself",
        ),
        (
            Class(Kind::Certificate),
            "--insecure accepts any certificate",
        ),
        (
            Words("no such file"),
            "a URL starts with http:// or https://; anything else is a file",
        ),
        (
            Words("an HTML page"),
            "use the URL of the manifest, not that of the page that shows it",
        ),
    ];
    let is_met = |sign: &Sign| rejects.iter().any(|reject| sign.is_in(&reject.problem));
    let advice = ADVICE.iter().find(|(sign, _)| is_met(sign));
    advice.map(|(_, advice)| *advice)
}

/// What shows in the problem of a reject that some advice helps.
enum Sign {
    /// An error of the network of this class.
    Class(Kind),
    /// A document that only the network has, with `--offline`.
    Offline,
    /// These words.
    Words(&'static str),
}

impl Sign {
    fn is_in(&self, problem: &str) -> bool {
        match self {
            Sign::Class(kind) => kind.is_told_by(problem),
            Sign::Offline => FetchFailure::is_offline(problem),
            Sign::Words(words) => problem.contains(words),
        }
    }
}
