//! Crops, scales, turns and colours for `serve`.
