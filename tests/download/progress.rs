//! Progress while it lasts: for people, for programs, for nobody.

use super::*;

fn archive() -> (Server, Workdir) {
    let origin = Origin {
        cap: Some(100),
        ..Origin::default()
    };
    let server = Server::start(move |request, before| match request.path.as_str() {
        "/waits.jpg" if before == 0 => {
            Answer::Full(429, vec![("retry-after".into(), "2".into())], vec![])
        }
        "/waits.jpg" => Answer::Serve(jpeg(1), "image/jpeg"),
        "/gone.jpg" => Answer::Status(404),
        _ => origin.answer(request),
    });
    let work = Workdir::new();
    let images = vec![
        plain("waits", server.url("/waits.jpg")),
        plain("gone", server.url("/gone.jpg")),
        service("parts", server.url("/iiif/a"), 2),
    ];
    work.write_json("localizations.json", &set(images));
    (server, work)
}

fn events(stderr: &str) -> Vec<Value> {
    let lines = stderr.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect()
}

fn of<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|e| e["event"] == name).collect()
}

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn programs_are_told_everything_in_json_lines() {
    let (server, work) = archive();
    let ran = work.run("download", &args(&["--progress", "json", "-j", "1"]));
    let events = events(&ran.exits(3).stderr());
    assert_eq!(
        events[0],
        json!({"event": "start", "stage": "download", "unit": "images", "total": 3, "before": 0})
    );
    let images = of(&events, "image");
    assert_eq!(images.len(), 3);
    let image = |id: &str| *images.iter().find(|e| e["id"] == id).unwrap();
    let had = image("parts");
    assert_eq!(
        keys(had),
        [
            "event", "id", "outcome", "path", "bytes", "width", "height", "method", "attempts"
        ]
    );
    assert_eq!(
        (&had["outcome"], &had["width"]),
        (&json!("finished"), &json!(300))
    );
    assert!(work.exists(&format!("images/{}", had["path"].as_str().unwrap())));
    let gone = image("gone");
    assert_eq!(
        keys(gone),
        [
            "event", "id", "outcome", "kind", "status", "message", "attempts"
        ]
    );
    assert_eq!(
        (&gone["kind"], &gone["status"]),
        (&json!("not-found"), &json!(404))
    );
    let waiting = of(&events, "waiting");
    assert_eq!(waiting[0]["why"], "retry-after");
    assert!(
        server
            .url("")
            .ends_with(waiting[0]["host"].as_str().unwrap()),
        "{waiting:?}"
    );
    let totals = *of(&events, "totals").last().unwrap();
    let wanted = [
        "event",
        "elapsed_seconds",
        "total",
        "before",
        "finished",
        "failed",
        "regions",
        "requests",
        "bytes",
        "bytes_per_second",
        "eta_seconds",
        "waiting",
    ];
    assert_eq!(keys(totals), wanted);
    let numbers =
        ["total", "finished", "failed", "requests"].map(|key| totals[key].as_u64().unwrap());
    assert_eq!(numbers, [3, 2, 1, server.log().len() as u64]);
    assert!(totals["regions"].as_u64() >= Some(5), "{totals}");
    let end = events.last().unwrap();
    assert_eq!(
        keys(end),
        [
            "event", "stage", "exit", "read", "kept", "rejected", "done", "notes", "error",
            "because", "hint"
        ]
    );
    assert_eq!(
        (&end["event"], &end["exit"], &end["rejected"]),
        (&json!("end"), &json!(3), &json!(1))
    );
    let again = work.run("download", &args(&["--progress", "json"]));
    let again = self::events(&again.exits(3).stderr());
    assert_eq!(
        (&again[0]["total"], &again[0]["before"]),
        (&json!(3), &json!(2))
    );
}

#[test]
fn an_error_is_an_event_too() {
    let work = Workdir::new();
    work.write("localizations.json", "{");
    let ran = work.run("download", &args(&["--progress", "json"]));
    let events = events(&ran.exits(1).stderr());
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["exit"], 1);
    assert!(
        events[0]["error"]
            .as_str()
            .unwrap()
            .starts_with("localizations.json:1"),
        "{events:?}"
    );
}

#[test]
fn people_are_told_in_lines_and_nobody_where_it_is_not_wanted() {
    let cases: [(&[&str], bool); 6] = [
        (&["--progress", "lines"], true),
        (&["--progress", "bar"], true),
        (&["--progress", "none"], false),
        (&[], false),
        (&["--quiet", "--progress", "lines"], false),
        (&["--quiet", "--progress", "json"], false),
    ];
    for (flags, speaks) in cases {
        let (server, work) = archive();
        let ran = work.run("download", &args(flags));
        let said = ran.exits(3).stderr();
        let host = server.url("").replace("http://", "");
        for part in [
            "download: 0 of 3 images",
            &format!("s for {host} (Retry-After)"),
            "download: 2 of 3 images, 1 failed, ",
        ] {
            assert_eq!(said.contains(part), speaks, "{flags:?}: `{part}` in {said}");
        }
        assert!(
            !said.contains('\u{1b}') && !said.contains('\r'),
            "{flags:?}"
        );
        assert_eq!(said.is_empty(), flags.contains(&"--quiet"), "{said}");
    }
}
