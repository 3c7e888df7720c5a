//! Which tools a request may see and call.

use http::HeaderMap;

use super::Exchange;
use crate::gateway::auth;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    All,
    /// No token came: only what is public is there.
    Public,
}

impl Access {
    /// `None` is 401. A token that opens nothing is refused also where a part is public: its owner wants to know.
    pub(super) fn of(exchange: Exchange<'_>, headers: &HeaderMap) -> Option<Self> {
        let catalog = &exchange.live.mcp;
        if catalog.is_public() || auth::opens(exchange.gateway, headers, exchange.function) {
            return Some(Self::All);
        }
        let anonymous = !headers.contains_key(auth::TOKEN_HEADER);
        (anonymous && catalog.has_public()).then_some(Self::Public)
    }
}
