//! What a page about the tenant shows, read in one call.

use super::desk::{Desk, Done, Step};
use super::money::control;
use super::outcome::{Outcome, Overview};
use super::{agent, audit, key, profile, wallet};
use crate::domain::key::KeyKind;

/// A page shows at most this many agents.
const AGENTS_MAX: u64 = 500;

/// The tenant, its default wallet, its agents and keys, `days` of spend and the latest `entries` of the audit chain.
pub(super) fn read(desk: &Desk<'_>, days: u64, entries: u64) -> Step<Done> {
    let (stop, approvals_waiting) = control::read_standing(desk)?;
    let overview = Overview {
        profile: profile::read(desk)?,
        wallet: wallet::find(desk, desk.caller.default_wallet)?,
        agents: agent::read_latest(desk, AGENTS_MAX)?,
        keys: key::read_living(desk, &[KeyKind::Agent, KeyKind::Live, KeyKind::Test])?,
        spend: profile::read_daily_spend(desk, days)?,
        activity: audit::read_latest(desk, entries, None)?,
        stop,
        approvals_waiting,
    };
    Ok(Outcome::Overview(Box::new(overview)).into())
}
