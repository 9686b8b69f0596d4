//! Walking a tenant's audit chain: step by step, so that its object is never long away from its other callers.

use super::context::Ctx;
use super::fault::Fault;
use super::tenant::{Seat, unexpected};
use crate::objects::tenant::command::Command;
use crate::objects::tenant::outcome::{AuditVerified, Outcome};

/// Entries one step recomputes: the object does nothing else meanwhile, some 10 ms.
pub const STEP_ENTRIES: u64 = 1_000;
/// Steps of one request: each is a hop, and a platform allows a request a thousand.
const STEPS_MAX: u64 = 200;

impl Ctx {
    /// Recomputes the chain after `after_seq`, which is none of what is to come, up to where it ended when the walk began, a bad entry, or as far as one request
    /// goes: the verdict over all of it.
    pub async fn walk_audit(&self, seat: &Seat, after_seq: u64) -> Result<AuditVerified, Fault> {
        let first = self.call_tenant(seat, Command::VerifyAudit { after_seq, limit: STEP_ENTRIES }).await?;
        let mut verdict = read_walk(first.outcome)?;
        if after_seq > verdict.head_seq {
            return Err(Fault::field("after_seq", &format!("must not be beyond the last entry, {}", verdict.head_seq)));
        }
        let mut steps = 1;
        while verdict.valid && verdict.walked_seq < verdict.head_seq && steps < STEPS_MAX {
            let limit = STEP_ENTRIES.min(verdict.head_seq - verdict.walked_seq);
            let next = self.call_tenant_as_house(seat.tenant, Command::VerifyAudit { after_seq: verdict.walked_seq, limit }).await?;
            let walked = read_walk(next.outcome)?;
            verdict = AuditVerified {
                entries: verdict.entries + walked.entries,
                head_seq: verdict.head_seq,
                head_hash: verdict.head_hash,
                ..walked
            };
            steps += 1;
        }
        Ok(verdict)
    }
}

fn read_walk(outcome: Outcome) -> Result<AuditVerified, Fault> {
    match outcome {
        Outcome::AuditVerified(walked) => Ok(walked),
        other => Err(unexpected(&other)),
    }
}
