//! `reformat`: localizations.json + image_map.json → a training set.
