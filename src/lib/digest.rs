//! `digest`: a worklist over Source answers → digest.json.
