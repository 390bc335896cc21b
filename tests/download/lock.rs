//! `--lock` and `--locked`: the same bytes again, or a list of what differs; and old bytes that `--refresh` keeps.

use super::*;

/// A server whose pictures can be changed: the shade of each path.
fn changing(paths: &'static [&'static str]) -> (Server, Arc<Mutex<Vec<u8>>>) {
    let shades = Arc::new(Mutex::new(vec![10; paths.len()]));
    let now = shades.clone();
    let server = Server::start(move |request, _| {
        let at = paths.iter().position(|path| *path == request.path);
        let shade = at.map(|at| now.lock().unwrap()[at]);
        match shade {
            Some(0) | None => Answer::Status(404),
            Some(BUSY) => Answer::Status(503),
            Some(shade) => {
                let tag = format!("\"{shade}\"");
                let is_known = request.headers.get("if-none-match") == Some(&tag);
                let headers = vec![
                    ("ETag".to_owned(), tag),
                    ("Content-Type".to_owned(), "image/jpeg".to_owned()),
                ];
                match is_known {
                    true => Answer::Full(304, headers, Vec::new()),
                    false => Answer::Full(200, headers, jpeg(shade)),
                }
            }
        }
    });
    (server, shades)
}

/// In place of a shade: the server fails.
const BUSY: u8 = 1;

const PATHS: [&str; 3] = ["/a.jpg", "/b.jpg", "/c.jpg"];

fn three(server: &Server) -> Vec<Value> {
    let image = |path: &&str| plain(&path[1..2], server.url(path));
    PATHS.iter().map(image).collect()
}

fn locked(work: &Workdir) -> Vec<Value> {
    let text = work.text("recto.lock");
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

#[test]
fn a_lock_is_the_same_for_the_same_files_and_says_what_they_are() {
    let (server, _) = changing(&PATHS);
    let work = Workdir::new();
    work.write_json("localizations.json", &set(three(&server)));
    work.run("download", &args(&["--lock"])).exits(0);
    let first = work.read("recto.lock");
    let lines = locked(&work);
    let head = &lines[0];
    assert_eq!(
        (&head["contract"], &head["count"], &head["command"]),
        (
            &json!("recto/lock"),
            &json!(3),
            &json!("recto-download localizations.json images")
        )
    );
    for (line, id) in lines[1..].iter().zip(["a", "b", "c"]) {
        recto_testkit::schemas::validate("lock", line);
        assert_eq!(line["id"], id);
        let bytes = file(&work, id);
        assert_eq!(line["sha256"], recto::files::hex_digest(&bytes, 64));
        assert_eq!(line["fingerprint"].as_str().unwrap().len(), 16);
    }
    work.run("download", &args(&["--lock", "-o", "-j", "1"]))
        .exits(0);
    assert!(work.read("recto.lock") == first, "other bytes");
    // Elsewhere, from nothing.
    let other = Workdir::new();
    other
        .write("localizations.json", work.read("localizations.json"))
        .write("recto.lock", &first);
    other.run("download", &args(&["--locked"])).exits(0).says(&[
        "--locked: 3 images are as in recto.lock; 0 with different bytes, 0 not in the lock, 0 gone from the server, 0 not in this set",
    ]);
    assert_eq!(pictures(&other), pictures(&work));
}

#[test]
fn what_differs_from_a_lock_is_listed_and_left_out() {
    let (server, shades) = changing(&PATHS);
    let work = Workdir::new();
    let mut images = three(&server);
    work.write_json("localizations.json", &set(images[..2].to_vec()));
    work.run("download", &args(&["--lock"])).exits(0);
    let lock = work.read("recto.lock");
    // `a` is another picture at the server, `b` is not in the set any more, `c` is new.
    shades.lock().unwrap()[0] = 200;
    images.remove(1);
    let other = Workdir::new();
    other
        .write_json("localizations.json", &set(images))
        .write("recto.lock", &lock);
    let call = args(&["--locked", "--report", "report.json"]);
    let ran = other.run("download", &call);
    ran.exits(3).says(&[
        "1 with different bytes, 1 not in the lock, 0 gone from the server, 1 not in this set",
    ]);
    let changes = rows(&other, "changes.csv");
    let told: Vec<[&str; 2]> = changes.iter().map(|row| [&*row[0], &*row[2]]).collect();
    assert_eq!(told, [["a", "changed"], ["b", "not-in-set"], ["c", "new"]]);
    assert_eq!(changes[0][4], locked(&work)[1]["sha256"].as_str().unwrap());
    assert_ne!(changes[0][4], changes[0][5]);
    let failed = rows(&other, "failures.csv");
    let kinds: Vec<[&str; 2]> = failed.iter().map(|row| [&*row[0], &*row[3]]).collect();
    assert_eq!(kinds, [["a", "checksum"], ["c", "checksum"]]);
    assert_eq!(other.json("image_map.json"), json!({}));
    let report = other.json("report.json");
    assert_eq!(
        report["read"],
        json!(report["kept"].as_u64().unwrap() + report["rejected"].as_u64().unwrap())
    );
    // Only that something is missing is no success either.
    let third = Workdir::new();
    third
        .write_json("localizations.json", &set(vec![]))
        .write("recto.lock", &lock);
    third.run("download", &args(&["--locked"])).exits(3);
    // What its server does not have any more is told apart.
    shades.lock().unwrap()[1] = 0;
    let fourth = Workdir::new();
    fourth
        .write_json("localizations.json", &set(three(&server)[..2].to_vec()))
        .write("recto.lock", &lock);
    let ran = fourth.run("download", &args(&["--locked"]));
    ran.exits(3)
        .says(&["0 not in the lock, 1 gone from the server, 0 not in this set"]);
}

#[test]
fn ids_that_hold_secrets_stand_in_the_lock_without_them_and_are_found_again() {
    let server = Server::start(|request, _| {
        let shade = match request.path.as_str() {
            "/a.jpg" => 10,
            "/b.jpg?token=first" => 60,
            "/b.jpg?token=second" => 110,
            path if path.starts_with("/c.jpg") => 160,
            _ => return Answer::Status(404),
        };
        Answer::Serve(jpeg(shade), "image/jpeg")
    });
    let images = |key: &str| -> Vec<Value> {
        let with_password = server.url("/a.jpg").replace("//", "//anna:hidden@");
        // Two that differ in nothing else are two images all the same.
        let two = ["first", "second"].map(|token| server.url(&format!("/b.jpg?token={token}")));
        let keyed = server.url(&format!("/c.jpg?auth={key}"));
        let urls = [&[with_password, keyed][..], &two].concat();
        let mut images: Vec<Value> = urls.iter().map(|url| plain(url, url.clone())).collect();
        for (n, image) in images.iter_mut().enumerate() {
            image["source"]["labels"]["canvas"] = format!("p{n}").into();
        }
        images
    };
    let work = Workdir::new();
    work.write_json("localizations.json", &set(images("yesterday")));
    work.run("download", &args(&["--lock"])).exits(0);
    let lock = work.text("recto.lock");
    for secret in ["hidden", "first", "second", "yesterday"] {
        assert!(!lock.contains(secret), "{secret}: {lock}");
    }
    let ids: Vec<String> = locked(&work)[1..]
        .iter()
        .map(|line| line["id"].as_str().unwrap().to_owned())
        .collect();
    assert!(ids.is_sorted() && ids.len() == 4, "{ids:?}");
    // Written once more it is the same, and another secret is no other image.
    work.run("download", &args(&["--lock"])).exits(0);
    assert_eq!(work.text("recto.lock"), lock);
    let other = Workdir::new();
    other
        .write_json("localizations.json", &set(images("today")))
        .write("recto.lock", &lock);
    other.run("download", &args(&["--locked"])).exits(0).says(&[
        "--locked: 4 images are as in recto.lock; 0 with different bytes, 0 not in the lock, 0 gone from the server, 0 not in this set",
    ]);
}

#[test]
fn a_refresh_counts_as_new_what_was_downloaded() {
    let (server, shades) = changing(&PATHS);
    let work = Workdir::new();
    work.write_json("localizations.json", &set(three(&server)));
    // Two are not there yet, and one of them never comes.
    shades.lock().unwrap()[1..].copy_from_slice(&[0, 0]);
    work.run("download", &args(&[])).exits(3);
    shades.lock().unwrap()[1] = 20;
    let ran = work.run("download", &args(&["--refresh"]));
    ran.exits(3)
        .says(&["--refresh: 1 unchanged", "--refresh: 1 image is new"]);
    let changes = rows(&work, "changes.csv");
    assert_eq!([&*changes[0][0], &*changes[0][2]], ["b", "new"]);
    assert_eq!(changes.len(), 1);
    let ran = work.run("download", &args(&["--refresh"]));
    assert!(!ran.exits(3).stderr().contains(" is new"));
}

#[test]
fn a_server_that_fails_is_asked_again_whatever_else_is_gone() {
    let (server, shades) = changing(&PATHS);
    let work = Workdir::new();
    work.write_json("localizations.json", &set(three(&server)));
    work.run("download", &args(&["--lock"])).exits(0);
    let other = Workdir::new();
    other
        .write_json("localizations.json", &set(three(&server)))
        .write("recto.lock", work.read("recto.lock"));
    let call = args(&["--locked", "--retries", "0"]);
    shades.lock().unwrap()[..2].copy_from_slice(&[0, BUSY]);
    let gone = "0 not in the lock, 1 gone from the server, 0 not in this set";
    other.run("download", &call).exits(75).says(&[gone]);
    let changes = rows(&other, "changes.csv");
    assert_eq!(changes.len(), 1);
    assert_eq!([&*changes[0][0], &*changes[0][2]], ["a", "gone"]);
    shades.lock().unwrap()[1] = 10;
    other.run("download", &call).exits(3).says(&[gone]);
    assert_eq!(other.json("image_map.json").as_object().unwrap().len(), 2);
}

#[test]
fn a_file_that_is_not_as_in_the_journal_is_not_taken_for_the_locked_one() {
    let (server, _) = changing(&PATHS);
    let work = one_of(plain("a", server.url("/a.jpg")));
    work.run("download", &args(&["--lock"])).exits(0);
    let path = work.json("image_map.json")["a"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut edited = jpeg(10);
    edited[400] ^= 1;
    work.write(&path, &edited);
    work.run("download", &args(&["--locked"])).exits(0);
    assert_eq!(work.read(&path), jpeg(10), "downloaded again");
}

#[test]
fn a_refresh_keeps_old_bytes_and_a_lock_gets_them_back() {
    let (server, shades) = changing(&PATHS);
    let work = Workdir::new();
    work.write_json("localizations.json", &set(three(&server)));
    work.run("download", &args(&["--lock"])).exits(0);
    let before = pictures(&work);
    let versions = || work.tree("images/.recto/versions");
    for (shade, options, kept) in [
        (60, &["--refresh", "--forget"][..], 0),
        (90, &["--refresh"][..], 1),
    ] {
        shades.lock().unwrap()[0] = shade;
        work.run("download", &args(options)).exits(0);
        assert_eq!(file(&work, "a"), jpeg(shade));
        assert_eq!(
            work.exists("images/.recto/versions"),
            kept > 0,
            "{options:?}"
        );
    }
    let sum = recto::files::hex_digest(&jpeg(60), 64);
    assert_eq!(versions(), [(format!("{sum}.jpg"), jpeg(60))].into());
    // Not those that `--forget` forgot.
    work.run("download", &args(&["--locked"])).exits(3);
    shades.lock().unwrap()[0] = 10;
    work.run("download", &args(&["--refresh"])).exits(0);
    assert_eq!(pictures(&work), before);
    shades.lock().unwrap()[0] = 120;
    work.run("download", &args(&["--refresh"])).exits(0);
    assert_eq!(versions().len(), 3);
    let requests = server.log().len();
    work.run("download", &args(&["--locked"])).exits(0);
    assert_eq!(pictures(&work), before);
    assert_eq!(server.log().len(), requests, "nothing is asked for");
    assert!(versions().values().any(|bytes| *bytes == jpeg(120)));
    work.run("download", &args(&["--verify"])).exits(0);
    assert_eq!(pictures(&work), before);
}

/// Which bytes an image had is known from nowhere else: a run that does not have it does not forget them.
#[test]
fn what_a_run_does_not_have_stays_in_the_lock() {
    let (server, shades) = changing(&PATHS);
    let work = Workdir::new();
    work.write_json("localizations.json", &set(three(&server)));
    work.run("download", &args(&["--lock"])).exits(0);
    let first = work.read("recto.lock");
    let again = |more: &[&str]| {
        std::fs::remove_dir_all(work.path("images")).unwrap();
        work.run("download", &args(&[&["--lock"], more].concat()))
    };
    // One that its server does not have any more.
    shades.lock().unwrap()[1] = 0;
    again(&[])
        .exits(3)
        .says(&["--lock: 1 image is not there now, and stays in recto.lock as before"]);
    assert!(
        work.read("recto.lock") == first,
        "{}",
        work.text("recto.lock")
    );
    shades.lock().unwrap()[1] = 10;
    // A run that ends before it has all.
    again(&["--budget", "requests=1", "-j", "1"]).exits(75);
    assert!(
        work.read("recto.lock") == first,
        "{}",
        work.text("recto.lock")
    );
    // What is not in the set any more is not in its lock.
    work.write_json("localizations.json", &set(three(&server)[..2].to_vec()));
    again(&[]).exits(0);
    assert_eq!(locked(&work).len(), 1 + 2);
}

#[test]
fn a_lock_that_is_none_is_refused_before_anything_is_asked_for() {
    let (server, _) = changing(&PATHS);
    let work = one_of(plain("a", server.url("/a.jpg")));
    work.run("download", &args(&["--lock"])).exits(0);
    let lock = work.text("recto.lock");
    let cut = lock.lines().next().unwrap().to_owned() + "\n";
    let requests = server.log().len();
    for (text, words) in [
        (cut.as_str(), "declares 1 line, found 0"),
        ("{}", "is not a recto.lock"),
        ("", "is not a recto.lock"),
        (
            &lock.replace("\"version\":1", "\"version\":7"),
            "version 7 of recto/lock",
        ),
    ] {
        work.write("other.lock", text);
        let call = args(&["--locked=other.lock", "-o"]);
        work.run("download", &call).exits(1).says(&[words]);
    }
    // What cannot be read is not replaced either: it has other parts.
    for text in [
        cut.as_str(),
        "{}",
        &format!("<<<<<<< HEAD\n{lock}"),
        &format!("\u{feff}{lock}"),
    ] {
        work.write("other.lock", text);
        let call = args(&["--lock=other.lock"]);
        let told = "restore it from a copy, or move it away";
        work.run("download", &call).exits(1).says(&[told]);
        assert_eq!(work.text("other.lock"), text);
    }
    let call = args(&["--locked=missing.lock"]);
    work.run("download", &call).exits(1).says(&[
        "missing.lock: cannot be read",
        "`recto-download --lock` writes it",
    ]);
    assert_eq!(server.log().len(), requests);
    work.run("download", &args(&["--locked", "--refresh"]))
        .exits(2);
    work.run("download", &args(&["--lock=localizations.json"]))
        .exits(2);
}
