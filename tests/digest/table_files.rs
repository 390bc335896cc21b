//! `recto-digest table`: the files in which tables really come, and what is said of those that cannot be used.

use std::io::Write;

use serde_json::{Value, json};

use super::{observations, texts};
use recto_testkit::{Ran, Workdir};

fn digest(work: &Workdir, name: &str, flags: &[&str]) -> Ran {
    let own = ["table", name, "-o", "digest.json"];
    work.run("digest", &[&own[..], flags].concat())
}

fn utf_16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

/// What Excel saves as "CSV" in most of Europe.
const EXCEL: &str = "Bild;Tiefe;Ort;Seiten\r\n\
    https://a.example/1.jpg;12,5;Žďár;1,2\r\n\
    https://a.example/2.jpg;1.200,25;\"Köln; Dom\";3\r\n\
    https://a.example/3.jpg;-7;Brünn;x\r\n";

#[test]
fn tables_of_excel_are_read_in_every_encoding() {
    let latin = EXCEL.replace("Žďár", "Ypern");
    let (old, ..) = encoding_rs::WINDOWS_1252.encode(&latin);
    let (czech, ..) = encoding_rs::WINDOWS_1250.encode(EXCEL);
    let marked = |mark: &[u8], bytes: Vec<u8>| [mark, &bytes].concat();
    /// Bytes, options, the name in the first row, what is said.
    type Case<'a> = (Vec<u8>, &'a [&'a str], &'a str, &'a [&'a str]);
    let cases: [Case; 8] = [
        (EXCEL.into(), &[], "Žďár", &[]),
        (marked(b"\xef\xbb\xbf", EXCEL.into()), &[], "Žďár", &[]),
        (
            marked(b"\xff\xfe", utf_16(EXCEL, u16::to_le_bytes)),
            &[],
            "Žďár",
            &[],
        ),
        (
            marked(b"\xfe\xff", utf_16(EXCEL, u16::to_be_bytes)),
            &[],
            "Žďár",
            &[],
        ),
        (utf_16(EXCEL, u16::to_le_bytes), &[], "Žďár", &[]),
        (format!("sep=;\r\n{EXCEL}").into(), &[], "Žďár", &[]),
        (
            old.to_vec(),
            &[],
            "Ypern",
            &["t.csv is not UTF-8: it is read as windows-1252"],
        ),
        (czech.to_vec(), &["--encoding", "windows-1250"], "Žďár", &[]),
    ];
    for (bytes, flags, town, said) in cases {
        for packed in [bytes.clone(), gzip(&bytes), zstd(&bytes)] {
            let work = Workdir::new();
            work.write("t.csv", packed);
            let flags = [&["--url-column", "Bild", "--where", "Tiefe>=12.5"], flags].concat();
            digest(&work, "t.csv", &flags)
                .exits(0)
                .says(&["t.csv: decimal commas are written as points in Tiefe; --decimal point"])
                .says(said);
            assert_eq!(texts(&work, "/metadata/Ort/0"), [town, "Köln; Dom"]);
            assert_eq!(texts(&work, "/metadata/Tiefe/0"), ["12.5", "1200.25"]);
            assert_eq!(texts(&work, "/metadata/Seiten/0"), ["1,2", "3"]);
        }
    }
    let work = Workdir::new();
    work.write("t.csv", EXCEL);
    digest(
        &work,
        "t.csv",
        &["--url-column", "Bild", "--decimal", "point"],
    )
    .exits(0);
    assert_eq!(
        texts(&work, "/metadata/Tiefe/0"),
        ["12,5", "1.200,25", "-7"]
    );
}

#[test]
fn cells_are_separated_by_what_is_told_or_divides_the_lines() {
    let cases: [(&str, &[&str], &[&str]); 5] = [
        ("url|n\nhttps://a/1.jpg|x\n", &[], &["x"]),
        ("url\tn\nhttps://a/1.jpg\tx\n", &[], &["x"]),
        (
            "url;n (a, b)\nhttps://a/1.jpg;x\n",
            &["--delimiter", ";"],
            &["x"],
        ),
        ("url:n\nhttps;//a/1.jpg:x\n", &["--delimiter", ":"], &[]),
        (
            "url\tn,m\nhttps://a/1.jpg\tx\n",
            &["--delimiter", "tab"],
            &["x"],
        ),
    ];
    for (text, flags, wanted) in cases {
        let work = Workdir::new();
        work.write("t.csv", text);
        let ran = digest(&work, "t.csv", &[&["--url-column", "url"], flags].concat());
        match wanted {
            [] => {
                ran.exits(1).says(&["cell is not a URL: https;//a/1.jpg"]);
            }
            _ => {
                ran.exits(0);
                let cell = &observations(&work)[0]["metadata"];
                let cells = cell.as_object().unwrap().values();
                let cells: Vec<&str> = cells.map(|v| v[0].as_str().unwrap()).collect();
                assert_eq!(cells, wanted, "{text}");
            }
        }
    }
    let work = Workdir::new();
    work.write("t.csv", "url\n");
    digest(
        &work,
        "t.csv",
        &["--url-column", "url", "--delimiter", "::"],
    )
    .exits(2)
    .says(&["one ASCII character is needed, or tab"]);
    digest(
        &work,
        "t.csv",
        &["--url-column", "url", "--encoding", "klingon"],
    )
    .exits(2)
    .says(&["not an encoding of the WHATWG"]);
}

#[test]
fn lists_of_urls_need_no_column() {
    let urls = [
        "https://a.example/1.jpg",
        "https://a.example/2,b.jpg",
        "HTTPS://a.example/3.jpg",
    ];
    let lines = format!("# pictures\n\n{}\n", urls.join("\r\n"));
    let json_lines = urls.map(|url| json!(url).to_string()).join("\n");
    let items = Value::from(urls.to_vec()).to_string();
    let objects: Vec<Value> = urls.iter().map(|url| json!({"url": url})).collect();
    for (name, text) in [
        ("urls.txt", lines.clone()),
        ("urls.csv", lines.replace("\r\n", "\r")),
        ("urls.jsonl", json_lines),
        ("urls.json", items),
        ("objects.json", Value::from(objects).to_string()),
    ] {
        let work = Workdir::new();
        work.write(name, text);
        let flags: &[&str] = if name == "objects.json" {
            &["--url-column", "url"]
        } else {
            &[]
        };
        digest(&work, name, flags).exits(0).says(&[
            "no column for groups, so recto-reformat --split treats every image as a group of its own",
        ]);
        assert_eq!(texts(&work, "/id"), urls, "{name}");
        let flags = [&["--group-column", "url"], flags].concat();
        let ran = digest(&work, name, &flags);
        ran.exits(0);
        assert!(
            !ran.stderr().contains("no column for groups"),
            "{}",
            ran.stderr()
        );
        assert_eq!(texts(&work, "/group"), urls, "{name}");
    }
    let work = Workdir::new();
    work.write(
        "t.jsonl",
        "\"https://a/1.jpg\"\n[\"https://a/2.jpg\"]\n\"x\"\n7\n",
    );
    digest(&work, "t.jsonl", &[]).exits(3);
    let rejects = work.text("digest.rejects.csv");
    assert_eq!(rejects.lines().count(), 4, "{rejects}");
    assert!(rejects.contains("t.jsonl,row 2,url,line is not a JSON object or a URL"));
}

#[test]
fn cells_may_name_services_and_several_images() {
    let text = "page,pictures,n\n\
        1,https://a.example/i/1/info.json,a\n\
        2,https://a.example/i/2/full/max/0/default.jpg,b\n\
        3,\"https://a.example/i/3/10,20,30,40/max/0/default.jpg\",c\n\
        4,https://a.example/i/4/full/max/90/default.jpg,d\n\
        5,https://a.example/5.jpg | https://a.example/6.jpg |,e\n\
        6,https://a.example/7.jpg | seven,f\n";
    let work = Workdir::new();
    work.write("t.csv", text);
    let flags = ["--url-column", "pictures"];
    digest(&work, "t.csv", &flags).exits(3);
    assert_eq!(observations(&work).len(), 5);
    let rejects = work.text("digest.rejects.csv");
    let several =
        "t.csv,row 5,pictures,\"cell holds several URLs, which --split-cell TEXT takes apart";
    assert!(
        rejects.contains(several) || rejects.contains(&several.replace('"', "")),
        "{rejects}"
    );
    digest(
        &work,
        "t.csv",
        &[&flags[..], &["--split-cell", "|"]].concat(),
    )
    .exits(3);
    let seen = observations(&work);
    let images: Vec<Value> = seen.iter().map(|o| o["image"].clone()).collect();
    let request = |n: u8, rest: &str| format!("https://a.example/i/{n}/{rest}/default.jpg");
    let service = |n: u8| json!({"id": format!("https://a.example/i/{n}"), "version": 2});
    let mut part = service(3);
    part["region"] = json!([10, 20, 30, 40]);
    let wanted = [
        json!({"service": service(1)}),
        json!({"url": request(2, "full/max/0"), "service": service(2)}),
        json!({"url": request(3, "10,20,30,40/max/0"), "service": part}),
        json!({"url": request(4, "full/max/90")}),
        json!({"url": "https://a.example/5.jpg"}),
        json!({"url": "https://a.example/6.jpg"}),
        json!({"url": "https://a.example/7.jpg"}),
    ];
    assert_eq!(images, wanted);
    assert_eq!(seen[2]["id"], "https://a.example/i/3#xywh=10,20,30,40");
    assert_eq!(
        texts(&work, "/metadata/n/0"),
        ["a", "b", "c", "d", "e", "e", "f"]
    );
    let rejects = work.text("digest.rejects.csv");
    assert!(
        rejects.contains("t.csv,row 6,pictures,cell is not a URL: seven"),
        "{rejects}"
    );
    work.write(
        "t.jsonl",
        r#"{"u": ["https://a/1.jpg", "https://a/2.jpg"], "m": {"k": [1, 2]}}"#,
    );
    digest(&work, "t.jsonl", &["--url-column", "u"]).exits(0);
    assert_eq!(texts(&work, "/id"), ["https://a/1.jpg", "https://a/2.jpg"]);
    assert_eq!(observations(&work)[1]["metadata"]["m.k"], json!(["1", "2"]));
}

#[test]
fn a_quote_that_is_not_closed_costs_its_row_and_no_other() {
    let work = Workdir::new();
    work.write(
        "t.csv",
        "url,note\nhttps://a/1.jpg,fine\nhttps://a/2.jpg,\"9 x 12\nhttps://a/3.jpg,\"two\nlines\"\nhttps://a/4.jpg,\"12\" wide\"\n",
    );
    digest(
        &work,
        "t.csv",
        &["--url-column", "url", "--report", "report.json"],
    )
    .exits(3);
    assert_eq!(
        texts(&work, "/id"),
        ["https://a/1.jpg", "https://a/3.jpg", "https://a/4.jpg"]
    );
    assert_eq!(texts(&work, "/metadata/note/0")[1], "two\nlines");
    let rejects = work.text("digest.rejects.csv");
    assert!(
        rejects.contains("row 2,url,") && rejects.contains("quote is not closed: line 3: "),
        "{rejects}"
    );
    assert_eq!(work.json("report.json")["rows"], 4);
    // As GBIF writes multimedia.txt: nothing is ever quoted.
    let title = |n: usize| match n {
        3 => "\"Type specimen",
        7 => "leaf 5\" wide",
        8 => "leaf 5\"",
        _ => "leaf",
    };
    let rows = (0..10).map(|n| format!("{n}\thttps://a/{n}.jpg\t{}\n", title(n)));
    let text = format!("gbifID\tidentifier\ttitle\n{}", rows.collect::<String>());
    work.write("multimedia.txt", text);
    digest(&work, "multimedia.txt", &["--url-column", "identifier"]).exits(0);
    let titles: Vec<&str> = (0..10).map(title).collect();
    assert_eq!(texts(&work, "/metadata/title/0"), titles);
}

#[test]
fn columns_are_listed_and_those_of_urls_suggested() {
    let header = "id,Image URL,thumb\n1,https://a/1.jpg,https://a/t/1.jpg\n";
    let cases: [(&str, &[&str], &[&str]); 4] = [
        (
            header,
            &[],
            &[
                "t.csv: the column with the images is not given",
                "set it with --url-column 'Image URL' or --url-column thumb (--service-column if",
                "; the columns are id, Image URL, thumb",
            ],
        ),
        (
            header,
            &["--url-column", "image url"],
            &[
                "t.csv: column `image url` does not exist",
                "--url-column 'Image URL'",
            ],
        ),
        (
            "id,name\n1,x\n",
            &[],
            &[
                "no column holds URLs",
                "--id-column and --service-prefix",
                "the columns are id, name",
            ],
        ),
        (
            "{\"image\": {\"url\": \"https://a/1.jpg\", \"path\": null}}\n",
            &[],
            &["--url-column image.url"],
        ),
    ];
    for (text, flags, words) in cases {
        let work = Workdir::new();
        work.write("t.csv", text);
        digest(&work, "t.csv", flags).exits(2).says(words);
    }
}

#[test]
fn files_that_are_no_tables_are_named_for_what_they_are() {
    let large = gzip(&vec![b'x'; 3_000_000]);
    let mut tar = vec![b'a'; 257];
    tar.extend(b"ustar\x0000");
    let cases: [(&[u8], &str); 16] = [
        (&tar, "a tar archive"),
        (b"PK\x03\x04xl/", "a ZIP archive or an Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1", "an old Excel workbook"),
        (b"BZh91AY", "compressed with bzip2"),
        (b"Obj\x01\x04", "an Avro file"),
        (b"7z\xbc\xaf\x27", "compressed with 7-Zip"),
        (b"\x93NUMPY\x01", "a NumPy array"),
        (b"\x80\x05\x95", "a Python pickle"),
        (b"\x89PNG\r\n", "a PNG image"),
        (b"\xff\xd8\xff\xe0", "a JPEG image"),
        (
            b"\x1f\x8b\x08\x00junk",
            "document cannot be decompressed from gzip",
        ),
        (
            b"\x28\xb5\x2f\xfdjunk",
            "document cannot be decompressed from zstd",
        ),
        (
            b"{\n \"images\": []\n}\n",
            "document is one JSON object: an object per line was expected",
        ),
        (
            b"https://a/1.jpg,one\nhttps://a/2.jpg,two\n",
            "first line is not a header, since it holds a URL",
        ),
        (
            b"PAR1 and nothing else",
            "document is not a Parquet file that can be read",
        ),
        (
            &large,
            "it has more than 2 MB when decompressed; --max-document MB",
        ),
    ];
    for (bytes, words) in cases {
        let work = Workdir::new();
        work.write("t.csv", bytes);
        digest(
            &work,
            "t.csv",
            &["--url-column", "url", "--max-document", "2"],
        )
        .exits(1)
        .says(&[words]);
    }
}

#[test]
fn a_condition_that_holds_for_no_row_is_answered_with_the_values_of_its_key() {
    let work = Workdir::new();
    work.write(
        "t.csv",
        "url,label,depth,kind\nhttps://a/1.jpg,x,10,map\nhttps://a/2.jpg,y,20.5,map\n",
    );
    let cases: [(&[&str], &str); 4] = [
        (
            &["--where", "depth>=100"],
            "hint: the values of depth are from 10 to 20.5",
        ),
        (
            &["--where", "kind=chart"],
            "hint: the most frequent values of kind are map (2)",
        ),
        (
            &["--label", "z"],
            "hint: the most frequent labels are x (1), y (1)",
        ),
        (
            &["--where", "depth>=15", "--where", "label=x"],
            "leave one out",
        ),
    ];
    for (flags, words) in cases {
        let ran = digest(&work, "t.csv", &[&["--url-column", "url"], flags].concat());
        ran.exits(1);
        assert!(ran.stderr().contains(words), "{}", ran.stderr());
        let is_of_labels = flags[0] == "--label";
        assert_eq!(
            ran.stderr().contains("frequent labels"),
            is_of_labels,
            "{flags:?}"
        );
    }
}

#[cfg(feature = "parquet")]
mod parquet_files {
    use std::sync::Arc;

    use parquet::basic::{BrotliLevel, Compression, GzipLevel};
    use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    use super::{Workdir, digest, json, observations, texts};

    /// A list as Hugging Face publishes them: three rows, the second without a picture, and tags as a list.
    fn pictures(compression: Compression) -> Vec<u8> {
        let schema = "message pictures { required int64 id; optional double depth; optional group image { \
            optional binary bytes; optional binary url (UTF8); } \
            optional group tags (LIST) { repeated group list { optional binary element (UTF8); } } }";
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let properties = WriterProperties::builder()
            .set_compression(compression)
            .build();
        let mut writer =
            SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
        let mut group = writer.next_row_group().unwrap();
        let texts = |all: &[&str]| {
            all.iter()
                .map(|text| ByteArray::from(*text))
                .collect::<Vec<_>>()
        };
        let mut at = 0;
        while let Some(mut column) = group.next_column().unwrap() {
            let bytes =
                |values: &[ByteArray],
                 levels: &[i16],
                 repeats: Option<&[i16]>,
                 column: &mut parquet::file::writer::SerializedColumnWriter| {
                    let typed = column.typed::<ByteArrayType>();
                    typed.write_batch(values, Some(levels), repeats).unwrap();
                };
            match at {
                0 => drop(
                    column
                        .typed::<Int64Type>()
                        .write_batch(&[7, 8, 9], None, None)
                        .unwrap(),
                ),
                1 => {
                    let typed = column.typed::<DoubleType>();
                    typed
                        .write_batch(&[0.1, 2.5], Some(&[1, 1, 0]), None)
                        .unwrap();
                }
                2 => bytes(
                    &[ByteArray::from(vec![0xff, 0xd8])],
                    &[2, 1, 1],
                    None,
                    &mut column,
                ),
                3 => bytes(
                    &texts(&["https://a/7.jpg", "https://a/9.jpg"]),
                    &[2, 1, 2],
                    None,
                    &mut column,
                ),
                _ => bytes(
                    &texts(&["x", "y"]),
                    &[3, 3, 0, 0],
                    Some(&[0, 1, 0, 0]),
                    &mut column,
                ),
            }
            column.close().unwrap();
            at += 1;
        }
        group.close().unwrap();
        writer.into_inner().unwrap()
    }

    #[test]
    fn parquet_is_read_with_structs_and_lists() {
        for compression in [
            Compression::UNCOMPRESSED,
            Compression::SNAPPY,
            Compression::GZIP(GzipLevel::default()),
            Compression::BROTLI(BrotliLevel::default()),
            Compression::LZ4_RAW,
        ] {
            let work = Workdir::new();
            work.write("t.bin", pictures(compression));
            digest(&work, "t.bin", &[]).exits(2).says(&[
                "--url-column image.url",
                "; the columns are id, depth, image.bytes, image.url, tags",
            ]);
            digest(&work, "t.bin", &["--url-column", "image.url"])
                .exits(3)
                .says(&["t.bin: left out columns with binary data: image.bytes"]);
            assert_eq!(texts(&work, "/id"), ["https://a/7.jpg", "https://a/9.jpg"]);
            let seen = observations(&work);
            assert_eq!(
                seen[0]["metadata"],
                json!({"id": ["7"], "depth": ["0.1"], "tags": ["x", "y"]})
            );
            assert_eq!(seen[1]["metadata"], json!({"id": ["9"]}));
            let rejects = work.text("digest.rejects.csv");
            assert!(
                rejects.contains("t.bin,row 2,image.url,cell is empty"),
                "{rejects}"
            );
        }
    }

    #[test]
    fn numbers_without_sign_are_read_as_they_are() {
        for kind in ["UINT_64", "INTEGER(64, false)"] {
            let schema = format!("message m {{ required int64 id ({kind}); }}");
            let schema = Arc::new(parse_message_type(&schema).unwrap());
            let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::default()).unwrap();
            let mut group = writer.next_row_group().unwrap();
            let mut column = group.next_column().unwrap().unwrap();
            let typed = column.typed::<Int64Type>();
            typed
                .write_batch(&[-9223372036854775803, 7], None, None)
                .unwrap();
            column.close().unwrap();
            group.close().unwrap();
            let work = Workdir::new();
            work.write("t.parquet", writer.into_inner().unwrap());
            digest(
                &work,
                "t.parquet",
                &["--url-template", "https://a/{id}.jpg"],
            )
            .exits(0);
            assert_eq!(
                texts(&work, "/id"),
                ["https://a/9223372036854775813.jpg", "https://a/7.jpg"],
                "{kind}"
            );
        }
    }

    /// Written by Arrow 26 for Python, which knows this program as little as it is known here.
    const BY_ARROW: &[u8] = include_bytes!("pictures.parquet");

    #[test]
    fn parquet_of_arrow_is_read_with_its_dictionaries_dates_and_lists_of_structs() {
        let work = Workdir::new();
        work.write("t.parquet", BY_ARROW);
        digest(
            &work,
            "t.parquet",
            &["--url-column", "image.url", "--group-column", "label"],
        )
        .exits(3);
        assert_eq!(texts(&work, "/group"), ["map", "map"]);
        let seen = observations(&work);
        assert_eq!(
            seen[0]["metadata"],
            json!({
                "id": ["1"], "image.path": ["1.jpg"], "label": ["map"], "tags": ["a", "b"], "depth": ["0.1"],
                "day": ["2020-01-02"], "time": ["2020-01-02T03:04:05.6Z"], "media.n": ["1", "2"], "media.u": ["x", "y"],
            })
        );
        let flags = [
            "--url-column",
            "image.url",
            "--where",
            "time>=2020-01-02",
            "--where",
            "day<2021",
        ];
        digest(&work, "t.parquet", &flags).exits(3);
        assert_eq!(observations(&work).len(), 2, "times can be compared");
    }

    #[test]
    fn parquet_that_is_too_large_or_damaged_is_refused() {
        let sound = pictures(Compression::SNAPPY);
        let work = Workdir::new();
        for cut in [5, sound.len() / 2, sound.len() - 1] {
            work.write("t.parquet", &sound[..cut]);
            digest(&work, "t.parquet", &["--url-column", "image.url"])
                .exits(1)
                .says(&["t.parquet: document is not a Parquet file that can be read"]);
        }
    }
}

#[test]
fn ids_urls_and_hashes_come_from_columns() {
    let work = Workdir::new();
    let hash = "ab".repeat(32);
    let table = format!(
        "photo_id,extension,name,sum,mirror\n7,jpg,first,{hash},https://b.example/7.jpg\n8 é,png,second,,\n,jpg,third,,\n9,jpg,fourth,abc,\n"
    );
    work.write("t.csv", table);
    let call = [
        "table",
        "t.csv",
        "--url-template",
        "https://a.example/{photo_id}/medium.{extension}",
        "--id-column",
        "name",
        "--sha256-column",
        "sum",
        "--fallback-column",
        "mirror",
        "-o",
        "d.json",
    ];
    work.run("digest", &call).exits(3);
    let digest = work.json("d.json");
    let images: Vec<[&serde_json::Value; 4]> = digest["observations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| {
            let image = &o["image"];
            [
                &o["id"],
                &image["url"],
                &image["sha256"],
                &image["fallbacks"],
            ]
        })
        .collect();
    let wanted = [
        [
            json!("first"),
            json!("https://a.example/7/medium.jpg"),
            json!(hash),
            json!(["https://b.example/7.jpg"]),
        ],
        [
            json!("second"),
            json!("https://a.example/8%20%C3%A9/medium.png"),
            serde_json::Value::Null,
            serde_json::Value::Null,
        ],
    ];
    assert_eq!(images, wanted.each_ref().map(|row| row.each_ref()));
    assert_eq!(
        digest["observations"][0]["metadata"]["photo_id"],
        json!(["7"])
    );
    let rejects = work.text("d.rejects.csv");
    assert!(
        rejects.contains("row 3") && rejects.contains("not a SHA-256"),
        "{rejects}"
    );
}

#[test]
fn a_cell_without_a_url_costs_no_image_that_has_another() {
    let work = Workdir::new();
    let table = "url,mirror\n\
        https://a.example/1.jpg,not a URL\n\
        ,https://b.example/2.jpg\n\
        n/a,https://b.example/3.jpg\n\
        n/a,none\n";
    work.write("t.csv", table);
    let flags = ["--url-column", "url", "--fallback-column", "mirror"];
    digest(&work, "t.csv", &flags).exits(3).says(&[
        "column mirror: what is not a URL is left out",
        "column url: where it names no image",
    ]);
    let wanted = [
        "https://a.example/1.jpg",
        "https://b.example/2.jpg",
        "https://b.example/3.jpg",
    ];
    assert_eq!(texts(&work, "/image/url"), wanted);
    let digest = work.json("digest.json");
    let fallbacks = digest["observations"].as_array().unwrap().iter();
    assert!(
        fallbacks
            .clone()
            .all(|o| o["image"].get("fallbacks").is_none())
    );
}

/// What stands in lists beside a list of images belongs to one of them each, and is never taken for that of another.
#[test]
fn of_lists_beside_images_each_image_has_its_own() {
    let url = |name: &str| format!("https://a.example/{name}.png");
    let [one, two] = ["1", "2"].map(|digit| digit.repeat(64));
    let lists = json!({
        "url": [url("1"), url("2")], "mirror": [url("b1"), url("b2")], "sum": [one, two], "name": ["x", "y"], "label": ["X", "Y"],
        "group": ["g", "h"],
    });
    let cells = format!(
        "url,mirror,sum,name,label,group\n{}|{},{}|{},{one}|{two},x|y,X|Y,g|h\n",
        url("1"),
        url("2"),
        url("b1"),
        url("b2")
    );
    let flags = [
        "--url-column",
        "url",
        "--fallback-column",
        "mirror",
        "--sha256-column",
        "sum",
        "--id-column",
        "name",
    ];
    for (name, text, more) in [
        ("t.jsonl", format!("{lists}\n"), &[][..]),
        ("t.csv", cells, &["--split-cell", "|"]),
    ] {
        let work = Workdir::new();
        work.write(name, text);
        digest(&work, name, &[&flags[..], more].concat()).exits(0);
        assert_eq!(texts(&work, "/id"), ["x", "y"], "{name}");
        assert_eq!(texts(&work, "/image/sha256"), [&*one, &*two], "{name}");
        assert_eq!(
            texts(&work, "/image/fallbacks/0"),
            [url("b1"), url("b2")],
            "{name}"
        );
        assert_eq!(texts(&work, "/source/labels/image"), ["X", "Y"], "{name}");
        assert_eq!(texts(&work, "/group"), ["g", "h"], "{name}");
    }
    // One value, or another number of values, for several images.
    let images = json!([url("1"), url("2")]);
    let cases = [
        (
            json!({"url": images, "sum": one}),
            "cell has 1 SHA-256 for 2 images",
        ),
        (
            json!({"url": images[0], "sum": [one, two]}),
            "cell has 2 SHA-256 for one image",
        ),
        (
            json!({"url": images, "name": ["x", "y", "z"]}),
            "cell has 3 ids for 2 images",
        ),
    ];
    for (row, wanted) in cases {
        let work = Workdir::new();
        let good = json!({"url": url("0"), "sum": one, "name": "good"});
        work.write("t.jsonl", format!("{row}\n{good}\n"));
        let column = if row.get("sum").is_some() {
            "--sha256-column=sum"
        } else {
            "--id-column=name"
        };
        digest(&work, "t.jsonl", &["--url-column", "url", column]).exits(3);
        let rejects = work.text("digest.rejects.csv");
        assert!(rejects.contains(wanted), "{rejects}");
        assert_eq!(texts(&work, "/image/url"), [url("0")]);
    }
    let work = Workdir::new();
    let fallback = json!({"url": images, "mirror": url("b")});
    let several = json!({"url": url("3"), "mirror": [url("b3"), url("c3")]});
    work.write("t.jsonl", format!("{fallback}\n{several}\n"));
    digest(
        &work,
        "t.jsonl",
        &["--url-column", "url", "--fallback-column", "mirror"],
    )
    .exits(0)
    .says(&["column mirror: left out where it has not as many URLs as its row has images"]);
    let digest = work.json("digest.json");
    let fallbacks = |n: usize| digest["observations"][n]["image"]["fallbacks"].clone();
    assert_eq!([fallbacks(0), fallbacks(1)], [json!(null), json!(null)]);
    assert_eq!(fallbacks(2), json!([url("b3"), url("c3")]));
}

#[test]
fn a_template_makes_an_image_of_each_value_of_a_list() {
    let work = Workdir::new();
    work.write(
        "t.jsonl",
        "{\"p\":[\"1\",\"2\",\"3\"],\"e\":\"png\"}\n{\"p\":\"4\",\"e\":\"jpg\"}\n{\"p\":[\"5\",\"6\"],\"e\":[\"a\",\"b\",\"c\"]}\n",
    );
    digest(
        &work,
        "t.jsonl",
        &["--url-template", "https://a.example/{p}.{e}"],
    )
    .exits(3);
    let wanted =
        ["1.png", "2.png", "3.png", "4.jpg"].map(|name| format!("https://a.example/{name}"));
    assert_eq!(texts(&work, "/image/url"), wanted);
    let rejects = work.text("digest.rejects.csv");
    assert!(
        rejects.contains("row 3") && rejects.contains("are not of one length"),
        "{rejects}"
    );
}

#[test]
fn one_cell_does_not_cost_the_numbers_of_its_column() {
    let stays = "decimal commas of Tiefe stay as they are, since not all cells are numbers, first: ca. 3; --decimal comma";
    let points = "decimal commas are written as points in Tiefe";
    let cases: [(&str, &[&str], &[&str], &str); 5] = [
        ("n/a", &[], &["2.5", "n/a", "7.25"], points),
        ("k. A.", &[], &["2.5", "k. A.", "7.25"], points),
        ("–", &[], &["2.5", "–", "7.25"], points),
        ("ca. 3", &[], &["2,5", "ca. 3", "7,25"], stays),
        (
            "ca. 3",
            &["--decimal", "comma"],
            &["2.5", "ca. 3", "7.25"],
            points,
        ),
    ];
    for (cell, flags, wanted, said) in cases {
        let work = Workdir::new();
        let cells = (1..).zip(["2,5", cell, "7,25"]);
        let rows: Vec<String> = cells
            .map(|(i, cell)| format!("https://a.example/{i}.jpg;{cell}\n"))
            .collect();
        work.write("t.csv", format!("url;Tiefe\n{}", rows.concat()));
        let flags = [&["--url-column", "url"], flags].concat();
        digest(&work, "t.csv", &flags).exits(0).says(&[said]);
        assert_eq!(texts(&work, "/metadata/Tiefe/0"), wanted, "{cell}");
    }
}
