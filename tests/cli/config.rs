//! recto.toml and variables that stand for options.

use recto_testkit::{Ran, Workdir, samples};

/// Runs a stage in the folder `here/below` with variables.
fn run(work: &Workdir, program: &str, args: &[&str], variables: &[(&str, &str)]) -> Ran {
    let mut command = work.command(program, args);
    command.envs(variables.iter().copied());
    work.run_command_in("here/below", &mut command)
}

fn folder(toml: &str) -> Workdir {
    let work = Workdir::new();
    work.write_json("here/below/digest.json", &samples::digest());
    work.write("here/recto.toml", toml);
    work
}

/// The report is written where the option says that counts.
#[test]
fn the_command_line_is_before_the_environment_and_that_before_the_file() {
    let toml = "[extract]\nreport = \"of-file.json\"\n";
    const VARIABLE: [(&str, &str); 1] = [("RECTO_EXTRACT_REPORT", "of-environment.json")];
    type Case = (
        &'static [&'static str],
        &'static [(&'static str, &'static str)],
        &'static str,
    );
    let cases: [Case; 4] = [
        // A path in the file is meant from its folder.
        (&[], &[], "here/of-file.json"),
        (&[], &VARIABLE, "here/below/of-environment.json"),
        (
            &["--report", "of-line.json"],
            &VARIABLE,
            "here/below/of-line.json",
        ),
        (&["--report=of-line.json"], &[], "here/below/of-line.json"),
    ];
    let all = [
        "here/of-file.json",
        "here/below/of-environment.json",
        "here/below/of-line.json",
    ];
    for (args, variables, wanted) in cases {
        for program in [&["extract"][..], &["recto", "extract"]] {
            let work = folder(toml);
            let call = [&program[1..], &["digest.json"], args].concat();
            run(&work, program[0], &call, variables).exits(0);
            let written: Vec<&str> = all.into_iter().filter(|path| work.exists(path)).collect();
            assert_eq!(written, [wanted], "{call:?}");
        }
    }
    // A file that is named, and none.
    for (named, wanted) in [("", 0), ("../recto.toml", 1)] {
        let work = folder(toml);
        run(
            &work,
            "extract",
            &["digest.json"],
            &[("RECTO_CONFIG", named)],
        )
        .exits(0);
        assert_eq!(usize::from(work.exists("here/of-file.json")), wanted);
    }
}

#[test]
fn what_is_wrong_in_the_file_is_said_with_its_place() {
    let cases = [
        ("a = 1\n", "recto.toml:1: no program has an option --a"),
        (
            "[extract]\n\nreprot = \"x\"\n",
            "recto.toml:3: recto-extract has no option --reprot",
        ),
        ("[extract]\nreport = [[1]]\n", "recto.toml:2: report"),
        (
            "[extract]\nquiet = 3\n",
            "recto.toml:2: quiet is a integer, true or false is expected",
        ),
        ("[extract\n", "recto.toml:1:"),
        (
            "[nonsense]\nx = 1\n",
            "recto.toml:1: no program has an option --nonsense",
        ),
        (
            "bearer = \"abc\"\n",
            "secrets must not be written in this file",
        ),
        (
            "[download]\nbudget-store = \"redis://:s3cret@cache.example/0\"\n",
            "recto.toml:2: budget-store: secrets must not be written in this file",
        ),
        (
            "[download]\nrewrite = [\"https://a.example/=http://me:pw@b.example/\"]\n",
            "set the variable RECTO_DOWNLOAD_REWRITE to the URL instead",
        ),
        (
            "rewrite = \"https://a.example/=http://me:pw@b.example/\"\n",
            "set the variable RECTO_D",
        ),
        ("bearer = { enf = \"A\" }\n", "expected { env = \"NAME\" }"),
        (
            "[digest.iiif]\nconfig = \"config.ini\"\n",
            "recto.toml:2: --config is not an option of the source iiif",
        ),
    ];
    for (toml, wanted) in cases {
        let work = folder(toml);
        run(&work, "extract", &["digest.json"], &[])
            .exits(1)
            .says(&[wanted]);
        assert!(!work.exists("here/below/localizations.json"));
        // Help is there all the same.
        run(&work, "extract", &["--help"], &[]).exits(0);
    }
    let work = folder("[extract]\nreprot = \"x\"\n");
    let ran = run(
        &work,
        "extract",
        &["digest.json", "--progress", "json"],
        &[],
    );
    let event: serde_json::Value = serde_json::from_str(ran.exits(1).stderr().trim()).unwrap();
    assert_eq!(
        (&event["event"], &event["exit"]),
        (&"end".into(), &1.into())
    );
    run(&work, "extract", &["digest.json"], &[]).says(&["did you mean `report`?"]);
}

#[test]
fn values_that_are_not_valid_are_said_with_their_place() {
    type Case = (
        &'static str,
        &'static [(&'static str, &'static str)],
        &'static [&'static str],
    );
    let cases: [Case; 6] = [
        (
            "[extract]\npoint-size = [1, 2]\n",
            &[],
            &["recto.toml:2: --point-size has several values, and takes one"],
        ),
        (
            "",
            &[("RECTO_EXTRACT_PARTIAL_OK", "banana")],
            &[
                "RECTO_EXTRACT_PARTIAL_OK: `banana` is not a valid value for --partial-ok: true or false is expected",
            ],
        ),
        (
            "[extract]\n\npoint-size = \"big\"\n",
            &[],
            &["recto.toml:3: `big` is not a valid value for --point-size: "],
        ),
        (
            "[extract]\noutside = \"away\"\n",
            &[],
            &[
                "recto.toml:2: `away` is not a valid value for --outside",
                "valid values: ",
            ],
        ),
        (
            "",
            &[("RECTO_EXTRACT_POINT_SIZE", "big")],
            &["RECTO_EXTRACT_POINT_SIZE: `big` is not a valid value for --point-size: "],
        ),
        (
            "",
            &[("RECTO_EXTRACT_OUTSIED", "clip")],
            &[
                "the variable RECTO_EXTRACT_OUTSIED is set, and sets nothing",
                "did you mean RECTO_EXTRACT_OUTSIDE?",
            ],
        ),
    ];
    for (toml, variables, wanted) in cases {
        let work = folder(toml);
        run(&work, "extract", &["digest.json"], variables)
            .exits(2)
            .says(wanted);
        assert!(!work.exists("here/below/localizations.json"));
        // What the command line gives is not looked up.
        let given = [
            "digest.json",
            "--point-size",
            "4",
            "--outside",
            "clip",
            "--partial-ok",
        ];
        if variables
            .first()
            .is_none_or(|(name, _)| !name.ends_with("OUTSIED"))
        {
            run(&work, "extract", &given, variables).exits(0);
        }
    }
}

/// Options that exclude each other: the one that is typed counts, then that of the environment.
#[test]
fn settings_give_way_to_their_contraries() {
    type Variables = &'static [(&'static str, &'static str)];
    const TABLE: [&str; 5] = ["table", "list.csv", "-o", "out.json", "--url-column"];
    // The file, variables, what is typed besides, the exit code and what is said.
    let cases: [(&str, Variables, &[&str], i32, &str); 6] = [
        (
            "[digest]\nlock = true\n",
            &[],
            &["--locked"],
            0,
            "1 document is as in recto.lock",
        ),
        (
            "[digest]\nlocked = true\n",
            &[],
            &["--lock"],
            0,
            "--lock: 1 document",
        ),
        (
            "[digest]\nlock = true\n",
            &[("RECTO_DIGEST_LOCKED", "true")],
            &[],
            0,
            "1 document is as in recto.lock",
        ),
        (
            "",
            &[("RECTO_DIGEST_LOCK", "true")],
            &["--locked"],
            0,
            "1 document is as in recto.lock",
        ),
        // Of two in the file nobody knows which is meant.
        (
            "[digest]\nlock = true\nlocked = true\n",
            &[],
            &[],
            2,
            "recto.toml:2 and ",
        ),
        // One that needs another is named too.
        (
            "[digest]\nchanges = \"c.csv\"\n",
            &[],
            &[],
            2,
            "recto.toml:2: the following required arguments were not provided: --locked",
        ),
    ];
    for (toml, variables, more, code, said) in cases {
        let work = folder("");
        work.write("here/below/list.csv", "url\nhttps://a.example/1.jpg\n");
        let typed = [&TABLE[..], &["url"]].concat();
        let first = [&typed[..], &["--lock"]].concat();
        run(&work, "digest", &first, &[]).exits(0);
        work.write("here/recto.toml", toml);
        let call = [&typed[..], more].concat();
        let ran = run(&work, "digest", &call, variables);
        ran.exits(code).says(&[said]);
        let recto = [&["digest"], &call[..]].concat();
        run(&work, "recto", &recto, variables)
            .exits(code)
            .says(&[said]);
    }
}

#[test]
fn recto_config_tells_values_that_are_not_valid() {
    for (toml, wanted) in [
        (
            "[download]\nrate = \"fast\"\n",
            "recto.toml:2: `fast` is not a valid value for --rate",
        ),
        (
            "[digest]\n[digest.table]\ndelimiter = \"semicolon\"\n",
            "recto.toml:3: `semicolon` is not a valid value for --delimiter",
        ),
    ] {
        let work = folder(toml);
        run(&work, "recto", &["config"], &[])
            .exits(2)
            .says(&[wanted]);
    }
}

#[test]
fn a_path_in_the_file_may_begin_at_home() {
    let work = folder("[extract]\nreport = \"~/report.json\"\n");
    std::fs::create_dir(work.path("home")).unwrap();
    let home = work.path("home").display().to_string();
    let variables = [("HOME", home.as_str())];
    run(&work, "extract", &["digest.json"], &variables).exits(0);
    assert!(work.exists("home/report.json"));
}

#[test]
fn variables_that_set_nothing_are_listed() {
    let work = folder("");
    let variables = [("RECTO_SERVE_SERVICE_HOST", "10.0.0.1")];
    run(&work, "extract", &["digest.json"], &variables).exits(0);
    let shown = run(&work, "recto", &["config"], &variables);
    let text = shown.exits(0).stdout();
    let line = "# RECTO_SERVE_SERVICE_HOST is set, and sets nothing\n";
    assert!(text.contains(line), "{text}");
}

#[test]
fn options_of_one_source_do_not_reach_others() {
    // One that is for all sources is for those that have it.
    let toml = "images = \"images\"\n[digest]\nconfig = \"config.ini\"\n[digest.table]\nurl-column = \"url\"\n\
                [digest.m3]\nanno = \"http://127.0.0.1:9/\"\n";
    let work = folder(toml);
    work.write("here/below/list.csv", "url\nhttps://a.example/1.jpg\n");
    run(
        &work,
        "digest",
        &["table", "list.csv", "-o", "out.json"],
        &[],
    )
    .exits(0);
    // No option of another source is given.
    let ran = run(
        &work,
        "digest",
        &["iiif", "list.csv", "-o", "out.json"],
        &[],
    );
    assert!(
        !ran.stderr().contains("is not an option of the source"),
        "{}",
        ran.stderr()
    );
}

#[test]
fn secrets_are_named_and_not_shown() {
    let toml = "[download]\nrate = 5\nheader = [\"Accept-Language: de\"]\nbearer = { env = \"MY_TOKEN\", host = \"a.example\" }\nrewrite = [\"http://a/=http://b/\", \"http://c/=http://d/\"]\n";
    let work = folder(toml);
    let variables = [("MY_TOKEN", "word"), ("RECTO_DOWNLOAD_RETRIES", "2")];
    let shown = run(&work, "recto", &["config"], &variables);
    let text = shown.exits(0).stdout();
    for line in [
        "download.rate = 5  # ",
        "recto.toml:2",
        "download.bearer = a.example=$MY_TOKEN",
        "download.retries = 2  # RECTO_DOWNLOAD_RETRIES",
        "[http://a/=http://b/, http://c/=http://d/]",
    ] {
        assert!(text.contains(line), "no {line} in {text}");
    }
    assert!(!text.contains("word"), "{text}");
    let shown = run(&work, "recto", &["config", "--json"], &variables)
        .exits(0)
        .stdout();
    let found: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert!(found["settings"].as_array().unwrap().len() >= 5);
    run(&work, "download", &["missing.json", "images"], &[])
        .exits(1)
        .says(&["the variable MY_TOKEN is not set"]);
}

#[test]
fn an_option_whose_value_may_be_left_out_is_switched_by_a_word() {
    let work = folder("");
    let config = |name: &str, value: &str| {
        let ran = run(&work, "recto", &["config"], &[(name, value)]);
        ran.exits(0).stdout()
    };
    for (name, value, shown) in [
        ("RECTO_DOWNLOAD_LOCK", "true", "download.lock = true"),
        ("RECTO_DOWNLOAD_LOCK", "1", "download.lock = true"),
        ("RECTO_DOWNLOAD_LOCK", "off", "download.lock = false"),
        ("RECTO_DOWNLOAD_LOCK", "my.lock", "download.lock = my.lock"),
        (
            "RECTO_REFORMAT_MERGE_EQUAL",
            "yes",
            "reformat.merge-equal = true",
        ),
        // A number is one.
        (
            "RECTO_REFORMAT_MERGE_EQUAL",
            "1",
            "reformat.merge-equal = 1",
        ),
    ] {
        let text = config(name, value);
        assert!(text.contains(shown), "{name}={value}: {text}");
    }
}

#[test]
fn secrets_of_the_environment_are_not_printed() {
    let work = Workdir::new();
    let mut command = work.command("recto", &["config"]);
    command
        .env("RECTO_DOWNLOAD_BEARER", "zzz")
        .env("RECTO_DOWNLOAD_BUDGET_STORE", "redis://:zzz@cache.example");
    let ran = work.run_command(&mut command);
    ran.exits(0);
    let said = ran.stdout();
    assert!(
        said.contains("download.bearer = …") && !said.contains("zzz"),
        "{said}"
    );
    assert!(said.contains("redis://…@cache.example"), "{said}");
}
