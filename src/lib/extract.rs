//! `extract`: digest.json → localizations.json.
