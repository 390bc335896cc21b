//! The options about concepts, and the rules they make.

use std::path::PathBuf;

use super::naming::Rules;
use super::remap;
use super::tree::Tree;
use crate::contracts::Taxonomy;
use crate::error::Error;

/// How concepts become classes.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Concepts")]
pub struct Options {
    /// Rename, merge or drop concepts: CSV with the columns from,to (or two columns and no header), or JSON
    /// {from: to}; an empty `to` drops
    #[arg(long, value_name = "FILE")]
    pub remap: Option<PathBuf>,
    /// An entry of --remap holds for everything below its concept too, unless a nearer one says otherwise
    #[arg(long, requires = "remap")]
    pub remap_descendants: bool,
    /// Roll concepts up to their taxon of this rank, such as `genus`, after --remap; what has none stays as it is
    #[arg(long, value_name = "RANK")]
    pub to_rank: Option<String>,
    /// Set aside the boxes that --to-rank leaves as they are
    #[arg(long, requires = "to_rank")]
    pub to_rank_strict: bool,
    /// Write the ranks above each class: columns `rank:…` in csv and counts, <taxonomy> in voc, supercategory in coco
    #[arg(long)]
    pub taxonomy: bool,
    /// Where concepts stand, instead of what LOCALIZATIONS says: a saved answer of a knowledge base to
    /// phylogeny/down/NAME, or a digest with a taxonomy
    #[arg(long, value_name = "FILE")]
    pub taxonomy_file: Option<PathBuf>,
    /// coco: the rank whose taxon is the supercategory [default: the taxon right above the class]
    #[arg(long, value_name = "RANK", requires = "taxonomy")]
    pub supercategory: Option<String>,
}

impl Options {
    /// The rules, and news about what they lack.
    pub fn rules(&self, input: &str, carried: &Taxonomy) -> Result<(Rules, Vec<String>), Error> {
        self.check_use()?;
        let tree = match &self.taxonomy_file {
            Some(path) => Tree::read(path)?,
            None => Tree::of(carried),
        };
        let from = match &self.taxonomy_file {
            Some(path) => path.display().to_string(),
            None => input.to_owned(),
        };
        let news = self.check_tree(&tree, &from)?;
        let remap = self.remap.as_deref().map(remap::read).transpose()?;
        let rules = Rules {
            remap: remap.unwrap_or_default(),
            descendants: self.remap_descendants,
            to_rank: self.to_rank.clone(),
            strict: self.to_rank_strict,
            taxonomy: self.taxonomy,
            tree,
        };
        Ok((rules, news))
    }

    fn check_use(&self) -> Result<(), Error> {
        let is_used = self.taxonomy || self.to_rank.is_some() || self.remap_descendants;
        match &self.taxonomy_file {
            Some(_) if !is_used => Err(Error::usage("--taxonomy-file alone changes nothing")
                .hint("--taxonomy writes ranks, --to-rank and --remap-descendants go by them")),
            _ => Ok(()),
        }
    }

    /// Without a tree nothing can be rolled up: an error, since the classes would be wrong. Ranks are only missed.
    fn check_tree(&self, tree: &Tree, from: &str) -> Result<Vec<String>, Error> {
        let moves = [
            (self.to_rank.is_some(), "--to-rank"),
            (self.remap_descendants, "--remap-descendants"),
        ];
        let moving = moves.iter().find(|(given, _)| *given);
        if tree.is_empty() {
            let what = format!("{from}: holds no taxonomy");
            return match moving {
                Some((_, option)) => {
                    Err(Error::new(format!("{what}, {option} needs one")).hint(HINT))
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
                let what = format!("{option} {rank}: nothing in {from} has this rank");
                return Err(Error::new(what).hint(format!("ranks are {}", ranks.join(", "))));
            }
        }
        Ok(Vec::new())
    }
}

const HINT: &str =
    "`recto-digest m3` with a knowledge base writes one, --taxonomy-file FILE takes a saved one";
