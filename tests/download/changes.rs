//! What changed since an earlier run, and whose file it is.

use super::*;

fn jpegs(work: &Workdir) -> Vec<String> {
    pictures(work).into_keys().collect()
}

#[test]
fn images_joined_from_regions_are_asked_by_size_and_by_one_region() {
    let origin = Origin {
        cap: Some(100),
        ..Origin::default()
    };
    let other = Origin {
        width: origin.width,
        height: origin.height - 10,
        ..origin.clone()
    };
    let later = Arc::new(AtomicUsize::new(0));
    let (now, served) = (later.clone(), origin.clone());
    let server =
        Server::start(
            move |request, _| match (now.load(Ordering::Relaxed), &*request.path) {
                (1, path) if path.starts_with("/iiif/b/") => Answer::Status(404),
                (1, path) if path.starts_with("/iiif/c/") => other.answer(request),
                _ => served.answer(request),
            },
        );
    let work = Workdir::new();
    let images = ["a", "b", "c"].map(|id| service(id, server.url(&format!("/iiif/{id}")), 2));
    work.write_json("localizations.json", &set(images.to_vec()));
    work.run("download", &args(&["--format", "png"])).exits(0);
    later.store(1, Ordering::Relaxed);
    let before = server.log().len();
    let call = args(&["--format", "png", "--refresh", "--report", "r.json"]);
    work.run("download", &call)
        .exits(0)
        .says(&["--refresh: 1 unchanged, 1 changed, 1 gone from the server"]);
    assert!(server.log().len() > before);
    let changes = rows(&work, "changes.csv");
    let told: Vec<[&str; 2]> = changes.iter().map(|row| [&*row[0], &*row[2]]).collect();
    assert_eq!(told, [["b", "gone"], ["c", "changed"]]);
    assert!(
        changes[1][4] != changes[1][5] && changes[1][5].len() == 64,
        "{changes:?}"
    );
    assert_eq!(
        work.json("r.json")["changes"],
        json!({"gone": ["b"], "changed": ["c"]})
    );
    let call = args(&["--format", "png", "--refresh", "--prune"]);
    work.run("download", &call)
        .exits(3)
        .says(&["--prune: 1 file gone from the server moved to"]);
    assert_eq!(work.json("image_map.json").as_object().unwrap().len(), 2);
}

#[test]
fn a_file_that_a_person_edited_is_kept_elsewhere() {
    let server = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let work = one_of(plain("a", server.url("/a.jpg")));
    work.run("download", &args(&[])).exits(0);
    let path = work.json("image_map.json")["a"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut same_length = jpeg(1);
    same_length[400] ^= 1;
    for (edited, options) in [
        (jpeg(9)[..700].to_vec(), &[][..]),
        (same_length, &["-o"][..]),
    ] {
        work.write(&path, &edited);
        let ran = work.run("download", &args(options));
        ran.exits(0)
            .says(&["1 file was edited or replaced since the download"]);
        let kept: Vec<Vec<u8>> = work.tree("images/.recto/altered").into_values().collect();
        assert!(kept.contains(&edited), "beside those of earlier runs");
        assert_eq!(work.read(&path), jpeg(1));
    }
}

#[test]
fn a_file_moves_with_the_name_of_its_image() {
    let server = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let labelled = |label: &str| {
        let mut image = plain("a", server.url("/a.jpg"));
        image["source"]["labels"]["canvas"] = json!(label);
        set(vec![image])
    };
    let work = Workdir::new();
    work.write_json("localizations.json", &labelled("old name"));
    work.run("download", &args(&[])).exits(0);
    work.write_json("localizations.json", &labelled("new name"));
    for options in [&[][..], &["-o"]] {
        work.run("download", &args(options)).exits(0);
        let files = jpegs(&work);
        assert!(
            files.len() == 1 && files[0].contains("new_name"),
            "{files:?}"
        );
    }
    assert_eq!(server.log().len(), 2, "the first time, and with -o");
    let call = args(&["--name", "{label}"]);
    work.run("download", &call).exits(0);
    assert_eq!(jpegs(&work), ["reef/new_name.jpg"]);
}

#[test]
fn files_of_images_that_left_the_set_are_told_and_moved_when_asked() {
    let server = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let image = |id: &str| plain(id, server.url(&format!("/{id}.jpg")));
    let work = Workdir::new();
    work.write_json("localizations.json", &set(vec![image("a"), image("b")]));
    work.run("download", &args(&[])).exits(0);
    work.write_json("localizations.json", &set(vec![image("a")]));
    let told = "1 file is of an image that is no longer in the set";
    work.run("download", &args(&[])).exits(0).says(&[told]);
    work.run("download", &args(&["--orphans", "list"]))
        .exits(0)
        .says(&[told, "reef/b.jpg"]);
    work.run("download", &args(&["--orphans", "move"]))
        .exits(0)
        .says(&["moved to"]);
    assert_eq!(jpegs(&work).len(), 1);
    assert!(
        work.tree("images")
            .keys()
            .any(|name| name == ".recto/orphans/reef/b.jpg")
    );
}

#[test]
fn one_file_behind_many_urls_is_told_and_left_out_when_asked() {
    let server = Server::start(|request, _| match &*request.path {
        path if path.contains("gone") => Answer::Full(
            302,
            vec![("location".into(), "/unavailable.jpg".into())],
            vec![],
        ),
        "/unavailable.jpg" => Answer::Serve(jpeg(7), "image/jpeg"),
        _ => Answer::Serve(jpeg(1), "image/jpeg"),
    });
    let work = Workdir::new();
    let names = ["gone1", "gone2", "gone3", "ok"];
    let images = names.map(|id| plain(id, server.url(&format!("/{id}.jpg"))));
    work.write_json("localizations.json", &set(images.to_vec()));
    let ran = work.run("download", &args(&[]));
    ran.exits(0)
        .says(&["3 images have the same file", "--drop-placeholder"]);
    let entry = journal(&work)
        .into_iter()
        .find(|entry| entry["id"] == "gone1")
        .unwrap();
    assert_eq!(entry["redirected_to"], server.url("/unavailable.jpg"));
    let hash = entry["sha256"].as_str().unwrap().to_owned();
    for shown in ["3", &hash] {
        work.run("download", &args(&["--drop-placeholder", shown]))
            .exits(3);
        assert_eq!(
            work.json("image_map.json").as_object().unwrap().len(),
            1,
            "{shown}"
        );
        let failures = rows(&work, "failures.csv");
        assert!(failures.len() == 3 && failures.iter().all(|row| row[3] == "placeholder"));
    }
    assert_eq!(server.log().len(), 7, "nothing is requested again");
}

#[test]
fn another_signature_is_no_other_image_and_no_list_shows_it() {
    let server = Server::start(|request, _| match request.path.contains("/b.jpg") {
        true => Answer::Status(403),
        false => Answer::Serve(jpeg(1), "image/jpeg"),
    });
    let signed = |signature: &str| {
        let query = format!("?X-Amz-Date=1&X-Amz-Signature={signature}");
        let image = |id: &str| plain(id, server.url(&format!("/{id}.jpg{query}")));
        set(vec![image("a"), image("b")])
    };
    let work = Workdir::new();
    for signature in ["abc", "def"] {
        work.write_json("localizations.json", &signed(signature));
        work.run("download", &args(&[])).exits(3);
        assert!(!work.text("failures.csv").contains(signature));
    }
    assert_eq!(
        server
            .log()
            .iter()
            .filter(|r| r.path.contains("/a.jpg"))
            .count(),
        1
    );
}

#[test]
fn names_that_change_places_take_their_files_along_and_nothing_is_overwritten() {
    let server = Server::start(|request, _| match &*request.path {
        "/a.jpg" => Answer::Serve(jpeg(1), "image/jpeg"),
        "/b.jpg" => Answer::Serve(jpeg(2), "image/jpeg"),
        _ => Answer::Serve(jpeg(3), "image/jpeg"),
    });
    let image = |id: &str, label: &str| {
        let mut image = plain(id, server.url(&format!("/{id}.jpg")));
        image["source"]["labels"]["canvas"] = json!(label);
        image
    };
    let call = args(&["--name", "{label}"]);
    let work = Workdir::new();
    work.write_json(
        "localizations.json",
        &set(vec![image("a", "x"), image("b", "y")]),
    );
    work.run("download", &call).exits(0);
    // Of a person, where an image will go.
    work.write("images/reef/z.jpg", "mine");
    let turned = vec![image("a", "y"), image("b", "z"), image("c", "x")];
    work.write_json("localizations.json", &set(turned));
    for options in [&[][..], &["-o"]] {
        work.run("download", &[&call[..], options].concat())
            .exits(0);
        assert_eq!(jpegs(&work), ["reef/x.jpg", "reef/y.jpg", "reef/z.jpg"]);
        for (id, shade) in [("a", 1), ("b", 2), ("c", 3)] {
            assert_eq!(file(&work, id), jpeg(shade), "{id}");
        }
    }
    assert_eq!(work.text("images/.recto/altered/reef/z.jpg"), "mine");
}

#[test]
fn what_a_killed_run_could_not_note_is_found_again() {
    let server = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let labelled = |label: &str| {
        let mut image = plain("a", server.url("/a.jpg"));
        image["source"]["labels"]["canvas"] = json!(label);
        set(vec![image])
    };
    let work = Workdir::new();
    work.write_json("localizations.json", &labelled("x"));
    let call = args(&["--name", "{label}"]);
    work.run("download", &call).exits(0);
    work.write_json("localizations.json", &labelled("y"));
    work.run("download", &call).exits(0);
    assert_eq!(jpegs(&work), ["reef/y.jpg"]);
    // Killed after a file got its name, before its line was written.
    std::fs::remove_file(work.path("images/downloads.jsonl")).unwrap();
    let ran = work.run("download", &call);
    ran.exits(0);
    assert!(
        !ran.stderr().contains("edited or replaced"),
        "{}",
        ran.stderr()
    );
    assert!(!work.exists("images/.recto/altered"));
    assert_eq!(server.log().len(), 2);
}

#[test]
fn changes_list_hashes_of_this_run_only() {
    let later = Arc::new(AtomicUsize::new(0));
    let now = later.clone();
    let server = Server::start(move |request, _| {
        let tag = |tag: &str| vec![("etag".into(), format!("\"{tag}\""))];
        match (
            now.load(Ordering::Relaxed),
            request.headers.get("if-none-match"),
        ) {
            (0, _) => Answer::Full(200, tag("old"), jpeg(1)),
            // It has changed, and then it is not to be had.
            (_, Some(_)) => Answer::Full(200, tag("new"), jpeg(2)),
            _ => Answer::Status(403),
        }
    });
    let work = one_of(plain("a", server.url("/a.jpg")));
    work.run("download", &args(&[])).exits(0);
    later.store(1, Ordering::Relaxed);
    work.run("download", &args(&["--refresh"])).exits(3);
    let row = &rows(&work, "changes.csv")[0];
    assert_eq!(
        (&*row[2], row[4].len(), &*row[5]),
        ("unknown", 64, ""),
        "{row:?}"
    );
}

#[test]
fn an_image_with_the_name_of_one_that_left_the_set_keeps_its_file() {
    let server = Server::start(|request, _| match &*request.path {
        "/a.jpg" => Answer::Serve(jpeg(1), "image/jpeg"),
        _ => Answer::Serve(jpeg(2), "image/jpeg"),
    });
    let image = |id: &str, label: &str| {
        let mut image = plain(id, server.url(&format!("/{id}.jpg")));
        image["source"]["labels"]["canvas"] = json!(label);
        image
    };
    let call = args(&["--name", "{label}", "--prune"]);
    let work = Workdir::new();
    work.write_json(
        "localizations.json",
        &set(vec![image("a", "x"), image("b", "y")]),
    );
    work.run("download", &call).exits(0);
    work.write_json("localizations.json", &set(vec![image("a", "y")]));
    for _ in 0..2 {
        work.run("download", &call).exits(0);
        assert_eq!(file(&work, "a"), jpeg(1));
        assert_eq!(jpegs(&work), ["reef/y.jpg"]);
    }
}

#[test]
fn names_of_metadata_are_those_of_the_images() {
    let server = Server::start(|request, _| {
        let seed = request.path.len() as u8;
        Answer::Serve(jpeg(seed), "image/jpeg")
    });
    let with = |id: &str, plate: &str, frag: &str| {
        let mut image = plain(id, server.url(&format!("/{id}.jpg")));
        image["metadata"] = json!({"Plate": [plate], "frag": [frag]});
        image
    };
    let work = Workdir::new();
    let images = vec![
        with("a", "600", "1"),
        with("bb", "600", "2"),
        with("ccc", "600", "2"),
    ];
    work.write_json("localizations.json", &set(images));
    work.run("download", &args(&["--name", "{plate}_{frag}"]))
        .exits(0);
    let files = jpegs(&work);
    assert_eq!(files[0], "reef/600_1.jpg");
    let told_apart = files[1..]
        .iter()
        .all(|name| name.starts_with("reef/600_2-"));
    assert!(files.len() == 3 && told_apart, "{files:?}");
    work.run("download", &args(&["--name", "{plaet}_{FRAG}_{label}"]))
        .exits(2)
        .says(&["--name: no image has a field `plaet`", "Plate, frag"]);
}

#[test]
fn files_in_another_format_are_moved_when_the_new_ones_are_there() {
    let server = Server::start(|request, _| Origin::default().answer(request));
    let work = one_of(service("a", server.url("/iiif/a"), 2));
    work.run("download", &args(&["--format", "png"])).exits(0);
    work.run("download", &args(&["--format", "jpg"]))
        .exits(0)
        .says(&["1 file of earlier downloads in another format moved to .recto/orphans"]);
    let tree: Vec<String> = work.tree("images").into_keys().collect();
    let of = |suffix: &str| -> Vec<&String> {
        tree.iter().filter(|path| path.ends_with(suffix)).collect()
    };
    assert!(
        matches!(of(".jpg")[..], [path] if !path.contains(".recto")),
        "{tree:?}"
    );
    assert!(
        matches!(of(".png")[..], [path] if path.contains(".recto/orphans/")),
        "{tree:?}"
    );
}

#[test]
fn files_of_another_set_in_the_folder_are_not_those_that_left_this_one() {
    let server = Server::start(|request, _| {
        let seed = request.path.as_bytes()[1];
        Answer::Serve(jpeg(seed), "image/jpeg")
    });
    let image = |id: &str| plain(id, server.url(&format!("/{id}.jpg")));
    let work = Workdir::new();
    let download = |name: &str, ids: &[&str], more: &[&str]| {
        let images = ids.iter().map(|id| image(id)).collect();
        work.write_json(&format!("{name}.json"), &set(images));
        let (from, map) = (format!("{name}.json"), format!("{name}.map.json"));
        let mut call = vec![&*from, "images", "--image-map", &map];
        call.extend(FAST);
        call.extend(more);
        work.run("download", &call).exits(0);
    };
    download("one", &["a", "b", "c"], &[]);
    download("two", &["c", "d", "e"], &[]);
    download("one", &["a"], &["--prune"]);
    let files = jpegs(&work);
    let left: Vec<&str> = files
        .iter()
        .map(|path| &path[path.len() - 5..path.len() - 4])
        .collect();
    assert_eq!(left, ["a", "c", "d", "e"], "{files:?}");
    for path in work.json("two.map.json").as_object().unwrap().values() {
        assert!(work.exists(path.as_str().unwrap()));
    }
}

/// Two images that change their names with each other.
fn swapped() -> (Server, Workdir) {
    let server = Server::start(|request, _| {
        let seed = if request.path.contains("/a") { 1 } else { 2 };
        Answer::Serve(jpeg(seed), "image/jpeg")
    });
    let work = Workdir::new();
    let write = |labels: [&str; 2]| {
        let labelled = |(id, label): (&str, &str)| {
            let mut image = plain(id, server.url(&format!("/{id}.jpg")));
            image["source"]["labels"]["canvas"] = json!(label);
            image
        };
        let images = ["a", "b"].into_iter().zip(labels).map(labelled);
        work.write_json("localizations.json", &set(images.collect()));
    };
    write(["one", "two"]);
    work.run("download", &args(&["--name", "{label}"])).exits(0);
    write(["two", "one"]);
    (server, work)
}

#[test]
fn renames_that_were_killed_are_ended_wherever_they_were() {
    let waiting = |id: &str| {
        let hash = <sha2::Sha256 as sha2::Digest>::digest(id);
        let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("images/.recto/renaming/{}", &digits[..24])
    };
    // Whether all have left, which files wait, which have their new names.
    let states: [(bool, &[&str], &[&str]); 6] = [
        (false, &[], &[]),
        (false, &["a"], &[]),
        (false, &["a", "b"], &[]),
        (true, &["a", "b"], &[]),
        (true, &["b"], &["a"]),
        (true, &[], &["a", "b"]),
    ];
    for (have_left, wait, arrived) in states {
        let (server, work) = swapped();
        let old = |id: &str| format!("images/reef/{}.jpg", if id == "a" { "one" } else { "two" });
        let new = |id: &str| old(if id == "a" { "b" } else { "a" });
        let moves: Vec<Value> = work
            .text("images/downloads.jsonl")
            .lines()
            .map(|line| {
                let mut line: Value = serde_json::from_str(line).unwrap();
                let from = line["path"].clone();
                let to = new(line["id"].as_str().unwrap());
                line["path"] = json!(to.strip_prefix("images/").unwrap());
                json!({"from": from, "line": line})
            })
            .collect();
        let bytes = ["a", "b"].map(|id| (id, work.read(&old(id))));
        for (id, bytes) in &bytes {
            if have_left || wait.contains(id) {
                std::fs::remove_file(work.path(&old(id))).unwrap();
            }
            if wait.contains(id) {
                work.write(&waiting(id), bytes);
            }
        }
        for (id, bytes) in bytes.iter().filter(|(id, _)| arrived.contains(id)) {
            work.write(&new(id), bytes);
        }
        let plan = json!({"have_left": have_left, "moves": moves});
        work.write_json("images/.recto/renaming.json", &plan);
        let before = server.log().len();
        work.run("download", &args(&["--name", "{label}"])).exits(0);
        let map = work.json("image_map.json");
        for (id, bytes) in &bytes {
            let path = map[id].as_str().unwrap();
            assert_eq!(path, new(id), "{have_left} {wait:?} {arrived:?}");
            assert!(
                work.read(path) == *bytes,
                "{id}: {have_left} {wait:?} {arrived:?}"
            );
        }
        assert_eq!(
            server.log().len(),
            before,
            "{have_left} {wait:?} {arrived:?}"
        );
        assert!(!work.exists("images/.recto/renaming.json"));
        assert!(!work.exists("images/.recto/altered"));
    }
}

#[test]
fn a_file_that_a_killed_refresh_replaced_is_nobodys_edit() {
    let server = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let work = one_of(plain("a", server.url("/a.jpg")));
    work.run("download", &args(&[])).exits(0);
    let path = work.json("image_map.json")["a"]
        .as_str()
        .unwrap()
        .to_owned();
    // What the run had published when it was killed, before the journal.
    let newer = jpeg(7);
    work.write(&path, &newer);
    let digits = |bytes: &[u8]| -> String {
        let hash = <sha2::Sha256 as sha2::Digest>::digest(bytes);
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let name = path.strip_prefix("images/").unwrap().as_bytes();
    let note = format!("images/.recto/replacing/{}", &digits(name)[..24]);
    work.write(&note, digits(&newer).as_bytes());
    let ran = work.run("download", &args(&["--verify"]));
    ran.exits(0);
    assert!(!ran.stderr().contains("edited"), "{}", ran.stderr());
    assert_eq!(work.read(&path), jpeg(1));
    assert!(!work.exists("images/.recto/altered"));
}

#[test]
fn what_a_refresh_that_was_killed_found_is_told_by_the_next() {
    let later = Arc::new(AtomicUsize::new(0));
    let now = later.clone();
    let server = Server::start(move |request, _| {
        let (phase, is_b) = (now.load(Ordering::Relaxed), request.path == "/b.jpg");
        let tag = |tag: &str| vec![("etag".to_owned(), format!("\"{tag}\""))];
        match (phase, request.headers.contains_key("if-none-match")) {
            (0, _) => Answer::Full(200, tag("old"), jpeg(1)),
            (_, true) if request.headers["if-none-match"].contains("new") => Answer::Status(304),
            (1, false) if is_b => Answer::Stall(Duration::from_secs(60)),
            _ => Answer::Full(200, tag("new"), jpeg(2)),
        }
    });
    let images = ["a", "b"].map(|id| plain(id, server.url(&format!("/{id}.jpg"))));
    let work = Workdir::new();
    work.write_json("localizations.json", &set(images.to_vec()));
    work.run("download", &args(&[])).exits(0);
    later.store(1, Ordering::Relaxed);
    let mut refresh = args(&["--refresh"]);
    refresh[7] = "60"; // --timeout
    let mut child = Running(work.command("download", &refresh).spawn().unwrap());
    wait_until(|| work.text("images/downloads.jsonl").lines().count() == 3);
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    later.store(2, Ordering::Relaxed);
    for told in [vec!["a", "b"], vec![]] {
        work.run("download", &refresh).exits(0);
        let changes = rows(&work, "changes.csv");
        let ids: Vec<&str> = changes.iter().map(|row| &*row[0]).collect();
        assert_eq!(ids, told, "{changes:?}");
        for row in &changes {
            assert!(
                row[2] == "changed" && row[4].len() == 64 && row[5].len() == 64 && row[4] != row[5],
                "{row:?}"
            );
        }
    }
}

#[test]
fn a_server_that_answers_the_same_again_has_changed_nothing() {
    let server = Server::start(|request, _| {
        let date = (
            "last-modified".to_owned(),
            "Mon, 02 Nov 2026 10:00:00 GMT".to_owned(),
        );
        let tag = ("etag".to_owned(), "\"1\"".to_owned());
        let headers = if request.path == "/a.jpg" {
            vec![tag]
        } else {
            vec![date]
        };
        Answer::Full(200, headers, jpeg(1))
    });
    let work = Workdir::new();
    let images = ["a", "b"].map(|id| plain(id, server.url(&format!("/{id}.jpg"))));
    work.write_json("localizations.json", &set(images.to_vec()));
    work.run("download", &args(&[])).exits(0);
    work.run("download", &args(&["--refresh"]))
        .exits(0)
        .says(&["--refresh: 2 unchanged, 0 changed"]);
    assert!(rows(&work, "changes.csv").is_empty());
}

#[test]
fn what_could_not_be_downloaded_again_is_not_told_as_changed() {
    let later = Arc::new(AtomicUsize::new(0));
    let now = later.clone();
    let server = Server::start(move |request, _| {
        let tag = |n: usize| vec![("etag".to_owned(), format!("\"{n}\""))];
        match (now.load(Ordering::Relaxed), &*request.path) {
            (0, _) => Answer::Full(200, tag(0), jpeg(1)),
            (_, "/a.jpg") => Answer::Full(200, tag(1), b"<html>no</html>".to_vec()),
            (_, "/b.jpg") => Answer::Full(200, tag(1), jpeg(1)),
            (_, "/c.jpg") => Answer::Full(200, tag(1), jpeg(2)),
            _ => Answer::Status(404),
        }
    });
    let work = Workdir::new();
    let images = |ids: &[&str]| {
        let images = ids
            .iter()
            .map(|id| plain(id, server.url(&format!("/{id}.jpg"))));
        set(images.collect())
    };
    work.write_json("localizations.json", &images(&["a", "b", "c"]));
    work.run("download", &args(&[])).exits(0);
    later.store(1, Ordering::Relaxed);
    work.write_json("localizations.json", &images(&["a", "b", "c", "d"]));
    work.run("download", &args(&["--refresh", "--retries", "0"]))
        .exits(3);
    let changes = rows(&work, "changes.csv");
    let told: Vec<[&str; 2]> = changes.iter().map(|row| [&*row[0], &*row[2]]).collect();
    assert_eq!(told, [["a", "unknown"], ["c", "changed"]]);
}

#[test]
fn an_image_of_another_url_is_asked_about_there() {
    let server = Server::start(|request, _| match &*request.path {
        "/second.jpg" if request.headers.contains_key("if-none-match") => Answer::Status(304),
        "/second.jpg" => Answer::Full(200, vec![("etag".into(), "\"1\"".into())], jpeg(1)),
        _ => Answer::Status(404),
    });
    let mut image = plain("a", server.url("/first.jpg"));
    image["image"]["fallbacks"] = json!([server.url("/second.jpg")]);
    let work = one_of(image);
    work.run("download", &args(&[])).exits(0);
    work.run("download", &args(&["--refresh", "--prune"]))
        .exits(0)
        .says(&["--refresh: 1 unchanged, 0 changed, 0 gone"]);
    assert_eq!(pictures(&work).len(), 1);
}

#[test]
fn an_image_whose_second_url_is_down_for_now_is_asked_for_again() {
    let is_up = Arc::new(AtomicUsize::new(0));
    let now = is_up.clone();
    let server =
        Server::start(
            move |request, _| match (&*request.path, now.load(Ordering::Relaxed)) {
                ("/second.jpg", 0) => Answer::Status(503),
                ("/second.jpg", _) => Answer::Serve(jpeg(1), "image/jpeg"),
                _ => Answer::Status(404),
            },
        );
    let mut image = plain("a", server.url("/first.jpg"));
    image["image"]["fallbacks"] = json!([server.url("/second.jpg")]);
    let work = one_of(image);
    let call = args(&["--shard", "0/1", "--retries", "0"]);
    work.run("download", &call).exits(75);
    is_up.store(1, Ordering::Relaxed);
    work.run("download", &call).exits(0);
}

#[test]
fn images_in_one_answer_without_etag_are_asked_by_length_and_by_their_service() {
    let origin = Origin {
        width: 120,
        height: 90,
        ..Origin::default()
    };
    let other = Origin {
        width: 130,
        ..origin.clone()
    };
    let later = Arc::new(AtomicUsize::new(0));
    let now = later.clone();
    let server = Server::start(move |request, _| match now.load(Ordering::Relaxed) {
        0 => origin.answer(request),
        _ => other.answer(request),
    });
    let work = one_of(service("a", server.url("/iiif/a"), 2));
    work.run("download", &args(&[])).exits(0);
    work.run("download", &args(&["--refresh"]))
        .exits(0)
        .says(&["1 could not be checked"]);
    later.store(1, Ordering::Relaxed);
    work.run("download", &args(&["--refresh"]))
        .exits(0)
        .says(&["0 unchanged, 1 changed"]);
}
