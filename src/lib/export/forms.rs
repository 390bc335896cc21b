//! What each tool reads. Pure.

use std::fmt::Write as _;

use super::options::Tool;
use crate::error::Error;
use crate::files;

/// A file that one URL gives.
#[derive(Clone, Debug)]
pub struct Reference {
    /// Its path in the set.
    pub path: String,
    /// Where it is published.
    pub url: String,
    /// Length.
    pub bytes: u64,
    /// SHA-256 in hex.
    pub sha256: String,
    /// Suffix of its key, with the dot.
    pub suffix: String,
    /// ETag, if the server gave one.
    pub etag: Option<String>,
}

/// Files to be written: path and text.
pub type Files = Vec<(String, String)>;

/// Keys for `git annex fromkey --batch` and URLs for `git annex registerurl --batch`, and the script that runs both.
pub fn git_annex(references: &[Reference]) -> Files {
    let (mut keys, mut urls) = (String::new(), String::new());
    for found in references {
        let key = format!("SHA256E-s{}--{}{}", found.bytes, found.sha256, found.suffix);
        let _ = writeln!(keys, "{key} {}", found.path);
        let _ = writeln!(urls, "{key} {}", found.url);
    }
    let script = "\
#!/bin/sh
# Makes an annex in the folder REPOSITORY, in which every image is a key with a URL and no pixels.
set -eu
here=$(cd \"$(dirname \"$0\")\" && pwd)
git init -q \"${1:?usage: publish.sh REPOSITORY}\"
cd \"$1\"
git annex init recto
git annex fromkey --force --batch <\"$here/keys.txt\"
git annex registerurl --batch <\"$here/urls.txt\"
git add .
git commit -q -m 'Images, by reference'
";
    vec![
        ("keys.txt".into(), keys),
        ("urls.txt".into(), urls),
        ("publish.sh".into(), script.into()),
    ]
}

/// A table for `datalad addurls`, and the script that runs it.
///
/// # Errors
/// A value cannot be represented in CSV.
pub fn datalad(references: &[Reference]) -> Result<Files, Error> {
    let row = |found: &Reference| {
        let number = found.bytes.to_string();
        let parts = [&found.path, &found.url, &number, &found.sha256];
        parts.map(Clone::clone)
    };
    let rows = references.iter().map(row);
    let table = files::to_csv("urls.csv", &["path", "url", "bytes", "sha256"], rows)?;
    let script = "\
#!/bin/sh
# Makes a DataLad dataset in the folder DATASET, in which every image has a URL and no pixels.
set -eu
here=$(cd \"$(dirname \"$0\")\" && pwd)
datalad create \"${1:?usage: publish.sh DATASET}\"
datalad -C \"$1\" addurls --fast --key 'SHA256-s{bytes}--{sha256}' \"$here/urls.csv\" '{url}' '{path}'
";
    let table = String::from_utf8_lossy(&table).into_owned();
    Ok(vec![
        ("urls.csv".into(), table),
        ("publish.sh".into(), script.into()),
    ])
}

/// A `.dvc` file for each image, as `dvc import-url --no-download` writes it; `dvc update` gets the pixels.
pub fn dvc(references: &[Reference]) -> Files {
    let file = |found: &Reference| {
        let name = found.path.rsplit('/').next().unwrap_or_default();
        // Texts of JSON are texts of YAML.
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let etag = found.etag.as_deref();
        let etag = etag
            .map(|etag| format!("  etag: {}\n", text(etag)))
            .unwrap_or_default();
        let stage = format!(
            "frozen: true\ndeps:\n- path: {}\n{etag}  size: {}\n  hash: md5\nouts:\n- path: {}\n  hash: md5\nmeta:\n  sha256: {}\n",
            text(&found.url),
            found.bytes,
            text(name),
            text(&found.sha256)
        );
        (format!("{}.dvc", found.path), stage)
    };
    references.iter().map(file).collect()
}

/// What to do with the folder.
pub fn readme(tool: Tool) -> &'static str {
    match tool {
        Tool::GitAnnex => {
            "# Images by reference\n\n`sh publish.sh REPOSITORY` makes an annex in a new folder: `git annex get .` there gets the images from their\nservers and checks their SHA-256. `left-out.csv` lists images that no URL gives.\n"
        }
        Tool::Datalad => {
            "# Images by reference\n\n`sh publish.sh DATASET` makes a DataLad dataset in a new folder: `datalad get .` there gets the images from their\nservers and checks their SHA-256. `left-out.csv` lists images that no URL gives.\n"
        }
        Tool::Dvc => {
            "# Images by reference\n\nCopy what is here into a repository of DVC: `dvc update -R .` gets the images from their servers. `left-out.csv` lists\nimages that no URL gives.\n"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one() -> Vec<Reference> {
        vec![Reference {
            path: "g/a.jpg".into(),
            url: "https://a.example/a.jpg?x=1,2".into(),
            bytes: 3,
            sha256: "ab".into(),
            suffix: ".jpg".into(),
            etag: Some("\"x\"".into()),
        }]
    }

    #[test]
    fn each_tool_gets_its_own() {
        let annex = git_annex(&one());
        assert_eq!(annex[0].1, "SHA256E-s3--ab.jpg g/a.jpg\n");
        assert_eq!(
            annex[1].1,
            "SHA256E-s3--ab.jpg https://a.example/a.jpg?x=1,2\n"
        );
        let table = "path,url,bytes,sha256\ng/a.jpg,\"https://a.example/a.jpg?x=1,2\",3,ab\n";
        assert_eq!(datalad(&one()).unwrap()[0].1, table);
        let (path, stage) = &dvc(&one())[0];
        assert_eq!(path, "g/a.jpg.dvc");
        assert!(
            stage.contains("- path: \"https://a.example/a.jpg?x=1,2\"\n  etag: \"\\\"x\\\"\"\n")
        );
        assert!(stage.contains("outs:\n- path: \"a.jpg\"\n"));
    }
}
