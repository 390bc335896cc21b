//! Parts of a set: what takes long about its images is done by several workers (`--shard`), and the set is written from what they
//! have made (`--from-shards`), the same, byte for byte, as without them.

pub mod found;
pub mod looks;
pub mod made;
pub mod make;
pub mod mark;
pub mod place;
pub mod share;
