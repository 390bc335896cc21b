//! Requests against the size of an image: words become numbers.
