//! Which kind of caller may give which command.

use super::call::{Actor, Caller};
use super::command::Command;
use super::desk::Step;
use super::money::command::MoneyCommand;
use super::refusal::Refusal;
use super::webhook::command::WebhookCommand;
use crate::domain::key::KeyKind;
use crate::domain::member::Role;

/// Whether this kind of caller may give this command at all; scopes and the object's state are decided elsewhere.
pub(super) fn check(command: &Command, caller: &Caller) -> Step<()> {
    let house = caller.actor == Actor::House;
    let operator = house || matches!(caller.actor, Actor::Operator(_));
    let owner = operator || caller.role == Some(Role::Owner);
    let management_key = caller.key.as_ref().is_some_and(|key| matches!(key.kind, KeyKind::Live | KeyKind::Test));
    let management = operator || caller.role.is_some() || management_key;
    let runtime = caller.agent_id.is_some() && caller.acts_for().is_none();
    let renews = caller.session.as_ref().is_some_and(|session| session.renews);
    let in_session = caller.session.is_some() && !renews;
    let allowed = match command {
        Command::Admit => true,
        Command::MeterReserve(_) => runtime,
        Command::Invite(_) => house || matches!(caller.actor, Actor::Wallet(_)),
        Command::Birth(_)
        | Command::ConfirmBirth
        | Command::MeterCapture(_)
        | Command::MeterRelease(_)
        | Command::RedeemEnrollment(_)
        | Command::ShowInvitation { .. }
        | Command::AcceptInvitation { .. }
        | Command::RunDue { .. }
        | Command::OutboxRead { .. }
        | Command::OutboxReadAfter { .. }
        | Command::OutboxAck { .. } => house,
        Command::PutMember { .. } | Command::RemoveMember { .. } => owner,
        Command::UpdateTenant { name, plan } => (name.is_none() || owner) && (plan.is_none() || operator),
        Command::MintKey(_)
        | Command::ListKeys { .. }
        | Command::RevokeKey { .. }
        | Command::SetAgentStatus { .. }
        | Command::MintEnrollment(_)
        | Command::ListEnrollments
        | Command::RevokeEnrollment { .. }
        | Command::ListMembers
        | Command::CreateWallet { .. }
        | Command::GetWallet { .. }
        | Command::ListWallets { .. }
        | Command::Fund { .. }
        | Command::DailySpend { .. }
        | Command::Activity { .. }
        | Command::Profile
        | Command::Overview { .. }
        | Command::VerifyAudit { .. }
        | Command::Reconcile => management,
        Command::Money(MoneyCommand::PutPacket { .. }) => operator,
        // Whether a token is due is decided there: who comes without one is told so.
        Command::Money(MoneyCommand::Pay(_)) => management || caller.token.is_some(),
        Command::Money(command) if command.is_for_house() => house,
        Command::Money(command) => management || (caller.token.is_some() && command.is_for_tokens()),
        Command::Webhook(WebhookCommand::Feed(feed)) if caller.token.is_some() => {
            feed.agent_id.is_some() && feed.agent_id == caller.agent_id
        }
        Command::Webhook(command) => house || (management && !command.is_of_house()),
        Command::Agent(command) if command.is_for_house() => house,
        Command::Agent(command) => management || ((caller.token.is_some() || in_session) && command.is_for_tokens()),
        Command::Order(command) if command.is_for_house() => house,
        Command::Order(command) if command.is_for_operators() => operator,
        Command::Order(command) if command.is_for_management() => management,
        Command::Order(_) => runtime || management,
        Command::File(_) => caller.key.as_ref().is_some_and(|key| key.kind == KeyKind::Atelier),
        Command::Seller(command) if command.is_for_house() => house,
        Command::Seller(command) if command.is_for_management() => management,
        Command::Seller(_) => caller.key.as_ref().is_some_and(|key| key.kind == KeyKind::Atelier),
        Command::Proof(command) if command.is_for_refreshers() => renews,
        Command::Proof(command) => management || (in_session && command.is_for_sessions()),
    };
    if allowed { Ok(()) } else { Err(Refusal::Forbidden.into()) }
}
