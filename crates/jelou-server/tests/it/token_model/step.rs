//! The steps of a sequence, and the frequency of each.

use proptest::prelude::*;

use super::NAMES;

/// One step. Tokens and values are named by numbers, which are taken modulo their count.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Create {
        name: usize,
        replace: bool,
        expires_in: Option<i64>,
        rate: Option<u32>,
    },
    Rotate {
        name: usize,
        grace: i64,
    },
    Finish {
        name: usize,
    },
    Revoke {
        name: usize,
        force: bool,
    },
    /// Revokes the tokens with the tag, all of them or none.
    RevokeTagged {
        force: bool,
    },
    SetDisabled {
        name: usize,
        disabled: bool,
        force: bool,
    },
    SetExpiry {
        name: usize,
        expires_in: Option<i64>,
    },
    SetRate {
        name: usize,
        rate: Option<u32>,
    },
    SetQuota {
        name: usize,
        quota: Option<u32>,
    },
    Rename {
        name: usize,
        to: usize,
    },
    /// Imports a token with a value of its own.
    Import {
        name: usize,
        replace: bool,
        disabled: bool,
    },
    Leak {
        value: usize,
    },
    MoveClock {
        seconds: i64,
    },
    Call {
        value: usize,
    },
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let name = 0..NAMES.len();
    let seconds = prop::option::of(1_i64..100);
    let rate = prop::option::weighted(0.3, 1_u32..4);
    prop_oneof![
        3 => (name.clone(), any::<bool>(), seconds.clone(), rate.clone()).prop_map(
            |(name, replace, expires_in, rate)| Step::Create { name, replace, expires_in, rate }
        ),
        3 => (name.clone(), 0_i64..100).prop_map(|(name, grace)| Step::Rotate { name, grace }),
        1 => name.clone().prop_map(|name| Step::Finish { name }),
        2 => (name.clone(), any::<bool>()).prop_map(|(name, force)| Step::Revoke { name, force }),
        1 => any::<bool>().prop_map(|force| Step::RevokeTagged { force }),
        2 => (name.clone(), any::<bool>(), any::<bool>()).prop_map(
            |(name, disabled, force)| Step::SetDisabled { name, disabled, force }
        ),
        1 => (name.clone(), seconds).prop_map(
            |(name, expires_in)| Step::SetExpiry { name, expires_in }
        ),
        1 => (name.clone(), rate.clone()).prop_map(|(name, rate)| Step::SetRate { name, rate }),
        1 => (name.clone(), rate).prop_map(|(name, quota)| Step::SetQuota { name, quota }),
        1 => (name.clone(), any::<bool>(), any::<bool>()).prop_map(
            |(name, replace, disabled)| Step::Import { name, replace, disabled }
        ),
        1 => (name.clone(), name).prop_map(|(name, to)| Step::Rename { name, to }),
        1 => any::<usize>().prop_map(|value| Step::Leak { value }),
        2 => (-20_i64..60).prop_map(|seconds| Step::MoveClock { seconds }),
        8 => any::<usize>().prop_map(|value| Step::Call { value }),
    ]
}
