//! The options of the source `m3`.

/// The service that `--login` knows.
pub const RAZIEL: &str = "raziel";

/// Options of the source `m3`.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Source m3")]
pub struct M3Options {
    /// File with the URLs of the services: TOML, or the config.ini of m3-download, with a section [m3]; or the URL of
    /// raziel [default: config.ini, if it exists]
    #[arg(short, long, value_name = "FILE|URL")]
    pub config: Option<std::path::PathBuf>,
    /// Base URL of annosaurus, such as http://HOST/anno/v1
    #[arg(long, value_name = "URL")]
    pub anno: Option<String>,
    /// Base URL of the knowledge base, such as http://HOST/kb/v1, for synonyms, descendants and ranks
    #[arg(long, value_name = "URL")]
    pub kb: Option<String>,
    /// Base URL of vampire-squid, such as http://HOST/vam/v1, for dives, which become groups
    #[arg(long, value_name = "URL")]
    pub vam: Option<String>,
    /// Base URL of raziel, such as http://HOST/config, which names the services that are not set otherwise
    #[arg(long, value_name = "URL")]
    pub raziel: Option<String>,
    /// Log in to a service first, with a name and password from a netrc file or typed in; its token goes to its host and to
    /// hosts that options or the file of -c name
    #[arg(long, value_name = "SERVICE", value_parser = clap::builder::PossibleValuesParser::new([RAZIEL]))]
    pub login: Option<String>,
    /// Link name of associations that hold boxes, besides `bounding box`; upper and lower case, blanks, - and _ are the
    /// same (repeatable)
    #[arg(long, value_name = "NAME")]
    pub box_link: Vec<String>,
    /// Which image of a moment its boxes are put on
    #[arg(long, value_name = "RULE", value_enum, default_value_t = Prefer::One)]
    pub prefer: Prefer,
    /// Use images with burnt-in text if a moment does not have another image
    #[arg(long)]
    pub overlays: bool,
    /// Name boxes around a part of an animal after the animal, without the part
    #[arg(long)]
    pub no_parts: bool,
    /// Also accept boxes whose numbers have decimals, are strings or are shares of the image, that begin outside their
    /// image, or whose JSON is encoded twice, nested or similar to JSON
    #[arg(long, alias = "mend-boxes")]
    pub repair_boxes: bool,
    /// Also read observations of moments without an image, to list boxes that were drawn only on video; there may be
    /// many more of them
    #[arg(long)]
    pub unpictured: bool,
    /// Also keep images without boxes, with their concepts as labels of the whole image
    #[arg(long)]
    pub unboxed: bool,
}

/// Which image of a moment its boxes are put on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Prefer {
    /// The image that they name; if they name several of the same size, all go on one of these, PNG before JPEG
    #[default]
    One,
    /// Always the image that each box names
    Own,
    /// A PNG of the same size, if there is one
    Png,
    /// A JPEG of the same size, if there is one
    Jpg,
}

impl M3Options {
    /// The first of these options on the command line, as users type it.
    pub fn given(&self) -> Option<&'static str> {
        self.typed().first().map(|(name, _)| *name)
    }

    /// These options of the command line, with their values as users type them; those without a value have an empty one.
    pub fn typed(&self) -> Vec<(&'static str, String)> {
        let flag = |is: bool| is.then(String::new);
        let prefer = Some(self.prefer).filter(|prefer| *prefer != Prefer::One);
        let prefer = prefer.as_ref().and_then(clap::ValueEnum::to_possible_value);
        let config = self.config.as_ref();
        let before = [
            ("--config", config.map(|path| path.display().to_string())),
            ("--anno", self.anno.clone()),
            ("--kb", self.kb.clone()),
            ("--vam", self.vam.clone()),
            ("--raziel", self.raziel.clone()),
            ("--login", self.login.clone()),
        ];
        let links = self.box_link.iter();
        let links = links.map(|name| ("--box-link", Some(name.clone())));
        let after = [
            ("--prefer", prefer.map(|value| value.get_name().to_owned())),
            ("--overlays", flag(self.overlays)),
            ("--no-parts", flag(self.no_parts)),
            ("--repair-boxes", flag(self.repair_boxes)),
            ("--unpictured", flag(self.unpictured)),
            ("--unboxed", flag(self.unboxed)),
        ];
        let all = before.into_iter().chain(links).chain(after);
        all.filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}
