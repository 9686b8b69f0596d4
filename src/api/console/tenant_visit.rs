//! A page about one tenant: who looks, and the tenant as its object tells it.

use maud::Markup;

use super::tenant_data::{find_agent_label, load_overview, name_actor};
use super::view::layout::Frame;
use super::view::notice::Notice;
use super::visit::{Visit, redirect_with, signed_in};
use crate::domain::agent::AgentStatus;
use crate::domain::id::AgentId;
use crate::domain::idempotency::Claim;
use crate::http::code::Code;
use crate::http::context::Ctx;
use crate::http::credential::Human;
use crate::http::fault::Fault;
use crate::http::reply::Reply;
use crate::http::tenant::{Seat, unexpected};
use crate::objects::tenant::command::Command;
use crate::objects::tenant::money::command::MoneyCommand;
use crate::objects::tenant::money::outcome::MoneyOutcome;
use crate::objects::tenant::outcome::{Outcome, Overview};

use super::posted::write_sentence;
use super::view::key::AgentOption;

/// A page view, and what its tenant looks like.
pub struct TenantVisit {
    visit: Visit,
    pub overview: Overview,
    /// The slug.
    pub tenant: String,
    pub seat: Seat,
    viewer: String,
}

impl TenantVisit {
    /// Of a signed-in human, at the tenant named, else at their first: 404 if they are no member.
    pub async fn of(ctx: &Ctx, human: &Human, tenant: Option<&str>) -> Result<Self, Fault> {
        let mut visit = Visit::of(ctx, human, tenant).await?;
        let tenant = visit.tenant()?.slug.to_string();
        let seat = ctx.member_seat(&tenant).await?;
        let overview = load_overview(ctx, &tenant).await?;
        if let Some(viewer) = visit.frame.viewer.as_mut() {
            viewer.approvals_waiting = overview.approvals_waiting;
            viewer.is_stopped = overview.stop.on;
        }
        Ok(Self { visit, overview, tenant, seat, viewer: human.user_id.to_string() })
    }

    /// Of whoever is signed in, at the tenant the address names.
    pub async fn of_page(ctx: &Ctx) -> Result<Self, Fault> {
        Self::of(ctx, &signed_in(ctx)?, ctx.incoming.query_value("tenant")).await
    }

    pub const fn frame(&self) -> &Frame {
        &self.visit.frame
    }

    /// The page.
    pub fn answer(self, status: u16, page: Markup) -> Reply {
        self.visit.answer(status, page)
    }

    /// Asks the tenant's object about its money.
    pub async fn ask(&self, ctx: &Ctx, command: MoneyCommand) -> Result<MoneyOutcome, Fault> {
        ask_money(ctx, &self.seat, command).await
    }

    /// What an agent is called; its id when it is not among those shown.
    pub fn name_agent(&self, agent_id: AgentId) -> String {
        find_agent_label(&self.overview, agent_id).unwrap_or_else(|| agent_id.to_string())
    }

    /// Whose doing something was; none when the house did it by itself.
    pub fn name_actor(&self, actor: &str) -> Option<String> {
        name_actor(&self.overview, actor, &self.viewer)
    }

    /// The agents something can be given to.
    pub fn active_agents(&self) -> Vec<AgentOption> {
        let active = self.overview.agents.iter().filter(|agent| agent.status == AgentStatus::Active);
        active.map(|agent| AgentOption { agent_id: agent.agent_id.to_string(), label: agent.label.clone() }).collect()
    }
}

/// Asks a tenant's object about its money.
pub async fn ask_money(ctx: &Ctx, seat: &Seat, command: MoneyCommand) -> Result<MoneyOutcome, Fault> {
    match ctx.call_tenant(seat, Command::Money(command)).await?.outcome {
        Outcome::Money(outcome) => Ok(outcome),
        other => Err(unexpected(&other)),
    }
}

/// The same under the claim of a form.
pub async fn ask_money_once(ctx: &Ctx, seat: &Seat, claim: Claim, command: MoneyCommand) -> Result<MoneyOutcome, Fault> {
    match ask_once(ctx, seat, claim, Command::Money(command)).await? {
        Outcome::Money(outcome) => Ok(outcome),
        other => Err(unexpected(&other)),
    }
}

/// Asks a tenant's object under the claim of a form: what it did already it answers again.
pub async fn ask_once(ctx: &Ctx, seat: &Seat, claim: Claim, command: Command) -> Result<Outcome, Fault> {
    let answer = ctx.call_tenant_under(seat, claim, command).await.map_err(refuse_other_form)?;
    Ok(answer.outcome)
}

/// That a form came with other values than before, in words for who sent it.
pub fn refuse_other_form(fault: Fault) -> Fault {
    match fault.code {
        Code::IdempotencyConflict => {
            Fault::new(fault.code, "this form was sent before with other values; see what came of it, then send it again")
        }
        _ => fault,
    }
}

/// An answer of another kind than was asked for.
pub fn misanswered(outcome: MoneyOutcome) -> Fault {
    unexpected(&Outcome::Money(outcome))
}

/// Goes on to `location`, which says what was done, or why it was not where that is something to read there.
pub fn finish(ctx: &Ctx, human: &Human, location: &str, result: Result<String, Fault>) -> Result<Reply, Fault> {
    let notice = match result {
        Ok(text) => Notice::Done(text),
        Err(fault) if fault.code == Code::TenantStopped => {
            Notice::Trouble("All spending is stopped: resume it under Wallets first.".to_owned())
        }
        Err(fault) if fault.code != Code::CsrfInvalid && matches!(fault.code.status(), 400 | 402 | 403 | 409 | 412 | 422) => {
            Notice::Trouble(write_sentence(&fault.detail))
        }
        Err(fault) => return Err(fault),
    };
    redirect_with(ctx, human.session_hash.as_deref().unwrap_or_default(), location, notice)
}
