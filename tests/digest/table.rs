//! `recto-digest table`: which columns name images, and what becomes of rows.

use serde_json::{Value, json};

use super::{observations, texts};
use recto_testkit::Workdir;

const TABLE: &str = "\u{feff}key,image_url,file,manuscript,dive,label,name,\"a \"\"note\"\"\"\r\n\
    a1,https://a.example/i/a1/,https://a.example/1.jpg,4Q1,d1,\"NIR, Recto\",n1,\"two\nlines\"\r\n\
    a2,https://a.example/i/a2/info.json,https://a.example/i/2/info.json,4Q1,d2,Colour,n2,\r\n";

#[test]
fn tables_name_images_in_three_ways() {
    let by_service = |ids: [&str; 2], version: u8| {
        ids.map(|id| json!({"service": {"id": format!("https://a.example/i/{id}"), "version": version}}))
    };
    let cases: [(&[&str], [Value; 2]); 4] = [
        (
            &[
                "--id-column",
                "key",
                "--service-prefix",
                "https://a.example/i",
            ],
            by_service(["a1", "a2"], 2),
        ),
        (
            &["--service-column", "image_url"],
            by_service(["a1", "a2"], 2),
        ),
        (
            &["--service-column", "image_url", "--service-version", "3"],
            by_service(["a1", "a2"], 3),
        ),
        (
            &["--url-column", "file"],
            [
                json!({"url": "https://a.example/1.jpg"}),
                json!({"service": {"id": "https://a.example/i/2", "version": 2}}),
            ],
        ),
    ];
    for (flags, images) in cases {
        let work = Workdir::new();
        work.write("t.csv", TABLE);
        let args: Vec<&str> = [
            "table",
            "t.csv",
            "-o",
            "digest.json",
            "--report",
            "report.json",
        ]
        .iter()
        .chain(flags)
        .copied()
        .collect();
        work.run("digest", &args).exits(0);
        let seen = observations(&work);
        assert_eq!(
            [seen[0]["image"].clone(), seen[1]["image"].clone()],
            images,
            "{flags:?}"
        );
        assert_eq!(work.json("report.json")["rows"], 2, "{flags:?}");
        assert_eq!(
            seen[0]["source"],
            json!({"kind": "table", "manifest": "t.csv", "canvas": "row 1", "labels": {"image": "NIR, Recto"}})
        );
        assert_eq!(seen[0]["group"], "4Q1");
        assert_eq!(seen[0]["metadata"]["a \"note\""], json!(["two\nlines"]));
        assert_eq!(
            seen[1]["metadata"].get("a \"note\""),
            None,
            "an empty cell says nothing"
        );
    }
}

#[test]
fn tables_say_which_columns_are_group_and_label() {
    let work = Workdir::new();
    work.write("t.csv", TABLE);
    let args = [
        "table",
        "t.csv",
        "-o",
        "digest.json",
        "--url-column",
        "file",
        "--group-column",
        "dive",
        "--label-column",
        "name",
    ];
    work.run("digest", &args).exits(0);
    assert_eq!(texts(&work, "/group"), ["d1", "d2"]);
    assert_eq!(texts(&work, "/source/labels/image"), ["n1", "n2"]);
    let args = [
        "table",
        "t.csv",
        "-o",
        "digest.json",
        "--url-column",
        "file",
        "--where",
        "label=NIR, Recto",
    ];
    work.run("digest", &args).exits(0);
    assert_eq!(texts(&work, "/id"), ["https://a.example/1.jpg"]);
}

#[test]
fn cells_that_say_there_is_no_group_are_told_where_they_make_one() {
    let work = Workdir::new();
    let rows = ["n/a", "n/a", "-", "dive 1", "dive 1", ""];
    let rows = rows.iter().enumerate();
    let rows: String = rows
        .map(|(n, dive)| format!("https://a.example/{n}.jpg,{dive}\n"))
        .collect();
    work.write("t.csv", format!("file,dive\n{rows}"));
    let args = ["table", "t.csv", "-o", "d.json", "--url-column", "file"];
    work.run("digest", &args).exits(0).says(&[
        "column dive: `n/a` (2 images) is taken for a group: leave such cells empty where an image belongs to no group",
    ]);
}

#[test]
fn a_condition_that_leaves_nothing_out_for_want_of_its_key_is_told() {
    let work = Workdir::new();
    let rows = "url,plate,depth\nhttps://a.example/1.jpg,600,\nhttps://a.example/2.jpg,601,5\n";
    work.write("t.csv", rows);
    let cases: [(&[&str], usize, Option<&str>); 5] = [
        (
            &["plaet!=600"],
            2,
            Some(
                "--where 'plaet!=600' leaves nothing out: there is no `plaet`; there are depth, plate, label",
            ),
        ),
        (&["plate!=600"], 1, None),
        (&["PLATE!=9"], 2, None),
        (&["depth!=5"], 1, None),
        (&["plate=601", "plaet!=600"], 1, Some("'plaet!=600'")),
    ];
    for (conditions, kept, note) in cases {
        let mut args = vec!["table", "t.csv", "-o", "digest.json", "--url-column", "url"];
        args.extend(conditions.iter().flat_map(|text| ["--where", text]));
        let ran = work.run("digest", &args);
        assert_eq!(texts(&work, "/id").len(), kept, "{conditions:?}");
        let parts: Vec<&str> = note.into_iter().collect();
        let said = ran.exits(0).says(&parts).stderr();
        assert_eq!(
            said.contains("leaves nothing out"),
            note.is_some(),
            "{said}"
        );
    }
}

#[test]
fn rows_without_an_image_are_rejected_by_row() {
    let work = Workdir::new();
    work.write("t.jsonl", "{\"url\": \"https://a.example/1.jpg\"}\n{\"url\": null, \"x\": 1}\n{\"url\"\n{\"url\": \"https://a.example/1.jpg\"}\n");
    work.run(
        "digest",
        &[
            "table",
            "t.jsonl",
            "-o",
            "digest.json",
            "--url-column",
            "url",
        ],
    )
    .exits(3);
    let rejects = work.text("digest.rejects.csv");
    let wanted = [
        "t.jsonl,row 2,url,cell is empty",
        "t.jsonl,row 3,url,line is not a JSON object",
        "t.jsonl,row 4,url,\"image is in an earlier row: https://a.example/1.jpg, in row 1\"",
    ];
    for row in wanted {
        assert!(
            rejects.lines().any(|line| line.starts_with(row)),
            "{row}\nin\n{rejects}"
        );
    }
}

#[test]
fn members_of_one_object_belong_together() {
    let answer = json!({"total": 2, "rows": [
        {"row": {"url": "https://a.example/1.jpg", "class": "cat"}},
        {"row": {"url": "https://a.example/2.jpg", "class": "dog"}}]});
    for text in [
        answer.to_string(),
        serde_json::to_string_pretty(&answer).unwrap(),
    ] {
        let work = Workdir::new();
        work.write("t.json", text);
        let call = [
            "table",
            "t.json",
            "--url-column",
            "rows.row.url",
            "--where",
            "rows.row.class=cat",
            "-o",
            "digest.json",
        ];
        work.run("digest", &call).exits(0);
        assert_eq!(texts(&work, "/id"), ["https://a.example/1.jpg"]);
    }
}

#[test]
fn standard_input_is_no_output_and_two_outputs_are_no_stream() {
    let work = Workdir::new();
    work.write("t.csv", TABLE);
    let table = std::fs::File::open(work.path("t.csv")).unwrap();
    let mut command = work.command(
        "digest",
        &["table", "-", "--url-column", "file", "-o", "t.csv"],
    );
    let ran = work.run_command(command.stdin(table));
    ran.exits(2)
        .says(&["is an input, and would be overwritten"]);
    assert_eq!(work.text("t.csv"), TABLE);
    let args = [
        "table",
        "t.csv",
        "--url-column",
        "file",
        "-o",
        "-",
        "--rejects",
        "-",
    ];
    work.run("digest", &args)
        .exits(2)
        .says(&["both write to standard output"]);
}

#[test]
fn tables_are_read_as_programs_write_them() {
    let zipped = |text: &str| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, text.as_bytes()).unwrap();
        packed.finish().unwrap()
    };
    let [one, two] = ["https://a.example/1", "https://a.example/2"];
    let break_first = format!("\"depth\n(m)\",url\n5,{one}\n6,{two}\n");
    let german = format!("\"depth\n(m)\";url\r\n5,5;{one}\r\n6,5;{two}\r\n");
    let quoted = format!("\"depth\n(m)\",\"url\"\n\"5\",\"{one}\"\n\"6\",\"{two}\"\n");
    let of_r = format!("\"url\" \"label\"\n\"1\" \"{one}\" \"x\"\n").replace(' ', "\t");
    let of_r = of_r + &format!("\"2\"\t\"{two}\"\t\"y\"\n");
    let by_url: &[&str] = &["--url-column", "url"];
    // (the file, options, a cell of the first row: its column, its text)
    type Shown<'a> = Option<[&'a str; 2]>;
    let cases: [(Vec<u8>, &[&str], Shown); 7] = [
        (
            break_first.clone().into(),
            by_url,
            Some(["depth\n(m)", "5"]),
        ),
        (german.into(), by_url, Some(["depth\n(m)", "5.5"])),
        (quoted.into(), by_url, Some(["depth\n(m)", "5"])),
        (of_r.into(), by_url, Some(["row.names", "1"])),
        (
            [zipped(&break_first), vec![0; 512]].concat(),
            by_url,
            Some(["depth\n(m)", "5"]),
        ),
        (format!("{one}|b.png\n{two}|b.png\n").into(), &[], None),
        (
            format!("{one}|b\n{two}|b\n").into(),
            &["--delimiter", "tab"],
            None,
        ),
    ];
    for (bytes, flags, cell) in cases {
        let work = Workdir::new();
        work.write("t.csv", &bytes);
        let args = [&["table", "t.csv", "-o", "digest.json"][..], flags].concat();
        work.run("digest", &args).exits(0);
        let seen = observations(&work);
        let name = String::from_utf8_lossy(&bytes);
        assert_eq!(seen.len(), 2, "{name}");
        if let Some([column, text]) = cell {
            assert_eq!(seen[0]["metadata"][column], json!([text]), "{name}");
        }
    }
}

#[test]
fn an_id_around_a_list_is_that_of_all_images_in_it() {
    let picture = |n: u8| json!({"url": format!("https://a.example/{n}.jpg"), "key": n});
    let record = |key: u8, media: &[u8]| {
        let media: Vec<Value> = media.iter().map(|n| picture(*n)).collect();
        json!({"key": key, "media": media})
    };
    let records = [record(1, &[1, 2]), record(2, &[3])];
    let answer = json!({"results": records}).to_string();
    let lines = records.iter().map(|record| format!("{record}\n"));
    // (the file, paths to the images and the ids, the ids)
    let cases = [
        (
            answer.clone(),
            ["results.media.url", "results.key"],
            ["1", "1/1", "2"],
        ),
        (
            answer,
            ["results.media.url", "results.media.key"],
            ["1", "2", "3"],
        ),
        (
            json!(records).to_string(),
            ["media.url", "key"],
            ["1", "1/1", "2"],
        ),
        (lines.collect(), ["media.url", "key"], ["1", "1/1", "2"]),
    ];
    for (text, [url, id], ids) in cases {
        let work = Workdir::new();
        work.write("t.json", &text);
        let columns = ["--url-column", url, "--id-column", id];
        let args = [&["table", "t.json", "-o", "digest.json"][..], &columns].concat();
        work.run("digest", &args).exits(0);
        assert_eq!(texts(&work, "/id"), ids, "{text} {id}");
        if ids[1] == "1/1" {
            let key = &observations(&work)[1]["metadata"][id];
            assert_eq!(key, &json!(["1"]), "what the record says stays");
        }
    }
}

#[test]
fn one_bad_object_of_a_list_within_an_answer_costs_itself() {
    let good = |n: u32| format!(r#"{{"url":"https://a.example/{n}.jpg"}}"#);
    for bad in ["null", "7", "[]"] {
        let work = Workdir::new();
        let list = format!(r#"{{"results":[{},{bad},{}]}}"#, good(1), good(2));
        work.write("t.json", &list);
        let args = [
            "table",
            "t.json",
            "-o",
            "digest.json",
            "--url-column",
            "results.url",
        ];
        work.run("digest", &args).exits(3).says(&["row 2"]);
        assert_eq!(texts(&work, "/image/url").len(), 2, "{bad}");
    }
    let work = Workdir::new();
    let list = format!(r#"{{"results":[{},{{"url":"x","depth":NaN}}]}}"#, good(1));
    work.write("t.json", &list);
    let args = [
        "table",
        "t.json",
        "-o",
        "digest.json",
        "--url-column",
        "results.url",
    ];
    work.run("digest", &args)
        .exits(1)
        .says(&["t.json", "line 1 is not JSON", "column"]);
}

#[test]
fn what_nobody_sees_around_a_url_is_no_part_of_it() {
    let work = Workdir::new();
    let urls = ["a.jpg\u{200b}", "b.jpg\u{a0}", "c.jpg\u{feff} ", "d.jpg"];
    let rows = urls.map(|name| format!("\u{200b}https://a.example/{name}\n"));
    work.write("t.csv", format!("url\n{}", rows.concat()));
    let args = ["table", "t.csv", "-o", "digest.json", "--url-column", "url"];
    work.run("digest", &args).exits(0);
    let wanted = ["a", "b", "c", "d"].map(|name| format!("https://a.example/{name}.jpg"));
    assert_eq!(texts(&work, "/image/url"), wanted);
    assert_eq!(texts(&work, "/id"), wanted);
}
