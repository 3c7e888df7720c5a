//! What workers write.

pub(crate) mod forward;
