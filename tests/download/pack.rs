//! `--pack tar`: many images in few files, through every stage.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use super::*;

const IMAGES: usize = 12;
/// Some three images to a tar file.
const PACK: [&str; 4] = ["--pack", "tar", "--pack-size", "5KB"];

fn archive() -> Server {
    Server::start(|request, _| match request.path[1..].parse::<usize>() {
        Ok(n) => Answer::Serve(jpeg(n as u8 * 20), "image/jpeg"),
        Err(_) => Answer::Status(404),
    })
}

fn images(server: &Server, count: usize) -> Value {
    let image = |n: usize| {
        let mut image = plain(&format!("i{n:02}"), server.url(&format!("/{n}")));
        image["group"] = json!(format!("g{}", n % 3));
        image["frame"] = json!([48, 32]);
        let found = json!({"id": format!("b{n}"), "concept": "alef", "bbox": [1, 2, 10, 12]});
        image["localizations"] = json!([found]);
        image
    };
    set((0..count).map(image).collect())
}

fn packed<'a>(more: &[&'a str]) -> Vec<&'a str> {
    args(&[&PACK[..], more].concat())
}

/// The files in all tar files of a folder, by name; none twice.
fn files_in_packs(work: &Workdir, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let tree = work.tree(folder);
    for (name, bytes) in tree.iter().filter(|(name, _)| name.ends_with(".tar")) {
        assert_eq!(&bytes[bytes.len() - 1024..], [0; 1024], "{name} has no end");
        let mut tar = tar::Archive::new(&bytes[..]);
        for file in tar.entries().unwrap() {
            let mut file = file.unwrap();
            let path = file.path().unwrap().display().to_string();
            let mut content = Vec::new();
            file.read_to_end(&mut content).unwrap();
            assert!(
                found.insert(path.clone(), content).is_none(),
                "{path} is there twice"
            );
        }
    }
    found
}

/// The image that an image map names, read as its entry says.
fn mapped(work: &Workdir, map: &str, id: &str) -> Vec<u8> {
    let map = work.json(map);
    let entry = map[id]
        .as_str()
        .unwrap_or_else(|| panic!("{id} is not in {map}"));
    let (_, rest) = entry.split_once("#pack=").unwrap();
    let (rest, length) = rest.split_once("&length=").unwrap();
    let (tar, offset) = rest.split_once("&offset=").unwrap();
    let (offset, length): (usize, usize) = (offset.parse().unwrap(), length.parse().unwrap());
    work.read(tar)[offset..offset + length].to_vec()
}

fn number_of_files(work: &Workdir, folder: &str) -> usize {
    let tree = work.tree(folder);
    tree.keys()
        .filter(|name| !name.starts_with(".recto/"))
        .count()
}

fn reformatted(work: &Workdir, map: &str, output: &str) -> BTreeMap<String, Vec<u8>> {
    let call = ["localizations.json", "--image-map", map];
    for format in ["coco", "webdataset"] {
        let output = format!("{output}/{format}");
        work.run(
            "reformat",
            &[&call[..], &["-f", format, "-o", &output]].concat(),
        )
        .exits(0);
    }
    let mut tree = work.tree(output);
    // They name the image map by its hash.
    tree.retain(|name, _| !name.ends_with("dataset.json") && !name.ends_with("README.md"));
    tree
}

#[test]
fn images_in_tar_files_are_those_of_files_and_make_the_same_training_set() {
    let server = archive();
    let (alone, work) = (Workdir::new(), Workdir::new());
    let all = images(&server, IMAGES);
    alone.write_json("localizations.json", &all);
    work.write_json("localizations.json", &all);
    alone.run("download", &args(&[])).exits(0);
    work.run("download", &packed(&[]))
        .exits(0)
        .says(&["12 of 12 images"]);

    let packs = files_in_packs(&work, "images");
    assert_eq!(packs, pictures(&alone), "other names or bytes");
    let sizes = work.tree("images");
    let sizes = sizes.iter().filter(|(name, _)| name.ends_with(".tar"));
    let sizes: Vec<usize> = sizes.map(|(_, bytes)| bytes.len()).collect();
    assert!(
        sizes.len() > 2 && sizes.iter().all(|n| *n <= 5000),
        "{sizes:?}"
    );
    assert_eq!(
        number_of_files(&work, "images"),
        sizes.len() + 1,
        "tar files and the journal"
    );
    for n in 0..IMAGES {
        assert_eq!(
            mapped(&work, "image_map.json", &format!("i{n:02}")),
            jpeg(n as u8 * 20)
        );
    }

    let asked = server.log().len();
    work.run("download", &packed(&["--verify"]))
        .exits(0)
        .says(&["12 from earlier runs", "--verify: 12 files unchanged"]);
    assert_eq!(server.log().len(), asked, "asked again");
    assert_eq!(files_in_packs(&work, "images"), packs);

    let wanted = reformatted(&alone, "image_map.json", "out");
    assert!(
        wanted == reformatted(&work, "image_map.json", "out"),
        "another training set"
    );
    std::os::unix::fs::symlink(alone.path("images"), work.path("other")).unwrap();
    work.run("recto", &["diff", "images", "other"])
        .exits(0)
        .says(&["are the same"]);
}

#[test]
fn names_are_keys_of_samples_and_each_image_has_its_own() {
    let server = archive();
    let mut all = images(&server, 3);
    for (n, label) in [(0, "fr. 1"), (1, "fr_1"), (2, "a.b.c")] {
        all["images"][n]["source"]["labels"]["canvas"] = json!(label);
        all["images"][n]["group"] = json!("4Q1.2");
    }
    let work = Workdir::new();
    work.write_json("localizations.json", &all);
    work.run("download", &packed(&[])).exits(0);
    let names: Vec<String> = files_in_packs(&work, "images").into_keys().collect();
    assert_eq!(names.len(), 3);
    assert!(
        names.iter().all(|name| name.matches('.').count() == 1),
        "{names:?}"
    );
    assert!(names[0].contains("/a_b_c.jpg"), "{names:?}");
    // One that comes later and would have the same name gets another; those that are there keep theirs.
    let mut later = images(&server, 4);
    for n in 0..3 {
        later["images"][n] = all["images"][n].clone();
    }
    later["images"][3]["source"]["labels"]["canvas"] = json!("a b/c");
    later["images"][3]["group"] = json!("4Q1.2");
    work.write_json("localizations.json", &later);
    work.run("download", &packed(&[])).exits(0);
    let now = files_in_packs(&work, "images");
    assert_eq!(now.len(), 4);
    assert!(
        names.iter().all(|name| now.contains_key(name)),
        "{names:?} {now:?}"
    );
    let map = work.json("image_map.json");
    let entries: BTreeSet<&str> = map
        .as_object()
        .unwrap()
        .values()
        .map(|v| v.as_str().unwrap())
        .collect();
    assert_eq!(entries.len(), 4);
}

#[test]
fn a_run_that_was_killed_goes_on_and_no_image_is_in_a_pack_twice() {
    for damage in [
        "",
        "half a header",
        "a whole block of five hundred and twelve bytes, and more",
    ] {
        let open = Arc::new(Mutex::new(false));
        let gate = open.clone();
        let server = Server::start(move |request, _| {
            let n: usize = request.path[1..].parse().unwrap();
            match n >= IMAGES / 2 && !*gate.lock().unwrap() {
                true => Answer::Stall(Duration::from_secs(60)),
                false => Answer::Serve(jpeg(n as u8 * 20), "image/jpeg"),
            }
        });
        let work = Workdir::new();
        work.write_json("localizations.json", &images(&server, IMAGES));
        let mut call = packed(&["-q", "-j", "2", "--per-host", "2"]);
        call[7] = "60"; // --timeout
        let mut child = Running(work.command("download", &call).spawn().unwrap());
        let is_there =
            || work.exists("images/downloads.jsonl") && journal(&work).len() == IMAGES / 2;
        wait_until(is_there);
        child.0.kill().unwrap();
        child.0.wait().unwrap();
        let last = work
            .tree("images")
            .into_keys()
            .filter(|name| name.ends_with(".tar"))
            .max();
        let last = format!("images/{}", last.unwrap());
        let mut torn = work.read(&last);
        torn.extend_from_slice(damage.repeat(12).as_bytes());
        work.write(&last, torn);
        *open.lock().unwrap() = true;
        work.run("download", &call).exits(0);
        for n in 0..IMAGES / 2 {
            assert_eq!(server.hits(&format!("/{n}")), 1, "{n} was fetched twice");
            assert_eq!(
                mapped(&work, "image_map.json", &format!("i{n:02}")),
                jpeg(n as u8 * 20)
            );
        }
        assert_eq!(files_in_packs(&work, "images").len(), IMAGES);
        let whole = Workdir::new();
        whole.write_json("localizations.json", &images(&server, IMAGES));
        whole.run("download", &packed(&[])).exits(0);
        assert_eq!(
            files_in_packs(&work, "images"),
            files_in_packs(&whole, "images")
        );
    }
}

#[test]
fn damaged_and_missing_packs_are_found_and_their_images_downloaded_again() {
    let server = archive();
    let work = Workdir::new();
    work.write_json("localizations.json", &images(&server, IMAGES));
    work.run("download", &packed(&["-j", "1"])).exits(0);
    let entry = work.json("image_map.json")["i00"]
        .as_str()
        .unwrap()
        .to_owned();
    let offset = entry.split_once("&offset=").unwrap().1;
    let offset: usize = offset.split_once('&').unwrap().0.parse().unwrap();
    let mut first = work.read("images/images-00000.tar");
    first[offset + 300] ^= 1;
    work.write("images/images-00000.tar", &first);
    work.run("download", &packed(&[]))
        .exits(0)
        .says(&["12 from earlier runs"]);
    work.run("download", &packed(&["--verify"]))
        .exits(0)
        .says(&[
            "--verify: 11 of 12 files unchanged",
            "1 file missing, or damaged in its tar file: 1 downloaded again",
        ]);
    assert_eq!(server.hits("/0"), 2);
    assert_eq!(mapped(&work, "image_map.json", "i00"), jpeg(0));

    let lost = journal(&work)
        .iter()
        .filter(|line| line["pack"]["tar"] == "images-00001.tar")
        .count();
    std::fs::remove_file(work.path("images/images-00001.tar")).unwrap();
    let asked = server.log().len();
    work.run("download", &packed(&[]))
        .exits(0)
        .says(&["12 of 12 images"]);
    assert_eq!(server.log().len() - asked, lost);
    reformatted(&work, "image_map.json", "out");
}

#[test]
fn what_a_server_has_changed_is_added_and_the_old_bytes_are_kept() {
    let version = Arc::new(AtomicUsize::new(0));
    let now = version.clone();
    let server = Server::start(move |request, _| {
        let n: usize = request.path[1..].parse().unwrap();
        let version = if n == 1 {
            now.load(Ordering::SeqCst)
        } else {
            0
        };
        let etag = format!("\"{n}-{version}\"");
        match request.headers.get("if-none-match") == Some(&etag) {
            true => Answer::Status(304),
            false => Answer::Full(
                200,
                vec![
                    ("etag".into(), etag),
                    ("content-type".into(), "image/jpeg".into()),
                ],
                jpeg((n * 20 + version) as u8),
            ),
        }
    });
    let work = Workdir::new();
    work.write_json("localizations.json", &images(&server, 3));
    work.run("download", &packed(&["--lock"])).exits(0);
    version.store(7, Ordering::SeqCst);
    work.run("download", &packed(&["--refresh"]))
        .exits(0)
        .says(&["2 unchanged, 1 changed"]);
    assert_eq!(mapped(&work, "image_map.json", "i01"), jpeg(27));
    let kept = work.tree("images/.recto/versions");
    assert!(kept.values().eq([&jpeg(20)]), "{:?}", kept.keys());
    // The lock gives the old bytes back, as a file of its own.
    work.run("download", &packed(&["--locked"]))
        .exits(0)
        .says(&["3 images are as in recto.lock"]);
    assert_eq!(file(&work, "i01"), jpeg(20));
}

#[test]
fn images_may_be_in_files_and_in_packs() {
    let server = archive();
    let work = Workdir::new();
    work.write_json("localizations.json", &images(&server, 4));
    work.run("download", &args(&[])).exits(0);
    work.write_json("localizations.json", &images(&server, 8));
    work.run("download", &packed(&[])).exits(0);
    assert_eq!(server.log().len(), 8, "nothing is fetched twice");
    assert_eq!(
        (
            pictures(&work)
                .keys()
                .filter(|name| name.ends_with(".jpg"))
                .count(),
            files_in_packs(&work, "images").len()
        ),
        (4, 4)
    );
    work.run("download", &args(&["--verify"]))
        .exits(0)
        .says(&["--verify: 8 files unchanged"]);
    // Downloaded again, the files go into packs too.
    work.run("download", &packed(&["--overwrite"])).exits(0);
    assert!(pictures(&work).keys().all(|name| name.ends_with(".tar")));
    reformatted(&work, "image_map.json", "out");
}

#[test]
fn workers_packs_are_merged_as_they_are() {
    let server = archive();
    let work = Workdir::new();
    work.write_json("localizations.json", &images(&server, IMAGES));
    work.run(
        "shard",
        &["plan", "localizations.json", "-n", "3", "-o", "plan"],
    )
    .exits(0);
    for shard in ["0/3", "1/3", "2/3"] {
        let call = ["plan", "images", "--shard", shard];
        work.run("download", &[&call[..], &FAST, &PACK].concat())
            .exits(0);
    }
    let once = || {
        work.run(
            "shard",
            &["merge", "images", "--image-map", "image_map.json"],
        )
        .exits(0)
        .says(&["12 images"]);
        let mut tree = work.tree("images");
        tree.retain(|name, _| !name.starts_with("shard-") && !name.starts_with(".recto"));
        tree
    };
    let merged = once();
    assert!(merged == once(), "merging twice changes something");
    assert!(
        merged
            .keys()
            .all(|name| name.ends_with(".tar") || name == "downloads.jsonl"),
        "{:?}",
        merged.keys()
    );
    let alone = Workdir::new();
    alone.write_json("localizations.json", &images(&server, IMAGES));
    alone.run("download", &packed(&[])).exits(0);
    for n in 0..IMAGES {
        assert_eq!(
            mapped(&work, "image_map.json", &format!("i{n:02}")),
            jpeg(n as u8 * 20)
        );
    }
    assert!(
        reformatted(&work, "image_map.json", "out") == reformatted(&alone, "image_map.json", "out")
    );
    // A download goes on there, and leaves the packs of workers as they are.
    let asked = server.log().len();
    work.run("download", &packed(&[]))
        .exits(0)
        .says(&["12 from earlier runs"]);
    assert_eq!(server.log().len(), asked);
    // Merged anew, and moved.
    for name in merged.keys() {
        std::fs::remove_file(work.path(&format!("images/{name}"))).unwrap();
    }
    work.run("shard", &["merge", "images", "--move"])
        .exits(0)
        .says(&["12 images"]);
    let is_left = |name: &String| name.starts_with("shard-") && name.ends_with(".tar");
    assert!(!work.tree("images").keys().any(is_left));
    assert_eq!(mapped(&work, "image_map.json", "i03"), jpeg(60));
}

#[test]
fn what_packs_cannot_do_is_refused() {
    let work = one_of(plain("a", "http://h.example/a.jpg".into()));
    let cases: [(&[&str], &str); 4] = [
        (&["--pack", "tar", "--prune"], "--prune"),
        (
            &["--pack", "tar", "--orphans", "move"],
            "cannot be moved out of a tar file",
        ),
        (&["--pack-size", "1GB"], "--pack"),
        (&["--pack", "zip"], "tar"),
    ];
    for (options, says) in cases {
        work.run("download", &args(options)).exits(2).says(&[says]);
        assert!(!work.exists("images"));
    }
}

#[test]
fn tar_files_stay_when_the_journal_that_knows_them_is_lost() {
    let server = archive();
    let work = Workdir::new();
    work.write_json("localizations.json", &images(&server, 3));
    work.run("download", &packed(&[])).exits(0);
    let before = files_in_packs(&work, "images");
    std::fs::remove_file(work.path("images/downloads.jsonl")).unwrap();
    let gone = Server::start(|_, _| Answer::Status(404));
    work.write_json("localizations.json", &images(&gone, 3));
    work.run("download", &packed(&["--retries", "0"])).exits(3);
    assert_eq!(files_in_packs(&work, "images"), before);
}
