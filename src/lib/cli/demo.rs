//! `recto demo`: draws a small archive, serves it on loopback and harvests it through all stages, each run as its program would
//! run it. No network, no other program.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use super::Task;
use crate::contracts::quoted;
use crate::error::{Error, Exit};
use crate::messages;
use crate::report::{self, Stage};
use crate::summary::Summary;
use crate::{digest, download, extract, files, reformat, serve};

/// Where the archive says that it is; --rewrite leads to this machine, so that no file knows the port.
const ARCHIVE: &str = "http://scrolls.example/";

/// Draw an archive of scroll fragments, serve it on this machine, and make training sets of it
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The folder for everything that is made
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Another seed draws other fragments
    #[arg(long, default_value_t = 1947)]
    seed: u64,
}

impl Task for Options {
    const NAME: &'static str = "demo";

    fn run(&self) -> Exit {
        let harvested = start(self).and_then(|address| harvest(&self.folder, address));
        match harvested {
            Ok(Exit::Complete) => report::end(Self::NAME, Ok(made(&self.folder))),
            Ok(exit) => exit,
            Err(error) => report::end(Self::NAME, Err(error)),
        }
    }
}

/// Trains a detector on a set, with packages of PyPI.
const TRAINER: &[u8] = include_bytes!("../../../scripts/demo_train.py");

/// Draws the archive and serves it until the program ends: with at most 1000 pixels a side, which it does not declare, as some
/// real servers do not.
fn start(options: &Options) -> Result<SocketAddr, Error> {
    let archive = options.folder.join("archive");
    check_seed(&archive.join("seed"), options)?;
    files::write(&options.folder.join("train_letters.py"), TRAINER)?;
    messages::say(&format!(
        "demo: drawing an archive in {}",
        archive.display()
    ));
    recto_demo::draw(&recto_demo::sides(options.seed), |path, bytes| {
        files::write(&archive.join(path), bytes)
    })?;
    let at = |name: &str| archive.join(name).into_os_string();
    let served = serve::Options::parse([
        at("localizations.json"),
        "--image-map".into(),
        at("image_map.json"),
        "--listen=127.0.0.1:0".into(),
        format!("--base-url={ARCHIVE}").into(),
        "--max-size=1000".into(),
        "--undeclared-limit".into(),
        "--quiet".into(),
    ])?;
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let announce = send.clone();
        let ended = serve::serve_announced(&served, |address| {
            // The one who waits is the caller, who is there.
            let _ = announce.send(Ok(address));
            Ok(())
        });
        if let Err(error) = ended {
            let _ = send.send(Err(error));
        }
    });
    let stopped = |_| Error::interrupted("the server of the archive was stopped");
    receive.recv().map_err(stopped)?
}

/// Images of one demo have the URLs of another one's: in a folder of another seed they would be taken for downloaded.
fn check_seed(noted: &Path, options: &Options) -> Result<(), Error> {
    let seed = options.seed.to_string();
    let before = files::is_there(noted)
        .then(|| files::read(noted))
        .transpose()?;
    let made = [
        "archive",
        "coco",
        "digest.json",
        "images",
        "localizations.json",
        "sheet.png",
        "train_letters.py",
        "yolo",
    ];
    let mut others = made.iter().map(|name| options.folder.join(name));
    if before.is_none()
        && let Some(other) = others.find(|path| files::is_there(path))
    {
        let what = format!("{} exists, and was not made by recto demo", other.display());
        return Err(Error::new(what).hint("name a folder that is empty or does not exist"));
    }
    match before.filter(|before| before.trim_ascii() != seed.as_bytes()) {
        None => files::write(noted, format!("{seed}\n").as_bytes()),
        Some(before) => {
            let before = String::from_utf8_lossy(&before).trim().to_owned();
            let folder = options.folder.display();
            Err(
                Error::new(format!("{folder} holds the demo of seed {before}"))
                    .hint("name another folder, or remove this one"),
            )
        }
    }
}

/// Runs the stages, until one does not do all that it should.
fn harvest(folder: &Path, address: SocketAddr) -> Result<Exit, Error> {
    let at = |name: &str| folder.join(name).display().to_string();
    let rewrite = format!("--rewrite={ARCHIVE}=http://{address}/");
    // Pacing is for other people's servers.
    let network = ["--rate=0", "--per-host=16", &rewrite];
    let (listed, found, map) = (
        at("digest.json"),
        at("localizations.json"),
        at("image_map.json"),
    );
    let (images, failures, rejects) = (at("images"), at("failures.csv"), at("rejects.csv"));
    let collection = format!("{ARCHIVE}iiif/presentation/3/collection.json");
    let mut exit = stage::<digest::Options>(
        &["iiif", &collection, "--label", "NIR.*Recto", "-o", &listed],
        &network,
    )?;
    if exit == Exit::Complete {
        exit = stage::<extract::Options>(&[&listed, "-o", &found, "--rejects", &rejects], &[])?;
    }
    if exit == Exit::Complete {
        let files = ["--image-map", &map, "--failures", &failures];
        exit = stage::<download::Options>(&[&[&*found, &images][..], &files].concat(), &network)?;
    }
    for (format, place) in [("coco", "coco"), ("yolo", "yolo"), ("sheet", "sheet.png")] {
        let (place, split) = (at(place), ["--split", "train=0.67,val=0.33"]);
        let split = if format == "sheet" { &[][..] } else { &split };
        let line = [&*found, "--image-map", &map, "-f", format, "-o", &place];
        if exit == Exit::Complete {
            exit = stage::<reformat::Options>(&[&line, split].concat(), &[])?;
        }
    }
    Ok(exit)
}

/// Shows the command line of a stage and runs it; what only leads to this machine is not shown.
fn stage<Options: Stage>(shown: &[&str], hidden: &[&str]) -> Result<Exit, Error> {
    let line: Vec<String> = shown.iter().map(|word| quoted(word)).collect();
    messages::say(&format!("$ recto {} {}", Options::NAME, line.join(" ")));
    let arguments = shown.iter().chain(hidden).map(OsString::from);
    Ok(report::run(&Options::parse(arguments)?))
}

/// What there is to look at.
fn made(folder: &Path) -> Summary {
    let at = |name: &str| quoted(&folder.join(name).display().to_string());
    let line = |name: &str, what: &str| format!("{name:<19} {what}");
    let show = format!(
        "in a browser: recto serve {} --image-map {}",
        at("localizations.json"),
        at("image_map.json")
    );
    Summary {
        done: format!("made in {}", folder.display()),
        notes: vec![
            line("sheet.png", "look at this: every image with its boxes"),
            line(
                "images/",
                "the images at full size; image_map.json lists them",
            ),
            line(
                "coco/ yolo/",
                "training sets; train_letters.py trains a small detector on coco",
            ),
            line("digest.json", "the images and annotations of the archive"),
            line(
                "localizations.json",
                "the images and the box of every letter",
            ),
            line("archive/", "the drawn archive itself"),
            show,
        ],
        ..Summary::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_shells_need_it() {
        let cases = [
            ("a/b.json", "a/b.json"),
            ("NIR.*Recto", "'NIR.*Recto'"),
            ("", "''"),
            ("it's", "'it'\\''s'"),
        ];
        for (word, wanted) in cases {
            assert_eq!(quoted(word), wanted);
        }
    }
}
