//! Who is let in, and how the network is reached: netrc, IIIF Authorization, certificates, proxies, version 6.

use super::*;

fn one(url: String) -> Workdir {
    let work = Workdir::new();
    work.write_json("localizations.json", &set(vec![plain("a", url)]));
    work
}

fn asked(server: &Server, name: &str) -> Vec<Option<String>> {
    let log = server.log();
    log.iter().map(|r| r.headers.get(name).cloned()).collect()
}

/// Who is let in as `me` with the password `a b`.
const BASIC: &str = "Basic bWU6YSBi";

fn guarded(request: &Arrived, _: usize) -> Answer {
    match request.headers.get("authorization").map(String::as_str) {
        Some(BASIC) => Answer::Serve(jpeg(1), "image/jpeg"),
        _ => Answer::Status(401),
    }
}

#[test]
fn netrc_opens_its_host_and_no_other() {
    let elsewhere = Server::start_v6(|_, _| Answer::Serve(jpeg(2), "image/jpeg"));
    let to = elsewhere.url("/b.jpg");
    let server = Server::start(move |request, before| match request.path.as_str() {
        "/away.jpg" => Answer::Full(302, vec![("location".into(), to.clone())], vec![]),
        _ => guarded(request, before),
    });
    let work = Workdir::new();
    let images = ["/a.jpg", "/away.jpg"].map(|path| plain(path, server.url(path)));
    work.write_json("localizations.json", &set(images.to_vec()));
    work.write(
        "netrc",
        "# mine\nmachine 127.0.0.1 login me password \"a b\"\nmachine other login x password y\n",
    );
    work.run("download", &args(&[])).exits(3);
    let ran = work.run("download", &args(&["--netrc=netrc"]));
    ran.exits(0);
    assert_eq!(
        asked(&server, "authorization").last().unwrap().as_deref(),
        Some(BASIC)
    );
    assert!(
        asked(&elsewhere, "authorization")
            .iter()
            .all(Option::is_none)
    );
}

#[test]
fn netrc_is_found_where_others_find_it() {
    let server = Server::start(guarded);
    for (file, variable) in [("home/.netrc", "HOME"), ("told", "NETRC")] {
        let work = one(server.url("/a.jpg"));
        work.write(file, "default login me password \"a b\"");
        let mut command = work.command("download", &args(&["--netrc"]));
        let value = if variable == "HOME" { "home" } else { file };
        work.run_command(command.env(variable, work.path(value)))
            .exits(0);
        // Nobody is logged in who did not ask for it.
        let mut command = work.command("download", &args(&["-o"]));
        work.run_command(command.env(variable, work.path(value)))
            .exits(3);
    }
}

#[test]
fn a_netrc_file_that_is_wrong_or_open_to_all_says_so() {
    let server = Server::start(guarded);
    let cases = [
        (
            "machine 127.0.0.1\nlogin",
            "netrc:2: not a netrc file: nothing follows `login`",
        ),
        (
            "user me",
            "netrc:1: not a netrc file: a word other than machine",
        ),
        (
            "machine a login \"b",
            "netrc:1: not a netrc file: a quote does not end on its line",
        ),
    ];
    for (text, wanted) in cases {
        let work = one(server.url("/a.jpg"));
        work.write("netrc", text);
        work.run("download", &args(&["--netrc=netrc"]))
            .exits(1)
            .says(&[wanted, "hint: entries are"]);
    }
    let work = one(server.url("/a.jpg"));
    work.run("download", &args(&["--netrc=none"]))
        .exits(1)
        .says(&["none: "]);
    work.write("netrc", "machine 127.0.0.1 login me password \"a b\"");
    use std::os::unix::fs::PermissionsExt;
    let mode = |bits| std::fs::Permissions::from_mode(bits);
    let warning = "netrc: other users can read the passwords in it";
    for (bits, warns) in [(0o644, true), (0o600, false)] {
        std::fs::set_permissions(work.path("netrc"), mode(bits)).unwrap();
        let ran = work.run("download", &args(&["--netrc=netrc", "-o"]));
        assert_eq!(ran.exits(0).stderr().contains(warning), warns, "{bits:o}");
    }
}

#[test]
fn the_default_of_netrc_is_for_one_host_alone_and_a_token_counts_first() {
    let (a, b) = (Server::start(guarded), Server::start(guarded));
    let work = Workdir::new();
    let images = [plain("a", a.url("/a.jpg")), plain("b", b.url("/b.jpg"))];
    work.write_json("localizations.json", &set(images.to_vec()));
    work.write("netrc", "default login me password \"a b\"");
    let ran = work.run("download", &args(&["--netrc=netrc"]));
    ran.exits(3).says(&["`default` is sent to none of 2 hosts"]);
    assert_eq!(asked(&a, "authorization"), [None]);
    let work = one(a.url("/a.jpg"));
    work.write("netrc", "machine 127.0.0.1 login me password \"a b\"");
    work.run(
        "download",
        &args(&["--netrc=netrc", "--bearer", "127.0.0.1=t"]),
    )
    .exits(3);
    assert_eq!(asked(&a, "authorization")[1].as_deref(), Some("Bearer t"));
}

/// A service behind a door. `Token` is who one is, by cookie or token.
#[derive(Clone, Copy, PartialEq)]
enum Door {
    /// Auth 1.0: info.json with 401.
    One,
    /// Auth 1.0: a redirect to a lesser service.
    Tiered,
    /// Auth 1.0: the lesser service under the address of the whole one.
    Renamed,
    /// Auth 1.0: info.json for all, the pictures lead to lesser ones.
    Pictures,
    /// Authorization Flow 2.0.
    Two,
    /// The same, with a substitute.
    Substitute,
    /// The same: the picture is at another place.
    Elsewhere,
    /// The same: at another place a smaller one.
    ElsewhereSmall,
    /// The same: by the status of the answer.
    Blunt,
    /// The same: the pictures want a cookie.
    Cookie,
}

use Door::*;

fn archive(door: Door, pattern: &'static str) -> Server {
    let (whole, small) = (
        Origin::default(),
        Origin {
            width: 30,
            height: 20,
            ..Origin::default()
        },
    );
    Server::start(move |request, _| {
        let home = format!("http://{}", request.headers["host"]);
        let is_known = request
            .headers
            .get("authorization")
            .is_some_and(|a| a == "Bearer good");
        let answer =
            |status, body: Value| Answer::Full(status, vec![], body.to_string().into_bytes());
        if request.path == "/probe" {
            let place =
                |path: &str| json!({"id": format!("{home}{path}"), "type": "ImageService2"});
            let refused = json!({"status": 401, "heading": {"en": ["No entry"]}, "note": {"en": ["Members only"]}});
            return match (door, is_known) {
                (Substitute, false) => answer(
                    200,
                    json!({"status": 401, "substitute": place("/iiif/small")}),
                ),
                (Blunt, false) => answer(401, refused),
                (_, false) => answer(200, refused),
                (Elsewhere, true) => answer(
                    200,
                    json!({"status": 302, "location": place("/iiif/moved")}),
                ),
                (ElsewhereSmall, true) => answer(
                    200,
                    json!({"status": 302, "location": place("/iiif/small")}),
                ),
                (_, true) => answer(200, json!({"status": 200})),
            };
        }
        let name = request.path.split('/').nth(2).unwrap_or_default();
        let origin = if name == "small" { &small } else { &whole };
        let is_info = request.path.ends_with("/info.json");
        let away = || {
            let location = format!("{home}{}", request.path.replace("/iiif/a/", "/iiif/small/"));
            Answer::Full(302, vec![("location".into(), location)], vec![])
        };
        match (door, is_known, name, is_info) {
            (Tiered, false, "a", true) => return away(),
            (Pictures, false, "a", false) => return away(),
            (Cookie, _, "a", false) if !request.headers.contains_key("cookie") => {
                return Answer::Status(401);
            }
            _ => {}
        }
        if !is_info {
            return origin.answer(request);
        }
        let origin = if door == Renamed && !is_known {
            &small
        } else {
            origin
        };
        let Answer::Serve(info, _) = origin.answer(request) else {
            return Answer::Status(404);
        };
        let mut info: Value = serde_json::from_slice(&info).unwrap();
        let named = if door == Renamed && !is_known {
            "small"
        } else {
            name
        };
        info["@id"] = format!("{home}/iiif/{named}").into();
        let login = json!({"@id": format!("{home}/login"), "profile": format!("http://iiif.io/api/auth/1/{pattern}"),
            "label": "Log in to the reading room",
            "service": {"@id": format!("{home}/token"), "profile": "http://iiif.io/api/auth/1/token"}});
        let access = json!({"id": format!("{home}/login"), "type": "AuthAccessService2", "profile": pattern,
            "label": {"en": ["Log in to the reading room"]},
            "service": [{"id": format!("{home}/token"), "type": "AuthAccessTokenService2"}]});
        info["service"] = match door {
            One | Tiered | Renamed | Pictures => login,
            _ => {
                json!([{"id": format!("{home}/probe"), "type": "AuthProbeService2", "service": [access]}])
            }
        };
        let status = if door == One && !is_known { 401 } else { 200 };
        answer(status, info)
    })
}

#[test]
fn pictures_behind_a_door_are_had_with_a_token_and_never_replaced_by_lesser_ones() {
    let lesser = "the server sent a substitute instead of the requested image";
    let cases = [
        // (door, pattern, status, what is said without a token)
        (One, "login", "401", "log in at http://"),
        (One, "clickthrough", "401", "accept the terms at http://"),
        (One, "kiosk", "401", "in a browser on that network"),
        (One, "external", "401", "decided by your network address"),
        (Tiered, "login", "200", lesser),
        (Renamed, "login", "200", lesser),
        (Pictures, "login", "200", lesser),
        (Two, "active", "401", "No entry, Members only"),
        (Two, "kiosk", "401", "in a browser on that network"),
        (Two, "external", "401", "decided by your network address"),
        (Blunt, "active", "401", "No entry, Members only"),
        (
            Substitute,
            "active",
            "401",
            "the substitute offered is not the image requested: http://",
        ),
        (Elsewhere, "active", "401", "Members only"),
    ];
    for (door, pattern, status, words) in cases {
        let server = archive(door, pattern);
        let work = Workdir::new();
        let host = server.url("").replace("http://", "");
        work.write_json(
            "localizations.json",
            &set(vec![service("a", server.url("/iiif/a"), 2)]),
        );
        for (flags, why) in [
            (&[][..], "authorization is required"),
            (
                &["--bearer", "bad"],
                "the token or cookie given is not accepted",
            ),
        ] {
            let ran = work.run("download", &args(flags));
            ran.exits(3);
            let failures = rows(&work, "failures.csv");
            assert_eq!(
                (&*failures[0][3], &*failures[0][4]),
                ("forbidden", status),
                "{failures:?}"
            );
            let label = "\"Log in to the reading room\"";
            let bearer = format!("--bearer {host}=TOKEN");
            let cookie = format!("--header '{host}=Cookie: NAME=VALUE'");
            for part in [words, why, label, &bearer, &cookie, pattern] {
                assert!(failures[0][6].contains(part), "no `{part}` in {failures:?}");
            }
            assert!(pictures(&work).is_empty(), "{pattern}");
        }
        work.run("download", &args(&["--bearer", "good"])).exits(0);
        let map = work.json("image_map.json");
        let image = image::load_from_memory(&work.read(map["a"].as_str().unwrap())).unwrap();
        assert_eq!((image.width(), image.height()), (300, 200), "{words}");
    }
}

#[test]
fn a_probe_that_leads_to_a_smaller_picture_is_not_followed() {
    let server = archive(ElsewhereSmall, "active");
    let work = Workdir::new();
    work.write_json(
        "localizations.json",
        &set(vec![service("a", server.url("/iiif/a"), 2)]),
    );
    let ran = work.run("download", &args(&["--bearer", "good"]));
    ran.exits(3)
        .says(&["the probe service names an image of 30 x 20, the one requested has 300 x 200"]);
}

#[test]
fn a_cookie_opens_what_a_token_alone_does_not() {
    let server = archive(Cookie, "active");
    let work = Workdir::new();
    let host = server.url("").replace("http://", "");
    work.write_json(
        "localizations.json",
        &set(vec![service("a", server.url("/iiif/a"), 2)]),
    );
    let ran = work.run("download", &args(&["--bearer", "good"]));
    ran.exits(3)
        .says(&["HTTP 401", "log in at http://", "Cookie: NAME=VALUE"]);
    let pictures_asked = server
        .log()
        .iter()
        .filter(|r| r.path.ends_with(".jpg"))
        .count();
    assert_eq!(pictures_asked, 1, "no other words help");
    let cookie = format!("{host}=Cookie: room=7");
    work.run(
        "download",
        &args(&["--bearer", "good", "--header", &cookie]),
    )
    .exits(0);
}

#[test]
fn a_smaller_picture_than_declared_is_not_taken_where_there_is_a_door() {
    let server = archive(Tiered, "login");
    let work = Workdir::new();
    let mut image = service("a", server.url("/iiif/small"), 2);
    work.write_json("localizations.json", &set(vec![image.clone()]));
    work.run("download", &args(&[])).exits(0);
    image["image"]["width"] = 300.into();
    image["image"]["height"] = 200.into();
    work.write_json("localizations.json", &set(vec![image]));
    let ran = work.run("download", &args(&["-o"]));
    ran.exits(3).says(&["30 x 20 where 300 x 200 is declared"]);
}

#[test]
fn certificates_are_those_that_the_system_trusts() {
    let (server, certificate) =
        Server::start_certified(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let work = one(server.url("/a.jpg"));
    work.write("roots.pem", certificate);
    let ran = work.run("download", &args(&[]));
    ran.exits(3).says(&["certificate: ", "--insecure"]);
    let mut command = work.command("download", &args(&[]));
    work.run_command(command.env("SSL_CERT_FILE", work.path("roots.pem")))
        .exits(0);
}

#[test]
fn addresses_of_version_6_are_reached_and_told_their_secrets() {
    let server = Server::start_v6(guarded);
    let host = server.url("").replace("http://", "");
    let bare = host.rsplit_once(':').unwrap().0.to_owned();
    let header = |host: &str| format!("{host}=Authorization: {BASIC}");
    for header in [header(&host), header(&bare), header("[::1]:9")] {
        let work = one(server.url("/a.jpg"));
        let code = if header.starts_with("[::1]:9=") { 3 } else { 0 };
        work.run("download", &args(&["--header", &header]))
            .exits(code);
    }
    let work = one(server.url("/a.jpg"));
    work.write("netrc", "machine ::1 login me password \"a b\"");
    work.run("download", &args(&["--netrc=netrc"])).exits(0);
    let ran = work.run(
        "download",
        &["localizations.json", "images", "--dry-run", "-o"],
    );
    assert!(
        ran.exits(0).stdout().contains(&format!("{host}\t1\t1-1")),
        "{}",
        ran.stdout()
    );
}

#[test]
fn proxies_are_those_of_the_environment() {
    let server = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let far = "http://pictures.example/a.jpg";
    for (variable, url) in [("http_proxy", far), ("HTTP_PROXY", far), ("ALL_PROXY", far)] {
        let proxy = Server::start(|_, _| Answer::Serve(jpeg(2), "image/jpeg"));
        let work = one(url.into());
        let mut command = work.command("download", &args(&[]));
        let address = proxy.url("").replace("http://", "http://me:word@");
        work.run_command(command.env(variable, &address)).exits(0);
        assert_eq!(proxy.log()[0].path, far, "{variable}");
        assert_eq!(
            proxy.log()[0].headers["proxy-authorization"],
            "Basic bWU6d29yZA=="
        );
    }
    let proxy = Server::start(|_, _| Answer::Status(502));
    let work = one("https://pictures.example/a.jpg".into());
    let mut command = work.command("download", &args(&["--retries", "0"]));
    work.run_command(command.env("https_proxy", proxy.url("")))
        .exits(75);
    assert_eq!(proxy.log()[0].method, "CONNECT");
    assert_eq!(proxy.log()[0].path, "pictures.example:443");
    let work = one(server.url("/a.jpg"));
    let mut command = work.command("download", &args(&[]));
    command
        .env("http_proxy", proxy.url(""))
        .env("no_proxy", "127.0.0.1");
    work.run_command(&mut command).exits(0);
    assert_eq!(proxy.log().len(), 1, "no_proxy is left alone");
}

#[test]
fn hosts_that_are_exempt_are_asked_without_the_proxy() {
    let server = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let place = server.url("").replace("http://", "");
    let by_port = format!("NO_PROXY: {place} is not followed, since it names a port");
    // (the exemption, whether it is followed, what is told)
    let cases = [
        ("127.0.0.1", true, ""),
        ("*", true, ""),
        ("a.example, *", true, ""),
        (&*place, false, &*by_port),
    ];
    for (exempt, is_followed, told) in cases {
        let proxy = Server::start(|_, _| Answer::Serve(jpeg(2), "image/jpeg"));
        let work = one(server.url("/a.jpg"));
        let mut command = work.command("download", &args(&[]));
        command
            .env("http_proxy", proxy.url(""))
            .env("no_proxy", exempt)
            .env("NO_PROXY", exempt);
        work.run_command(&mut command).exits(0).says(&[told]);
        assert_eq!(proxy.log().is_empty(), is_followed, "{exempt}");
    }
}

#[test]
fn of_several_logins_for_a_host_the_one_that_the_url_names_is_sent() {
    let server = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let logins = "machine 127.0.0.1 login anna password p1\n\
        machine 127.0.0.1 login bert password p2\n";
    let cases = [
        ("", "Basic YW5uYTpwMQ=="),
        ("anna@", "Basic YW5uYTpwMQ=="),
        ("bert@", "Basic YmVydDpwMg=="),
        ("b%65rt@", "Basic YmVydDpwMg=="),
    ];
    for (name, wanted) in cases {
        let url = server.url("/a.jpg");
        let work = one(url.replace("http://", &format!("http://{name}")));
        work.write("netrc", logins);
        work.run("download", &args(&["--netrc=netrc"])).exits(0);
        let sent = asked(&server, "authorization");
        assert_eq!(sent.last().unwrap().as_deref(), Some(wanted), "{name}");
    }
}

#[test]
fn a_wait_until_a_date_is_measured_by_the_clock_of_the_server() {
    // By the clock here these dates are long past, or years ahead.
    for (now, then) in [
        (
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 09:49:37 GMT",
        ),
        (
            "Sat, 06 Nov 2094 08:49:37 GMT",
            "Sat, 06 Nov 2094 09:49:37 GMT",
        ),
    ] {
        let server = Server::start(move |_, _| {
            let headers = [("date", now), ("retry-after", then)];
            let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
            Answer::Full(503, headers.to_vec(), vec![])
        });
        let work = one(server.url("/a.jpg"));
        // An hour is longer than a run waits, so its length is in the message.
        work.run("download", &args(&[])).exits(75).says(&["3600 s"]);
        assert_eq!(server.log().len(), 1, "{now}");
    }
}

#[test]
fn a_dry_run_reckons_with_what_archives_ask_for() {
    let work = Workdir::new();
    let image = |i: usize| plain(&format!("i{i}"), format!("https://tile.loc.gov/{i}.jpg"));
    work.write_json("localizations.json", &set((0..12).map(image).collect()));
    work.write(
        "own.csv",
        "host,at_once,per_second,why\nloc.gov,3,2,agreed\n",
    );
    let cases: [(&[&str], &str, &str); 4] = [
        (
            &[],
            "\t12-12\n",
            "asks for at most 1 at once and 1 per second",
        ),
        (&["--rate", "0.5"], "\t24-24\n", "tile.loc.gov"),
        (&["--rate", "50"], "\t12-12\n", "tile.loc.gov"),
        (&["--archives", "own.csv"], "\t6-6\n", "agreed"),
    ];
    for (flags, seconds, words) in cases {
        let call = ["localizations.json", "images", "--dry-run"];
        let ran = work.run("download", &[&call, flags].concat());
        assert!(
            ran.exits(0).stdout().ends_with(seconds),
            "{flags:?}: {}",
            ran.stdout()
        );
        ran.says(&[words]);
    }
}
