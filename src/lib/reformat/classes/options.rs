//! The options that rename, merge and drop classes, and the rules that follow from them.

use std::path::PathBuf;

use super::names::ClassRules;
use super::remap;
use super::taxonomy::{Tree, plain};
use crate::contracts::Taxonomy;
use crate::error::Error;

/// Options that rename, merge and drop classes.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Classes")]
pub struct ClassOptions {
    /// Rename, merge or drop classes: CSV with the columns from,to (or two columns without header), or JSON
    /// {from: to}; an empty `to` drops the class
    #[arg(long, value_name = "FILE")]
    pub remap: Option<PathBuf>,
    /// Keep only the boxes of these classes, after --remap and --to-rank
    #[arg(long, value_name = "CLASS,…", value_delimiter = ',')]
    pub keep: Vec<String>,
    /// Leave out classes with fewer boxes
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub min_count: u64,
    /// Give classes the ids that they have in this list, whether they occur or not: a name on each line, or the
    /// dataset.json of an earlier set; others come after them
    #[arg(long, value_name = "FILE")]
    pub classes: Option<PathBuf>,
    /// Apply an entry of --remap also to everything below it in the taxonomy, unless there is a nearer entry
    #[arg(long, requires = "remap")]
    pub remap_descendants: bool,
    /// After --remap, roll classes up to their taxon of this rank, such as `genus`; classes without one stay as they are
    #[arg(long, value_name = "RANK")]
    pub to_rank: Option<String>,
    /// Leave out the boxes of classes without a taxon of the rank of --to-rank
    #[arg(long, requires = "to_rank")]
    pub to_rank_strict: bool,
    /// Write the ranks above each class: columns `rank:…` in csv and counts, <taxonomy> in voc, supercategory in coco
    #[arg(long)]
    pub taxonomy: bool,
    /// Use this taxonomy instead of that in LOCALIZATIONS: a saved response of a knowledge base to
    /// phylogeny/down/NAME, or a digest with a taxonomy
    #[arg(long, value_name = "FILE")]
    pub taxonomy_file: Option<PathBuf>,
    /// coco: the rank whose taxon is the supercategory [default: the taxon directly above the class]
    #[arg(long, value_name = "RANK", requires = "taxonomy")]
    pub supercategory: Option<String>,
}

impl ClassOptions {
    /// The rules, and notes about what they lack. `input` is what messages call the localizations.
    ///
    /// # Errors
    /// A file cannot be read, an option has no effect, or a rank does not exist in the taxonomy.
    pub fn rules(
        &self,
        input: &str,
        carried: &Taxonomy,
    ) -> Result<(ClassRules, Vec<String>), Error> {
        self.check_use()?;
        let tree = match &self.taxonomy_file {
            Some(path) => Tree::read(path)?,
            None => Tree::of(carried),
        };
        let from = match &self.taxonomy_file {
            Some(path) => path.display().to_string(),
            None => input.to_owned(),
        };
        let notes = self.check_tree(&tree, &from)?;
        let remap = self.remap.as_deref().map(remap::read).transpose()?;
        let rules = ClassRules {
            remap: remap.unwrap_or_default(),
            descendants: self.remap_descendants,
            to_rank: self.to_rank.clone(),
            strict: self.to_rank_strict,
            taxonomy: self.taxonomy,
            tree,
            keep: self.keep.iter().map(|name| plain(name)).collect(),
        };
        Ok((rules, notes))
    }

    fn check_use(&self) -> Result<(), Error> {
        let is_used = self.taxonomy || self.to_rank.is_some() || self.remap_descendants;
        match &self.taxonomy_file {
            Some(_) if !is_used => Err(Error::usage("--taxonomy-file alone has no effect")
                .hint("--taxonomy writes its ranks, --to-rank and --remap-descendants use it")),
            _ => Ok(()),
        }
    }

    /// A missing tree is an error if classes are rolled up, since they would be wrong. If ranks are only written, it is a
    /// note.
    fn check_tree(&self, tree: &Tree, from: &str) -> Result<Vec<String>, Error> {
        let moves = [
            (self.to_rank.is_some(), "--to-rank"),
            (self.remap_descendants, "--remap-descendants"),
        ];
        let moving = moves.iter().find(|(given, _)| *given);
        if tree.is_empty() {
            let what = format!("{from}: does not contain a taxonomy");
            return match moving {
                Some((_, option)) => {
                    Err(Error::new(format!("{what}, which {option} needs")).hint(HINT))
                }
                None if self.taxonomy => Ok(vec![format!("{what}: no ranks are written; {HINT}")]),
                None => Ok(Vec::new()),
            };
        }
        for (option, rank) in [
            ("--to-rank", &self.to_rank),
            ("--supercategory", &self.supercategory),
        ] {
            let ranks = tree.ranks();
            let is_known =
                |rank: &String| ranks.iter().any(|known| known.eq_ignore_ascii_case(rank));
            if let Some(rank) = rank.as_ref().filter(|rank| !is_known(rank)) {
                let what = format!("{option} {rank}: there is no such rank in {from}");
                return Err(Error::new(what).hint(format!("ranks are {}", ranks.join(", "))));
            }
        }
        Ok(Vec::new())
    }
}

const HINT: &str = "`recto-digest m3` with a knowledge base writes a taxonomy, --taxonomy-file FILE reads a saved one";
