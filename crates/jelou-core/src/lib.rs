//! Plain types of the domain, parsed once at the edge so that they cannot be wrong inside.
//!
//! No I/O here: persistence is `jelou-store`'s, processes are `jelou-engine`'s, HTTP is `jelou-server`'s. What more than one
//! of them needs besides the domain ([`clock`], [`mod@seldom`]) stands here, too.

pub mod api;
pub mod clock;
pub mod error_code;
pub mod id;
pub mod limits;
pub mod line_rate;
pub mod manifest;
pub mod policy;
pub mod scope;
pub mod secret_key;
pub mod seldom;
pub mod slug;
pub mod source;
pub mod token_name;

pub use clock::Clock;
pub use error_code::ErrorCode;
pub use id::{AccessTokenId, DeploymentId, FunctionId, TokenId};
pub use limits::Limits;
pub use line_rate::LineRate;
pub use manifest::Manifest;
pub use policy::TokenPolicy;
pub use scope::{Scope, Scopes};
pub use secret_key::SecretKey;
pub use seldom::seldom;
pub use slug::Slug;
pub use source::{SourceFile, SourceTree};
pub use token_name::TokenName;
