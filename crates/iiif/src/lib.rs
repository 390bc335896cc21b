#![doc = include_str!("../README.md")]

mod answer_size;
mod canonical;
mod error;
mod json;
mod quoted;
mod request;
mod uri;

pub mod authorization;
pub mod info;
pub mod resolve;

pub use answer_size::AnswerSize;
pub use error::{DocumentError, Refusal};
pub use quoted::QuotedRequest;
pub use request::{Format, ImageRequest, Quality, Region, Rotation, Size, Version};
pub use uri::{append_path, host_of, image_uri, info_uri, is_below_service, is_other_service};
