//! The route that panics on purpose, so that a test can ask again. Only the feature `panic-route` compiles it in.

use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Post "/v1/test-panic" => panic_on_purpose { name: "panicOnPurpose", summary: "Panic, to show what it costs", access: Public, class: None, body: None, status: 200 }
};

/// 1. Panic: the instance ends, and with it every request in flight in it.
#[allow(clippy::panic, reason = "the panic is what this route is for")]
async fn panic_on_purpose(_ctx: &Ctx) -> Result<Reply, Fault> {
    panic!("a panic on purpose")
}
