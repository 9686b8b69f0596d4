//! What the parties of an order write to each other: `/api/orders/:id/messages` (contract atelier 4).

use serde::Deserialize;

use super::request::Visit;
#[cfg(not(target_arch = "wasm32"))]
use crate::domain::form::order::MessageForm;
use crate::domain::id::MessageId;
use crate::domain::limit::LimitClass;
use crate::domain::market::order::MESSAGE_CHARS;
use crate::http::buyer;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::field::Text;
use crate::http::page;
use crate::http::query::Query;
use crate::http::reply::Reply;
#[cfg(not(target_arch = "wasm32"))]
use crate::http::reply::Success;
use crate::http::route::Route;
use crate::http::tenant::unexpected;
use crate::objects::tenant::order::command::{Intent, OrderCommand};
use crate::objects::tenant::order::outcome::OrderOutcome;
use crate::objects::tenant::outcome::Outcome;
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Get "/api/orders/{id}/messages" => list {
        name: "listMessages", summary: "The latest messages of an order, oldest first", access: Party, class: Some(LimitClass::AtelierOther),
        body: None, documented: true, status: 200, response: Success<Vec<MessageForm>>,
        query: [page::LIMIT, Query::id("after", MessageId::PREFIX), buyer::IN_QUERY[0], buyer::IN_QUERY[1], buyer::IN_QUERY[2]], also: [403, 404],
    }
    Post "/api/orders/{id}/messages" => post {
        name: "postMessage", summary: "Write to the other party", access: Party, class: Some(LimitClass::AtelierMessages), body: Json,
        documented: true, request: MessageBody, status: 200, response: Success<MessageForm>, also: [403, 404],
    }
};

/// Messages a page has when nothing is said.
const PAGE_DEFAULT: u64 = 50;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct MessageBody {
    /// 1 to 2000 characters, without the space around them.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "crate::http::schema::Trimmed<2_000, 4_000>"))]
    content: Text<1, 4_000>,
}

/// 1. The order and its parties: 404, 403. 2. Its messages: 200.
async fn list(ctx: &Ctx) -> Result<Reply, Fault> {
    let visit = Visit::begin(ctx).await?;
    let after = ctx.filter("after", |text| MessageId::parse(text).ok())?;
    let limit = ctx.query_whole(page::LIMIT.name).unwrap_or(PAGE_DEFAULT);
    let command = OrderCommand::ListMessages { order_id: visit.order_id, by: visit.by.clone(), after, limit };
    match visit.ask(ctx, command).await?.outcome {
        Outcome::Order(OrderOutcome::Messages(messages)) => Reply::success(200, &messages),
        other => Err(unexpected(&other)),
    }
}

/// 1. The order, its parties, where it stands: 404, 403, 400. 2. The text: 400. 3. Send it: 200.
async fn post(ctx: &Ctx) -> Result<Reply, Fault> {
    let visit = Visit::begin(ctx).await?;
    let content = match read_content(ctx) {
        Ok(content) => content,
        Err(fault) => return Err(visit.refuse(ctx, Intent::Message, fault).await),
    };
    let command = OrderCommand::PostMessage { order_id: visit.order_id, by: visit.by.clone(), content };
    match visit.ask(ctx, command).await?.outcome {
        Outcome::Order(OrderOutcome::Message(message)) => Reply::success(200, &message),
        other => Err(unexpected(&other)),
    }
}

fn read_content(ctx: &Ctx) -> Result<String, Fault> {
    let body: MessageBody = ctx.incoming.body()?;
    let content = body.content.as_str().trim().to_owned();
    if MESSAGE_CHARS.contains(&content.chars().count()) {
        Ok(content)
    } else {
        Err(Fault::field("$.content", "must have 1 to 2000 characters"))
    }
}
