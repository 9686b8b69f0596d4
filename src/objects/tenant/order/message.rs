//! What the parties of an order write to each other.

use super::super::desk::{Desk, Done, Step};
use super::super::money::column::Columns;
use super::act::{check as check_intent, meet, party_to};
use super::command::{Intent, Side};
use super::outcome::OrderOutcome;
use super::record::Record;
use super::refusal::OrderRefusal;
use super::shown;
use crate::domain::event::Action;
use crate::domain::form::order::MessageForm;
use crate::domain::id::{MessageId, OrderId};
use crate::domain::market::order::SenderType;
use crate::domain::market::state::Party;
use crate::objects::sql::{Row, SqlError};
use crate::{params, statements};

statements! {
    WRITE = "INSERT INTO market_message (id, order_id, sender_type, sender_id, sender_name, content, created_at_ms)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    LIST_LATEST = "SELECT id, order_id, sender_type, sender_id, sender_name, content, created_at_ms FROM market_message
        WHERE order_id = +?1 ORDER BY id DESC LIMIT +?2";
    LIST_AFTER = "SELECT id, order_id, sender_type, sender_id, sender_name, content, created_at_ms FROM market_message
        WHERE order_id = +?1 AND id > +?2 ORDER BY id LIMIT +?3";
}

/// Whether that party can write now.
pub(super) fn check(record: &Record, party: Party) -> Step<()> {
    match party {
        Party::Buyer | Party::Provider if record.order.status.takes_messages() => Ok(()),
        Party::Buyer | Party::Provider => Err(OrderRefusal::InvalidState { status: record.order.status }.into()),
        Party::Operator | Party::System => Err(OrderRefusal::NotParty.into()),
    }
}

/// Sends a message to the other party.
pub(super) fn post(desk: &mut Desk<'_>, order_id: OrderId, by: &Side, content: &str) -> Step<Done> {
    let record = meet(desk, order_id)?;
    let (sender_type, sender_id, sender_name) = match check_intent(desk, &record, by, Intent::Message)? {
        Party::Buyer => (SenderType::Client, record.client_wallet.clone(), record.client_wallet.clone()),
        Party::Provider => (SenderType::Agent, format!("ext_{}", record.agent_id.ulid()), record.provider_name.clone()),
        Party::Operator | Party::System => return Err(OrderRefusal::NotParty.into()),
    };
    let form = MessageForm {
        id: MessageId::new(desk.now, desk.entropy),
        order_id,
        sender_type,
        sender_id,
        sender_name,
        content: content.to_owned(),
        created_at: desk.now,
    };
    desk.sql.run(
        WRITE,
        params![
            form.id.to_string(),
            order_id.to_string(),
            form.sender_type.as_str(),
            form.sender_id.as_str(),
            form.sender_name.as_str(),
            form.content.as_str(),
            desk.now.as_ms(),
        ],
    )?;
    desk.record(Action::OrderMessage, &order_id.to_string(), None, &form)?;
    Ok(OrderOutcome::Message(Box::new(form)).into())
}

/// The latest messages, oldest first, or those after one.
pub(super) fn list(desk: &mut Desk<'_>, order_id: OrderId, by: &Side, after: Option<MessageId>, limit: u64) -> Step<Done> {
    let record = meet(desk, order_id)?;
    party_to(desk, &record, by)?;
    let messages = match after {
        Some(after) => {
            let rows = desk.sql.run(LIST_AFTER, params![order_id.to_string(), after.to_string(), limit])?;
            rows.iter().map(read_form).collect::<Result<_, SqlError>>()?
        }
        None => read_latest(desk, order_id, limit)?,
    };
    Ok(shown(OrderOutcome::Messages(messages)))
}

/// The latest messages of an order, oldest first.
pub(super) fn read_latest(desk: &Desk<'_>, order_id: OrderId, limit: u64) -> Step<Vec<MessageForm>> {
    let rows = desk.sql.run(LIST_LATEST, params![order_id.to_string(), limit])?;
    Ok(rows.iter().rev().map(read_form).collect::<Result<_, SqlError>>()?)
}

fn read_form(row: &Row) -> Result<MessageForm, SqlError> {
    let mut column = Columns::of(row);
    Ok(MessageForm {
        id: column.id(MessageId::parse)?,
        order_id: column.id(OrderId::parse)?,
        sender_type: column.name(SenderType::parse)?,
        sender_id: column.text()?,
        sender_name: column.text()?,
        content: column.text()?,
        created_at: column.time()?,
    })
}
