//! Deployments with habits of their own: names in camel case, records without ids, pages in objects, limits, pages that
//! fail, addresses that are not complete, links under other names.

use serde_json::{Value, json};

use super::{account, all_boxes, digest, lab, labels, observations, plain, video};
use recto_testkit::Workdir;
use recto_testkit::m3::{Lab, association, boxed, camel_case, reference, row, uuid};
use recto_testkit::server::{Answer, Arrived};

fn many(n: usize) -> Vec<Value> {
    (1..=n).map(|n| plain(n, "Nanomia")).collect()
}

#[test]
fn camel_case_is_read_as_snake_case_is() {
    let of = |camel: bool| {
        let lab = Lab {
            camel,
            videos: vec![video(0, "A"), video(1, "B")],
            ..lab(many(12))
        };
        let server = lab.start();
        let work = Workdir::new();
        digest(&work, &server, &["string jelly", "-d", "-a"]).exits(0);
        assert_eq!(account(&work), [12, 0, 0]);
        let port = server.url("");
        work.text("digest.json").replace(&port, "HOME")
    };
    assert_eq!(of(true), of(false));
    // As m3-download saves them.
    let work = Workdir::new();
    let list = |rows: Value| rows.to_string().replace("HOME", "http://lab.example");
    let rows = Value::from(many(3));
    work.write("snake.json", list(rows.clone()));
    work.write("camel.json", list(camel_case(rows)));
    for name in ["snake", "camel"] {
        let (from, to) = (format!("{name}.json"), format!("{name}_localizations.json"));
        work.run("extract", &[&from, "-o", &to]).exits(0);
    }
    let read = |name: &str| work.text(name).replace("camel.json", "snake.json");
    assert_eq!(
        read("camel_localizations.json"),
        read("snake_localizations.json")
    );
}

fn without(mut value: Value, key: &str) -> Value {
    value.as_object_mut().unwrap().remove(key);
    value
}

#[test]
fn records_without_ids_are_kept_apart() {
    let mut rows = many(12);
    for row in &mut rows {
        *row = without(
            without(row.take(), "observation_uuid"),
            "imaged_moment_uuid",
        );
        for key in ["associations", "image_references"] {
            let parts = row[key].as_array_mut().unwrap();
            parts
                .iter_mut()
                .for_each(|part| *part = without(part.take(), "uuid"));
        }
        let value: Value = json!({"x": 1, "y": 2, "width": 3, "height": 4});
        row["associations"][0]["link_value"] = value.to_string().into();
    }
    let mut twice = rows.clone();
    twice[0]["associations"] = json!([rows[0]["associations"][0], rows[0]["associations"][0]]);
    let ids = |work: &Workdir| {
        let ids = |o: &Value| (o["id"].clone(), o["annotations"][0]["id"].clone());
        observations(work).iter().map(ids).collect::<Vec<_>>()
    };
    let work = Workdir::new();
    let server = lab(rows.clone()).start();
    let note = "12 observations of \"Nanomia\" without uuid: ids are made from their content";
    digest(&work, &server, &["Nanomia"]).exits(0).says(&[note]);
    assert_eq!(account(&work), [12, 0, 0]);
    assert_eq!(observations(&work).len(), 12);
    let first = ids(&work);
    // The ids do not depend on the order of the rows, nor on that of their members.
    rows.reverse();
    let server = lab(rows.clone()).start();
    let other = Workdir::new();
    digest(&other, &server, &["Nanomia", "--page-size", "5"]).exits(0);
    let sorted = |mut ids: Vec<(Value, Value)>| {
        ids.sort_by_key(|(a, _)| a.to_string());
        ids
    };
    let port = |work: &Workdir| sorted(ids(work)).len();
    assert_eq!(port(&other), sorted(first).len());
    // Two boxes that are alike are two.
    let server = lab(twice).start();
    digest(&work, &server, &["Nanomia"]).exits(0);
    assert_eq!(account(&work), [13, 0, 0]);
    // A record that is given twice is used once, and that is told.
    let again = rows[3].clone();
    rows.push(again);
    let server = lab(rows).start();
    let note = "1 observation of \"Nanomia\" without uuid: the same as another one in every member, used once";
    digest(&work, &server, &["Nanomia"])
        .exits(3)
        .says(&[note, "the service reports 13 of \"Nanomia\" and returns 12"]);
    assert_eq!(account(&work), [12, 0, 0]);
}

#[test]
fn equal_ids_with_other_content_are_told() {
    let mut other = plain(2, "Nanomia");
    other["associations"][0]["uuid"] = uuid('b', 1).into();
    let server = lab(vec![plain(1, "Nanomia"), other]).start();
    let work = Workdir::new();
    digest(&work, &server, &["Nanomia"])
        .exits(0)
        .says(&["1 box has the id of another box"]);
    assert_eq!(account(&work), [2, 0, 0]);
}

#[test]
fn rows_that_are_no_observations_are_listed() {
    let page = json!([plain(1, "Nanomia"), null, "x", {"observation_uuid": uuid('o', 4), "concept": "Nanomia", "associations": "[]"}]);
    let page = page.to_string().replace("HOME", "http://pictures.example");
    let odd = move |r: &Arrived, before: usize| {
        let is_page = r.path.contains("/fast/concept/images/Nanomia") && before == 0;
        is_page.then(|| Answer::Serve(page.clone().into(), "application/json"))
    };
    let server = lab(many(1)).with_fault(odd).start();
    let work = Workdir::new();
    digest(&work, &server, &["Nanomia"]).exits(3).says(&[
        "left out 2: observation is not an object",
        "left out 1: associations are not a list",
    ]);
}

#[test]
fn pages_in_objects_and_counts_in_texts_are_read() {
    let counts: [fn(usize) -> Value; 4] = [
        |n| json!({"count": n.to_string()}),
        |n| json!({"content": {"count": n}}),
        |n| json!(n),
        |_| json!({"concept": "Nanomia"}),
    ];
    for count in counts {
        let text = move |r: &Arrived, _: usize| {
            let is_count = r.path.ends_with("/count/Nanomia");
            is_count.then(|| Answer::Serve(count(10).to_string().into(), "application/json"))
        };
        let lab = Lab {
            wrapped: true,
            cap: 4,
            ..lab(many(10))
        };
        let server = lab.with_fault(text).start();
        let work = Workdir::new();
        let ran = digest(&work, &server, &["Nanomia", "--page-size", "5"]);
        ran.exits(0);
        assert_eq!(account(&work), [10, 0, 0], "{}", ran.stderr());
    }
    // Names on later pages are found, and similar ones too.
    let mut rows = many(1);
    for (n, name) in ["A", "B", "C", "D", "E", "Zygaena"].iter().enumerate() {
        rows.push(plain(n + 2, name));
    }
    let server = Lab {
        wrapped: true,
        ..lab(rows)
    }
    .start();
    let work = Workdir::new();
    digest(&work, &server, &["Zygaena"]).exits(0);
    assert_eq!(labels(&work), ["Zygaena"]);
    digest(&work, &server, &["Zygaina"])
        .exits(1)
        .says(&["did you mean \"Zygaena\""]);
    digest(&work, &server, &["Apolemai"])
        .exits(1)
        .says(&["did you mean \"Apolemia\""]);
}

#[test]
fn limits_of_the_service_are_learnt() {
    let lab = Lab {
        refuses_above: Some(10),
        ..lab(many(35))
    };
    let server = lab.start();
    let work = Workdir::new();
    digest(&work, &server, &["Nanomia"])
        .exits(0)
        .says(&["requested again in smaller parts: refused (HTTP 400)"]);
    assert_eq!(account(&work), [35, 0, 0]);
}

#[test]
fn a_page_that_fails_costs_one_observation() {
    // One record that the service cannot serve, in any page that holds it.
    let bad = |r: &Arrived, _: usize| {
        let (path, query) = r.path.split_once('?')?;
        let number = |key: &str| -> Option<usize> {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(k, _)| *k == key)?.1.parse().ok()
        };
        let offset = number("offset")?;
        let is_bad = (offset..offset + number("limit")?).contains(&17);
        (path.contains("/fast/concept/images/") && is_bad).then_some(Answer::Status(500))
    };
    for (page_size, cut) in [("1000", false), ("20", false), ("20", true)] {
        let fault = move |r: &Arrived, before: usize| {
            let answer = bad(r, before)?;
            Some(match cut {
                true => Answer::Serve(b"[{\"observation_uuid\": ".to_vec(), "application/json"),
                false => answer,
            })
        };
        let server = lab(many(35)).with_fault(fault).start();
        let work = Workdir::new();
        digest(&work, &server, &["Nanomia", "--page-size", page_size])
            .exits(if cut { 3 } else { 75 })
            .says(&["requested again in smaller parts"]);
        assert_eq!(account(&work), [34, 0, 0]);
        let rejects = work.text("digest.rejects.csv");
        assert_eq!(rejects.lines().count(), 2, "{rejects}");
        assert!(rejects.contains("observation 18 of "), "{rejects}");
    }
}

#[test]
fn pages_that_overlap_are_told() {
    let rows = many(9);
    let pages = move |r: &Arrived, _: usize| {
        let offset = r
            .path
            .split_once("offset=")?
            .1
            .split('&')
            .next()?
            .parse::<usize>()
            .ok()?;
        // Somebody writes meanwhile: each page begins one row too early.
        let page: Vec<&Value> = rows
            .iter()
            .skip(offset.saturating_sub(offset / 3))
            .take(3)
            .collect();
        let text = json!(page)
            .to_string()
            .replace("HOME", "http://pictures.example");
        r.path
            .contains("/fast/concept/images/")
            .then(|| Answer::Serve(text.into(), "application/json"))
    };
    let server = lab(many(9)).with_fault(pages).start();
    let work = Workdir::new();
    digest(&work, &server, &["Nanomia", "--page-size", "3"])
        .exits(0)
        .says(&["came on more than one page"]);
    assert_eq!(
        account(&work),
        [9, 0, 0],
        "no observation is lost, and none is there twice"
    );
}

#[test]
fn addresses_that_are_not_complete_are_resolved_against_the_service() {
    let work = Workdir::new();
    let cases = [
        (
            "/pictures/Tauchgang 7/ü.png",
            "/pictures/Tauchgang%207/%C3%BC.png",
        ),
        ("pictures\\1.png", "/anno/v1/pictures/1.png"),
        ("HOST/pictures/1.png", "/pictures/1.png"),
        ("//HOST/pictures/1.png", "/pictures/1.png"),
        ("HOME/pictures\\a b\\1.png", "/pictures/a%20b/1.png"),
    ];
    for (written, wanted) in cases {
        let mut picture = reference(1, "png", "");
        picture["url"] = written.into();
        let text = json!([row(1, 1, "Nanomia", &[picture], &[boxed(1, 1)])]).to_string();
        let page = move |r: &Arrived, _: usize| {
            let host = &r.headers["host"];
            let text = text
                .replace("HOME", &format!("http://{host}"))
                .replace("HOST", host);
            r.path
                .contains("/fast/concept/images/")
                .then(|| Answer::Serve(text.into(), "application/json"))
        };
        let server = lab(many(1)).with_fault(page).start();
        digest(&work, &server, &["Nanomia"]).exits(0);
        let url = observations(&work)[0]["image"]["url"].clone();
        assert_eq!(url, server.url(wanted), "{written}");
    }
}

#[test]
fn links_under_other_names_are_boxes() {
    let value = json!({"x": 1, "y": 2, "width": 3, "height": 4}).to_string();
    let names = [
        "bounding box",
        "Bounding_Box",
        "bounding-box",
        "boundingBox",
        "Region of Interest",
    ];
    let links = names
        .iter()
        .zip(1..)
        .map(|(name, n)| association(n, name, "self", &value));
    let links: Vec<Value> = links.collect();
    let rows = vec![row(1, 1, "Nanomia", &[reference(1, "png", "")], &links)];
    let server = lab(rows.clone()).start();
    let work = Workdir::new();
    let note = "associations \"Region of Interest\" look like boxes and are not read: --box-link 'Region of Interest'";
    digest(&work, &server, &["Nanomia"]).exits(0).says(&[note]);
    assert_eq!(account(&work), [4, 0, 0]);
    digest(
        &work,
        &server,
        &["Nanomia", "--box-link", "region-of-interest"],
    )
    .exits(0);
    assert_eq!(account(&work), [5, 0, 0]);
    let list = Value::from(rows).to_string();
    work.write("list.json", list.replace("HOME", "http://lab.example"));
    work.run(
        "extract",
        &["list.json", "--box-link", "Region_of_interest"],
    )
    .exits(0);
    let images = work.json("localizations.json")["images"].clone();
    assert_eq!(images[0]["localizations"].as_array().unwrap().len(), 5);
}

#[test]
fn shares_of_the_image_become_pixels_of_it() {
    let own = uuid('r', 1);
    let shares = format!(
        "{{\"x\":0.25,\"y\":0.5,\"width\":0.5,\"height\":0.25,\"image_reference_uuid\":\"{own}\"}}"
    );
    let odd = [
        shares.clone(),
        Value::from(shares.as_str()).to_string(),
        shares.replace('"', "'"),
        format!("{{\"box\": {shares}}}"),
        "[16, 24, 32, 12]".to_owned(),
        shares
            .replace("\"x\"", "\"X\"")
            .replace("\"width\"", "\"WIDTH\""),
    ];
    let links = odd
        .iter()
        .zip(1..)
        .map(|(value, n)| association(n, "bounding box", "self", value));
    let links: Vec<Value> = links.collect();
    let server = lab(vec![row(
        1,
        1,
        "Nanomia",
        &[reference(1, "png", "")],
        &links,
    )])
    .start();
    let work = Workdir::new();
    digest(&work, &server, &["Nanomia"]).exits(1).says(&[
        "--repair-boxes accepts 6 of the boxes that were left out",
        "box is given in shares of its image, --repair-boxes accepts it",
        "link_value is encoded twice, --repair-boxes accepts it",
    ]);
    digest(&work, &server, &["Nanomia", "--repair-boxes"])
        .exits(0)
        .says(&["sides from 0 to 1 are read as shares of their image"]);
    assert_eq!(account(&work), [6, 0, 0]);
    assert_eq!(all_boxes(&work).len(), 6);
    work.run("extract", &["digest.json"]).exits(0);
    let images = work.json("localizations.json")["images"].clone();
    for found in images[0]["localizations"].as_array().unwrap() {
        // 64 x 48 pixels.
        assert_eq!(found["bbox"], json!([16, 24, 32, 12]), "{found:#}");
    }
}

#[test]
fn what_failed_is_what_the_hint_is_about() {
    let server = lab(many(3)).start();
    let work = Workdir::new();
    let ran = digest(&work, &server, &["Nanomia", "--where", "depth>=100"]);
    ran.exits(1).says(&[
        "filters left out all images (3 found)",
        "there is no `depth`",
        "did you mean --where 'depth_meters>=100'?",
    ]);
    assert!(!ran.stderr().contains("check the URL"), "{}", ran.stderr());
    let ran = digest(&work, &server, &["Nanomia", "--where", "depth_meters>9999"]);
    ran.exits(1).says(&[
        "does not hold for any image",
        "the values of depth_meters are from 100 to 300",
    ]);
    assert!(!ran.stderr().contains("check the URL"), "{}", ran.stderr());
    digest(&work, &server, &["Nanomia"])
        .exits(0)
        .says(&["3 images in digest.json"]);
    assert_eq!(work.json("report.json")["observations"], 3);
}

#[test]
fn without_a_video_service_groups_are_folders_and_that_is_told() {
    let server = lab(many(3)).start();
    let work = Workdir::new();
    let config = "[m3]\nsite=HOME\nanno=%(site)s/anno/v1\nkb=%(site)s/kb/v1\n";
    work.write("config.ini", config.replace("HOME", &server.url("")));
    work.run("digest", &["m3", "Nanomia", "-o", "digest.json"])
        .exits(0)
        .says(&["groups are folders of images instead of dives", "--vam URL"]);
    assert_eq!(observations(&work)[0]["group"], "pictures/Doc Ricketts/1");
    let vam = server.url("/vam/v1");
    let ran = work.run(
        "digest",
        &["m3", "Nanomia", "-o", "digest.json", "--vam", &vam],
    );
    ran.exits(0);
    assert!(!ran.stderr().contains("--vam"), "{}", ran.stderr());
}
