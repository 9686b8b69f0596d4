//! Births, keys, enrollment and owners.

use guildhall::domain::agent::AgentStatus;
use guildhall::domain::digest::Digest;
use guildhall::domain::enrollment::TokenStatus;
use guildhall::domain::key::{KeyKind, KeyNumber};
use guildhall::domain::member::Role;
use guildhall::domain::plan::Plan;
use guildhall::objects::tenant::call::{Proof, TenantCall};
use guildhall::objects::tenant::command::{Command, Invitation, KeyHolder, MintEnrollment, RedeemEnrollment};
use guildhall::objects::tenant::outcome::Outcome;
use guildhall::objects::tenant::refusal::Refusal;
use guildhall::objects::tenant::{self};

use super::{Tale, birth, key, login, operator, secret, wallet_session};
use crate::generator::{secret_hash_of, user};

#[test]
fn a_birth_that_was_not_heard_of_is_finished_by_the_same_call() {
    let mut tale = Tale::new();
    let Outcome::Born(again) = tale.house(Command::Birth(birth(2))) else { panic!("not born") };
    assert!(again.resumed);
    assert_eq!((again.wallet_id, again.agent_id), (tale.born.wallet_id, tale.born.agent_id));
    assert_ne!(again.key_id, tale.born.key_id);
    assert_eq!(tale.ask(key(1), Command::Admit), Err(Refusal::InvalidCredentials), "nobody can have received the first key");
    assert_eq!(tale.ask(key(2), Command::Admit), Ok(Outcome::Admitted));
    assert_eq!(tale.balance(), (1_000_000, 0), "one credit");
    tale.house(Command::ConfirmBirth);
    assert_eq!(tale.ask(Proof::House, Command::Birth(birth(3))), Err(Refusal::TenantExists));
    assert_eq!(tale.ask(key(2), Command::Admit), Ok(Outcome::Admitted));
}

#[test]
fn a_tenant_of_another_is_not_born_again() {
    let mut tale = Tale::new();
    let thief = guildhall::objects::tenant::command::Controller::Wallet(login(5));
    let theft = guildhall::objects::tenant::command::Birth { controller: thief, ..birth(2) };
    assert_eq!(tale.ask(Proof::House, Command::Birth(theft)), Err(Refusal::TenantExists));
    assert_eq!(tale.ask(key(1), Command::Admit), Ok(Outcome::Admitted));
}

#[test]
fn every_key_that_is_not_good_is_refused_alike() {
    let mut tale = Tale::new();
    let bad = |number: u64, kind: KeyKind, hash: Option<Digest>| {
        let number = KeyNumber::from_bytes(number.to_be_bytes());
        Proof::Key { kind, number, secret_hash: hash.unwrap_or(secret_hash_of(number)) }
    };
    tale.mint(operator(), KeyHolder::NewAgent { label: "second".to_owned() }, 2).unwrap();
    let revoked = tale.mint(operator(), KeyHolder::Agent(tale.born.agent_id.unwrap()), 3).unwrap();
    let revoke = |key_id| Command::RevokeKey { key_id, kinds: vec![KeyKind::Agent] };
    for _ in 0..2 {
        assert_eq!(tale.ask(operator(), revoke(revoked)), Ok(Outcome::KeyRevoked), "repeatable");
    }
    let unknown = bad(77, KeyKind::Agent, None);
    let wrong_secret = bad(1, KeyKind::Agent, Some(Digest::ZERO));
    let other_kind = bad(1, KeyKind::Live, None);
    let answers: Vec<_> = [unknown, wrong_secret, other_kind, key(3)].into_iter().map(|proof| tale.call(proof, Command::Admit)).collect();
    let replies: Vec<_> = answers.iter().map(|call| tale.send(call)).collect();
    assert!(replies.windows(2).all(|pair| pair[0] == pair[1]), "{replies:?}");
    assert_eq!(replies[0].outcome, Err(Refusal::InvalidCredentials));
    assert_eq!(tenant::refuse_unborn(&answers[0]), replies[0], "nor does it show whether the tenant exists");
}

#[test]
fn a_good_key_that_names_another_tenant_is_forbidden() {
    let mut tale = Tale::new();
    for (name, outcome) in [
        ("agent-alpha", Ok(Outcome::Admitted)),
        ("07070707-0707-0707-0707-070707070707", Ok(Outcome::Admitted)),
        ("agent-beta", Err(Refusal::TenantMismatch)),
        ("Agent-Alpha", Err(Refusal::TenantMismatch)),
        ("", Err(Refusal::TenantMismatch)),
    ] {
        let call = TenantCall { named_tenant: Some(name.to_owned()), ..tale.call(key(1), Command::Admit) };
        assert_eq!(tale.send(&call).outcome, outcome, "{name}");
    }
    assert_eq!(tale.ask(wallet_session(3), Command::Admit), Err(Refusal::TenantMismatch), "no agent of this tenant");
}

#[test]
fn an_agents_keys_rest_while_it_is_suspended_and_die_with_it() {
    let mut tale = Tale::new();
    let agent_id = tale.born.agent_id.unwrap();
    let set = |status| Command::SetAgentStatus { agent_id, status };
    tale.ask(operator(), set(AgentStatus::Suspended)).unwrap();
    assert_eq!(tale.ask(key(1), Command::Admit), Err(Refusal::AgentNotActive));
    assert_eq!(tale.mint(operator(), KeyHolder::Agent(agent_id), 2), Err(Refusal::TargetAgentNotActive));
    tale.ask(operator(), set(AgentStatus::Active)).unwrap();
    assert_eq!(tale.ask(key(1), Command::Admit), Ok(Outcome::Admitted));
    tale.ask(operator(), set(AgentStatus::Revoked)).unwrap();
    assert_eq!(tale.ask(key(1), Command::Admit), Err(Refusal::InvalidCredentials));
    assert_eq!(tale.ask(operator(), set(AgentStatus::Active)), Err(Refusal::AgentRevoked));
}

#[test]
fn the_last_use_of_a_key_is_noted_once_a_minute() {
    let mut tale = Tale::new();
    let uses = |tale: &mut Tale| {
        let before = tale.object.sql.statements_run();
        tale.ask(key(1), Command::Admit).unwrap();
        tale.object.sql.statements_run() - before
    };
    assert_eq!(uses(&mut tale), 2);
    assert_eq!(uses(&mut tale), 1);
    tale.pass_ms(60_000);
    assert_eq!(uses(&mut tale), 2);
}

fn redeem(tale: &mut Tale, token: u64, wallet: u64, new_key: u64) -> Result<Outcome, Refusal> {
    let number = secret(token).number;
    let request = RedeemEnrollment {
        number,
        secret_hash: secret_hash_of(number),
        address: login(wallet),
        label: None,
        metadata: serde_json::Map::new(),
        key: secret(new_key),
    };
    tale.ask(Proof::House, Command::RedeemEnrollment(request))
}

#[test]
fn an_enrollment_token_serves_one_wallet_once_and_a_full_plan_leaves_it_unused() {
    let mut tale = Tale::new();
    for token in [100, 101, 102] {
        let request = MintEnrollment { secret: secret(token), label: Some("crew".to_owned()), ttl_s: 86_400 };
        tale.ask(operator(), Command::MintEnrollment(request)).unwrap();
    }
    let Ok(Outcome::Enrolled(enrolled)) = redeem(&mut tale, 100, 1, 200) else { panic!("not enrolled") };
    assert_eq!(tale.ask(key(200), Command::Admit), Ok(Outcome::Admitted));
    assert_eq!(tale.ask(wallet_session(1), Command::Admit), Ok(Outcome::Admitted));
    assert_eq!(redeem(&mut tale, 100, 2, 201), Err(Refusal::InvalidEnrollmentToken));
    let Ok(Outcome::Enrolled(again)) = redeem(&mut tale, 101, 1, 202) else { panic!("no further key") };
    assert_eq!(again.agent_id, enrolled.agent_id);
    for number in 2..5 {
        tale.mint(operator(), KeyHolder::NewAgent { label: "more".to_owned() }, number).unwrap();
    }
    let full = Refusal::PlanLimitExceeded { limit: 5, current: 5, plan: Plan::Free };
    assert_eq!(redeem(&mut tale, 102, 3, 203), Err(full.clone()));
    assert_eq!(tale.mint(operator(), KeyHolder::NewAgent { label: "more".to_owned() }, 6), Err(full));
    let Ok(Outcome::Enrollments(tokens)) = tale.ask(operator(), Command::ListEnrollments) else { panic!("no list") };
    assert_eq!(tokens.iter().filter(|token| token.status == TokenStatus::Unused).count(), 1);
    tale.ask(operator(), Command::UpdateTenant { name: None, plan: Some(Plan::Starter) }).unwrap();
    assert!(redeem(&mut tale, 102, 3, 203).is_ok());
}

fn invite(tale: &mut Tale, wallet: u64, number: u64, email: &str) -> Result<Outcome, Refusal> {
    let secret = secret(number);
    let request = Invitation { number: secret.number, secret_hash: secret.secret_hash, email: email.to_owned() };
    tale.ask(wallet_session(wallet), Command::Invite(request))
}

fn accept(tale: &mut Tale, number: u64, who: u64) -> Result<Outcome, Refusal> {
    let secret = secret(number);
    let command = Command::AcceptInvitation { number: secret.number, secret_hash: secret.secret_hash, user_id: user(who) };
    tale.ask(Proof::House, command)
}

#[test]
fn the_controlling_wallet_invites_one_owner() {
    let mut tale = Tale::new();
    assert_eq!(invite(&mut tale, 1, 300, "a@example.com"), Err(Refusal::NotControllingWallet));
    assert!(invite(&mut tale, 0, 301, "a@example.com").is_ok());
    assert_eq!(invite(&mut tale, 0, 302, "b@example.com"), Err(Refusal::OwnerExists), "another address is pending");
    assert!(invite(&mut tale, 0, 303, "a@example.com").is_ok());
    assert_eq!(accept(&mut tale, 301, 1), Err(Refusal::InvalidInvitation), "the old link is void");
    assert!(accept(&mut tale, 303, 1).is_ok());
    assert!(accept(&mut tale, 303, 1).is_ok(), "the same human may repeat it");
    assert_eq!(accept(&mut tale, 303, 2), Err(Refusal::InvalidInvitation));
    assert_eq!(invite(&mut tale, 0, 304, "a@example.com"), Err(Refusal::OwnerExists));
    let member = Proof::User { user_id: user(1) };
    assert!(matches!(tale.ask(member.clone(), Command::Profile), Ok(Outcome::Profile(_))));
    assert_eq!(tale.ask(Proof::User { user_id: user(2) }, Command::Profile), Err(Refusal::NotMember));
    tale.ask(member.clone(), Command::PutMember { user_id: user(2), role: Role::Member }).unwrap();
    let plain = Proof::User { user_id: user(2) };
    assert_eq!(tale.ask(plain, Command::UpdateTenant { name: Some("Mine".to_owned()), plan: None }), Err(Refusal::Forbidden));
    assert_eq!(tale.ask(member, Command::UpdateTenant { name: None, plan: Some(Plan::Enterprise) }), Err(Refusal::Forbidden));
}

#[test]
fn an_invitation_ends_after_seven_days_and_another_address_may_follow() {
    let mut tale = Tale::new();
    assert!(invite(&mut tale, 0, 301, "a@example.com").is_ok());
    tale.pass_ms(7 * 86_400_000);
    assert_eq!(accept(&mut tale, 301, 1), Err(Refusal::InvalidInvitation));
    assert!(invite(&mut tale, 0, 302, "b@example.com").is_ok());
}
