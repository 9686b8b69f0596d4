//! An event says of a thing what whoever asks for the thing at that moment is shown.

use guildhall::domain::agent::AgentStatus;
use guildhall::domain::mandate::MandateStatus;
use guildhall::objects::tenant::command::Command;
use guildhall::objects::tenant::money::command::{LeaseSource, MandateDraft, MoneyCommand};
use guildhall::objects::tenant::money::outcome::MoneyOutcome;
use serde_json::Value;

use super::lease::request;
use super::money::{draft, spend};
use super::{Tale, micros, operator};

/// What the latest event of a kind says.
fn told(tale: &Tale, kind: &str) -> Value {
    let text: String = tale
        .object
        .sql
        .connection
        .query_row("SELECT data FROM outbox WHERE type = ?1 ORDER BY seq DESC LIMIT 1", [kind], |row| row.get(0))
        .unwrap();
    serde_json::from_str(&text).unwrap()
}

fn shown(outcome: MoneyOutcome) -> Value {
    match outcome {
        MoneyOutcome::Mandate(form) => serde_json::to_value(form),
        MoneyOutcome::Lease(form) => serde_json::to_value(form),
        MoneyOutcome::Reservation(form) => serde_json::to_value(form),
        MoneyOutcome::Approval(form) => serde_json::to_value(form),
        other => panic!("{other:?}"),
    }
    .unwrap()
}

#[test]
fn a_mandate_is_told_revoked_as_it_is_shown_afterwards() {
    for by_its_agents_end in [false, true] {
        let mut tale = Tale::new();
        let (agent, mandate_id) = (tale.first_agent(), tale.mandate(draft()).id);
        let child = tale.new_agent(100);
        tale.grant(request(LeaseSource::Mandate(mandate_id), child, 200_000)).unwrap();
        tale.hold(spend(agent, mandate_id, None, 100_000)).unwrap();
        if by_its_agents_end {
            tale.ask(operator(), Command::SetAgentStatus { agent_id: agent, status: AgentStatus::Revoked }).unwrap();
        } else {
            let (status, draft) = (Some(MandateStatus::Revoked), draft());
            tale.manage(MoneyCommand::PutMandate { mandate_id, version: 1, agent_id: None, status, draft }).unwrap();
        }
        let mandate = tale.manage(MoneyCommand::GetMandate { mandate_id }).unwrap();
        assert_eq!(told(&tale, "mandate.revoked"), shown(mandate));
    }
}

#[test]
fn a_mandate_that_is_used_up_is_told_so_as_it_is_shown_under_a_new_version() {
    let mut tale = Tale::new();
    let agent = tale.first_agent();
    let mandate_id = tale.mandate(MandateDraft { total: Some(micros(400)), ..draft() }).id;
    let held = tale.hold(spend(agent, mandate_id, None, 400)).unwrap();
    tale.pass_ms(1_000);
    tale.take(held.id, None).unwrap();
    let mandate = tale.mandate_now(mandate_id);
    assert_eq!((mandate.status, mandate.version, mandate.updated_at), (MandateStatus::Exhausted, 2, tale.now));
    assert_eq!(told(&tale, "mandate.exhausted"), serde_json::to_value(&mandate).unwrap());
    let asked = tale.manage(MoneyCommand::Authorize(spend(agent, mandate_id, None, 1)));
    assert!(matches!(asked, Ok(MoneyOutcome::Authorized(authorized)) if authorized.mandate_version == 2));
}

#[test]
fn a_funding_is_told_in_minor_units_as_its_reply_shows_it() {
    let mut tale = Tale::new();
    let wallet_id = tale.born.wallet_id;
    tale.ask(operator(), Command::Fund { wallet_id, amount_micros: micros(20_000), source: None }).unwrap();
    let told = told(&tale, "wallet.funded");
    let names = ["id", "wallet_id", "amount", "currency", "source", "status", "balance", "created_at"];
    assert_eq!(told.as_object().unwrap().keys().map(String::as_str).collect::<std::collections::BTreeSet<_>>(), names.into());
    assert_eq!((&told["amount"], &told["balance"], &told["source"]), (&Value::from(2), &Value::from(102), &Value::from("sandbox")));
    assert_eq!(told["created_at"], Value::from("2026-02-02T12:00:00.000Z"));
}

#[test]
fn leases_holds_and_questions_are_told_as_they_are_shown() {
    let mut tale = Tale::new();
    let (agent, mandate_id) = (tale.first_agent(), tale.mandate(MandateDraft { approval_threshold: Some(micros(500)), ..draft() }).id);
    let child = tale.new_agent(100);
    let lease_id = tale.grant(request(LeaseSource::Mandate(mandate_id), child, 1_000)).unwrap().id;
    tale.hold(spend(child, mandate_id, Some(lease_id), 400)).unwrap();
    tale.lease_reply(MoneyCommand::RevokeLease { lease_id }).unwrap();
    let lease = tale.manage(MoneyCommand::GetLease { lease_id }).unwrap();
    assert_eq!(told(&tale, "lease.revoked"), shown(lease));
    let held = tale.hold(spend(agent, mandate_id, None, 501)).unwrap();
    let reservation = tale.manage(MoneyCommand::GetReservation { reservation_id: held.id }).unwrap();
    assert_eq!(told(&tale, "reservation.created"), shown(reservation));
    let approval_id = held.approval_id.unwrap();
    assert_eq!(told(&tale, "approval.requested"), shown(tale.manage(MoneyCommand::GetApproval { approval_id }).unwrap()));
    tale.manage(MoneyCommand::ReleaseReservation { reservation_id: held.id, reason: Some("not wanted".to_owned()) }).unwrap();
    let reservation = tale.manage(MoneyCommand::GetReservation { reservation_id: held.id }).unwrap();
    assert_eq!(told(&tale, "reservation.released"), shown(reservation));
    assert_eq!(told(&tale, "approval.denied"), shown(tale.manage(MoneyCommand::GetApproval { approval_id }).unwrap()));
}
