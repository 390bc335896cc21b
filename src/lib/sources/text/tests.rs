//! Transcriptions as programs write them, item by item.

use recto_testkit::transcriptions as samples;
use serde_json::{Value, json};

use super::*;

fn pages(text: &str) -> Vec<TextPage> {
    read(text.as_bytes()).unwrap().pages
}

fn page(text: &str) -> TextPage {
    let mut pages = pages(text);
    assert_eq!(pages.len(), 1);
    pages.remove(0)
}

/// Id, granularity, class, box and text of each item.
fn summary(page: &TextPage) -> Vec<String> {
    let items = page.items.iter();
    items
        .map(|item| {
            let place = match item.bbox {
                Some(b) => format!("{},{},{},{}", b.x, b.y, b.width, b.height),
                None => "-".into(),
            };
            let text = item.text.as_deref().unwrap_or("-").replace('\n', "/");
            let (level, class) = (item.granularity.name(), &item.class);
            format!("{} {level} {class} {place} {text}", item.id)
        })
        .collect()
}

fn item<'a>(page: &'a TextPage, id: &str) -> &'a Item {
    page.items.iter().find(|item| item.id == id).unwrap()
}

fn problems(page: &TextPage) -> Vec<(&str, &str)> {
    let problems = page.problems.iter();
    problems
        .map(|p| (p.item.as_str(), p.problem.as_str()))
        .collect()
}

#[test]
fn alto_of_newspapers_is_read() {
    let page = page(samples::ALTO_NEWSPAPER);
    assert_eq!(
        page.size.map(|s| [s.width, s.height]),
        Some([2000.0, 3000.0])
    );
    assert_eq!(page.image_file.as_deref(), Some("Morgenblatt_0001.tif"));
    assert!(!page.is_in_pixels);
    assert_eq!(
        summary(&page),
        [
            "TB_top block block 900,40,200,40 Nr. 12",
            "TL_top line line 900,40,200,40 Nr. 12",
            "S_top word word 900,40,200,40 Nr. 12",
            "CB1 block Article 100,120,900,2000 -",
            "TB1 block block 100,120,900,160 Das Wet-/ter .",
            "TL1 line line 100,120,900,60 Das Wet-",
            "S1 word word 100,120,300,60 Das",
            "S2 word word 420,120,540,60 Wet",
            "TL2 line line 100,200,900,60 ter .",
            "S3 word word 100,200,300,60 ter",
            "IL1 block illustration 100,400,900,600 -",
            "GE1 block graphic 100,1100,900,4 -",
        ]
    );
    assert_eq!(problems(&page), [("S4", "box is empty: 0 x 60")]);
    let second = item(&page, "S2");
    assert_eq!(second.confidence, Some(0.5));
    assert_eq!(second.language.as_deref(), Some("de"));
    assert_eq!(second.parent.as_deref(), Some("TL1"));
    assert_eq!(second.order, 3);
    assert_eq!(second.attributes["subs_content"], json!("Wetter"));
    assert_eq!(
        item(&page, "TL1").baseline,
        [[100.0, 170.0], [1000.0, 170.0]]
    );
}

#[test]
fn alto_of_handwriting_is_read() {
    let page = page(samples::ALTO_HANDWRITTEN);
    assert_eq!(
        summary(&page),
        [
            "block_a block MainZone 100,800,500,100 ſecunda manu",
            "line_a1 line line 100,800,500,100 ſecunda manu",
            "seg_1 word word 100,800,240,90 ſecunda",
            "g1 glyph glyph 100,800,30,90 ſ",
            "g2 glyph glyph 130,800,30,90 e",
            "seg_2 word word 360,805,200,90 manu",
            "line_b1 line InterlinearLine 200,100,500,90 Primum & cætera",
            "String-3 word word 200,100,500,90 Primum & cætera",
            "line_b2 line line - sine loco",
        ]
    );
    assert_eq!(problems(&page), [("String-4", "position is missing")]);
    // Only its baseline is known.
    assert_eq!(item(&page, "line_b2").baseline.len(), 2);
    // The block without a place holds lines that have one: it is read first, and is nobody's parent.
    let (first, second) = (item(&page, "line_b1"), item(&page, "line_a1"));
    assert_eq!((first.order, second.order), (1, 3));
    assert_eq!(
        (first.parent.as_deref(), second.parent.as_deref()),
        (None, Some("block_a"))
    );
    assert_eq!(
        second.baseline,
        [[110.0, 880.0], [300.0, 884.0], [590.0, 890.0]]
    );
    assert_eq!(second.polygon.as_ref().unwrap().points().len(), 4);
    assert_eq!(second.attributes["type"], json!("default"));
    assert_eq!(item(&page, "seg_2").confidence, None);
}

#[test]
fn page_of_transkribus_is_read() {
    let page = page(samples::PAGE_TRANSKRIBUS);
    assert_eq!(page.image_file.as_deref(), Some("register_1871_0007.jpg"));
    assert_eq!(
        summary(&page),
        [
            "r1 block paragraph 100,500,800,400 první <řádek>/druhý řádek",
            "r1l2 line line 100,600,800,80 druhý řádek",
            "r1l1 line catch-word 100,500,800,80 první <řádek>",
            "r2 block heading 100,100,800,100 zlomený",
            "r2l1 line line - zlomený",
            "t1 block table 1000,100,900,800 -",
            "c1 block cell 1000,100,400,200 12",
            "c1l1 line line 1000,100,400,100 12",
            "i1 block illustration 1000,1000,900,900 -",
            "s1 block separator 1000,2000,900,10 -",
        ]
    );
    // An outline of two points is none: the line has its baseline.
    assert_eq!(page.problems.len(), 1);
    let orders = |id: &str| item(&page, id).order;
    assert_eq!((orders("r2"), orders("r1")), (1, 2));
    assert_eq!((orders("r1l1"), orders("r1l2")), (2, 3));
    let first = item(&page, "r1l1");
    assert_eq!(first.confidence, Some(0.9));
    assert_eq!(first.baseline, [[100.0, 560.0], [900.0, 564.0]]);
    assert_eq!(first.language.as_deref(), Some("Czech"));
    assert_eq!(
        first.attributes["custom"],
        json!("person {offset:0; length:5;}")
    );
    assert_eq!(item(&page, "r2").language.as_deref(), Some("Latin"));
    let cell = &item(&page, "c1").attributes;
    assert_eq!((&cell["row"], &cell["column_span"]), (&json!(0), &json!(2)));
}

#[test]
fn a_chain_of_alto_stands_where_its_first_block_does() {
    let block = |id: &str, next: &str| {
        format!(r#"<TextBlock ID="{id}" {next} HPOS="1" VPOS="1" WIDTH="9" HEIGHT="9"/>"#)
    };
    let blocks = [
        block("top", ""),
        block("a", r#"IDNEXT="c""#),
        block("b", ""),
        block("c", ""),
    ];
    let word = r#"<TextBlock ID="d"><TextLine><String ID="w" HPOS="1" VPOS="1" WIDTH="9" HEIGHT="9" CONTENT="Hauf"><ALTERNATIVE>Haus</ALTERNATIVE><ALTERNATIVE> Hans</ALTERNATIVE></String></TextLine></TextBlock>"#;
    let alto = format!(
        r#"<alto><Layout><Page WIDTH="10" HEIGHT="10"><PrintSpace>{}{word}</PrintSpace></Page></Layout></alto>"#,
        blocks.concat()
    );
    let page = page(&alto);
    let orders = ["top", "a", "c", "b"].map(|id| item(&page, id).order);
    assert_eq!(orders, [1, 2, 3, 4]);
    let word = item(&page, "w");
    assert_eq!(word.text.as_deref(), Some("Hauf"));
    assert_eq!(word.attributes["alternatives"], json!(["Haus", "Hans"]));
}

#[test]
fn page_of_ground_truth_is_read() {
    let page = page(samples::PAGE_GROUND_TRUTH);
    assert_eq!(
        summary(&page),
        [
            "Border-1 page border 10,10,780,580 -",
            "reg_0 block footnote 20,400,380,100 -",
            "reg_1 block block 20,20,380,80 Hanſ ſaß",
            "l_0 line line 20,20,380,40 Hanſ ſaß",
            "w_0 word word 20,20,100,40 Hanſ",
            "gl_0 glyph glyph 20,20,40,40 H",
            "w_1 word word 140,20,100,40 ſaß",
        ]
    );
    assert!(page.problems.is_empty());
    let word = item(&page, "w_0");
    assert_eq!(word.confidence, Some(0.8));
    assert_eq!(word.attributes["alternatives"], json!(["Haus"]));
    let region = item(&page, "reg_0");
    assert_eq!((region.order, region.confidence), (2, Some(0.6)));
    assert_eq!(region.attributes["row"], json!(3));
    assert_eq!(region.attributes["rotation"], json!("1.5"));
}

#[test]
fn page_with_points_as_elements_is_read() {
    let page = page(samples::PAGE_OLD);
    assert_eq!(
        summary(&page),
        [
            "r0 block marginalia 10,20,100,40 -",
            "r2 block block 10,100,100,80 -"
        ]
    );
    assert_eq!(problems(&page), [("r1", "not a number: x")]);
}

#[test]
fn hocr_in_xhtml_is_read() {
    let pages = pages(samples::HOCR_XHTML);
    let names: Vec<Option<&str>> = pages.iter().map(|p| p.image_file.as_deref()).collect();
    assert_eq!(names, [Some("scans/page;1.png"), Some("scans/page2.png")]);
    assert_eq!(
        summary(&pages[0]),
        [
            "block_1_1 block block 50,60,550,140 It's über/x",
            "par_1_1 paragraph paragraph 50,60,550,140 It's über/x",
            "line_1_1 line line 50,60,550,60 It's über",
            "word_1_1 word word 50,60,100,50 It's",
            "word_1_2 word word 170,62,130,50 über",
            "line_1_2 line header 50,140,550,60 x",
            "block_1_2 block illustration 50,300,550,400 -",
            "block_1_3 block separator 50,720,550,4 -",
        ]
    );
    assert_eq!(
        problems(&pages[0]),
        [("word_1_3", "box is empty: -10 x 60")]
    );
    assert_eq!(
        pages[1].size.map(|s| [s.width, s.height]),
        Some([500.0, 400.0])
    );
    assert_eq!(
        summary(&pages[1]),
        [
            "line_2_1 line line 5,6,55,14 zwei",
            "word_2_1 word word 5,6,55,14 zwei"
        ]
    );
    let line = item(&pages[0], "line_1_1");
    assert_eq!(line.baseline, [[50.0, 112.0], [600.0, 117.5]]);
    assert_eq!(line.language.as_deref(), Some("eng"));
    let word = item(&pages[0], "word_1_2");
    assert_eq!(
        (word.confidence, word.language.as_deref()),
        (Some(0.41), Some("deu"))
    );
    assert!(item(&pages[0], "line_1_2").baseline.is_empty());
}

#[test]
fn hocr_of_kraken_is_read() {
    let hocr = r#"<html><body><div class="ocr_page" title="bbox 0 0 2000 1600, image 'a, b.png'">
        <span class="ocr_line" id="l" dir="rtl" title="bbox 10 10 110 60, x_bboxes 10 10 50 60">
        <span class="ocrx_word" id="w" title="bbox 10 10 50 60, x_confs 0.98 0.99 0.97">אב</span>
        <span class="ocrx_word" id="v" title="bbox 60 10 110 60; x_confs 50 90">b</span></span></div></body></html>"#;
    let page = page(hocr);
    assert_eq!(page.image_file.as_deref(), Some("a, b.png"));
    assert_eq!(page.size.map(|size| size.width), Some(2000.0));
    let confidence = |id: &str| item(&page, id).confidence;
    assert_eq!((confidence("w"), confidence("v")), (Some(0.98), Some(0.7)));
    assert_eq!(item(&page, "l").attributes["text_direction"], json!("rtl"));
}

#[test]
fn alto_reads_lines_across_blocks() {
    let line = |id: &str| {
        format!(
            r#"<TextLine ID="{id}" HPOS="1" VPOS="1" WIDTH="9" HEIGHT="9"><String ID="w{id}" HPOS="1" VPOS="1" WIDTH="9" HEIGHT="9" CONTENT="{id}"/></TextLine>"#
        )
    };
    let block = |id: &str, lines: &[&str]| {
        let lines: String = lines.iter().map(|id| line(id)).collect();
        format!(
            r#"<TextBlock ID="{id}" HPOS="1" VPOS="1" WIDTH="9" HEIGHT="9">{lines}</TextBlock>"#
        )
    };
    let blocks = [
        block("b1", &["a", "c"]),
        block("b2", &["b", "d"]),
        block("b3", &["e"]),
    ];
    let order = r#"<ReadingOrder><OrderedGroup ID="g"><ElementRef ID="r1" REF="a b"/><ElementRef ID="r2" REF="c d"/></OrderedGroup></ReadingOrder>"#;
    let alto = format!(
        r#"<alto><Layout>{order}<Page LANG="he" WIDTH="10" HEIGHT="10"><PrintSpace>{}</PrintSpace></Page></Layout></alto>"#,
        blocks.concat()
    );
    let page = page(&alto);
    let orders = |ids: [&str; 5]| ids.map(|id| item(&page, id).order);
    assert_eq!(orders(["a", "b", "c", "d", "e"]), [1, 2, 3, 4, 5]);
    assert_eq!(orders(["wa", "wb", "wc", "wd", "we"]), [1, 2, 3, 4, 5]);
    let blocks = ["b1", "b2", "b3"].map(|id| item(&page, id).order);
    assert_eq!(blocks, [1, 2, 3]);
    assert_eq!(item(&page, "we").language.as_deref(), Some("he"));
}

#[test]
fn hocr_in_tag_soup_is_read() {
    let page = page(samples::HOCR_SOUP);
    assert_eq!(
        summary(&page),
        [
            "ocr_par-1 paragraph paragraph 10,10,190,80 a & b < c",
            "ocr_line-1 line line 10,10,190,30 a & b < c",
            "ocr_par-2 paragraph paragraph 10,100,190,90 zweiter Absatz ohne Ort",
            "ocrx_line-1 line line 10,100,190,30 zweiter Absatz",
        ]
    );
    assert_eq!(item(&page, "ocr_line-1").baseline.len(), 9);
}

#[test]
fn versions_namespaces_and_encodings_make_no_difference() {
    let alto = r#"<alto xmlns="N"><Layout><Page WIDTH="100" HEIGHT="50"><PrintSpace><TextBlock HPOS="1" VPOS="2" WIDTH="3" HEIGHT="4"><TextLine HPOS="1" VPOS="2" WIDTH="3" HEIGHT="4"><String HPOS="1" VPOS="2" WIDTH="3" HEIGHT="4" CONTENT="é"/></TextLine></TextBlock></PrintSpace></Page></Layout></alto>"#;
    let page = r#"<PcGts xmlns="N"><Page imageWidth="100" imageHeight="50"><TextRegion><Coords points="1,2 4,2 4,6 1,6"/><TextLine><Coords points="1,2 4,2 4,6 1,6"/><Word><Coords points="1,2 4,2 4,6 1,6"/><TextEquiv><Unicode>é</Unicode></TextEquiv></Word></TextLine></TextRegion></Page></PcGts>"#;
    let namespaces = [
        "http://schema.ccs-gmbh.com/ALTO",
        "http://www.loc.gov/standards/alto/ns-v2#",
        "http://www.loc.gov/standards/alto/ns-v4#",
        "http://schema.primaresearch.org/PAGE/gts/pagecontent/2013-07-15",
        "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15",
        "",
    ];
    for sound in [alto, page] {
        let wanted = vec![("block", "é"), ("line", "é"), ("word", "é")];
        for namespace in namespaces {
            let text = sound.replace("\"N\"", &format!("\"{namespace}\""));
            let utf16 = |mark: &str, to: fn(u16) -> [u8; 2]| -> Vec<u8> {
                format!("{mark}{text}")
                    .encode_utf16()
                    .flat_map(to)
                    .collect()
            };
            let latin = format!("<?xml version='1.0' encoding='iso-8859-1'?>{text}");
            let latin: Vec<u8> = latin
                .chars()
                .map(|c| u8::try_from(u32::from(c)).unwrap())
                .collect();
            let encodings = [
                text.clone().into_bytes(),
                format!("\u{feff}{text}").into_bytes(),
                format!("<?xml version='1.0'?>\n<!-- x -->\n{text}").into_bytes(),
                utf16("\u{feff}", u16::to_le_bytes),
                utf16("\u{feff}", u16::to_be_bytes),
                latin,
            ];
            for bytes in encodings {
                assert!(kind_of(&bytes).is_some());
                let file = read(&bytes).unwrap();
                let seen: Vec<(&str, &str)> = file.pages[0]
                    .items
                    .iter()
                    .map(|item| (item.class.as_str(), item.text.as_deref().unwrap()))
                    .collect();
                assert_eq!((seen, file.notes.len()), (wanted.clone(), 0), "{namespace}");
            }
        }
    }
    let damaged = read(
        &alto
            .replace('é', "e")
            .replace("\"e\"", "\"\u{0}\"")
            .into_bytes(),
    );
    assert!(damaged.is_ok());
    let damaged = [
        alto.split('é').next().unwrap().as_bytes(),
        b"\xe9",
        alto.split('é').nth(1).unwrap().as_bytes(),
    ]
    .concat();
    assert_eq!(read(&damaged).unwrap().notes.len(), 1);
}

#[test]
fn what_is_no_transcription_is_refused_with_its_name() {
    let deep = format!("<alto>{}", "<a>".repeat(300));
    let html = format!("<html class=ocr_page>{}", "<div>".repeat(300));
    let cases = [
        ("", "nothing was found"),
        ("{}", "text without an element was found"),
        ("<mets:mets xmlns:mets='x'/>", "an element `mets` was found"),
        (
            "<!DOCTYPE html><html><p>Sign in</html>",
            "an HTML page without hOCR was found",
        ),
        (
            "<alto><Layout>",
            "not well-formed XML: the document ends within 2 open elements",
        ),
        ("<alto>\n<a></b></alto>", "not well-formed XML: line 2"),
        (deep.as_str(), "XML is nested too deeply: the limit is 256"),
        (html.as_str(), "HTML is nested too deeply: the limit is 256"),
    ];
    for (text, wanted) in cases {
        let problem = read(text.as_bytes()).unwrap_err();
        assert!(problem.contains(wanted), "{problem}");
    }
}

#[test]
fn entities_of_a_document_are_not_expanded() {
    let page = page(samples::ENTITY_BOMB);
    let (found, left_out) = (summary(&page), problems(&page));
    assert_eq!(found.last().unwrap(), "sound word word 1,1,9,9 b");
    assert_eq!(left_out.len(), 1);
    assert!(left_out[0].1.contains("CONTENT"), "{left_out:?}");
}

#[test]
fn items_become_annotations_in_the_units_of_the_canvas() {
    let page = page(samples::ALTO_NEWSPAPER);
    let canvas = crate::contracts::Frame {
        width: 1000.0,
        height: 1500.0,
    };
    let fit = fit(&page, Some(canvas), None, None).unwrap();
    let all = annotations(&page, &fit, "https://a.example/1.xml");
    let word = all
        .iter()
        .find(|a| a.id == "https://a.example/1.xml#S2")
        .unwrap();
    assert_eq!(
        word.regions[0].fragment.as_deref(),
        Some("xywh=210,60,270,30")
    );
    let bodies: Vec<(&str, &str)> = word
        .bodies
        .iter()
        .map(|body| (body.purpose.as_deref().unwrap(), body.value.as_str()))
        .collect();
    assert_eq!(bodies, [("classifying", "word"), ("transcribing", "Wet")]);
    let line = all
        .iter()
        .find(|a| a.id == "https://a.example/1.xml#TL1")
        .unwrap();
    let region = &line.regions[0];
    assert_eq!(region.fragment.as_deref(), Some("xywh=50,60,450,30"));
    let svg = region.svg.as_deref().unwrap();
    assert!(
        svg.contains("<polyline fill=\"none\" points=\"50,85 500,85\"/>"),
        "{svg}"
    );
    assert_eq!(line.attributes["granularity"], Value::from("line"));
    assert_eq!(
        line.attributes["parent"],
        Value::from("https://a.example/1.xml#TB1")
    );
}
