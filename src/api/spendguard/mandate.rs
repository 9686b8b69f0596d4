//! Mandates: `/v1/mandates` (contract identity-and-money 6).

use serde::Deserialize;

#[cfg(not(target_arch = "wasm32"))]
use crate::domain::form::mandate::MandateForm;
use crate::domain::id::{MandateId, WalletId};
use crate::domain::limit::LimitClass;
use crate::domain::mandate::MandateStatus;
use crate::domain::spend::SpendAction;
use crate::http::code::Code;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::field::{Metadata, Text, Whole};
use crate::http::lookup::{agent_in, id_in};
use crate::http::money::{AnyAmount, Expiry, MerchantName, read_merchants, require_usd};
use crate::http::page::{self, Page};
use crate::http::query::Query;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::{Answer, unexpected};
use crate::objects::tenant::command::Command;
use crate::objects::tenant::money::command::{MandateDraft, MoneyCommand};
use crate::objects::tenant::money::outcome::MoneyOutcome;
use crate::objects::tenant::outcome::Outcome;
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Post "/v1/mandates" => create_mandate {
        name: "createMandate", summary: "Rules under which an agent may spend", access: Management, class: Some(LimitClass::Money), body: Json,
        documented: true, request: MandateRequest, status: 201, response: MandateForm, also: [404, 409],
    }
    Get "/v1/mandates" => list_mandates {
        name: "listMandates", summary: "The tenant's mandates, newest first", access: Management, class: Some(LimitClass::Money), body: None,
        documented: true, status: 200, response: Page<MandateForm>, query: [page::LIMIT, page::CURSOR, Query::agent("agent_id"), Query::one_of("status", STATUSES)], also: [404],
    }
    Get "/v1/mandates/{id}" => show_mandate {
        name: "getMandate", summary: "One mandate, with what is spent under it", access: Management, class: Some(LimitClass::Money), body: None,
        documented: true, status: 200, response: MandateForm,
    }
    Put "/v1/mandates/{id}" => put_mandate {
        name: "replaceMandate", summary: "Replace a mandate's rules, under the version they are based on", access: Management,
        class: Some(LimitClass::Money), body: Json, documented: true, request: MandateChange, status: 200, response: MandateForm, needs: [IfMatch], also: [404, 409, 412, 428],
    }
};

/// What a list can be asked for.
const STATUSES: &[&str] = &["active", "suspended", "revoked", "exhausted", "expired"];

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct MandateRequest {
    agent_id: String,
    currency: Option<Text<1, 16>>,
    name: Option<Text<1, 128>>,
    per_transaction_limit: Option<AnyAmount>,
    daily_limit: Option<AnyAmount>,
    monthly_limit: Option<AnyAmount>,
    total_limit: Option<AnyAmount>,
    allowed_merchants: Option<Vec<MerchantName>>,
    allowed_actions: Option<Vec<SpendAction>>,
    approval_threshold: Option<AnyAmount>,
    expires_at: Option<Expiry>,
    wallet_id: Option<String>,
    metadata: Option<Metadata<16_384>>,
}

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct MandateChange {
    /// Fixed: if it is sent, the one it has.
    agent_id: Option<String>,
    currency: Option<Text<1, 16>>,
    name: Option<Text<1, 128>>,
    per_transaction_limit: Option<AnyAmount>,
    daily_limit: Option<AnyAmount>,
    monthly_limit: Option<AnyAmount>,
    total_limit: Option<AnyAmount>,
    allowed_merchants: Option<Vec<MerchantName>>,
    allowed_actions: Option<Vec<SpendAction>>,
    approval_threshold: Option<AnyAmount>,
    expires_at: Option<Expiry>,
    wallet_id: Option<String>,
    metadata: Option<Metadata<16_384>>,
    status: Option<Settable>,
    /// Instead of `If-Match`.
    version: Option<Whole<1, 9_007_199_254_740_991>>,
}

/// What a mandate may be set to.
#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum Settable {
    Active,
    Suspended,
    Revoked,
}

impl MandateRequest {
    fn into_draft(self, ctx: &Ctx) -> Result<MandateDraft, Fault> {
        require_usd(self.currency.as_ref(), "$")?;
        let limits = [self.per_transaction_limit, self.daily_limit, self.monthly_limit, self.total_limit];
        let [per_transaction, daily, monthly, total] = limits.map(|limit| limit.map(AnyAmount::micros));
        if limits.iter().all(Option::is_none) {
            return Err(Fault::field("$.total_limit", "or another of the four limits must be a number"));
        }
        let mut actions = self.allowed_actions.unwrap_or_default();
        actions.sort_unstable();
        actions.dedup();
        Ok(MandateDraft {
            name: self.name.map(Text::into_string),
            per_transaction,
            daily,
            monthly,
            total,
            merchants: read_merchants(self.allowed_merchants.unwrap_or_default(), "$.allowed_merchants")?,
            actions,
            approval_threshold: self.approval_threshold.map(AnyAmount::micros),
            expires_at: self.expires_at.map(|expiry| expiry.in_future("$.expires_at", ctx.now)).transpose()?,
            wallet_id: self.wallet_id.map(|id| id_in(&id, "$.wallet_id", WalletId::parse)).transpose()?,
            metadata: self.metadata.unwrap_or_default().into_map(),
        })
    }
}

impl MandateChange {
    fn into_request(self) -> MandateRequest {
        MandateRequest {
            agent_id: self.agent_id.unwrap_or_default(),
            currency: self.currency,
            name: self.name,
            per_transaction_limit: self.per_transaction_limit,
            daily_limit: self.daily_limit,
            monthly_limit: self.monthly_limit,
            total_limit: self.total_limit,
            allowed_merchants: self.allowed_merchants,
            allowed_actions: self.allowed_actions,
            approval_threshold: self.approval_threshold,
            expires_at: self.expires_at,
            wallet_id: self.wallet_id,
            metadata: self.metadata,
        }
    }
}

/// The version a change is based on: `If-Match`, else the body's.
fn base_version(ctx: &Ctx, in_body: Option<u64>) -> Result<u64, Fault> {
    match ctx.incoming.header("If-Match") {
        Some(tag) => {
            let digits = tag.trim().trim_start_matches("W/").trim_matches('"');
            let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
            let version = digits.parse().ok().filter(|_| is_number);
            version.ok_or_else(|| Fault::field("If-Match", "must be the ETag of the mandate, such as \"1\""))
        }
        None => in_body.ok_or_else(|| {
            Fault::new(Code::PreconditionRequired, "say which version you read: If-Match with its ETag, or version in the body").in_body()
        }),
    }
}

fn reply(status: u16, answer: &Answer) -> Result<Reply, Fault> {
    let Outcome::Money(MoneyOutcome::Mandate(form)) = &answer.outcome else { return Err(unexpected(&answer.outcome)) };
    Ok(Reply::json(status, form)?.no_store().with_header("ETag", format!("\"{}\"", form.version)))
}

/// 1. The body: 400. 2. Write it down: 404, 409. 3. Answer: 201.
async fn create_mandate(ctx: &Ctx) -> Result<Reply, Fault> {
    let request: MandateRequest = ctx.incoming.body()?;
    let seat = ctx.management_seat().await?;
    let agent_id = agent_in(&request.agent_id, "$.agent_id", &seat)?;
    let draft = request.into_draft(ctx)?;
    let answer = ctx.call_tenant(&seat, Command::Money(MoneyCommand::CreateMandate { agent_id, draft })).await?;
    let location = match &answer.outcome {
        Outcome::Money(MoneyOutcome::Mandate(form)) => format!("/v1/mandates/{}", form.id),
        other => return Err(unexpected(other)),
    };
    Ok(reply(201, &answer)?.with_header("Location", location))
}

/// 1. Page and filters: 400, 404. 2. Read one more than the page holds: 200.
async fn list_mandates(ctx: &Ctx) -> Result<Reply, Fault> {
    let (limit, page) = ctx.page_of(MandateId::parse)?;
    let status = ctx.filter("status", MandateStatus::parse)?;
    let seat = ctx.management_seat().await?;
    let agent_id = ctx.agent_filter("agent_id", &seat)?;
    let answer = ctx.call_tenant(&seat, Command::Money(MoneyCommand::ListMandates { page, agent_id, status })).await?;
    let Outcome::Money(MoneyOutcome::Mandates(forms)) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    Ok(Reply::json(200, &Page::cut(forms, limit, |form| form.id.to_string()))?.no_store())
}

/// 1. The id: 400. 2. Read: 404. 3. Answer: 200.
async fn show_mandate(ctx: &Ctx) -> Result<Reply, Fault> {
    let mandate_id = ctx.path_id(MandateId::parse)?;
    let seat = ctx.management_seat().await?;
    reply(200, &ctx.call_tenant(&seat, Command::Money(MoneyCommand::GetMandate { mandate_id })).await?)
}

/// 1. The id, the body and its version: 400, 428. 2. Replace: 404, 409, 412. 3. Answer: 200.
async fn put_mandate(ctx: &Ctx) -> Result<Reply, Fault> {
    let mandate_id = ctx.path_id(MandateId::parse)?;
    let mut request: MandateChange = ctx.incoming.body()?;
    let version = base_version(ctx, request.version.map(Whole::get))?;
    let seat = ctx.management_seat().await?;
    let agent_id = request.agent_id.as_deref().map(|text| agent_in(text, "$.agent_id", &seat)).transpose()?;
    let status = request.status.take().map(|status| match status {
        Settable::Active => MandateStatus::Active,
        Settable::Suspended => MandateStatus::Suspended,
        Settable::Revoked => MandateStatus::Revoked,
    });
    let draft = request.into_request().into_draft(ctx)?;
    let command = MoneyCommand::PutMandate { mandate_id, version, agent_id, status, draft };
    reply(200, &ctx.call_tenant(&seat, Command::Money(command)).await?)
}
