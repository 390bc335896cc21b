//! Hosts under strain: who waits, who goes first, and when it is enough.

use std::sync::Condvar;

use super::*;

#[test]
fn one_image_that_its_server_cannot_answer_does_not_keep_it_from_the_others() {
    let server = Server::start(|request, _| match &*request.path {
        "/bad.jpg" => Answer::Status(503),
        _ => Answer::Serve(jpeg(1), "image/jpeg"),
    });
    let work = Workdir::new();
    let good = (0..10).map(|n| plain(&format!("g{n}"), server.url(&format!("/{n}.jpg"))));
    let bad = plain("a", server.url("/bad.jpg"));
    let images: Vec<Value> = std::iter::once(bad).chain(good).collect();
    work.write_json("localizations.json", &set(images));
    let call = [
        "localizations.json",
        "images",
        "--rate",
        "0",
        "--retries",
        "3",
        "--backoff",
        "0.1",
    ];
    work.run("download", &call).exits(75);
    assert_eq!(work.json("image_map.json").as_object().unwrap().len(), 10);
    assert_eq!(rows(&work, "failures.csv")[0][0], "a");
    assert_eq!(
        server.hits("/bad.jpg"),
        3,
        "fewer than --retries: others are answered"
    );
}

#[test]
fn a_service_that_its_server_cannot_answer_does_not_keep_it_from_the_others() {
    let origin = Origin::default();
    // Answered pictures would show that the host gives this size, and the bad one would be asked for whole with all
    // retries: so it is asked for first.
    let bad_begun = (Mutex::new(false), Condvar::new());
    let server = Server::start(move |request, _| match &*request.path {
        path if path.ends_with("info.json") => origin.answer(request),
        path if path.starts_with("/iiif/bad/") => {
            *bad_begun.0.lock().unwrap() = true;
            bad_begun.1.notify_all();
            Answer::Status(503)
        }
        _ => {
            let begun = bad_begun.0.lock().unwrap();
            let longest = Duration::from_secs(1);
            let waited = bad_begun
                .1
                .wait_timeout_while(begun, longest, |begun| !*begun);
            drop(waited.unwrap());
            origin.answer(request)
        }
    });
    let work = Workdir::new();
    let names = ["bad", "b", "c", "d"];
    let images = names.map(|name| service(name, server.url(&format!("/iiif/{name}")), 2));
    work.write_json("localizations.json", &set(images.to_vec()));
    let call = [
        &[
            "localizations.json",
            "images",
            "--rate",
            "0",
            "--timeout",
            "2",
        ][..],
        &["--retries", "3", "--backoff", "0.3"],
    ];
    work.run("download", &call.concat()).exits(75);
    assert_eq!(work.json("image_map.json").as_object().unwrap().len(), 3);
    let log = server.log();
    let asked = |name: &str| {
        let begin = format!("/iiif/{name}/");
        let is_picture = |path: &str| path.starts_with(&begin) && !path.ends_with(".json");
        let places = (0..log.len()).filter(|&n| is_picture(&log[n].path));
        places.collect::<Vec<usize>>()
    };
    let bad = asked("bad");
    assert!(bad.len() <= 6, "{bad:?}");
    let others = names[1..].iter().map(|name| asked(name)[0]).max().unwrap();
    assert!(others < bad[4], "{bad:?}, the others from {others}");
}

#[test]
fn a_host_that_asks_for_an_hour_of_quiet_ends_the_run_at_once_and_is_named() {
    let server = Server::start(|_, _| {
        Answer::Full(503, vec![("retry-after".into(), "3600".into())], vec![])
    });
    let work = Workdir::new();
    let images = (0..5).map(|n| plain(&format!("i{n}"), server.url(&format!("/{n}.jpg"))));
    work.write_json("localizations.json", &set(images.collect()));
    let call = ["localizations.json", "images", "--backoff", "600"];
    let ran = work.run("download", &call);
    ran.exits(75)
        .says(&["given up before the end: it asks for a pause of 3600 s"]);
    assert!(server.log().len() <= 2, "those that went together");
    let kinds: Vec<String> = rows(&work, "failures.csv")
        .iter()
        .map(|row| row[3].clone())
        .collect();
    assert_eq!(kinds, ["server"; 5]);
}

#[test]
fn a_host_that_refuses_most_as_too_much_is_tried_with_images_from_all_over() {
    const REFUSED: usize = 100;
    let number = |path: &str| path[1..].trim_end_matches(".jpg").parse::<usize>().unwrap();
    let server = Server::start(move |request, _| match number(&request.path) < REFUSED {
        true => Answer::Status(429),
        false => Answer::Serve(jpeg(1), "image/jpeg"),
    });
    let work = Workdir::new();
    let images =
        (0..2 * REFUSED).map(|n| plain(&format!("{n:03}"), server.url(&format!("/{n}.jpg"))));
    work.write_json("localizations.json", &set(images.collect()));
    let call = [
        &["localizations.json", "images", "--rate", "0"][..],
        &["--ignore-robots", "--backoff", "0.01"],
    ];
    work.run("download", &call.concat()).exits(75);
    assert_eq!(
        work.json("image_map.json").as_object().unwrap().len(),
        REFUSED
    );
}
