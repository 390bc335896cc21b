//! `download`: localizations.json → images + image_map.json + failures.csv.
