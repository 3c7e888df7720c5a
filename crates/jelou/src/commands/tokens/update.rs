//! `jelou tokens update` and `jelou tokens rename`.

use jelou_client::Removal;
use jelou_core::api::{Patch, RuntimeTokenInfo, UpdateToken};
use jelou_core::policy::{Cidrs, HttpMethods, RuntimeScopes};
use jelou_core::token_labels::Tags;
use jiff::{SignedDuration, Timestamp};

use super::create::{list, name_or_ask};
use super::selection::Selection;
use super::status::limits;
use crate::cli::EndTime;
use crate::cli::tokens::{ExpiryArgs, RenameArgs, TokenField, UpdateArgs};
use crate::context::Context;
use crate::exit::Failure;
use crate::output::{Breadcrumb, local_date};

pub(crate) fn run(args: UpdateArgs, context: &Context) -> anyhow::Result<()> {
    let update = Removals(&args.remove).apply(UpdateToken {
        expires_at: set(expiry(&args.expiry)),
        scopes: set(list::<_, RuntimeScopes>(args.limits.scopes)?),
        cidrs: set(list::<_, Cidrs>(args.limits.cidrs)?),
        methods: set(list::<_, HttpMethods>(args.limits.methods)?),
        rate: set(args.limits.rate),
        quota: set(args.limits.quota),
        owner: set(args.labels.owner),
        purpose: set(args.labels.purpose),
        tags: set(list::<_, Tags>(args.labels.tags)?),
        ..UpdateToken::default()
    })?;
    if update == UpdateToken::default() {
        return Err(Failure::input("nothing to change")
            .hint("pass the new values, such as `--rate 100/m`, or `--remove rate`")
            .into());
    }
    let selection = Selection::find(args.token, context)?;
    apply(&selection, &update, context, |token| {
        format!("Updated token \"{}\"", token.name)
    })
}

pub(crate) fn rename(args: RenameArgs, context: &Context) -> anyhow::Result<()> {
    let name = name_or_ask(args.name, context)?;
    let selection = Selection::find(args.token, context)?;
    let former = selection.token.name.clone();
    let update = UpdateToken {
        name: Some(name),
        ..UpdateToken::default()
    };
    apply(&selection, &update, context, |token| {
        format!("Renamed token \"{former}\" to \"{}\"", token.name)
    })
}

fn apply(
    selection: &Selection,
    update: &UpdateToken,
    context: &Context,
    done: impl FnOnce(&RuntimeTokenInfo) -> String,
) -> anyhow::Result<()> {
    let id = &selection.token.id;
    let updated = selection.tokens().update(id, update, Removal::KeepLast)?;
    context.output.result_with(
        &updated,
        &[Breadcrumb::new(
            format!("jelou tokens info {} {id}", selection.slug),
            "See the token",
        )],
        |human| {
            human.success(&done(&updated))?;
            if !update.expires_at.is_keep() {
                let at = updated.expires_at;
                let at = at.map_or_else(|| "never".to_owned(), local_date);
                human.item(&format!("Expires  {at}"))?;
            }
            let same_limits = update.scopes.is_keep()
                && update.cidrs.is_keep()
                && update.methods.is_keep()
                && update.rate.is_keep()
                && update.quota.is_keep();
            if !same_limits {
                let limits = limits(&updated).unwrap_or_else(|| "none".to_owned());
                human.item(&format!("Limits   {limits}"))?;
            }
            Ok(())
        },
    )?;
    Ok(())
}

/// Returns the requested time of expiry.
pub(super) fn expiry(args: &ExpiryArgs) -> Option<Timestamp> {
    let in_time = args.expires_in.map(|expiry| {
        let seconds = i64::try_from(expiry.as_seconds()).unwrap_or(i64::MAX);
        Timestamp::now()
            .saturating_add(SignedDuration::from_secs(seconds))
            .unwrap_or(Timestamp::MAX)
    });
    in_time.or(args.expires_at.map(EndTime::as_timestamp))
}

fn set<T>(value: Option<T>) -> Patch<T> {
    value.map_or(Patch::Keep, Patch::Set)
}

/// The fields to remove (`--remove`).
struct Removals<'a>(&'a [TokenField]);

impl Removals<'_> {
    /// # Errors
    /// When a field is both set and removed.
    fn apply(&self, mut update: UpdateToken) -> anyhow::Result<UpdateToken> {
        self.remove(TokenField::Expiry, &mut update.expires_at)?;
        self.remove(TokenField::Scopes, &mut update.scopes)?;
        self.remove(TokenField::Cidrs, &mut update.cidrs)?;
        self.remove(TokenField::Methods, &mut update.methods)?;
        self.remove(TokenField::Rate, &mut update.rate)?;
        self.remove(TokenField::Quota, &mut update.quota)?;
        self.remove(TokenField::Owner, &mut update.owner)?;
        self.remove(TokenField::Purpose, &mut update.purpose)?;
        self.remove(TokenField::Tags, &mut update.tags)?;
        Ok(update)
    }

    fn remove<T>(&self, field: TokenField, patch: &mut Patch<T>) -> anyhow::Result<()> {
        if !self.0.contains(&field) {
            return Ok(());
        }
        if !patch.is_keep() {
            return Err(Failure::input(format!(
                "`--remove {}` and a new value exclude each other",
                format!("{field:?}").to_lowercase()
            ))
            .hint("pass one of them")
            .into());
        }
        *patch = Patch::Remove;
        Ok(())
    }
}
