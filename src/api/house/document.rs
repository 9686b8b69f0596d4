//! The public documents: what an agent or a developer reads before the first call.

use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::routes;

use crate::domain::limit::LimitClass;

pub static ROUTES: &[Route] = routes! {
    Get "/.well-known/jwks.json" => show_jwks { name: "jwks", summary: "The keys our tokens verify against", access: Public, class: Some(LimitClass::Public), body: None, status: 200 }
    Get "/openapi.json" => show_openapi { name: "openapi", summary: "This document", access: Public, class: Some(LimitClass::Public), body: None, status: 200 }
    Get "/llms.txt" => show_llms { name: "llms", summary: "The index for agents", access: Public, class: Some(LimitClass::Public), body: None, status: 200 }
    Get "/skill.md" => show_skill { name: "skill", summary: "The journey, step by step", access: Public, class: Some(LimitClass::Public), body: None, status: 200 }
};

const MARKDOWN: &str = "text/markdown; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";

/// 1. Publish the verification keys: 200, 304.
async fn show_jwks(ctx: &Ctx) -> Result<Reply, Fault> {
    let keys = ctx.keys()?.ring.to_jwks(ctx.now);
    Ok(ctx.publish(Reply::json(200, &keys)?))
}

/// 1. Fill our origin into the document the house test made from the route table: 200, 304.
async fn show_openapi(ctx: &Ctx) -> Result<Reply, Fault> {
    let document = include_str!("openapi.json").replace("{origin}", &ctx.edge.settings.public_origin);
    Ok(ctx.publish(Reply::json_text(200, document)))
}

/// 1. Fill our origin in: 200, 304.
async fn show_llms(ctx: &Ctx) -> Result<Reply, Fault> {
    Ok(ctx.publish(Reply::text(PLAIN, include_str!("llms.txt").replace("{origin}", &ctx.edge.settings.public_origin))))
}

/// 1. Fill our origin in: 200, 304.
async fn show_skill(ctx: &Ctx) -> Result<Reply, Fault> {
    Ok(ctx.publish(Reply::text(MARKDOWN, include_str!("skill.md").replace("{origin}", &ctx.edge.settings.public_origin))))
}
