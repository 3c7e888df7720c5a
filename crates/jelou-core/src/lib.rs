//! Plain types of the domain. They are parsed and validated at the edge of the program.
//!
//! No I/O: persistence is in `jelou-store`, processes are in `jelou-engine`, HTTP is in `jelou-server`. Tools that
//! several crates use ([`clock`], [`line_rate`], [`mod@cold_future`]) are here too.

pub mod api;
pub mod audit_chain;
pub mod clock;
pub mod cold_future;
pub mod compatibility;
pub mod egress;
pub mod environment;
pub mod error_code;
pub mod expiry;
pub mod function_settings;
pub mod histogram;
pub mod id;
pub mod limits;
pub mod line_rate;
pub mod log_rules;
pub mod manifest;
pub mod network;
pub mod policy;
pub mod preview_name;
pub mod printable;
pub mod provenance;
pub mod scope;
pub mod secret_key;
pub mod slug;
pub mod smoke;
pub mod source;
pub mod suggestion;
pub mod surrogates;
mod text;
pub mod token_labels;
pub mod token_name;
pub mod trust;

pub use clock::Clock;
pub use cold_future::cold_future;
pub use egress::{EgressHost, EgressRule};
pub use environment::private_variables;
pub use error_code::ErrorCode;
pub use expiry::{Expiry, Grace, ParseExpiryError};
pub use function_settings::FunctionSettings;
pub use histogram::Histogram;
pub use id::{AccessTokenId, DeploymentId, FunctionId, NodeId, PreviewId, RunId, TokenId, TrustId};
pub use limits::{FunctionLimits, LimitName, Limits, OwnLimits};
pub use line_rate::LineRate;
pub use log_rules::{Level, LogRules};
pub use manifest::Manifest;
pub use network::Network;
pub use policy::TokenPolicy;
pub use preview_name::PreviewName;
pub use printable::{printable, printable_json};
pub use provenance::Provenance;
pub use scope::{MissingScope, Scope, Scopes, Verb};
pub use secret_key::SecretKey;
pub use slug::Slug;
pub use smoke::SmokeCall;
pub use source::{SourceFile, SourceTree};
pub use token_labels::TokenLabels;
pub use token_name::TokenName;
