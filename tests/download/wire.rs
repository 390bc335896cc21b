//! HTTP as servers write it, and what is left of a body that was not read to its end.

use super::*;

#[test]
fn an_answer_may_have_hundreds_of_headers() {
    let server = Server::start(|_, _| {
        let cookie = |n: usize| ("set-cookie".to_owned(), format!("c{n}={n}"));
        Answer::Full(200, (0..300).map(cookie).collect(), jpeg(1))
    });
    let work = one_of(plain("a", server.url("/a.jpg")));
    work.run("download", &args(&[])).exits(0);
    assert_eq!(server.log().len(), 1);
}

#[test]
fn a_head_that_cannot_be_read_is_told_as_such_and_asked_for_twice_at_most() {
    let server = Server::start(|_, _| {
        let wrong = ("content-length".into(), "many".into());
        Answer::Full(200, vec![wrong], jpeg(1))
    });
    let work = one_of(plain("a", server.url("/a.jpg")));
    // The same command gets no further: 3, not 75.
    work.run("download", &args(&["--retries", "5"])).exits(3);
    let row = &rows(&work, "failures.csv")[0];
    assert_eq!(row[3], "protocol");
    assert!(
        row.iter().any(|cell| cell.contains("is not valid HTTP")),
        "{row:?}"
    );
    assert_eq!(server.log().len(), 2);
}

#[test]
fn a_misdirected_request_is_sent_on_another_connection_at_once() {
    let server = Server::start(|_, n| match n {
        0 => Answer::Status(421),
        _ => Answer::Serve(jpeg(1), "image/jpeg"),
    });
    let work = one_of(plain("a", server.url("/a.jpg")));
    work.run("download", &args(&["--retries", "0"])).exits(0);
    assert_eq!(server.log().len(), 2);
}

#[test]
fn what_no_later_run_resumes_does_not_stay() {
    for (etag, stays) in [(None, false), (Some("\"1\""), true)] {
        let server = Server::start(move |_, _| {
            let etag = etag.map(|tag: &str| ("etag".to_owned(), tag.to_owned()));
            let mut large = jpeg(1);
            large.resize(4 << 20, 0);
            Answer::Full(200, etag.into_iter().collect(), large)
        });
        let work = one_of(plain("a", server.url("/a.jpg")));
        work.run("download", &args(&["--budget", "bytes=1MB"]))
            .exits(75);
        let tree = work.tree("images");
        let has_part = tree.keys().any(|name| name.ends_with(".part"));
        assert_eq!(has_part, stays, "{etag:?}: {:?}", tree.keys());
    }
}

#[test]
fn a_dry_run_tells_two_servers_of_one_machine_apart() {
    let work = Workdir::new();
    let image = |port: u16, n: usize| {
        plain(
            &format!("{port} {n}"),
            format!("http://127.0.0.1:{port}/{n}.jpg"),
        )
    };
    let images = (0..9).map(|n| image(if n < 6 { 18001 } else { 18002 }, n));
    work.write_json("localizations.json", &set(images.collect()));
    let call = ["localizations.json", "images", "--dry-run", "--rate", "3"];
    let ran = work.run("download", &call);
    let told = ran.exits(0).stdout();
    for line in ["127.0.0.1:18001\t6\t6-6\t", "127.0.0.1:18002\t3\t3-3\t"] {
        assert!(told.contains(line), "{told}");
    }
}
