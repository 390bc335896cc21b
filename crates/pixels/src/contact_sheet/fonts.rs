//! The fonts that letters on contact sheets are drawn with: those within the program, then those of the machine that have what these
//! do not have.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hasher};

use fontdb::{Database, FaceInfo, Source, Stretch, Style};
use harfrust::font::glyph::outline::SvgSink;
use harfrust::{Font, GlyphId};
use skrifa::{DrawMemory, ScalerFont};

/// Fonts, in the order in which they are asked for a character.
pub struct Fonts {
    fonts: Vec<Font>,
    /// What only a font of the machine has.
    of_machine: HashMap<char, usize>,
}

/// Noto Sans and its Hebrew, Arabic and Devanagari, without hints and rare characters (`scripts/subset_fonts.sh`).
const WITHIN: [&[u8]; 4] = [
    include_bytes!("fonts/NotoSans.ttf"),
    include_bytes!("fonts/NotoSansHebrew.ttf"),
    include_bytes!("fonts/NotoSansArabic.ttf"),
    include_bytes!("fonts/NotoSansDevanagari.ttf"),
];

impl Fonts {
    /// Those within the program, the same everywhere.
    pub fn within() -> Self {
        let fonts = WITHIN.iter().filter_map(|&bytes| Font::new(bytes, 0));
        Fonts {
            fonts: fonts.collect(),
            of_machine: HashMap::new(),
        }
    }

    /// Those within the program, and those of this machine that have characters of these texts that the others do not have. The
    /// machine is asked only if there are such characters.
    pub fn for_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut fonts = Self::within();
        let characters = texts.into_iter().flat_map(str::chars);
        let lacking = characters.filter(|&c| !c.is_control() && fonts.with(c).is_none());
        let lacking: BTreeSet<char> = lacking.collect();
        if !lacking.is_empty() {
            fonts.add_of_machine(lacking);
        }
        fonts
    }

    fn add_of_machine(&mut self, mut lacking: BTreeSet<char>) {
        let mut machine = Database::new();
        machine.load_system_fonts();
        let mut faces: Vec<&FaceInfo> = machine.faces().collect();
        // Folders are read in any order.
        faces.sort_by_key(|face| preference(face));
        for face in faces {
            let found = machine.with_face_data(face.id, |bytes, index| {
                let font = Font::new(bytes.to_vec(), index)?;
                let scaler = ScalerFont::unhinted(font.clone(), None);
                let has = |c: &char| {
                    let glyph = font.charmap().map_unicode(*c);
                    glyph.is_some_and(|glyph| c.is_whitespace() || !path(&scaler, glyph).is_empty())
                };
                let found: Vec<char> = lacking.iter().copied().filter(has).collect();
                (!found.is_empty()).then_some((font, found))
            });
            if let Some((font, found)) = found.flatten() {
                for c in found {
                    lacking.remove(&c);
                    self.of_machine.insert(c, self.fonts.len());
                }
                self.fonts.push(font);
            }
            if lacking.is_empty() {
                break;
            }
        }
    }

    /// The number of the first font that has a character.
    pub fn with(&self, c: char) -> Option<usize> {
        let has = |number: &usize| self.has(*number, c);
        let within = (0..self.fonts.len().min(WITHIN.len())).find(has);
        within.or_else(|| self.of_machine.get(&c).copied())
    }

    /// Whether a font has a character.
    pub fn has(&self, number: usize, c: char) -> bool {
        self.fonts[number].charmap().map_unicode(c).is_some()
    }

    /// The font of a number.
    pub fn get(&self, number: usize) -> &Font {
        &self.fonts[number]
    }

    /// A number for what a glyph looks like: the same for letters of several scripts that are drawn in the same way. None: nothing
    /// is seen of it.
    pub fn look(&self, number: usize, glyph: GlyphId) -> Option<u64> {
        let scaler = ScalerFont::unhinted(self.fonts[number].clone(), None);
        let path = path(&scaler, glyph);
        let mut hasher = DefaultHasher::new();
        hasher.write(path.as_bytes());
        (!path.is_empty()).then(|| hasher.finish())
    }
}

/// Upright fonts of common weight and width first, then by path.
fn preference(face: &FaceInfo) -> (bool, u16, bool, String, u32) {
    let path = match &face.source {
        Source::File(path) | Source::SharedFile(path, _) => path.display().to_string(),
        Source::Binary(_) => String::new(),
    };
    (
        face.style != Style::Normal,
        face.weight.0.abs_diff(400),
        face.stretch != Stretch::Normal,
        path,
        face.index,
    )
}

fn path(scaler: &ScalerFont, glyph: GlyphId) -> String {
    let mut path = SvgSink::new();
    let outline = scaler.outline(glyph);
    let drawn = outline.map(|outline| outline.draw(DrawMemory::Scratch, &mut path));
    match drawn {
        Some(Ok(_)) => path.to_string(),
        _ => String::new(),
    }
}
