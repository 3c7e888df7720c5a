//! How much memory and processor time the machine has, and what the workers may use of it.

pub(crate) mod budget;
pub(crate) mod machine;
