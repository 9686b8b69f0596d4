//! What the parties do to an order, and what they see of it.

use super::super::agent;
use super::super::desk::{Desk, Done, Step};
use super::super::money::column::Columns;
use super::command::{Intent, OrderAct, OrderDraft, Side};
use super::escrow;
use super::outcome::OrderOutcome;
use super::record::{self, Record};
use super::refusal::OrderRefusal;
use super::{message, payment, review, shown, sweep};
use crate::domain::agent::AgentStatus;
use crate::domain::event::Action;
use crate::domain::form::order::{DeliverableForm, OrderForm};
use crate::domain::form::written::Written;
use crate::domain::id::{AgentId, DeliverableId, OrderId};
use crate::domain::market::order::{Order, PayoutStatus};
use crate::domain::market::price::Price;
use crate::domain::market::service::PriceType;
use crate::domain::market::settlement::PayMethod;
use crate::domain::market::state::{OrderEvent, OrderStatus, Party};
use crate::objects::sql::SqlError;
use crate::{params, statements};

statements! {
    READ_TERMS = "SELECT s.agent_id, p.name, s.title, s.price_minor, s.price_type, s.turnaround_hours, s.quota_limit
        FROM market_service s JOIN market_profile p ON p.agent_id = s.agent_id WHERE s.id = +?1 AND s.active = 1";
    COUNT_ORDER_OF_SERVICE = "UPDATE market_service SET orders = orders + 1 WHERE id = ?1";
    COUNT_ORDER_OF_AGENT = "UPDATE market_profile SET orders = orders + 1 WHERE agent_id = ?1";
    WRITE_REQUEST = "INSERT INTO market_request (order_id, number, brief, at_ms)
        SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3 FROM market_request WHERE order_id = +?1";
    ANSWER_REQUEST = "UPDATE market_request SET answered_by = ?2 WHERE order_id = +?1
        AND number = (SELECT min(number) FROM market_request WHERE order_id = +?1 AND answered_by IS NULL)";
    READ_REQUEST = "SELECT brief FROM market_request WHERE order_id = +?1 AND answered_by IS NULL ORDER BY number LIMIT 1";
}

/// What a buyer may ask for at once within a workspace.
const OPEN_REQUESTS_MAX: u64 = 100;

/// Who somebody is to an order.
pub(super) fn party_to(desk: &Desk<'_>, record: &Record, by: &Side) -> Step<Party> {
    match by {
        Side::Agent if desk.caller.agent_id == Some(record.agent_id) => Ok(Party::Provider),
        Side::Wallet(wallet) if *wallet == record.client_wallet => Ok(Party::Buyer),
        Side::Operator => Ok(Party::Operator),
        Side::Agent | Side::Wallet(_) => Err(OrderRefusal::NotParty.into()),
    }
}

/// How the audit chain names who acts.
fn name_actor(desk: &mut Desk<'_>, by: &Side) {
    if let Side::Wallet(wallet) = by {
        desk.actor = format!("wallet:{wallet}");
    }
}

/// An order as it stands now: one whose time is up is ended first.
pub(super) fn meet(desk: &mut Desk<'_>, id: OrderId) -> Step<Record> {
    let mut record = record::read(desk, id)?;
    if record.is_due(desk.now) {
        sweep::end(desk, &mut record)?;
    }
    Ok(record)
}

/// Places an order under the terms the service is offered on now.
pub(super) fn place(desk: &mut Desk<'_>, draft: &OrderDraft) -> Step<Done> {
    let row = desk.sql.first(READ_TERMS, params![draft.service_id.to_string()])?.ok_or(OrderRefusal::UnknownService)?;
    let mut column = Columns::of(&row);
    let agent_id = column.id(AgentId::parse)?;
    let (provider_name, service_title) = (column.text()?, column.text()?);
    let listed = Price::from_minor(column.number()?).map_err(|_| SqlError::Shape("not a price"))?;
    let price_type = column.name(PriceType::parse)?;
    let (turnaround_hours, quota_limit) = (column.number()?, column.number()?);
    if agent::find(desk, agent_id)?.status != AgentStatus::Active {
        return Err(OrderRefusal::UnknownService.into());
    }
    let is_quoted_later = price_type == PriceType::Quote;
    let mut record = Record {
        id: OrderId::new(desk.now, desk.entropy),
        version: 1,
        agent_id,
        provider_name,
        service_id: draft.service_id,
        service_title,
        client_wallet: draft.wallet.clone(),
        brief: draft.brief.clone(),
        reference_urls: draft.reference_urls.clone(),
        reference_images: draft.reference_images.clone(),
        order: Order {
            status: if is_quoted_later { OrderStatus::PendingQuote } else { OrderStatus::Quoted },
            since: desk.now,
            price_type,
            turnaround_hours,
            quota: if price_type.window_ms().is_some() { quota_limit } else { 0 },
            price: (!is_quoted_later).then_some(listed),
            paid_at: None,
            workspace_ends_at: None,
            deliveries: 0,
            disputes: 0,
        },
        open_requests: 0,
        payment_method: None,
        escrow_tx_hash: None,
        rail: None,
        payout_tx_hash: None,
        payout_status: PayoutStatus::None,
        payout: None,
        fee: None,
        refund_tx_hash: None,
        refund_status: PayoutStatus::None,
        recent: Vec::new(),
        request_brief: None,
        delivered_at: None,
        completed_at: None,
        created_at: desk.now,
        dispute_reason: None,
        due_at: None,
        is_forsaken: false,
    };
    let announced = record.write(desk)?;
    desk.sql.run(COUNT_ORDER_OF_SERVICE, params![draft.service_id.to_string()])?;
    desk.sql.run(COUNT_ORDER_OF_AGENT, params![agent_id.to_string()])?;
    name_actor(desk, &Side::Wallet(draft.wallet.clone()));
    desk.record_written(Action::OrderCreated, &record.id.to_string(), None, &announced)?;
    Ok(OrderOutcome::Order(Box::new(record.show(desk, announced)?)).into())
}

/// As whom somebody may do that with an order; where it stands is looked at after who comes.
pub(super) fn check(desk: &Desk<'_>, record: &Record, by: &Side, intent: Intent) -> Step<Party> {
    let party = party_to(desk, record, by)?;
    if intent == Intent::Look {
        return Ok(party);
    }
    if party == Party::Provider && agent::find(desk, record.agent_id)?.status != AgentStatus::Active {
        return Err(OrderRefusal::AgentNotActive.into());
    }
    match intent {
        Intent::Look => {}
        Intent::Move(event) => check_move(record, party, event)?,
        Intent::Request => check_request(record, party)?,
        Intent::Message => message::check(record, party)?,
        Intent::Review => review::check(desk, record, party)?,
    }
    Ok(party)
}

fn check_move(record: &Record, party: Party, event: OrderEvent) -> Step<()> {
    let order = &record.order;
    if !event.is_for(party) {
        return Err(OrderRefusal::NotParty.into());
    }
    order.check(event)?;
    if event == OrderEvent::Deliver && order.workspace_ends_at.is_some() && record.open_requests == 0 {
        return Err(OrderRefusal::NothingRequested.into());
    }
    Ok(())
}

fn check_request(record: &Record, party: Party) -> Step<()> {
    let order = &record.order;
    if party != Party::Buyer {
        return Err(OrderRefusal::NotParty.into());
    }
    if order.workspace_ends_at.is_none() || order.status != OrderStatus::InProgress {
        return Err(OrderRefusal::InvalidState { status: order.status }.into());
    }
    // What is asked for beyond its quota a workspace never delivers.
    let deliveries_left = if order.quota == 0 { OPEN_REQUESTS_MAX } else { order.quota.saturating_sub(order.deliveries) };
    if record.open_requests >= deliveries_left.min(OPEN_REQUESTS_MAX) {
        return Err(OrderRefusal::RequestLimit.into());
    }
    Ok(())
}

/// An order somebody may do that with now.
pub(super) fn find_for(desk: &mut Desk<'_>, id: OrderId, by: &Side, intent: Intent) -> Step<Record> {
    let record = meet(desk, id)?;
    check(desk, &record, by, intent)?;
    Ok(record)
}

/// Tells what would stand in the way.
pub(super) fn probe(desk: &mut Desk<'_>, id: OrderId, by: &Side, intent: Intent) -> Step<Done> {
    let record = find_for(desk, id, by, intent)?;
    Ok(shown(OrderOutcome::Possible { price: record.order.price }))
}

/// Lets a party move an order, or wish for something in it.
pub(super) fn act(desk: &mut Desk<'_>, id: OrderId, by: &Side, act: &OrderAct) -> Step<Done> {
    let mut record = find_for(desk, id, by, act.intent())?;
    name_actor(desk, by);
    let listed = match (act.intent(), act) {
        (Intent::Move(event), _) => advance(desk, &mut record, act, event)?,
        (_, OrderAct::Request { brief }) => request(desk, &mut record, brief)?,
        _ => record.listed()?.form,
    };
    Ok(OrderOutcome::Order(Box::new(record.show(desk, listed)?)).into())
}

/// Lets `act` move an order by `event`, and its money with it.
fn advance(desk: &mut Desk<'_>, record: &mut Record, act: &OrderAct, event: OrderEvent) -> Step<Written<OrderForm>> {
    let percent = match act {
        OrderAct::Resolve { provider_percent, .. } => *provider_percent,
        _ => 0,
    };
    let moved = record.order.apply(event, percent, desk.now)?;
    record.order = moved.order;
    let is_workspace = record.order.workspace_ends_at.is_some();
    match act {
        OrderAct::Quote { price } => record.order.price = Some(*price),
        OrderAct::Pay { tx_hash: None, .. } if record.order.price.is_some_and(|price| !price.is_zero()) => {
            return Err(OrderRefusal::PaymentMissing.into());
        }
        OrderAct::Pay { method, tx_hash, rail } => {
            record.payment_method = Some(*method);
            record.escrow_tx_hash.clone_from(tx_hash);
            record.rail = Some(*rail);
            if *method == PayMethod::Payment && tx_hash.is_some() {
                payment::take(desk, record)?;
            }
            if is_workspace {
                record.open_requests = 1;
                let brief = record.brief.clone();
                desk.sql.run(WRITE_REQUEST, params![record.id.to_string(), brief, desk.now.as_ms()])?;
            }
        }
        OrderAct::Deliver { url, media_type, sha256 } => {
            let id = DeliverableId::new(desk.now, desk.entropy);
            let (url, sha256) = (url.clone(), sha256.clone());
            record.write_delivery(desk, DeliverableForm { id, url, media_type: *media_type, sha256, created_at: desk.now })?;
            if is_workspace {
                answer_request(desk, record, id)?;
            }
        }
        OrderAct::Dispute { reason } => {
            record.dispute_reason.clone_from(reason);
            // What it has delivered went on when it was revoked; it will deliver nothing more.
            record.is_forsaken = agent::find(desk, record.agent_id)?.status == AgentStatus::Revoked;
        }
        OrderAct::Resolve { note, .. } => record.dispute_reason = Some(note.clone()),
        OrderAct::Accept | OrderAct::Start | OrderAct::Approve | OrderAct::Cancel | OrderAct::Request { .. } => {}
    }
    escrow::settle(desk, record, event, moved.escrow)
}

fn request(desk: &mut Desk<'_>, record: &mut Record, brief: &str) -> Step<Written<OrderForm>> {
    desk.sql.run(WRITE_REQUEST, params![record.id.to_string(), brief, desk.now.as_ms()])?;
    if record.open_requests == 0 {
        record.request_brief = Some(brief.to_owned());
    }
    record.open_requests += 1;
    let announced = record.write_change(desk)?;
    desk.record_written(Action::OrderInProgress, &record.id.to_string(), None, &announced)?;
    Ok(announced)
}

/// What was delivered answers the oldest open request; the next one is what is asked for then.
fn answer_request(desk: &mut Desk<'_>, record: &mut Record, delivery_id: DeliverableId) -> Step<()> {
    let id = record.id.to_string();
    desk.sql.run(ANSWER_REQUEST, params![id.as_str(), delivery_id.to_string()])?;
    record.open_requests = record.open_requests.saturating_sub(1);
    if record.open_requests > 0 {
        let row = desk.sql.first(READ_REQUEST, params![id])?.ok_or(SqlError::Shape("no open request"))?;
        record.request_brief = Some(row.text(0)?.to_owned());
    }
    Ok(())
}

/// An order and its review, for its parties.
pub(super) fn get(desk: &mut Desk<'_>, id: OrderId, by: &Side) -> Step<Done> {
    let record = meet(desk, id)?;
    party_to(desk, &record, by)?;
    let review = review::find(desk, id)?.map(Box::new);
    Ok(shown(OrderOutcome::OrderAndReview { order: Box::new(record.form_alone(desk)?), review }))
}
