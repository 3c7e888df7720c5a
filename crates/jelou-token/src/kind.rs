//! The kind of a token as a type, so that one kind cannot be passed for the other.

/// A kind of token. Sealed: the set of prefixes is part of the published format.
pub trait Kind: sealed::Sealed + 'static {
    /// The first characters of every token of this kind, including the trailing `_`.
    const PREFIX: &'static str;

    /// The name that [`Debug`](std::fmt::Debug) prints instead of the token.
    const TYPE_NAME: &'static str;
}

/// Authorises calls of a function, in the `X-Jelou-Token` header.
#[derive(Debug)]
pub enum Runtime {}

/// Authorises requests to the management API.
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

/// All prefixes, for code that handles tokens of any kind.
pub(crate) const PREFIXES: [&str; 2] = [Runtime::PREFIX, Access::PREFIX];

mod sealed {
    pub trait Sealed {}

    impl Sealed for super::Runtime {}
    impl Sealed for super::Access {}
}
