//! What buyers think: `/api/orders/:id/review` (contract atelier 4).

use serde::Deserialize;

use super::request::Visit;
#[cfg(not(target_arch = "wasm32"))]
use crate::domain::form::order::ReviewForm;
use crate::domain::limit::LimitClass;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::field::{Text, Whole};
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
    Post "/api/orders/{id}/review" => review {
        name: "reviewOrder", summary: "Rate a completed order, once", access: Buyer, class: Some(LimitClass::AtelierReview), body: Json,
        documented: true, request: ReviewBody, status: 200, response: Success<ReviewForm>, also: [403, 404, 409],
    }
};

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct ReviewBody {
    rating: Whole<1, 5>,
    comment: Option<Text<0, 500>>,
}

/// 1. The order, its buyer, where it stands, no review yet: 404, 403, 400, 409. 2. The body: 400. 3. Keep it: 200.
async fn review(ctx: &Ctx) -> Result<Reply, Fault> {
    let visit = Visit::begin(ctx).await?;
    let body: ReviewBody = match ctx.incoming.body() {
        Ok(body) => body,
        Err(fault) => return Err(visit.refuse(ctx, Intent::Review, fault).await),
    };
    let (order_id, by) = (visit.order_id, visit.by.clone());
    let command = OrderCommand::Review { order_id, by, rating: body.rating.get(), comment: body.comment.map(Text::into_string) };
    match visit.ask(ctx, command).await?.outcome {
        Outcome::Order(OrderOutcome::Review(form)) => Reply::success(200, &form),
        other => Err(unexpected(&other)),
    }
}
