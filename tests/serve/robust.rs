//! What must not stop the server or get past it: hosts that are not its own, files that hang, guesses, clients that do not
//! read, files that change.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};

use crate::auth::{RULES, archive};
use crate::running::{Got, Serving, folder, picture, set};
use recto_testkit::{Workdir, wait_until};

/// Sends bytes and gives the status that is answered.
fn raw(server: &Serving, bytes: &str) -> String {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    stream.write_all(bytes.as_bytes()).unwrap();
    let mut got = Vec::new();
    let _ = stream.read_to_end(&mut got);
    let text = String::from_utf8_lossy(&got);
    text.split(' ').nth(1).unwrap_or("nothing").to_owned()
}

/// A named pipe, removed at the end: whoever opens it waits for ever.
pub struct Pipe(PathBuf);

impl Drop for Pipe {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

pub fn pipe(work: &Workdir, name: &str) -> Pipe {
    let path = work.path(name);
    let made = Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    Pipe(path)
}

pub fn signal(server: &Serving, name: &str) {
    let id = server.child.id().to_string();
    let sent = Command::new("kill").args([name, &id]).status();
    assert!(sent.unwrap().success());
}

fn config(work: &Workdir, text: &str) {
    work.write("c.toml", text);
}

#[test]
fn a_request_has_one_host_and_it_is_ours() {
    let work = folder();
    let server = Serving::start(&work, &["pictures"]);
    let cases = [
        ("", "400"),
        ("host: a\r\nhost: a\r\n", "400"),
        ("host: x\"><script>\r\n", "400"),
        ("host: x/y?z\r\n", "400"),
        ("host: user@localhost\r\n", "400"),
        ("host: localhost:99999\r\n", "400"),
        ("host:\r\n", "400"),
        ("host: evil.example\r\n", "421"),
        ("host: 127.0.0.1.evil.example:80\r\n", "421"),
        ("host: localhost:8080\r\n", "200"),
        ("host: [::1]:8080\r\n", "200"),
        ("host: pictures.example\r\n", "200"),
        ("host: nas\r\n", "200"),
    ];
    for (lines, status) in cases {
        let request = format!("GET /health HTTP/1.1\r\n{lines}connection: close\r\n\r\n");
        assert_eq!(raw(&server, &request), status, "{lines}");
    }
    assert_eq!(raw(&server, "GET /health HTTP/1.0\r\n\r\n"), "200");
    // With a base URL nothing is made of the host.
    let base = ["pictures", "--base-url", "https://pub.example"];
    let server = Serving::start(&work, &base);
    let request = "GET /health HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n";
    assert_eq!(raw(&server, request), "200");
}

/// A page can write any header but `Host`, and it may run on the machine of the proxy.
#[test]
fn no_header_makes_a_foreign_host_ours() {
    let work = folder();
    config(&work, "[auth]\ntrusted_proxies = [\"127.0.0.1\"]\n");
    let server = Serving::start(&work, &["pictures", "-c", "c.toml"]);
    let headers = [
        "",
        "x-forwarded-host: localhost\r\n",
        "x-forwarded-host: pictures.example\r\nx-forwarded-for: 9.9.9.9\r\n",
        "forwarded: for=9.9.9.9;host=localhost;proto=https\r\n",
    ];
    for headers in headers {
        for (host, status) in [
            ("evil.example", "421"),
            ("pictures.example", "200"),
            ("127.0.0.1:8080", "200"),
        ] {
            for path in ["/pages/image/a.json", "/iiif/3/a/full/9,/0/default.jpg"] {
                let request = format!(
                    "GET {path} HTTP/1.1\r\nhost: {host}\r\n{headers}connection: close\r\n\r\n"
                );
                assert_eq!(raw(&server, &request), status, "{path} {host} {headers}");
            }
        }
    }
}

#[test]
fn a_page_whose_name_was_made_to_lead_here_corrects_nothing() {
    let work = set();
    let base = "http://pub.example:8080";
    let args = ["set.json", "--review", "r.jsonl", "--base-url", base];
    let server = Serving::start(&work, &args);
    let own = format!("http://{}", server.address);
    let cases = [
        ("evil.example", "http://evil.example", "403"),
        (
            "evil.example",
            "http://pub.example:8080.evil.example",
            "403",
        ),
        ("pictures.example", "http://evil.example", "403"),
        ("pictures.example", "null", "403"),
        ("pub.example:8080", base, "200"),
        (server.address.as_str(), own.as_str(), "200"),
    ];
    let body = json!({"concept": "x", "bbox": [1, 1, 5, 5]}).to_string();
    for (host, origin, status) in cases {
        let request = format!(
            "POST /review/n HTTP/1.1\r\nhost: {host}\r\norigin: {origin}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        assert_eq!(raw(&server, &request), status, "{host} {origin}");
    }
}

#[test]
fn corrections_from_everybody_are_said_twice() {
    let work = set();
    let open = ["set.json", "--review", "r.jsonl", "--listen", "0.0.0.0:0"];
    let says = ["lets everybody who can reach this server change boxes"];
    work.run("serve", &open).exits(2).says(&says);
    let mut command = work.command("serve", &open);
    command.arg("--review-by-anyone");
    assert_eq!(Serving::of(command).stop().0, 0);
}

#[test]
fn proxies_that_are_trusted_tell_what_the_client_used() {
    let work = folder();
    config(&work, "[auth]\ntrusted_proxies = [\"127.0.0.1\"]\n");
    let trusting = Serving::start(&work, &["pictures", "-c", "c.toml"]);
    let plain = Serving::start(&work, &["pictures"]);
    let said =
        "x-forwarded-host: pub.example\r\nx-forwarded-proto: https\r\nx-forwarded-prefix: /img\r\n";
    let cases = [
        (&trusting, said, "https://pub.example/img/iiif/3/a"),
        (
            &trusting,
            "forwarded: proto=https;host=pub.example\r\n",
            "https://pub.example/iiif/3/a",
        ),
        (&trusting, "", "http://pictures.example/iiif/3/a"),
        (&plain, said, "http://pictures.example/iiif/3/a"),
    ];
    for (server, headers, wanted) in cases {
        let got = server.ask("GET", "/iiif/3/a/info.json", headers);
        let info: Value = serde_json::from_slice(&got.body).unwrap();
        assert_eq!(info["id"], wanted, "{headers}");
    }
}

#[test]
fn pages_about_the_server_are_for_those_who_may_see_them() {
    let work = folder();
    config(
        &work,
        "[auth]\nmetrics = [\"address:10.0.0.0/8\"]\ntrusted_proxies = [\"127.0.0.1\"]\n",
    );
    let server = Serving::start(&work, &["pictures", "-c", "c.toml"]);
    assert_eq!(server.get("/health").status, 200);
    assert_eq!(server.get("/metrics").status, 401);
    let inside = server.ask("GET", "/metrics", "x-forwarded-for: 10.1.2.3\r\n");
    assert_eq!(inside.status, 200);
}

#[test]
fn files_that_cannot_be_opened_hold_nobody_up() {
    let work = folder();
    work.write("pictures/b.png", picture(8, 8));
    let args = ["pictures", "--file-timeout", "1"];
    let server = Serving::start(&work, &args);
    std::fs::remove_file(work.path("pictures/a.png")).unwrap();
    let _pipe = pipe(&work, "pictures/a.png");
    std::thread::scope(|scope| {
        for _ in 0..30 {
            scope.spawn(|| assert_eq!(server.get("/iiif/3/a/info.json").status, 404));
        }
    });
    assert_eq!(server.get("/health").status, 200);
    assert_eq!(server.get("/iiif/3/b/info.json").status, 200);
}

#[test]
fn links_made_after_the_start_lead_nowhere() {
    let work = folder();
    work.write("outside/secret.png", picture(33, 44));
    let server = Serving::start(&work, &["pictures"]);
    let put = |to: &str| {
        std::fs::remove_file(work.path("pictures/a.png")).unwrap();
        std::os::unix::fs::symlink(work.path(to), work.path("pictures/a.png")).unwrap();
    };
    put("outside/secret.png");
    assert_eq!(server.get("/iiif/3/a/info.json").status, 404);
    assert_eq!(server.get("/iiif/3/a/full/max/0/default.jpg").status, 404);
    put("pictures/in b/c.png");
    assert_eq!(server.json("/iiif/3/a/info.json")["width"], 1600);
}

#[test]
fn files_may_come_and_go_and_change() {
    let work = folder();
    let server = Serving::start(&work, &["pictures"]);
    let manifest = "/iiif/presentation/3/pictures/manifest.json";
    let sizes = |server: &Serving| -> Vec<Value> {
        let manifest = server.json(manifest);
        let items = manifest["items"].as_array().unwrap().clone();
        let body = |item: &Value| item["items"][0]["items"][0]["body"].clone();
        let size = |item: &Value| json!([body(item)["width"], body(item)["height"], item["width"]]);
        items.iter().map(size).collect()
    };
    assert_eq!(sizes(&server), [json!([200, 100, 200])]);
    work.write("new.png", picture(40, 30));
    std::fs::rename(work.path("new.png"), work.path("pictures/a.png")).unwrap();
    // Looks at many files are rare where they take long.
    wait_until(|| sizes(&server) == [json!([40, 30, 40])]);
    work.write("pictures/b.png", picture(7, 5));
    assert_eq!(server.get("/iiif/3/b/info.json").status, 404);
    signal(&server, "-HUP");
    wait_until(|| server.get("/iiif/3/b/info.json").status == 200);
    assert_eq!(sizes(&server).len(), 2);
    std::fs::remove_file(work.path("pictures/a.png")).unwrap();
    signal(&server, "-HUP");
    wait_until(|| sizes(&server) == [json!([7, 5, 7])]);
    let watching = Serving::start(&work, &["pictures", "--watch", "1"]);
    work.write("pictures/c.png", picture(9, 9));
    wait_until(|| watching.get("/iiif/3/c/info.json").status == 200);
}

#[test]
fn corrections_survive_what_is_read_again() {
    let work = folder();
    let server = Serving::start(&work, &["pictures", "--review", "r.jsonl"]);
    let body = json!({"concept": "aleph", "bbox": [1, 1, 5, 5]}).to_string();
    let headers = format!(
        "content-type: application/json\r\ncontent-length: {}\r\n",
        body.len()
    );
    let got = server.ask_with("POST", "/review/a", &headers, body.as_bytes());
    assert_eq!(got.status, 200);
    work.write("pictures/b.png", picture(7, 5));
    signal(&server, "-HUP");
    wait_until(|| server.get("/iiif/3/b/info.json").status == 200);
    let boxes = server.json("/pages/image/a.json")["boxes"].clone();
    assert_eq!(boxes[0]["concept"], "aleph");
    // What does not fit any more is told with its reason, and what is told is not told again.
    work.write("new.png", picture(3, 90))
        .write("pictures/broken.png", "no image");
    std::fs::rename(work.path("new.png"), work.path("pictures/a.png")).unwrap();
    signal(&server, "-HUP");
    wait_until(|| server.json("/iiif/3/a/info.json")["width"] == 3);
    work.write("pictures/c.png", picture(7, 5));
    signal(&server, "-HUP");
    wait_until(|| server.get("/iiif/3/c/info.json").status == 200);
    let (_, _, err) = server.stop();
    let told = |words: &str| err.lines().filter(|line| line.contains(words)).count();
    let correction = "left out line 1: correction cannot be applied: it was drawn on 200 x 100";
    for words in ["left out broken.png: not an image", correction] {
        assert_eq!(told(words), 1, "{words}: {err}");
    }
    assert!(err.contains("read again: 3 images, 2 left out"), "{err}");
}

#[test]
fn what_is_not_served_is_told_at_the_start() {
    use std::os::unix::ffi::OsStrExt as _;
    let work = folder();
    let small = picture(4, 4);
    let bad = std::ffi::OsStr::from_bytes(b"bad\xff.png");
    std::fs::write(work.path("pictures").join(bad), &small).unwrap();
    work.write("pictures/x.heic", &small)
        .write("pictures/x.jls", &small)
        .write("pictures/x.jfif", &small);
    work.write("other/o.png", &small);
    std::os::unix::fs::symlink(work.path("other"), work.path("pictures/linked")).unwrap();
    let _pipe = pipe(&work, "pictures/p.png");
    let server = Serving::start(&work, &["pictures"]);
    assert_eq!(server.get("/iiif/3/x/info.json").status, 200);
    let (_, _, err) = server.stop();
    for said in [
        "left out bad\u{fffd}.png: its name is not UTF-8",
        "left out x.heic: files of type .heic are not read",
        "left out x.jls: files of type .jls are not read",
        "left out linked: a link to a folder; --follow-links",
        "left out p.png: not a regular file",
        "x.jfif holds image/png",
    ] {
        assert!(err.contains(said), "{said}: {err}");
    }
    let followed = Serving::start(&work, &["pictures", "--follow-links"]);
    assert_eq!(followed.get("/iiif/3/linked%2Fo/info.json").status, 200);
}

#[test]
fn what_may_be_seen_small_is_never_more_than_the_small_image() {
    let work = archive(&format!("{RULES}{}", crate::auth::people()));
    // Black and white by turns: a pixel of the original is one of both, a pixel of the small image is grey.
    let stripes =
        image::GrayImage::from_fn(1600, 1200, |x, y| image::Luma([((x + y) % 2 * 255) as u8]));
    let mut png = std::io::Cursor::new(Vec::new());
    stripes.write_to(&mut png, image::ImageFormat::Png).unwrap();
    work.write("pictures/a.png", png.into_inner());
    let server = Serving::start(&work, &["set.json", "-c", "recto.toml"]);
    for asked in [
        "3/small/0,0,1,1/max/0/default.png",
        "3/small/7,3,1,1/1,1/0/gray.png",
        "3/small/0,100,1600,1/400,1/0/default.png",
        "3/small/full/399,300/0/default.png",
        "2/small/0,0,4,4/1,1/90/default.png",
        "degraded/3/small/10,10,1,1/max/0/default.png",
        "degraded/3/small/full/17,13/0/default.png",
    ] {
        let image = server.image(&format!("/iiif/{asked}")).into_luma8();
        let is_grey = image.pixels().all(|p| (90..=165).contains(&p[0]));
        assert!(is_grey, "{asked}: {:?}", image.pixels().next());
    }
}

#[test]
fn of_many_guesses_at_once_ten_are_judged() {
    let work = folder();
    let hash = work
        .run_with_stdin("serve", &["--hash-token"], b"right-secret")
        .stdout();
    config(
        &work,
        &format!(
            "[auth]\nbasic = true\notherwise = \"none\"\n[[auth.rules]]\nwho = [\"known\"]\nmay = \"full\"\n[[auth.accounts]]\nuser = \"anna\"\ntoken = '{}'\n",
            hash.trim()
        ),
    );
    let server = Serving::start(&work, &["pictures", "-c", "c.toml"]);
    let statuses: Mutex<BTreeMap<u16, usize>> = Mutex::default();
    std::thread::scope(|scope| {
        for n in 0..60 {
            let (server, statuses) = (&server, &statuses);
            scope.spawn(move || {
                let guess = format!("authorization: Bearer guess-{n}\r\n");
                let got = server.ask("GET", "/iiif/3/a/info.json", &guess);
                *statuses.lock().unwrap().entry(got.status).or_default() += 1;
            });
        }
    });
    let statuses = statuses.into_inner().unwrap();
    assert_eq!(statuses.values().sum::<usize>(), 60);
    assert!(statuses[&401] <= 11 && statuses[&429] >= 49, "{statuses:?}");
}

#[test]
fn a_log_that_nobody_reads_costs_lines_and_no_answer() {
    let work = folder();
    let _pipe = pipe(&work, "log.fifo");
    let server = Serving::start(&work, &["pictures", "--access-log", "log.fifo"]);
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let long = "x".repeat(1000);
    let mut answer = [0; 2048];
    for _ in 0..500 {
        let request = format!("GET /health?{long} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        assert!(stream.read(&mut answer).unwrap() > 0);
    }
    let args = ["pictures", "--access-log", "-"];
    let server = Serving::start(&work, &args);
    server.get("/health");
    let (_, out, _) = server.stop();
    assert!(out.contains("\"path\":\"/health\""), "{out}");
}

#[test]
fn who_does_not_read_takes_no_more_memory_than_there_is() {
    let work = folder();
    let args = ["pictures", "--memory", "64", "--queue", "500"];
    let server = Serving::start(&work, &args);
    let memory = || -> u64 {
        let status = format!("/proc/{}/status", server.child.id());
        let text = std::fs::read_to_string(status).unwrap();
        let line = text.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<u64>()
            .unwrap()
            / 1024
    };
    let ask = |n: usize| {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        let height = 1100 + n;
        let path = format!("/iiif/3/in%20b%2Fc/0,0,1590,{height}/max/0/default.tif");
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        stream
    };
    // Five megabytes each, of which the system takes some.
    let silent: Vec<TcpStream> = (0..60).map(ask).collect();
    // So many of them are made that they would not fit.
    let is_begun = |stream: &&TcpStream| stream.peek(&mut [0]).is_ok_and(|n| n > 0);
    silent.iter().for_each(|s| s.set_nonblocking(true).unwrap());
    let (mut most, mut begun) = (0, 0);
    for _ in 0..600 {
        most = most.max(memory());
        begun = silent.iter().filter(is_begun).count();
        if begun == silent.len() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(begun >= 20, "{begun} answers have begun");
    assert!(most < 200, "{most} MiB");
    // Others are answered all the same.
    assert_eq!(server.image("/iiif/3/a/full/50,/0/default.jpg").width(), 50);
    drop(silent);
}

/// The sum of these metrics.
fn metrics(server: &Serving, names: &[&str]) -> u64 {
    let text = String::from_utf8(server.get("/metrics").body).unwrap();
    let value = |name: &&str| -> u64 {
        let mut lines = text.lines().filter_map(|line| line.split_once(' '));
        let (_, value) = lines.find(|(found, _)| found == name).unwrap();
        value.parse().unwrap()
    };
    names.iter().map(value).sum()
}

#[test]
fn what_waits_for_clients_is_counted_and_bounded() {
    const MEMORY: u64 = 64 << 20;
    let work = Workdir::new();
    // Noise: what is made of it is as large as it can be.
    work.write(
        "pictures/a.png",
        recto_testkit::dataset::picture(1600, 1300, 1, image::ImageFormat::Png),
    );
    let held = ["recto_answer_memory_bytes", "recto_sent_memory_bytes"];
    let args = ["pictures", "--memory", "64", "--queue", "500"];
    let server = Serving::start(&work, &args);
    let ask = |n: usize| {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        let format = ["png", "tif"][n % 2];
        let path = format!("/iiif/3/a/0,0,1600,{}/max/0/default.{format}", 1200 + n);
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        stream.set_nonblocking(true).unwrap();
        stream
    };
    let silent: Vec<TcpStream> = (0..30).map(ask).collect();
    let is_begun = |stream: &&TcpStream| stream.peek(&mut [0]).is_ok_and(|n| n > 0);
    // Answers are cached or on their way; eight of them would not fit if some were not given up for others.
    let mut most = 0;
    wait_until(|| {
        most = most.max(metrics(&server, &held));
        silent.iter().filter(is_begun).count() >= 8
    });
    let share = MEMORY / 8 * 3;
    assert!(most <= share, "{most} bytes of {share}");
    assert!(most > share / 2, "only {most} bytes were counted");
    // What nobody waits for any more is given back.
    drop(silent);
    wait_until(|| metrics(&server, &held[1..]) == 0);
}

#[test]
fn texts_are_compressed_as_the_client_likes() {
    let work = folder();
    for n in 0..40 {
        work.write(&format!("pictures/{n:03}.png"), picture(4, 4));
    }
    let server = Serving::start(&work, &["pictures"]);
    let path = "/iiif/presentation/3/pictures/manifest.json";
    let plain = server.get(path);
    let etag = plain.headers["etag"].clone();
    assert!(plain.headers["vary"].contains("accept-encoding"));
    assert!(!plain.headers.contains_key("content-encoding"));
    let cases = [
        ("gzip, br", "br"),
        ("gzip;q=1, br;q=0.5", "gzip"),
        ("zstd", "zstd"),
        ("br;q=0, *;q=0.1", "zstd"),
    ];
    for (accepted, coding) in cases {
        let headers = format!("accept-encoding: {accepted}\r\n");
        let got = server.ask("GET", path, &headers);
        assert_eq!(got.headers["content-encoding"], coding, "{accepted}");
        assert!(got.body.len() * 4 < plain.body.len(), "{accepted}");
        assert_ne!(got.headers["etag"], etag);
        let again = format!("{headers}if-none-match: {}\r\n", got.headers["etag"]);
        assert_eq!(server.ask("GET", path, &again).status, 304, "{accepted}");
    }
    assert!(
        !server
            .ask("GET", path, "accept-encoding: identity\r\n")
            .headers
            .contains_key("content-encoding")
    );
    // Images are compressed already.
    let image = server.ask(
        "GET",
        "/iiif/3/a/full/max/0/default.png",
        "accept-encoding: gzip\r\n",
    );
    assert!(!image.headers.contains_key("content-encoding"));
}

#[test]
fn images_have_names_dates_and_parts() {
    let work = folder();
    work.write("pictures/MS 12 f3r.png", picture(20, 10));
    let server = Serving::start(&work, &["pictures"]);
    let path = "/iiif/3/MS%2012%20f3r/full/max/0/default.jpg";
    let whole = server.get(path);
    let named = &whole.headers["content-disposition"];
    assert_eq!(named, "inline; filename=\"MS 12 f3r.jpg\"");
    let since = format!("if-modified-since: {}\r\n", whole.headers["last-modified"]);
    assert_eq!(server.ask("GET", path, &since).status, 304);
    let length = whole.body.len();
    let part = server.ask("GET", path, "range: bytes=4-9\r\n");
    assert_eq!((part.status, &part.body[..]), (206, &whole.body[4..10]));
    assert_eq!(part.headers["content-range"], format!("bytes 4-9/{length}"));
    let beyond = server.ask("GET", path, "range: bytes=99999999-\r\n");
    assert_eq!(beyond.status, 416);
    let accepts = "accept: application/ld+json;q=0.1, application/json\r\n";
    let info = server.ask("GET", "/iiif/3/a/info.json", accepts);
    assert_eq!(info.headers["content-type"], "application/json");
}

#[test]
fn a_host_may_be_named_and_upscaling_refused() {
    let work = folder();
    let mut command = work.command(
        "serve",
        &["pictures", "--listen", "localhost:0", "--no-upscale"],
    );
    command.args(["--allow-host", "pictures.example"]);
    let server = Serving::of(command);
    let features = server.json("/iiif/3/a/info.json")["extraFeatures"].to_string();
    assert!(!features.contains("sizeUpscaling"), "{features}");
    let enlarged = server.get("/iiif/3/a/full/^400,/0/default.jpg");
    assert_eq!(enlarged.status, 501);
}

#[test]
fn old_viewers_find_their_search() {
    let work = set();
    let server = Serving::start(&work, &["set.json"]);
    for version in [2, 3] {
        let manifest = server.json(&format!(
            "/iiif/presentation/{version}/MS%201/manifest.json"
        ));
        let services = match &manifest["service"] {
            Value::Array(all) => all.clone(),
            one => vec![one.clone()],
        };
        let old = services
            .iter()
            .find(|s| s["profile"] == "http://iiif.io/api/search/1/search");
        let uri = old.unwrap()["@id"].as_str().unwrap();
        let path = uri.strip_prefix("http://pictures.example").unwrap();
        let found = server.json(&format!("{path}?q=ALEPH"));
        assert_eq!(found["@type"], "sc:AnnotationList");
        let on = found["resources"][0]["on"].as_str().unwrap();
        assert!(on.contains(&format!("/presentation/{version}/")), "{on}");
        assert!(on.ends_with("#xywh=10,20.5,30,40"), "{on}");
        let terms = server.json(&format!("{path}/terms?q=al"));
        assert_eq!(terms["terms"][0]["match"], "aleph");
    }
}

/// A set of four thousand canvases in one group.
fn thousands() -> Workdir {
    let work = folder();
    let image = |n: u32| {
        json!({"id": format!("i{n}"), "group": "dive", "image": {}, "frame": [200, 100],
            "source": {"kind": "m3", "canvas": format!("urn:moment-{n}")},
            "localizations": [{"id": format!("b{n}"), "concept": "x", "bbox": [1, 1, 3, 3]}]})
    };
    let images: Vec<Value> = (0..4000).map(image).collect();
    work.write_json(
        "set.json",
        &json!({"contract": "recto/localizations", "version": 1, "images": images}),
    );
    let map: BTreeMap<String, &str> = (0..4000)
        .map(|n| (format!("i{n}"), "pictures/a.png"))
        .collect();
    work.write_json("image_map.json", &json!(map));
    work
}

#[test]
fn one_canvas_of_thousands_is_found() {
    let work = thousands();
    let server = Serving::start(&work, &["set.json"]);
    for n in [1, 2000, 4000] {
        let page = server.json(&format!(
            "/iiif/presentation/3/dive/canvas/{n}/annotations.json"
        ));
        let items = page["items"].as_array().unwrap();
        assert_eq!(items.len(), 1, "canvas {n}: {page}");
    }
}

#[test]
fn long_documents_are_whole_in_every_coding() {
    let work = thousands();
    let args = ["set.json", "--review", "r.jsonl", "--memory", "64"];
    let server = Serving::start(&work, &args);
    let unpacked = |got: &Got| {
        let (body, mut out) = (&got.body[..], Vec::new());
        let read = match got.headers.get("content-encoding").map(String::as_str) {
            None => {
                out.extend(body);
                Ok(())
            }
            Some("gzip") => flate2::read::GzDecoder::new(body)
                .read_to_end(&mut out)
                .map(drop),
            Some("br") => {
                let mut input = brotli_decompressor::Decompressor::new(body, 4096);
                input.read_to_end(&mut out).map(drop)
            }
            Some("zstd") => {
                let mut input = ruzstd::decoding::StreamingDecoder::new(body).unwrap();
                input.read_to_end(&mut out).map(drop)
            }
            Some(other) => panic!("{other}"),
        };
        read.unwrap();
        out
    };
    let paths = [
        ("/iiif/presentation/3/dive/manifest.json", "items"),
        ("/iiif/presentation/2/dive/manifest.json", "sequences"),
        ("/pages/images.json", "images"),
    ];
    for (path, list) in paths {
        let plain = server.get(path);
        let document: Value = serde_json::from_slice(&plain.body).unwrap();
        let items = match list {
            "sequences" => &document[list][0]["canvases"],
            _ => &document[list],
        };
        assert_eq!(items.as_array().unwrap().len(), 4000, "{path}");
        assert!(plain.body.len() > 1 << 20, "{path}: it is not long");
        let length = plain.body.len().to_string();
        assert_eq!(plain.headers["content-length"], length);
        assert_eq!(
            server.ask("HEAD", path, "").headers["content-length"],
            length
        );
        let etag = plain.headers["etag"].clone();
        // What is kept in gzip goes out so wherever it is taken.
        let cases = [
            ("gzip, br", "gzip"),
            ("br, *;q=0.1", "gzip"),
            ("br", "br"),
            ("zstd, gzip;q=0", "zstd"),
        ];
        // The others have to be made, which takes its time.
        let cases = if list == "images" {
            &cases[..]
        } else {
            &cases[..2]
        };
        for (accepted, coding) in cases {
            let got = server.ask("GET", path, &format!("accept-encoding: {accepted}\r\n"));
            assert_eq!(
                got.headers["content-encoding"], *coding,
                "{path} {accepted}"
            );
            assert!(got.body.len() * 10 < plain.body.len(), "{path} {accepted}");
            assert!(unpacked(&got) == plain.body, "{path} {accepted}");
            assert_ne!(got.headers["etag"], etag);
            let again = format!("accept-encoding: {accepted}\r\nif-none-match: {etag}\r\n");
            assert_eq!(server.ask("GET", path, &again).status, 304);
        }
    }
    // A document is made once: whoever asks again, or in another coding, gets the same; a correction changes it.
    let body = json!({"state": "reviewed"}).to_string();
    let length = body.len();
    let headers = format!(
        "origin: http://pictures.example\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n"
    );
    let before = server.get(paths[2].0).headers["etag"].clone();
    let said = server.ask_with("PUT", "/review/i7", &headers, body.as_bytes());
    assert_eq!(said.status, 200, "{}", String::from_utf8_lossy(&said.body));
    let after = server.get(paths[2].0);
    assert_ne!(after.headers["etag"], before);
    let list: Value = serde_json::from_slice(&after.body).unwrap();
    assert_eq!(list["images"][7]["state"], "reviewed");
}

#[test]
fn search_looks_through_thousands_of_canvases_page_by_page() {
    let work = thousands();
    let server = Serving::start(&work, &["set.json"]);
    let search = "/iiif/presentation/3/dive/search";
    let page = server.json(&format!("{search}?q=X&page=40"));
    assert_eq!(page["partOf"]["total"], 4000);
    assert_eq!(page["startIndex"], 3900);
    let items = page["items"].as_array().unwrap();
    assert_eq!(items.len(), 100);
    let target = items[99]["target"].as_str().unwrap();
    assert!(target.contains("/dive/canvas/4000#xywh="), "{target}");
    assert!(page.get("next").is_none() && page.get("prev").is_some());
    let beyond = server.json(&format!("{search}?q=X&page=41"));
    assert_eq!(beyond["items"], json!([]));
    assert_eq!(server.json(&format!("{search}?q=y"))["items"], json!([]));
    let old = server.json(&format!("{search}-1?q=x&page=2"));
    assert_eq!(old["within"]["total"], 4000);
    let on = old["resources"][0]["on"].as_str().unwrap();
    assert!(on.contains("/dive/canvas/101#xywh="), "{on}");
    let terms = server.json(&format!("{search}/terms?q=x"));
    assert_eq!(terms["items"][0]["total"], 4000);
}

#[test]
fn what_manifests_announce_answers_whatever_their_groups_are_called() {
    let names = [
        "manifest.json",
        "search",
        "search-1",
        "canvas",
        "collection.json",
        "terms",
        "a b",
        "a?b",
        "%2e%2e",
        "ü",
        "x/manifest.json",
    ];
    let work = Workdir::new();
    for name in names {
        work.write(&format!("pictures/{name}/i.png"), picture(4, 4));
    }
    let server = Serving::start(&work, &["pictures"]);
    let path = |uri: &Value| {
        let uri = uri.as_str().unwrap();
        uri.strip_prefix("http://pictures.example")
            .unwrap()
            .to_owned()
    };
    let mut seen = 0;
    for (version, list, id) in [(3, "items", "id"), (2, "manifests", "@id")] {
        let collection = server.json(&format!("/iiif/presentation/{version}/collection.json"));
        for manifest in collection[list].as_array().unwrap() {
            let manifest = server.json(&path(&manifest[id]));
            let services = match &manifest["service"] {
                Value::Array(all) => all.clone(),
                one => vec![one.clone()],
            };
            for service in services {
                let name = if service["id"].is_string() {
                    "id"
                } else {
                    "@id"
                };
                let inner = match &service["service"] {
                    Value::Array(all) => all[0].clone(),
                    one => one.clone(),
                };
                server.json(&format!("{}?q=x", path(&service[name])));
                server.json(&format!("{}?q=x", path(&inner[name])));
                seen += 1;
            }
        }
    }
    assert_eq!(seen, names.len() * 3);
}
