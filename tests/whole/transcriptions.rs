//! A drawn page of a newspaper with transcriptions in every format and unit, through all stages: each box lies on what was
//! drawn there, whatever the sizes of page, canvas and image.

use recto_testkit::Workdir;
use recto_testkit::iiif::Origin;
use recto_testkit::readers::read_dataset;
use recto_testkit::server::{Answer, Server};
use serde_json::{Value, json};

/// Size of the image in pixels.
const IMAGE: [u32; 2] = [480, 320];

/// Class, colour, and `[left, top, right, bottom]` in pixels of the image.
const DRAWN: [(&str, [u8; 3], [u32; 4]); 3] = [
    ("line", [255, 0, 255], [40, 30, 440, 60]),
    ("word", [0, 255, 0], [240, 160, 300, 220]),
    ("illustration", [0, 0, 255], [60, 220, 160, 300]),
];

fn paint(x: u32, y: u32) -> [u8; 3] {
    let holds = |[left, top, right, bottom]: [u32; 4]| {
        (left..right).contains(&x) && (top..bottom).contains(&y)
    };
    let found = DRAWN.iter().find(|(_, _, place)| holds(*place));
    found.map_or([((x ^ y) % 200) as u8; 3], |(_, colour, _)| *colour)
}

/// `[left, top, right, bottom]` of something drawn, in the units of a page of another size.
fn on_page(class: &str, [width, height]: [u32; 2]) -> [f64; 4] {
    let (_, _, edges) = DRAWN.iter().find(|(name, ..)| *name == class).unwrap();
    let scale = [width, height, width, height].map(f64::from);
    let image = [IMAGE[0], IMAGE[1], IMAGE[0], IMAGE[1]].map(f64::from);
    std::array::from_fn(|n| f64::from(edges[n]) * scale[n] / image[n])
}

fn alto(unit: &str, page: [u32; 2]) -> String {
    let place = |class: &str| {
        let [left, top, right, bottom] = on_page(class, page);
        format!(
            "HPOS='{left}' VPOS='{top}' WIDTH='{}' HEIGHT='{}'",
            right - left,
            bottom - top
        )
    };
    // Lines that only hold words have no place of their own.
    format!(
        "<alto><Description><MeasurementUnit>{unit}</MeasurementUnit></Description><Layout><Page WIDTH='{}' HEIGHT='{}'><PrintSpace><TextBlock><TextLine {}/><TextLine><String {} CONTENT='w'/></TextLine></TextBlock><Illustration {}/></PrintSpace></Page></Layout></alto>",
        page[0],
        page[1],
        place("line"),
        place("word"),
        place("illustration")
    )
}

fn page_xml(page: [u32; 2]) -> String {
    let coords = |class: &str| {
        let [l, t, r, b] = on_page(class, page);
        format!("<Coords points='{l},{t} {r},{t} {r},{b} {l},{b}'/>")
    };
    let [left, _, right, bottom] = on_page("line", page);
    format!(
        "<PcGts><Page imageWidth='{}' imageHeight='{}'><TextRegion><TextLine>{}<Baseline points='{left},{bottom} {right},{bottom}'/></TextLine><TextLine><Word>{}</Word></TextLine></TextRegion><ImageRegion>{}</ImageRegion></Page></PcGts>",
        page[0],
        page[1],
        coords("line"),
        coords("word"),
        coords("illustration")
    )
}

fn hocr(page: [u32; 2]) -> String {
    let element = |kind: &str, class: &str| {
        let [l, t, r, b] = on_page(class, page);
        format!("<span class={kind} title='bbox {l} {t} {r} {b}'>x</span>")
    };
    format!(
        "<!doctype html><div class=ocr_page title='bbox 0 0 {} {}'>{}{}{}</div>",
        page[0],
        page[1],
        element("ocr_line", "line"),
        element("ocrx_word", "word"),
        element("ocr_photo", "illustration")
    )
}

/// A canvas of some size, whose image fills it or a part of it, with its transcription.
fn manifest(home: &str, canvas: [u32; 2], place: &str) -> Value {
    let service = json!({"@id": format!("{home}/iiif/page"), "profile": "http://iiif.io/api/image/2/level2.json"});
    let resource = json!({"@id": format!("{home}/iiif/page/full/full/0/default.jpg"), "@type": "dctypes:Image",
        "width": IMAGE[0], "height": IMAGE[1], "service": service});
    let painting = json!({"@type": "oa:Annotation", "motivation": "sc:painting", "resource": resource, "on": format!("{home}/canvas{place}")});
    let link = json!({"@id": format!("{home}/text"), "label": "ALTO, PAGE or hOCR"});
    let canvas = json!({"@id": format!("{home}/canvas"), "@type": "sc:Canvas", "width": canvas[0], "height": canvas[1], "images": [painting], "seeAlso": link});
    json!({"@context": "http://iiif.io/api/presentation/2/context.json", "@id": format!("{home}/m"), "@type": "sc:Manifest", "label": "m", "sequences": [{"canvases": [canvas]}]})
}

/// A case: the transcription, the canvas, and where the image lies on it.
struct Case {
    name: &'static str,
    text: String,
    canvas: [u32; 2],
    place: &'static str,
}

fn case(name: &'static str, text: String, canvas: [u32; 2], place: &'static str) -> Case {
    Case {
        name,
        text,
        canvas,
        place,
    }
}

fn run(case: &Case) -> Workdir {
    let (text, canvas, place) = (case.text.clone(), case.canvas, case.place);
    let origin = Origin {
        width: IMAGE[0],
        height: IMAGE[1],
        paint,
        ..Origin::default()
    };
    let server = Server::start(move |request, _| {
        let home = format!("http://{}", request.headers["host"]);
        match request.path.as_str() {
            "/m" => Answer::Serve(
                manifest(&home, canvas, place).to_string().into(),
                "application/json",
            ),
            "/text" => Answer::Serve(text.clone().into(), "text/xml"),
            path if path.starts_with("/iiif/") => origin.answer(request),
            _ => Answer::Status(404),
        }
    });
    let work = Workdir::new();
    let network = ["--rate", "0", "--backoff", "0", "--retries", "0"];
    let url = server.url("/m");
    work.run(
        "digest",
        &[&["iiif", &url, "-o", "digest.json"][..], &network].concat(),
    )
    .exits(0);
    work.run("extract", &["digest.json"]).exits(0);
    let call = ["localizations.json", "images", "--format", "png"];
    work.run("download", &[&call[..], &network].concat())
        .exits(0);
    work.run(
        "reformat",
        &["localizations.json", "-f", "coco", "-o", "out"],
    )
    .exits(0);
    work
}

#[test]
fn boxes_of_transcriptions_lie_on_what_was_drawn() {
    let (half, odd) = ([240, 160], [480, 640]);
    let cases = [
        case(
            "ALTO in pixels of the image",
            alto("pixel", IMAGE),
            half,
            "",
        ),
        case(
            "ALTO in tenths of millimetres",
            alto("mm10", [1920, 1280]),
            half,
            "",
        ),
        case("ALTO in inches", alto("inch1200", [9600, 6400]), IMAGE, ""),
        case(
            "ALTO that calls pixels millimetres",
            alto("mm10", IMAGE),
            IMAGE,
            "",
        ),
        case("PAGE of a larger scan", page_xml([2400, 1600]), half, ""),
        case(
            "PAGE of the image on a part of the canvas",
            page_xml(IMAGE),
            odd,
            "#xywh=0,320,480,320",
        ),
        case(
            "PAGE of a larger scan on a part of the canvas",
            page_xml([960, 640]),
            odd,
            "#xywh=0,0,240,160",
        ),
        case("hOCR of a smaller scan", hocr([240, 160]), IMAGE, ""),
    ];
    for case in cases {
        let work = run(&case);
        let samples = read_dataset(&work, "coco").unwrap();
        assert_eq!(samples.len(), 1, "{}", case.name);
        let (picture, boxes) = &samples[0];
        assert_eq!(
            (picture.dimensions(), boxes.len()),
            ((IMAGE[0], IMAGE[1]), DRAWN.len()),
            "{}",
            case.name
        );
        for (concept, edges) in boxes {
            let (_, colour, _) = DRAWN.iter().find(|(name, ..)| name == concept).unwrap();
            let inside = |x: u32, y: u32| {
                let [x, y] = [x, y].map(|v| f64::from(v) + 0.5);
                edges[0] < x && x < edges[2] && edges[1] < y && y < edges[3]
            };
            for (x, y, pixel) in picture.enumerate_pixels() {
                assert_eq!(
                    pixel.0 == *colour,
                    inside(x, y),
                    "{}: {concept} {edges:?} at {x},{y}",
                    case.name
                );
            }
        }
    }
}

#[test]
fn baselines_go_where_their_lines_go() {
    let case = case(
        "",
        page_xml([2400, 1600]),
        [480, 640],
        "#xywh=240,0,240,160",
    );
    let work = run(&case);
    let all = work.json("out/annotations/instances_default.json");
    let lines = all["annotations"].as_array().unwrap().iter();
    let baselines: Vec<&Value> = lines
        .filter_map(|a| a["attributes"].get("baseline"))
        .collect();
    assert_eq!(baselines, [&json!([[40, 60], [440, 60]])]);
}
