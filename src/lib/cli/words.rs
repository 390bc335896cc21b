//! What each program says of itself: what it does, examples, how its options are grouped, and which of them `-h` shows.

/// The words of a program.
pub struct Words {
    /// The name of its stage.
    pub stage: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    /// Command lines, one a line.
    pub examples: &'static str,
    /// Options that `-h` shows: those of nearly every use.
    pub essential: &'static [&'static str],
    /// Headings of `--help` with their options, where these do not have one of their own.
    pub groups: &'static [(&'static str, &'static [&'static str])],
    /// Headings of options for some sources only, with these sources.
    pub sources: &'static [(&'static str, &'static [&'static str])],
    /// Headings of options that all sources have, and that the help of one source leaves out.
    pub of_all: &'static [&'static str],
}

/// What stands below the help of `recto`.
pub const RECTO_AFTER: &str = "\
From an archive to a training set:
  recto digest iiif https://archive.example/manifest.json -o digest.json
  recto extract digest.json
  recto download localizations.json images
  recto reformat localizations.json -f yolo -o set --split train=0.8,val=0.2

`recto digest` and the program `recto-digest` are the same, as are the other stages. `recto COMMAND -h` says what a command takes.";

/// The words of a stage.
pub fn of(stage: &str) -> Option<&'static Words> {
    ALL.into_iter().find(|words| words.stage == stage)
}

const ALL: [&Words; 6] = [&DIGEST, &EXTRACT, &DOWNLOAD, &REFORMAT, &SERVE, &SHARD];

const DIGEST: Words = Words {
    stage: "digest",
    about: "List the images of a source with their annotations, for all later stages",
    examples: "\
recto-digest iiif https://archive.example/iiif/manifest.json -o digest.json
recto-digest iiif https://archive.example/iiif/collection.json --label 'NIR.*Recto' --cache cache -o digest.json
recto-digest table images.csv --url-column url --where plate=600 -o digest.json
recto-digest m3 Sebastes --descendants --config config.ini --where 'depth_meters>=500'
recto-digest fathomnet 'Nanomia bijuga' --where box.verified=true
recto-digest coco instances.json --images image_map.json -o boxes.json
recto-digest yolo runs/predict/labels --classes data.yaml --images image_map.json -o boxes.json
recto-digest m3 --help",
    essential: &[
        "output",
        "label",
        "where",
        "limit",
        "cache",
        "contact",
        "url-column",
        "config",
        "descendants",
    ],
    groups: &[
        ("Filters", &["label", "where", "limit"]),
        ("Cache", &["cache", "offline"]),
        ("Earlier runs", &["lock", "locked", "changes"]),
        ("Source iiif", &["activities", "since", "no-annotations"]),
    ],
    sources: &[
        ("Source iiif", &["iiif"]),
        ("Source table", &["table"]),
        ("Transcriptions (ALTO, PAGE, hOCR)", &["iiif", "table"]),
        (
            "Sources coco, yolo, voc, via and labelstudio",
            &["coco", "yolo", "voc", "via", "labelstudio"],
        ),
        ("Sources m3 and fathomnet", &["m3", "fathomnet"]),
        ("Source m3", &["m3"]),
        ("Source fathomnet", &["fathomnet"]),
    ],
    of_all: &["Network", "Earlier runs"],
};

const EXTRACT: Words = Words {
    stage: "extract",
    about: "Turn digests into localizations: boxes with classes, one entry per image",
    examples: "\
recto-extract digest.json
recto-extract digest.json boxes.json -o localizations.json
recto-extract digest.json --review review.jsonl -o corrected.json",
    essential: &["output", "rejects", "class-from", "review"],
    groups: &[(
        "Boxes",
        &[
            "class-from",
            "outside",
            "line-height",
            "point-size",
            "repair-boxes",
            "box-link",
            "motivation",
        ],
    )],
    sources: &[],
    of_all: &[],
};

const DOWNLOAD: Words = Words {
    stage: "download",
    about: "Download the images of a localizations.json, complete and in full resolution",
    examples: "\
recto-download localizations.json images --dry-run
recto-download localizations.json images --contact you@university.example
recto-download localizations.json images --budget requests=5000,bytes=20GB,time=8h
recto-download localizations.json images --refresh
recto-download localizations.json images --locked
recto-download localizations.json regions --regions --margin 10%
recto-download plan images --shard auto --deadline 4h",
    essential: &[
        "dry-run",
        "contact",
        "rate",
        "jobs",
        "longest-side",
        "regions",
        "refresh",
        "budget",
    ],
    groups: &[
        (
            "What is downloaded",
            &[
                "regions",
                "margin",
                "max-width",
                "longest-side",
                "shortest-side",
                "min-size",
                "max-bytes",
                "format",
                "lossless",
                "tiles",
                "drop-placeholder",
                "keep-unread",
            ],
        ),
        (
            "Earlier runs",
            &[
                "overwrite",
                "verify",
                "refresh",
                "retry-failed",
                "forget",
                "lock",
                "locked",
                "changes",
                "orphans",
                "prune",
            ],
        ),
        ("Workers", &["shard", "deadline"]),
        (
            "Files",
            &["name", "image-map", "failures", "downloaded-images"],
        ),
    ],
    sources: &[],
    of_all: &[],
};

const REFORMAT: Words = Words {
    stage: "reformat",
    about: "Write images and their boxes as a training set",
    examples: "\
recto-reformat localizations.json -f yolo -o set --split train=0.8,val=0.1,test=0.1
recto-reformat localizations.json -f coco,yolo -o sets --split train=0.8,val=0.2 --negatives drop
recto-reformat localizations.json -f yolo -o tiles --tiles 1024 --overlap 128
recto-reformat localizations.json -f sheet -o sheet.png
recto-reformat localizations.json -f report -o report.html",
    essential: &[
        "format",
        "output",
        "image-map",
        "split",
        "seed",
        "negatives",
        "remap",
        "tiles",
    ],
    groups: &[
        (
            "Formats",
            &[
                "images",
                "no-val",
                "voc-inclusive",
                "crop-margin",
                "crop-square",
                "rectify",
                "line-mask",
                "keypoints",
                "shard-mb",
                "iiif-base",
                "sheet-images",
                "no-croissant",
                "published",
                "total",
            ],
        ),
        ("Workers", &["shard", "from-shards"]),
    ],
    sources: &[],
    of_all: &[],
};

const SERVE: Words = Words {
    stage: "serve",
    about: "Serve a folder of images or a downloaded set over IIIF (Image API 2.1 and 3.0, Presentation API 2.1 and 3.0, Content Search 2.0) and as web pages where boxes can be viewed and corrected",
    examples: "\
recto-serve images
recto-serve localizations.json --image-map image_map.json
recto-serve localizations.json --image-map image_map.json --review review.jsonl
recto-serve images --listen 0.0.0.0:8080 --base-url https://images.example/ --config serve.toml",
    essential: &[
        "image-map",
        "listen",
        "base-url",
        "review",
        "classes",
        "config",
        "watch",
        "prepare",
    ],
    groups: &[
        ("Addresses", &["listen", "base-url", "allow-host"]),
        (
            "Limits",
            &[
                "max-size",
                "undeclared-limit",
                "max-pixels",
                "no-upscale",
                "strict-within",
                "memory",
                "queue",
                "max-age",
                "max-connections",
                "client-timeout",
                "file-timeout",
            ],
        ),
        (
            "Review",
            &["review", "classes", "exif-boxes", "review-by-anyone"],
        ),
        (
            "Prepared files and caches",
            &["prepare", "pyramids", "prepared", "purge"],
        ),
    ],
    sources: &[],
    of_all: &[],
};

const SHARD: Words = Words {
    stage: "shard",
    about: "Divide a set among workers, merge their downloads, report their progress",
    examples: "\
recto-shard plan localizations.json -n 16 -o plan
recto-download plan images --shard 0/16
recto-shard status plan images --failed
recto-shard merge images",
    essential: &["report", "partial-ok", "quiet"],
    groups: &[],
    sources: &[],
    of_all: &[],
};
