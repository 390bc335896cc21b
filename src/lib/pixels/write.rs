//! Row-by-row image writers for `download`: memory holds a band, never a picture.
