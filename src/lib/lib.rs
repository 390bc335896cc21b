//! recto: from image archives on the web to training sets for machine learning, with every record accounted for.
//!
//! ```text
//! Source ─▶ digest ─▶ digest.json ─▶ extract ─▶ localizations.json ─▶ download ─▶ images/ + image_map.json
//!                                                      │                                │
//!                                                      └──────────────┬─────────────────┘
//!                                                         reformat ◀──┴──▶ serve
//! ```
//!
//! Five stages, each a program (`recto-digest`, …) and a function ([`digest()`], [`extract()`], [`download()`],
//! [`reformat()`], [`serve()`]). A stage takes its options and returns a [`Summary`](summary::Summary): what it read, what
//! it kept, and a reject with its reason for every other record. An [`Error`](error::Error) means that the stage could
//! not finish. Stages only share files, the [`contracts`], so each can be used alone. Results and messages are
//! values, which the programs print; only progress (`--quiet`, `--progress none`) and the notices of [`serve()`] go to standard
//! error from here. [`shard`] divides a set among workers and unites what they have downloaded.
//!
//! [`Stage::parse`] makes options from the arguments of a command line, with the same defaults.
//!
//! # Digest: what does a source hold?
//!
//! Sources are IIIF manifests and collections with their annotations and transcriptions (ALTO, PAGE, hOCR), tables of URLs, two
//! services of marine images, and boxes in other formats: COCO, YOLO, VOC, VIA, Label Studio.
//!
//! ```
//! use recto::{Stage, contracts, digest};
//!
//! let folder = tempfile::tempdir()?;
//! let at = |name: &str| folder.path().join(name).display().to_string();
//! std::fs::write(at("pages.csv"), "url,label,manuscript\nhttps://example.org/1.jpg,folio 1,4Q171\n")?;
//!
//! let (input, output) = (at("pages.csv"), at("digest.json"));
//! let options = digest::Options::parse(["table", &input, "--url-column", "url", "-o", &output])?;
//! let summary = digest(&options)?;
//! assert_eq!((summary.kept, summary.rejects.len()), (1, 0));
//!
//! let digest: contracts::Digest = contracts::read(output.as_ref())?;
//! assert_eq!(digest.observations[0].id, "https://example.org/1.jpg");
//! assert_eq!(digest.observations[0].group, "4Q171");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Extract: which boxes are on which image?
//!
//! Annotations become boxes with classes, in one coordinate frame per image.
//!
//! ```
//! use recto::{Stage, contracts, extract};
//!
//! let folder = tempfile::tempdir()?;
//! let at = |name: &str| folder.path().join(name).display().to_string();
//! std::fs::write(at("digest.json"), r#"{
//!     "contract": "recto/digest", "version": 1, "source": {"kind": "iiif", "inputs": []},
//!     "observations": [{
//!         "id": "page-1", "image": {"url": "https://example.org/1.jpg"}, "canvas": [1000, 800],
//!         "source": {"kind": "iiif", "labels": {}}, "group": "book",
//!         "annotations": [{
//!             "id": "a", "bodies": [{"purpose": "tagging", "value": "alef"}],
//!             "regions": [{"frame": "canvas", "fragment": "xywh=10,20,30,40"}]
//!         }]
//!     }]
//! }"#)?;
//!
//! let (input, output) = (at("digest.json"), at("localizations.json"));
//! let summary = extract(&extract::Options::parse([&input, "-o", &output])?)?;
//! assert_eq!((summary.counts["images"], summary.counts["localizations"]), (1, 1));
//!
//! let found: contracts::Localizations = contracts::read(output.as_ref())?;
//! let first = &found.images[0].localizations[0];
//! assert_eq!((first.concept.as_str(), first.bbox.x, first.bbox.width), ("alef", 10.0, 30.0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Download: get the images
//!
//! Images are complete and verified, or they are in `failures.csv` with the reason. Here a server on this machine stands in
//! for an archive.
//!
//! ```
//! use std::io::{Cursor, Read, Write};
//!
//! use recto::{Stage, contracts, download};
//!
//! let mut image = Vec::new();
//! image::GrayImage::new(40, 30).write_to(&mut Cursor::new(&mut image), image::ImageFormat::Png)?;
//! let served = image.clone();
//! let server = std::net::TcpListener::bind("127.0.0.1:0")?;
//! let archive = format!("http://{}", server.local_addr()?);
//! std::thread::spawn(move || {
//!     for mut stream in server.incoming().flatten() {
//!         let mut request = [0; 4096];
//!         let n = stream.read(&mut request).unwrap_or(0);
//!         let (status, body): (_, &[u8]) = match request[..n].starts_with(b"GET /1.png ") {
//!             true => ("200 OK", &served),
//!             false => ("404 Not Found", b""),
//!         };
//!         let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
//!         let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
//!     }
//! });
//!
//! let folder = tempfile::tempdir()?;
//! let at = |name: &str| folder.path().join(name).display().to_string();
//! let mut wanted = contracts::LocalizedImage { id: "page-1".into(), ..Default::default() };
//! wanted.image.url = Some(format!("{archive}/1.png"));
//! let list = contracts::Localizations::new(vec![wanted]);
//! std::fs::write(at("localizations.json"), serde_json::to_vec(&list)?)?;
//!
//! let (input, images, map) = (at("localizations.json"), at("images"), at("image_map.json"));
//! let failures = at("failures.csv");
//! let options = ["--image-map", &map, "--failures", &failures, "--quiet", &input, &images];
//! let summary = download(&download::Options::parse(options)?)?;
//! assert_eq!(summary.kept, 1);
//!
//! let map = contracts::read_image_map(map.as_ref())?;
//! assert_eq!(std::fs::read(at(&map["page-1"]))?, image);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Reformat: write a training set
//!
//! Boxes are mapped to pixels of the downloaded files and written as COCO, YOLO, VOC, TFRecord and others:
//! see [`formats::ALL`].
//!
//! ```
//! use recto::{Stage, contracts, reformat};
//!
//! let folder = tempfile::tempdir()?;
//! let at = |name: &str| folder.path().join(name).display().to_string();
//! image::GrayImage::new(40, 30).save(at("1.png"))?;
//! std::fs::write(at("image_map.json"), r#"{"page-1": "1.png"}"#)?;
//! std::fs::write(at("localizations.json"), r#"{
//!     "contract": "recto/localizations", "version": 1,
//!     "images": [{
//!         "id": "page-1", "image": {"url": "https://example.org/1.png"}, "source": {"kind": "iiif"},
//!         "group": "book", "frame": [400, 300],
//!         "localizations": [{"id": "a", "concept": "alef", "bbox": [0, 0, 200, 300]}]
//!     }]
//! }"#)?;
//!
//! let (input, map, output) = (at("localizations.json"), at("image_map.json"), at("coco"));
//! let options = [&input, "--image-map", &map, "--format", "coco", "-o", &output];
//! let summary = reformat(&reformat::Options::parse(options)?)?;
//! assert_eq!((summary.counts["images"], summary.counts["boxes"]), (1, 1));
//!
//! // Half of the frame is half of the image, which is 40 pixels wide.
//! let text = std::fs::read_to_string(at("coco/annotations/instances_default.json"))?;
//! assert!(text.contains(r#""bbox":[0,0,20,30]"#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Serve: show images and boxes over IIIF
//!
//! Runs until Ctrl-C or SIGTERM, which is why this example is compiled but not run.
//!
//! ```no_run
//! use recto::{Stage, serve};
//!
//! let options = serve::Options::parse(["localizations.json", "--listen", "127.0.0.1:8080"])?;
//! let summary = serve(&options)?;
//! println!("{}", summary.done);
//! # Ok::<(), recto::error::Error>(())
//! ```
//!
//! # Shard: the same set from many workers
//!
//! A set is divided into parts that workers download with `recto-download PLAN OUT --shard I/N`, and what they have downloaded
//! is united again.
//!
//! ```
//! use recto::{Stage, shard};
//!
//! let folder = tempfile::tempdir()?;
//! let at = |name: &str| folder.path().join(name).display().to_string();
//! std::fs::write(at("localizations.json"), r#"{
//!     "contract": "recto/localizations", "version": 1,
//!     "images": [
//!         {"id": "1", "image": {"url": "https://a.example/1.png"}, "source": {"kind": "table"}, "group": "g"},
//!         {"id": "2", "image": {"url": "https://b.example/2.png"}, "source": {"kind": "table"}, "group": "g"}
//!     ]
//! }"#)?;
//!
//! let (input, output) = (at("localizations.json"), at("plan"));
//! let summary = shard(&shard::Options::parse(["plan", &input, "-n", "2", "-o", &output])?)?;
//! assert_eq!(summary.counts["images"], 2);
//! assert!(folder.path().join("plan/plan.json").exists());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Modules, from the lowest level up
//!
//! A module imports only from its own level and lower ones.
//!
//! | level | modules |
//! |---|---|
//! | values | [`error`], [`summary`], [`values`], [`texts`], the crates [`iiif`] (Image API), [`jpeg`] (joining without loss) and [`pixels`] (the only one that decodes pixels) |
//! | disk | [`files`]: the only module that creates files |
//! | reports | [`report`], [`progress`], [`prompt`], [`signals`] |
//! | data between stages | [`contracts`], [`selectors`], [`conditions`], [`image_names`], [`exif_boxes`] |
//! | shared by stages | [`http`]: the only module that opens connections; [`stored_image`], [`corrections`], [`schemas`] |
//! | plug-ins | [`sources`], [`formats`] |
//! | stages | [`mod@digest`], [`mod@extract`], [`mod@download`], [`mod@reformat`], [`mod@serve`] |
//! | beside them | [`mod@shard`]: divides a set among workers, unites what they downloaded; [`mod@diff`]: what is not the same in two sets; [`mod@export`]: references to images, without pixels |
//! | programs | [`cli`]: command lines and what programs say of themselves, the program `recto` |

mod annotation_files;
pub mod cli;
pub mod conditions;
pub mod contracts;
pub mod corrections;
pub mod diff;
pub mod digest;
pub mod download;
pub mod error;
pub mod exif_boxes;
pub mod export;
pub mod extract;
pub mod files;
pub mod formats;
pub mod http;
pub mod image_names;
mod messages;
pub mod progress;
pub mod prompt;
pub mod reformat;
pub mod report;
pub mod schemas;
pub mod selectors;
#[cfg(feature = "serve")]
pub mod serve;
pub mod shard;
pub mod signals;
pub mod sources;
pub mod stored_image;
pub mod summary;
pub mod texts;
pub mod values;
pub mod workers;
mod zstandard;

pub use diff::diff;
pub use digest::digest;
pub use download::download;
pub use export::export;
pub use extract::extract;
pub use recto_iiif as iiif;
pub use recto_jpeg as jpeg;
pub use recto_pixels as pixels;
pub use reformat::reformat;
pub use report::Stage;
#[cfg(feature = "serve")]
pub use serve::serve;
pub use shard::shard;
