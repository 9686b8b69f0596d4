//! What buyers think of what was completed.

use super::super::desk::{Desk, Done, Step};
use super::super::money::column::Columns;
use super::act::{check as check_intent, meet};
use super::command::{Intent, Side};
use super::outcome::OrderOutcome;
use super::record::Record;
use super::refusal::OrderRefusal;
use crate::domain::event::Action;
use crate::domain::form::order::ReviewForm;
use crate::domain::id::{OrderId, ReviewId, ServiceId};
use crate::domain::market::state::{OrderStatus, Party};
use crate::objects::sql::{Row, SqlError};
use crate::{params, statements};

statements! {
    READ = "SELECT id, order_id, service_id, reviewer_name, rating, comment, created_at_ms FROM market_review WHERE order_id = ?1";
    WRITE = "INSERT INTO market_review (order_id, id, agent_id, service_id, reviewer_name, rating, comment, created_at_ms)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    COUNT_OF_SERVICE = "UPDATE market_service SET ratings = ratings + 1, rating_sum = rating_sum + ?2 WHERE id = ?1";
    COUNT_OF_AGENT = "UPDATE market_profile SET ratings = ratings + 1, rating_sum = rating_sum + ?2 WHERE agent_id = ?1";
}

/// Whether that party can rate it now.
pub(super) fn check(desk: &Desk<'_>, record: &Record, party: Party) -> Step<()> {
    if party != Party::Buyer {
        return Err(OrderRefusal::NotParty.into());
    }
    if record.order.status != OrderStatus::Completed {
        return Err(OrderRefusal::InvalidState { status: record.order.status }.into());
    }
    if find(desk, record.id)?.is_some() {
        return Err(OrderRefusal::AlreadyReviewed.into());
    }
    Ok(())
}

/// Rates a completed order, once.
pub(super) fn write(desk: &mut Desk<'_>, order_id: OrderId, by: &Side, rating: u64, comment: Option<&str>) -> Step<Done> {
    let record = meet(desk, order_id)?;
    check_intent(desk, &record, by, Intent::Review)?;
    let form = ReviewForm {
        id: ReviewId::new(desk.now, desk.entropy),
        order_id,
        service_id: record.service_id,
        reviewer_name: record.client_wallet.clone(),
        rating,
        comment: comment.map(str::to_owned),
        created_at: desk.now,
    };
    desk.sql.run(
        WRITE,
        params![
            order_id.to_string(),
            form.id.to_string(),
            record.agent_id.to_string(),
            form.service_id.to_string(),
            form.reviewer_name.as_str(),
            rating,
            comment,
            desk.now.as_ms(),
        ],
    )?;
    desk.sql.run(COUNT_OF_SERVICE, params![record.service_id.to_string(), rating])?;
    desk.sql.run(COUNT_OF_AGENT, params![record.agent_id.to_string(), rating])?;
    desk.actor = format!("wallet:{}", record.client_wallet);
    desk.record(Action::OrderReviewed, &order_id.to_string(), None, &form)?;
    Ok(OrderOutcome::Review(Box::new(form)).into())
}

/// The review of an order.
pub(super) fn find(desk: &Desk<'_>, order_id: OrderId) -> Step<Option<ReviewForm>> {
    Ok(desk.sql.first(READ, params![order_id.to_string()])?.map(|row| read_form(&row)).transpose()?)
}

fn read_form(row: &Row) -> Result<ReviewForm, SqlError> {
    let mut column = Columns::of(row);
    Ok(ReviewForm {
        id: column.id(ReviewId::parse)?,
        order_id: column.id(OrderId::parse)?,
        service_id: column.id(ServiceId::parse)?,
        reviewer_name: column.text()?,
        rating: column.number()?,
        comment: column.text_or_null()?,
        created_at: column.time()?,
    })
}
