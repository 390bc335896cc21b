//! What could go wrong without a word where a set is divided: lists that workers write over each other's, parts that are missing,
//! names in tar files, plans that are mixed up, and requests that are sent twice or too fast.

use std::time::Instant;

use recto_testkit::readers::tar_files;

use super::*;

/// Some images of one host, of groups of their own.
fn images(server: &Server, count: usize) -> Vec<Value> {
    let image = |n: usize| {
        let mut image = plain(&format!("i{n:02}"), server.url(&format!("/{n}.jpg")));
        image["group"] = json!(format!("g{n}"));
        image
    };
    (0..count).map(image).collect()
}

/// A server that has all images but some.
fn server_without(gone: &'static [&'static str]) -> Server {
    Server::start(move |request, _| match gone.contains(&&*request.path) {
        true => Answer::Status(404),
        false => Answer::Serve(jpeg(request.path.len() as u8 * 20), "image/jpeg"),
    })
}

fn plan(work: &Workdir, shards: &str) {
    let call = ["plan", "localizations.json", "-n", shards, "-o", "plan"];
    work.run("shard", &call).exits(0);
}

fn download(
    work: &Workdir,
    set: &str,
    folder: &str,
    shard: &str,
    more: &[&str],
) -> recto_testkit::Ran {
    let call = [set, folder, "--shard", shard, "--retries", "0"];
    work.run("download", &[&call[..], &FAST, more].concat())
}

#[test]
fn parts_without_a_plan_keep_their_lists_apart_and_one_that_is_missing_is_told() {
    let server = server_without(&["/3.jpg", "/7.jpg"]);
    let set = set(images(&server, 24));
    let alone = Workdir::new();
    alone.write_json("localizations.json", &set);
    alone.run("download", &args(&["--retries", "0"])).exits(3);
    let work = Workdir::new();
    work.write_json("localizations.json", &set);
    let folders = ["o0", "o1", "o2"];
    for (n, folder) in folders.iter().enumerate() {
        let shard = format!("{n}/3");
        let ran = download(&work, "localizations.json", folder, &shard, &[]);
        let list = work.text(&format!("{folder}/failures.csv"));
        ran.exits(if list.contains("not-found") { 3 } else { 0 });
        assert!(work.exists(&format!("{folder}/image_map.json")));
    }
    assert!(!work.exists("image_map.json") && !work.exists("failures.csv"));
    work.run("shard", &["merge", "some", "o0", "o2"])
        .exits(75)
        .says(&[
            "neither downloaded nor a failure",
            "parts without a folder here: 1/3",
        ]);
    let merge = [&["merge", "images"][..], &folders].concat();
    work.run("shard", &merge).exits(3).says(&["left out 2"]);
    assert_eq!(work.read("failures.csv"), alone.read("failures.csv"));
    assert_eq!(work.read("image_map.json"), alone.read("image_map.json"));
    // A worker that has not ended.
    std::fs::remove_dir_all(work.path("o1/g5")).ok();
    std::fs::remove_file(work.path("o1/downloads.jsonl")).unwrap();
    work.write("o1/downloads.jsonl", "");
    work.run("shard", &["merge", "again", "o0", "o1", "o2"])
        .exits(75)
        .says(&["workers have not ended"]);
}

/// Two hosts, with images that would have one name only where names have no dots.
fn dotted() -> (Vec<Server>, Value) {
    let servers: Vec<Server> = (0..2).map(|_| server_without(&[])).collect();
    let rows = [
        (0, "A.B", "1.5"),
        (1, "A.B", "1_5"),
        (0, "A_B", "1_5"),
        (1, "C", "x"),
    ];
    let image = |(n, (host, group, label)): (usize, (usize, &str, &str))| {
        let mut image = plain(&format!("i{n}"), servers[host].url(&format!("/{n}.jpg")));
        image["group"] = json!(group);
        image["source"]["labels"]["canvas"] = json!(label);
        image["metadata"] = json!({"shelf": [label.replace('.', "_")]});
        image
    };
    let images = rows.into_iter().enumerate().map(image).collect();
    (servers, set(images))
}

/// The names in the tar files of a folder.
fn names_in_packs(work: &Workdir) -> Vec<String> {
    let packs = pictures(work).into_iter();
    let packs = packs.filter(|(name, _)| name.ends_with(".tar") && !name.contains('/'));
    let mut names: Vec<String> = packs
        .flat_map(|(_, bytes)| tar_files(&bytes))
        .map(|(name, _)| name)
        .collect();
    names.sort();
    names
}

#[test]
fn names_in_tar_files_of_several_shards_are_those_of_one_worker() {
    let (_servers, set) = dotted();
    for more in [
        &["--pack", "tar"][..],
        &["--pack", "tar", "--name", "all/{shelf}"],
    ] {
        let alone = Workdir::new();
        alone.write_json("localizations.json", &set);
        alone.run("download", &args(more)).exits(0);
        let work = Workdir::new();
        work.write_json("localizations.json", &set);
        plan(&work, "2");
        for shard in ["0/2", "1/2"] {
            download(&work, "plan", "images", shard, more).exits(0);
        }
        work.run("shard", &["merge", "images"]).exits(0);
        let (found, wanted) = (names_in_packs(&work), names_in_packs(&alone));
        assert_eq!(found, wanted, "{more:?}");
        let mut once = found.clone();
        once.dedup();
        assert_eq!((once.len(), found.len()), (4, 4), "{found:?}");
        // A plan of an earlier version does not say which names those are.
        let mut plan = work.json("plan/plan.json");
        let listed = plan
            .as_object_mut()
            .unwrap()
            .remove("shared_names_in_packs");
        assert!(!listed.unwrap().as_array().unwrap().is_empty());
        work.write_json("plan/plan.json", &plan);
        std::fs::remove_dir_all(work.path("images")).unwrap();
        for shard in ["0/2", "1/2"] {
            download(&work, "plan", "images", shard, more).exits(0);
        }
        work.run("shard", &["merge", "images"]).exits(0);
        assert_eq!(names_in_packs(&work), wanted, "{more:?}");
    }
}

#[test]
fn shards_of_two_plans_are_not_merged() {
    let server = server_without(&[]);
    let work = Workdir::new();
    for (count, shard) in [(8, "0/2"), (5, "1/2")] {
        work.write_json("localizations.json", &set(images(&server, count)));
        plan(&work, "2");
        download(&work, "plan", "images", shard, &[]).exits(0);
    }
    work.run("shard", &["merge", "images"])
        .exits(1)
        .says(&["shard-00001: holds a shard of another set than images/shard-00000"]);
    assert!(!work.exists("image_map.json"));
    work.run("shard", &["merge", "images", "images/shard-00000"])
        .exits(75);
}

#[test]
fn workers_that_a_scheduler_counts_otherwise_than_the_plan_do_not_begin() {
    let server = server_without(&[]);
    let work = Workdir::new();
    work.write_json("localizations.json", &set(images(&server, 8)));
    plan(&work, "4");
    let call = [&["plan", "images", "--shard", "auto"], &FAST[..]].concat();
    for (variables, says) in [
        (
            &[
                ("AWS_BATCH_JOB_ARRAY_INDEX", "1"),
                ("AWS_BATCH_JOB_ARRAY_SIZE", "3"),
            ][..],
            "AWS_BATCH_JOB_ARRAY_SIZE=3, and there are 4 shards",
        ),
        (
            &[("JOB_COMPLETION_INDEX", "1"), ("RECTO_SHARDS", "3")],
            "RECTO_SHARDS=3, and there are 4 shards",
        ),
        (
            &[
                ("SLURM_ARRAY_TASK_ID", "1"),
                ("SLURM_ARRAY_TASK_MIN", "1"),
                ("SLURM_ARRAY_TASK_MAX", "4"),
            ],
            "number the workers from 0 to 3",
        ),
    ] {
        let mut worker = work.command("download", &call);
        worker.envs(variables.iter().copied());
        work.run_command(&mut worker).exits(2).says(&[says]);
    }
    assert!(!work.exists("images") && server.log().is_empty());
}

#[test]
fn an_id_that_occurs_twice_is_refused_before_the_set_is_divided() {
    let server = server_without(&[]);
    let work = Workdir::new();
    let mut twice = images(&server, 3);
    twice[2]["id"] = json!("i01");
    work.write_json("localizations.json", &set(twice));
    work.run(
        "shard",
        &["plan", "localizations.json", "-n", "2", "-o", "plan"],
    )
    .exits(1)
    .says(&["image id `i01` occurs twice"]);
    assert!(!work.exists("plan"));
}

#[test]
fn a_worker_that_is_started_again_after_its_files_were_moved_asks_for_nothing() {
    let server = server_without(&["/3.jpg"]);
    let work = Workdir::new();
    work.write_json("localizations.json", &set(images(&server, 12)));
    plan(&work, "1");
    download(&work, "plan", "images", "0/1", &[]).exits(3);
    for n in 0..2 {
        let (folder, shard) = (format!("o{n}"), format!("{n}/2"));
        download(&work, "localizations.json", &folder, &shard, &[]);
    }
    // Also what an earlier run has linked.
    work.run("shard", &["merge", "images"]).exits(3);
    work.run("shard", &["merge", "images", "--move"]).exits(3);
    let left = work.tree("images/shard-00000");
    assert!(
        !left.keys().any(|path| path.ends_with(".jpg")),
        "{:?}",
        left.keys()
    );
    work.run("shard", &["merge", "all", "o0", "o1", "--move"])
        .exits(3);
    let asked = server.log().len();
    download(&work, "plan", "images", "0/1", &[])
        .exits(3)
        .says(&["11 images are in", "where recto-shard merge --move put"]);
    download(&work, "localizations.json", "o0", "0/2", &[]);
    assert_eq!(server.log().len(), asked);
    // What is no longer there is asked for.
    std::fs::remove_dir_all(work.path("images/g4")).unwrap();
    download(&work, "plan", "images", "0/1", &[]).exits(3);
    assert_eq!(server.log().len(), asked + 1);
    work.run("shard", &["merge", "images", "--move"])
        .exits(3)
        .says(&["11 images"]);
}

#[test]
fn what_a_server_did_not_have_is_known_after_a_kill() {
    const GONE: usize = 20;
    let (count, is_open) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let open = is_open.clone();
    let server = Server::start(move |_, _| match count.fetch_add(1, Ordering::SeqCst) {
        n if n < GONE => Answer::Status(404),
        _ if open.load(Ordering::SeqCst) > 0 => Answer::Serve(jpeg(1), "image/jpeg"),
        _ => Answer::Stall(Duration::from_secs(60)),
    });
    let work = Workdir::new();
    work.write_json("localizations.json", &set(images(&server, 30)));
    plan(&work, "1");
    let call = [
        "plan",
        "images",
        "--shard",
        "0/1",
        "--rate",
        "0",
        "--give-up",
        "0",
    ];
    let mut worker = Running(work.command("download", &call).spawn().unwrap());
    let list = work.path("images/shard-00000/.recto/failed.jsonl");
    let listed = || std::fs::read_to_string(&list).unwrap_or_default();
    wait_until(|| listed().lines().count() == GONE);
    worker.0.kill().unwrap();
    worker.ends();
    let failed = listed();
    let table = work.run("shard", &["status", "plan", "images"]);
    let table = table.exits(0).stdout();
    assert!(table.contains("0\t30\t0\t20\t10\t"), "{table}");
    is_open.store(1, Ordering::SeqCst);
    let before = server.log().len();
    work.run("download", &call).exits(3).says(&["left out 20"]);
    let later = &server.log()[before..];
    assert_eq!(later.len(), 10);
    let was_listed = |path: &str| failed.contains(&format!("{path}\""));
    assert!(!later.iter().any(|request| was_listed(&request.path)));
    assert!(!list.exists());
    let rows = rows(&work, "images/shard-00000/failures.csv");
    assert_eq!(rows.len(), GONE);
    assert!(rows.iter().all(|row| row[3] == "not-found"));
}

#[test]
fn shards_that_share_a_host_send_no_more_in_any_second_than_one_worker() {
    let arrived: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let log = arrived.clone();
    let server = Server::start(move |_, _| {
        log.lock().unwrap().push(Instant::now());
        Answer::Serve(jpeg(1), "image/jpeg")
    });
    let work = Workdir::new();
    work.write_json("localizations.json", &set(images(&server, 18)));
    plan(&work, "3");
    let shards = ["0/3", "1/3", "2/3"];
    let mut workers = shards.map(|shard| {
        let call = ["plan", "images", "--shard", shard, "--rate", "3", "-q"];
        Running(work.command("download", &call).spawn().unwrap())
    });
    for worker in &mut workers {
        assert!(worker.ends().success());
    }
    let mut arrived = arrived.lock().unwrap().clone();
    arrived.sort();
    assert_eq!(arrived.len(), 18);
    // A little less than a second, for a machine that is busy.
    let second = Duration::from_millis(850);
    let within = |from: &Instant| {
        arrived
            .iter()
            .filter(|at| (*from..*from + second).contains(*at))
            .count()
    };
    let most = arrived.iter().map(within).max();
    assert!(most <= Some(3), "{most:?}: {arrived:?}");
}

#[test]
fn an_image_map_in_a_folder_of_parts_is_written_and_read() {
    let server = server_without(&[]);
    let work = Workdir::new();
    let mut boxed = images(&server, 3);
    for image in &mut boxed {
        image["frame"] = json!([48, 32]);
        image["localizations"] =
            json!([{"id": image["id"], "concept": "fish", "bbox": [1, 2, 10, 12]}]);
    }
    work.write_json("localizations.json", &set(boxed));
    work.run("download", &args(&["--image-map", "map/"]))
        .exits(0);
    assert_eq!(
        work.json("map/set.json")["head"]["contract"],
        "recto/image_map"
    );
    assert_eq!(work.text("map/part-00000.jsonl").lines().count(), 3);
    work.run("download", &args(&["--image-map", "map/"]))
        .exits(0);
    work.run("download", &args(&[])).exits(0);
    assert_eq!(server.log().len(), 3);
    for (map, out) in [("map/", "a"), ("image_map.json", "b")] {
        let call = [
            "localizations.json",
            "--image-map",
            map,
            "-f",
            "coco",
            "-o",
            out,
            "--images",
            "copy",
        ];
        work.run("reformat", &call).exits(0);
    }
    let images = |out: &str| {
        let mut tree = work.tree(out);
        tree.retain(|path, _| {
            path.ends_with(".jpg") || path.ends_with("json") && !path.contains("dataset")
        });
        tree
    };
    assert!(images("a") == images("b"));
    work.write("mine/notes.txt", "x");
    work.run("download", &args(&["--image-map", "mine/"]))
        .exits(1)
        .says(&["mine"]);
    assert!(work.exists("mine/notes.txt"));
}
