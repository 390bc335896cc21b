//! The options of the source `fathomnet`.

use crate::sources::concept_names::below;

/// The public service.
const BASE: &str = "https://database.fathomnet.org/api";

/// Options of the source `fathomnet`.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Source fathomnet")]
pub struct FathomNetOptions {
    /// Base URL of the service [default: https://database.fathomnet.org/api]
    #[arg(long, value_name = "URL")]
    pub base: Option<String>,
    /// Taxonomy for --descendants, one of those that the service lists [default: fathomnet]
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
    /// Also keep boxes that reviewers rejected
    #[arg(long)]
    pub include_rejected: bool,
}

impl FathomNetOptions {
    /// The first of these options on the command line, as users type it.
    pub fn given(&self) -> Option<&'static str> {
        self.typed().first().map(|(name, _)| *name)
    }

    /// These options of the command line, with their values as users type them; those without a value have an empty one.
    pub fn typed(&self) -> Vec<(&'static str, String)> {
        let options = [
            ("--base", self.base.clone()),
            ("--provider", self.provider.clone()),
            (
                "--include-rejected",
                self.include_rejected.then(String::new),
            ),
        ];
        let given = options.into_iter();
        given
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }

    /// Base URL of the service.
    pub(super) fn base(&self) -> &str {
        self.base.as_deref().unwrap_or(BASE)
    }

    /// Name of the taxonomy.
    pub(super) fn provider(&self) -> &str {
        self.provider.as_deref().unwrap_or("fathomnet")
    }

    /// Base URL of the WoRMS service on the same host, which also has descendants.
    pub(super) fn worms(&self) -> String {
        let base = self.base().trim_end_matches('/');
        below(base.strip_suffix("/api").unwrap_or(base), "worms")
    }
}
