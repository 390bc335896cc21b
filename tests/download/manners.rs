//! Manners and safety on the network: who is told what, where redirects may lead, what owners ask for, what a run
//! may cost.

use super::*;

fn one(url: String) -> Workdir {
    one_of(plain("a", url))
}

fn redirect(to: &str) -> Answer {
    Answer::Full(302, vec![("location".into(), to.into())], vec![])
}

/// A proxy: the world as the program sees it, on loopback. Keys are whole URLs.
pub(super) fn world(answer: impl Fn(&str, usize) -> Answer + Send + Sync + 'static) -> Server {
    Server::start(move |request, before| answer(&request.path, before))
}

pub(super) fn through(world: &Server, work: &Workdir, more: &[&str]) -> recto_testkit::Ran {
    let mut command = work.command("download", &args(more));
    for name in ["http_proxy", "HTTP_PROXY", "ALL_PROXY"] {
        command.env(name, world.url(""));
    }
    work.run_command(command.env_remove("no_proxy").env_remove("NO_PROXY"))
}

#[test]
fn a_token_goes_to_the_host_asked_and_not_where_a_redirect_leads() {
    let other = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let to = other.url("/a.jpg");
    let server = Server::start(move |_, _| redirect(&to));
    let work = one(server.url("/a"));
    let secrets = [
        "--bearer",
        "abc",
        "--header",
        "Cookie: key=1",
        "--header",
        "Accept-Language: la",
    ];
    work.run("download", &args(&secrets)).exits(0);
    let seen = |server: &Server, name: &str| server.log()[0].headers.get(name).cloned();
    for (name, value) in [("authorization", "Bearer abc"), ("cookie", "key=1")] {
        assert_eq!(seen(&server, name).as_deref(), Some(value), "{name}");
        assert_eq!(seen(&other, name), None, "{name}");
    }
    // What is no secret goes wherever it was asked to, but not where a redirect leads.
    assert_eq!(seen(&server, "accept-language").as_deref(), Some("la"));
    assert_eq!(seen(&other, "accept-language"), None);
}

#[test]
fn a_token_that_could_go_to_several_hosts_is_asked_about() {
    let (a, b) = (
        Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg")),
        Server::start(|_, _| Answer::Serve(jpeg(2), "image/jpeg")),
    );
    let work = Workdir::new();
    let images = set(vec![
        plain("a", a.url("/a.jpg")),
        plain("b", b.url("/b.jpg")),
    ]);
    work.write_json("localizations.json", &images);
    let ran = work.run("download", &args(&["--bearer", "abc"]));
    ran.exits(2)
        .says(&["would be sent to 2 hosts", "--bearer HOST=TOKEN"]);
    assert!(a.log().is_empty() && b.log().is_empty());
    let meant = a.url("").replace("http://", "") + "=abc";
    work.run("download", &args(&["--bearer", &meant])).exits(0);
    assert!(a.log()[0].headers.contains_key("authorization"));
    assert!(!b.log()[0].headers.contains_key("authorization"));
}

#[test]
fn a_header_of_any_name_goes_to_one_host_alone() {
    let answer = |_: &Arrived, _| Answer::Serve(jpeg(1), "image/jpeg");
    let (a, b) = (Server::start(answer), Server::start(answer));
    let work = Workdir::new();
    let images = set(vec![
        plain("a", a.url("/a.jpg")),
        plain("b", b.url("/b.jpg")),
    ]);
    work.write_json("localizations.json", &images);
    for name in ["X-JWT", "Client-Id", "X-Zeug"] {
        let header = format!("{name}: s3cret");
        let ran = work.run("download", &args(&["--header", &header]));
        ran.exits(2).says(&["would be sent to 2 hosts"]);
        assert!(a.log().is_empty() && b.log().is_empty(), "{name}");
    }
    let elsewhere = format!("{}=X-Zeug: s3cret", b.url("/iiif"));
    let ran = work.run("download", &args(&["--header", &elsewhere]));
    ran.exits(2).says(&["is not a host"]);
    let https = format!("https://{}=X-Zeug: s3cret", "127.0.0.1");
    let url = format!("{}=X-Zeug: s3cret", a.url("").trim_end_matches('/'));
    work.run("download", &args(&["--header", &url, "--header", &https]))
        .exits(0);
    assert_eq!(a.log()[0].headers["x-zeug"], "s3cret");
    let b = &b.log()[0].headers;
    assert!(!b.values().any(|value| value.contains("s3cret")), "{b:?}");
}

#[test]
fn a_cookie_for_all_of_a_public_suffix_is_sent_to_nobody() {
    let world = world(|_, _| {
        let cookies = ["all=1; Domain=org", "own=1; Domain=museum.org"];
        let cookies = cookies.map(|c| ("set-cookie".to_owned(), c.to_owned()));
        let kind = [("content-type".to_owned(), "image/jpeg".to_owned())];
        Answer::Full(200, cookies.into_iter().chain(kind).collect(), jpeg(1))
    });
    let work = Workdir::new();
    let hosts = ["a.museum.org", "b.museum.org", "library.org"];
    work.write(
        "cookies.txt",
        ".org\tTRUE\t/\tFALSE\t0\tfile\t1\nlibrary.org\tFALSE\t/\tFALSE\t0\tl\t1\n",
    );
    for host in hosts {
        let image = plain(host, format!("http://{host}/a.jpg"));
        work.write_json("localizations.json", &set(vec![image.clone()]));
        through(&world, &work, &["--cookies", "cookies.txt"]).exits(0);
    }
    let images = hosts.map(|host| plain(host, format!("http://{host}/b.jpg")));
    work.write_json("localizations.json", &set(images.to_vec()));
    through(&world, &work, &["--cookies", "cookies.txt", "-j", "1"]).exits(0);
    let sent = world.log().into_iter().filter_map(|r| {
        let cookie = r.headers.get("cookie")?.clone();
        Some((r.headers["host"].clone(), cookie))
    });
    let sent: std::collections::BTreeSet<(String, String)> = sent.collect();
    assert!(
        sent.iter().any(|(_, cookie)| cookie.contains("own=1")),
        "{sent:?}"
    );
    for (host, cookie) in sent {
        assert!(
            !cookie.contains("all=") && !cookie.contains("file="),
            "{host}: {cookie}"
        );
        assert_eq!(
            cookie.contains("own="),
            host.ends_with("museum.org"),
            "{host}"
        );
        assert_eq!(
            cookie.contains("l=1"),
            host == "library.org",
            "{host}: {cookie}"
        );
    }
}

#[test]
fn no_list_and_no_journal_tells_a_secret() {
    let server = Server::start(|request, _| match request.path.starts_with("/a") {
        true => Answer::Serve(jpeg(1), "image/jpeg"),
        false => Answer::Status(404),
    });
    let work = Workdir::new();
    let secrets = [
        "X-Amz-Signature=s3cret",
        "token=s3cret",
        "key=s3cret",
        "password=s3cret",
        "hdnts=exp=1~hmac=s3cret",
        "md5=s3cret&expires=1",
    ];
    let urls = |path: &str| secrets.map(|secret| server.url(&format!("{path}?{secret}")));
    let by_url = |url: String| {
        let mut image = plain("p. 1", url.clone());
        image["id"] = url.into();
        image
    };
    let mut images: Vec<Value> = urls("/missing").map(by_url).to_vec();
    let there = urls("/a.jpg").into_iter().enumerate();
    images.extend(there.map(|(i, url)| plain(&format!("i{i}"), url)));
    let login = server.url("/a.jpg").replace("//", "//me:s3cret@");
    images.push(plain("login", login));
    work.write_json("localizations.json", &set(images));
    let ran = work.run("download", &args(&["--report", "r.json", "--refresh"]));
    ran.exits(3);
    assert!(!ran.stderr().contains("s3cret"), "{}", ran.stderr());
    for name in [
        "failures.csv",
        "changes.csv",
        "r.json",
        "images/downloads.jsonl",
    ] {
        let text = work.text(name);
        assert!(!text.contains("s3cret"), "{name}: {text}");
        assert!(text.contains("key=…") || name == "r.json", "{name}: {text}");
    }
    let before = server.log().len();
    work.run("download", &args(&[])).exits(3);
    let asked = &server.log()[before..];
    assert!(
        asked.iter().all(|r| r.path.starts_with("/missing")),
        "the others are finished"
    );
    assert_eq!(asked.len(), secrets.len());
}

#[test]
fn redirects_are_counted_and_end() {
    let server = Server::start(|request, _| match request.path.as_str() {
        "/a" => redirect("/b"),
        "/b" => redirect("c.jpg"),
        "/c.jpg" => Answer::Serve(jpeg(1), "image/jpeg"),
        _ => redirect("/loop"),
    });
    let work = one(server.url("/a"));
    work.run("download", &args(&["--report", "r.json"]))
        .exits(0);
    assert_eq!(work.json("r.json")["requests"], 3);
    let work = one(server.url("/loop"));
    work.run("download", &args(&["--retries", "0"])).exits(3);
    let row = &rows(&work, "failures.csv")[0];
    assert_eq!(
        (&*row[3], &*row[6]),
        (
            "protocol",
            "more redirects than 10; --max-redirects follows more"
        )
    );
    assert_eq!(server.hits("/loop"), 11);
}

#[test]
fn a_public_address_does_not_lead_to_a_private_one() {
    let inner = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let to = inner.url("/a.jpg");
    let world = world(move |url, _| match url {
        "http://pictures.museum.org/a" => redirect(&to),
        url if url.starts_with("http://127") => Answer::Serve(jpeg(1), "image/jpeg"),
        _ => Answer::Status(404),
    });
    let work = one("http://pictures.museum.org/a".into());
    through(&world, &work, &[]).exits(3);
    let row = &rows(&work, "failures.csv")[0];
    assert_eq!(row[3], "unsupported");
    assert!(
        row[6].starts_with("redirected from a public address to a private one"),
        "{}",
        row[6]
    );
    through(&world, &work, &["--allow-private"]).exits(0);
}

#[test]
fn robots_txt_is_read_once_and_obeyed_unless_told_otherwise() {
    let robots = "User-agent: *\nDisallow: /private/\n";
    let world = world(move |url, _| match url {
        "http://pictures.museum.org/robots.txt" => Answer::Serve(robots.into(), "text/plain"),
        _ => Answer::Serve(jpeg(1), "image/jpeg"),
    });
    let work = Workdir::new();
    let images = ["x/a.jpg", "x/b.jpg", "private/c.jpg"]
        .map(|path| plain(path, format!("http://pictures.museum.org/{path}")));
    work.write_json("localizations.json", &set(images.to_vec()));
    through(&world, &work, &[]).exits(3);
    let row = &rows(&work, "failures.csv")[0];
    assert_eq!((&*row[0], &*row[3]), ("private/c.jpg", "robots"));
    assert!(row[6].contains("--ignore-robots"), "{}", row[6]);
    assert_eq!(world.hits("http://pictures.museum.org/robots.txt"), 1);
    assert_eq!(world.hits("http://pictures.museum.org/private/c.jpg"), 0);
    through(&world, &work, &["--ignore-robots"]).exits(0);
}

#[test]
fn a_robots_txt_in_trouble_forbids_and_one_that_is_missing_allows() {
    // (status, how often it is answered before 404, exit code)
    for (status, times, code) in [(404, 1, 0), (500, 99, 75), (503, 1, 0)] {
        let world = world(move |url, before| match url.ends_with("/robots.txt") {
            true if before < times => Answer::Status(status),
            true => Answer::Status(404),
            false => Answer::Serve(jpeg(1), "image/jpeg"),
        });
        let work = one("http://pictures.museum.org/a.jpg".into());
        through(&world, &work, &["--retries", "1"]).exits(code);
        let asked = world.hits("http://pictures.museum.org/robots.txt");
        assert_eq!(asked, if status == 404 { 1 } else { 2 });
        if code == 75 {
            let row = &rows(&work, "failures.csv")[0];
            assert!(
                row[6].contains("could not be read (HTTP 500)"),
                "{}",
                row[6]
            );
        }
    }
}

#[test]
fn what_a_host_reserves_in_one_place_is_left_unless_told_otherwise() {
    let world = world(|url, _| match url {
        "http://a.museum.org/.well-known/tdmrep.json" => {
            let rules = br#"[{"location": "/art/*", "tdm-reservation": 1}]"#;
            Answer::Serve(rules.to_vec(), "application/json")
        }
        url if url.ends_with("/robots.txt") => Answer::Status(404),
        _ => Answer::Serve(jpeg(1), "image/jpeg"),
    });
    let work = Workdir::new();
    let images = ["x/a.jpg", "art/b.jpg", "x/c.jpg"]
        .map(|path| plain(path, format!("http://a.museum.org/{path}")));
    work.write_json("localizations.json", &set(images.to_vec()));
    through(&world, &work, &[]).exits(3);
    let row = &rows(&work, "failures.csv")[0];
    assert_eq!((&*row[0], &*row[3]), ("art/b.jpg", "reserved"));
    assert_eq!(world.hits("http://a.museum.org/art/b.jpg"), 0);
    assert_eq!(world.hits("http://a.museum.org/.well-known/tdmrep.json"), 1);
    through(&world, &work, &["--ignore-opt-out"]).exits(0);
    let notes = journal(&work)[2]["notes"].to_string();
    assert!(notes.contains("tdmrep.json of its host"), "{notes}");
}

#[test]
fn what_was_overridden_is_on_record() {
    let world = world(|url, _| match url.ends_with("/robots.txt") {
        true => Answer::Serve(b"User-agent: *\nDisallow: /".into(), "text/plain"),
        false => Answer::Full(200, vec![("tdm-reservation".into(), "1".into())], jpeg(1)),
    });
    let work = one("http://pictures.museum.org/a.jpg".into());
    through(&world, &work, &["--ignore-robots", "--ignore-opt-out"])
        .exits(0)
        .says(&["--ignore-robots: robots.txt was not read of pictures.museum.org:80"]);
    let note = journal(&work)[0]["notes"][0].clone();
    let wanted =
        "downloaded although its owner opts out of text and data mining (tdm-reservation: 1)";
    assert_eq!(note, json!(wanted));
}

#[test]
fn a_host_that_asks_for_a_long_quiet_is_quoted() {
    let server = Server::start(|_, _| {
        Answer::Full(503, vec![("retry-after".into(), "86400".into())], vec![])
    });
    let work = one(server.url("/a.jpg"));
    work.run("download", &args(&[])).exits(75);
    let row = &rows(&work, "failures.csv")[0];
    assert!(
        row[6].contains("it asks for a pause of 86400 s"),
        "{}",
        row[6]
    );
}

#[test]
fn what_cannot_be_had_anew_is_told_from_what_can() {
    let server = Server::start(|request, before| match (&*request.path, before) {
        ("/b.jpg", 1..) => Answer::Serve(b"<html>closed</html>".into(), "text/html"),
        // Another tag each time, and the same bytes.
        (_, before) => Answer::Full(200, vec![("etag".into(), format!("\"{before}\""))], jpeg(1)),
    });
    let work = Workdir::new();
    let images = ["a", "b"].map(|id| plain(id, server.url(&format!("/{id}.jpg"))));
    work.write_json("localizations.json", &set(images.to_vec()));
    work.run("download", &args(&[])).exits(0);
    let more = ["--refresh", "--report", "report.json", "--retries", "0"];
    let ran = work.run("download", &args(&more));
    ran.exits(3).says(&[
        "1 of 2 images in images",
        "1 image could not be downloaded again and is kept as before",
        "--refresh: 1 image downloaded again without any change",
    ]);
    assert_eq!(file(&work, "b"), jpeg(1));
    let report = work.json("report.json");
    assert_eq!(
        (&report["kept"], &report["rejected"]),
        (&json!(1), &json!(1))
    );
}

#[test]
fn a_few_bytes_that_claim_a_huge_picture_are_not_believed() {
    let gif = b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\x02\0;";
    let server = Server::start(|request, _| match &*request.path {
        "/bomb.gif" => Answer::Serve(gif.to_vec(), "image/gif"),
        _ => Answer::Serve(jpeg(1)[..150].to_vec(), "image/jpeg"),
    });
    let work = Workdir::new();
    let images = ["bomb.gif", "cut.jpg"].map(|id| plain(id, server.url(&format!("/{id}"))));
    work.write_json("localizations.json", &set(images.to_vec()));
    work.run("download", &args(&["--retries", "0"])).exits(3);
    let rows = rows(&work, "failures.csv");
    assert_eq!([&*rows[0][3], &*rows[1][3]], ["unsupported", "damaged"]);
    assert!(
        rows[0][6].contains("its bytes do not fit its size: image/gif of 65535 x 65535"),
        "{}",
        rows[0][6]
    );
    assert!(
        rows[1][6].contains("header that cannot be read"),
        "{}",
        rows[1][6]
    );
    assert!(!rows[1][6].contains('\n'));
}

#[test]
fn an_info_json_of_many_megabytes_is_not_read_into_memory() {
    let server = Server::start(|request, _| match &*request.path {
        "/vast/info.json" => {
            let sizes = "[],".repeat(3 << 20);
            let text = format!(
                r#"{{"protocol":"http://iiif.io/api/image","width":4,"height":3,"sizes":[{sizes}[]]}}"#
            );
            Answer::Serve(text.into_bytes(), "application/json")
        }
        _ => Answer::Serve(jpeg(1), "image/jpeg"),
    });
    let work = Workdir::new();
    let images = vec![
        plain("good", server.url("/a.jpg")),
        service("vast", server.url("/vast"), 3),
    ];
    work.write_json("localizations.json", &set(images));
    work.run("download", &args(&["--retries", "0"])).exits(3);
    let rows = rows(&work, "failures.csv");
    assert_eq!(rows.len(), 1);
    assert!(rows[0][6].contains("8388608 bytes"), "{}", rows[0][6]);
    assert!(work.json("image_map.json").get("good").is_some());
}

#[test]
fn no_list_takes_the_place_of_what_is_read_or_of_another() {
    let work = one("http://127.0.0.1:9/a.jpg".into());
    work.write("images/downloads.jsonl", "");
    let cases: [(&[&str], &str); 5] = [
        (&["--image-map", "localizations.json"], "is an input"),
        (&["--image-map", "images/downloads.jsonl"], "is an input"),
        (
            &["--failures", "image_map.json"],
            "--image-map and --failures name the same file",
        ),
        (&["--report", "localizations.json"], "is an input"),
        (&["--regions=localizations.json"], "is an input"),
    ];
    let before = work.text("localizations.json");
    for (more, says) in cases {
        work.run("download", &args(more)).exits(2).says(&[says]);
        assert_eq!(work.text("localizations.json"), before);
    }
}

#[test]
fn a_stranger_gets_a_hundred_answers_and_is_asked_for_a_name() {
    let world = world(|url, _| match url.ends_with("/robots.txt") {
        true => Answer::Status(404),
        false => Answer::Serve(jpeg(1), "image/jpeg"),
    });
    let work = Workdir::new();
    let image = |i: usize| plain(&format!("i{i:03}"), format!("http://a.museum.org/{i}.jpg"));
    work.write_json("localizations.json", &set((0..105).map(image).collect()));
    through(&world, &work, &[])
        .exits(3)
        .says(&["give --contact EMAIL"]);
    let asked = world.log().len();
    assert!(asked <= 102, "{asked} requests");
    // A name is wanted by the next run too.
    through(&world, &work, &[]).exits(3);
    assert_eq!(world.log().len(), asked);
    through(&world, &work, &["--contact", "me@a.museum.org"]).exits(0);
}

#[test]
fn pictures_that_their_owners_reserve_are_left_unless_told_otherwise() {
    let said = [
        ("x-robots-tag", "noai", true),
        ("tdm-reservation", "1", true),
        (
            "x-robots-tag",
            "unavailable_after: Fri, 25 Jun 2010 15:00:00 GMT, noai",
            true,
        ),
        ("x-robots-tag", "googlebot: noindex", false),
    ];
    for (name, value, reserves) in said {
        let server = Server::start(move |_, _| {
            let headers = vec![(name.to_owned(), value.to_owned())];
            Answer::Full(200, headers, jpeg(1))
        });
        let work = one(server.url("/a.jpg"));
        let ran = work.run("download", &args(&[]));
        if !reserves {
            ran.exits(0);
            continue;
        }
        ran.exits(3);
        assert_eq!(rows(&work, "failures.csv")[0][3], "reserved", "{name}");
        assert_eq!(server.log().len(), 1, "no is no");
        work.run("download", &args(&["--ignore-opt-out"])).exits(0);
    }
}

#[test]
fn the_users_table_of_archives_sets_the_pace() {
    let server = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let work = Workdir::new();
    let images = [0, 1, 2].map(|i| plain(&format!("i{i}"), server.url(&format!("/{i}.jpg"))));
    work.write_json("localizations.json", &set(images.to_vec()));
    let table = "host,at_once,per_second,why\n127.0.0.1,1,0.01,agreed\n";
    work.write("archives.csv", table);
    waits_for_its_turn(&work, &server, &["--archives", "archives.csv"]);
    assert_eq!(server.log().len(), 1, "the second is due in 100 s");
    work.write("archives.csv", "host,pace\nx,1\n");
    let ran = work.run("download", &args(&["--archives", "archives.csv", "-o"]));
    ran.exits(1)
        .says(&["archives.csv", "host,at_once,per_second,why"]);
}

#[test]
fn a_run_costs_no_more_than_its_budget() {
    let cases = [("requests=3", 3), ("bytes=1", 1)];
    for (budget, answers) in cases {
        let server = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
        let work = Workdir::new();
        let image = |i: usize| plain(&format!("i{i}"), server.url(&format!("/{i}.jpg")));
        work.write_json("localizations.json", &set((0..6).map(image).collect()));
        let flags = ["--budget", budget, "-j", "1", "--per-host", "1"];
        work.run("download", &args(&flags)).exits(75);
        assert_eq!(server.log().len(), answers, "{budget}");
        let failures = rows(&work, "failures.csv");
        assert_eq!(failures.len(), 6 - answers, "{budget}");
        assert!(failures.iter().all(|row| row[3] == "budget"));
        work.run("download", &args(&[])).exits(0);
    }
    let work = one("http://127.0.0.1:9/a".into());
    for wrong in ["requests", "bytes=no", "time=5y", "money=3"] {
        work.run("download", &args(&["--budget", wrong])).exits(2);
    }
}

/// However many are under way when the last request of the budget is sent.
#[test]
fn a_budget_of_requests_is_kept_by_images_side_by_side() {
    for most in [1, 2, 5] {
        let server = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
        let work = Workdir::new();
        let image = |i: usize| plain(&format!("i{i}"), server.url(&format!("/{i}.jpg")));
        work.write_json("localizations.json", &set((0..20).map(image).collect()));
        let budget = format!("requests={most}");
        let flags = ["--budget", &budget, "-j", "16", "--per-host", "16"];
        work.run("download", &args(&flags)).exits(75);
        assert_eq!(server.log().len(), most);
        assert_eq!(rows(&work, "failures.csv").len(), 20 - most);
    }
}

#[test]
fn a_drip_ends() {
    let server = Server::start(|_, _| Answer::Drip(Duration::from_millis(100), jpeg(1)));
    let work = one(server.url("/a.jpg"));
    let flags = [
        "localizations.json",
        "images",
        "--retries",
        "0",
        "--timeout",
        "0.5",
    ];
    work.run("download", &flags).exits(75);
    let row = &rows(&work, "failures.csv")[0];
    assert_eq!(row[3], "timeout");
    assert!(row[6].starts_with("only "), "{}", row[6]);
}

/// Bytes as gzip that compresses nothing.
fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut crc = !0u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (!(crc & 1)).wrapping_add(1));
        }
    }
    let length = bytes.len() as u16;
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    gzip.extend(length.to_le_bytes());
    gzip.extend((!length).to_le_bytes());
    gzip.extend(bytes);
    gzip.extend((!crc).to_le_bytes());
    gzip.extend(u32::from(length).to_le_bytes());
    gzip
}

#[test]
fn a_picture_that_is_encoded_all_the_same_is_had_even_when_it_is_cut() {
    let server = Server::start(|_, before| {
        let headers = vec![
            ("content-encoding".to_owned(), "gzip".to_owned()),
            ("etag".to_owned(), "\"v1\"".to_owned()),
        ];
        match before {
            0..3 => Answer::FullCut(200, headers, gzipped(&jpeg(1)), 200),
            _ => Answer::Full(200, headers, gzipped(&jpeg(1))),
        }
    });
    let work = one(server.url("/a.jpg"));
    work.run("download", &args(&[])).exits(0);
    assert_eq!(file(&work, "a"), jpeg(1));
}

#[test]
fn a_file_that_was_all_there_is_not_fetched_again() {
    let server = Server::start(|request, _| {
        let body = jpeg(1);
        let tag = ("etag".to_owned(), "\"v1\"".to_owned());
        match request.headers.contains_key("range") {
            true => {
                let span = format!("bytes */{}", body.len());
                Answer::Full(416, vec![tag, ("content-range".into(), span)], vec![])
            }
            false => {
                let whole = body.len();
                Answer::FullCut(200, vec![tag], [body, vec![0; 9]].concat(), whole)
            }
        }
    });
    let work = one(server.url("/a.jpg"));
    work.run("download", &args(&[])).exits(0);
    assert_eq!(file(&work, "a"), jpeg(1));
    assert_eq!(server.log().len(), 2);
}

#[test]
fn a_part_that_nobody_asked_for_is_the_file_when_it_is_all_of_it() {
    let answer = |span: String| Answer::Full(206, vec![("content-range".into(), span)], jpeg(1));
    let server = Server::start(move |request, _| match &*request.path {
        "/a.jpg" => answer(format!("bytes 0-{}/{}", jpeg(1).len() - 1, jpeg(1).len())),
        "/b.jpg" => answer(format!("bytes 0-{}/9999999", jpeg(1).len() - 1)),
        _ => answer("bytes 7-99/9999999".into()),
    });
    let work = Workdir::new();
    let images = ["a", "b", "c"].map(|id| plain(id, server.url(&format!("/{id}.jpg"))));
    work.write_json("localizations.json", &set(images.to_vec()));
    work.run("download", &args(&["--retries", "1"])).exits(75);
    assert_eq!(file(&work, "a"), jpeg(1));
    let rows = rows(&work, "failures.csv");
    let kinds: Vec<(&str, &str)> = rows.iter().map(|row| (&*row[0], &*row[3])).collect();
    assert_eq!(kinds, [("b", "truncated"), ("c", "truncated")]);
}

#[test]
fn a_file_that_is_not_the_one_declared_is_asked_for_once_more_and_then_a_failure() {
    let right = recto::files::hex_digest(&jpeg(1), 64);
    // (answers: another picture, the right one, trouble of the server; exit code; requests)
    let cases = [
        ("r", 0, 1),
        ("wr", 0, 2),
        ("ww", 3, 2),
        ("twr", 0, 3),
        ("wtw", 3, 3),
    ];
    for (answers, code, asked) in cases {
        let server = Server::start(move |_, before| match answers.as_bytes().get(before) {
            Some(b'r') => Answer::Serve(jpeg(1), "image/jpeg"),
            Some(b't') => Answer::Full(503, vec![], vec![]),
            _ => Answer::Serve(jpeg(2), "image/jpeg"),
        });
        let mut image = plain("a", server.url("/a.jpg"));
        image["image"]["sha256"] = json!(right.to_uppercase());
        let work = Workdir::new();
        work.write_json("localizations.json", &set(vec![image]));
        work.run("download", &args(&[])).exits(code);
        assert_eq!(server.hits("/a.jpg"), asked, "{answers}");
        match code {
            0 => assert_eq!(file(&work, "a"), jpeg(1)),
            _ => {
                let row = &rows(&work, "failures.csv")[0];
                assert_eq!((&*row[3], &*row[5]), ("checksum", &*asked.to_string()));
                assert!(row[6].to_lowercase().contains(&right), "{}", row[6]);
            }
        }
    }
}

#[test]
fn a_proxy_that_is_none_is_refused_and_not_passed_by() {
    let server = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let work = one(server.url("/a.jpg"));
    let mut command = work.command("download", &args(&[]));
    let output = command.env("ALL_PROXY", "nonsense://x").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(
        words.contains("ALL_PROXY in the environment is not a valid proxy"),
        "{words}"
    );
    assert!(server.log().is_empty());
}

#[test]
fn only_failures_of_a_kind_are_tried_again() {
    let server = Server::start(|request, _| match request.path.as_str() {
        "/gone" => Answer::Status(404),
        _ => Answer::Status(500),
    });
    let work = Workdir::new();
    let images = ["gone", "ill"].map(|id| plain(id, server.url(&format!("/{id}"))));
    work.write_json("localizations.json", &set(images.to_vec()));
    let once = ["--retries", "0"];
    work.run("download", &args(&once)).exits(75);
    let before = rows(&work, "failures.csv");
    let again = ["--retries", "0", "--retry-failed", "server"];
    work.run("download", &args(&again)).exits(75);
    assert_eq!((server.hits("/gone"), server.hits("/ill")), (1, 2));
    assert_eq!(rows(&work, "failures.csv"), before);
    work.run("download", &args(&["--retry-failed", "nonsense"]))
        .exits(2);
}

#[test]
fn what_a_server_changed_is_fetched_anew_when_asked_for() {
    let changed = Arc::new(AtomicUsize::new(0));
    let now = changed.clone();
    let server = Server::start(move |request, _| {
        let version = match request.path.as_str() {
            "/b.jpg" => now.load(Ordering::SeqCst),
            "/c.jpg" if now.load(Ordering::SeqCst) > 0 => return Answer::Status(404),
            _ => 0,
        };
        let tag = format!("\"{version}\"");
        match request.headers.get("if-none-match") == Some(&tag) {
            true => Answer::Status(304),
            false => Answer::Full(200, vec![("etag".into(), tag)], jpeg(version as u8)),
        }
    });
    let work = Workdir::new();
    let images = ["a", "b", "c"].map(|id| plain(id, server.url(&format!("/{id}.jpg"))));
    work.write_json("localizations.json", &set(images.to_vec()));
    work.run("download", &args(&[])).exits(0);
    changed.store(1, Ordering::SeqCst);
    work.run("download", &args(&[])).exits(0);
    assert_eq!(file(&work, "b"), jpeg(0), "nobody asked");
    let ran = work.run("download", &args(&["--refresh"]));
    ran.exits(0)
        .says(&["1 unchanged, 1 changed, 1 gone from the server"]);
    assert_eq!(file(&work, "b"), jpeg(1));
    assert_eq!(file(&work, "c"), jpeg(0));
}

#[test]
fn canonical_tiles_are_the_only_ones_asked_for_when_wanted() {
    let origin = Origin::default();
    let served = origin.clone();
    let server = Server::start(move |request, _| served.answer(request));
    let work = Workdir::new();
    let images = set(vec![service("a", server.url("/iiif/a"), 2)]);
    work.write_json("localizations.json", &images);
    work.run(
        "download",
        &args(&["--tiles", "canonical", "--format", "png"]),
    )
    .exits(0);
    is_the_picture(&work, "a", &origin);
    let paths: Vec<String> = server.log().into_iter().map(|r| r.path).collect();
    assert_eq!(paths.len(), 1 + 5 * 4, "{paths:?}");
    assert!(
        paths
            .iter()
            .any(|p| p.ends_with("/64,64,64,64/64,/0/default.png")),
        "{paths:?}"
    );
}

#[test]
fn a_dry_run_leaves_out_what_is_there() {
    let server = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let work = one(server.url("/a.jpg"));
    work.run("download", &args(&[])).exits(0);
    let images = ["a", "b"].map(|id| plain(id, server.url(&format!("/{id}.jpg"))));
    work.write_json("localizations.json", &set(images.to_vec()));
    let ran = work.run("download", &args(&["--dry-run"]));
    ran.exits(0).says(&["1 image is there already"]);
    assert!(ran.stdout().contains("\t1\t1-1\t"), "{}", ran.stdout());
}

#[test]
fn nobody_waits_for_a_turn_that_the_budget_has_ended() {
    let server = Server::start(|_, _| {
        let answer = Answer::Serve(jpeg(1), "image/jpeg");
        Answer::Late(Duration::from_millis(20), Box::new(answer))
    });
    let work = Workdir::new();
    let image = |i: usize| plain(&format!("i{i}"), server.url(&format!("/{i}.jpg")));
    work.write_json("localizations.json", &set((0..12).map(image).collect()));
    // Eight wait for the one place when the second answer is the last.
    let flags = ["--budget", "requests=2", "-j", "8", "--per-host", "1"];
    let child = work.command("download", &args(&flags)).spawn().unwrap();
    Running(child).ends();
    assert_eq!(server.log().len(), 2);
    assert_eq!(rows(&work, "failures.csv").len(), 10);
}

#[test]
fn a_camera_that_sends_one_jpeg_after_the_other_is_no_image() {
    use std::io::{Read as _, Write as _};
    let camera = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let home = format!("http://{}", camera.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in camera.incoming().flatten() {
            let mut head = [0; 4096];
            let n = stream.read(&mut head).unwrap_or(0);
            if !head[..n].starts_with(b"GET /camera") {
                let _ = stream
                    .write_all(b"HTTP/1.1 404 \r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                continue;
            }
            // Without a length, and without an end but for that of the connection.
            let _ = stream.write_all(
                b"HTTP/1.1 200 OK\r\ncontent-type: image/jpeg\r\nconnection: close\r\n\r\n",
            );
            while stream.write_all(&jpeg(1)).is_ok() {}
        }
    });
    let work = one(format!("{home}/camera.jpg"));
    work.run("download", &args(&["--retries", "0"])).exits(3);
    let row = &rows(&work, "failures.csv")[0];
    assert_eq!(row[3], "not-an-image");
    assert!(row[6].starts_with("a stream of JPEG images"), "{row:?}");
}

#[test]
fn a_large_bigtiff_is_known_by_its_first_bytes() {
    let mut tiff = b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0".to_vec();
    tiff.resize(300_000, 7);
    let server = Server::start(move |_, _| Answer::Serve(tiff.clone(), "image/tiff"));
    let work = one(server.url("/a.tif"));
    work.run("download", &args(&["--retries", "0"])).exits(3);
    // Its directory is not one, which shows when all of it is there.
    let row = &rows(&work, "failures.csv")[0];
    assert!(!row[6].contains("first bytes"), "{row:?}");
}
