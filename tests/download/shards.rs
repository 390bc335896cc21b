//! Many workers: a set divided by `recto-shard`, downloaded by several programs, and united again.

use super::*;

/// Three hosts with some groups each; two images of different hosts would have the same name.
fn archive() -> (Vec<Server>, Value) {
    let start = || {
        Server::start(|request, _| match request.path.as_str() {
            "/gone" => Answer::Status(404),
            path => Answer::Serve(jpeg(path.len() as u8 * 9), "image/jpeg"),
        })
    };
    let servers: Vec<Server> = (0..3).map(|_| start()).collect();
    let mut images = Vec::new();
    for (host, (server, count)) in servers.iter().zip([12, 5, 3]).enumerate() {
        for n in 0..count {
            let mut image = plain(
                &format!("{host}-{n}"),
                server.url(&format!("/{}", "x".repeat(n + 1))),
            );
            image["group"] = json!(format!("group {}", n % 3));
            images.push(image);
        }
    }
    images[1]["source"]["labels"]["canvas"] = json!("same");
    images[13]["source"]["labels"]["canvas"] = json!("same");
    images[4]["image"]["url"] = json!(servers[0].url("/gone"));
    (servers, set(images))
}

const COUNT: usize = 4;

#[test]
fn a_budget_store_that_does_not_answer_is_said_and_each_worker_keeps_to_its_share() {
    let (_servers, images) = archive();
    let work = Workdir::new();
    work.write_json("localizations.json", &images);
    let call = [
        "localizations.json",
        "images",
        "--budget-store",
        // Nobody listens there.
        "redis://me:sesame@127.0.0.1:1",
        "--shard",
        "0/4",
        "--progress",
        "json",
    ];
    let ran = work.run("download", &[&call[..], &FAST].concat());
    ran.exits(0).says(&[
        "--budget-store: the Redis server at 127.0.0.1:1 did not answer",
        "1/4 or more",
        "\"why\":\"no-store\"",
    ]);
    assert!(!ran.stderr().contains("sesame"), "{}", ran.stderr());
    for bad in ["rediss://127.0.0.1", "127.0.0.1:6379"] {
        work.run(
            "download",
            &["localizations.json", "images", "--budget-store", bad],
        )
        .exits(2)
        .says(&["redis://[USER:PASSWORD@]HOST"]);
    }
}

fn planned(work: &Workdir) -> Value {
    let call = ["plan", "localizations.json", "-n", "4", "-o", "plan"];
    work.run("shard", &call)
        .exits(0)
        .says(&["20 images in 4 shards of plan"]);
    work.json("plan/plan.json")
}

fn download_shard(work: &Workdir, shard: usize, more: &[&str]) -> recto_testkit::Ran {
    let shard = format!("{shard}/{COUNT}");
    let call = ["plan", "images", "--shard", &shard];
    work.run("download", &[&call[..], &FAST, more].concat())
}

#[test]
fn workers_with_a_plan_make_what_one_would_with_as_many_requests() {
    let (servers, images) = archive();
    let alone = Workdir::new();
    alone.write_json("localizations.json", &images);
    alone.run("download", &args(&[])).exits(3);
    let asked = || {
        servers
            .iter()
            .map(|server| server.log().len())
            .sum::<usize>()
    };
    let by_one = asked();

    let work = Workdir::new();
    work.write_json("localizations.json", &images);
    let plan = planned(&work);
    let of_shards: Vec<&Value> = plan["shards"].as_array().unwrap().iter().collect();
    let sum = |member: &str| {
        of_shards
            .iter()
            .map(|s| s[member].as_u64().unwrap())
            .sum::<u64>()
    };
    assert_eq!((sum("images"), sum("requests")), (20, 20));
    // The large host has more than two shares of five; the others stand in one shard.
    for (server, shards) in servers.iter().zip([2, 1, 1]) {
        let name = server.url("").trim_start_matches("http://").to_owned();
        let hosts = of_shards
            .iter()
            .flat_map(|shard| shard["hosts"].as_array().unwrap());
        let shared: Vec<&Value> = hosts
            .filter(|host| host["host"] == name)
            .map(|host| &host["shared_by"])
            .collect();
        assert_eq!(shared, vec![&json!(shards); shards], "{name}");
    }
    let before = asked();
    for shard in 0..COUNT {
        let ran = download_shard(&work, shard, &[]);
        let has_gone = work
            .text(&format!("images/shard-{shard:05}/failures.csv"))
            .contains("not-found");
        ran.exits(if has_gone { 3 } else { 0 });
    }
    assert_eq!(asked() - before, by_one);
    work.run("shard", &["merge", "images"])
        .exits(3)
        .says(&["19 images of 4 folders in images", "left out 1"]);
    assert_eq!(work.read("image_map.json"), alone.read("image_map.json"));
    assert_eq!(work.read("failures.csv"), alone.read("failures.csv"));
    let mut united = pictures(&work);
    united.retain(|path, _| !path.starts_with("shard-"));
    assert_eq!(united, pictures(&alone));
    assert!(
        united.keys().filter(|path| path.contains("same-")).count() == 2,
        "{:?}",
        united.keys()
    );

    // What is united is gone on with as if it had been one worker's, and merging again changes nothing.
    let journal = work.read("images/downloads.jsonl");
    work.run(
        "shard",
        &[
            "merge",
            "images",
            "images/shard-00002",
            "images/shard-00000",
        ],
    )
    .exits(3);
    assert_eq!(work.read("images/downloads.jsonl"), journal);
    let before = asked();
    work.run("download", &args(&[])).exits(3);
    assert_eq!(asked() - before, 1, "only what failed");
    assert_eq!(work.read("image_map.json"), alone.read("image_map.json"));
}

#[test]
fn plans_depend_neither_on_the_order_of_rows_nor_on_the_run() {
    let (_servers, images) = archive();
    let work = Workdir::new();
    work.write_json("localizations.json", &images);
    let plan = planned(&work);
    let tree = work.tree("plan");
    assert_eq!((planned(&work), work.tree("plan")), (plan.clone(), tree));
    let mut turned = images.clone();
    turned["images"].as_array_mut().unwrap().reverse();
    work.write_json("localizations.json", &turned);
    let other = planned(&work);
    for (one, two) in plan["shards"]
        .as_array()
        .unwrap()
        .iter()
        .zip(other["shards"].as_array().unwrap())
    {
        assert_eq!(one["hosts"], two["hosts"]);
    }
    // Each part is a set of its own.
    let part = work.json("plan/shard-00000.json");
    assert_eq!(part["contract"], "recto/localizations");
    work.run(
        "shard",
        &["plan", "plan/shard-00000.json", "-n", "1", "-o", "again"],
    )
    .exits(0);
    work.run(
        "shard",
        &[
            "plan",
            "localizations.json",
            "-n",
            "2",
            "-o",
            "whole",
            "--whole-hosts",
        ],
    )
    .exits(0);
    let whole = work.json("whole/plan.json");
    let hosts = whole["shards"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|shard| shard["hosts"].as_array().unwrap());
    assert_eq!(hosts.count(), 3);
}

#[test]
fn a_host_in_several_shards_gets_its_part_of_the_pace_in_each() {
    let server = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let mut images: Vec<Value> = (0..8)
        .map(|n| plain(&n.to_string(), server.url(&format!("/{n}"))))
        .collect();
    for (n, image) in images.iter_mut().enumerate() {
        image["group"] = json!(format!("{n}"));
    }
    let work = Workdir::new();
    work.write_json("localizations.json", &set(images));
    work.run(
        "shard",
        &["plan", "localizations.json", "-n", "2", "-o", "plan"],
    )
    .exits(0)
    .says(&["in 2 shards, each with a part of its rate limit"]);
    let call = [
        "plan",
        "images",
        "--shard",
        "0/2",
        "--dry-run",
        "--rate",
        "2",
    ];
    // Four requests at half of two a second.
    let table = work.run("download", &call).exits(0).stdout();
    assert!(table.lines().nth(1).unwrap().ends_with("\t4-4"), "{table}");
    assert!(!work.exists("images"));
}

#[test]
fn what_does_not_fit_a_plan_is_refused() {
    let (servers, images) = archive();
    let work = Workdir::new();
    work.write_json("localizations.json", &images);
    planned(&work);
    let run = |more: &[&str]| work.run("download", &[&["plan", "images"], more].concat());
    run(&[])
        .exits(2)
        .says(&["plan is a plan: --shard is missing", "--shard I/4"]);
    run(&["--shard", "0/3"])
        .exits(2)
        .says(&["the plan in plan has 4 shards"]);
    run(&["--shard", "auto"])
        .exits(2)
        .says(&["no scheduler says which worker this is"]);
    work.run_command(
        work.command("download", &["localizations.json", "x", "--shard", "auto"])
            .env("JOB_COMPLETION_INDEX", "1"),
    )
    .exits(2)
    .says(&["nothing says how many workers there are", "RECTO_SHARDS"]);
    let fast = [&["plan", "images", "--shard", "auto"], &FAST[..]].concat();
    let mut task = work.command("download", &fast);
    work.run_command(task.env("SLURM_ARRAY_TASK_ID", "9"))
        .exits(2)
        .says(&["the number of shards is 4"]);
    let mut task = work.command("download", &fast);
    let ran = work.run_command(task.env("SLURM_ARRAY_TASK_ID", "2"));
    assert!(
        matches!(ran.output.status.code(), Some(0 | 3)),
        "{}",
        ran.stderr()
    );
    assert!(work.exists("images/shard-00002/image_map.json"));
    // Another set in the same folder.
    let mut fewer = images.clone();
    fewer["images"].as_array_mut().unwrap().truncate(9);
    work.write_json("localizations.json", &fewer);
    work.run(
        "shard",
        &["plan", "localizations.json", "-n", "4", "-o", "plan"],
    )
    .exits(0);
    download_shard(&work, 2, &[])
        .exits(1)
        .says(&["holds a shard of another set", "recto-shard merge"]);
    // A part that is not the plan's.
    let part = work
        .text("plan/shard-00000.json")
        .replace("group 0", "group 9");
    work.write("plan/shard-00000.json", part + " ");
    download_shard(&work, 0, &[])
        .exits(1)
        .says(&["is not the file that plan.json names"]);
    work.write("notes/mine.txt", "x");
    work.run(
        "shard",
        &["plan", "localizations.json", "-n", "4", "-o", "notes"],
    )
    .exits(1)
    .says(&["notes: was not written by recto: plan.json is missing"]);
    work.write("plan/mine.txt", "x");
    work.run(
        "shard",
        &["plan", "localizations.json", "-n", "4", "-o", "plan"],
    )
    .exits(1)
    .says(&["plan: holds mine.txt, which recto did not write"]);
    assert!(work.exists("plan/mine.txt"));
    assert!(work.exists("notes/mine.txt"));
    work.run("shard", &["merge", "nothing"])
        .exits(1)
        .says(&["there are no folders shard-*"]);
    drop(servers);
}

#[test]
fn status_tells_from_files_alone_which_shards_may_get_further() {
    let server = Server::start(|request, _| match request.path.as_str() {
        "/down" => Answer::Status(500),
        "/gone" => Answer::Status(404),
        _ => Answer::Serve(jpeg(1), "image/jpeg"),
    });
    let mut images: Vec<Value> = ["a", "gone", "down", "b"]
        .map(|id| plain(id, server.url(&format!("/{id}"))))
        .to_vec();
    for (n, image) in images.iter_mut().enumerate() {
        image["group"] = json!(n.to_string());
    }
    let work = Workdir::new();
    work.write_json("localizations.json", &set(images));
    planned_of(&work);
    let part_of = |id: &str| {
        let is_in = |n: &usize| {
            work.text(&format!("plan/shard-{n:05}.json"))
                .contains(&format!("\"id\": \"{id}\""))
        };
        (0..COUNT).find(is_in).unwrap()
    };
    let status = |more: &[&str]| {
        work.run("shard", &[&["status", "plan", "images"], more].concat())
            .exits(0)
            .stdout()
    };
    assert_eq!(status(&["--failed"]), "0-3\n");
    for (id, code) in [("a", 0), ("gone", 3), ("down", 75)] {
        download_shard(&work, part_of(id), &["--retries", "0"]).exits(code);
    }
    // A worker is started again and again: what is not there is not asked for each time.
    for (more, hits, code) in [
        (&[][..], 1, 3),
        (&["--retry-failed", "not-found"], 2, 3),
        (&[], 2, 3),
    ] {
        download_shard(
            &work,
            part_of("gone"),
            &[&["--retries", "0"], more].concat(),
        )
        .exits(code);
        assert_eq!(server.hits("/gone"), hits, "{more:?}");
    }
    let mut open = [part_of("down"), part_of("b")];
    open.sort_unstable();
    let listed = match open[1] - open[0] {
        1 => format!("{}-{}\n", open[0], open[1]),
        _ => format!("{},{}\n", open[0], open[1]),
    };
    assert_eq!(status(&["--failed"]), listed);
    let table = status(&[]);
    for (id, words) in [
        ("a", "\t1\t1\t0\t0\tcomplete\n"),
        ("gone", "\t1\t0\t1\t0\tcomplete but for failures\n"),
        ("down", "\t1\t0\t1\t0\tmay get further\n"),
        ("b", "\t1\t0\t0\t1\tnot begun\n"),
    ] {
        assert!(
            table.contains(&format!("{}{words}", part_of(id))),
            "{id}: {table}"
        );
    }
    assert!(
        table.contains("\tserver\t1\n") && table.contains("\tnot-found\t1\n"),
        "{table}"
    );
}

fn planned_of(work: &Workdir) {
    work.run(
        "shard",
        &["plan", "localizations.json", "-n", "4", "-o", "plan"],
    )
    .exits(0);
}

#[test]
fn the_latest_line_of_an_image_counts_in_whatever_order_folders_are_merged() {
    let shade = Arc::new(AtomicUsize::new(1));
    let now = shade.clone();
    let server = Server::start(move |_, _| {
        Answer::Serve(jpeg(now.load(Ordering::Relaxed) as u8), "image/jpeg")
    });
    let work = Workdir::new();
    let folders = ["one", "two", "three"];
    for (n, folder) in folders.iter().enumerate() {
        let ids: &[&str] = [&["a", "b"][..], &["b", "c"], &["c"]][n];
        let images = ids
            .iter()
            .map(|id| plain(id, server.url(&format!("/{id}"))))
            .collect();
        work.write_json("localizations.json", &set(images));
        shade.store(n + 1, Ordering::Relaxed);
        let call = [
            "localizations.json",
            folder,
            "--image-map",
            "m.json",
            "--failures",
            "f.csv",
        ];
        work.run("download", &[&call[..], &FAST].concat()).exits(0);
    }
    let mut seen = Vec::new();
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let out = format!("all-{order:?}");
        // One by one, and all at once, and once more.
        for n in order {
            work.run(
                "shard",
                &["merge", &out, folders[n], "--image-map", "map.json"],
            )
            .exits(0);
        }
        let parts = order.map(|n| folders[n]);
        work.run(
            "shard",
            &[&["merge", &*out][..], &parts, &["--image-map", "map.json"]].concat(),
        )
        .exits(0);
        let map = work.text("map.json").replace(&out, "all");
        let mut tree = work.tree(&out);
        tree.retain(|path, _| !path.starts_with(".recto"));
        seen.push((map, tree));
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
    let (_, tree) = &seen[0];
    let shades = ["a", "b", "c"].map(|id| tree[&format!("reef/{id}.jpg")].clone());
    assert_eq!(shades, [jpeg(1), jpeg(2), jpeg(3)]);
}

#[test]
fn a_run_ends_before_its_deadline_and_the_next_goes_on() {
    let server = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let work = Workdir::new();
    let images = (0..200).map(|n| plain(&n.to_string(), server.url(&format!("/{n}"))));
    work.write_json("localizations.json", &set(images.collect()));
    let call = [
        "localizations.json",
        "images",
        "--rate",
        "10",
        "--deadline",
        "8s",
    ];
    work.run("download", &call)
        .exits(75)
        .says(&["the time of --deadline is over", "to resume"]);
    let had = work.json("image_map.json").as_object().unwrap().len();
    assert!((1..200).contains(&had), "{had}");
    work.run("download", &args(&["--deadline", "2100-01-01T00:00:00Z"]))
        .exits(0);
    assert_eq!(server.log().len(), 200);
    let late = args(&["--deadline", "2001-01-01T00:00:00Z", "--overwrite"]);
    work.run("download", &late).exits(75);
    assert_eq!(server.log().len(), 200, "nothing is asked after it");
    work.run("download", &args(&["--deadline", "soon"]))
        .exits(2)
        .says(&["neither a time"]);
}

#[test]
fn shards_that_are_missing_are_told_when_others_are_united_and_moved_ones_stay_done() {
    let (_servers, images) = archive();
    let work = Workdir::new();
    work.write_json("localizations.json", &images);
    planned_of(&work);
    for shard in [1, 2] {
        download_shard(&work, shard, &[]);
    }
    work.run("shard", &["merge", "images", "--move"])
        .exits(75)
        .says(&[
            "neither downloaded nor a failure",
            "shards without a folder here: 0, 3",
        ]);
    let table = work
        .run("shard", &["status", "plan", "images"])
        .exits(0)
        .stdout();
    let done = table
        .lines()
        .filter(|line| line.contains("\tcomplete"))
        .count();
    assert_eq!(done, 2, "{table}");
    for shard in [0, 3] {
        download_shard(&work, shard, &[]);
    }
    work.run("shard", &["merge", "images", "--move"])
        .exits(3)
        .says(&["19 images"]);
    let status = work
        .run("shard", &["status", "plan", "images", "--failed"])
        .exits(0)
        .stdout();
    assert_eq!(status, "\n");
    // Another set's shards are not counted.
    let mut fewer = images.clone();
    fewer["images"].as_array_mut().unwrap().truncate(9);
    work.write_json("localizations.json", &fewer);
    planned_of(&work);
    work.run("shard", &["status", "plan", "images"])
        .exits(1)
        .says(&["holds a shard of another set"]);
}

#[test]
fn a_merged_image_that_somebody_edited_is_kept_and_told() {
    let server = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let work = one_of(plain("a", server.url("/a")));
    let call = ["localizations.json", "one", "--image-map", "m.json"];
    work.run("download", &[&call[..], &FAST].concat()).exits(0);
    let merge = ["merge", "all", "one", "--image-map", "map.json"];
    work.run("shard", &merge).exits(0);
    // As an editor that writes a new file.
    std::fs::remove_file(work.path("all/reef/a.jpg")).unwrap();
    work.write("all/reef/a.jpg", "edited");
    let told = "1 file was edited or replaced since the download, and moved to all/.recto/altered";
    work.run("shard", &merge).exits(0).says(&[told]);
    assert_eq!(work.text("all/.recto/altered/reef/a.jpg"), "edited");
    assert_eq!(work.read("all/reef/a.jpg"), jpeg(1));
    let again = work.run("shard", &merge);
    assert!(!again.exits(0).stderr().contains(told));
    // Of a worker whose folder was merged and emptied there is nothing to do.
    let moving = [&merge[..], &["--move"]].concat();
    work.run("shard", &moving).exits(0);
    work.run("shard", &moving).exits(0);
    assert_eq!(work.read("all/reef/a.jpg"), jpeg(1));
}

#[test]
fn files_of_an_earlier_merge_whose_images_have_other_names_now_are_moved_aside_and_told() {
    let server = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let work = one_of(plain("a", server.url("/a")));
    let merge = |worker: &str| {
        let call = ["localizations.json", worker, "--image-map", "m.json"];
        work.run("download", &[&call[..], &FAST].concat()).exits(0);
        let journal = format!("{worker}/downloads.jsonl");
        // Later than what was merged before, whatever the clock says.
        let lines = work
            .text(&journal)
            .replace("\"when\":\"20", "\"when\":\"21");
        let lines = if worker == "two" {
            lines
        } else {
            work.text(&journal)
        };
        work.write(&journal, lines);
        work.run(
            "shard",
            &["merge", "all", worker, "--image-map", "map.json"],
        )
    };
    merge("one").exits(0);
    let mut renamed = plain("a", server.url("/a"));
    renamed["group"] = json!("lagoon");
    work.write_json("localizations.json", &set(vec![renamed]));
    let told = "1 file of an earlier merge was moved to all/.recto/orphans: the images have other names now";
    merge("two").exits(0).says(&[told]);
    assert_eq!(work.read("all/lagoon/a.jpg"), jpeg(1));
    assert_eq!(work.read("all/.recto/orphans/reef/a.jpg"), jpeg(1));
    assert!(!work.exists("all/reef/a.jpg"));
    let again = work.run("shard", &["merge", "all", "two", "--image-map", "map.json"]);
    assert!(!again.exits(0).stderr().contains("earlier merge"));
}

#[test]
fn shards_that_are_missing_are_told_again_after_the_others_were_moved() {
    let (_servers, images) = archive();
    let work = Workdir::new();
    work.write_json("localizations.json", &images);
    planned_of(&work);
    download_shard(&work, 0, &[]);
    let merge = ["merge", "images", "--move"];
    for _ in 0..2 {
        work.run("shard", &merge).exits(75);
    }
    // A folder that no worker wrote to is not one of all.
    work.run("shard", &["merge", "plan"]).exits(1);
}
