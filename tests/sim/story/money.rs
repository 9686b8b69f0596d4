//! Governed money: limits, holds, payments and what humans decide about them.

use guildhall::domain::agent::AgentStatus;
use guildhall::domain::approval::ApprovalStatus;
use guildhall::domain::digest::Digest;
use guildhall::domain::form::mandate::MandateForm;
use guildhall::domain::form::reservation::ReservationForm;
use guildhall::domain::id::{AgentId, LeaseId, MandateId, ReservationId};
use guildhall::domain::mandate::{LimitKind, MandateStatus};
use guildhall::domain::money::Micros;
use guildhall::domain::payment::PaymentStatus;
use guildhall::domain::reservation::ReservationStatus;
use guildhall::domain::spend::{Merchant, Reason, SpendAction, SpendKind};
use guildhall::domain::time::{DAY_MS, Timestamp};
use guildhall::objects::tenant::call::{ExecutionRights, Proof};
use guildhall::objects::tenant::command::{Command, KeyHolder};
use guildhall::objects::tenant::money::command::{LeaseRequest, LeaseSource, MandateDraft, MoneyCommand, PageOf, PayRequest, SpendRequest};
use guildhall::objects::tenant::money::outcome::MoneyOutcome;
use guildhall::objects::tenant::money::refusal::MoneyRefusal;
use guildhall::objects::tenant::outcome::{Due, Outcome};
use guildhall::objects::tenant::refusal::{Refusal, Thing};

use super::{Tale, micros, operator};
use crate::random::Random;

/// A mandate without any limit but an all too high one.
pub fn draft() -> MandateDraft {
    MandateDraft {
        name: None,
        per_transaction: None,
        daily: None,
        monthly: None,
        total: Some(Micros::MAX),
        merchants: Vec::new(),
        actions: Vec::new(),
        approval_threshold: None,
        expires_at: None,
        wallet_id: None,
        metadata: serde_json::Map::new(),
    }
}

pub fn spend(agent_id: AgentId, mandate_id: MandateId, lease_id: Option<LeaseId>, amount: u64) -> SpendRequest {
    SpendRequest {
        kind: SpendKind::Tool,
        amount: micros(amount),
        agent_id,
        mandate_id,
        lease_id,
        merchant: None,
        resource: None,
        description: None,
        metadata: serde_json::Map::new(),
        ttl_s: 60,
    }
}

fn payment(amount: u64) -> PayRequest {
    let merchant = Merchant { name: "Acme".to_owned(), key: "acme".to_owned() };
    PayRequest { amount: micros(amount), merchant, description: None, metadata: serde_json::Map::new() }
}

pub fn refused(reason: Reason, requested: u64) -> Refusal {
    Refusal::Money(MoneyRefusal::Spend { reason, requested: micros(requested), payment_id: None })
}

impl Tale {
    pub fn first_agent(&self) -> AgentId {
        self.born.agent_id.unwrap()
    }

    pub fn new_agent(&mut self, number: u64) -> AgentId {
        self.mint(operator(), KeyHolder::NewAgent { label: "child".to_owned() }, number).unwrap();
        let text: String =
            self.object.sql.connection.query_row("SELECT max(id) FROM agent WHERE label = 'child'", [], |row| row.get(0)).unwrap();
        AgentId::parse(&text).unwrap()
    }

    pub fn manage(&mut self, command: MoneyCommand) -> Result<MoneyOutcome, Refusal> {
        self.spend_as(operator(), command)
    }

    pub fn spend_as(&mut self, caller: Proof, command: MoneyCommand) -> Result<MoneyOutcome, Refusal> {
        match self.ask(caller, Command::Money(command))? {
            Outcome::Money(outcome) => Ok(outcome),
            other => panic!("{other:?}"),
        }
    }

    pub fn mandate(&mut self, draft: MandateDraft) -> MandateForm {
        let agent_id = self.first_agent();
        match self.manage(MoneyCommand::CreateMandate { agent_id, draft }) {
            Ok(MoneyOutcome::Mandate(form)) => *form,
            other => panic!("{other:?}"),
        }
    }

    pub fn mandate_now(&mut self, mandate_id: MandateId) -> MandateForm {
        match self.manage(MoneyCommand::GetMandate { mandate_id }) {
            Ok(MoneyOutcome::Mandate(form)) => *form,
            other => panic!("{other:?}"),
        }
    }

    pub fn hold(&mut self, request: SpendRequest) -> Result<ReservationForm, Refusal> {
        match self.manage(MoneyCommand::Reserve(request))? {
            MoneyOutcome::Reservation(form) => Ok(*form),
            other => panic!("{other:?}"),
        }
    }

    pub fn take(&mut self, reservation_id: ReservationId, amount: Option<u64>) -> Result<ReservationForm, Refusal> {
        match self.manage(MoneyCommand::Capture { reservation_id, amount_micros: amount.map(micros) })? {
            MoneyOutcome::Reservation(form) => Ok(*form),
            other => panic!("{other:?}"),
        }
    }

    pub fn token(&self, mandate_id: MandateId, action: SpendAction, jti: u64) -> Proof {
        let (agent_id, expires_at) = (self.first_agent(), self.now.plus_s(300));
        Proof::Execution(ExecutionRights { agent_id, mandate_id, lease_id: None, action, jti: jti.to_string(), expires_at })
    }

    pub fn close_books(&mut self) {
        let Ok(Outcome::Reconciled(reconciled)) = self.ask(operator(), Command::Reconcile) else { panic!("not reconciled") };
        assert!(reconciled.equal, "{reconciled:?}");
    }
}

/// A thousand reservations in the order of a seed against one limit: a serial model admits what fits, and nothing else.
fn race(seed: u64, limit: LimitKind, of_wallet: bool) {
    let mut random = Random::new(seed);
    let ceiling = random.between(100_000, 900_000);
    let mut terms = draft();
    match limit {
        _ if of_wallet => {}
        LimitKind::PerTransaction => terms.per_transaction = Some(micros(ceiling / 100)),
        LimitKind::Daily => terms.daily = Some(micros(ceiling)),
        LimitKind::Monthly => terms.monthly = Some(micros(ceiling)),
        LimitKind::Total => terms.total = Some(micros(ceiling)),
    }
    let mut tale = Tale::new();
    let (agent, mandate) = (tale.first_agent(), tale.mandate(terms).id);
    let (mut held, wallet) = (0, 1_000_000);
    for _ in 0..1_000 {
        let amount = random.between(1, 2_500);
        let fits = match limit {
            _ if of_wallet => held + amount <= wallet,
            LimitKind::PerTransaction => amount <= ceiling / 100 && held + amount <= wallet,
            LimitKind::Daily | LimitKind::Monthly | LimitKind::Total => held + amount <= ceiling,
        };
        let reserved = tale.hold(spend(agent, mandate, None, amount));
        assert_eq!(reserved.is_ok(), fits, "seed {seed}: {amount} on {held} of {ceiling} ({limit:?}): {reserved:?}");
        held += if fits { amount } else { 0 };
    }
    let usage = tale.mandate_now(mandate).usage;
    assert_eq!((usage.daily.held, usage.monthly.held, usage.total.held), (micros(held), micros(held), micros(held)));
    assert_eq!(tale.balance(), (wallet - held, held));
}

#[test]
fn a_thousand_reservations_at_once_hold_no_unit_over_any_limit_and_none_is_refused_wrongly() {
    for seed in 1..=100 {
        let limits = [LimitKind::PerTransaction, LimitKind::Daily, LimitKind::Monthly, LimitKind::Total];
        // Every seed against one kind of limit, so that each kind meets twenty of them.
        match seed % 5 {
            4 => race(seed, LimitKind::Total, true),
            kind => race(seed, limits[kind as usize], false),
        }
    }
}

#[test]
fn what_has_run_out_never_stands_in_the_way() {
    let mut tale = Tale::new();
    let agent = tale.first_agent();
    let mandate = tale.mandate(MandateDraft { daily: Some(micros(500)), ..draft() }).id;
    for _ in 0..100 {
        let request = SpendRequest { ttl_s: 1, ..spend(agent, mandate, None, 5) };
        tale.hold(request).unwrap();
    }
    let left = Reason::MandateLimit { limit: LimitKind::Daily, remaining: micros(0) };
    assert_eq!(tale.hold(spend(agent, mandate, None, 1)).unwrap_err(), refused(left, 1));
    let lower = |tale: &mut Tale| {
        let draft = MandateDraft { daily: Some(micros(499)), ..draft() };
        tale.manage(MoneyCommand::PutMandate { mandate_id: mandate, version: 1, agent_id: None, status: None, draft })
    };
    let below = Refusal::Money(MoneyRefusal::LimitBelowUsage { limit: LimitKind::Daily });
    assert_eq!(lower(&mut tale), Err(below));
    tale.pass_ms(1_000);
    assert!(lower(&mut tale).is_ok(), "what is held no longer does not count");
    assert!(tale.hold(spend(agent, mandate, None, 499)).is_ok());
}

#[test]
fn holds_that_ran_out_free_their_wallet_and_their_lease_for_the_next() {
    let mut tale = Tale::new();
    let (agent, mandate) = (tale.first_agent(), tale.mandate(draft()).id);
    // More than one sweep before a refusal takes, half of it held by the lease.
    let child = tale.new_agent(100);
    let grant = LeaseRequest {
        source: LeaseSource::Mandate(mandate),
        child_agent_id: child,
        amount: micros(500_000),
        per_transaction: None,
        merchants: None,
        actions: None,
        expires_at: None,
    };
    let Ok(MoneyOutcome::Lease(lease)) = tale.manage(MoneyCommand::GrantLease(grant)) else { panic!("not granted") };
    let lease = Some(lease.id);
    for _ in 0..100 {
        tale.hold(SpendRequest { ttl_s: 1, ..spend(agent, mandate, None, 5_000) }).unwrap();
        tale.hold(SpendRequest { ttl_s: 1, ..spend(child, mandate, lease, 5_000) }).unwrap();
    }
    assert!(tale.hold(spend(agent, mandate, None, 1)).is_err() && tale.hold(spend(child, mandate, lease, 1)).is_err());
    tale.pass_ms(1_000);
    tale.hold(spend(child, mandate, lease, 500_000)).unwrap();
    tale.hold(spend(agent, mandate, None, 500_000)).unwrap();
    assert_eq!(tale.balance(), (0, 1_000_000));
}

#[test]
fn a_day_and_a_month_end_at_midnight_and_what_was_held_counts_where_it_was_held() {
    let mut tale = Tale::new();
    let agent = tale.first_agent();
    let terms = MandateDraft { daily: Some(micros(100)), monthly: Some(micros(150)), ..draft() };
    let mandate = tale.mandate(terms).id;
    tale.now = Timestamp::parse("2026-02-27T23:59:59.999Z").unwrap();
    let eve = tale.hold(spend(agent, mandate, None, 100)).unwrap();
    assert!(tale.hold(spend(agent, mandate, None, 1)).is_err(), "the day is full");
    tale.pass_ms(1);
    tale.hold(spend(agent, mandate, None, 50)).unwrap();
    let month = Reason::MandateLimit { limit: LimitKind::Monthly, remaining: micros(0) };
    assert_eq!(tale.hold(spend(agent, mandate, None, 1)).unwrap_err(), refused(month, 1));
    // What is spent on the next day counts on the day it was held.
    tale.take(eve.id, Some(60)).unwrap();
    let usage = tale.mandate_now(mandate).usage;
    assert_eq!((usage.daily.spent, usage.daily.held, usage.monthly.spent), (micros(0), micros(50), micros(60)));
    tale.now = Timestamp::parse("2026-02-28T23:59:59.999Z").unwrap();
    assert_eq!(tale.mandate_now(mandate).usage.monthly.remaining, Some(micros(90)), "the day's hold ran out");
    tale.pass_ms(1);
    let usage = tale.mandate_now(mandate).usage;
    assert_eq!((usage.monthly.remaining, usage.total.spent), (Some(micros(150)), micros(60)));
    assert!(tale.hold(spend(agent, mandate, None, 100)).is_ok());
}

#[test]
fn capture_and_expiry_in_the_same_millisecond_resolve_a_hold_once() {
    for (late_ms, captured) in [(59_999, true), (60_000, false)] {
        let mut tale = Tale::new();
        let (agent, mandate) = (tale.first_agent(), tale.mandate(draft()).id);
        let held = tale.hold(spend(agent, mandate, None, 400_000)).unwrap();
        tale.pass_ms(late_ms);
        let taken = tale.take(held.id, None);
        assert_eq!(taken.is_ok(), captured);
        tale.house(Command::RunDue { batch: 10 });
        assert_eq!(tale.balance(), if captured { (600_000, 0) } else { (1_000_000, 0) });
        if !captured {
            assert_eq!(taken.unwrap_err(), Refusal::ReservationExpired);
        }
        tale.close_books();
    }
}

#[test]
fn a_revoked_mandate_is_wound_up_at_once_however_much_it_held() {
    let mut tale = Tale::new();
    let (agent, mandate) = (tale.first_agent(), tale.mandate(draft()).id);
    for _ in 0..1_200 {
        tale.hold(spend(agent, mandate, None, 100)).unwrap();
    }
    assert_eq!(tale.balance(), (880_000, 120_000));
    let status = Some(MandateStatus::Revoked);
    let command = MoneyCommand::PutMandate { mandate_id: mandate, version: 1, agent_id: None, status, draft: draft() };
    let Ok(MoneyOutcome::Mandate(revoked)) = tale.manage(command) else { panic!("not revoked") };
    assert_eq!(revoked.usage.total.held, micros(0));
    assert_eq!(tale.house(Command::RunDue { batch: 100 }), Outcome::Due(Due { expired: 0, purged: 0 }), "nothing is left to the alarm");
    assert_eq!(tale.balance(), (1_000_000, 0), "every unit is back");
    let released: i64 =
        tale.object.sql.connection.query_row("SELECT count(*) FROM reservation WHERE status = 'released'", [], |row| row.get(0)).unwrap();
    assert_eq!(released, 1_200);
    tale.close_books();
}

#[test]
fn a_question_changes_nothing() {
    let mut tale = Tale::new();
    let (agent, mandate) = (tale.first_agent(), tale.mandate(draft()).id);
    tale.hold(spend(agent, mandate, None, 400_000)).unwrap();
    let fingerprint = |tale: &Tale| {
        let tables = ["account", "audit", "mandate", "reservation", "lease", "approval", "payment", "outbox", "token_use"];
        let rows: Vec<String> = tables
            .iter()
            .map(|table| {
                let mut prepared = tale.object.sql.connection.prepare(&format!("SELECT * FROM {table} ORDER BY 1")).unwrap();
                let columns = prepared.column_count();
                let mut rows = prepared.query([]).unwrap();
                let mut text = (*table).to_owned();
                while let Some(row) = rows.next().unwrap() {
                    (0..columns).for_each(|at| text.push_str(&format!("{:?};", row.get_ref(at).unwrap())));
                }
                text
            })
            .collect();
        Digest::of(&[rows.join("\n").as_bytes()])
    };
    let before = fingerprint(&tale);
    for amount in [1, 600_000, 600_001] {
        let asked = tale.manage(MoneyCommand::Authorize(spend(agent, mandate, None, amount)));
        let Ok(MoneyOutcome::Authorized(authorized)) = asked else { panic!("{asked:?}") };
        assert_eq!(authorized.reasons.is_empty(), amount <= 600_000);
    }
    assert_eq!(fingerprint(&tale), before);
    tale.hold(spend(agent, mandate, None, 1)).unwrap();
    assert_ne!(fingerprint(&tale), before, "a hold does show");
}

#[test]
fn a_token_serves_one_payment_a_denied_one_too() {
    let mut tale = Tale::new();
    let mandate = tale.mandate(MandateDraft { per_transaction: Some(micros(500)), ..draft() }).id;
    let token = tale.token(mandate, SpendAction::Payment, 1);
    let denied = tale.spend_as(token.clone(), MoneyCommand::Pay(payment(501)));
    assert!(matches!(denied, Err(Refusal::Money(MoneyRefusal::Spend { payment_id: Some(_), .. }))), "{denied:?}");
    assert_eq!(tale.spend_as(token, MoneyCommand::Pay(payment(500))), Err(Refusal::Money(MoneyRefusal::TokenAlreadyUsed)));
    let token = tale.token(mandate, SpendAction::Payment, 2);
    assert!(matches!(tale.spend_as(token, MoneyCommand::Pay(payment(500))), Ok(MoneyOutcome::Payment(paid))
        if paid.status == PaymentStatus::Succeeded));
    assert_eq!((tale.balance(), tale.count("payment")), ((999_500, 0), 2));
}

#[test]
fn sixty_payments_of_an_agent_pass_in_a_minute_and_the_next_is_a_risk() {
    let mut tale = Tale::new();
    let mandate = tale.mandate(draft()).id;
    let pay = |tale: &mut Tale, jti: u64| {
        let token = tale.token(mandate, SpendAction::Payment, jti);
        tale.spend_as(token, MoneyCommand::Pay(payment(10)))
    };
    for jti in 0..60 {
        assert!(pay(&mut tale, jti).is_ok());
    }
    let risky = pay(&mut tale, 60);
    assert!(matches!(risky, Err(Refusal::Money(MoneyRefusal::Spend { reason: Reason::RiskVelocity, .. }))), "{risky:?}");
    tale.pass_ms(60_001);
    assert!(pay(&mut tale, 61).is_ok());
}

#[test]
fn nobody_decides_for_a_day_and_the_money_is_free_again() {
    let mut tale = Tale::new();
    let mandate = tale.mandate(MandateDraft { approval_threshold: Some(micros(100)), ..draft() }).id;
    let token = tale.token(mandate, SpendAction::Payment, 1);
    let Ok(MoneyOutcome::Payment(pending)) = tale.spend_as(token, MoneyCommand::Pay(payment(101))) else { panic!("not pending") };
    assert_eq!((pending.status, tale.balance()), (PaymentStatus::PendingApproval, (999_899, 101)));
    tale.pass_ms(DAY_MS);
    let approval_id = pending.approval_id.unwrap();
    let late = tale.manage(MoneyCommand::Decide { approval_id, approve: true, reason: None });
    assert_eq!(late, Err(Refusal::Money(MoneyRefusal::ApprovalDecided)));
    let Ok(MoneyOutcome::Approval(approval)) = tale.manage(MoneyCommand::GetApproval { approval_id }) else { panic!("no approval") };
    assert_eq!((approval.status, tale.balance()), (ApprovalStatus::Expired, (1_000_000, 0)));
}

#[test]
fn what_payments_and_captures_take_from_a_wallet_is_spent_on_its_day_as_a_query_is_and_nothing_else_is() {
    let mut tale = Tale::new();
    let (agent, mandate) = (tale.first_agent(), tale.mandate(draft()).id);
    let query = tale.reserve(1_000, 60).unwrap();
    tale.capture(&query, None).unwrap();
    let held = tale.hold(spend(agent, mandate, None, 300)).unwrap().id;
    tale.take(held, Some(200)).unwrap();
    tale.hold(spend(agent, mandate, None, 50)).unwrap();
    let token = tale.token(mandate, SpendAction::Payment, 1);
    tale.spend_as(token, MoneyCommand::Pay(payment(40))).unwrap();
    let wallet_id = tale.born.wallet_id;
    tale.ask(operator(), Command::Fund { wallet_id, amount_micros: micros(10_000), source: None }).unwrap();
    let Ok(Outcome::DailySpend(days)) = tale.ask(operator(), Command::DailySpend { days: 1 }) else { panic!("no days") };
    assert_eq!((days[0].spent_micros, days[0].charges), (micros(1_240), 3));
}

#[test]
fn an_agents_end_frees_its_holds_and_ends_its_mandates() {
    let mut tale = Tale::new();
    let (agent, mandate) = (tale.first_agent(), tale.mandate(draft()).id);
    let held = tale.hold(spend(agent, mandate, None, 400_000)).unwrap();
    tale.ask(operator(), Command::SetAgentStatus { agent_id: agent, status: AgentStatus::Revoked }).unwrap();
    let Ok(MoneyOutcome::Reservation(ended)) = tale.manage(MoneyCommand::GetReservation { reservation_id: held.id }) else {
        panic!("no reservation")
    };
    assert_eq!((ended.status, tale.balance()), (ReservationStatus::Released, (1_000_000, 0)));
    assert_eq!(tale.mandate_now(mandate).status, MandateStatus::Revoked);
}

fn codes(tale: &mut Tale, request: SpendRequest) -> Vec<&'static str> {
    match tale.manage(MoneyCommand::Authorize(request)) {
        Ok(MoneyOutcome::Authorized(authorized)) => authorized.reasons.into_iter().map(Reason::code).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn authorize_says_no_while_the_kill_switch_is_on() {
    let mut tale = Tale::new();
    let (agent, mandate) = (tale.first_agent(), tale.mandate(draft()).id);
    assert!(codes(&mut tale, spend(agent, mandate, None, 1)).is_empty());
    tale.manage(MoneyCommand::SetStop { on: true, reason: None }).unwrap();
    assert_eq!(codes(&mut tale, spend(agent, mandate, None, 1)), ["tenant_stopped"]);
    assert_eq!(codes(&mut tale, spend(agent, mandate, None, 1_000_001)), ["tenant_stopped", "insufficient_funds"]);
}

#[test]
fn a_mandate_of_nothing_is_used_up_from_its_birth() {
    let mut tale = Tale::new();
    let nothing = MandateDraft { total: Some(Micros::ZERO), ..draft() };
    let born = tale.mandate(nothing.clone());
    assert_eq!(born.status, MandateStatus::Exhausted);
    let put = MoneyCommand::PutMandate { mandate_id: born.id, version: 1, agent_id: None, status: None, draft: nothing };
    assert!(matches!(tale.manage(put), Ok(MoneyOutcome::Mandate(after)) if after.status == born.status));
}

#[test]
fn a_mandate_is_put_on_no_wallet_there_is_not_whatever_else_is_wrong() {
    let mut tale = Tale::new();
    let (agent, mandate_id) = (tale.first_agent(), tale.mandate(draft()).id);
    tale.hold(spend(agent, mandate_id, None, 400)).unwrap();
    let wallet_id = Some(guildhall::domain::id::WalletId::from_ulid(ulid::Ulid::nil()));
    let draft = MandateDraft { total: Some(micros(1)), wallet_id, ..draft() };
    let put = MoneyCommand::PutMandate { mandate_id, version: 1, agent_id: None, status: None, draft };
    assert_eq!(tale.manage(put), Err(Refusal::NotFound(Thing::Wallet)));
}

#[test]
fn a_token_of_another_lease_gives_back_and_captures_what_its_agent_holds_under_the_mandate() {
    let mut tale = Tale::new();
    let mandate = tale.mandate(draft()).id;
    let child = tale.new_agent(100);
    let grant = |tale: &mut Tale| tale.grant(super::lease::request(LeaseSource::Mandate(mandate), child, 1_000)).unwrap().id;
    let (lease, other) = (grant(&mut tale), grant(&mut tale));
    let (kept, spent) = (spend(child, mandate, Some(lease), 100), spend(child, mandate, Some(lease), 200));
    let [kept, spent] = [kept, spent].map(|request| tale.hold(request).unwrap().id);
    let expires_at = tale.now.plus_s(300);
    let rights = |lease, action, agent_id| ExecutionRights {
        agent_id,
        mandate_id: mandate,
        lease_id: Some(lease),
        action,
        jti: "1".to_owned(),
        expires_at,
    };
    let token = Proof::Execution(rights(other, SpendAction::Tool, child));
    let capture = MoneyCommand::Capture { reservation_id: spent, amount_micros: None };
    assert!(tale.spend_as(token.clone(), capture.clone()).is_ok());
    assert!(tale.spend_as(token.clone(), MoneyCommand::ReleaseReservation { reservation_id: kept, reason: None }).is_ok());
    let theirs = Proof::Execution(rights(other, SpendAction::Token, child));
    assert_eq!(tale.spend_as(theirs, capture), Err(Refusal::NotFound(Thing::Reservation)), "of another action it reaches nothing");
    let more = MoneyCommand::Reserve(spend(child, mandate, Some(lease), 1));
    assert_eq!(
        tale.spend_as(token, more),
        Err(Refusal::Money(MoneyRefusal::TokenScopeMismatch)),
        "it still spends under its own lease alone"
    );
}

#[test]
fn a_payment_its_agent_takes_back_was_decided_by_nobody() {
    let mut tale = Tale::new();
    let mandate = tale.mandate(MandateDraft { approval_threshold: Some(micros(100)), ..draft() }).id;
    let token = tale.token(mandate, SpendAction::Payment, 1);
    let Ok(MoneyOutcome::Payment(pending)) = tale.spend_as(token.clone(), MoneyCommand::Pay(payment(101))) else { panic!("not pending") };
    let release =
        MoneyCommand::ReleaseReservation { reservation_id: pending.reservation_id.unwrap(), reason: Some("found it cheaper".to_owned()) };
    tale.spend_as(token, release).unwrap();
    let approval_id = pending.approval_id.unwrap();
    let Ok(MoneyOutcome::Approval(approval)) = tale.manage(MoneyCommand::GetApproval { approval_id }) else { panic!("no approval") };
    assert_eq!(
        (approval.status, approval.decided_by, approval.reason.as_deref()),
        (ApprovalStatus::Denied, None, Some("found it cheaper"))
    );
}

#[test]
fn a_summary_adds_up_what_is_more_than_any_account_can_hold() {
    let mut tale = Tale::new();
    let (agent, mandate) = (tale.first_agent(), tale.mandate(draft()).id);
    let held = tale.hold(spend(agent, mandate, None, 20_000)).unwrap();
    tale.manage(MoneyCommand::ReleaseReservation { reservation_id: held.id, reason: None }).unwrap();
    // So much was held and given back often enough.
    let double =
        "INSERT INTO reservation SELECT printf('rsv_01KGF%021d', n), seq, wallet_id, 9007199254740000, captured_micros, status, purpose,
            caller, expires_at_ms, resolved_at_ms, ends_as, mandate_id, agent_id, lease_id, approval_id, payment_id, day, ttl_s, merchant,
            resource, description, metadata, reason
        FROM reservation, (WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5) SELECT n FROM n)";
    assert_eq!(tale.object.sql.connection.execute(double, []).unwrap(), 5);
    let (from, to) = (Timestamp::from_ms(0), Timestamp::from_ms(4_000_000_000_000));
    let summary = tale.manage(MoneyCommand::SummarizeUsage { from, to, agent_id: None, mandate_id: None });
    let Ok(MoneyOutcome::Usage(usage)) = summary else { panic!("{summary:?}") };
    assert_eq!(usage.released, 6);
}

#[test]
fn decisions_are_summed_to_the_minute_they_were_made_in() {
    let mut tale = Tale::new();
    let (agent, mandate) = (tale.first_agent(), tale.mandate(draft()).id);
    let began = tale.now;
    for _ in 0..3 {
        codes(&mut tale, spend(agent, mandate, None, 1));
        tale.pass_ms(3_600_000);
    }
    let allowed = |tale: &mut Tale, from: Timestamp, to: Timestamp| match tale.manage(MoneyCommand::SummarizeUsage {
        from,
        to,
        agent_id: None,
        mandate_id: None,
    }) {
        Ok(MoneyOutcome::Usage(usage)) => usage.allowed,
        other => panic!("{other:?}"),
    };
    assert_eq!(allowed(&mut tale, began, began.plus_ms(60_000)), 1);
    assert_eq!(allowed(&mut tale, began.plus_ms(60_000), began.plus_ms(3_600_001)), 1);
    assert_eq!(allowed(&mut tale, began, began.plus_ms(DAY_MS)), 3);
}

#[test]
fn decisions_are_counted_longer_than_a_summary_reaches_back_and_no_longer() {
    let mut tale = Tale::new();
    let (agent, mandate) = (tale.first_agent(), tale.mandate(draft()).id);
    codes(&mut tale, spend(agent, mandate, None, 1));
    for (days, left) in [(399, 1), (2, 0)] {
        tale.pass_ms(days * DAY_MS);
        for _ in 0..3 {
            tale.house(Command::RunDue { batch: 100 });
            tale.pass_ms(3_600_000);
        }
        assert_eq!(tale.count("decision_count"), left);
    }
}

#[test]
fn what_one_call_makes_is_listed_in_the_order_it_was_made() {
    let mut tale = Tale::new();
    let (agent, mandate) = (tale.first_agent(), tale.mandate(draft()).id);
    let items = (1..=100).map(|amount| spend(agent, mandate, None, amount)).collect();
    let made = tale.manage(MoneyCommand::ReserveBatch { items, atomic: true });
    let Ok(MoneyOutcome::ReservedBatch(results)) = made else { panic!("{made:?}") };
    let made: Vec<_> = results.into_iter().map(|result| result.unwrap().id).collect();
    let page = PageOf { limit: 100, before: None };
    let list = MoneyCommand::ListReservations { page, agent_id: None, mandate_id: None, lease_id: None, status: None, kind: None };
    let Ok(MoneyOutcome::Reservations(listed)) = tale.manage(list) else { panic!("no list") };
    assert!(listed.iter().map(|form| form.id).eq(made.into_iter().rev()), "newest first");
}
