//! The tenant's brakes: `/v1/tenant/go-no-go` and `/v1/tenant/kill-switch` (contract identity-and-money 12 and 14).

use serde::{Deserialize, Serialize};

use crate::domain::id::TenantUuid;
use crate::domain::limit::LimitClass;
use crate::domain::packet::{ItemStatus, PacketItem, PacketItems};
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::field::{Record, Text};
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::{Answer, unexpected};
use crate::objects::tenant::command::Command;
use crate::objects::tenant::money::command::MoneyCommand;
use crate::objects::tenant::money::outcome::{MoneyOutcome, Packet, Stopped};
use crate::objects::tenant::outcome::Outcome;
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Get "/v1/tenant/go-no-go" => show_packet {
        name: "getGoNoGo", summary: "What must be shown before money is real", access: Management, class: Some(LimitClass::Money), body: None,
        documented: true, status: 200, response: PacketReply,
    }
    Put "/v1/tenant/go-no-go" => put_packet {
        name: "replaceGoNoGo", summary: "Replace the packet; for operators", access: Admin, class: Some(LimitClass::Money), body: Json,
        documented: true, request: PacketBody, status: 200, response: PacketReply,
    }
    Put "/v1/tenant/kill-switch" => set_stop {
        name: "setKillSwitch", summary: "Stop all new spending of the tenant, or let it go on", access: Management, class: Some(LimitClass::Money),
        body: Json, documented: true, request: StopBody, status: 200, response: StopReply,
    }
};

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct PacketBody {
    items: Record<ItemsBody>,
}

/// All seven, no more.
#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct ItemsBody {
    hosted_health: Record<ItemBody>,
    hosted_activation: Record<ItemBody>,
    provider: Record<ItemBody>,
    webhook: Record<ItemBody>,
    reconciliation: Record<ItemBody>,
    support: Record<ItemBody>,
    rollback: Record<ItemBody>,
}

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct ItemBody {
    status: ItemStatus,
    evidence: Option<Text<0, 2048>>,
    note: Option<Text<0, 2048>>,
}

impl From<Record<ItemBody>> for PacketItem {
    fn from(Record(body): Record<ItemBody>) -> Self {
        Self { status: body.status, evidence: body.evidence.map(Text::into_string), note: body.note.map(Text::into_string) }
    }
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct PacketReply {
    tenant_id: String,
    status: PacketStatus,
    items: PacketItems,
    version: u64,
    updated_by: Option<String>,
    updated_at: Option<String>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum PacketStatus {
    Complete,
    Incomplete,
}

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct StopBody {
    on: bool,
    reason: Option<Text<0, 1024>>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct StopReply {
    on: bool,
    reason: Option<String>,
    changed_by: Option<String>,
    changed_at: Option<String>,
}

fn reply_packet(tenant: TenantUuid, answer: Answer) -> Result<Reply, Fault> {
    let Outcome::Money(MoneyOutcome::Packet(packet)) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    let Packet { items, version, updated_by, updated_at } = *packet;
    let status = if items.is_complete() { PacketStatus::Complete } else { PacketStatus::Incomplete };
    let updated_at = updated_at.map(|at| at.to_string());
    Ok(Reply::json(200, &PacketReply { tenant_id: tenant.to_string(), status, items, version, updated_by, updated_at })?.no_store())
}

/// 1. Read: 200.
async fn show_packet(ctx: &Ctx) -> Result<Reply, Fault> {
    let seat = ctx.management_seat().await?;
    reply_packet(seat.tenant, ctx.call_tenant(&seat, Command::Money(MoneyCommand::GetPacket)).await?)
}

/// 1. The body: 400. 2. Replace the packet; operators only: 403. 3. Answer: 200.
async fn put_packet(ctx: &Ctx) -> Result<Reply, Fault> {
    let Record(ItemsBody { hosted_health, hosted_activation, provider, webhook, reconciliation, support, rollback }) =
        ctx.incoming.body::<PacketBody>()?.items;
    let items = PacketItems {
        hosted_health: hosted_health.into(),
        hosted_activation: hosted_activation.into(),
        provider: provider.into(),
        webhook: webhook.into(),
        reconciliation: reconciliation.into(),
        support: support.into(),
        rollback: rollback.into(),
    };
    let seat = ctx.management_seat().await?;
    reply_packet(seat.tenant, ctx.call_tenant(&seat, Command::Money(MoneyCommand::PutPacket { items })).await?)
}

/// 1. The body: 400. 2. Turn the switch; what stands already is left: 200.
async fn set_stop(ctx: &Ctx) -> Result<Reply, Fault> {
    let body: StopBody = ctx.incoming.body()?;
    let seat = ctx.management_seat().await?;
    let command = MoneyCommand::SetStop { on: body.on, reason: body.reason.map(Text::into_string) };
    let answer = ctx.call_tenant(&seat, Command::Money(command)).await?;
    let Outcome::Money(MoneyOutcome::Stop(Stopped { on, reason, changed_by, changed_at })) = answer.outcome else {
        return Err(unexpected(&answer.outcome));
    };
    let changed_at = changed_at.map(|at| at.to_string());
    Ok(Reply::json(200, &StopReply { on, reason, changed_by, changed_at })?.no_store())
}
