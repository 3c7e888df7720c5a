//! The token that a command is about, with its function.

use jelou_client::{Client, RuntimeTokens};
use jelou_core::api::RuntimeTokenInfo;
use jelou_core::{Scope, Slug, Verb};

use super::reference;
use crate::cli::tokens::TokenArgs;
use crate::context::{Confirmation, Context};
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

    /// Like [`Self::find`], for a change that the user confirms: see [`Context::client_for_change`]. `change` is the
    /// start of the question, for example `Disable token`.
    pub(super) fn for_change(
        args: TokenArgs,
        change: &str,
        confirmation: Confirmation,
        flag: &str,
        context: &Context,
    ) -> anyhow::Result<Self> {
        let slug = function_or_here(args.slug)?;
        let question = format!("{change} {}?", reference(&args.token));
        let scope = Scope::Function(Verb::Tokens, slug.clone());
        let client = context.client_for_change(confirmation, &question, flag, &scope)?;
        Self::with(client, slug, &args.token)
    }

    fn with(client: Client, slug: Slug, token: &str) -> anyhow::Result<Self> {
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
