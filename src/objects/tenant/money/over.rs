//! Agents whose time is over though nobody has ended them yet (contract README 12).
//!
//! Invariant: a command never meets money of such an agent: those whose money it is about are ended first, however many
//! others are still to be. The alarm ends the rest.

use std::collections::BTreeSet;

use super::super::desk::{Desk, Step};
use super::super::identity::record;
use super::column::Columns;
use super::command::{LeaseSource, MoneyCommand, SpendRequest};
use crate::domain::id::AgentId;
use crate::domain::time::Timestamp;
use crate::objects::sql::{Sql, SqlError};
use crate::{params, statements};

statements! {
    /// Of what an id names, all it is spent from: its mandate, and its lease with those that was lent from. Ids of different
    /// kinds differ, so one is looked for everywhere.
    LIST = "WITH RECURSIVE met (mandate_id, lease_id) AS (
            SELECT id, NULL FROM mandate WHERE id = +?1
            UNION ALL SELECT mandate_id, id FROM lease WHERE id = +?1
            UNION ALL SELECT mandate_id, lease_id FROM reservation WHERE id = +?1
            UNION ALL SELECT mandate_id, lease_id FROM payment WHERE id = +?1
            UNION ALL SELECT r.mandate_id, r.lease_id FROM approval p JOIN reservation r ON r.id = p.reservation_id WHERE p.id = +?1
            UNION ALL SELECT met.mandate_id, l.parent_id FROM met JOIN lease l ON l.id = met.lease_id
        ) SELECT id FROM agent WHERE +expires_at_ms <= +?2 AND status <> 'revoked' AND id IN (
            SELECT m.agent_id FROM met JOIN mandate m ON m.id = met.mandate_id
            UNION SELECT l.child_agent_id FROM met JOIN lease l ON l.id = met.lease_id
            UNION SELECT l.parent_agent_id FROM met JOIN lease l ON l.id = met.lease_id)";
}

/// Those whose time is over and who had to do with the money of that mandate, lease, hold, payment or approval.
pub(in super::super) fn list(sql: &dyn Sql, now: Timestamp, id: &str) -> Result<Vec<AgentId>, SqlError> {
    sql.run(LIST, params![id, now.as_ms()])?.iter().map(|row| Columns::of(row).id(AgentId::parse)).collect()
}

/// Ends those whose money the command is about.
pub(super) fn end_met(desk: &mut Desk<'_>, command: &MoneyCommand) -> Step<()> {
    for id in command.names() {
        for agent_id in list(desk.sql, desk.now, &id)? {
            record::meet(desk, agent_id)?;
            // What an end gives back may go to the mandate that was read with the caller.
            desk.token_mandate.take();
        }
    }
    Ok(())
}

fn names_of(requests: &[SpendRequest]) -> BTreeSet<String> {
    let names = |request: &SpendRequest| [Some(request.mandate_id.to_string()), request.lease_id.map(|id| id.to_string())];
    requests.iter().flat_map(names).flatten().collect()
}

impl MoneyCommand {
    /// What it names of mandates, leases, holds, payments and approvals. A list names none.
    fn names(&self) -> BTreeSet<String> {
        let one = |id: String| BTreeSet::from([id]);
        match self {
            Self::PutMandate { mandate_id, .. } | Self::GetMandate { mandate_id } => one(mandate_id.to_string()),
            Self::GrantToken(terms) => {
                [Some(terms.mandate_id.to_string()), terms.lease_id.map(|id| id.to_string())].into_iter().flatten().collect()
            }
            Self::Authorize(request) | Self::Reserve(request) => names_of(std::slice::from_ref(request)),
            Self::ReserveBatch { items, .. } => names_of(items),
            Self::Capture { reservation_id, .. }
            | Self::ReleaseReservation { reservation_id, .. }
            | Self::GetReservation { reservation_id } => one(reservation_id.to_string()),
            Self::GetPayment { payment_id } => one(payment_id.to_string()),
            Self::GrantLease(request) => one(match request.source {
                LeaseSource::Mandate(id) => id.to_string(),
                LeaseSource::Lease(id) => id.to_string(),
            }),
            Self::ReleaseLease { lease_id } | Self::RevokeLease { lease_id } | Self::GetLease { lease_id } => one(lease_id.to_string()),
            Self::GetApproval { approval_id } | Self::Decide { approval_id, .. } => one(approval_id.to_string()),
            // A token was refused before if there was something to end.
            Self::Pay(_)
            | Self::CreateMandate { .. }
            | Self::ListMandates { .. }
            | Self::ListReservations { .. }
            | Self::ListPayments { .. }
            | Self::ListLeases { .. }
            | Self::ListApprovals { .. }
            | Self::SummarizeUsage { .. }
            | Self::GetPacket
            | Self::PutPacket { .. }
            | Self::SetStop { .. } => BTreeSet::new(),
        }
    }
}
