//! The movable clock of local development and tests (contract README 12). A deployment without the setting has none.

use serde::{Deserialize, Serialize};

use crate::http::context::Ctx;
use crate::http::due;
use crate::http::fault::Fault;
use crate::http::field::Whole;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::objects::clock;
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Get "/v1/test-clock" => read_clock {
        name: "readTestClock", summary: "The test clock", access: Public, class: None, body: None, status: 200, response: ClockReply,
    }
    Post "/v1/test-clock" => advance_clock {
        name: "advanceTestClock", summary: "Move the test clock ahead and run what has come due", access: Public, class: None, body: Json,
        request: AdvanceRequest, status: 200, response: ClockReply,
    }
};

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct AdvanceRequest {
    advance_seconds: Whole<1, 63_072_000>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct ClockReply {
    now: String,
    offset_seconds: u64,
    /// Objects still due, when there were more than a thousand or one had too much to do: repeat the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<u64>,
}

/// 404 unless this deployment's clock can be moved.
fn require_test_clock(ctx: &Ctx) -> Result<(), Fault> {
    if ctx.edge.settings.test_clock { Ok(()) } else { Err(Fault::not_found()) }
}

/// 1. Only with a test clock: 404. 2. Answer it: 200.
async fn read_clock(ctx: &Ctx) -> Result<Reply, Fault> {
    require_test_clock(ctx)?;
    let offset_ms = clock::advance(&ctx.edge.clocks().map_err(|error| Fault::internal(error.to_string()))?, 0).await?;
    Reply::json(200, &ClockReply { now: crate::edge::now().to_string(), offset_seconds: offset_ms / 1000, pending: None })
}

/// 1. Only with a test clock: 404. 2. The body: 400. 3. Move. 4. Run what has come due. 5. Answer: 200.
async fn advance_clock(ctx: &Ctx) -> Result<Reply, Fault> {
    require_test_clock(ctx)?;
    let request: AdvanceRequest = ctx.incoming.body()?;
    let clocks = ctx.edge.clocks().map_err(|error| Fault::internal(error.to_string()))?;
    let offset_ms = clock::advance(&clocks, request.advance_seconds.get() * 1000).await?;
    let pending = due::run_all(&ctx.edge, crate::edge::now()).await?;
    Reply::json(
        200,
        &ClockReply { now: crate::edge::now().to_string(), offset_seconds: offset_ms / 1000, pending: (pending > 0).then_some(pending) },
    )
}
