//! The buyer's side of orders: `/api/orders` (contract atelier 4).

use serde::{Deserialize, Serialize};

use super::pay::{Means, pay};
use super::request::{Visit, as_buyer, note, order_of};
use crate::crypto::solana::SolanaAddress;
use crate::domain::form::order::{DeliverableForm, OrderForm, ReviewForm};
use crate::domain::id::{OrderId, PaymentId, ServiceId};
use crate::domain::limit::LimitClass;
use crate::domain::market::settlement::PayMethod;
use crate::domain::market::state::{OrderEvent, OrderStatus, Party, TABLE};
use crate::http::buyer;
use crate::http::code::Code;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::field::{Text, Whole};
use crate::http::lookup::id_in;
use crate::http::order::{Reference, answer_list, check_references};
use crate::http::page;
use crate::http::refusal::service_not_found;
use crate::http::reply::Reply;
#[cfg(not(target_arch = "wasm32"))]
use crate::http::reply::Success;
use crate::http::route::Route;
use crate::http::tenant::unexpected;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::order::command::{Intent, OrderAct, OrderCommand, OrderDraft};
use crate::objects::tenant::order::outcome::OrderOutcome;
use crate::objects::tenant::outcome::Outcome;
use crate::routes;
use crate::store::order::{self as orders, FoundService};

pub static ROUTES: &[Route] = routes! {
    Post "/api/orders" => place {
        name: "placeOrder", summary: "Order a service", access: Buyer, class: Some(LimitClass::AtelierBuy), body: Json,
        documented: true, request: PlaceBody, status: 200, response: Success<OrderForm>, also: [403, 404],
    }
    Get "/api/orders" => list {
        name: "listBuyersOrders", summary: "A wallet's orders, newest first", access: Buyer, class: Some(LimitClass::AtelierOther), body: None,
        documented: true, status: 200, response: Success<Vec<OrderForm>>, query: [page::LIMIT, page::CURSOR, buyer::IN_QUERY[0], buyer::IN_QUERY[1], buyer::IN_QUERY[2]],
    }
    Get "/api/orders/lifecycle" => show_lifecycle {
        name: "getOrderLifecycle", summary: "Every way an order can go", access: Public, class: Some(LimitClass::AtelierOther), body: None,
        documented: true, status: 200, response: Success<Lifecycle>,
    }
    Get "/api/orders/{id}" => show {
        name: "getOrder", summary: "An order, with its review and deliveries", access: Party, class: Some(LimitClass::AtelierOther), body: None,
        documented: true, status: 200, response: Success<OrderReply>, query: [buyer::IN_QUERY[0], buyer::IN_QUERY[1], buyer::IN_QUERY[2]], also: [403, 404],
    }
    Patch "/api/orders/{id}" => patch {
        name: "moveOrder", summary: "Accept, pay, approve, cancel or dispute an order; or start it", access: Party,
        class: Some(LimitClass::AtelierOther), body: Json, documented: true, request: PatchBody, status: 200, response: Success<OrderForm>,
        also: [403, 404, 409, 502, 503, 504],
    }
    Post "/api/orders/{id}/resolve" => resolve {
        name: "resolveDispute", summary: "End a dispute", access: Admin, class: Some(LimitClass::AtelierOther), body: Json, documented: true,
        request: ResolveBody, status: 200, response: Success<OrderForm>, also: [404],
    }
};

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct PlaceBody {
    service_id: Text<1, 64>,
    /// What is wanted.
    brief: Text<10, 1_000>,
    /// The wallet that signs.
    client_wallet: Text<1, 64>,
    #[cfg_attr(not(target_arch = "wasm32"), schemars(length(max = 5)))]
    reference_urls: Option<Vec<Text<1, 2_048>>>,
    /// Files that were uploaded here.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(length(max = 3)))]
    reference_images: Option<Vec<Text<1, 2_048>>>,
}

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct PatchBody {
    action: OrderAction,
    /// Of `request`: what is wanted next.
    brief: Option<Text<10, 1_000>>,
    /// Of `dispute`.
    reason: Option<Text<0, 1_000>>,
    /// Of `pay`.
    payment_method: Option<PayMethod>,
    /// Of `pay`, unless the price is 0: the transaction that paid.
    escrow_tx_hash: Option<Text<1, 128>>,
    /// Of `pay` with the method `payment`, unless the price is 0: the `/v1` payment to the merchant `atelier` that paid, with the order's
    /// id as its `metadata.order_id`.
    payment_id: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum OrderAction {
    Accept,
    Pay,
    Approve,
    Cancel,
    Dispute,
    Request,
    Start,
}

impl OrderAction {
    const fn intent(self) -> Intent {
        Intent::Move(match self {
            Self::Accept => OrderEvent::Accept,
            Self::Pay => OrderEvent::Pay,
            Self::Approve => OrderEvent::Approve,
            Self::Cancel => OrderEvent::Cancel,
            Self::Dispute => OrderEvent::Dispute,
            Self::Start => OrderEvent::Start,
            Self::Request => return Intent::Request,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum DisputeOutcome {
    Release,
    Refund,
    Split,
}

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct ResolveBody {
    outcome: DisputeOutcome,
    /// Of a split: the agent's part.
    provider_percent: Option<Whole<1, 99>>,
    note: Text<1, 1_000>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct OrderReply {
    order: OrderForm,
    review: Option<ReviewForm>,
    deliverables: Vec<DeliverableForm>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct Lifecycle {
    states: &'static [OrderStatus],
    transitions: Vec<TransitionForm>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct TransitionForm {
    from: OrderStatus,
    event: OrderEvent,
    actor: Party,
    to: OrderStatus,
    /// When the clock takes it: seconds after the order came to `from`; of what was paid, after its turnaround; of a
    /// workspace, after its end.
    after_seconds: Option<u64>,
}

/// The body of an order in the buyer's own name. Another's is refused before anything else of the body is looked at.
fn read_own(ctx: &Ctx, wallet: &SolanaAddress) -> Result<PlaceBody, Fault> {
    let read = ctx.incoming.body::<PlaceBody>();
    let named = match &read {
        Ok(body) => Some(body.client_wallet.as_str()),
        Err(_) => ctx.incoming.body_value()?.get("client_wallet").and_then(serde_json::Value::as_str),
    };
    match named {
        Some(named) if named != wallet.as_str() => Err(Fault::new(Code::Forbidden, "client_wallet must be the wallet that signs")),
        _ => read,
    }
}

/// The service that a body names, before anything else in it is looked at.
async fn find_service(ctx: &Ctx) -> Result<Option<FoundService>, Fault> {
    let Some(named) = ctx.incoming.body_value()?.get("service_id").and_then(serde_json::Value::as_str) else { return Ok(None) };
    let service_id = ServiceId::parse(named).map_err(|_| service_not_found())?;
    let found = ctx.with_database(async |database| orders::find_service(database, service_id).await).await?;
    found.map(Some).ok_or_else(service_not_found)
}

fn references(ctx: &Ctx, urls: Option<Vec<Text<1, 2_048>>>, kind: Reference) -> Result<Vec<String>, Fault> {
    let urls: Vec<String> = urls.unwrap_or_default().into_iter().map(Text::into_string).collect();
    check_references(&ctx.edge.settings, &urls, kind).map_err(|(at, rule)| match at {
        None => Fault::field(&format!("$.{}", kind.field()), &rule),
        Some(at) => Fault::field(&format!("$.{}[{at}]", kind.field()), &rule),
    })?;
    Ok(urls)
}

fn read_draft(ctx: &Ctx, wallet: &SolanaAddress) -> Result<OrderDraft, Fault> {
    let body = read_own(ctx, wallet)?;
    Ok(OrderDraft {
        service_id: ServiceId::parse(body.service_id.as_str()).map_err(|_| service_not_found())?,
        wallet: wallet.as_str().to_owned(),
        brief: body.brief.into_string(),
        reference_urls: references(ctx, body.reference_urls, Reference::Url)?,
        reference_images: references(ctx, body.reference_images, Reference::Image)?,
    })
}

/// 1. The service: 404. 2. In one's own name: 403. 3. The fields: 400. 4. The key is this body's, with whichever seller: 422. 5. The
/// order, under the terms of now. 6. Its row, for lists. 7. Answer: 200.
async fn place(ctx: &Ctx) -> Result<Reply, Fault> {
    let wallet = ctx.buyer()?;
    let service = find_service(ctx).await?;
    // One that is removed is not there whatever else is wrong; whether it may still be ordered is its agent's object to say.
    let draft = match read_draft(ctx, &wallet) {
        Err(_) if service.is_some_and(|service| service.is_removed) => return Err(service_not_found()),
        draft => draft?,
    };
    let tenant = service.ok_or_else(service_not_found)?.tenant;
    let command = Command::Order(OrderCommand::Place(Box::new(draft)));
    let claim = ctx.claim_of_buyer(&wallet)?;
    ctx.bind_key_of_wallet(&wallet, claim).await?;
    let order = order_of(ctx.call_tenant_for(tenant, claim, command).await?)?;
    note(ctx, tenant, &order).await;
    Ok(Reply::written(200, order.alone()))
}

/// 1. The wallet's orders. 2. Answer: 200, with what the next page is asked for with.
async fn list(ctx: &Ctx) -> Result<Reply, Fault> {
    let wallet = ctx.buyer()?;
    let (limit, before) = (ctx.page_limit()?, ctx.page_cursor(|id| OrderId::parse(id).ok())?);
    let read = async |database: crate::store::Database<'_>| orders::list_of_client(database, wallet.as_str(), before, limit + 1).await;
    Ok(answer_list(ctx.with_database(read).await?, limit))
}

/// 1. The table the code runs on: 200.
async fn show_lifecycle(_: &Ctx) -> Result<Reply, Fault> {
    let transitions = TABLE
        .iter()
        .map(|row| TransitionForm { from: row.from, event: row.event, actor: row.actor, to: row.to, after_seconds: row.after_seconds() })
        .collect();
    Reply::success(200, &Lifecycle { states: OrderStatus::ALL, transitions })
}

/// 1. The order: 404. 2. One of its parties: 403. 3. Answer: 200.
async fn show(ctx: &Ctx) -> Result<Reply, Fault> {
    let visit = Visit::begin(ctx).await?;
    let command = OrderCommand::Get { order_id: visit.order_id, by: visit.by.clone() };
    match visit.ask(ctx, command).await?.outcome {
        Outcome::Order(OrderOutcome::OrderAndReview { order, review }) => {
            let deliverables = order.deliverables.clone();
            Reply::success(200, &OrderReply { order: *order, review: review.map(|review| *review), deliverables })
        }
        other => Err(unexpected(&other)),
    }
}

/// 1. The order, its party, where it stands: 404, 401, 403, 400. 2. The fields: 400. 3. What pays is this order's: 400,
/// 409, 502, 503, 504. 4. Move it: 400, 409. 5. Answer: 200.
async fn patch(ctx: &Ctx) -> Result<Reply, Fault> {
    let visit = Visit::begin(ctx).await?;
    let action = ctx.incoming.body_value().ok().and_then(|body| OrderAction::deserialize(body.get("action")?).ok());
    let as_party = |fault: Fault| if action == Some(OrderAction::Start) { fault } else { as_buyer(fault) };
    let act = match read_act(ctx) {
        Ok(Asked::Act(act)) => act,
        Ok(Asked::Pay(means)) => pay(ctx, &visit, means).await.map_err(as_party)?,
        Err(fault) => {
            let intent = action.map_or(Intent::Look, OrderAction::intent);
            return Err(as_party(visit.refuse(ctx, intent, fault).await));
        }
    };
    Ok(Reply::written(200, visit.act(ctx, act).await.map_err(as_party)?.alone()))
}

/// What a body asks for.
enum Asked {
    Act(OrderAct),
    /// Something has to have paid first.
    Pay(Means),
}

fn read_act(ctx: &Ctx) -> Result<Asked, Fault> {
    let body: PatchBody = ctx.incoming.body()?;
    let payment_id = body.payment_id.map(|id| id_in(&id, "$.payment_id", PaymentId::parse)).transpose()?;
    Ok(Asked::Act(match body.action {
        OrderAction::Accept => OrderAct::Accept,
        OrderAction::Approve => OrderAct::Approve,
        OrderAction::Cancel => OrderAct::Cancel,
        OrderAction::Start => OrderAct::Start,
        OrderAction::Dispute => OrderAct::Dispute { reason: body.reason.map(Text::into_string) },
        OrderAction::Request => {
            OrderAct::Request { brief: body.brief.ok_or_else(|| Fault::field("$.brief", "is required"))?.into_string() }
        }
        OrderAction::Pay => {
            return Ok(Asked::Pay(match body.payment_method {
                Some(PayMethod::Payment) => Means::Payment(payment_id),
                Some(PayMethod::UsdcSol) | None => Means::Transaction(body.escrow_tx_hash.map(Text::into_string)),
            }));
        }
    }))
}

/// 1. The order: 404. 2. The body: 400. 3. End the dispute: 400. 4. Answer: 200.
async fn resolve(ctx: &Ctx) -> Result<Reply, Fault> {
    let visit = Visit::begin(ctx).await?;
    let body: ResolveBody = match ctx.incoming.body() {
        Ok(body) => body,
        Err(fault) => return Err(visit.refuse(ctx, Intent::Move(OrderEvent::Release), fault).await),
    };
    let provider_percent = match (body.outcome, body.provider_percent) {
        (DisputeOutcome::Release, _) => 100,
        (DisputeOutcome::Refund, _) => 0,
        (DisputeOutcome::Split, Some(percent)) => percent.get(),
        (DisputeOutcome::Split, None) => {
            let fault = Fault::field("$.provider_percent", "is required for a split");
            return Err(visit.refuse(ctx, Intent::Move(OrderEvent::Release), fault).await);
        }
    };
    let act = OrderAct::Resolve { provider_percent, note: body.note.into_string() };
    Ok(Reply::written(200, visit.act(ctx, act).await?.alone()))
}
