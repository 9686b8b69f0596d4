//! Budget leases: part of a budget lent on, as a tree.

use guildhall::domain::form::lease::LeaseForm;
use guildhall::domain::id::{AgentId, LeaseId, MandateId};
use guildhall::domain::lease::LeaseStatus;
use guildhall::domain::reservation::ReservationStatus;
use guildhall::domain::spend::{Reason, SpendAction};
use guildhall::domain::wallet::Mode;
use guildhall::objects::tenant::call::{ExecutionRights, Proof, TenantCall};
use guildhall::objects::tenant::command::Command;
use guildhall::objects::tenant::money::command::{LeaseRequest, LeaseSource, MandateDraft, MoneyCommand};
use guildhall::objects::tenant::money::outcome::MoneyOutcome;
use guildhall::objects::tenant::money::refusal::MoneyRefusal;
use guildhall::objects::tenant::outcome::Outcome;
use guildhall::objects::tenant::refusal::Refusal;

use super::money::{draft, refused, spend};
use super::{Tale, claim, micros, operator};
use crate::random::Random;

pub fn request(source: LeaseSource, child_agent_id: AgentId, amount: u64) -> LeaseRequest {
    let (amount, per_transaction) = (micros(amount), None);
    LeaseRequest { source, child_agent_id, amount, per_transaction, merchants: None, actions: None, expires_at: None }
}

impl Tale {
    pub fn grant(&mut self, request: LeaseRequest) -> Result<LeaseForm, Refusal> {
        self.lease_reply(MoneyCommand::GrantLease(request))
    }

    pub fn lease_reply(&mut self, command: MoneyCommand) -> Result<LeaseForm, Refusal> {
        match self.manage(command)? {
            MoneyOutcome::Lease(form) => Ok(*form),
            other => panic!("{other:?}"),
        }
    }

    pub fn lease(&mut self, lease_id: LeaseId) -> LeaseForm {
        self.lease_reply(MoneyCommand::GetLease { lease_id }).unwrap()
    }

    pub fn give_up(&mut self, lease_id: LeaseId) -> Result<LeaseForm, Refusal> {
        self.lease_reply(MoneyCommand::ReleaseLease { lease_id })
    }

    /// A mandate and three agents, each lent to by the one before it.
    fn family(&mut self, terms: MandateDraft, amounts: [u64; 3]) -> (MandateId, [(AgentId, LeaseId); 3]) {
        let mandate = self.mandate(terms).id;
        let mut source = LeaseSource::Mandate(mandate);
        let leases = [0, 1, 2].map(|level| {
            let child = self.new_agent(100 + level as u64);
            self.pass_ms(1);
            let lease = self.grant(request(source, child, amounts[level])).unwrap();
            source = LeaseSource::Lease(lease.id);
            (child, lease.id)
        });
        (mandate, leases)
    }
}

#[test]
fn three_levels_of_children_never_overspend_the_parent() {
    for seed in 1..=100 {
        let mut random = Random::new(seed);
        let mut tale = Tale::new();
        let (mandate, levels) = tale.family(draft(), [300_000, 200_000, 100_000]);
        let mut spent = 0;
        let mut open = Vec::new();
        for _ in 0..60 {
            let (agent, lease) = levels[random.below(3) as usize];
            let remaining = tale.lease(lease).remaining.get();
            let amount = if random.percent(20) { remaining + random.below(2) } else { random.between(1, 40_000) };
            match tale.hold(spend(agent, mandate, Some(lease), amount.max(1))) {
                Ok(held) => open.push(held),
                Err(refusal) => {
                    let reason = Reason::LeaseExhausted { remaining: micros(remaining) };
                    assert_eq!(refusal, refused(reason, amount.max(1)), "seed {seed}");
                    assert!(remaining < amount.max(1), "seed {seed}: a false denial");
                }
            }
            if random.percent(50) && !open.is_empty() {
                let held = open.swap_remove(random.below(open.len() as u64) as usize);
                let part = random.between(1, held.amount.get());
                spent += tale.take(held.id, Some(part)).unwrap().captured_amount.get();
            }
            let roots = tale.mandate_now(mandate).usage.total;
            assert_eq!((roots.spent.get(), roots.spent.get() + roots.held.get()), (spent, 300_000), "seed {seed}");
        }
        tale.lease_reply(MoneyCommand::RevokeLease { lease_id: levels[0].1 }).unwrap();
        assert_eq!(tale.balance(), (1_000_000 - spent, 0), "seed {seed}: all that is unspent is back");
        tale.close_books();
    }
}

#[test]
fn a_child_that_resumes_keeps_its_grant() {
    let mut tale = Tale::new();
    let mandate = tale.mandate(draft()).id;
    let child = tale.new_agent(100);
    let command = Command::Money(MoneyCommand::GrantLease(request(LeaseSource::Mandate(mandate), child, 1_000)));
    let first = TenantCall { idempotency: claim("grant", "body"), ..tale.call(operator(), command.clone()) };
    let Ok(Outcome::Money(MoneyOutcome::Lease(granted))) = tale.send(&first).outcome else { panic!("not granted") };
    tale.hold(spend(child, mandate, Some(granted.id), 400)).unwrap();
    // The child's host died; its request comes again and gets the lease it had, as it was granted.
    let again = TenantCall { idempotency: claim("grant", "body"), ..tale.call(operator(), command) };
    let replayed = tale.send(&again);
    assert_eq!((replayed.replayed, replayed.outcome), (true, Ok(Outcome::Money(MoneyOutcome::Lease(granted.clone())))));
    assert_eq!((tale.count("lease"), tale.lease(granted.id).remaining), (1, micros(600)));
    // A new token under the same lease spends on where the old one stopped.
    let expires_at = tale.now.plus_s(300);
    let rights = |jti: &str| ExecutionRights {
        agent_id: child,
        mandate_id: mandate,
        lease_id: Some(granted.id),
        action: SpendAction::Tool,
        jti: jti.to_owned(),
        expires_at,
    };
    let spent = tale.spend_as(Proof::Execution(rights("new")), MoneyCommand::Reserve(spend(child, mandate, Some(granted.id), 600)));
    assert!(spent.is_ok(), "{spent:?}");
    assert_eq!(tale.lease(granted.id).reserved, micros(1_000));
}

#[test]
fn a_lease_released_while_its_child_holds_returns_only_what_is_free() {
    let mut tale = Tale::new();
    let (mandate, [_, (parent, middle), (child, leaf)]) = tale.family(draft(), [1_000, 800, 500]);
    let held = tale.hold(spend(child, mandate, Some(leaf), 300)).unwrap();
    assert_eq!(tale.give_up(middle), Err(Refusal::Money(MoneyRefusal::LeaseHasChildren)));
    let given_up = tale.give_up(leaf).unwrap();
    assert_eq!((given_up.status, given_up.returned_amount), (LeaseStatus::Released, micros(200)));
    assert_eq!(tale.give_up(leaf).unwrap(), given_up, "a repeat is the same");
    let lent = tale.lease(middle);
    assert_eq!((lent.remaining, lent.leased), (micros(500), micros(300)));
    assert!(tale.hold(spend(parent, mandate, Some(middle), 501)).is_err(), "what the child holds is not the parent's");
    // The hold stays open; what it frees goes up.
    tale.take(held.id, Some(100)).unwrap();
    let lent = tale.lease(middle);
    assert_eq!((lent.remaining, lent.leased, tale.lease(leaf).returned_amount), (micros(700), micros(100), micros(400)));
    tale.close_books();
}

#[test]
fn a_lease_is_exhausted_only_when_nothing_can_come_back_to_it() {
    let mut tale = Tale::new();
    let (mandate, [(_, root), (parent, middle), (child, leaf)]) = tale.family(draft(), [1_000, 1_000, 600]);
    let held = tale.hold(spend(child, mandate, Some(leaf), 600)).unwrap();
    tale.give_up(leaf).unwrap();
    let all = tale.hold(spend(parent, mandate, Some(middle), 400)).unwrap();
    tale.take(all.id, None).unwrap();
    assert_eq!(tale.lease(middle).status, LeaseStatus::Active, "its child still holds some of it");
    tale.take(held.id, Some(100)).unwrap();
    assert_eq!(tale.lease(middle).remaining, micros(500));
    let rest = tale.hold(spend(parent, mandate, Some(middle), 500)).unwrap();
    tale.take(rest.id, None).unwrap();
    assert_eq!([middle, root].map(|id| tale.lease(id).status), [LeaseStatus::Exhausted; 2]);
}

/// Somebody, or the alarm, comes upon a lease.
type Meeting = fn(&mut Tale, LeaseId) -> Result<LeaseForm, Refusal>;

#[test]
fn a_lease_that_ran_out_takes_its_holds_along_whoever_meets_it_first() {
    let revoke = |tale: &mut Tale, id| tale.lease_reply(MoneyCommand::RevokeLease { lease_id: id });
    let release = |tale: &mut Tale, id| tale.give_up(id);
    let alarm = |tale: &mut Tale, id| {
        tale.house(Command::RunDue { batch: 10 });
        Ok(tale.lease(id))
    };
    let meet: [Meeting; 3] = [revoke, release, alarm];
    for first in meet {
        let mut tale = Tale::new();
        let mandate = tale.mandate(draft()).id;
        let child = tale.new_agent(100);
        let expires_at = Some(tale.now.plus_s(10));
        let lease = tale.grant(LeaseRequest { expires_at, ..request(LeaseSource::Mandate(mandate), child, 1_000) }).unwrap().id;
        let held = tale.hold(spend(child, mandate, Some(lease), 400)).unwrap();
        tale.pass_ms(10_000);
        assert_eq!(first(&mut tale, lease).unwrap().status, LeaseStatus::Expired);
        assert_eq!(tale.balance(), (1_000_000, 0));
        assert_eq!(tale.take(held.id, None).unwrap_err(), Refusal::ReservationResolved);
    }
}

#[test]
fn nothing_is_captured_under_a_lease_that_ran_out_though_no_alarm_has_run() {
    let mut tale = Tale::new();
    let mandate = tale.mandate(draft()).id;
    let child = tale.new_agent(100);
    let expires_at = Some(tale.now.plus_s(10));
    let lease = tale.grant(LeaseRequest { expires_at, ..request(LeaseSource::Mandate(mandate), child, 1_000) }).unwrap().id;
    let held = tale.hold(spend(child, mandate, Some(lease), 400)).unwrap();
    tale.pass_ms(10_000);
    assert_eq!(tale.take(held.id, None).unwrap_err(), Refusal::ReservationResolved);
    assert_eq!(tale.lease(lease).status, LeaseStatus::Expired);
    assert_eq!(tale.balance(), (1_000_000, 0));
}

#[test]
fn a_child_that_ran_out_does_not_keep_its_parent_from_giving_up() {
    let mut tale = Tale::new();
    let mandate = tale.mandate(draft()).id;
    let (parent, child) = (tale.new_agent(100), tale.new_agent(101));
    let lease = tale.grant(request(LeaseSource::Mandate(mandate), parent, 1_000)).unwrap().id;
    let expires_at = Some(tale.now.plus_s(10));
    tale.grant(LeaseRequest { expires_at, ..request(LeaseSource::Lease(lease), child, 500) }).unwrap();
    tale.pass_ms(10_000);
    assert_eq!(tale.give_up(lease).unwrap().returned_amount, micros(1_000));
}

#[test]
fn revoking_ends_the_holds_of_a_child_that_gave_its_lease_up() {
    let mut tale = Tale::new();
    let (mandate, [_, (_, middle), (child, leaf)]) = tale.family(draft(), [1_000, 800, 500]);
    let held = tale.hold(spend(child, mandate, Some(leaf), 300)).unwrap();
    tale.give_up(leaf).unwrap();
    tale.lease_reply(MoneyCommand::RevokeLease { lease_id: middle }).unwrap();
    let Ok(MoneyOutcome::Reservation(ended)) = tale.manage(MoneyCommand::GetReservation { reservation_id: held.id }) else {
        panic!("no reservation")
    };
    assert_eq!((ended.status, tale.lease(middle).returned_amount), (ReservationStatus::Released, micros(800)));
}

#[test]
fn what_was_lent_from_a_wallet_goes_back_to_it_whatever_the_mandate_names_by_then() {
    let mut tale = Tale::new();
    let mandate = tale.mandate(draft()).id;
    let child = tale.new_agent(100);
    let lease = tale.grant(request(LeaseSource::Mandate(mandate), child, 1_000)).unwrap().id;
    let create = Command::CreateWallet { name: None, mode: Mode::Sandbox, metadata: serde_json::Map::new() };
    let Ok(Outcome::Wallet(other)) = tale.ask(operator(), create) else { panic!("no wallet") };
    let draft = MandateDraft { wallet_id: Some(other.wallet_id), ..draft() };
    tale.manage(MoneyCommand::PutMandate { mandate_id: mandate, version: 1, agent_id: None, status: None, draft }).unwrap();
    let held = tale.hold(spend(child, mandate, Some(lease), 400)).unwrap();
    assert_eq!(held.wallet_id, tale.born.wallet_id);
    tale.lease_reply(MoneyCommand::RevokeLease { lease_id: lease }).unwrap();
    assert_eq!(tale.balance(), (1_000_000, 0), "nothing strayed into the other wallet");
}
