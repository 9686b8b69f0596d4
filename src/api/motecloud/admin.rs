//! Observability, for operators alone: `GET /v2/admin/stats`. The figures are projected, at most a minute behind.

use serde_json::json;

use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::routes;
use crate::store::tenant::read_statistics;

pub static ROUTES: &[Route] = routes! {
    Get "/v2/admin/stats" => show_statistics { name: "adminStats", summary: "Counts over all tenants", access: Admin, class: None, body: None, status: 200 }
};

/// 1. Read the projected counters: 200.
async fn show_statistics(ctx: &Ctx) -> Result<Reply, Fault> {
    let counts = ctx.with_database(async |database| read_statistics(database, ctx.now).await).await?;
    let reply = json!({
        "tenants": counts.tenants, "agents": counts.agents, "open_sessions": counts.open_sessions,
        "observations": counts.observations, "queries_24h": counts.queries_24h,
    });
    Ok(Reply::json(200, &reply)?.no_store())
}
