//! Orders paid by a payment of another tenant, under crashes, lost answers, steps that come late, messages that come twice and orders
//! that end in between: both tenants' ledgers together neither lose nor make a micro-unit, and every payment pays or comes back.

use std::collections::BTreeMap;

use guildhall::domain::id::{MandateId, OrderId, PaymentId, ServiceId};
use guildhall::domain::market::order::MediaType;
use guildhall::domain::market::price::Price;
use guildhall::domain::market::settlement::{PayMethod, Rail};
use guildhall::domain::spend::{Merchant, SpendAction};
use guildhall::domain::wallet::Mode;
use guildhall::objects::tenant::call::Proof;
use guildhall::objects::tenant::command::Command;
use guildhall::objects::tenant::money::command::{MoneyCommand, PayRequest};
use guildhall::objects::tenant::money::outcome::MoneyOutcome;
use guildhall::objects::tenant::money::refusal::MoneyRefusal;
use guildhall::objects::tenant::order::command::{OrderAct, OrderCommand, OrderDraft, ReturnAttempt, ReturnReport, Side};
use guildhall::objects::tenant::order::outcome::OrderOutcome;
use guildhall::objects::tenant::order::refusal::OrderRefusal;
use guildhall::objects::tenant::outcome::Outcome;
use guildhall::objects::tenant::refusal::Refusal;
use serde_json::json;

use crate::model::{Checked, ensure};
use crate::object::{Crash, Fate};
use crate::random::Random;
use crate::story::money::draft;
use crate::story::{Tale, key, micros, operator};

const BUYER: &str = "buyer";
/// In micro-units: what an order costs, and what the payer begins with.
const PRICE: u64 = 5_000_000;
const FUNDS: u64 = 901_000_000;

/// The next step of somebody who pays; each may come late, or never.
#[derive(Debug, Clone)]
enum Next {
    Claim { payment_id: PaymentId, order_id: OrderId, number: u64 },
    Act { payment_id: PaymentId, order_id: OrderId },
}

struct World {
    payer: Tale,
    seller: Tale,
    chance: Random,
    every_step: bool,
    service_id: ServiceId,
    mandate: MandateId,
    tokens: u64,
    orders: Vec<OrderId>,
    /// For which order each payment was made, and how much it is.
    payments: BTreeMap<PaymentId, (OrderId, u64)>,
    under_way: Vec<Next>,
    /// Messages that consumers have not taken, and may take twice.
    queue: Vec<ReturnAttempt>,
    seen: BTreeMap<&'static str, u64>,
}

impl World {
    fn new(seed: u64, every_step: bool) -> Self {
        let (mut payer, mut seller) = (Tale::new(), Tale::new());
        let mut chance = Random::new(seed);
        let agent = seller.born.agent_id.expect("a first agent").to_string();
        let service_id = ServiceId::new(seller.now, &mut chance);
        let profile =
            "INSERT INTO market_profile (agent_id, slug, name, description, endpoint_url, capabilities, owner_verified, payout_wallet,
            created_at_ms) VALUES (?1, 'a', 'A', 'sells', 'https://a.example', '[]', 0, 'purse', 1)";
        seller.object.sql.connection.execute(profile, [&agent]).unwrap();
        let service = "INSERT INTO market_service (id, agent_id, category, title, description, price_minor, price_type, turnaround_hours,
            deliverables, quota_limit, created_at_ms) VALUES (?1, ?2, 'custom', 'T', 'D', 500, 'fixed', 1, '[]', 0, 1)";
        seller.object.sql.connection.execute(service, [service_id.to_string(), agent]).unwrap();
        let (wallet_id, amount_micros) = (payer.born.wallet_id, micros(FUNDS - 1_000_000));
        payer.ask(operator(), Command::Fund { wallet_id, amount_micros, source: None }).unwrap();
        let mandate = payer.mandate(draft()).id;
        seller.pass_ms(1);
        Self {
            payer,
            seller,
            chance,
            every_step,
            service_id,
            mandate,
            tokens: 0,
            orders: Vec::new(),
            payments: BTreeMap::new(),
            under_way: Vec::new(),
            queue: Vec::new(),
            seen: BTreeMap::new(),
        }
    }

    fn note(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    /// A call that the process may die of: then nothing has happened, and nobody tries again unless `insists`. `None` when no answer
    /// came.
    fn call(&mut self, of_payer: bool, caller: Proof, command: Command, insists: bool) -> Checked<Option<Result<Outcome, Refusal>>> {
        let (every_step, chance) = (self.every_step, &mut self.chance);
        let tale = if of_payer { &mut self.payer } else { &mut self.seller };
        let call = tale.call(caller, command);
        let mut crash = match chance.below(12) {
            _ if every_step => Crash::BeforeStatement(0),
            0 | 1 => Crash::BeforeStatement(chance.below(14)),
            2 => Crash::BeforeCommit,
            3 if !insists => Crash::AfterCommit,
            _ => Crash::Never,
        };
        loop {
            let before = dump(tale);
            match tale.object.call(tale.now, &call, crash).map_err(|error| format!("{error:?} in {call:?}"))? {
                Fate::Killed => ensure!(dump(tale) == before, "a killed call left something: {call:?}"),
                Fate::Answered(reply) => return Ok(Some(reply.outcome)),
                Fate::Lost(_) => return Ok(None),
            }
            crash = match crash {
                Crash::BeforeStatement(number) if every_step => Crash::BeforeStatement(number + 1),
                _ if insists => Crash::Never,
                _ => return Ok(None),
            };
        }
    }

    fn order(&mut self, caller: Proof, command: OrderCommand, insists: bool) -> Checked<Option<Result<Outcome, Refusal>>> {
        self.call(false, caller, Command::Order(command), insists)
    }

    fn place(&mut self) -> Checked<()> {
        let draft = OrderDraft {
            service_id: self.service_id,
            wallet: BUYER.to_owned(),
            brief: "something nice".to_owned(),
            reference_urls: Vec::new(),
            reference_images: Vec::new(),
        };
        match self.order(Proof::House, OrderCommand::Place(Box::new(draft)), true)? {
            Some(Ok(Outcome::Order(OrderOutcome::Order(form)))) => self.orders.push(form.id),
            other => return Err(format!("{other:?}")),
        }
        Ok(())
    }

    /// One of the latest orders: the early ones have ended.
    fn pick(&mut self) -> Option<OrderId> {
        let latest = self.orders.len().saturating_sub(4);
        self.chance.pick(&self.orders[latest..]).copied()
    }

    /// The payer pays the marketplace for an order; now and then the wrong amount.
    fn pay_market(&mut self) -> Checked<()> {
        let Some(order_id) = self.pick() else { return Ok(()) };
        let amount = if self.chance.percent(10) { PRICE - 10_000 } else { PRICE };
        self.tokens += 1;
        let token = self.payer.token(self.mandate, SpendAction::Payment, self.tokens);
        let merchant = Merchant { name: "Atelier".to_owned(), key: "atelier".to_owned() };
        let metadata = json!({"order_id": order_id}).as_object().cloned().unwrap_or_default();
        let request = PayRequest { amount: micros(amount), merchant, description: None, metadata };
        match self.call(true, token, Command::Money(MoneyCommand::Pay(request)), true)? {
            Some(Ok(Outcome::Money(MoneyOutcome::Payment(form)))) => drop(self.payments.insert(form.id, (order_id, amount))),
            // Too many in a minute.
            _ => self.note("not paid"),
        }
        Ok(())
    }

    /// A buyer begins to pay with one of the latest payments, or of those that came to nothing; now and then with another order's.
    fn begin(&mut self) -> Checked<()> {
        let unused = unused(&self.seller);
        let latest: Vec<PaymentId> =
            if self.chance.percent(40) && !unused.is_empty() { unused } else { self.payments.keys().rev().take(5).copied().collect() };
        let Some(payment_id) = self.chance.pick(&latest).copied() else { return Ok(()) };
        let made_for = self.payments[&payment_id].0;
        let order_id = if self.chance.percent(90) { made_for } else { self.pick().unwrap_or(made_for) };
        let (by, payer) = (Side::Wallet(BUYER.to_owned()), self.payer.born.tenant_uuid);
        let begun = self.order(Proof::House, OrderCommand::BeginPayment { order_id, by, payment_id, payer }, false)?;
        if let Some(Ok(Outcome::Order(OrderOutcome::PaymentBegun { number: Some(number), .. }))) = begun {
            self.under_way.push(Next::Claim { payment_id, order_id, number });
        }
        Ok(())
    }

    /// Somebody who pays goes on, or is dead.
    fn go_on(&mut self) -> Checked<()> {
        if self.under_way.is_empty() {
            return Ok(());
        }
        let at = self.chance.below(self.under_way.len() as u64) as usize;
        let next = self.under_way.swap_remove(at);
        if self.chance.percent(15) {
            return Ok(());
        }
        match next {
            Next::Claim { payment_id, order_id, number } => {
                let price = Price::from_minor(500).unwrap().micros();
                let claim = MoneyCommand::ClaimPayment { payment_id, order_id, number, price, mode: Mode::Sandbox };
                match self.call(true, Proof::House, Command::Money(claim), false)? {
                    Some(Ok(_)) => {
                        ensure!(self.payments[&payment_id] == (order_id, PRICE), "{payment_id} was taken for {order_id}");
                        self.under_way.push(Next::Act { payment_id, order_id });
                    }
                    Some(Err(Refusal::Money(refusal))) => self.note(match refusal {
                        MoneyRefusal::MarketClaimLate => "late claim",
                        MoneyRefusal::MarketPaymentReturned => "claim of what is back",
                        _ => "refused claim",
                    }),
                    Some(other) => return Err(format!("{other:?}")),
                    None => {}
                }
            }
            Next::Act { payment_id, order_id } => {
                let (by, tx_hash) = (Side::Wallet(BUYER.to_owned()), Some(payment_id.to_string()));
                let act = OrderAct::Pay { method: PayMethod::Payment, tx_hash, rail: Rail::Sandbox };
                match self.order(Proof::House, OrderCommand::Act { order_id, by, act }, false)? {
                    Some(Ok(_)) => self.note("paid"),
                    Some(Err(Refusal::Order(OrderRefusal::PaymentReturned))) => self.note("too late to pay"),
                    Some(Err(Refusal::Order(OrderRefusal::InvalidState { .. }))) => self.note("paid otherwise, or ended"),
                    Some(other) => return Err(format!("{other:?}")),
                    None => {}
                }
            }
        }
        Ok(())
    }

    /// An order ends, or goes on to where it can.
    fn move_one(&mut self) -> Checked<()> {
        let Some(order_id) = self.pick() else { return Ok(()) };
        let wallet = || Side::Wallet(BUYER.to_owned());
        let deliver = OrderAct::Deliver { url: "https://a.example/1".to_owned(), media_type: MediaType::Image, sha256: None };
        let provider_percent = [0, 30, 100][self.chance.below(3) as usize];
        let (caller, by, act) = match self.chance.below(6) {
            0 | 1 => (Proof::House, wallet(), OrderAct::Cancel),
            2 => (key(1), Side::Agent, deliver),
            3 => (Proof::House, wallet(), OrderAct::Approve),
            4 => (Proof::House, wallet(), OrderAct::Dispute { reason: None }),
            _ => (operator(), Side::Operator, OrderAct::Resolve { provider_percent, note: "so".to_owned() }),
        };
        self.order(caller, OrderCommand::Act { order_id, by, act }, false).map(drop)
    }

    /// The alarm hands out what is to go back; whoever the answer does not reach knows nothing of it.
    fn hand_out(&mut self) -> Checked<()> {
        self.call(false, Proof::House, Command::RunDue { batch: 3 }, false)?;
        let claimed = self.order(Proof::House, OrderCommand::ClaimTransfers { limit: 3 }, false)?;
        if let Some(Ok(Outcome::Order(OrderOutcome::Transfers { returns, .. }))) = claimed {
            self.queue.extend(returns);
        }
        Ok(())
    }

    /// A consumer takes a message, perhaps one that stays and comes again, and may die before it says what came of it.
    fn consume(&mut self) -> Checked<()> {
        if self.queue.is_empty() {
            return Ok(());
        }
        let at = self.chance.below(self.queue.len() as u64) as usize;
        let attempt = if self.chance.percent(40) { self.queue[at].clone() } else { self.queue.swap_remove(at) };
        let ReturnAttempt { order_id, payment_id, number, refund, takes, claim, .. } = attempt;
        let (amount, takes) = (refund.map(Price::micros), takes.map(Price::micros));
        let command = MoneyCommand::ReturnPayment { payment_id, order_id, number, amount, takes };
        let report = match self.call(true, Proof::House, Command::Money(command), false)? {
            Some(Ok(Outcome::Money(MoneyOutcome::PaymentReturned { is_returned: true }))) => ReturnReport::Returned,
            Some(Ok(Outcome::Money(MoneyOutcome::PaymentReturned { is_returned: false }))) => ReturnReport::NeverTaken,
            None => ReturnReport::Failed,
            other => return Err(format!("{other:?}")),
        };
        if self.chance.percent(85) {
            self.order(Proof::House, OrderCommand::ReportReturn { order_id, payment_id, claim, report }, false)?;
        }
        Ok(())
    }

    fn check(&mut self) -> Checked<()> {
        let mut away = 0;
        let mut refunds = 0;
        let mut given_up = 0;
        for (payment_id, (order_id, amount)) in &self.payments {
            let name = format!("{payment_id}:{order_id}");
            let (claim, returned) = row(&self.payer, "SELECT claim, returned_micros FROM payment WHERE id = ?1", payment_id);
            let (credits, credited) = row(
                &self.seller,
                "SELECT count(*), sum(amount_micros) FROM audit WHERE action = 'payment.credited' AND object = ?1",
                &name,
            );
            let standing = standing(&self.seller, *order_id, *payment_id);
            let (state, refund) = standing.as_ref().map_or(("none", None), |(state, refund)| (state.as_str(), *refund));
            let what =
                format!("{payment_id} of {amount}: claim {claim:?}, credited {credited:?}, returned {returned:?}, {state} {refund:?}");
            ensure!(credits.unwrap_or(0) <= 1, "credited twice: {what}");
            ensure!(credited.is_none_or(|credited| claim.is_some() && credited == *amount), "credited, but not as it was taken: {what}");
            ensure!(credited.is_some() == (state == "paid" || refund.is_some()), "the order and its ledger differ: {what}");
            ensure!(returned.is_none_or(|back| back == refund.map_or(*amount, |refund| refund * 10_000)), "back is something else: {what}");
            ensure!(returned.is_none_or(|_| ["returning", "returned"].contains(&state)), "back, and still to pay: {what}");
            ensure!(state != "returned" || returned.is_some(), "said to be back, and is not: {what}");
            if claim.is_none() && returned.is_some() {
                let status = status(&self.seller, *order_id);
                let can_never_pay = *amount != PRICE || !["pending_quote", "quoted", "accepted"].contains(&status.as_str());
                ensure!(can_never_pay, "back, though it might have paid for an order that is {status}: {what}");
                given_up += 1;
            }
            let is_between = claim.is_some() && returned.is_none() && credited.is_none();
            ensure!(!is_between || ["open", "returning"].contains(&state), "nobody will see to it: {what}");
            away += amount - returned.unwrap_or(0);
            refunds += refund.filter(|_| state == "returning").unwrap_or(0) * 10_000;
        }
        self.seen.insert("given up", given_up);
        let wallet = number(&self.payer, "SELECT sum(balance_micros) FROM account WHERE id LIKE 'wal_%'");
        ensure!(wallet as u64 + away == FUNDS, "{wallet} in the wallet and {away} away are not {FUNDS}");
        let waiting = number(&self.seller, "SELECT coalesce(sum(balance_micros), 0) FROM account WHERE id = 'market.refund'");
        ensure!(waiting as u64 == refunds, "{waiting} waits for refunds of {refunds}");
        let held = number(&self.seller, "SELECT coalesce(sum(balance_micros), 0) FROM account WHERE id LIKE 'ord_%'");
        let open =
            number(&self.seller, "SELECT count(*) FROM market_order WHERE status IN ('paid', 'in_progress', 'delivered', 'disputed')");
        ensure!(held as u64 == open as u64 * PRICE, "{held} is held for {open}");
        for tale in [&self.payer, &self.seller] {
            ensure!(number(tale, "SELECT sum(balance_micros) FROM account") == 0, "accounts do not sum to nothing");
        }
        Ok(())
    }

    fn pass(&mut self) {
        let ms = if self.chance.percent(25) { self.chance.below(150_000) } else { self.chance.below(4_000) };
        self.payer.pass_ms(ms);
        self.seller.pass_ms(ms);
    }

    fn step(&mut self) -> Checked<()> {
        match self.chance.below(24) {
            0 | 1 => self.place()?,
            2..5 => self.pay_market()?,
            5..9 => self.begin()?,
            9..13 => self.go_on()?,
            13..15 => self.move_one()?,
            15..19 => self.hand_out()?,
            _ => self.consume()?,
        }
        self.pass();
        self.check()
    }

    /// Alarms alone bring everything to its end.
    fn finish(&mut self) -> Checked<()> {
        self.under_way.clear();
        for _ in 0..150 {
            self.hand_out()?;
            while !self.queue.is_empty() {
                self.consume()?;
            }
            self.check()?;
            let ms = self.chance.below(100_000_000);
            self.payer.pass_ms(ms);
            self.seller.pass_ms(ms);
        }
        let left = number(&self.seller, "SELECT count(*) FROM market_payment WHERE state IN ('open', 'returning')");
        let owed = number(&self.seller, "SELECT count(*) FROM market_order WHERE refund_status NOT IN ('none', 'paid')");
        ensure!(left == 0 && owed == 0, "{left} payments and {owed} refunds are left");
        for (what, sql) in [
            ("returned", "SELECT count(*) FROM market_payment WHERE state = 'returned' AND refund_minor IS NULL"),
            ("refunded", "SELECT count(*) FROM market_payment WHERE refund_minor IS NOT NULL"),
            ("unused", "SELECT count(*) FROM market_payment WHERE state = 'unused'"),
            ("tried again", "SELECT count(*) FROM market_payment WHERE number > 1"),
        ] {
            self.seen.insert(what, number(&self.seller, sql) as u64);
        }
        self.payer.close_books();
        self.seller.close_books();
        Ok(())
    }
}

fn number(tale: &Tale, sql: &str) -> i64 {
    tale.object.sql.connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Two numbers of a row.
fn row(tale: &Tale, sql: &str, of: &impl ToString) -> (Option<u64>, Option<u64>) {
    let numbers = tale
        .object
        .sql
        .connection
        .prepare_cached(sql)
        .unwrap()
        .query_row([of.to_string()], |row| Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?)));
    let (one, other) = numbers.unwrap();
    (one.map(i64::unsigned_abs), other.map(i64::unsigned_abs))
}

fn status(tale: &Tale, order_id: OrderId) -> String {
    let sql = "SELECT status FROM market_order WHERE id = ?1";
    tale.object.sql.connection.prepare_cached(sql).unwrap().query_row([order_id.to_string()], |row| row.get(0)).unwrap()
}

fn standing(tale: &Tale, order_id: OrderId, payment_id: PaymentId) -> Option<(String, Option<u64>)> {
    let sql = "SELECT state, refund_minor FROM market_payment WHERE order_id = ?1 AND payment_id = ?2";
    let mut statement = tale.object.sql.connection.prepare_cached(sql).unwrap();
    let mut rows = statement.query([order_id.to_string(), payment_id.to_string()]).unwrap();
    let row = rows.next().unwrap()?;
    Some((row.get(0).unwrap(), row.get::<_, Option<i64>>(1).unwrap().map(i64::unsigned_abs)))
}

/// The latest payments that a try came to nothing with.
fn unused(tale: &Tale) -> Vec<PaymentId> {
    let sql = "SELECT payment_id FROM market_payment WHERE state = 'unused' ORDER BY payment_id DESC LIMIT 4";
    let mut statement = tale.object.sql.connection.prepare_cached(sql).unwrap();
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    rows.map(|text| PaymentId::parse(&text.unwrap()).unwrap()).collect()
}

fn dump(tale: &Tale) -> (i64, Option<String>, Option<String>, Option<String>) {
    let sql = "SELECT (SELECT max(seq) FROM audit), (SELECT group_concat(id || version || refund_status) FROM market_order),
        (SELECT group_concat(payment_id || state || number || claim || failures || coalesce(next_at_ms, '')) FROM market_payment),
        (SELECT group_concat(id || status || coalesce(claim, '') || closed_claims || coalesce(returned_micros, '')) FROM payment)";
    tale.object
        .sql
        .connection
        .prepare_cached(sql)
        .unwrap()
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .unwrap()
}

fn live(seed: u64, steps: u64, every_step: bool, bug: (bool, &str)) -> Checked<BTreeMap<&'static str, u64>> {
    let mut world = World::new(seed, every_step);
    let tale = if bug.0 { &world.payer } else { &world.seller };
    tale.object.sql.connection.execute_batch(bug.1).unwrap();
    for step in 0..steps {
        world.step().map_err(|what| format!("seed {seed}, step {step}: {what}"))?;
    }
    world.finish().map_err(|what| format!("seed {seed}, at its end: {what}"))?;
    Ok(world.seen)
}

#[test]
fn every_payment_pays_one_order_or_goes_back_whatever_dies_comes_late_or_comes_twice() {
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 1..=40 {
        let counted = live(seed, 400, false, (false, "")).unwrap_or_else(|what| panic!("{what}"));
        counted.into_iter().for_each(|(what, times)| *seen.entry(what).or_default() += times);
    }
    for what in [
        "paid",
        "too late to pay",
        "paid otherwise, or ended",
        "late claim",
        "claim of what is back",
        "refused claim",
        "returned",
        "given up",
        "refunded",
        "unused",
        "tried again",
    ] {
        assert!(seen.get(what).is_some_and(|times| *times >= 10), "hardly ever seen: {what} in {seen:?}");
    }
}

#[test]
fn a_step_killed_before_each_of_its_statements_leaves_nothing() {
    for seed in 1..=3 {
        live(seed, 150, true, (false, "")).unwrap_or_else(|what| panic!("{what}"));
    }
}

/// What is put into the tables, of the payer or the seller, for the simulation to find.
const BUGS: [(&str, bool, &str); 6] = [
    (
        "a try that was called off is let in when it comes late",
        true,
        "CREATE TRIGGER bug AFTER UPDATE OF closed_claims ON payment BEGIN UPDATE payment SET closed_claims = 0 WHERE id = NEW.id; END",
    ),
    (
        "a payment is given back again",
        true,
        "CREATE TRIGGER bug AFTER UPDATE OF returned_micros ON payment BEGIN UPDATE payment SET returned_micros = NULL WHERE id = NEW.id; END",
    ),
    (
        "what is called off does not tell a later try from an earlier one",
        true,
        "CREATE TRIGGER bug AFTER UPDATE OF claim ON payment WHEN NEW.claim > 1
         BEGIN UPDATE payment SET closed_claims = 0, claim = 1 WHERE id = NEW.id; END",
    ),
    (
        "a try that nobody ends is forgotten",
        false,
        "CREATE TRIGGER bug AFTER UPDATE OF state ON market_payment WHEN NEW.state = 'returning' AND NEW.refund_minor IS NULL
         BEGIN UPDATE market_payment SET state = 'unused', next_at_ms = NULL WHERE order_id = NEW.order_id AND payment_id = NEW.payment_id; END",
    ),
    (
        "a payment that might still pay is sent back",
        false,
        "CREATE TRIGGER bug AFTER UPDATE OF state ON market_payment WHEN NEW.state = 'returning' AND NEW.refund_minor IS NULL
         BEGIN UPDATE market_order SET price_minor = 499 WHERE id = NEW.order_id; END",
    ),
    (
        "what goes back may pay after all",
        false,
        "CREATE TRIGGER bug AFTER UPDATE OF claim ON market_payment WHEN NEW.refund_minor IS NULL
         BEGIN UPDATE market_payment SET state = 'open' WHERE order_id = NEW.order_id AND payment_id = NEW.payment_id; END",
    ),
];

#[test]
fn each_bug_put_in_on_purpose_is_found() {
    for (what, of_payer, bug) in BUGS {
        assert!((1..=60).any(|seed| live(seed, 400, false, (of_payer, bug)).is_err()), "nobody noticed that {what}");
    }
}

#[test]
fn a_refund_of_a_payment_that_its_tenant_does_not_know_is_asked_for_again_and_again() {
    let mut world = World::new(1, false);
    world.chance = Random::new(7);
    while number(&world.seller, "SELECT count(*) FROM market_payment WHERE refund_minor IS NOT NULL") == 0 {
        world.step().unwrap();
    }
    for _ in 0..20 {
        world.seller.pass_ms(100_000_000);
        let Outcome::Order(OrderOutcome::Transfers { returns, .. }) =
            world.seller.house(Command::Order(OrderCommand::ClaimTransfers { limit: 100 }))
        else {
            panic!("nothing was handed out")
        };
        for ReturnAttempt { order_id, payment_id, claim, .. } in returns {
            let report = ReturnReport::NeverTaken;
            world.seller.house(Command::Order(OrderCommand::ReportReturn { order_id, payment_id, claim, report }));
        }
    }
    let refund = "SELECT sum(refund_minor) FROM market_payment WHERE state = 'returning'";
    let waiting = "SELECT sum(balance_micros) FROM account WHERE id = 'market.refund'";
    assert_eq!(number(&world.seller, refund) * 10_000, number(&world.seller, waiting));
    assert_eq!(number(&world.seller, "SELECT count(*) FROM market_order WHERE refund_status = 'retrying'"), 1);
}
