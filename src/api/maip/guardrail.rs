//! Guardrails: `/v1/guardrails/check` (contract identity-and-money 3 and 14).

use serde::{Deserialize, Serialize};

use super::{proof_of, unexpected_proof};
use crate::domain::guardrail::{Rule, Severity, is_allowed};
use crate::domain::limit::LimitClass;
use crate::domain::scope::Scope;
#[cfg(not(target_arch = "wasm32"))]
use crate::domain::scope::{action_pattern, part_pattern};
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::field::{Metadata, Text};
use crate::http::lookup::agent_in;
use crate::http::reply::Reply;
use crate::http::route::Route;
#[cfg(not(target_arch = "wasm32"))]
use crate::http::rule::{either, like};
use crate::objects::tenant::command::Command;
use crate::objects::tenant::proof::command::ProofCommand;
use crate::objects::tenant::proof::outcome::ProofOutcome;
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Post "/v1/guardrails/check" => check {
        name: "checkGuardrails", summary: "What stands against an action of an agent", access: SessionOrManagement,
        class: Some(LimitClass::Identity), body: Json, documented: true, request: CheckRequest, status: 200, response: CheckReply, also: [404],
    }
};

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_arch = "wasm32"), schemars(transform = needs_one_action()))]
struct CheckRequest {
    agent_id: String,
    /// `resource:action`, or an action alone, which then needs `resource_id`.
    action: Text<1, 256>,
    resource_id: Option<Text<1, 256>>,
    /// For the caller's own records; nothing is judged by it.
    #[allow(dead_code)]
    context: Option<Metadata<16_384>>,
}

/// What the schema of a [`CheckRequest`] says beside its members.
#[cfg(not(target_arch = "wasm32"))]
fn needs_one_action() -> impl FnMut(&mut schemars::Schema) {
    let part = part_pattern();
    either([vec![like("action", &action_pattern())], vec![like("action", &part), like("resource_id", &part)]])
}

impl CheckRequest {
    /// The scope the action needs.
    fn needed(&self) -> Result<Scope, Fault> {
        let (path, text) = match (self.action.as_str(), &self.resource_id) {
            (action, _) if action.contains(':') => ("$.action", action.to_owned()),
            (action, Some(resource)) => ("$.resource_id", format!("{}:{action}", resource.as_str())),
            (_, None) => return Err(Fault::field("$.resource_id", "is needed, or an action such as data:read")),
        };
        let scope = Scope::parse(&text).ok().filter(Scope::is_one_action);
        scope.ok_or_else(|| Fault::field(path, "must name one action, such as data:read, without ! or *"))
    }
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct CheckReply {
    /// Whether no violation is an error or critical.
    allowed: bool,
    violations: Vec<Violation>,
    checked_at: String,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct Violation {
    rule: Rule,
    severity: Severity,
    message: &'static str,
}

impl From<&Rule> for Violation {
    fn from(rule: &Rule) -> Self {
        Self { rule: *rule, severity: rule.severity(), message: rule.message() }
    }
}

/// 1. The body: 400, 404. 2. Judge; a session asks for its own agent only: 404. 3. Answer: 200.
async fn check(ctx: &Ctx) -> Result<Reply, Fault> {
    let body: CheckRequest = ctx.incoming.body()?;
    let action = body.needed()?;
    let seat = ctx.agent_seat().await?;
    let agent_id = agent_in(&body.agent_id, "$.agent_id", &seat)?;
    let answer = ctx.call_tenant(&seat, Command::Proof(ProofCommand::CheckGuardrails { agent_id, action })).await?;
    match proof_of(answer.outcome)? {
        ProofOutcome::Checked { violated, at } => {
            let violations = violated.iter().map(Violation::from).collect();
            let reply = CheckReply { allowed: is_allowed(&violated), violations, checked_at: at.to_string() };
            Ok(Reply::json(200, &reply)?.no_store())
        }
        other => Err(unexpected_proof(other)),
    }
}
