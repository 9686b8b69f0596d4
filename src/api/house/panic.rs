//! The route that panics on purpose, so that a test can ask again. Only the feature `panic-route` compiles it in.

use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::objects::gate::Command;
use crate::routes;
use crate::store::tenant;

pub static ROUTES: &[Route] = routes! {
    Post "/v1/test-panic" => panic_on_purpose { name: "panicOnPurpose", summary: "Panic, to show what it costs", access: Public, class: None, body: None, status: 200 }
};

/// 1. Wait for what `?after=` names, an `object` or the `database`, for who is woken may fall over too. 2. Panic: the
/// instance ends, and with it every request in flight in it.
#[allow(clippy::panic, reason = "the panic is what this route is for")]
async fn panic_on_purpose(ctx: &Ctx) -> Result<Reply, Fault> {
    match ctx.incoming.query_value("after") {
        Some("object") => drop(ctx.call_gate("panic", Command::ListTenants).await?),
        Some("database") => ctx.with_database(async |database| tenant::ping(database).await).await?,
        _ => {}
    }
    panic!("a panic on purpose")
}
