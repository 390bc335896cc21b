//! Answers kept beyond memory: in a folder and in Redis, while everything around them breaks.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::redis::{Mood, Redis};
use crate::running::{Serving, folder, picture};
use recto_testkit::{Workdir, wait_until};

const ASKED: &str = "/iiif/3/a/full/100,/0/default.png";
const ON_DISK: &str = "[cache]\nfolder = \"kept\"\n";

fn work(config: &str) -> Workdir {
    let work = folder();
    work.write("c.toml", config);
    settle(&work);
    work
}

/// Waits until no file has changed within the last 30 ms. Answers from files that have only just changed are not kept:
/// the times of such files could hide a further change.
fn settle(work: &Workdir) {
    use std::os::unix::fs::MetadataExt;
    let changed = |path: &Path| {
        let about = std::fs::metadata(path).unwrap();
        let nanos = u32::try_from(about.ctime_nsec()).unwrap();
        UNIX_EPOCH + Duration::new(u64::try_from(about.ctime()).unwrap(), nanos)
    };
    let files = work.tree("").into_keys().map(|name| work.path(&name));
    let last = files.map(|path| changed(&path)).max().unwrap();
    wait_until(|| {
        last.elapsed()
            .is_ok_and(|age| age > Duration::from_millis(30))
    });
}

fn start(work: &Workdir) -> Serving {
    Serving::start(work, &["pictures", "-c", "c.toml"])
}

fn metric(server: &Serving, name: &str) -> u64 {
    let text = String::from_utf8(server.get("/metrics").body).unwrap();
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value
        .unwrap_or_else(|| panic!("no {name} in\n{text}"))
        .parse()
        .unwrap()
}

fn disk(server: &Serving, what: &str) -> u64 {
    metric(
        server,
        &format!("recto_cache_{what}_total{{tier=\"disk\"}}"),
    )
}

fn redis(server: &Serving, what: &str) -> u64 {
    metric(
        server,
        &format!("recto_cache_{what}_total{{tier=\"redis\"}}"),
    )
}

fn rendered(server: &Serving) -> u64 {
    metric(server, "recto_answers_rendered_total")
}

/// Files of answers that are finished. They come and go while a server runs.
fn entries(work: &Workdir) -> Vec<PathBuf> {
    let below = |folder: PathBuf| {
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        entries.filter_map(|entry| Some(entry.ok()?.path()))
    };
    let shards = below(work.path("kept")).filter(|path| path.is_dir());
    let files = shards
        .flat_map(below)
        .filter(|path| path.is_dir())
        .flat_map(below);
    files.filter(|path| path.extension().is_none()).collect()
}

fn age(path: &PathBuf, hours: u64) {
    let then = SystemTime::now() - Duration::from_secs(hours * 3600);
    std::fs::File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_modified(then)
        .unwrap();
}

fn size_of(png: &[u8]) -> (u32, u32) {
    let image = image::load_from_memory(png).unwrap();
    (image.width(), image.height())
}

#[test]
fn answers_outlive_the_server_that_made_them() {
    let work = work(ON_DISK);
    let server = start(&work);
    let first = server.get(ASKED);
    assert_eq!(server.stop().0, 0);
    assert_eq!(
        entries(&work).len(),
        1,
        "what is on its way is written before it stops"
    );
    let server = start(&work);
    let again = server.get(ASKED);
    assert_eq!(
        (again.status, &again.body, &again.headers["etag"]),
        (200, &first.body, &first.headers["etag"])
    );
    // Spelled otherwise and of the other version it is the same answer.
    assert_eq!(
        server.get("/iiif/2/a.png/full/100,50/0/default.png").body,
        first.body
    );
    assert_eq!((rendered(&server), disk(&server, "hits")), (0, 1));
    assert_eq!(
        metric(&server, "recto_cache_hits_total{tier=\"memory\"}"),
        1
    );
    assert_eq!(
        metric(&server, "recto_cache_misses_total{tier=\"memory\"}"),
        1
    );
    assert_eq!(disk(&server, "hit_bytes"), first.body.len() as u64);
    wait_until(|| metric(&server, "recto_cache_disk_bytes") == 4096);
}

#[test]
fn a_file_that_changed_is_never_answered_from_before() {
    let work = work(ON_DISK);
    let server = start(&work);
    let first = server.get(ASKED);
    server.stop();
    // Same size in bytes or not: replaced while nobody looks.
    work.write("pictures/new.png", picture(200, 300));
    std::fs::rename(work.path("pictures/new.png"), work.path("pictures/a.png")).unwrap();
    settle(&work);
    let server = start(&work);
    let changed = server.get(ASKED);
    assert_eq!(size_of(&changed.body), (100, 150));
    assert_ne!(changed.headers["etag"], first.headers["etag"]);
    assert_eq!((rendered(&server), disk(&server, "hits")), (1, 0));
    // And while it runs.
    work.write("pictures/a.png", picture(200, 400));
    settle(&work);
    assert_eq!(size_of(&server.get(ASKED).body), (100, 200));
    server.stop();
    let server = start(&work);
    assert_eq!(size_of(&server.get(ASKED).body), (100, 200));
    assert_eq!((rendered(&server), disk(&server, "hits")), (0, 1));
}

#[test]
fn copies_share_answers_where_content_tells_files_apart() {
    for (identity, hits) in [("content", 1), ("file", 0)] {
        let work = work(&format!("{ON_DISK}identity = \"{identity}\"\n"));
        let server = start(&work);
        let first = server.get(ASKED);
        server.stop();
        work.write("copy/a.png", work.read("pictures/a.png"));
        settle(&work);
        let server = Serving::start(&work, &["copy", "-c", "c.toml"]);
        let other = server.get(ASKED);
        assert_eq!(disk(&server, "hits"), hits, "{identity}");
        assert_eq!(other.body, first.body);
        assert_eq!(other.headers["etag"] == first.headers["etag"], hits == 1);
        work.write("copy/a.png", picture(200, 300));
        assert_eq!(size_of(&server.get(ASKED).body), (100, 150), "{identity}");
    }
}

#[test]
fn what_is_damaged_is_made_again() {
    let work = work(ON_DISK);
    let server = start(&work);
    let first = server.get(ASKED).body;
    server.stop();
    let entry = entries(&work).remove(0);
    let whole = std::fs::read(&entry).unwrap();
    let mut flipped = whole.clone();
    flipped[200] ^= 4;
    let damages = [
        whole[..whole.len() / 2].to_vec(),
        flipped,
        Vec::new(),
        b"<html>".to_vec(),
    ];
    for damaged in damages {
        std::fs::write(&entry, &damaged).unwrap();
        let server = start(&work);
        assert_eq!(server.get(ASKED).body, first);
        assert_eq!((rendered(&server), disk(&server, "damaged")), (1, 1));
        server.stop();
        assert_eq!(std::fs::read(&entry).unwrap().len(), whole.len());
    }
}

#[test]
fn a_server_killed_while_it_writes_leaves_nothing_that_is_served() {
    let work = work(ON_DISK);
    for round in 0..6 {
        let mut server = start(&work);
        let kept = entries(&work).len();
        let _open: Vec<TcpStream> = (0..8)
            .map(|n| {
                let width = 60 + round * 8 + n;
                let path = format!("/iiif/3/in%20b%2Fc/full/{width},/0/default.png");
                let mut stream = TcpStream::connect(&server.address).unwrap();
                let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
                stream.write_all(request.as_bytes()).unwrap();
                stream
            })
            .collect();
        wait_until(|| entries(&work).len() > kept);
        server.child.kill().unwrap();
        server.child.wait().unwrap();
    }
    // What a killed server leaves, whatever the moment.
    let entry = entries(&work).remove(0);
    let name = entry.file_name().unwrap().to_str().unwrap();
    let left = entry.with_file_name(format!(".{name}.999999.1.part"));
    std::fs::write(&left, &std::fs::read(&entry).unwrap()[..100]).unwrap();
    age(&left, 2);
    let server = start(&work);
    for width in 60..108 {
        let got = server.image(&format!("/iiif/3/in%20b%2Fc/full/{width},/0/default.png"));
        assert_eq!(got.width(), width);
    }
    assert!(disk(&server, "hits") >= 6);
    wait_until(|| !left.exists());
}

#[test]
fn the_least_recently_used_make_room() {
    // 20 blocks of 4 KiB, made room for down to 10.
    let work = work("[cache]\nfolder = \"kept\"\ndisk = \"80 KiB\"\nlow_water = 0.5\n");
    let tile = |n: u32| format!("/iiif/3/in%20b%2Fc/full/{n},/0/default.gif");
    work.write("kept/aa/thesis.txt", "somebody else's");
    let server = start(&work);
    let mut made = Vec::new();
    for n in 10..25 {
        let before = entries(&work);
        server.image(&tile(n));
        wait_until(|| entries(&work).len() > before.len());
        let new = entries(&work)
            .into_iter()
            .find(|path| !before.contains(path))
            .unwrap();
        age(&new, 30 - u64::from(n));
        made.push(new);
    }
    server.stop();
    // 15 lie there; the oldest of them is used, and so noted.
    let server = start(&work);
    server.image(&tile(10));
    assert_eq!(disk(&server, "hits"), 1);
    for n in 30..40 {
        server.image(&tile(n));
    }
    wait_until(|| {
        disk(&server, "evicted") > 0 && metric(&server, "recto_cache_disk_bytes") <= 80 << 10
    });
    wait_until(|| entries(&work).len() <= 21);
    assert!(made[0].exists(), "used just now");
    assert!(!made[1].exists() && !made[2].exists(), "used long ago");
    assert_eq!(work.text("kept/aa/thesis.txt"), "somebody else's");
}

#[test]
fn answers_expire() {
    let work = work("[cache]\nfolder = \"kept\"\ncache_time = \"1 hour\"\n");
    let server = start(&work);
    server.get(ASKED);
    server.stop();
    // Made an hour earlier: the time stands behind the mark of the format, and a checksum closes the header.
    let path = &entries(&work)[0];
    let mut entry = std::fs::read(path).unwrap();
    let made = u64::from_le_bytes(entry[8..16].try_into().unwrap());
    entry[8..16].copy_from_slice(&(made - 3600).to_le_bytes());
    let checksum = crc32c::crc32c(&entry[..60]);
    entry[60..64].copy_from_slice(&checksum.to_le_bytes());
    std::fs::write(path, entry).unwrap();
    let server = start(&work);
    server.get(ASKED);
    assert_eq!(disk(&server, "hits"), 0);
    assert_eq!((rendered(&server), disk(&server, "expired")), (1, 1));
}

#[test]
fn what_nobody_asks_for_goes_when_its_time_is_over_and_what_is_permanent_stays() {
    for (config, kept) in [
        (ON_DISK, 0),
        ("[cache]\nfolder = \"kept\"\npermanent = true\n", 1),
    ] {
        let work = work(config);
        let server = start(&work);
        server.get(ASKED);
        server.stop();
        age(&entries(&work)[0], 49);
        let server = start(&work);
        // Looked at once it has been counted.
        match kept {
            0 => wait_until(|| disk(&server, "expired") == 1),
            _ => wait_until(|| metric(&server, "recto_cache_disk_bytes") == 4096),
        }
        assert_eq!(entries(&work).len(), kept);
        server.get(ASKED);
        assert_eq!(disk(&server, "hits"), kept as u64);
    }
}

#[test]
fn what_is_permanent_makes_room_for_nobody() {
    let work = work("[cache]\nfolder = \"kept\"\npermanent = true\ndisk = \"8 KiB\"\n");
    let server = start(&work);
    for n in 10..20 {
        server.image(&format!("/iiif/3/a/full/{n},/0/default.gif"));
    }
    wait_until(|| disk(&server, "skipped") + disk(&server, "stored") == 10);
    assert_eq!((disk(&server, "stored"), disk(&server, "evicted")), (2, 0));
}

#[test]
fn many_who_ask_at_once_are_answered_from_one_rendering_or_reading() {
    let work = work(ON_DISK);
    let asked = "/iiif/3/in%20b%2Fc/full/900,/0/default.png";
    for (renderings, readings) in [(1, 0), (0, 1)] {
        let server = start(&work);
        std::thread::scope(|scope| {
            for _ in 0..12 {
                scope.spawn(|| assert_eq!(server.get(asked).status, 200));
            }
        });
        assert_eq!(
            (rendered(&server), disk(&server, "hits")),
            (renderings, readings)
        );
        assert_eq!(
            metric(&server, "recto_cache_hits_total{tier=\"memory\"}"),
            11
        );
        server.stop();
    }
}

#[test]
fn a_full_disk_costs_the_cache_and_not_the_answer() {
    let work = work(ON_DISK);
    // A limit on file sizes is the wall that also stops root: writes beyond it fail as on a full disk.
    let limited = format!(
        "trap '' XFSZ; ulimit -f 1; exec {} pictures -c c.toml --listen 127.0.0.1:0 --allow-host '*'",
        recto_testkit::binary("serve")
    );
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &limited]).current_dir(work.path(""));
    let server = Serving::of(shell);
    for n in 300..306 {
        let asked = format!("/iiif/3/in%20b%2Fc/full/{n},/0/default.png");
        assert_eq!(server.image(&asked).width(), n);
    }
    wait_until(|| disk(&server, "errors") + disk(&server, "skipped") == 6);
    assert!(disk(&server, "errors") >= 1);
    let (code, _, err) = server.stop();
    assert_eq!(code, 0);
    assert_eq!(err.matches("cannot be written").count(), 1, "{err}");
    assert!(err.contains("the cache kept cannot be written"), "{err}");
    assert_eq!(entries(&work).len(), 0, "no halves are left");
}

#[test]
fn a_folder_that_goes_away_while_it_runs_is_made_again() {
    let work = work(ON_DISK);
    let server = start(&work);
    server.get(ASKED);
    wait_until(|| disk(&server, "stored") == 1);
    std::fs::remove_dir_all(work.path("kept")).unwrap();
    assert_eq!(server.get("/iiif/3/a/full/90,/0/default.png").status, 200);
    wait_until(|| disk(&server, "stored") == 2);
    assert_eq!(entries(&work).len(), 1);
}

#[test]
fn two_servers_share_a_folder() {
    let work = work(ON_DISK);
    let (one, other) = (start(&work), start(&work));
    let first = one.get(ASKED).body;
    wait_until(|| disk(&one, "stored") == 1);
    assert_eq!(other.get(ASKED).body, first);
    assert_eq!((rendered(&other), disk(&other, "hits")), (0, 1));
}

#[test]
fn what_cannot_be_kept_is_said_at_the_start() {
    let cases = [
        (
            "[cache]\nfolder = \"/proc/kept\"\n",
            "/proc/kept: cannot be written",
        ),
        (
            "[cache]\nfolder = \"c.toml\"\n",
            "c.toml: cannot be written",
        ),
        (
            "[cache]\ndisk = \"1 GiB\"\n",
            "[cache]: `disk` and `low_water` need `folder`",
        ),
        (
            "[cache]\nredis = \"http://x\"\n",
            "[cache] redis: not a valid URL of a Redis server",
        ),
        ("[cache]\nredis = \"rediss://x\"\n", "[cache] redis:"),
        (
            "[cache]\nfolder = \"k\"\ndisk = \"much\"\n",
            "bytes are a number or text such as \"10 GiB\"",
        ),
        ("[cache]\npurge_from = [\"localhost\"]\n", "c.toml:2:"),
    ];
    let work = folder();
    for (config, says) in cases {
        work.write("c.toml", config);
        work.run("serve", &["pictures", "-c", "c.toml"])
            .exits(1)
            .says(&[says]);
    }
}

#[test]
fn an_image_is_purged_from_all_tiers_of_a_running_server() {
    let shared = Redis::start();
    let work = work(&format!(
        "{ON_DISK}redis = \"redis://{}\"\nredis_prefix = \"a*b:\"\npurge_from = [\"127.0.0.1\"]\n",
        shared.address
    ));
    let server = start(&work);
    for asked in [
        ASKED,
        "/iiif/3/a/full/50,/0/default.png",
        "/iiif/3/in%20b%2Fc/full/50,/0/default.png",
    ] {
        server.get(asked);
    }
    wait_until(|| shared.held().len() == 3 && entries(&work).len() == 3);
    shared.put("axb:else", b"");
    let purged = |id: &str| -> Value {
        let got = server.ask("DELETE", &format!("/cache/{id}"), "");
        assert_eq!(got.status, 200);
        serde_json::from_slice(&got.body).unwrap()
    };
    // By any name of it; two answers in two tiers.
    assert_eq!(purged("a.png"), json!({"id": "a.png", "purged": 4}));
    assert_eq!((shared.held().len(), entries(&work).len()), (2, 1));
    server.get(ASKED);
    assert_eq!(rendered(&server), 4, "memory is emptied too");
    assert_eq!(purged("in%20b%2Fc")["purged"], json!(2));
    assert_eq!(purged("never")["purged"], json!(0));
}

#[test]
fn only_those_named_may_purge() {
    let work = work(ON_DISK);
    let server = start(&work);
    assert_eq!(
        server.ask("DELETE", "/cache/a", "").status,
        405,
        "nobody, unless said"
    );
    server.stop();
    for (config, headers, status) in [
        ("purge_from = [\"127.0.0.1\", \"::1\"]", "", 200),
        ("purge_from = [\"10.1.1.1\"]", "", 403),
        (
            "purge_from = [\"127.0.0.1\"]",
            "x-forwarded-for: 127.0.0.1\r\n",
            403,
        ),
        (
            "purge_from = [\"127.0.0.1\"]",
            "forwarded: for=127.0.0.1\r\n",
            403,
        ),
        (
            "purge_from = [\"127.0.0.1\"]",
            "origin: http://pictures.example\r\n",
            403,
        ),
    ] {
        work.write("c.toml", format!("{ON_DISK}{config}\n"));
        let server = start(&work);
        server.get(ASKED);
        assert_eq!(
            server.ask("DELETE", "/cache/a", headers).status,
            status,
            "{config} {headers}"
        );
        assert_eq!(server.ask("GET", "/cache/a", headers).status, 404);
    }
}

#[test]
fn an_image_is_purged_without_a_server() {
    let work = work(ON_DISK);
    let server = start(&work);
    server.get(ASKED);
    server.get("/iiif/3/in%20b%2Fc/full/50,/0/default.png");
    server.stop();
    // Even if it is gone.
    std::fs::remove_file(work.path("pictures/a.png")).unwrap();
    let args = [
        "pictures", "-c", "c.toml", "--purge", "a", "--purge", "nothing",
    ];
    work.run("serve", &args)
        .exits(0)
        .says(&["purged 1 answer about 2 images"]);
    assert_eq!(entries(&work).len(), 1);
    work.run("serve", &["pictures", "--purge", "a"])
        .exits(2)
        .says(&["--config"]);
    work.write("none.toml", "");
    let args = ["pictures", "-c", "none.toml", "--purge", "a"];
    work.run("serve", &args)
        .exits(2)
        .says(&["needs a `folder` or `redis`"]);
}

fn with_redis(shared: &Redis, more: &str) -> Workdir {
    work(&format!(
        "[cache]\nredis = \"redis://{}\"\n{more}",
        shared.address
    ))
}

#[test]
fn servers_share_answers_through_redis() {
    let shared = Redis::start();
    let work = with_redis(&shared, "cache_time = \"1 hour\"\n");
    let one = start(&work);
    let first = one.get(ASKED).body;
    wait_until(|| redis(&one, "stored") == 1);
    let set = shared.heard("SET").remove(0);
    assert!(
        set[1].starts_with("recto:") && set[3..] == ["PX", "3600000"],
        "{:?}",
        &set[3..]
    );
    // What Redis has is put into the folder, and found there the next time.
    work.write(
        "d.toml",
        format!("{ON_DISK}redis = \"redis://{}\"\n", shared.address),
    );
    let other = Serving::start(&work, &["pictures", "-c", "d.toml"]);
    assert_eq!(other.get(ASKED).body, first);
    assert_eq!(
        (
            rendered(&other),
            redis(&other, "hits"),
            disk(&other, "misses")
        ),
        (0, 1, 1)
    );
    other.stop();
    let other = Serving::start(&work, &["pictures", "-c", "d.toml"]);
    assert_eq!(other.get(ASKED).body, first);
    assert_eq!((redis(&other, "hits"), disk(&other, "hits")), (0, 1));
    assert_eq!(shared.heard("SET").len(), 1);
    // What is damaged there is made again.
    let (key, mut value) = shared.held().pop_first().unwrap();
    value[100] ^= 1;
    shared.put(&key, &value);
    let third = start(&work);
    assert_eq!(third.get(ASKED).body, first);
    assert_eq!((rendered(&third), redis(&third, "damaged")), (1, 1));
}

#[test]
fn permanent_answers_have_no_end_in_redis() {
    let shared = Redis::start();
    let work = with_redis(&shared, "permanent = true\nredis_prefix = \"mine:\"\n");
    let server = start(&work);
    server.get(ASKED);
    wait_until(|| redis(&server, "stored") == 1);
    let set = shared.heard("SET").remove(0);
    assert!(set[1].starts_with("mine:") && set.len() == 3);
}

#[test]
fn redis_may_die_and_come_back() {
    let shared = Redis::start();
    let work = with_redis(
        &shared,
        "redis_timeout = \"200 ms\"\nredis_retry = \"50 ms\"\n",
    );
    shared.feel(Mood::Gone);
    let server = start(&work);
    let mut width = 20;
    let mut ask = || {
        width += 1;
        assert_eq!(
            server
                .image(&format!("/iiif/3/a/full/{width},/0/default.png"))
                .width(),
            width
        );
    };
    ask();
    assert!(redis(&server, "errors") >= 1);
    let comes_back = |ask: &mut dyn FnMut()| {
        shared.feel(Mood::Well);
        let before = redis(&server, "stored");
        wait_until(|| {
            ask();
            redis(&server, "stored") > before
        });
    };
    comes_back(&mut ask);
    for mood in [Mood::Gone, Mood::Silent] {
        shared.feel(mood);
        let before = redis(&server, "errors");
        // It may be left alone for a while.
        wait_until(|| {
            ask();
            redis(&server, "errors") > before
        });
        comes_back(&mut ask);
    }
    let (code, _, err) = server.stop();
    assert_eq!(code, 0);
    assert!(
        err.contains(&format!("Redis at {} does not answer", shared.address)),
        "{err}"
    );
    assert!(err.contains("answers again"), "{err}");
}

#[test]
fn redis_that_is_silent_is_left_alone() {
    let shared = Redis::start();
    let work = with_redis(
        &shared,
        "redis_timeout = \"100 ms\"\nredis_retry = \"1 hour\"\n",
    );
    let server = start(&work);
    server.get(ASKED);
    wait_until(|| redis(&server, "stored") == 1);
    shared.feel(Mood::Silent);
    for width in 20..40 {
        server.image(&format!("/iiif/3/a/full/{width},/0/default.png"));
    }
    assert_eq!(redis(&server, "errors"), 1, "asked once and no more");
    assert_eq!(shared.heard("GET").len(), 2);
}

#[test]
fn redis_that_is_full_still_gives() {
    let shared = Redis::start();
    let work = with_redis(&shared, "");
    let server = start(&work);
    server.get(ASKED);
    wait_until(|| redis(&server, "stored") == 1);
    shared.feel(Mood::Full);
    server.get("/iiif/3/a/full/90,/0/default.png");
    wait_until(|| redis(&server, "skipped") == 1);
    let other = start(&work);
    other.get(ASKED);
    assert_eq!(redis(&other, "hits"), 1);
}

#[test]
fn a_password_is_never_said() {
    let work =
        work("[cache]\nredis = \"redis://user:sesame@127.0.0.1:1\"\nredis_timeout = \"1 s\"\n");
    let server = start(&work);
    assert_eq!(server.get(ASKED).status, 200);
    let (_, _, err) = server.stop();
    assert!(
        err.contains("Redis at 127.0.0.1:1 does not answer") && !err.contains("sesame"),
        "{err}"
    );
    work.write("c.toml", "[cache]\nredis = \"redis://user:sesame@[::\"\n");
    let ran = work.run("serve", &["pictures", "-c", "c.toml"]);
    assert!(!ran.exits(1).stderr().contains("sesame"));
}

/// The configuration that the document shows is taken, and names every key.
#[test]
fn the_document_shows_every_key() {
    let document =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/serve.md")).unwrap();
    let from = document.find("```toml\n[cache]").unwrap() + 8;
    let shown = document[from..].split("```").next().unwrap();
    let work = work(shown);
    let server = start(&work);
    assert_eq!(server.get(ASKED).status, 200);
    let code = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src/lib/serve/cache/settings.rs"
    ))
    .unwrap();
    let fields = code
        .split("pub struct CacheSettings {")
        .nth(1)
        .unwrap()
        .split("\n}")
        .next()
        .unwrap();
    let names: Vec<&str> = fields
        .lines()
        .filter_map(|l| l.trim().strip_prefix("pub ")?.split(':').next())
        .collect();
    assert!(names.len() > 10);
    for name in names {
        assert!(
            document.contains(&format!("{name} = ")),
            "docs/serve.md does not show {name}"
        );
    }
}
