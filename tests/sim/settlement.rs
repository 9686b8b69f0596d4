//! Payouts and refunds over a rail that moves real money, under crashes, lost answers, messages that come twice, two runs at once
//! and a chain that takes what it likes: every order's money leaves once, and nothing is signed while something signed may land.

use std::collections::BTreeMap;

use guildhall::domain::id::{OrderId, ServiceId};
use guildhall::domain::market::order::{MediaType, PayoutStatus};
use guildhall::domain::market::settlement::{PayMethod, Purpose, Rail};
use guildhall::objects::tenant::call::{Proof, TenantCall, TenantReply};
use guildhall::objects::tenant::command::Command;
use guildhall::objects::tenant::order::command::{
    OrderAct, OrderCommand, OrderDraft, Side, SignedTransfer, TransferAttempt, TransferReport,
};
use guildhall::objects::tenant::order::outcome::OrderOutcome;
use guildhall::objects::tenant::outcome::Outcome;

use crate::model::{Checked, ensure};
use crate::object::{Crash, Fate};
use crate::random::Random;
use crate::story::{Tale, key, operator};

/// What the chain knows of a transaction that was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// A block may still take it, once it was sent.
    Open {
        is_sent: bool,
    },
    Landed,
    Dead,
}

#[derive(Debug, Clone)]
struct Signed {
    order_id: OrderId,
    purpose: Purpose,
    amount: u64,
    standing: Standing,
}

struct World {
    tale: Tale,
    chance: Random,
    service_id: ServiceId,
    /// Whether a call is tried with a death before each of its statements.
    every_step: bool,
    /// In cents, what each order owes over the rail.
    owed: BTreeMap<(OrderId, Purpose), u64>,
    signed: BTreeMap<String, Signed>,
    /// Messages that consumers have not taken, and may take twice.
    queue: Vec<TransferAttempt>,
    signatures: u64,
    seen: BTreeMap<&'static str, u64>,
}

impl World {
    fn new(seed: u64, every_step: bool) -> Self {
        let tale = Tale::new();
        let agent = tale.born.agent_id.expect("a first agent").to_string();
        let mut chance = Random::new(seed);
        let service_id = ServiceId::new(tale.now, &mut chance);
        let profile =
            "INSERT INTO market_profile (agent_id, slug, name, description, endpoint_url, capabilities, owner_verified, payout_wallet,
            created_at_ms) VALUES (?1, 'a', 'A', 'sells', 'https://a.example', '[]', 0, 'purse-0', 1)";
        tale.object.sql.connection.execute(profile, [&agent]).unwrap();
        let service = "INSERT INTO market_service (id, agent_id, category, title, description, price_minor, price_type, turnaround_hours,
            deliverables, quota_limit, created_at_ms) VALUES (?1, ?2, 'custom', 'T', 'D', 500, 'fixed', 1, '[]', 0, 1)";
        tale.object.sql.connection.execute(service, [service_id.to_string(), agent]).unwrap();
        let (owed, signed, seen) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { tale, chance, service_id, every_step, owed, signed, queue: Vec::new(), signatures: 0, seen }
    }

    fn note(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    fn number(&self, sql: &str) -> i64 {
        self.tale.object.sql.connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    fn dump(&self) -> (i64, Option<String>, Option<String>) {
        let sql = "SELECT (SELECT max(seq) FROM audit), (SELECT group_concat(id || version || payout_status || refund_status) FROM market_order),
            (SELECT group_concat(order_id || purpose || claim || failures || coalesce(signature, '') || coalesce(next_at_ms, '')) FROM market_transfer)";
        self.tale.object.sql.connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap()
    }

    /// A call that the process may die of: then nothing has happened, and nobody tries again unless `insists`. `None` when no
    /// answer came.
    fn call(&mut self, caller: Proof, command: Command, insists: bool) -> Checked<Option<TenantReply>> {
        let call: TenantCall = self.tale.call(caller, command);
        let mut crash = match self.chance.below(16) {
            _ if self.every_step => Crash::BeforeStatement(0),
            0 | 1 => Crash::BeforeStatement(self.chance.below(14)),
            2 => Crash::BeforeCommit,
            3 if !insists => Crash::AfterCommit,
            _ => Crash::Never,
        };
        loop {
            let before = self.dump();
            match self.tale.object.call(self.tale.now, &call, crash).map_err(|error| format!("{error:?} in {call:?}"))? {
                Fate::Killed => ensure!(self.dump() == before, "a killed call left something: {call:?}"),
                Fate::Answered(reply) => return Ok(Some(reply)),
                Fate::Lost(_) => return Ok(None),
            }
            crash = match crash {
                Crash::BeforeStatement(number) if self.every_step => Crash::BeforeStatement(number + 1),
                _ if insists => Crash::Never,
                _ => return Ok(None),
            };
        }
    }

    fn order(&mut self, caller: Proof, command: OrderCommand, insists: bool) -> Checked<Option<OrderOutcome>> {
        match self.call(caller, Command::Order(command), insists)?.map(|reply| reply.outcome) {
            None => Ok(None),
            Some(Ok(Outcome::Order(outcome))) => Ok(Some(outcome)),
            Some(other) => Err(format!("{other:?}")),
        }
    }

    /// An order that was paid over the rail and has ended, one way or another.
    fn end_one(&mut self) -> Checked<()> {
        let wallet = "buyer".to_owned();
        let draft = OrderDraft {
            service_id: self.service_id,
            wallet: wallet.clone(),
            brief: "something nice".to_owned(),
            reference_urls: Vec::new(),
            reference_images: Vec::new(),
        };
        let Some(OrderOutcome::Order(placed)) = self.order(Proof::House, OrderCommand::Place(Box::new(draft)), true)? else {
            return Err("nothing was placed".to_owned());
        };
        let (order_id, buyer) = (placed.id, Side::Wallet(wallet));
        let pay = OrderAct::Pay { method: PayMethod::UsdcSol, tx_hash: Some(format!("tx-{order_id}")), rail: Rail::Solana };
        let deliver = OrderAct::Deliver { url: "https://a.example/1".to_owned(), media_type: MediaType::Image, sha256: None };
        let mut acts = vec![(Proof::House, buyer.clone(), pay)];
        let way = self.chance.below(3);
        if way > 0 {
            acts.push((key(1), Side::Agent, deliver));
        }
        let (payout, refund) = match way {
            0 => {
                acts.push((Proof::House, buyer, OrderAct::Cancel));
                (0, 500)
            }
            1 => {
                acts.push((Proof::House, buyer, OrderAct::Approve));
                (450, 0)
            }
            _ => {
                acts.push((Proof::House, buyer, OrderAct::Dispute { reason: None }));
                acts.push((operator(), Side::Operator, OrderAct::Resolve { provider_percent: 30, note: "so".to_owned() }));
                (135, 350)
            }
        };
        for (caller, by, act) in acts {
            self.order(caller, OrderCommand::Act { order_id, by, act }, true)?;
        }
        for (purpose, amount) in [(Purpose::Payout, payout), (Purpose::Refund, refund)] {
            if amount > 0 {
                self.owed.insert((order_id, purpose), amount);
            }
        }
        Ok(())
    }

    /// The alarm hands transfers out; whoever the answer does not reach knows nothing of them.
    fn hand_out(&mut self) -> Checked<()> {
        self.call(Proof::House, Command::RunDue { batch: 2 }, false)?;
        if let Some(OrderOutcome::Transfers { attempts, .. }) =
            self.order(Proof::House, OrderCommand::ClaimTransfers { limit: 3 }, false)?
        {
            self.queue.extend(attempts);
        }
        Ok(())
    }

    /// A consumer takes a message, perhaps one that stays and comes again.
    fn consume(&mut self) -> Checked<()> {
        if self.queue.is_empty() {
            return Ok(());
        }
        let at = self.chance.below(self.queue.len() as u64) as usize;
        let attempt = if self.chance.percent(20) { self.queue[at].clone() } else { self.queue.swap_remove(at) };
        let report = match &attempt.signed {
            None => self.begin(&attempt)?,
            Some(signed) => self.pursue(signed),
        };
        // It may die before it says so.
        let Some(report) = report.filter(|_| self.chance.percent(85)) else { return Ok(()) };
        let TransferAttempt { order_id, purpose, claim, .. } = attempt;
        self.order(Proof::House, OrderCommand::ReportTransfer { order_id, purpose, claim, report }, false)?;
        Ok(())
    }

    fn begin(&mut self, attempt: &TransferAttempt) -> Checked<Option<TransferReport>> {
        match self.chance.below(10) {
            0 => return Ok(Some(TransferReport::Failed)),
            1 => return Ok(Some(TransferReport::Unconfigured)),
            _ => {}
        }
        self.signatures += 1;
        let signature = format!("signature-{}", self.signatures);
        let TransferAttempt { order_id, purpose, claim, .. } = *attempt;
        let signed = SignedTransfer {
            wallet: attempt.wallet.clone(),
            signature: signature.clone(),
            text: format!("bytes of {signature}"),
            slot: 1,
            last_height: 2,
            at: self.tale.now,
        };
        let kept = self.order(Proof::House, OrderCommand::KeepSigned { order_id, purpose, claim, signed }, false)?;
        let stands = format!("SELECT count(*) FROM market_transfer WHERE signature = '{signature}'");
        if self.number(&stands) == 1 {
            let living = self.signed.values().filter(|known| (known.order_id, known.purpose) == (order_id, purpose));
            let living = living.filter(|known| known.standing != Standing::Dead).count();
            ensure!(living == 0, "{signature} was kept while another for {order_id} may land or has landed");
            let standing = Standing::Open { is_sent: false };
            self.signed.insert(signature.clone(), Signed { order_id, purpose, amount: attempt.amount.minor(), standing });
        }
        match kept {
            Some(OrderOutcome::Signed { is_kept: true }) => {}
            Some(OrderOutcome::Signed { is_kept: false }) => {
                self.note("refused");
                return Ok(None);
            }
            // Nobody said that it is kept, so it is not sent.
            _ => return Ok(None),
        }
        self.send(&signature);
        Ok(Some(if self.chance.percent(70) { TransferReport::Open } else { TransferReport::Failed }))
    }

    /// What a consumer sends is in the chain's hands, though it may be told otherwise.
    fn send(&mut self, signature: &str) {
        let is_heard = self.chance.percent(80);
        let known = self.signed.get_mut(signature).expect("only what is kept is sent");
        if let Standing::Open { is_sent } = &mut known.standing {
            *is_sent |= is_heard;
        }
    }

    fn pursue(&mut self, signed: &SignedTransfer) -> Option<TransferReport> {
        let signature = signed.signature.clone();
        match self.signed[&signature].standing {
            Standing::Landed => Some(TransferReport::Landed { signature }),
            Standing::Dead => Some(TransferReport::Dead { signature }),
            Standing::Open { .. } => {
                self.send(&signature);
                Some(if self.chance.percent(80) { TransferReport::Open } else { TransferReport::Failed })
            }
        }
    }

    /// Blocks are made: they take what was sent, or it is too late for it.
    fn go_on(&mut self) {
        let signatures: Vec<String> = self.signed.keys().cloned().collect();
        for signature in signatures {
            let (lands, dies) = (self.chance.percent(30), self.chance.percent(30));
            let known = self.signed.get_mut(&signature).expect("a transaction");
            known.standing = match known.standing {
                Standing::Open { is_sent: true } if lands => Standing::Landed,
                Standing::Open { .. } if dies => Standing::Dead,
                other => other,
            };
        }
    }

    /// The agent names another wallet, or none.
    fn change_wallet(&mut self) {
        let wallet = match self.chance.below(4) {
            0 => "NULL".to_owned(),
            number => format!("'purse-{number}'"),
        };
        self.tale.object.sql.connection.execute(&format!("UPDATE market_profile SET payout_wallet = {wallet}"), []).unwrap();
    }

    fn check(&self) -> Checked<()> {
        let mut landed: BTreeMap<(OrderId, Purpose), u64> = BTreeMap::new();
        for known in self.signed.values().filter(|known| known.standing == Standing::Landed) {
            let place = (known.order_id, known.purpose);
            ensure!(landed.insert(place, known.amount).is_none(), "{place:?} left twice");
            ensure!(self.owed.get(&place) == Some(&known.amount), "{known:?} is not what {place:?} is owed");
        }
        for (account, column, action) in
            [("market.payout", "payout_status", "order.paid_out"), ("market.refund", "refund_status", "order.refund_sent")]
        {
            let told = self.number(&format!("SELECT count(*) FROM audit WHERE action = '{action}'"));
            let paid = self.number(&format!("SELECT count(*) FROM market_order WHERE {column} = 'paid'"));
            ensure!(told == paid, "{told} times {action} for {paid} that are paid");
            let waits = format!(
                "SELECT coalesce(sum(amount_minor), 0) FROM market_transfer WHERE landed_at_ms IS NULL AND purpose = '{}'",
                &account[7..]
            );
            let unclaimed = format!(
                "SELECT coalesce(sum(payout_minor), 0) FROM market_order WHERE {column} = 'awaiting_wallet' AND '{account}' = 'market.payout'"
            );
            let (waits, unclaimed) = (self.number(&waits), self.number(&unclaimed));
            let balance = self.number(&format!("SELECT coalesce(sum(balance_micros), 0) FROM account WHERE id = '{account}'"));
            ensure!(balance == (waits + unclaimed) * 10_000, "{account} holds {balance} for {waits} and {unclaimed}");
        }
        ensure!(self.number("SELECT sum(balance_micros) FROM account") == 0, "accounts do not sum to nothing");
        Ok(())
    }

    fn step(&mut self) -> Checked<()> {
        match self.chance.below(12) {
            0 => self.end_one()?,
            1 => self.change_wallet(),
            2..4 => self.go_on(),
            4..7 => self.hand_out()?,
            _ => self.consume()?,
        }
        let ms = if self.chance.percent(15) { self.chance.below(400_000) } else { self.chance.below(4_000) };
        self.tale.pass_ms(ms);
        self.check()
    }

    /// Alarms alone bring everything to its end.
    fn finish(&mut self) -> Checked<()> {
        self.tale.object.sql.connection.execute("UPDATE market_profile SET payout_wallet = 'purse'", []).unwrap();
        for _ in 0..200 {
            self.hand_out()?;
            while !self.queue.is_empty() {
                self.consume()?;
            }
            self.go_on();
            self.check()?;
            self.tale.pass_ms(self.chance.below(100_000_000));
        }
        let open = self.number("SELECT count(*) FROM market_transfer WHERE landed_at_ms IS NULL");
        let paid = self.number("SELECT sum((payout_status = 'paid') + (refund_status = 'paid')) FROM market_order");
        ensure!(open == 0 && paid == self.owed.len() as i64, "{open} are left, and {paid} of {} are paid", self.owed.len());
        let again = self.number("SELECT count(*) FROM audit WHERE action = 'order.transfer_signed'") - paid;
        self.seen.insert("signed anew", u64::try_from(again).unwrap());
        Ok(())
    }
}

fn live(seed: u64, steps: u64, every_step: bool, bug: &str) -> Checked<BTreeMap<&'static str, u64>> {
    let mut world = World::new(seed, every_step);
    world.tale.object.sql.connection.execute_batch(bug).unwrap();
    for step in 0..steps {
        world.step().map_err(|what| format!("seed {seed}, step {step}: {what}"))?;
    }
    world.finish().map_err(|what| format!("seed {seed}, at its end: {what}"))?;
    Ok(world.seen)
}

#[test]
fn every_payout_and_refund_leaves_the_rail_once_whatever_dies_or_comes_twice() {
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 1..=40 {
        let counted = live(seed, 300, false, "").unwrap_or_else(|what| panic!("{what}"));
        counted.into_iter().for_each(|(what, times)| *seen.entry(what).or_default() += times);
    }
    for what in ["refused", "signed anew"] {
        assert!(seen.get(what).is_some_and(|times| *times >= 50), "hardly ever seen: {what} in {seen:?}");
    }
}

#[test]
fn a_transfer_killed_before_each_of_its_statements_leaves_nothing() {
    for seed in 1..=3 {
        live(seed, 120, true, "").unwrap_or_else(|what| panic!("{what}"));
    }
}

/// What is put into the tables, for the simulation to find.
const BUGS: [(&str, &str); 3] = [
    (
        "a transfer that failed to be sent is forgotten to be signed",
        "CREATE TRIGGER bug AFTER UPDATE ON market_transfer WHEN NEW.failures > OLD.failures AND NEW.signature IS NOT NULL
         BEGIN UPDATE market_transfer SET wallet = NULL, signature = NULL, signed = NULL, signed_slot = NULL, last_height = NULL,
         signed_at_ms = NULL WHERE order_id = NEW.order_id AND purpose = NEW.purpose; END",
    ),
    (
        "a lease that runs out lets go of what was signed",
        "CREATE TRIGGER bug AFTER UPDATE ON market_transfer WHEN NEW.claim > OLD.claim AND NEW.signature IS NOT NULL
         BEGIN UPDATE market_transfer SET wallet = NULL, signature = NULL, signed = NULL, signed_slot = NULL, last_height = NULL,
         signed_at_ms = NULL WHERE order_id = NEW.order_id AND purpose = NEW.purpose; END",
    ),
    (
        "a payout says that it is paid before it is",
        "CREATE TRIGGER bug AFTER UPDATE ON market_order WHEN NEW.payout_status = 'retrying'
         BEGIN UPDATE market_order SET payout_status = 'paid' WHERE id = NEW.id; END",
    ),
];

#[test]
fn each_bug_put_in_on_purpose_is_found() {
    for (what, bug) in BUGS {
        assert!((1..=10).any(|seed| live(seed, 300, false, bug).is_err()), "nobody noticed that {what}");
    }
}

#[test]
fn a_rail_that_nobody_has_set_up_leaves_a_payout_pending() {
    let mut world = World::new(1, false);
    while !world.owed.keys().any(|(_, purpose)| *purpose == Purpose::Payout) {
        world.end_one().unwrap();
    }
    for _ in 0..20 {
        world.tale.pass_ms(100_000_000);
        for attempt in claimed(&mut world) {
            let TransferAttempt { order_id, purpose, claim, .. } = attempt;
            let command = OrderCommand::ReportTransfer { order_id, purpose, claim, report: TransferReport::Unconfigured };
            world.tale.house(Command::Order(command));
        }
        let moved = world.number("SELECT count(*) FROM market_order WHERE payout_status NOT IN ('none', 'pending')");
        assert_eq!(moved, 0, "{}", PayoutStatus::Pending.as_str());
    }
    assert_eq!(world.number("SELECT min(failures) FROM market_transfer"), 20, "it is tried again and again");
}

fn claimed(world: &mut World) -> Vec<TransferAttempt> {
    match world.tale.house(Command::Order(OrderCommand::ClaimTransfers { limit: 100 })) {
        Outcome::Order(OrderOutcome::Transfers { attempts, .. }) => attempts,
        other => panic!("{other:?}"),
    }
}
