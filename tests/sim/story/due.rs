//! What has come due is met by whoever comes next, though no alarm has run.

use guildhall::domain::approval::ApprovalStatus;
use guildhall::domain::id::{AgentId, ApprovalId, LeaseId, ReservationId};
use guildhall::domain::lease::LeaseStatus;
use guildhall::domain::mandate::MandateStatus;
use guildhall::domain::reservation::ReservationStatus;
use guildhall::domain::scope::Scopes;
use guildhall::objects::tenant::command::Command;
use guildhall::objects::tenant::money::command::{LeaseRequest, LeaseSource, MandateDraft, MoneyCommand, SpendRequest};
use guildhall::objects::tenant::money::outcome::MoneyOutcome;
use guildhall::objects::tenant::money::refusal::MoneyRefusal;
use guildhall::objects::tenant::outcome::Outcome;
use guildhall::objects::tenant::refusal::Refusal;

use super::lease::request;
use super::money::{draft, spend};
use super::{Tale, micros, operator};

impl Tale {
    fn mandate_of(&mut self, agent_id: AgentId, draft: MandateDraft) -> guildhall::domain::id::MandateId {
        match self.manage(MoneyCommand::CreateMandate { agent_id, draft }) {
            Ok(MoneyOutcome::Mandate(form)) => form.id,
            other => panic!("{other:?}"),
        }
    }

    fn reservation(&mut self, reservation_id: ReservationId) -> ReservationStatus {
        match self.manage(MoneyCommand::GetReservation { reservation_id }) {
            Ok(MoneyOutcome::Reservation(form)) => form.status,
            other => panic!("{other:?}"),
        }
    }

    fn put_status(&mut self, mandate_id: guildhall::domain::id::MandateId, draft: MandateDraft, status: MandateStatus) -> MoneyOutcome {
        let version = self.mandate_now(mandate_id).version;
        self.manage(MoneyCommand::PutMandate { mandate_id, version, agent_id: None, status: Some(status), draft }).unwrap()
    }

    fn decide(&mut self, approval_id: ApprovalId, approve: bool) -> Result<MoneyOutcome, Refusal> {
        self.manage(MoneyCommand::Decide { approval_id, approve, reason: None })
    }

    /// A lease until then, its child's lease without an end of its own, and a hold under that, whose lease is given up.
    fn orphaned_hold(
        &mut self,
        terms: MandateDraft,
        lasts_s: u64,
        amount: u64,
    ) -> (LeaseId, guildhall::domain::form::reservation::ReservationForm) {
        let mandate = self.mandate(terms).id;
        let (middle, child) = (self.new_agent(100), self.new_agent(101));
        let expires_at = Some(self.now.plus_s(lasts_s));
        let above = self.grant(LeaseRequest { expires_at, ..request(LeaseSource::Mandate(mandate), middle, 1_000) }).unwrap().id;
        let below = self.grant(request(LeaseSource::Lease(above), child, 500)).unwrap().id;
        let held = self.hold(SpendRequest { ttl_s: 3_600, ..spend(child, mandate, Some(below), amount) }).unwrap();
        self.give_up(below).unwrap();
        (above, held)
    }
}

#[test]
fn nothing_is_captured_out_of_a_tree_of_leases_that_ran_out() {
    let mut tale = Tale::new();
    let (above, held) = tale.orphaned_hold(draft(), 10, 400);
    tale.pass_ms(10_000);
    assert_eq!(tale.take(held.id, None).unwrap_err(), Refusal::ReservationResolved);
    assert_eq!((tale.balance(), tale.lease(above).status), ((1_000_000, 0), LeaseStatus::Expired));
}

#[test]
fn nothing_is_approved_out_of_a_tree_of_leases_that_ran_out() {
    let mut tale = Tale::new();
    let (_, held) = tale.orphaned_hold(MandateDraft { approval_threshold: Some(micros(100)), ..draft() }, 10, 400);
    tale.pass_ms(10_000);
    let late = tale.decide(held.approval_id.unwrap(), true);
    assert_eq!(late, Err(Refusal::Money(MoneyRefusal::ApprovalDecided)));
    assert_eq!(tale.balance(), (1_000_000, 0));
}

#[test]
fn what_an_agent_holds_whose_time_is_over_is_not_captured() {
    let mut tale = Tale::new();
    let agent = tale.register(Scopes::all(), Some(tale.now.plus_s(10)));
    let mandate = tale.mandate_of(agent, draft());
    let held = tale.hold(spend(agent, mandate, None, 400)).unwrap();
    tale.pass_ms(10_000);
    assert_eq!(tale.take(held.id, None).unwrap_err(), Refusal::ReservationResolved);
    assert_eq!(tale.balance(), (1_000_000, 0));
}

#[test]
fn an_agent_whose_time_is_over_stands_in_nobodys_way() {
    let mut tale = Tale::new();
    let agent = tale.register(Scopes::all(), Some(tale.now.plus_s(10)));
    let mandate = tale.mandate_of(agent, draft());
    tale.hold(spend(agent, mandate, None, 1_000_000)).unwrap();
    tale.pass_ms(10_000);
    let (first, mandate) = (tale.first_agent(), tale.mandate(draft()).id);
    assert!(tale.hold(spend(first, mandate, None, 1_000_000)).is_ok());
}

#[test]
fn a_metered_request_is_paid_with_what_an_agent_held_whose_time_is_over() {
    let mut tale = Tale::new();
    let agent = tale.register(Scopes::all(), Some(tale.now.plus_s(10)));
    let mandate = tale.mandate_of(agent, draft());
    tale.hold(spend(agent, mandate, None, 1_000_000)).unwrap();
    tale.pass_ms(10_000);
    assert_eq!(tale.reserve(1_000, 60).unwrap().available_micros, micros(999_000));
}

/// Somebody looks at the default wallet, or pays into it: what it has available and what it holds.
type Look = fn(&mut Tale) -> (u64, u64);

#[test]
fn a_wallet_is_shown_as_what_has_run_out_leaves_it() {
    let looks: [(Look, u64); 3] = [
        (|tale| tale.balance(), 0),
        (
            |tale| match tale.ask(operator(), Command::ListWallets { limit: 1, before: None }) {
                Ok(Outcome::Wallets(views)) => (views[0].balance.available.get(), views[0].balance.held.get()),
                other => panic!("{other:?}"),
            },
            0,
        ),
        (
            |tale| {
                let wallet_id = tale.born.wallet_id;
                tale.ask(operator(), Command::Fund { wallet_id, amount_micros: micros(10_000), source: None }).unwrap();
                let stored = "SELECT available.balance_micros, held.balance_micros FROM account available
                    JOIN account held ON held.id = available.id || '.held'";
                let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, i64>(1)?.unsigned_abs()));
                tale.object.sql.connection.query_row(stored, [], read).unwrap()
            },
            10_000,
        ),
    ];
    for (look, paid_in) in looks {
        let mut tale = Tale::new();
        let until = tale.now.plus_s(10);
        let agent = tale.register(Scopes::all(), Some(until));
        let theirs = tale.mandate_of(agent, draft());
        tale.hold(spend(agent, theirs, None, 300_000)).unwrap();
        let mandate = tale.mandate(draft()).id;
        let child = tale.new_agent(100);
        tale.grant(LeaseRequest { expires_at: Some(until), ..request(LeaseSource::Mandate(mandate), child, 200_000) }).unwrap();
        tale.pass_ms(10_000);
        assert_eq!(look(&mut tale), (1_000_000 + paid_in, 0));
    }
}

#[test]
fn a_hold_that_ran_out_before_its_mandate_was_revoked_or_its_lease_ended_is_expired() {
    let mut tale = Tale::new();
    let agent = tale.first_agent();
    let terms = MandateDraft { approval_threshold: Some(micros(100)), ..draft() };
    let mandate = tale.mandate(terms.clone()).id;
    let held = tale.hold(SpendRequest { ttl_s: 10, ..spend(agent, mandate, None, 50) }).unwrap();
    tale.pass_ms(10_000);
    let MoneyOutcome::Mandate(revoked) = tale.put_status(mandate, terms.clone(), MandateStatus::Revoked) else { panic!("no mandate") };
    assert_eq!((tale.reservation(held.id), revoked.usage.total.held), (ReservationStatus::Expired, micros(0)));

    let mandate = tale.mandate(terms.clone()).id;
    let asked = tale.hold(spend(agent, mandate, None, 200)).unwrap();
    tale.pass_ms(86_400_000);
    tale.put_status(mandate, terms, MandateStatus::Revoked);
    let approval_id = asked.approval_id.unwrap();
    let Ok(MoneyOutcome::Approval(approval)) = tale.manage(MoneyCommand::GetApproval { approval_id }) else { panic!("no approval") };
    assert_eq!((tale.reservation(asked.id), approval.status), (ReservationStatus::Expired, ApprovalStatus::Expired));
}

#[test]
fn the_alarm_ends_a_hold_as_what_came_first_would_have() {
    for (lasts_s, ends_as) in [(9, ReservationStatus::Expired), (10, ReservationStatus::Released), (11, ReservationStatus::Released)] {
        let mut tale = Tale::new();
        let mandate = tale.mandate(draft()).id;
        let child = tale.new_agent(100);
        let expires_at = Some(tale.now.plus_s(10));
        let lease = tale.grant(LeaseRequest { expires_at, ..request(LeaseSource::Mandate(mandate), child, 1_000) }).unwrap().id;
        let held = tale.hold(SpendRequest { ttl_s: lasts_s, ..spend(child, mandate, Some(lease), 400) }).unwrap();
        tale.pass_ms(20_000);
        tale.house(Command::RunDue { batch: 100 });
        assert_eq!(tale.reservation(held.id), ends_as, "a hold of {lasts_s} s under a lease of 10 s");
    }
}

#[test]
fn a_lease_that_is_given_up_returns_what_a_hold_of_it_held_that_ran_out() {
    let mut tale = Tale::new();
    let mandate = tale.mandate(draft()).id;
    let child = tale.new_agent(100);
    let lease = tale.grant(request(LeaseSource::Mandate(mandate), child, 1_000)).unwrap().id;
    tale.hold(SpendRequest { ttl_s: 10, ..spend(child, mandate, Some(lease), 400) }).unwrap();
    tale.pass_ms(10_000);
    let given_up = tale.give_up(lease).unwrap();
    assert_eq!((given_up.reserved, given_up.returned_amount), (micros(0), micros(1_000)));
}

#[test]
fn what_a_revoked_lease_held_is_back_however_much_it_was() {
    let mut tale = Tale::new();
    let mandate = tale.mandate(draft()).id;
    let child = tale.new_agent(100);
    let lease = tale.grant(request(LeaseSource::Mandate(mandate), child, 100_000)).unwrap().id;
    for _ in 0..1_100 {
        tale.hold(spend(child, mandate, Some(lease), 10)).unwrap();
    }
    let revoked = tale.lease_reply(MoneyCommand::RevokeLease { lease_id: lease }).unwrap();
    assert_eq!((revoked.reserved, revoked.returned_amount), (micros(0), micros(100_000)));
}

#[test]
fn what_ran_out_is_in_no_answers_way_however_much_it_was() {
    let mut tale = Tale::new();
    let (agent, mandate) = (tale.first_agent(), tale.mandate(MandateDraft { daily: Some(micros(12_000)), ..draft() }).id);
    for _ in 0..1_200 {
        tale.hold(SpendRequest { ttl_s: 1, ..spend(agent, mandate, None, 10) }).unwrap();
    }
    tale.pass_ms(1_000);
    let asked = tale.manage(MoneyCommand::Authorize(spend(agent, mandate, None, 12_000)));
    let Ok(MoneyOutcome::Authorized(authorized)) = asked else { panic!("{asked:?}") };
    assert_eq!(authorized.reasons, []);
}
