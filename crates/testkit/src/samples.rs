//! Sound inputs of every kind that recto reads, small and with something of everything, for tests that damage them.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat};
use serde_json::{Value, json};

use super::dataset::picture;

const SITE: &str = "https://archive.example";

fn at(path: &str) -> String {
    format!("{SITE}/{path}")
}

/// A IIIF Presentation 2.1 manifest: services of both profiles, a choice, an embedded list of annotations with the
/// selectors that are in use, metadata in two languages.
pub fn manifest_2() -> Value {
    let service = |n: u32| {
        let limits = json!(["http://iiif.io/api/image/2/level1.json", { "maxWidth": 900 }]);
        json!({ "@context": "http://iiif.io/api/image/2/context.json", "@id": at(&format!("iiif/{n}")), "profile": limits })
    };
    let resource = |n: u32| {
        json!({ "@id": at(&format!("iiif/{n}/full/full/0/default.jpg")), "@type": "dctypes:Image", "format": "image/jpeg",
                "width": 800, "height": 600, "label": "recto", "service": service(n) })
    };
    let choice = json!({ "@type": "oa:Choice", "default": resource(2), "item": [resource(3)] });
    let canvas = |n: u32, resource: Value| {
        let painting = json!({ "@type": "oa:Annotation", "motivation": "sc:painting", "resource": resource, "on": at(&format!("canvas/{n}")) });
        json!({ "@id": at(&format!("canvas/{n}")), "@type": "sc:Canvas", "label": format!("f. {n}r"), "width": 1600, "height": 1200,
                "images": [painting], "metadata": [{ "label": "Side", "value": ["recto"] }],
                "otherContent": [annotation_list(n)] })
    };
    json!({
        "@context": "http://iiif.io/api/presentation/2/context.json", "@id": at("manifest"), "@type": "sc:Manifest",
        "label": [{ "@value": "Kniha", "@language": "cs" }, "Book"], "license": "https://creativecommons.org/publicdomain/mark/1.0/",
        "attribution": "A library", "within": at("collection"),
        "metadata": [{ "label": [{ "@value": "Date", "@language": "en" }], "value": ["1200", { "@value": "1250" }] }],
        "sequences": [{ "@type": "sc:Sequence", "canvases": [canvas(1, resource(1)), canvas(2, choice)] }],
    })
}

/// A list of annotations of the Open Annotation model.
pub fn annotation_list(canvas: u32) -> Value {
    let on = |selector: Value| json!({ "@type": "oa:SpecificResource", "full": at(&format!("canvas/{canvas}")), "selector": selector });
    let fragment = json!({ "@type": "oa:FragmentSelector", "value": "xywh=10,20,300,400" });
    let svg = json!({ "@type": "oa:SvgSelector", "chars": "<svg xmlns='http://www.w3.org/2000/svg'><path d='M1,2h30v40h-30z'/></svg>" });
    let choice = json!({ "@type": "oa:Choice", "default": fragment, "item": svg });
    let bodies = json!([{ "@type": "oa:Tag", "chars": "alef" }, { "@type": "cnt:ContentAsText", "chars": "<p>a &amp; b</p>", "format": "text/html" }]);
    let annotation = |n: u32, on: Value| json!({ "@id": at(&format!("annotation/{canvas}/{n}")), "@type": "oa:Annotation", "motivation": ["oa:tagging"], "resource": bodies, "on": on });
    json!({
        "@context": "http://iiif.io/api/presentation/2/context.json", "@id": at(&format!("list/{canvas}")), "@type": "sc:AnnotationList",
        "resources": [annotation(1, json!(at(&format!("canvas/{canvas}#xywh=5,5,20,30")))), annotation(2, on(choice)), annotation(3, json!([on(svg)]))],
    })
}

/// A IIIF Presentation 3.0 manifest: services of versions 2 and 3, a choice, part of a canvas painted, annotations.
pub fn manifest_3() -> Value {
    let body = |n: u32| {
        let services = json!([
            { "id": at(&format!("iiif/{n}")), "type": "ImageService3", "profile": "level2", "maxWidth": 2000 },
            { "@id": at(&format!("iiif/2/{n}")), "@type": "ImageService2", "profile": "http://iiif.io/api/image/2/level2.json" },
        ]);
        json!({ "id": at(&format!("{n}.jpg")), "type": "Image", "format": "image/jpeg", "width": 800, "height": 600, "service": services })
    };
    let canvas = |n: u32, body: Value, place: &str| {
        let target = at(&format!("canvas/{n}{place}"));
        let painting = json!({ "id": at("p"), "type": "Annotation", "motivation": "painting", "body": body, "target": target });
        json!({
            "id": at(&format!("canvas/{n}")), "type": "Canvas", "label": { "en": [format!("f. {n}r")] }, "width": 1600, "height": 1200,
            "metadata": [{ "label": { "en": ["Side"] }, "value": { "none": ["recto"] } }],
            "items": [{ "id": at("page"), "type": "AnnotationPage", "items": [painting] }],
            "annotations": [annotation_page(n)],
        })
    };
    let choice = json!({ "type": "Choice", "items": [body(2), body(3)] });
    json!({
        "@context": "http://iiif.io/api/presentation/3/context.json", "id": at("manifest"), "type": "Manifest",
        "label": { "en": ["Book"], "cs": ["Kniha"] }, "rights": "http://rightsstatements.org/vocab/InC/1.0/",
        "requiredStatement": { "label": { "en": ["From"] }, "value": { "en": ["A library"] } },
        "items": [canvas(1, body(1), ""), canvas(2, choice, "#xywh=0,0,800,600")],
        "structures": [{ "id": at("range"), "type": "Range", "items": [{ "id": at("canvas/1"), "type": "Canvas" }] }],
    })
}

/// A page of W3C annotations.
pub fn annotation_page(canvas: u32) -> Value {
    let target = |selector: Value| json!({ "type": "SpecificResource", "source": { "id": at(&format!("canvas/{canvas}")), "type": "Canvas" }, "selector": selector });
    let fragment = json!({ "type": "FragmentSelector", "conformsTo": "http://www.w3.org/TR/media-frags/", "value": "xywh=percent:10,20,30,40" });
    let svg =
        json!({ "type": "SvgSelector", "value": "<svg><polygon points='1,1 90,10 50,80'/></svg>" });
    let body = json!([{ "type": "TextualBody", "purpose": "tagging", "value": "bet", "language": "en" }, { "type": "SpecificResource", "source": at("terms/7") }]);
    let annotation = |n: u32, target: Value| json!({ "id": at(&format!("annotation/{canvas}/{n}")), "type": "Annotation", "motivation": ["tagging", "commenting"], "body": body, "target": target });
    json!({
        "@context": "http://iiif.io/api/presentation/3/context.json", "id": at(&format!("annotations/{canvas}")), "type": "AnnotationPage",
        "items": [annotation(1, target(json!([fragment, svg]))), annotation(2, json!(at(&format!("canvas/{canvas}#xywh=pixel:1,2,3,4")))), annotation(3, target(svg))],
    })
}

/// Collections of both versions, with members, pages and manifests inside.
pub fn collections() -> [Value; 2] {
    let members = json!([
        { "@id": at("manifest"), "@type": "sc:Manifest", "label": "a" }, { "@id": at("collection/b"), "@type": "sc:Collection", "label": "b" },
    ]);
    [
        json!({
            "@context": "http://iiif.io/api/presentation/2/context.json", "@id": at("collection"), "@type": "sc:Collection", "label": "All",
            "manifests": [{ "@id": at("manifest/2"), "@type": "sc:Manifest", "label": "c" }], "collections": members, "members": members,
            "first": at("collection?page=1"), "total": 4,
        }),
        json!({
            "@context": "http://iiif.io/api/presentation/3/context.json", "id": at("collection"), "type": "Collection", "label": { "en": ["All"] },
            "items": [{ "id": at("manifest"), "type": "Manifest", "label": { "none": ["a"] } }, manifest_3()],
        }),
    ]
}

/// A digest with images of every kind of address, boxes, outlines, bodies and a taxonomy.
pub fn digest() -> Value {
    let region = |fragment: &str| json!({ "frame": "canvas", "fragment": fragment });
    let annotation = |id: &str, regions: Value| json!({ "id": id, "bodies": [{ "purpose": "tagging", "value": "alef" }, { "value": "a word", "language": "en" }], "regions": regions, "motivation": ["tagging"] });
    let observation = |id: &str, image: Value, annotations: Value| {
        json!({
            "id": id, "image": image, "group": "book", "canvas": [1000, 800], "metadata": { "Date": ["1200", "1250"] },
            "source": { "kind": "iiif", "manifest": at("manifest"), "canvas": at("canvas/1"), "rights": "CC0", "labels": { "manifest": "Book", "canvas": "f. 1r", "image": "NIR" } },
            "annotations": annotations,
        })
    };
    let svg = json!({ "frame": "canvas", "svg": "<svg><path d='M1,2h30v40h-30z'/></svg>" });
    json!({
        "contract": "recto/digest", "version": 1, "source": { "kind": "iiif", "inputs": ["manifest.json"] },
        "observations": [
            observation("a", json!({ "service": { "id": at("iiif/a"), "version": 2 }, "width": 800, "height": 640 }),
                json!([annotation("1", json!([region("xywh=10,20,30,40")])), annotation("2", json!([region("xywh=percent:1,2,3,4"), svg]))])),
            observation("b", json!({ "url": at("b.jpg"), "format": "image/jpeg" }), json!([annotation("3", json!([svg]))])),
            observation("c", json!({ "url": at("c.jpg") }), json!([])),
        ],
    })
}

/// Localizations of the images of [`image_map`], with a box, an outline and attributes.
pub fn localizations() -> Value {
    let boxed = |id: &str, concept: &str| json!({ "id": id, "concept": concept, "bbox": [1, 2.5, 10, 12], "attributes": { "text": "A" } });
    let mut outlined = boxed("l2", "bet");
    outlined["polygon"] = json!([[0, 0], [9, 0], [9, 9]]);
    let image = |id: &str, boxes: Value| {
        json!({
            "id": id, "image": { "url": at(id), "width": 32, "height": 24 }, "group": "book", "frame": [64, 48], "localizations": boxes,
            "labels": ["x"], "metadata": { "Side": ["recto"] }, "source": { "kind": "iiif", "rights": "CC0", "labels": { "manifest": "Book", "canvas": "f. 1r" } },
        })
    };
    json!({ "contract": "recto/localizations", "version": 1, "images": [image("a", json!([boxed("l1", "alef"), outlined])), image("b", json!([]))] })
}

/// Where the images of [`localizations`] are.
pub fn image_map() -> Value {
    json!({ "a": "images/a.png", "b": "images/b.jpg" })
}

/// Records as m3-download writes them after its extraction.
pub fn m3_localizations() -> Value {
    let reference = "cf228433-d0dd-4f1e-2b6d-6df50ea49d1e";
    let record = |n: u32| {
        json!({
            "observation_uuid": format!("{n:08x}-0000-0000-0000-000000000001"), "association_uuid": format!("{n:08x}-0000-0000-0000-000000000002"),
            "concept": "Nanomia bijuga", "localization": { "x": 10, "y": 5.5, "width": "20", "height": 10, "image_reference_uuid": reference, "observer": "me" },
            "image_urls": { reference: "http://h.example/images/Doc%20R/1234/00_01.png" },
        })
    };
    json!([record(1), record(2)])
}

/// A digest as m3-download writes it: observations in the flat form.
pub fn m3_digest() -> Value {
    let references = [
        super::m3::reference(1, "png", ""),
        super::m3::reference(2, "jpg", "compressed image"),
    ];
    let rows =
        (1..4).map(|n| super::m3::row(n, n, "Nanomia", &references, &[super::m3::boxed(n, 1)]));
    json!(rows.collect::<Vec<Value>>())
}

/// A table of images with cells that are hard to read, as CSV.
pub const CSV: &str = "\u{feff}url,label,manuscript,note\n\
    https://archive.example/1.jpg,f. 1r,MS 1,\"a, \"\"b\"\"\nand c\"\n\
    https://archive.example/iiif/2/info.json,f. 2r,MS 1,\n\
    https://archive.example/3.jpg,žluť,MS 2,=1+1\n";

/// The same kind of table, as JSON Lines.
pub const JSON_LINES: &str = "{\"url\": \"https://archive.example/1.jpg\", \"label\": \"f. 1r\", \"n\": 1.5, \"tags\": [\"a\", \"b\"]}\n\
    {\"url\": \"https://archive.example/2.jpg\", \"label\": null, \"more\": {\"a\": true}}\n\n\
    {\"url\": \"https://archive.example/3.jpg\", \"group\": \"ž\"}\n";

/// A line of a file of reviews for each kind of change to the first box of an image of [`localizations`].
pub fn review_lines() -> String {
    let anna = json!({ "type": "Person", "name": "anna" });
    let part = json!({ "type": "SpecificResource", "source": "a", "frame": [64, 48], "selector": { "type": "FragmentSelector", "value": "xywh=pixel:1,2,3,4" } });
    let outline = json!({ "type": "SpecificResource", "source": "a", "selector": { "type": "SvgSelector", "value": "<svg><polygon points='1,1 20,1 9,9'/></svg>" } });
    let tag = json!([{ "type": "TextualBody", "purpose": "tagging", "value": "gimel" }]);
    let annotation = |id: &str, part: &Value| json!({ "id": id, "type": "Annotation", "motivation": "tagging", "body": tag, "target": part, "creator": anna });
    let line = |kind: &str, object: Value| json!({ "@context": ["http://www.w3.org/ns/anno.jsonld"], "type": kind, "actor": anna, "endTime": "2024-05-06T07:08:09Z", "target": "a", "object": object });
    let lines = [
        line("Create", annotation("review-1", &part)),
        line("Update", annotation("l1", &outline)),
        line("Delete", json!({ "id": "l2", "type": "Annotation" })),
    ];
    lines.map(|line| format!("{line}\n")).concat()
}

/// A configuration file of `recto-serve` with every table.
pub const SERVE_TOML: &str = r##"
[presets.Card]
width = 300
height = 300
fit = "pad"
format = "png"
background = "#f4efe6"

[presets.Facebook]
offered = false

[prepare]
folder = "prepared"
thumbnails = [[400, 400], [512, 512]]

[cache]
folder = "cache"
disk = "10 GiB"
low_water = 0.8
cache_time = "2 days"
redis = "redis://127.0.0.1:6379/0"
redis_timeout = "500 ms"
purge_from = ["127.0.0.1", "::1"]

[auth]
label = "the reading room"
degraded = 400
basic = true
rate = {per_second = 50, burst = 500}
trusted_proxies = ["127.0.0.1", "10.0.0.0/8"]
origins = ["https://viewer.example"]

[[auth.rules]]
where = ["rights~creativecommons", "Shelf!=A"]
who = ["anyone"]
may = "full"

[[auth.rules]]
who = ["group:staff", "user:anna", "address:10.0.0.0/8"]
may = "degraded"

[[auth.accounts]]
user = "anna"
groups = ["staff"]
token = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
"##;

/// The services of M3, as TOML.
pub const M3_TOML: &str = "[m3]\nsite = \"http://m3.example\"\nanno = \"%(site)s/anno/v1\"\nkb = \"%(site)s/kb/v1\"\nvam = \"http://vam.example:8080/vam/v1\"\n";

/// The services of M3 as m3-download's `config.ini` names them.
pub const M3_INI: &str = "; where they are\n[DEFAULT]\nsite = http://m3.example\n\n[m3]\nanno: %(site)s/anno/v1\nkb = %(site)s/kb/v1\n\
    vam = %(site)s/vam/v1\nfastconceptimages = %(anno)s/fast/concept/images\npercent = %%\n";

/// What archives ask of harvesters, as users write it for `--archives`.
pub const ARCHIVES: &str =
    "host,at_once,per_second,why\nloc.gov,1,0.5,\"asked, politely\"\narchive.example,4,20,agreed\n";

/// A robots.txt with everything that RFC 9309 has, and what people add.
pub const ROBOTS: &str = "# hello\nUser-agent: recto\nUser-Agent: *\nDisallow: /private/\nAllow: /private/*.jpg$\nDisallow: /caf%C3%A9\nCrawl-delay: 2.5\n\n\
    User-agent: other\nDisallow: /\n\nSitemap: https://archive.example/sitemap.xml\n";

/// A `tdmrep.json`.
pub fn tdmrep() -> Value {
    json!([
        { "location": "/images/*", "tdm-reservation": 1, "tdm-policy": at("policy.json") },
        { "location": "/images/free/", "tdm-reservation": 0 }, { "location": "/*.jpg$", "tdm-reservation": "1" },
    ])
}

/// A `.netrc`.
pub const NETRC: &str = "# mine\nmachine archive.example login anna password \"a \\\"b\\\"\"\nmachine other.example\n\tlogin ben\n\tpassword secret\n\
    macdef init\ncd /pub\n\ndefault login guest password guest\n";

/// A journal of downloads.
pub fn journal() -> String {
    let line = |id: &str| {
        let sha256 = "0123456789abcdef".repeat(4);
        json!({ "recto": "download/1", "id": id, "path": format!("book/{id}.jpg"), "uri": at(&format!("{id}.jpg")), "bytes": 1234, "sha256": sha256,
                "width": 32, "height": 24, "media_type": "image/jpeg", "method": "bytes", "attempts": 1, "regions": 1, "etag": "\"x\"",
                "when": "2024-05-06T07:08:09Z", "notes": ["a note"], "asked": "full" })
    };
    ["a", "b", "žluť \"c\""]
        .map(|id| format!("{}\n", line(id)))
        .concat()
}

/// Limits that a run has learnt of hosts.
pub fn limits() -> Value {
    json!({ SITE: { "width": 1000, "height": 1000, "area": u64::MAX }, "http://127.0.0.1:8080": { "width": u32::MAX, "height": u32::MAX, "area": 1_000_000 } })
}

/// Small pictures of every format that is encoded here: name of the format, bytes.
pub fn pictures() -> Vec<(&'static str, Vec<u8>)> {
    let mut pictures = Vec::new();
    let formats = [
        ("jpg", ImageFormat::Jpeg),
        ("png", ImageFormat::Png),
        ("gif", ImageFormat::Gif),
        ("webp", ImageFormat::WebP),
        ("tif", ImageFormat::Tiff),
        ("bmp", ImageFormat::Bmp),
    ];
    for (name, format) in formats {
        pictures.push((name, picture(40, 30, 7, format)));
    }
    let source = image::load_from_memory(&pictures[1].1).expect("drawn here");
    let mut encoded = |name, image: DynamicImage, format| {
        let mut bytes = Cursor::new(Vec::new());
        image
            .write_to(&mut bytes, format)
            .expect("a type that the format has");
        pictures.push((name, bytes.into_inner()));
    };
    encoded("grey jpg", source.to_luma8().into(), ImageFormat::Jpeg);
    encoded("deep png", source.to_rgba16().into(), ImageFormat::Png);
    encoded("grey png", source.to_luma_alpha8().into(), ImageFormat::Png);
    encoded("deep tif", source.to_luma16().into(), ImageFormat::Tiff);
    encoded("clear webp", source.to_rgba8().into(), ImageFormat::WebP);
    pictures
}

/// A PDF of two pages: shapes, a picture, a turned page.
pub fn pdf() -> Vec<u8> {
    let stream = |entries: &str, content: &str| {
        format!(
            "<<{entries}/Length {}>>\nstream\n{content}\nendstream",
            content.len()
        )
    };
    let objects = [
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Kids[3 0 R 5 0 R]/Count 2/MediaBox[0 0 72 36]>>".to_owned(),
        "<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</XObject<</I 7 0 R>>>>>>".to_owned(),
        stream("", "q 1 0 0 rg 0 0 18 18 re f 0 0 1 RG 2 w 20 4 m 40 30 50 10 60 20 c S q 10 0 0 10 50 20 cm /I Do Q Q"),
        "<</Type/Page/Parent 2 0 R/Contents 6 0 R/Rotate 90/UserUnit 2/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>".to_owned(),
        stream("", "BT /F 12 Tf 4 4 Td (recto) Tj ET"),
        stream("/Type/XObject/Subtype/Image/Width 2/Height 2/BitsPerComponent 8/ColorSpace/DeviceGray/Filter/ASCIIHexDecode", "00 40 80 ff>"),
    ];
    let mut bytes = b"%PDF-1.7\n".to_vec();
    let mut places = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        places.push(bytes.len());
        bytes.extend(format!("{} 0 obj\n{object}\nendobj\n", at + 1).bytes());
    }
    let (start, count) = (bytes.len(), objects.len() + 1);
    bytes.extend(format!("xref\n0 {count}\n0000000000 65535 f \n").bytes());
    for place in places {
        bytes.extend(format!("{place:010} 00000 n \n").bytes());
    }
    bytes.extend(
        format!("trailer\n<</Size {count}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n").bytes(),
    );
    bytes
}
