//! Orders as humans look at them: those of a tenant, its buyers, operators.
//!
//! Invariant: looking moves an order only where its time is up, and every part of an answer is bounded.

use super::super::desk::{Desk, Done, Step};
use super::super::money::column::Columns;
use super::act::meet;
use super::outcome::OrderOutcome;
use super::record::{Record, columns, read_row};
use super::refusal::OrderRefusal;
use super::survey::{Onlooker, Survey};
use super::{message, review, shown, sweep};
use crate::domain::form::sheet::{DayEarned, EarningSums, OrderBook, OrderSheet, OrderStep, WorkRequest};
use crate::domain::id::{AgentId, OrderId};
use crate::domain::market::order::PayoutStatus;
use crate::domain::market::state::{self, Kind, OrderEvent, OrderStatus, Party};
use crate::domain::time::{DAY_MS, Timestamp};
use crate::objects::sql::{Row, SqlError};
use crate::{params, statements};

/// How much of each part of an order is shown: the newest.
const MESSAGES_SHOWN: u64 = 50;
const REQUESTS_SHOWN: u64 = 50;
const STEPS_SHOWN: u64 = 100;

statements! {
    LIST_ALL = concat!("SELECT ", columns!(), " FROM market_order o WHERE o.id < coalesce(?2, '~') ORDER BY o.id DESC LIMIT +?1");
    LIST_ALIKE = concat!("SELECT ", columns!(), " FROM market_order o WHERE o.status = +?3 AND o.id < coalesce(?2, '~') ORDER BY o.id DESC LIMIT +?1");
    LIST_OF_AGENT = concat!("SELECT ", columns!(), " FROM market_order o WHERE o.agent_id = +?3 AND o.id < coalesce(?2, '~')
        ORDER BY o.id DESC LIMIT +?1");
    LIST_ALIKE_OF_AGENT = concat!("SELECT ", columns!(), " FROM market_order o WHERE o.agent_id = +?3 AND o.status = +?4
        AND o.id < coalesce(?2, '~') ORDER BY o.id DESC LIMIT +?1");
    LIST_REQUESTS = "SELECT brief, at_ms, answered_by IS NOT NULL FROM market_request WHERE order_id = +?1 ORDER BY number DESC LIMIT +?2";
    LIST_STEPS = "SELECT at_ms, action, actor, amount_micros FROM audit
        WHERE object = +?1 AND substr(object, 1, 4) = 'ord_' AND action <> 'order.message' ORDER BY seq DESC LIMIT +?2";
    SUM_STANDING = "SELECT kind, name, sum_minor FROM market_standing";
    LIST_DAYS = "SELECT day, earned_micros FROM market_earning WHERE day > +?1 ORDER BY day";
}

/// Shows what is asked for.
pub(super) fn survey(desk: &mut Desk<'_>, survey: &Survey) -> Step<Done> {
    match survey {
        Survey::Sheet { order_id, by } => show_sheet(desk, *order_id, by),
        Survey::Book { agent_id, status, limit, before, days } => {
            sweep::meet(desk)?;
            let orders = list(desk, *agent_id, *status, *limit, *before)?.iter().map(Record::form).collect();
            let book = OrderBook { orders, sums: read_sums(desk)?, earned: list_days(desk, *days)? };
            Ok(shown(OrderOutcome::Book(Box::new(book))))
        }
    }
}

fn show_sheet(desk: &mut Desk<'_>, order_id: OrderId, by: &Onlooker) -> Step<Done> {
    let record = meet(desk, order_id)?;
    if let Onlooker::Wallet(wallet) = by
        && *wallet != record.client_wallet
    {
        return Err(OrderRefusal::UnknownOrder.into());
    }
    let order = &record.order;
    let may_buyer = |event: &OrderEvent| event.is_for(Party::Buyer) && order.check(*event).is_ok();
    let kind = Kind { price_type: order.price_type, deliveries: order.deliveries, quota: order.quota };
    let sheet = OrderSheet {
        exit: state::find(order.status, OrderEvent::Expire, kind).map(|row| row.to),
        price_type: order.price_type,
        turnaround_hours: order.turnaround_hours,
        dispute_reason: record.dispute_reason.clone(),
        payout: record.payout,
        review: review::find(desk, order_id)?,
        messages: message::read_latest(desk, order_id, MESSAGES_SHOWN)?,
        requests: list_requests(desk, order_id)?,
        timeline: list_steps(desk, order_id)?,
        buyers_moves: OrderEvent::ALL.iter().copied().filter(may_buyer).collect(),
        takes_requests: order.workspace_ends_at.is_some() && order.status == OrderStatus::InProgress,
        order: record.form_alone(desk)?,
    };
    Ok(shown(OrderOutcome::Sheet(Box::new(sheet))))
}

fn list(desk: &Desk<'_>, agent_id: Option<AgentId>, status: Option<OrderStatus>, limit: u64, before: Option<OrderId>) -> Step<Vec<Record>> {
    let before = before.map(|id| id.to_string());
    let rows = match (agent_id.map(|id| id.to_string()), status.map(OrderStatus::as_str)) {
        (None, None) => desk.sql.run(LIST_ALL, params![limit, before])?,
        (None, Some(status)) => desk.sql.run(LIST_ALIKE, params![limit, before, status])?,
        (Some(agent), None) => desk.sql.run(LIST_OF_AGENT, params![limit, before, agent])?,
        (Some(agent), Some(status)) => desk.sql.run(LIST_ALIKE_OF_AGENT, params![limit, before, agent, status])?,
    };
    Ok(rows.iter().map(read_row).collect::<Result<_, SqlError>>()?)
}

/// The rows of a list that was read from its end, in the order they were written.
fn read_back<T>(rows: &[Row], read: impl Fn(Columns<'_>) -> Result<T, SqlError>) -> Step<Vec<T>> {
    Ok(rows.iter().rev().map(|row| read(Columns::of(row))).collect::<Result<_, SqlError>>()?)
}

fn list_requests(desk: &Desk<'_>, order_id: OrderId) -> Step<Vec<WorkRequest>> {
    let rows = desk.sql.run(LIST_REQUESTS, params![order_id.to_string(), REQUESTS_SHOWN])?;
    read_back(&rows, |mut column| Ok(WorkRequest { brief: column.text()?, at: column.time()?, is_answered: column.number()? == 1 }))
}

fn list_steps(desk: &Desk<'_>, order_id: OrderId) -> Step<Vec<OrderStep>> {
    let rows = desk.sql.run(LIST_STEPS, params![order_id.to_string(), STEPS_SHOWN])?;
    read_back(&rows, |mut column| {
        Ok(OrderStep { at: column.time()?, action: column.text()?, actor: column.text()?, amount: column.micros_or_null()? })
    })
}

fn read_sums(desk: &Desk<'_>) -> Step<EarningSums> {
    let mut sums = EarningSums::default();
    for row in &desk.sql.run(SUM_STANDING, &[])? {
        let (kind, name, minor) = (row.text(0)?, row.text(1)?, row.unsigned(2)?);
        match kind {
            "order" if OrderStatus::parse(name).is_some_and(OrderStatus::holds_money) => sums.in_escrow += minor,
            "payout" => {
                sums.earned += minor;
                match PayoutStatus::parse(name) {
                    Some(PayoutStatus::Paid) => sums.paid_out += minor,
                    Some(PayoutStatus::AwaitingWallet) => sums.awaiting_wallet += minor,
                    _ => {}
                }
            }
            _ => {}
        }
    }
    Ok(sums)
}

fn list_days(desk: &Desk<'_>, days: u64) -> Step<Vec<DayEarned>> {
    let rows = desk.sql.run(LIST_DAYS, params![desk.now.utc_day().saturating_sub(days)])?;
    let read = |row: &Row| {
        let mut column = Columns::of(row);
        Ok(DayEarned { day: Timestamp::from_ms(column.number()? * DAY_MS), earned: column.micros()? })
    };
    Ok(rows.iter().map(read).collect::<Result<_, SqlError>>()?)
}
