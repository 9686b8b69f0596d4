//! The tenant's brakes: the kill switch and the go/no-go packet (contract identity-and-money 12 and 14).

use super::super::desk::{Desk, Done, Keep, Step};
use super::super::refusal::Refusal;
use super::column::Columns;
use super::outcome::{MoneyOutcome, Packet, Stopped};
use super::refusal::MoneyRefusal;
use crate::domain::event::Action;
use crate::domain::packet::PacketItems;
use crate::objects::sql::SqlError;
use crate::{params, statements};

statements! {
    READ_PACKET = "SELECT packet, packet_version, packet_updated_by, packet_updated_at_ms FROM control";
    WRITE_PACKET = "UPDATE control SET packet = ?1, packet_is_complete = ?2, packet_version = packet_version + 1,
        packet_updated_by = ?3, packet_updated_at_ms = ?4";
    IS_COMPLETE = "SELECT packet_is_complete FROM control";
    READ_STOP = "SELECT stopped, stop_reason, stop_changed_by, stop_changed_at_ms FROM control";
    /// The kill switch, and how many questions wait for a human: those that have run out wait no longer.
    READ_STANDING = "SELECT stopped, stop_reason, stop_changed_by, stop_changed_at_ms,
            (SELECT count(*) FROM approval WHERE status = 'pending' AND expires_at_ms > ?1)
        FROM control";
    WRITE_STOP = "UPDATE control SET stopped = ?1, stop_reason = ?2, stop_changed_by = ?3, stop_changed_at_ms = ?4";
}

/// Refuses while the kill switch is on. It was read with the caller.
pub(in super::super) fn check_running(desk: &Desk<'_>) -> Step<()> {
    if desk.caller.is_stopped { Err(MoneyRefusal::TenantStopped.into()) } else { Ok(()) }
}

/// Refuses live money before the packet is complete.
pub(in super::super) fn check_packet(desk: &Desk<'_>) -> Step<()> {
    let row = desk.sql.first(IS_COMPLETE, &[])?.ok_or(SqlError::Shape("no brakes"))?;
    if row.unsigned(0)? == 1 { Ok(()) } else { Err(Refusal::GoNoGoIncomplete.into()) }
}

/// The packet as it stands.
pub(super) fn get_packet(desk: &Desk<'_>) -> Step<Done> {
    let row = desk.sql.first(READ_PACKET, &[])?.ok_or(SqlError::Shape("no brakes"))?;
    let text = row.text(0)?;
    let items = if text == "{}" { PacketItems::default() } else { serde_json::from_str(text)? };
    let mut column = Columns::of(&row);
    column.text()?;
    let packet = Packet { items, version: column.number()?, updated_by: column.text_or_null()?, updated_at: column.time_or_null()? };
    Ok(Done { outcome: MoneyOutcome::Packet(Box::new(packet)).into_outcome(), keep: Keep::Nothing })
}

/// Replaces the packet.
pub(super) fn put_packet(desk: &mut Desk<'_>, items: &PacketItems) -> Step<Done> {
    let by = desk.actor.clone();
    desk.sql.run(WRITE_PACKET, params![serde_json::to_string(items)?, items.is_complete(), by, desk.now.as_ms()])?;
    let tenant = desk.caller.tenant_uuid.to_string();
    desk.record(Action::PacketUpdated, &tenant, None, &serde_json::json!({ "is_complete": items.is_complete() }))?;
    Ok(get_packet(desk)?.outcome.into())
}

/// Turns the kill switch; a repeat of what stands changes nothing.
pub(super) fn set_stop(desk: &mut Desk<'_>, on: bool, reason: Option<&str>) -> Step<Done> {
    if desk.caller.is_stopped != on {
        let by = desk.actor.clone();
        desk.sql.run(WRITE_STOP, params![on, reason, by, desk.now.as_ms()])?;
        let tenant = desk.caller.tenant_uuid.to_string();
        let action = if on { Action::TenantStopped } else { Action::TenantResumed };
        desk.record(action, &tenant, None, &serde_json::json!({ "on": on, "reason": reason }))?;
    }
    let row = desk.sql.first(READ_STOP, &[])?.ok_or(SqlError::Shape("no brakes"))?;
    Ok(MoneyOutcome::Stop(read_stop(&mut Columns::of(&row))?).into())
}

/// The kill switch, and how many approvals wait.
pub(in super::super) fn read_standing(desk: &Desk<'_>) -> Step<(Stopped, u64)> {
    let row = desk.sql.first(READ_STANDING, params![desk.now.as_ms()])?.ok_or(SqlError::Shape("no brakes"))?;
    let mut column = Columns::of(&row);
    Ok((read_stop(&mut column)?, column.number()?))
}

fn read_stop(column: &mut Columns<'_>) -> Result<Stopped, SqlError> {
    Ok(Stopped {
        on: column.number()? == 1,
        reason: column.text_or_null()?,
        changed_by: column.text_or_null()?,
        changed_at: column.time_or_null()?,
    })
}
