//! Options of sources that are searched by concept.

/// Options of the sources `m3` and `fathomnet`, which are searched by concept.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Sources m3 and fathomnet")]
pub struct ConceptOptions {
    /// A concept to search for; the same as an argument after SOURCE (repeatable)
    #[arg(long, value_name = "NAME")]
    pub concept: Vec<String>,
    /// Also search for everything below the concepts in the tree
    #[arg(short, long)]
    pub descendants: bool,
    /// Keep the boxes of all concepts on the images found, not only of those searched for
    #[arg(short, long)]
    pub all: bool,
    /// Records per request [default: 1000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub page_size: Option<u64>,
}

impl ConceptOptions {
    /// The first of these options on the command line, as users type it.
    pub fn given(&self) -> Option<&'static str> {
        self.typed().first().map(|(name, _)| *name)
    }

    /// These options of the command line, with their values as users type them; those without a value have an empty one.
    pub fn typed(&self) -> Vec<(&'static str, String)> {
        let concepts = self.concept.iter();
        let concepts = concepts.map(|name| ("--concept", Some(name.clone())));
        let after = [
            ("--descendants", self.descendants.then(String::new)),
            ("--all", self.all.then(String::new)),
            ("--page-size", self.page_size.map(|n| n.to_string())),
        ];
        let all = concepts.chain(after);
        all.filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }

    /// Records per request.
    pub fn page_size(&self) -> u64 {
        self.page_size.unwrap_or(1000)
    }

    /// The options that select what a digest holds, as users type them.
    pub fn texts(&self) -> Vec<String> {
        let options = [(self.descendants, "--descendants"), (self.all, "--all")];
        let given = options.into_iter().filter(|(given, _)| *given);
        given.map(|(_, name)| name.to_owned()).collect()
    }
}
