//! The marketplace under random callers, clocks and crashes: what was paid for open orders lies in escrow at every step, to
//! the cent, and every order ends.

use std::collections::BTreeMap;

use guildhall::domain::form::order::OrderForm;
use guildhall::domain::id::{AgentId, OrderId, RequestId, ServiceId};
use guildhall::domain::market::order::{DELIVERIES_LISTED, MediaType};
use guildhall::domain::market::price::Price;
use guildhall::domain::market::settlement::{PayMethod, Rail};
use guildhall::domain::market::state::OrderStatus;
use guildhall::domain::time::Timestamp;
use guildhall::objects::tenant::call::{Proof, TenantCall, TenantReply};
use guildhall::objects::tenant::command::Command;
use guildhall::objects::tenant::order::command::{OrderAct, OrderCommand, OrderDraft, Side};
use guildhall::objects::tenant::order::outcome::OrderOutcome;
use guildhall::objects::tenant::order::refusal::OrderRefusal;
use guildhall::objects::tenant::outcome::Outcome;
use guildhall::objects::tenant::refusal::Refusal;

use rusqlite::StatementStatus;

use crate::model::{Checked, ensure};
use crate::object::{Crash, Fate, Object};
use crate::random::Random;
use crate::story::{Tale, key};

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
const BUYERS: [&str; 2] = ["buyer-one", "buyer-two"];

/// An order as somebody who knows only the contract keeps it.
#[derive(Debug, Clone)]
struct Known {
    buyer: &'static str,
    status: &'static str,
    since: u64,
    paid_at: u64,
    window_days: u64,
    turnaround_hours: u64,
    quota: u64,
    used: u64,
    open: u64,
    disputes: u64,
    price: Option<u64>,
}

impl Known {
    /// When the contract ends it, and as what.
    fn end(&self) -> Option<(u64, &'static str)> {
        Some(match self.status {
            "pending_quote" | "quoted" | "accepted" => (self.since + 7 * DAY_MS, "cancelled"),
            "paid" => (self.paid_at + self.turnaround_hours * HOUR_MS + 7 * DAY_MS, "cancelled"),
            "in_progress" if self.window_days == 0 => (self.paid_at + self.turnaround_hours * HOUR_MS + 7 * DAY_MS, "cancelled"),
            "in_progress" => (self.paid_at + self.window_days * DAY_MS, if self.used > 0 { "completed" } else { "cancelled" }),
            "delivered" => (self.since + 48 * HOUR_MS, "completed"),
            "disputed" => (self.since + 14 * DAY_MS, "cancelled"),
            _ => return None,
        })
    }

    fn is_held(&self) -> bool {
        ["paid", "in_progress", "delivered", "disputed"].contains(&self.status)
    }

    fn go(&mut self, status: &'static str, now: u64) {
        if self.status != status {
            self.status = status;
            self.since = now;
        }
    }

    /// What the contract says of an act by its rightful party; `Err` when it does not happen where the order stands.
    fn act(&mut self, act: &OrderAct, now: u64) -> Result<(), ()> {
        let is_workspace = self.window_days > 0;
        let to = match (act, self.status) {
            (OrderAct::Quote { price }, "pending_quote") => {
                self.price = Some(price.minor());
                "quoted"
            }
            (OrderAct::Accept, "quoted") => "accepted",
            (OrderAct::Pay { .. }, "quoted" | "accepted") => {
                self.paid_at = now;
                self.open = u64::from(is_workspace);
                if is_workspace { "in_progress" } else { "paid" }
            }
            (OrderAct::Start, "paid") => "in_progress",
            (OrderAct::Deliver { .. }, "in_progress") if is_workspace => {
                if self.open == 0 {
                    return Err(());
                }
                self.open -= 1;
                self.used += 1;
                if self.quota > 0 && self.used >= self.quota { "completed" } else { "in_progress" }
            }
            (OrderAct::Deliver { .. }, "paid" | "in_progress") => "delivered",
            (OrderAct::Deliver { .. }, "disputed") if self.disputes < 3 => "delivered",
            (OrderAct::Approve, "delivered" | "disputed") => "completed",
            (OrderAct::Dispute { .. }, "delivered") if self.disputes < 3 => {
                self.disputes += 1;
                "disputed"
            }
            (OrderAct::Cancel, "pending_quote" | "quoted" | "accepted" | "paid") => "cancelled",
            (OrderAct::Request { .. }, "in_progress") if is_workspace && self.open < self.asks_max() => {
                self.open += 1;
                "in_progress"
            }
            (OrderAct::Resolve { provider_percent: 0, .. }, "disputed") => "cancelled",
            (OrderAct::Resolve { .. }, "disputed") => "completed",
            _ => return Err(()),
        };
        self.go(to, now);
        Ok(())
    }

    /// How much may be asked for at once.
    fn asks_max(&self) -> u64 {
        if self.quota == 0 { 100 } else { self.quota - self.used }
    }
}

struct World {
    object: Object,
    chance: Random,
    now: Timestamp,
    known: BTreeMap<OrderId, Known>,
    services: Vec<(ServiceId, Known)>,
    /// What the contract says has come in, gone back and been kept, in cents.
    came: u64,
    returned: u64,
    ends: BTreeMap<&'static str, u64>,
}

impl World {
    fn new(seed: u64) -> Self {
        let tale = Tale::new();
        let agent = tale.born.agent_id.expect("a first agent");
        let mut world = Self {
            object: tale.object,
            chance: Random::new(seed),
            now: tale.now,
            known: BTreeMap::new(),
            services: Vec::new(),
            came: 0,
            returned: 0,
            ends: BTreeMap::new(),
        };
        let wallet = (!seed.is_multiple_of(3)).then_some("agent-wallet");
        let profile =
            "INSERT INTO market_profile (agent_id, slug, name, description, endpoint_url, capabilities, owner_verified, payout_wallet,
            created_at_ms) VALUES (?1, 'a', 'A', 'sells', 'https://a.example', '[]', 0, ?2, 1)";
        world.object.sql.connection.execute(profile, (agent.to_string(), wallet)).unwrap();
        for (number, (kind, window_days, quota)) in
            [("fixed", 0, 0), ("quote", 0, 0), ("weekly", 7, 2), ("monthly", 30, 0), ("fixed", 0, 5)].into_iter().enumerate()
        {
            let id = ServiceId::new(world.now, &mut world.chance);
            let price = [500, 0, 999, 2_505, 0][number];
            let service =
                "INSERT INTO market_service (id, agent_id, category, title, description, price_minor, price_type, turnaround_hours,
                deliverables, quota_limit, created_at_ms) VALUES (?1, ?2, 'custom', 'T', 'D', ?3, ?4, ?5, '[]', ?6, 1)";
            let hours = 24 * number as u64;
            world
                .object
                .sql
                .connection
                .execute(service, (id.to_string(), agent.to_string(), price as i64, kind, hours as i64, quota as i64))
                .unwrap();
            let status = if kind == "quote" { "pending_quote" } else { "quoted" };
            let price = (kind != "quote").then_some(price);
            let quota = if window_days > 0 { quota } else { 0 };
            let known = Known {
                buyer: "",
                status,
                since: 0,
                paid_at: 0,
                window_days,
                turnaround_hours: hours,
                quota,
                used: 0,
                open: 0,
                disputes: 0,
                price,
            };
            world.services.push((id, known));
        }
        world
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.chance.below(from.len() as u64) as usize]
    }

    /// The clock moves a little, mostly; now and then up to a deadline, or just short of it.
    fn pass(&mut self) {
        let ends: Vec<u64> = self.known.values().filter_map(Known::end).map(|(at, _)| at).collect();
        let ms = match self.chance.below(10) {
            0 if self.chance.percent(20) => self.chance.below(3 * DAY_MS),
            1 if !ends.is_empty() => {
                let at = self.pick(&ends);
                (at - self.chance.below(2)).saturating_sub(self.now.as_ms())
            }
            _ => self.chance.below(HOUR_MS),
        };
        self.now = self.now.plus_ms(ms);
    }

    fn act(&mut self) -> OrderAct {
        match self.chance.below(11) {
            0 => OrderAct::Quote { price: Price::from_minor(self.chance.below(3_000) + 1).unwrap() },
            1 => OrderAct::Accept,
            2 | 3 => OrderAct::Pay { method: PayMethod::UsdcSol, tx_hash: Some("t".to_owned()), rail: Rail::Sandbox },
            4 => OrderAct::Start,
            5 | 6 => OrderAct::Deliver { url: "https://a.example/1".to_owned(), media_type: MediaType::Image, sha256: None },
            7 => OrderAct::Approve,
            8 => OrderAct::Dispute { reason: None },
            9 => OrderAct::Request { brief: "another one".to_owned() },
            _ if self.chance.percent(50) => OrderAct::Cancel,
            _ => OrderAct::Resolve { provider_percent: self.pick(&[0, 1, 33, 50, 99, 100]), note: "so".to_owned() },
        }
    }

    fn call(&mut self, caller: Proof, command: Command) -> TenantCall {
        TenantCall::new(RequestId::new(self.now, &mut self.chance), caller, command)
    }

    /// Somebody does something; the process may die of it, and then nothing has happened.
    fn step(&mut self, every_step: bool) -> Checked<()> {
        self.pass();
        let call = if self.known.is_empty() || self.chance.percent(12) { self.place() } else { self.move_one() };
        let mut crash = match self.chance.below(20) {
            _ if every_step => Crash::BeforeCommit,
            0 => Crash::BeforeStatement(self.chance.below(12)),
            1 => Crash::BeforeCommit,
            _ => Crash::Never,
        };
        for number in 0.. {
            let before = self.dump();
            match self.object.call(self.now, &call, crash).map_err(|error| format!("{error:?} in {call:?}"))? {
                Fate::Killed => ensure!(self.dump() == before, "a killed call left something: {call:?}"),
                Fate::Answered(reply) | Fate::Lost(reply) => {
                    self.hear(&call, &reply).map_err(|what| format!("{what}\nat {} in {call:?}\nanswered {reply:?}", self.now))?;
                    return self.check();
                }
            }
            crash = if every_step { Crash::BeforeStatement(number) } else { Crash::Never };
        }
        Ok(())
    }

    fn place(&mut self) -> TenantCall {
        let services: Vec<ServiceId> = self.services.iter().map(|(id, _)| *id).collect();
        let (service_id, buyer) = (self.pick(&services), self.pick(&BUYERS));
        let draft = OrderDraft {
            service_id,
            wallet: buyer.to_owned(),
            brief: "something nice".to_owned(),
            reference_urls: Vec::new(),
            reference_images: Vec::new(),
        };
        self.call(Proof::House, Command::Order(OrderCommand::Place(Box::new(draft))))
    }

    fn move_one(&mut self) -> TenantCall {
        let ids: Vec<OrderId> = self.known.keys().copied().collect();
        // The later ones, mostly: the early ones have ended.
        let latest = &ids[ids.len().saturating_sub(6)..];
        let order_id = self.pick(latest);
        if self.chance.percent(5) {
            return self.call(Proof::House, Command::RunDue { batch: 3 });
        }
        if self.chance.percent(10) {
            let command = OrderCommand::Get { order_id, by: Side::Agent };
            return self.call(key(1), Command::Order(command));
        }
        let mut act = self.act();
        // Mostly something that can happen to it.
        for _ in 0..12 {
            if self.chance.percent(15) || self.known[&order_id].clone().act(&act, 0).is_ok() {
                break;
            }
            act = self.act();
        }
        let (caller, by) = match &act {
            OrderAct::Quote { .. } | OrderAct::Start | OrderAct::Deliver { .. } => (key(1), Side::Agent),
            OrderAct::Resolve { .. } => (crate::story::operator(), Side::Operator),
            _ => (Proof::House, Side::Wallet(self.known[&order_id].buyer.to_owned())),
        };
        self.call(caller, Command::Order(OrderCommand::Act { order_id, by, act }))
    }

    /// Whoever's time is up has ended, as far as a call has met it; `all` of them, or one.
    fn end(&mut self, id: OrderId) {
        let known = self.known.get_mut(&id).expect("a known order");
        if let Some((at, status)) = known.end()
            && at <= self.now.as_ms()
        {
            let was_held = known.is_held();
            known.go(status, self.now.as_ms());
            if was_held && status == "cancelled" {
                self.returned += known.price.unwrap_or(0);
            }
            *self.ends.entry("timed").or_default() += 1;
        }
    }

    fn hear(&mut self, call: &TenantCall, reply: &TenantReply) -> Checked<()> {
        let now = self.now.as_ms();
        match (&call.command, &reply.outcome) {
            (Command::Order(OrderCommand::Place(draft)), Ok(Outcome::Order(OrderOutcome::Order(form)))) => {
                let (_, like) = self.services.iter().find(|(id, _)| *id == draft.service_id).expect("a service");
                let buyer = BUYERS.into_iter().find(|buyer| *buyer == draft.wallet).expect("a buyer");
                let known = Known { buyer, since: now, ..like.clone() };
                self.known.insert(form.id, known);
                self.same(&form.alone().read().expect("an order"))
            }
            (Command::RunDue { batch }, Ok(_)) => {
                let mut due: Vec<(u64, OrderId)> =
                    self.known.iter().filter_map(|(id, known)| Some((known.end()?.0, *id))).filter(|(at, _)| *at <= now).collect();
                due.sort_unstable();
                for (_, id) in due.into_iter().take(*batch as usize) {
                    self.end(id);
                }
                Ok(())
            }
            (Command::Order(OrderCommand::Get { order_id, .. }), Ok(Outcome::Order(OrderOutcome::OrderAndReview { order, .. }))) => {
                self.end(*order_id);
                self.same(order)
            }
            (Command::Order(OrderCommand::Act { order_id, act, .. }), outcome) => {
                self.end(*order_id);
                let known = self.known.get_mut(order_id).expect("a known order");
                let mut after = known.clone();
                let expected = after.act(act, now);
                match (expected, outcome) {
                    (Ok(()), Ok(Outcome::Order(OrderOutcome::Order(form)))) => {
                        let price = after.price.unwrap_or(0);
                        match (known.is_held(), after.is_held(), act) {
                            (false, true, _) => self.came += price,
                            (true, false, OrderAct::Resolve { provider_percent, .. }) => {
                                // Half a cent goes to the first part.
                                self.returned += price - (price * provider_percent + 50) / 100;
                            }
                            (true, false, _) if after.status == "cancelled" => self.returned += price,
                            _ => {}
                        }
                        *self.ends.entry(after.status).or_default() += 1;
                        *known = after;
                        self.same(&form.alone().read().expect("an order"))
                    }
                    (
                        Err(()),
                        Err(Refusal::Order(
                            OrderRefusal::InvalidState { .. }
                            | OrderRefusal::NothingRequested
                            | OrderRefusal::RequestLimit
                            | OrderRefusal::DisputeLimit,
                        )),
                    ) => Ok(()),
                    (expected, _) => Err(format!("expected {expected:?} of {known:?}")),
                }
            }
            _ => Err("unexpected".to_owned()),
        }
    }

    /// What is shown is what the contract says.
    fn same(&self, form: &OrderForm) -> Checked<()> {
        let known = &self.known[&form.id];
        let end = known.end().map(|(at, _)| at);
        let (price, used) = (form.quoted_price_usd.map(Price::minor), form.quota_used);
        let shown = (form.status.as_str(), form.auto_action_at.map(Timestamp::as_ms), price, form.dispute_count, used);
        let expected = (known.status, end, known.price, known.disputes, known.used);
        ensure!(shown == expected, "shown {shown:?}, expected {expected:?}");
        self.same_as_kept(form)
    }

    /// What is kept for lists is what is shown, but for older deliveries.
    fn same_as_kept(&self, form: &OrderForm) -> Checked<()> {
        let sql = "SELECT form FROM market_order WHERE id = ?1";
        let kept: Option<String> = self.object.sql.connection.query_row(sql, [form.id.to_string()], |row| row.get(0)).unwrap();
        ensure!(kept.is_some() == form.status.awaits_provider(), "{} keeps {kept:?}", form.id);
        let mut listed = form.clone();
        listed.deliverables.truncate(DELIVERIES_LISTED);
        let listed = serde_json::to_string(&listed).unwrap();
        ensure!(kept.as_ref().is_none_or(|kept| *kept == listed), "kept {kept:?}, shown {listed}");
        Ok(())
    }

    fn balance(&self, account: &str) -> i64 {
        let sql = "SELECT coalesce(sum(balance_micros), 0) FROM account WHERE id GLOB ?1";
        self.object.sql.connection.query_row(sql, [account], |row| row.get(0)).unwrap()
    }

    fn dump(&self) -> (i64, String) {
        let sql = "SELECT (SELECT count(*) FROM audit), (SELECT group_concat(id || status || version || open_requests || deliveries) FROM market_order)";
        self.object
            .sql
            .connection
            .query_row(sql, [], |row| Ok((row.get(0)?, row.get::<_, Option<String>>(1)?.unwrap_or_default())))
            .unwrap()
    }

    /// The money of every order lies where the contract says, and all of it together is what came in.
    fn check(&self) -> Checked<()> {
        for (id, known) in &self.known {
            let held = if known.is_held() { known.price.unwrap_or(0) } else { 0 };
            ensure!(
                self.balance(&id.to_string()) == held as i64 * 10_000,
                "escrow of {id} {}, expected {held} of {known:?}",
                self.balance(&id.to_string())
            );
        }
        let sum: i64 = self.object.sql.connection.query_row("SELECT sum(balance_micros) FROM account", [], |row| row.get(0)).unwrap();
        ensure!(sum == 0, "accounts sum to {sum}");
        let owed = "SELECT coalesce(sum(payout_minor), 0) FROM market_order WHERE payout_status = 'awaiting_wallet'";
        let owed: i64 = self.object.sql.connection.query_row(owed, [], |row| row.get(0)).unwrap();
        ensure!(self.balance("market.payout") == owed * 10_000, "payouts {} for {owed} owed", self.balance("market.payout"));
        let sent = "SELECT coalesce(sum(amount_micros), 0) FROM audit WHERE action = 'order.paid_out'";
        let sent: i64 = self.object.sql.connection.query_row(sent, [], |row| row.get(0)).unwrap();
        let inside = self.balance("ord_*") + self.balance("market.*");
        let expected = (self.came - self.returned) as i64 * 10_000;
        ensure!(inside + sent == expected, "{inside} inside and {sent} sent of {expected}");
        self.check_figures()
    }

    /// What is counted as orders move is what counting them all comes to.
    fn check_figures(&self) -> Checked<()> {
        let count = |sql: &str| self.object.sql.connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        let unequal = count(
            "SELECT count(*) FROM (
                SELECT 'order' AS kind, status AS name, count(*) AS n, sum(coalesce(price_minor, 0)) AS minor FROM market_order GROUP BY status
                UNION ALL
                SELECT 'payout', payout_status, count(*), sum(payout_minor) FROM market_order WHERE payout_minor IS NOT NULL GROUP BY payout_status
            ) counted FULL JOIN market_standing USING (kind, name)
            WHERE coalesce(n, 0) <> coalesce(orders, 0) OR coalesce(minor, 0) <> coalesce(sum_minor, 0)",
        );
        ensure!(unequal == 0, "{unequal} figures of orders are not what counting them comes to");
        let (by_day, earned) = (
            count("SELECT coalesce(sum(earned_micros), 0) FROM market_earning"),
            count("SELECT coalesce(sum(payout_minor), 0) * 10000 FROM market_order"),
        );
        ensure!(by_day == earned, "{by_day} earned by the day of {earned}");
        let taken = count("SELECT coalesce(sum(fee_minor), 0) * 10000 FROM market_order");
        ensure!(self.balance("market.fee") == taken, "{} in fees of {taken} that orders tell of", self.balance("market.fee"));
        Ok(())
    }

    /// Alarms alone end what is left.
    fn finish(&mut self) -> Checked<()> {
        for _ in 0..2_000 {
            let call = self.call(Proof::House, Command::RunDue { batch: 3 });
            let reply = self.object.ask(self.now, &call);
            self.hear(&call, &reply)?;
            self.check()?;
            let call = self.call(Proof::House, Command::OutboxAck { upto_seq: u64::MAX >> 12 });
            let reply = self.object.ask(self.now, &call);
            match reply.next_due_at_ms {
                Some(due) if self.known.values().any(|known| known.end().is_some()) => self.now = self.now.max(due),
                _ => break,
            }
        }
        let open = self.known.values().filter(|known| known.end().is_some()).count();
        ensure!(open == 0 && self.balance("ord_*") == 0, "{open} orders are left open");
        let call = self.call(Proof::House, Command::VerifyAudit { after_seq: 0, limit: u64::MAX >> 12 });
        let reply = self.object.ask(self.now, &call);
        ensure!(matches!(&reply.outcome, Ok(Outcome::AuditVerified(verified)) if verified.valid), "{reply:?}");
        let call = self.call(Proof::House, Command::Reconcile);
        let reply = self.object.ask(self.now, &call);
        ensure!(matches!(&reply.outcome, Ok(Outcome::Reconciled(reconciled)) if reconciled.equal), "{reply:?}");
        Ok(())
    }
}

fn live(seed: u64, steps: u64, every_step: bool, bug: &str) -> Checked<BTreeMap<&'static str, u64>> {
    let mut world = World::new(seed);
    world.object.sql.connection.execute_batch(bug).unwrap();
    for step in 0..steps {
        world.step(every_step).map_err(|what| format!("seed {seed}, step {step}: {what}"))?;
    }
    world.finish().map_err(|what| format!("seed {seed}, at its end: {what}"))?;
    Ok(world.ends)
}

#[test]
fn escrow_is_the_sum_of_open_orders_at_every_step_and_every_order_ends() {
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 1..=60 {
        let ends = live(seed, 250, false, "").unwrap_or_else(|what| panic!("{what}"));
        ends.into_iter().for_each(|(end, times)| *seen.entry(end).or_default() += times);
    }
    for end in ["quoted", "accepted", "paid", "in_progress", "delivered", "completed", "disputed", "cancelled", "timed"] {
        assert!(seen.get(end).is_some_and(|times| *times >= 20), "hardly ever seen: {end} in {seen:?}");
    }
}

#[test]
fn an_act_on_an_order_killed_before_each_of_its_statements_leaves_nothing() {
    for seed in 1..=4 {
        live(seed, 120, true, "").unwrap_or_else(|what| panic!("{what}"));
    }
}

/// What is put into the tables, for the simulation to find.
const BUGS: [(&str, &str); 9] = [
    (
        "an order that is completed stays among those that are delivered",
        "CREATE TRIGGER bug AFTER UPDATE ON market_order WHEN OLD.status = 'delivered' AND NEW.status = 'completed'
         BEGIN UPDATE market_standing SET orders = orders + 1 WHERE kind = 'order' AND name = 'delivered'; END",
    ),
    (
        "what was earned is told of the wrong amount",
        "CREATE TRIGGER bug AFTER INSERT ON audit WHEN NEW.action = 'order.completed' AND NEW.amount_micros > 10000
         BEGIN UPDATE market_earning SET earned_micros = earned_micros + 1 WHERE day = NEW.at_ms / 86400000; END",
    ),
    (
        "a fee is lost on its way",
        "CREATE TRIGGER bug AFTER INSERT ON audit WHEN NEW.action = 'order.fee_taken'
         BEGIN UPDATE account SET balance_micros = balance_micros - NEW.amount_micros WHERE id = 'market.fee'; END",
    ),
    (
        "an order that is paid leaves a cent with the platform",
        "CREATE TRIGGER bug AFTER INSERT ON audit WHEN NEW.action = 'order.paid' AND NEW.amount_micros > 10000
         BEGIN UPDATE account SET balance_micros = balance_micros - 10000 WHERE id = NEW.to_account;
         UPDATE account SET balance_micros = balance_micros + 10000 WHERE id = 'market.fee'; END",
    ),
    (
        "a delivery waits an hour too long for its review",
        "CREATE TRIGGER bug AFTER UPDATE ON market_order WHEN NEW.status = 'delivered' AND OLD.status <> 'delivered'
         BEGIN UPDATE market_order SET due_at_ms = due_at_ms + 3600000 WHERE id = NEW.id; END",
    ),
    (
        "a delivery counts twice",
        "CREATE TRIGGER bug AFTER UPDATE ON market_order WHEN NEW.deliveries = OLD.deliveries + 1
         BEGIN UPDATE market_order SET deliveries = deliveries + 1 WHERE id = NEW.id; END",
    ),
    (
        "a buyer disputes for ever",
        "CREATE TRIGGER bug AFTER UPDATE ON market_order WHEN NEW.disputes > OLD.disputes
         BEGIN UPDATE market_order SET disputes = 0 WHERE id = NEW.id; END",
    ),
    (
        "an order tells of a cent more than the platform has taken",
        "CREATE TRIGGER bug AFTER UPDATE ON market_order WHEN OLD.fee_minor IS NULL AND NEW.fee_minor IS NOT NULL
         BEGIN UPDATE market_order SET fee_minor = NEW.fee_minor + 1 WHERE id = NEW.id; END",
    ),
    (
        "what is kept for lists is what was shown before",
        "CREATE TRIGGER bug AFTER UPDATE ON market_order WHEN OLD.form IS NOT NULL AND NEW.form <> OLD.form
         BEGIN UPDATE market_order SET form = OLD.form WHERE id = NEW.id; END",
    ),
];

#[test]
fn each_bug_put_in_on_purpose_is_found() {
    for (what, bug) in BUGS {
        assert!((1..=20).any(|seed| live(seed, 250, false, bug).is_err()), "nobody noticed that {what}");
    }
}

/// Writes so many orders of an agent in one state, due at a moment, into the tables.
fn write_orders(world: &World, count: u64, agent: &str, status: &str, mark: &str, due_at_ms: u64) {
    let insert = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
        INSERT INTO market_order (id, version, agent_id, provider_name, service_id, service_title, client_wallet, brief, reference_urls,
            reference_images, status, since_ms, due_at_ms, price_type, price_minor, turnaround_hours, quota_total, created_at_ms,
            workspace_ends_at_ms, form)
        SELECT printf('ord_%s%025d', ?5, i), 1, ?2, 'A', ?3, 'T', 'buyer', 'brief', '[]', '[]', ?4, i, iif(?4 = 'completed', NULL, ?6),
            'fixed', 500, 1, 0, i, iif(?4 = 'in_progress', ?6, NULL), iif(?4 IN ('paid', 'in_progress'), '{}', NULL) FROM n";
    let service = world.services[0].0.to_string();
    world.object.sql.connection.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    world.object.sql.connection.execute(insert, (count as i64, agent, &service, status, mark, due_at_ms as i64)).unwrap();
}

/// Far from now.
const LATER_MS: u64 = 9_000_000_000_000;

fn own_agent(world: &World) -> String {
    world.object.sql.connection.query_row("SELECT agent_id FROM market_profile", [], |row| row.get(0)).unwrap()
}

/// What a poll costs an agent with fifty open and so many closed orders, and as many workspaces that lie still, beside so many orders of
/// others in one object.
fn poll_steps(closed: u64, others: u64) -> i64 {
    let mut world = World::new(1);
    let own = own_agent(&world);
    write_orders(&world, 50, &own, "paid", "0", LATER_MS);
    write_orders(&world, closed, &own, "completed", "1", LATER_MS);
    write_orders(&world, closed, &own, "in_progress", "3", LATER_MS);
    write_orders(&world, others, "agt_01J8ZQ4V9N3W0R6T5Y7X2KD1MA", "paid", "2", LATER_MS);
    let agent_id = AgentId::parse(&own).unwrap();
    let statuses = Some(vec![OrderStatus::Paid, OrderStatus::InProgress]);
    let command = OrderCommand::List { agent_id, by: Side::Agent, statuses, limit: 101, before: None };
    let steps = |world: &World| -> i64 {
        let of = |statement: &str| {
            let prepared = world.object.sql.connection.prepare_cached(statement).unwrap();
            i64::from(prepared.get_status(StatementStatus::VmStep))
        };
        guildhall::objects::tenant::statements().map(of).sum()
    };
    let call = world.call(key(1), Command::Order(command));
    world.object.ask(world.now, &call);
    let before = steps(&world);
    let reply = world.object.ask(world.now, &call);
    assert!(matches!(&reply.outcome, Ok(Outcome::Order(OrderOutcome::Orders(orders))) if orders.len() == 50));
    steps(&world) - before
}

#[test]
fn a_poll_costs_the_same_beside_a_hundred_thousand_orders_of_others() {
    let (few, many) = (poll_steps(1_000, 1_000), poll_steps(1_000, 100_000));
    assert!(many <= few + few / 20, "{few} steps beside a thousand, {many} beside a hundred thousand");
}

#[test]
fn a_poll_costs_the_same_whatever_its_agent_has_completed_and_lets_lie() {
    let (few, many) = (poll_steps(100, 1_000), poll_steps(100_000, 1_000));
    assert!(many <= few + few / 20, "{few} steps after a hundred, {many} after a hundred thousand");
}

/// How often one call may end an order: what a list meets first, and what it then shows.
const ENDED_BY_A_LIST_MAX: i64 = 200 + 101;

#[test]
fn a_list_that_meets_a_crowd_of_due_orders_ends_a_bounded_part_of_them_and_shows_none_as_it_stood() {
    let mut world = World::new(1);
    let own = own_agent(&world);
    let now = world.now;
    write_orders(&world, 2_000, &own, "quoted", "0", now.as_ms());
    write_orders(&world, 50, &own, "quoted", "1", LATER_MS);
    let cancelled = |world: &World| -> i64 {
        world.object.sql.connection.query_row("SELECT count(*) FROM market_order WHERE status = 'cancelled'", [], |row| row.get(0)).unwrap()
    };
    let agent_id = AgentId::parse(&own).unwrap();
    for statuses in [Some(vec![OrderStatus::Quoted]), None] {
        let before = cancelled(&world);
        let is_of_state = statuses.is_some();
        let list = OrderCommand::List { agent_id, by: Side::Agent, statuses, limit: 101, before: None };
        let call = world.call(key(1), Command::Order(list));
        let reply = world.object.ask(now, &call);
        let Ok(Outcome::Order(OrderOutcome::Orders(orders))) = &reply.outcome else { panic!("{reply:?}") };
        assert_eq!(orders.len(), if is_of_state { 50 } else { 101 });
        assert!(
            orders.iter().all(|order| order.form.read().unwrap().auto_action_at.is_none_or(|at| at > now)),
            "an order that is due is shown"
        );
        let ended = cancelled(&world) - before;
        assert!(ended > 0 && ended <= ENDED_BY_A_LIST_MAX, "{ended} were ended by one call");
        assert!(reply.next_due_at_ms.is_some_and(|at| at <= now), "the alarm goes on at once");
    }
    while cancelled(&world) < 2_000 {
        let call = world.call(Proof::House, Command::RunDue { batch: 500 });
        let before = cancelled(&world);
        world.object.ask(now, &call);
        assert!((1..=500).contains(&(cancelled(&world) - before)));
    }
    let twice = "SELECT count(*) FROM (SELECT object FROM audit WHERE action = 'order.cancelled' GROUP BY object HAVING count(*) <> 1)";
    assert_eq!(world.object.sql.connection.query_row(twice, [], |row| row.get::<_, i64>(0)).unwrap(), 0, "an order ended twice");
}
