//! Parts that the example programs share.

pub mod local;
