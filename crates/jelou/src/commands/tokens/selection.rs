//! The token that a command is about, with its function.

use jelou_client::{Client, RuntimeTokens};
use jelou_core::Slug;
use jelou_core::api::RuntimeTokenInfo;

use super::reference;
use crate::cli::tokens::TokenArgs;
use crate::context::Context;
use crate::project::function_or_here;

pub(super) struct Selection {
    client: Client,
    pub(super) slug: Slug,
    pub(super) token: RuntimeTokenInfo,
}

impl Selection {
    /// Finds the token by its id, name or prefix.
    ///
    /// # Errors
    /// If there is no such token, or several tokens have the prefix.
    pub(super) fn find(args: TokenArgs, context: &Context) -> anyhow::Result<Self> {
        let slug = function_or_here(args.slug)?;
        Self::with(context.client()?, slug, &args.token)
    }

    /// Like [`Self::find`], with a client that the command has already.
    pub(super) fn with(client: Client, slug: Slug, token: &str) -> anyhow::Result<Self> {
        let token = client.tokens(&slug).get(&reference(token))?;
        Ok(Self {
            client,
            slug,
            token,
        })
    }

    pub(super) fn tokens(&self) -> RuntimeTokens<'_> {
        self.client.tokens(&self.slug)
    }
}
