//! Day by day: health, counts, logs, slow clients, too much to do.

use std::io::ErrorKind::{TimedOut, WouldBlock};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::running::{Serving, folder};
use recto_testkit::gate::Gate;
use recto_testkit::server::{Answer, Server};
use recto_testkit::wait_until;

/// The longest that a test waits for the server to say or end something.
const LONGEST: Duration = Duration::from_secs(30);

#[test]
fn health_and_counts_are_there_for_those_who_watch() {
    let work = folder();
    let server = Serving::start(&work, &["pictures"]);
    let health = server.json("/health");
    assert_eq!(
        (&health["status"], &health["images"]),
        (&json!("ok"), &json!(2))
    );
    for _ in 0..3 {
        server.image("/iiif/3/a/full/max/0/default.jpg");
    }
    server.get("/nowhere");
    let got = server.get("/metrics");
    assert!(got.headers["content-type"].starts_with("text/plain; version=0.0.4"));
    let text = String::from_utf8(got.body).unwrap();
    for line in [
        "recto_answers_total{status=\"404\"} 1",
        "recto_answers_total{status=\"200\"} 4",
        "recto_answers_from_memory_total 2",
        "recto_answers_rendered_total 1",
        "recto_files_opened_total 1",
        "recto_images 2",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
}

#[test]
fn every_answer_is_a_line_of_the_log() {
    let work = folder();
    work.write("log.jsonl", "{\"status\": \"from before\"}\n");
    let server = Serving::start(&work, &["pictures", "--access-log", "log.jsonl"]);
    let body = server.get("/iiif/3/a/full/max/0/default.jpg").body.len();
    server.ask("GET", "/nowhere?a=%22%0a", "user-agent: \"me\"\r\n");
    server.stop();
    let text = work.text("log.jsonl");
    let lines: Vec<Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(
        (&lines[1]["status"], &lines[1]["bytes"]),
        (&json!(200), &json!(body))
    );
    assert_eq!(
        (&lines[2]["path"], &lines[2]["agent"]),
        (&json!("/nowhere?a=%22%0a"), &json!("\"me\""))
    );
    assert!(lines[2]["when"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn clients_that_stall_are_left() {
    let work = folder();
    let server = Serving::start(&work, &["pictures", "--client-timeout", "1"]);
    let silent = begun(&server, b"");
    let half = begun(&server, b"GET /health HTTP/1.1\r\nhost: x\r\n");
    let mut answered = begun(&server, b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n");
    let mut start = [0; 15];
    answered.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 200 OK");
    for (name, stream) in [("silent", silent), ("half", half), ("answered", answered)] {
        let last = last_words(stream);
        assert!(!last.contains("HTTP/1.1 200"), "{name}: {last}");
    }
    wait_until(|| connections(&server) == 1);
    assert_eq!(server.get("/health").status, 200);
}

/// What comes before the server closes a connection, which it has to do.
fn last_words(mut stream: TcpStream) -> String {
    let mut last = Vec::new();
    match stream.read_to_end(&mut last) {
        Err(e) if [WouldBlock, TimedOut].contains(&e.kind()) => panic!("it is still open"),
        // With words unread on the other side, the end is a reset.
        _ => String::from_utf8_lossy(&last).into_owned(),
    }
}

/// How many connections there are, the one that asks for it among them.
fn connections(server: &Serving) -> u32 {
    let counts = String::from_utf8(server.get("/metrics").body).unwrap();
    let mut lines = counts.lines();
    let open = lines.find_map(|line| line.strip_prefix("recto_connections "));
    open.unwrap().parse().unwrap()
}

#[test]
fn a_correction_that_never_arrives_is_not_waited_for() {
    let work = folder();
    let args = ["pictures", "--patience", "1", "--review", "review.jsonl"];
    let server = Serving::start(&work, &args);
    let head = b"POST /review/a HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{";
    let answer = last_words(begun(&server, head));
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

/// A connection on which so much was sent.
fn begun(server: &Serving, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(LONGEST)).unwrap();
    stream.write_all(bytes).unwrap();
    stream
}

#[test]
fn whoever_waits_longest_makes_room_for_who_has_something_to_ask() {
    let work = folder();
    let args = [
        "pictures",
        "--client-timeout",
        "600",
        "--max-connections",
        "3",
    ];
    let server = Serving::start(&work, &args);
    let health = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n";
    // Parts of a request are as good as none; who was answered begins again.
    let idle = begun(&server, b"");
    let mut slow = begun(&server, b"GET /health HTTP/1.1\r\nhost: x\r\n");
    let mut asked = begun(&server, health);
    let mut one_answer = [0; 15];
    asked.read_exact(&mut one_answer).unwrap();
    slow.write_all(b"x-more: 1\r\n").unwrap();
    let mut others = Vec::new();
    for _ in 0..2 {
        assert_eq!(server.get("/health").status, 200);
        let mut other = begun(&server, health);
        other.read_exact(&mut one_answer).unwrap();
        others.push(other);
    }
    for stream in [idle, slow] {
        assert_eq!(last_words(stream), "");
    }
}

#[test]
fn connections_leave_files_to_be_opened() {
    let work = folder();
    let listen = ["--listen", "127.0.0.1:0", "--allow-host", "*"];
    let own = work.command("serve", &[&["pictures"], &listen[..]].concat());
    let mut bound = Command::new("sh");
    bound
        .args(["-c", "ulimit -n 64; exec \"$@\"", "sh"])
        .arg(own.get_program())
        .args(own.get_args())
        .current_dir(own.get_current_dir().unwrap());
    let server = Serving::of(bound);
    let idle: Vec<TcpStream> = (0..200).map(|_| begun(&server, b"")).collect();
    server.image("/iiif/3/a/full/max/0/default.jpg");
    let open = connections(&server);
    assert!(open <= 48, "{open}");
    drop(idle);
    let (code, _, err) = server.stop();
    assert_eq!(code, 0, "{err}");
    let words = "the limit is 48: the system allows 64 open files";
    assert!(err.contains(words), "{err}");
}

#[test]
fn many_idle_connections_keep_nobody_out() {
    let work = folder();
    let server = Serving::start(&work, &["pictures"]);
    let idle: Vec<TcpStream> = (0..500)
        .map(|_| TcpStream::connect(&server.address).unwrap())
        .collect();
    assert_eq!(server.get("/health").status, 200);
    drop(idle);
    wait_until(|| connections(&server) == 1);
}

/// A 70-byte file that says it holds 2^32 pixels, and one that lies about itself after the start.
#[test]
fn bombs_are_refused_from_their_headers() {
    let work = folder();
    let mut bomb = crate::running::picture(1, 1);
    bomb[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
    let crc = crc32(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&crc.to_be_bytes());
    work.write("pictures/bomb.png", &bomb);
    let server = Serving::start(&work, &["pictures", "--partial-ok"]);
    assert_eq!(server.get("/iiif/3/bomb/info.json").status, 404);
    work.write("pictures/a.png", &bomb);
    let got = server.get("/iiif/3/a/full/max/0/default.jpg");
    let body = String::from_utf8_lossy(&got.body).into_owned();
    assert!(
        got.status == 500 && body.contains("image is too large"),
        "{body}"
    );
    let (_, _, err) = server.stop();
    assert!(
        err.contains("left out bomb.png: image is too large: 65536 x 65536"),
        "{err}"
    );
}

#[test]
fn records_of_m3_download_that_cannot_be_used_are_left_out_and_told() {
    let work = folder();
    let reference = "cf228433-d0dd-4f1e-2b6d-6df50ea49d1e";
    let record = |n: u32, width: u32| {
        json!({ "observation_uuid": format!("{n:08x}-0000-0000-0000-000000000001"),
            "association_uuid": format!("{n:08x}-0000-0000-0000-000000000002"), "concept": "Nanomia",
            "localization": { "x": 1, "y": 1, "width": width, "height": 5, "image_reference_uuid": reference },
            "image_urls": { reference: "http://h.example/a.png" } })
    };
    work.write_json("bare.json", &json!([record(1, 5), record(2, 0)]));
    work.write_json("image_map.json", &json!({ reference: "pictures/a.png" }));
    let server = Serving::start(&work, &["bare.json", "--report", "report.json"]);
    let path = format!("/iiif/3/{reference}/info.json");
    assert_eq!(server.get(&path).status, 200);
    let (code, _, err) = server.stop();
    assert_eq!(code, 3, "{err}");
    let words = "left out 00000002-0000-0000-0000-000000000001: box is empty: 0 x 5";
    assert!(err.contains(words), "{err}");
    let report = work.json("report.json");
    assert_eq!(
        (&report["kept"], &report["rejected"]),
        (&json!(1), &json!(1))
    );
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[test]
fn answers_on_their_way_are_finished_before_it_stops() {
    // Whether the image may be seen is asked of a service, which answers only when the server has been told to stop.
    let gate = Gate::closed();
    let asked = gate.clone();
    let delegate = Server::start(move |_, _| match asked.pass() {
        true => Answer::Serve(br#"{"may": "full"}"#.to_vec(), "application/json"),
        false => Answer::Reset,
    });
    let work = folder();
    let url = delegate.url("/may");
    let rules = "[auth]\n[[auth.rules]]\nmay = \"delegate\"\n[auth.delegate]\ntimeout = 60\n";
    work.write("recto.toml", format!("{rules}url = \"{url}\"\n"));
    let server = Serving::start(&work, &["pictures", "-c", "recto.toml"]);
    let address = server.address.clone();
    let head = b"GET /iiif/3/a/full/max/0/default.png HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut stream = begun(&server, head);
    wait_until(|| gate.held() == 1);
    let stopped = std::thread::spawn(move || server.stop());
    wait_until(|| TcpStream::connect(&address).is_err());
    gate.open();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    assert!(bytes.starts_with(b"HTTP/1.1 200 OK"));
    assert!(bytes.ends_with(b"IEND\xae\x42\x60\x82"));
    let (code, _, err) = stopped.join().unwrap();
    assert_eq!(code, 0, "{err}");
}

#[test]
fn who_finds_too_many_waiting_is_sent_away_and_told_when_to_come_back() {
    let work = folder();
    let server = Serving::start(&work, &["pictures", "--queue", "1"]);
    let large = |n: u32| server.get(&format!("/iiif/3/in%20b%2Fc/full/^{n},/7/default.png"));
    let answers: Vec<_> = std::thread::scope(|scope| {
        let asked: Vec<_> = (2400..2408)
            .map(|n| scope.spawn(move || large(n)))
            .collect();
        asked
            .into_iter()
            .map(|asked| asked.join().unwrap())
            .collect()
    });
    let refused: Vec<_> = answers.iter().filter(|got| got.status == 503).collect();
    assert!(!refused.is_empty());
    assert!(refused.iter().all(|got| got.headers["retry-after"] == "5"));
    assert!(answers.iter().any(|got| got.status == 200));
    assert_eq!(server.get("/iiif/3/a/full/50,/0/default.jpg").status, 200);
}

#[test]
fn memory_that_is_not_given_is_not_used() {
    let work = folder();
    let server = Serving::start(&work, &["pictures", "--memory", "64"]);
    for n in 0..12 {
        server.get(&format!(
            "/iiif/3/in%20b%2Fc/full/1600,1200/{n}/default.tif"
        ));
    }
    let text = String::from_utf8(server.get("/metrics").body).unwrap();
    let kept = text
        .lines()
        .find_map(|line| line.strip_prefix("recto_answer_memory_bytes "));
    let kept: u64 = kept.unwrap().parse().unwrap();
    assert!(0 < kept && kept <= 16 << 20, "{kept}");
}

#[test]
fn classes_of_requests_have_limits_and_ages_of_their_own() {
    let work = folder();
    work.write(
        "recto.toml",
        "[requests.images]\nrate = {per_second = 0.01, burst = 2}\nmax_age = 86400\n[requests.info]\nmax_age = 60\n",
    );
    let server = Serving::start(&work, &["pictures", "-c", "recto.toml"]);
    let statuses = [0; 3].map(|_| server.get("/iiif/3/a/full/max/0/default.jpg"));
    assert_eq!(statuses.each_ref().map(|got| got.status), [200, 200, 429]);
    assert_eq!(
        statuses[0].headers["cache-control"],
        "public, max-age=86400"
    );
    assert!(statuses[2].headers.contains_key("retry-after"));
    let info = server.get("/iiif/3/a/info.json");
    assert_eq!(
        (info.status, &*info.headers["cache-control"]),
        (200, "public, max-age=60")
    );
    let collection = server.get("/iiif/presentation/3/collection.json");
    assert_eq!(
        (collection.status, &*collection.headers["cache-control"]),
        (200, "no-cache")
    );
}

/// glibc keeps large buffers in heaps for ever unless it is told from which size on to map them by themselves.
#[test]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn large_buffers_go_back_to_the_system() {
    let set = |value: Option<&str>| {
        let work = folder();
        let mut command = work.command("serve", &["pictures", "--listen", "127.0.0.1:0"]);
        if let Some(value) = value {
            command.env("MALLOC_MMAP_THRESHOLD_", value);
        }
        let server = Serving::of(command);
        let variables = std::fs::read(format!("/proc/{}/environ", server.child.id())).unwrap();
        let variables = String::from_utf8_lossy(&variables).into_owned();
        let mut found = variables
            .split('\0')
            .filter_map(|line| line.strip_prefix("MALLOC_MMAP_THRESHOLD_="));
        found.next().map(str::to_owned)
    };
    assert_eq!(set(None).as_deref(), Some("1048576"));
    assert_eq!(set(Some("4096")).as_deref(), Some("4096"));
}

#[test]
fn paths_may_begin_with_something() {
    let work = folder();
    let server = Serving::start(&work, &["pictures", "--path-prefix", "/api/iiif/"]);
    assert_eq!(server.get("/iiif/3/a/info.json").status, 404);
    assert_eq!(server.get("/health").status, 200);
    let info = server.json("/api/iiif/iiif/3/a/info.json");
    let id = info["id"].as_str().unwrap();
    assert!(id.ends_with("/api/iiif/iiif/3/a"), "{id}");
    server.image("/api/iiif/iiif/3/a/full/max/0/default.jpg");
    let moved = server.get("/api/iiif");
    assert_eq!(
        (moved.status, &*moved.headers["location"]),
        (303, "/api/iiif/")
    );
    let collection = server.json("/api/iiif/iiif/presentation/3/collection.json");
    let manifest = collection["items"][0]["id"].as_str().unwrap();
    assert!(
        manifest.contains("/api/iiif/iiif/presentation/"),
        "{manifest}"
    );
}
