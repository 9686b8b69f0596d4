//! How a rate limit is told: the headers and the 429 of contract README 8. Counting is the objects' work.

use serde_json::json;

use super::code::Code;
use super::fault::Fault;
use super::root::Root;
use crate::domain::limit::LimitState;
use crate::domain::time::Timestamp;

/// Whole seconds until the window ends, at least 1.
fn wait_s(state: &LimitState, now: Timestamp) -> u64 {
    state.retry_after_ms(now).div_ceil(1000).max(1)
}

/// The headers that tell how a bucket stands: on every reply of `/v1`, and on each 429.
pub fn headers(state: &LimitState, now: Timestamp, root: Root) -> Vec<(&'static str, String)> {
    let (class, window_s) = (state.class.as_str(), state.class.window_s());
    let mut headers = vec![
        ("X-RateLimit-Limit", state.quota.to_string()),
        ("X-RateLimit-Remaining", state.remaining.to_string()),
        ("X-RateLimit-Reset", state.resets_at_ms.as_ms().div_ceil(1000).to_string()),
        ("RateLimit-Policy", format!("\"{class}\";q={};w={window_s}", state.quota)),
        ("RateLimit", format!("\"{class}\";r={};t={}", state.remaining, wait_s(state, now))),
    ];
    if root == Root::V1 {
        headers.push(("X-RateLimit-Policy", format!("{};w={window_s}", state.quota)));
    }
    headers
}

/// The marketplace says it in its own words (contract atelier 1).
const ATELIER: &str = "atelier-";
const ATELIER_DETAIL: &str = "Too many requests. Please try again later.";

/// The 429 of a full bucket.
pub fn fault(state: &LimitState, now: Timestamp, root: Root) -> Fault {
    let (class, scope, window_s) = (state.class.as_str(), state.class.scope().as_str(), state.class.window_s());
    let limit = json!({
        "class": class, "scope": scope, "quota": state.quota, "window_seconds": window_s, "retry_after_ms": state.retry_after_ms(now),
    });
    let detail = if class.starts_with(ATELIER) {
        ATELIER_DETAIL.to_owned()
    } else {
        format!("limit {class} reached: {} requests in {window_s} s for this {scope}; try again in {} s", state.quota, wait_s(state, now))
    };
    let mut fault = Fault::new(Code::RateLimited, detail).with("limit", limit).with_header("Retry-After", wait_s(state, now).to_string());
    fault.headers.extend(headers(state, now, root));
    fault
}
