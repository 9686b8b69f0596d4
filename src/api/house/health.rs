//! Whether the house stands: `GET /healthz` (contract README 1).

use serde_json::json;

use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::routes;
use crate::store;

pub static ROUTES: &[Route] = routes! {
    Get "/healthz" => check_health { name: "health", summary: "Whether the service stands", access: Public, class: None, body: None, status: 200 }
};

/// 1. Ask the book of record. 2. Answer: 200, or 503 with what failed.
async fn check_health(ctx: &Ctx) -> Result<Reply, Fault> {
    let database = match ctx.with_database(async |database| store::tenant::ping(database).await).await {
        Ok(()) => "ok",
        Err(fault) => {
            if let Some(cause) = &fault.cause {
                ctx.note_cause(cause);
            }
            "fail"
        }
    };
    let reply = if database == "ok" {
        Reply::json(200, &json!({"status": "ok", "version": env!("CARGO_PKG_VERSION"), "time": ctx.now.to_string()}))?
    } else {
        Reply::json(503, &json!({"status": "fail", "checks": {"database": database}}))?
    };
    Ok(reply.no_store())
}
