//! Damaged images and PDFs in a folder that is served: every request is answered, and the server neither ends nor takes
//! more memory than it was given. What the server starts for JPEG 2000 and PDF has limits of its own.
//!
//! `RECTO_CASES=100000 cargo test --test mutations served -- --nocapture --test-threads 1` is the long run.

use std::io::Read as _;
use std::sync::{Arc, Mutex};

use recto_testkit::mutation::{self, Random};
use recto_testkit::{Workdir, samples, tiffs};

use super::running::Serving;

/// What the server is given, in MiB.
const MEMORY: &str = "64";
/// The most that it may take in all, in MiB: its code and libraries, and what a decoder takes at least, come on top.
const MOST: u64 = 256;

/// The most memory that a process took so far, in MiB.
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib = line.unwrap().trim().trim_end_matches(" kB");
    kib.parse::<u64>().unwrap() >> 10
}

/// Serves samples of a format, of which one after the other is replaced by a damaged one.
fn damaged(suffix: &'static str, sound: Vec<(&'static str, Vec<u8>)>, cases: u64) {
    let work = Workdir::new();
    let write = move |work: &Workdir, bytes: &[u8]| {
        // As careful people replace files: no reader sees half of one.
        let made = work.path("next");
        std::fs::write(&made, bytes).unwrap();
        std::fs::rename(made, work.path(&format!("pictures/x.{suffix}"))).unwrap();
    };
    std::fs::create_dir(work.path("pictures")).unwrap();
    write(&work, &sound[0].1);
    let mut server = Serving::start(&work, &["pictures", "--memory", MEMORY]);
    let process = server.child.id();
    let said = Arc::new(Mutex::new(Vec::new()));
    let (mut stderr, heard) = (server.child.stderr.take().unwrap(), said.clone());
    let listener = std::thread::spawn(move || {
        let mut part = [0; 4096];
        while let Ok(length @ 1..) = stderr.read(&mut part) {
            heard.lock().unwrap().extend(&part[..length]);
        }
    });
    let server = Arc::new(server);
    let serving = server.clone();
    let is_shown = move |bytes: &[u8]| {
        write(&work, bytes);
        let [info, whole] = ["info.json", "full/!60,60/0/default.png"]
            .map(|what| serving.get(&format!("/iiif/3/x/{what}")));
        for answer in [&info, &whole] {
            let words = String::from_utf8_lossy(&answer.body);
            // What was rendered just now from a file of the same size and time may be another one: not here, by its inode.
            let is_told = answer.status == 200 || words.trim().len() > 10;
            assert!(is_told, "{} without a word", answer.status);
            assert!(!words.starts_with("internal error"), "{words}");
        }
        whole.status == 200
    };
    let not_shown: Vec<&str> = sound
        .iter()
        .filter(|(_, bytes)| !is_shown(bytes))
        .map(|(name, _)| *name)
        .collect();
    assert!(not_shown.is_empty(), "sound and not shown: {not_shown:?}");
    let make = move |random: &mut Random| mutation::bytes(&random.choose(&sound).1, random);
    let outcome = mutation::check(cases, make, is_shown);
    let took = peak(process);
    println!(
        "{suffix}: {} damaged files are shown, {} refused; the server took at most {took} MiB",
        outcome.taken, outcome.refused
    );
    assert!(took < MOST, "{took} MiB");
    let server = Arc::into_inner(server).expect("nobody else asks");
    assert_eq!(server.stop().0, 0);
    listener.join().unwrap();
    let said = String::from_utf8_lossy(&said.lock().unwrap()).into_owned();
    assert!(!said.contains("panicked"), "{said}");
    outcome.is_mixed();
}

fn pictures(format: &str) -> Vec<(&'static str, Vec<u8>)> {
    let all = samples::pictures().into_iter();
    all.filter(|(name, _)| name.ends_with(format)).collect()
}

#[test]
fn jpeg() {
    damaged("jpg", pictures("jpg"), 200);
}

#[test]
fn png() {
    damaged("png", pictures("png"), 200);
}

#[test]
fn gif() {
    damaged("gif", pictures("gif"), 200);
}

#[test]
fn webp() {
    damaged("webp", pictures("webp"), 200);
}

#[test]
fn bmp() {
    damaged("bmp", pictures("bmp"), 200);
}

#[test]
fn tiff() {
    let all = pictures("tif").into_iter().chain(tiffs::tiffs());
    damaged("tif", all.collect(), 400);
}

#[test]
fn jpeg_2000() {
    let steps = include_bytes!("../serve/steps.jp2").to_vec();
    damaged("jp2", vec![("steps", steps)], 60);
}

#[test]
fn avif() {
    let files: [(&str, &[u8]); 4] = [
        ("plain", include_bytes!("../serve/avif/plain.avif")),
        ("clear", include_bytes!("../serve/avif/clear.avif")),
        ("turned", include_bytes!("../serve/avif/turned.avif")),
        ("tiles", include_bytes!("../serve/avif/tiles.avif")),
    ];
    let files = files.map(|(name, bytes)| (name, bytes.to_vec()));
    damaged("avif", files.to_vec(), 60);
}

#[test]
fn pdf() {
    damaged("pdf", vec![("paper", samples::pdf())], 50);
}
