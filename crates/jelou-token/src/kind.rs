//! What a token is for, as a type: a function that takes one kind cannot be given the other.

/// A kind of token. Sealed: the set of prefixes is part of the published format.
pub trait Kind: sealed::Sealed + 'static {
    /// The characters that every token of this kind starts with, `_` at the end included.
    const PREFIX: &'static str;

    /// The name that [`Debug`](std::fmt::Debug) prints in place of the token.
    const TYPE_NAME: &'static str;
}

/// Calls a function: the value of the `X-Jelou-Token` header.
#[derive(Debug)]
pub enum Runtime {}

/// Acts for a person or a pipeline on the management API.
#[derive(Debug)]
pub enum Access {}

impl Kind for Runtime {
    const PREFIX: &'static str = "jfn_rt_";
    const TYPE_NAME: &'static str = "RuntimeToken";
}

impl Kind for Access {
    const PREFIX: &'static str = "jfn_pat_";
    const TYPE_NAME: &'static str = "AccessToken";
}

/// Every prefix there is, for code that looks for tokens of any kind.
pub(crate) const PREFIXES: [&str; 2] = [Runtime::PREFIX, Access::PREFIX];

mod sealed {
    pub trait Sealed {}

    impl Sealed for super::Runtime {}
    impl Sealed for super::Access {}
}
