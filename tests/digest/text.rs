//! Transcriptions: those that documents link to, and local files.

use serde_json::{Value, json};

use super::{FAST, archive, manifest, observations, serve, with_fast};
use recto_testkit::server::Answer;
use recto_testkit::{Workdir, transcriptions as samples};

/// ALTO of a page of any size with one line of two words, at a hundredth of it.
fn alto(width: u32, height: u32) -> String {
    let (x, y) = (width / 100, height / 100);
    let place = format!(
        "HPOS='{x}' VPOS='{y}' WIDTH='{}' HEIGHT='{}'",
        20 * x,
        10 * y
    );
    let word = |text: &str| format!("<String {place} CONTENT='{text}'/>");
    format!(
        "<alto><Layout><Page WIDTH='{width}' HEIGHT='{height}'><PrintSpace><TextBlock ID='b' {place}><TextLine ID='l' {place}>{}<SP/>{}</TextLine></TextBlock></PrintSpace></Page></Layout></alto>",
        word("one"),
        word("two")
    )
}

fn xml(text: &str) -> Answer {
    Answer::Serve(text.as_bytes().to_vec(), "text/xml")
}

fn html(text: &str) -> Answer {
    Answer::Serve(text.as_bytes().to_vec(), "text/html")
}

/// A manifest of one page of 200 x 100 with members of its canvas.
fn linked(home: &str, members: Value) -> Value {
    let mut manifest = manifest(&format!("{home}/m"), &["1"]);
    let canvas = &mut manifest["sequences"][0]["canvases"][0];
    for (name, value) in members.as_object().unwrap() {
        canvas[name] = value.clone();
    }
    manifest
}

fn alto_link(home: &str, path: &str) -> Value {
    json!({"@id": format!("{home}{path}"), "format": "text/xml", "profile": "http://www.loc.gov/standards/alto/v3/alto.xsd"})
}

/// Granularity, class, text and fragment of each annotation of an image.
fn annotations(observation: &Value) -> Vec<String> {
    let all = observation["annotations"].as_array().into_iter().flatten();
    all.map(|a| {
        let text = a["bodies"][1]["value"].as_str().unwrap_or("-");
        let region = &a["regions"][0];
        let place = region["fragment"].as_str().or(region["svg"].as_str());
        let level = a["attributes"]["granularity"].as_str().unwrap();
        let frame = region["frame"].as_str().unwrap();
        format!(
            "{level} {} {text} {frame} {}",
            a["bodies"][0]["value"].as_str().unwrap(),
            place.unwrap()
        )
    })
    .collect()
}

fn rejects(work: &Workdir) -> String {
    match work.exists("digest.rejects.csv") {
        true => work.text("digest.rejects.csv"),
        false => String::new(),
    }
}

#[test]
fn a_linked_transcription_is_read_in_the_units_of_its_canvas() {
    let server = archive(|home| {
        vec![
            (
                "/m",
                serve(&linked(home, json!({"seeAlso": alto_link(home, "/1.xml")}))),
            ),
            ("/1.xml", xml(&alto(4000, 2000))),
        ]
    });
    let work = Workdir::new();
    let url = server.url("/m");
    let args = ["iiif", &url, "-o", "digest.json", "--report", "report.json"];
    work.run("digest", &with_fast(&args)).exits(0);
    let observation = &observations(&work)[0];
    assert_eq!(
        annotations(observation),
        [
            "block block one two canvas xywh=2,1,40,10",
            "line line one two canvas xywh=2,1,40,10",
            "word word one canvas xywh=2,1,40,10",
            "word word two canvas xywh=2,1,40,10",
        ]
    );
    let link = &observation["see_also"][0];
    assert_eq!(link["url"], json!(server.url("/1.xml")));
    assert_eq!(
        link["profile"],
        json!("http://www.loc.gov/standards/alto/v3/alto.xsd")
    );
    let report = work.json("report.json");
    assert_eq!(
        (&report["text_files"], &report["annotations"]),
        (&json!(1), &json!(4))
    );
    let words = [&args[..4], &["--where", "box.granularity=word"]].concat();
    work.run("digest", &with_fast(&words)).exits(0);
    assert_eq!(annotations(&observations(&work)[0]).len(), 2);
    let lines = [&args[..4], &["--text-granularity", "line"]].concat();
    work.run("digest", &with_fast(&lines)).exits(0);
    assert_eq!(
        annotations(&observations(&work)[0]),
        ["line line one two canvas xywh=2,1,40,10"]
    );
    work.run("digest", &with_fast(&words)).exits(0);
    work.run("extract", &["digest.json"]).exits(0);
    let image = &work.json("localizations.json")["images"][0];
    let first = &image["localizations"][0];
    assert_eq!(
        (&first["concept"], &first["bbox"]),
        (&json!("word"), &json!([2, 1, 40, 10]))
    );
    assert_eq!(first["attributes"]["text"], json!("one"));
}

#[test]
fn links_are_found_wherever_they_stand() {
    type Place = fn(&str) -> Value;
    let places: [Place; 9] = [
        |home| json!({"seeAlso": [alto_link(home, "/1.xml")]}),
        |home| json!({"seeAlso": format!("{home}/alto/1.xml")}),
        |home| json!({"seeAlso": {"@id": format!("{home}/1.xml"), "format": "application/xml"}}),
        |home| json!({"rendering": {"@id": format!("{home}/1.xml"), "label": "ALTO", "format": "text/xml"}}),
        |home| json!({"seeAlso": alto_link(home, "/1.xml"), "rendering": alto_link(home, "/1.xml")}),
        |home| json!({"annotations": [{"id": format!("{home}/1.xml"), "format": "application/xml"}]}),
        |home| json!({"otherContent": format!("{home}/1.xml")}),
        |home| {
            let resource = json!({"@id": format!("{home}/1.jpg"), "@type": "dctypes:Image", "seeAlso": alto_link(home, "/1.xml")});
            json!({"images": [{"motivation": "sc:painting", "resource": resource}]})
        },
        |home| {
            let image =
                |name: &str| json!({"@id": format!("{home}/{name}.jpg"), "@type": "dctypes:Image"});
            let mut alternative = image("2");
            alternative["seeAlso"] = alto_link(home, "/1.xml");
            let choice =
                json!({"@type": "oa:Choice", "default": image("1"), "item": [alternative]});
            json!({"images": [{"motivation": "sc:painting", "resource": choice}]})
        },
    ];
    for place in places {
        let server = archive(move |home| {
            vec![
                ("/m", serve(&linked(home, place(home)))),
                ("/1.xml", xml(&alto(200, 100))),
                ("/alto/1.xml", xml(&alto(200, 100))),
            ]
        });
        let work = Workdir::new();
        work.run(
            "digest",
            &with_fast(&["iiif", &server.url("/m"), "-o", "digest.json"]),
        )
        .exits(0);
        let all: Vec<String> = observations(&work).iter().flat_map(annotations).collect();
        assert_eq!(all.len(), 4, "{}", place(""));
    }
}

#[test]
fn a_link_on_an_image_is_about_that_image_alone_and_in_its_pixels() {
    // Painting: target and image; in what pixels the first line of the second image is.
    let image = |home: &str, name: &str, [width, height]: [u32; 2]| {
        let mut body = json!({"@id": format!("{home}/{name}.jpg"), "@type": "dctypes:Image", "width": width, "height": height,
            "service": {"@id": format!("{home}/i/{name}"), "profile": "http://iiif.io/api/image/2/level1.json"}});
        body["seeAlso"] = alto_link(home, &format!("/{name}.xml"));
        body
    };
    let painting = |home: &str, part: &str, body: Value| json!({"motivation": "sc:painting", "resource": body, "on": format!("{home}/m/canvas/1{part}")});
    type Images = Box<dyn Fn(&str) -> Value + Send + Sync>;
    let cases: [(&str, Images, [&str; 2]); 3] = [
        (
            "two pages side by side",
            Box::new(move |home| {
                json!([
                    painting(home, "#xywh=0,0,100,100", image(home, "l", [1000, 1000])),
                    painting(home, "#xywh=100,0,100,100", image(home, "r", [2000, 2000]))
                ])
            }),
            ["image xywh=10,10,200,100", "image xywh=20,20,400,200"],
        ),
        (
            "two layers of a choice",
            Box::new(move |home| {
                let choice = json!({"@type": "oa:Choice", "default": image(home, "l", [2000, 1000]), "item": [image(home, "r", [4000, 1000])]});
                json!([painting(home, "", choice)])
            }),
            ["canvas xywh=2,1,40,10", "image xywh=40,10,800,100"],
        ),
        (
            "two halves of one image",
            Box::new(move |home| {
                let half = |x: u32| {
                    json!({"@type": "oa:SpecificResource", "full": image(home, "l", [2000, 1000]),
                    "selector": {"@type": "iiif:ImageApiSelector", "region": format!("{x},0,1000,1000")}})
                };
                json!([
                    painting(home, "#xywh=0,0,100,100", half(0)),
                    painting(home, "#xywh=100,0,100,100", half(1000))
                ])
            }),
            ["image xywh=20,10,400,100", "image xywh=20,10,400,100"],
        ),
    ];
    for (name, images, wanted) in cases {
        let server = archive(move |home| {
            let mut document = manifest(&format!("{home}/m"), &["1"]);
            document["sequences"][0]["canvases"][0]["images"] = images(home);
            let of = |path: &'static str| {
                (
                    path,
                    xml(&alto(4000, if path == "/l.xml" { 2000 } else { 1000 })),
                )
            };
            let of_pages = match name {
                "two pages side by side" => vec![
                    ("/l.xml", xml(&alto(1000, 1000))),
                    ("/r.xml", xml(&alto(2000, 2000))),
                ],
                _ => vec![of("/l.xml"), of("/r.xml")],
            };
            [vec![("/m", serve(&document))], of_pages].concat()
        });
        let work = Workdir::new();
        let args = ["iiif", &server.url("/m"), "-o", "digest.json"];
        work.run("digest", &with_fast(&args)).exits(0);
        let found = observations(&work);
        let lines = found.iter().map(|observation| {
            let all = annotations(observation);
            let lines: Vec<&String> = all.iter().filter(|a| a.starts_with("line ")).collect();
            assert_eq!(lines.len(), 1, "{name}: {all:?}");
            lines[0].replace("line line one two ", "")
        });
        assert_eq!(lines.collect::<Vec<_>>(), wanted, "{name}");
        let links = found
            .iter()
            .map(|o| o["see_also"].as_array().unwrap().len());
        assert!(links.into_iter().all(|n| n == 1), "{name}");
    }
}

#[test]
fn packed_transcriptions_are_read_wherever_they_are() {
    let packed = |text: &str| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut gzip, text.as_bytes()).unwrap();
        gzip.finish().unwrap()
    };
    let alto = packed(&alto(200, 100));
    for format in ["application/gzip", "application/xml"] {
        let alto = alto.clone();
        let server = archive(move |home| {
            let mut link = alto_link(home, "/1.xml.gz");
            link["format"] = json!(format);
            vec![
                ("/m", serve(&linked(home, json!({"seeAlso": link})))),
                ("/1.xml.gz", Answer::Serve(alto.clone(), format)),
            ]
        });
        let work = Workdir::new();
        let args = ["iiif", &server.url("/m"), "-o", "digest.json"];
        work.run("digest", &with_fast(&args)).exits(0);
        assert_eq!(annotations(&observations(&work)[0]).len(), 4, "{format}");
    }
    let work = Workdir::new();
    work.write_json("m.json", &manifest("https://a.example/m", &["1"]))
        .write("home/1.xml.gz", &alto);
    work.run(
        "digest",
        &[
            "iiif",
            "m.json",
            "--offline",
            "--text-files",
            "home",
            "-o",
            "digest.json",
        ],
    )
    .exits(0);
    assert_eq!(annotations(&observations(&work)[0]).len(), 4);
}

#[test]
fn a_page_of_annotations_behind_a_link_to_a_transcription_is_read_too() {
    let server = archive(|home| {
        let list = json!({"@id": format!("{home}/1.xml"), "@type": "sc:AnnotationList", "resources": [
            {"@type": "oa:Annotation", "on": format!("{home}/m/canvas/1#xywh=1,2,3,4"), "resource": {"@type": "oa:Tag", "chars": "alef"}}]});
        let members =
            json!({"otherContent": {"@id": format!("{home}/1.xml"), "format": "application/xml"}});
        vec![
            ("/m", serve(&linked(home, members))),
            ("/1.xml", serve(&list)),
        ]
    });
    let work = Workdir::new();
    let args = ["iiif", &server.url("/m"), "-o", "digest.json"];
    work.run("digest", &with_fast(&args)).exits(0);
    let annotations = &observations(&work)[0]["annotations"];
    assert_eq!(annotations[0]["bodies"][0]["value"], json!("alef"));
}

#[test]
fn a_manifest_links_to_a_transcription_of_all_its_pages() {
    let pages: [(&'static [&'static str], i32, [usize; 2]); 2] = [
        // By position, since no image has a name that the file knows.
        (&["a", "b"], 3, [8, 2]),
        // By name: the first page names an image that is not there.
        (&["page2", "b"], 3, [2, 0]),
    ];
    for (pages, exit, wanted) in pages {
        let server = archive(move |home| {
            let mut manifest = manifest(&format!("{home}/m"), pages);
            manifest["seeAlso"] =
                json!({"@id": format!("{home}/book.hocr"), "format": "text/vnd.hocr+html"});
            let hocr = samples::HOCR_XHTML.replace("bbox 0 0 1000 800", "bbox 0 0 1000 500");
            let hocr = hocr.replace("bbox 0 0 500 400", "bbox 0 0 400 200");
            vec![("/m", serve(&manifest)), ("/book.hocr", html(&hocr))]
        });
        let work = Workdir::new();
        let args = ["iiif", &server.url("/m"), "-o", "digest.json"];
        work.run("digest", &with_fast(&args)).exits(exit);
        let found = observations(&work);
        let counts: Vec<usize> = found.iter().map(|o| annotations(o).len()).collect();
        assert_eq!(counts, wanted, "{pages:?}");
        let all: Vec<String> = found.iter().flat_map(annotations).collect();
        assert!(
            all.contains(&"line line zwei canvas xywh=2.5,3,27.5,7".to_owned()),
            "{all:?}"
        );
    }
}

#[test]
fn of_several_kinds_one_is_read() {
    let server = archive(|home| {
        let links = json!([
            alto_link(home, "/alto"),
            {"@id": format!("{home}/hocr"), "format": "text/vnd.hocr+html"},
            {"@id": format!("{home}/page"), "label": "PAGE XML"},
            {"@id": format!("{home}/unknown"), "format": "application/xml"},
        ]);
        let line = "<div class=ocr_page title='bbox 0 0 200 100'><span class=ocr_line title='bbox 1 2 3 4'>h</span></div>";
        let page = "<PcGts><Page imageWidth='200' imageHeight='100'><TextRegion><Coords points='1,2 9,2 9,8'/></TextRegion></Page></PcGts>";
        vec![
            ("/m", serve(&linked(home, json!({"seeAlso": links})))),
            ("/alto", xml(&alto(200, 100))),
            ("/hocr", html(line)),
            ("/page", xml(page)),
            ("/unknown", xml("<mods/>")),
        ]
    });
    let url = server.url("/m");
    let cases: [(&[&str], &str); 5] = [
        (&[], "block block - canvas <svg"),
        (
            &["--text", "alto"],
            "block block one two canvas xywh=2,1,40,10",
        ),
        (&["--text", "hocr"], "line line h canvas xywh=1,2,2,2"),
        (&["--text", "page"], "block block - canvas <svg"),
        (&["--text", "none"], ""),
    ];
    for (choice, wanted) in cases {
        let work = Workdir::new();
        let args = [&["iiif", &url, "-o", "digest.json"][..], choice, &FAST].concat();
        work.run("digest", &args).exits(0);
        let found = annotations(&observations(&work)[0]);
        let first = found.first().map_or("", String::as_str);
        assert!(
            first.starts_with(wanted) && first.is_empty() == wanted.is_empty(),
            "{first}"
        );
    }
    assert_eq!(server.hits("/unknown"), 0);
    let work = Workdir::new();
    let args = ["iiif", &url, "-o", "digest.json", "--no-annotations"];
    work.run("digest", &with_fast(&args)).exits(0);
    assert_eq!(
        observations(&work)[0]["see_also"].as_array().unwrap().len(),
        4
    );
    assert!(annotations(&observations(&work)[0]).is_empty());
}

#[test]
fn what_cannot_be_read_is_listed_and_its_link_kept() {
    let deep = format!("<alto>{}", "<x>".repeat(1000));
    let other_shape = alto(100, 900);
    let cases: Vec<(Answer, &str)> = vec![
        (Answer::Status(404), "not found (HTTP 404)"),
        (
            html("<!DOCTYPE html><html>Sign in</html>"),
            "the response is an HTML page where ALTO, PAGE or hOCR was expected",
        ),
        (
            xml("<mets/>"),
            "document is not ALTO, PAGE or hOCR: an element `mets` was found",
        ),
        (xml("<alto><Layout>"), "not well-formed XML"),
        (xml(&deep), "XML is nested too deeply"),
        (
            xml(&other_shape),
            "page of the transcription has another aspect ratio than its image: 100 x 900, canvas 200 x 100",
        ),
        (
            xml(
                "<alto><Description><MeasurementUnit>mm10</MeasurementUnit></Description><Layout><Page/></Layout></alto>",
            ),
            "size of the page is missing",
        ),
    ];
    for (answer, problem) in cases {
        let server = archive(move |home| {
            vec![
                (
                    "/m",
                    serve(&linked(home, json!({"seeAlso": alto_link(home, "/1.xml")}))),
                ),
                ("/1.xml", answer.clone()),
            ]
        });
        let work = Workdir::new();
        let args = [
            "iiif",
            &server.url("/m"),
            "-o",
            "digest.json",
            "--retries",
            "0",
            "--report",
            "report.json",
        ];
        work.run("digest", &with_fast(&args)).exits(3);
        let (listed, location) = (rejects(&work), server.url("/1.xml"));
        assert!(
            listed.contains(problem) && listed.contains(&location),
            "{problem}: {listed}"
        );
        assert_eq!(listed.lines().count(), 2, "{listed}");
        assert_eq!(
            observations(&work)[0]["see_also"][0]["url"],
            json!(location)
        );
        let report = work.json("report.json");
        assert_eq!(
            (&report["read"], &report["kept"], &report["rejected"]),
            (&json!(2), &json!(1), &json!(1))
        );
    }
}

#[test]
fn offline_the_link_is_kept_and_the_file_is_listed() {
    let work = Workdir::new();
    let home = "https://a.example";
    work.write_json(
        "m.json",
        &linked(home, json!({"seeAlso": alto_link(home, "/1.xml")})),
    );
    work.run(
        "digest",
        &["iiif", "m.json", "-o", "digest.json", "--offline"],
    )
    .exits(3);
    assert!(rejects(&work).contains(
        "https://a.example/1.xml,sequences[0].canvases[0].seeAlso,\"is not in the cache"
    ));
    assert_eq!(
        observations(&work)[0]["see_also"][0]["url"],
        json!("https://a.example/1.xml")
    );
}

#[test]
fn items_without_a_place_are_listed_one_by_one() {
    let server = archive(|home| {
        let text = samples::ALTO_HANDWRITTEN.replace(
            "WIDTH=\"1200\" HEIGHT=\"1600\"",
            "WIDTH=\"1800\" HEIGHT=\"900\"",
        );
        vec![
            (
                "/m",
                serve(&linked(home, json!({"seeAlso": alto_link(home, "/1.xml")}))),
            ),
            ("/1.xml", xml(&text)),
        ]
    });
    let work = Workdir::new();
    let args = [
        "iiif",
        &server.url("/m"),
        "-o",
        "digest.json",
        "--report",
        "report.json",
    ];
    work.run("digest", &with_fast(&args)).exits(3);
    let listed = rejects(&work);
    assert!(
        listed.contains("/1.xml#String-4,position,position is missing"),
        "{listed}"
    );
    let report = work.json("report.json");
    assert_eq!(
        (&report["annotations"], &report["rejected"]),
        (&json!(10), &json!(1))
    );
    assert_eq!(
        observations(&work)[0]["annotations"]
            .as_array()
            .unwrap()
            .len(),
        9
    );
    // A line of which only the baseline is known becomes a band where its height is given.
    let band = ["digest.json", "--line-height", "20"];
    work.run("extract", &["digest.json"]).exits(3);
    work.run("extract", &band).exits(0);
}

#[test]
fn files_at_home_find_their_images_by_name() {
    let work = Workdir::new();
    let mut document = manifest(
        "https://a.example/m",
        &["0001", "0002", "0003", "0004", "0005", "0006"],
    );
    let canvases = document["sequences"][0]["canvases"].as_array_mut().unwrap();
    canvases[2]["label"] = json!("f. 12r");
    canvases[4]["label"] = json!("twice");
    canvases[5]["label"] = json!("twice");
    work.write_json("m.json", &document);
    // By the service; by the image named in the file; by the label; by the id of the canvas comes last.
    work.write("text/0001.alto.xml", alto(200, 100));
    let named = samples::PAGE_OLD
        .replace("00001.tif", "C:\\scans\\0002.tif")
        .replace("imageHeight=\"400\"", "imageHeight=\"250\"");
    work.write("text/export/page_17.xml", named);
    work.write("text/F. 12R.xml", alto(200, 100));
    work.write("text/mets.xml", "<mets/>");
    work.write("text/0001.jpg", "no picture");
    work.write("text/9999.xml", alto(200, 100));
    work.write("text/twice.xml", alto(200, 100));
    work.write("text/0004.xml", alto(200, 100));
    work.write("text/more/0004.xml", alto(400, 200));
    work.write("text/broken.xml", "<alto>");
    let args = [
        "iiif",
        "m.json",
        "-o",
        "digest.json",
        "--text-files",
        "text",
        "--report",
        "report.json",
    ];
    work.run("digest", &args)
        .exits(3)
        .says(&["2 files not read: not ALTO, PAGE or hOCR, first text/0001.jpg"]);
    let found = observations(&work);
    let counts: Vec<usize> = found.iter().map(|o| annotations(o).len()).collect();
    assert_eq!(counts, [4, 2, 4, 0, 0, 0]);
    assert_eq!(found[0]["annotations"][1]["id"], json!("0001.alto.xml#l"));
    assert!(
        annotations(&found[1])[0].contains("4,8 44,8 44,24 4,24"),
        "{:?}",
        annotations(&found[1])
    );
    let listed = rejects(&work);
    for row in [
        "text/9999.xml,page 1,name,no image has this name: 9999",
        "text/twice.xml,page 1,name,\"several images have this name: 2 images, ",
        "text/0004.xml,0004.xml,name,\"several files are named like one image: 0004.xml, more/0004.xml\"",
        "text/more/0004.xml,more/0004.xml,name,\"several files are named like one image: ",
        "text/broken.xml,document,document,not well-formed XML",
        "text/export/page_17.xml,r1,outline,not a number: x",
    ] {
        assert!(listed.contains(row), "{row}\nin\n{listed}");
    }
    assert_eq!(listed.lines().count(), 7, "{listed}");
    let report = work.json("report.json");
    assert_eq!(
        (&report["text_files"], &report["read"]),
        (&json!(3), &json!(12))
    );
}

#[test]
fn of_two_files_for_one_image_the_kind_decides() {
    let work = Workdir::new();
    work.write_json("m.json", &manifest("https://a.example/m", &["7"]));
    work.write("alto/7.xml", alto(200, 100));
    work.write("page/7.xml", "<PcGts><Page imageWidth='200' imageHeight='100'><TextRegion><Coords points='1,2 9,2 9,8'/></TextRegion></Page></PcGts>");
    for (choice, count) in [("auto", 1), ("alto", 4), ("hocr", 1)] {
        let args = [
            "iiif",
            "m.json",
            "-o",
            "digest.json",
            "--text",
            choice,
            "--text-files",
            "alto",
            "--text-files",
            "page",
        ];
        work.run("digest", &args).exits(0).says(&[
            "1 file not read: the image has a transcription in another format, --text chooses",
        ]);
        assert_eq!(
            annotations(&observations(&work)[0]).len(),
            count,
            "{choice}"
        );
    }
}

#[test]
fn files_at_home_give_tables_their_boxes_and_sizes() {
    let work = Workdir::new();
    work.write("t.csv", "url,label\nhttps://a.example/scans/page2.png,second\nhttps://a.example/scans/page;1.png,first\n");
    work.write("book.hocr", samples::HOCR_XHTML);
    let args = [
        "table",
        "t.csv",
        "--url-column",
        "url",
        "-o",
        "digest.json",
        "--text-files",
        "book.hocr",
    ];
    work.run("digest", &args).exits(3);
    let found = observations(&work);
    assert_eq!(
        (&found[0]["canvas"], &found[1]["canvas"]),
        (&json!([500, 400]), &json!([1000, 800]))
    );
    assert_eq!(
        (annotations(&found[0]).len(), annotations(&found[1]).len()),
        (2, 8)
    );
    assert_eq!(rejects(&work).lines().count(), 2);
    // The programs that follow know the frame of the boxes.
    work.run("extract", &["digest.json"]).exits(0);
    assert_eq!(
        work.json("localizations.json")["images"][0]["frame"],
        json!([500, 400])
    );
}

#[test]
fn options_that_fit_nothing_are_refused() {
    let work = Workdir::new();
    work.write_json("m.json", &manifest("https://a.example/m", &["7"]));
    let cases: [(&[&str], &str); 4] = [
        (
            &["iiif", "m.json", "--text-files", "nowhere"],
            "nowhere: no such file or folder",
        ),
        (
            &["m3", "Nanomia", "--text", "alto"],
            "--text is not an option of the source m3",
        ),
        (
            &["m3", "Nanomia", "--text-files", "x"],
            "--text-files is not an option of the source m3",
        ),
        (&["iiif", "m.json", "--text", "tei"], "invalid value 'tei'"),
    ];
    for (args, problem) in cases {
        let args = [args, &["-o", "digest.json"]].concat();
        work.run("digest", &args).exits(2).says(&[problem]);
    }
    // A transcription alone has no image.
    work.write("1.xml", alto(200, 100));
    work.run("digest", &["iiif", "1.xml", "-o", "digest.json"])
        .exits(1)
        .says(&["a transcription was found where JSON was expected"]);
}

/// What of an item cannot be read, elements that the format does not have: listed, with all else kept.
#[test]
fn parts_and_elements_that_cannot_be_read_are_listed_one_by_one() {
    let place = "HPOS='20' VPOS='10' WIDTH='40' HEIGHT='20'";
    let alto = |inside: &str| {
        format!(
            "<alto><Layout><Page WIDTH='200' HEIGHT='100'><PrintSpace>{inside}</PrintSpace></Page></Layout></alto>"
        )
    };
    let page = |inside: &str| {
        format!("<PcGts><Page imageWidth='200' imageHeight='100'>{inside}</Page></PcGts>")
    };
    let hocr =
        |inside: &str| format!("<div class='ocr_page' title='bbox 0 0 200 100'>{inside}</div>");
    let coords = "<Coords points='1,2 9,2 9,8'/>";
    let cases: [(String, usize, &[&str]); 14] = [
        (
            alto(&format!(
                "<TextBlock ID='b' {place}><Shape><Polygon POINTS='20,10 60,10 x,30'/></Shape></TextBlock>"
            )),
            1,
            &["b,outline,outline is left out: not a number: x"],
        ),
        (
            alto(&format!(
                "<TextBlock ID='b' {place}><TextLine ID='l' {place} BASELINE='20,24 x,24'/></TextBlock>"
            )),
            2,
            &["l,baseline,baseline is left out: not a number: x"],
        ),
        (
            alto(
                "<TextBlock ID='b' HPOS='NaN' VPOS='1' WIDTH='1' HEIGHT='1'><Shape><Polygon POINTS='20,10 60,10 60,30'/></Shape></TextBlock>",
            ),
            1,
            &["b,position,position is left out: HPOS is not a number: NaN"],
        ),
        (
            alto("<TextBlock ID='b' HPOS='NaN' VPOS='1' WIDTH='1' HEIGHT='1'/>"),
            0,
            &["b,position,HPOS is not a number: NaN"],
        ),
        (
            alto("<TextBlock ID='b' HPOS='1e9' VPOS='1' WIDTH='1' HEIGHT='1'/>"),
            0,
            &["b,position,HPOS is too large: 1e9"],
        ),
        (
            alto(&format!(
                "<textBlock ID='b' {place}><TextLine {place}/></textBlock><Advert {place}/><Layer/>"
            )),
            1,
            &[
                "Advert-1,element,element is not read: Advert",
                "b,element,element is not read: textBlock",
            ],
        ),
        // What stands in an unknown element is no part of the item around it.
        (
            alto(&format!(
                "<TextBlock ID='b' {place}><Advert ID='a' {place}><Shape><Polygon POINTS='x'/></Shape></Advert></TextBlock>"
            )),
            1,
            &["a,element,element is not read: Advert"],
        ),
        (
            page(&format!(
                "<TextRegion id='r'>{coords}<Zone id='z'>{coords}<TextEquiv><Unicode>x</Unicode></TextEquiv></Zone></TextRegion>"
            )),
            1,
            &["z,element,element is not read: Zone"],
        ),
        (
            page(&format!(
                "<TextRegion id='r'>{coords}<TextLine id='l'>{coords}<Baseline points='1,8 x,8'/></TextLine></TextRegion>"
            )),
            2,
            &["l,baseline,baseline is left out: not a number: x"],
        ),
        (
            page(&format!(
                "<PrintSpace>{coords}</PrintSpace><Zone id='r'>{coords}</Zone>"
            )),
            0,
            &["r,element,element is not read: Zone"],
        ),
        (
            hocr("<span class='ocr_line' id='l' title='bbox 1 2 9 8; baseline x 1'>a</span>"),
            1,
            &["l,baseline,baseline is left out: not numbers: x 1"],
        ),
        (
            hocr("<span class='ocr_line' id='l' title='bbox 1 2 9 8; poly 1 2 9 x'>a</span>"),
            1,
            &["l,outline,outline is left out: not a number: x"],
        ),
        (
            hocr(
                "<span class='orc_line' id='l' title='bbox 1 2 9 8'>a</span><b title='bold'>b</b>",
            ),
            0,
            &["l,element,element is not read: span"],
        ),
        (
            hocr(
                "<span class='ocrx_cinfo' id='c' title='x_bboxes 1 2 3 4 5 6 7 8'>ab</span><span class='ocrx_cinfo' id='d' title='x_conf 9'>c</span>",
            ),
            0,
            &[
                "c,position,x_bboxes does not have four numbers: 1 2 3 4 5 6 7 8",
                "d,position,position is missing",
            ],
        ),
    ];
    for (text, kept, wanted) in cases {
        let work = Workdir::new();
        work.write_json("m.json", &manifest("https://a.example/m", &["1"]));
        work.write("1.xml", &text);
        let args = [
            "iiif",
            "m.json",
            "-o",
            "digest.json",
            "--text-files",
            "1.xml",
        ];
        work.run("digest", &args).exits(3);
        let found = annotations(&observations(&work)[0]);
        assert_eq!(found.len(), kept, "{text}");
        assert!(
            found.iter().all(|a| a.contains(" - ") || a.contains(" a ")),
            "{found:?}"
        );
        let listed = rejects(&work);
        let listed: Vec<&str> = listed.lines().skip(1).collect();
        let wanted: Vec<String> = wanted.iter().map(|row| format!("1.xml,{row}")).collect();
        assert_eq!(listed, wanted, "{text}");
    }
}

/// Tesseract writes boxes of characters as `x_bboxes`.
#[test]
fn characters_of_hocr_are_glyphs() {
    let work = Workdir::new();
    work.write_json("m.json", &manifest("https://a.example/m", &["1"]));
    work.write("1.hocr", "<div class='ocr_page' title='bbox 0 0 200 100'><span class='ocrx_word' title='bbox 20 10 60 30; x_wconf 93'>\
        <span class='ocrx_cinfo' title='x_bboxes 20 10 40 30; x_conf 98.5'>a</span>\
        <span class='ocrx_cinfo' title='x_bboxes 40 10 60 30; x_conf 88.1'>b</span></span></div>");
    let args = [
        "iiif",
        "m.json",
        "-o",
        "digest.json",
        "--text-files",
        "1.hocr",
    ];
    work.run("digest", &args).exits(0);
    let image = &observations(&work)[0];
    assert_eq!(
        annotations(image),
        [
            "word word ab canvas xywh=20,10,40,20",
            "glyph glyph a canvas xywh=20,10,20,20",
            "glyph glyph b canvas xywh=40,10,20,20",
        ]
    );
    let confidences = [1, 2].map(|i| image["annotations"][i]["attributes"]["confidence"].clone());
    assert_eq!(confidences, [json!(0.985), json!(0.881)]);
}

#[test]
fn line_breaks_of_hocr_are_line_ends() {
    let work = Workdir::new();
    work.write_json("m.json", &manifest("https://a.example/m", &["1"]));
    work.write("1.hocr", "<div class='ocr_page' title='bbox 0 0 200 100'>\
        <p class='ocr_par' title='bbox 20 10 60 30'>line\n one<br>line two<br/><b>line</b> three</p></div>");
    let args = [
        "iiif",
        "m.json",
        "-o",
        "digest.json",
        "--text-files",
        "1.hocr",
    ];
    work.run("digest", &args).exits(0);
    let annotation = &observations(&work)[0]["annotations"][0];
    assert_eq!(
        annotation["bodies"][1]["value"],
        "line one\nline two\nline three"
    );
}

#[test]
fn a_file_named_like_one_image_that_names_another_is_told() {
    let work = Workdir::new();
    work.write_json("m.json", &manifest("https://a.example/m", &["1", "2"]));
    let page = "<PcGts><Page imageFilename='2.jpg' imageWidth='200' imageHeight='100'><TextRegion><Coords points='1,2 9,2 9,8'/></TextRegion></Page></PcGts>";
    work.write("1.xml", page);
    let args = [
        "iiif",
        "m.json",
        "-o",
        "digest.json",
        "--text-files",
        "1.xml",
    ];
    work.run("digest", &args).exits(0).says(&[
        "transcription named like one image says that it is of another; its own name counts: 1.xml, 2.jpg",
    ]);
    assert_eq!(annotations(&observations(&work)[0]).len(), 1);
}
