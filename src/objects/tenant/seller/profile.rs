//! Profiles: opened, changed, and the key that speaks for them.

use super::super::desk::{Desk, Done, Step};
use super::super::identity::command::AgentDraft;
use super::super::identity::record;
use super::super::money::column::Columns;
use super::super::order::payout;
use super::super::webhook::endpoint;
use super::super::{agent, key};
use super::command::{Opening, ProfileChange};
use super::outcome::SellerOutcome;
use super::refusal::SellerRefusal;
use super::{check_active, own_agent, shown};
use crate::domain::agent::{AgentStatus, spell_maip};
use crate::domain::event::Action;
use crate::domain::form::profile::ProfileForm;
use crate::domain::id::AgentId;
use crate::domain::key::{KeyKind, NewSecret};
use crate::domain::market::rating::Rating;
use crate::domain::scope::Scopes;
use crate::objects::sql::{Row, SqlError};
use crate::{params, statements};

statements! {
    READ = "SELECT agent_id, slug, name, description, endpoint_url, avatar_url, capabilities, owner_wallet, owner_verified, payout_wallet, token,
        orders, completed, ratings, rating_sum, version, created_at_ms FROM market_profile WHERE agent_id = ?1";
    WRITE = "INSERT INTO market_profile (agent_id, slug, name, description, endpoint_url, avatar_url, capabilities, owner_wallet, owner_verified,
        payout_wallet, created_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    CHANGE = "UPDATE market_profile SET name = ?2, description = ?3, endpoint_url = ?4, avatar_url = ?5, capabilities = ?6, owner_wallet = ?7,
        owner_verified = ?8, payout_wallet = ?9, version = ?10 WHERE agent_id = ?1";
    READ_KEY = "SELECT last4 FROM api_key WHERE agent_id = ?1 AND kind = 'atelier' AND revoked_at_ms IS NULL";
}

/// The profile of that agent, if it has one.
pub(super) fn find(desk: &Desk<'_>, agent_id: AgentId) -> Step<Option<ProfileForm>> {
    let row = desk.sql.first(READ, params![agent_id.to_string()])?;
    Ok(row.map(|row| read_form(desk, &row)).transpose()?)
}

fn read_form(desk: &Desk<'_>, row: &Row) -> Result<ProfileForm, SqlError> {
    let mut column = Columns::of(row);
    let id = column.id(AgentId::parse)?;
    let (slug, name, description) = (column.text()?, column.text()?, column.text()?);
    let (endpoint_url, avatar_url, capabilities) = (column.text()?, column.text_or_null()?, column.json()?);
    let (owner_wallet, verified, payout_wallet) = (column.text_or_null()?, column.number()?, column.text_or_null()?);
    let token = column.text_or_null()?.map(|text| serde_json::from_str(&text).map_err(|_| SqlError::Shape("not a token"))).transpose()?;
    let (total_orders, completed_orders, ratings, rating_sum) = (column.number()?, column.number()?, column.number()?, column.number()?);
    Ok(ProfileForm {
        id,
        slug,
        name,
        description,
        avatar_url,
        endpoint_url,
        capabilities,
        verified,
        total_orders,
        completed_orders,
        avg_rating: Rating::average(rating_sum, ratings),
        owner_wallet,
        owner_wallet_verified: verified == 1,
        payout_wallet,
        maip_id: spell_maip(id, desk.caller.tenant_uuid),
        token,
        version: column.number()?,
        created_at: column.time()?,
    })
}

/// A new agent with its profile.
pub(super) fn register(desk: &mut Desk<'_>, opening: &Opening) -> Step<Done> {
    agent::check_room(desk)?;
    let draft = AgentDraft {
        display_name: opening.draft.name.clone(),
        description: Some(opening.draft.description.clone()),
        ..AgentDraft::default()
    };
    record::register_as(desk, opening.agent_id, &draft, None)?;
    write(desk, opening)
}

/// Whether that agent may be given a profile.
pub(super) fn check_openable(desk: &Desk<'_>, agent_id: AgentId) -> Step<()> {
    check_active(desk, agent_id)?;
    if find(desk, agent_id)?.is_some() { Err(SellerRefusal::ProfileExists.into()) } else { Ok(()) }
}

/// A profile for an agent there is.
pub(super) fn open(desk: &mut Desk<'_>, opening: &Opening) -> Step<Done> {
    check_openable(desk, opening.agent_id)?;
    write(desk, opening)
}

fn write(desk: &mut Desk<'_>, opening: &Opening) -> Step<Done> {
    let (agent_id, draft) = (opening.agent_id, &opening.draft);
    desk.sql.run(
        WRITE,
        params![
            agent_id.to_string(),
            opening.slug.as_str(),
            draft.name.as_str(),
            draft.description.as_str(),
            draft.endpoint_url.as_str(),
            draft.avatar_url.as_deref(),
            serde_json::to_string(&draft.capabilities)?,
            draft.owner_wallet.as_deref(),
            u64::from(draft.is_owner_verified),
            draft.payout_wallet.as_deref(),
            desk.now.as_ms(),
        ],
    )?;
    endpoint::open_for_seller(desk, agent_id, &draft.endpoint_url, &opening.webhook_secret.at_rest)?;
    key::write(desk, KeyKind::Atelier, Some(agent_id), &opening.key, None, Scopes::all(), None)?;
    let profile = find(desk, agent_id)?.ok_or(SqlError::Shape("a profile just written is gone"))?;
    desk.record(Action::ProfileOpened, &agent_id.to_string(), None, &profile)?;
    Ok(SellerOutcome::Opened {
        profile: Box::new(profile),
        sealed_key: opening.key.sealed.clone(),
        sealed_webhook_secret: opening.webhook_secret.for_repeat.clone(),
    }
    .into())
}

/// The caller's own, with the end of its key.
fn own(desk: &Desk<'_>) -> Step<(ProfileForm, String)> {
    let agent_id = own_agent(desk)?;
    let profile = find(desk, agent_id)?.ok_or(SellerRefusal::UnknownAgent)?;
    let row = desk.sql.first(READ_KEY, params![agent_id.to_string()])?.ok_or(SqlError::Shape("a market agent without a key"))?;
    Ok((profile, row.text(0)?.to_owned()))
}

pub(super) fn show(desk: &Desk<'_>) -> Step<Done> {
    let (profile, key_last4) = own(desk)?;
    Ok(shown(SellerOutcome::Profile { profile: Box::new(profile), key_last4 }))
}

/// Changes what is named. What waited for a wallet is paid once one is there.
pub(super) fn change(desk: &mut Desk<'_>, change: &ProfileChange) -> Step<Done> {
    let (before, key_last4) = own(desk)?;
    check_active(desk, before.id)?;
    let mut form = before.clone();
    if let Some(owner) = &change.owner {
        let is_same = form.owner_wallet.as_deref() == Some(owner.wallet.as_str());
        if form.owner_wallet_verified && !is_same && !owner.is_verified {
            return Err(SellerRefusal::OwnerNotSigned.into());
        }
        form.owner_wallet_verified = owner.is_verified || (form.owner_wallet_verified && is_same);
        form.verified = u64::from(form.owner_wallet_verified);
        form.owner_wallet = Some(owner.wallet.clone());
    }
    form.name = change.name.clone().unwrap_or(form.name);
    form.description = change.description.clone().unwrap_or(form.description);
    form.avatar_url = change.avatar_url.clone().unwrap_or(form.avatar_url);
    form.endpoint_url = change.endpoint_url.clone().unwrap_or(form.endpoint_url);
    form.capabilities = change.capabilities.clone().unwrap_or(form.capabilities);
    form.payout_wallet = change.payout_wallet.clone().unwrap_or(form.payout_wallet);
    if form != before {
        form.version += 1;
        write_change(desk, &form)?;
        if form.endpoint_url != before.endpoint_url {
            endpoint::move_for_seller(desk, form.id, &form.endpoint_url)?;
        }
        payout::settle_waiting(desk, payout::BATCH)?;
    }
    Ok(SellerOutcome::Profile { profile: Box::new(form), key_last4 }.into())
}

/// Names the wallet of an agent that is revoked, and pays it what waited for one.
pub(super) fn name_payout_wallet(desk: &mut Desk<'_>, agent_id: AgentId, wallet: &str) -> Step<Done> {
    let mut form = find(desk, agent_id)?.ok_or(SellerRefusal::UnknownAgent)?;
    if agent::find(desk, agent_id)?.status != AgentStatus::Revoked {
        return Err(SellerRefusal::AgentNotRevoked.into());
    }
    if form.payout_wallet.as_deref() != Some(wallet) {
        form.payout_wallet = Some(wallet.to_owned());
        form.version += 1;
        write_change(desk, &form)?;
        payout::settle_waiting(desk, payout::BATCH)?;
    }
    Ok(SellerOutcome::Revoked { profile: Box::new(form) }.into())
}

fn write_change(desk: &mut Desk<'_>, form: &ProfileForm) -> Step<()> {
    let id = form.id.to_string();
    desk.sql.run(
        CHANGE,
        params![
            id.as_str(),
            form.name.as_str(),
            form.description.as_str(),
            form.endpoint_url.as_str(),
            form.avatar_url.as_deref(),
            serde_json::to_string(&form.capabilities)?,
            form.owner_wallet.as_deref(),
            form.verified,
            form.payout_wallet.as_deref(),
            form.version,
        ],
    )?;
    desk.record(Action::ProfileUpdated, &id, None, form)?;
    Ok(())
}

/// Gives the caller another key; the one it came with is dead.
pub(super) fn rotate_key(desk: &mut Desk<'_>, secret: &NewSecret) -> Step<Done> {
    let agent_id = own_agent(desk)?;
    check_active(desk, agent_id)?;
    replace_key(desk, agent_id, secret)
}

/// The same for a wallet that has signed, if it signed for the agent before as well.
pub(super) fn recover(desk: &mut Desk<'_>, agent_id: AgentId, owner: &str, secret: &NewSecret) -> Step<Done> {
    let profile = find(desk, agent_id)?.ok_or(SellerRefusal::UnknownAgent)?;
    if !profile.owner_wallet_verified || profile.owner_wallet.as_deref() != Some(owner) {
        return Err(SellerRefusal::UnknownAgent.into());
    }
    check_active(desk, agent_id)?;
    desk.actor = format!("wallet:{owner}");
    replace_key(desk, agent_id, secret)
}

fn replace_key(desk: &mut Desk<'_>, agent_id: AgentId, secret: &NewSecret) -> Step<Done> {
    key::revoke_of_seller(desk, agent_id)?;
    key::write(desk, KeyKind::Atelier, Some(agent_id), secret, None, Scopes::all(), None)?;
    Ok(SellerOutcome::KeyRotated { sealed: secret.sealed.clone() }.into())
}
