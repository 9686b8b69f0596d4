//! Asking a rail to launch a token (contract atelier 6): `POST <LAUNCH_BASE_URL>` with `{agent_id,name,symbol,image_url,
//! creator_fee_share}`, a bearer key and an `Idempotency-Key` that is the agent's own, for ever. A rail answers 2xx with
//! `{mint,tx_signature}`.
//!
//! Invariant: an agent has one token. Whether a rail that fell silent has launched it is not known; so it is asked again under
//! the same key, and under one key it launches once. It answers a key it knows with what it launched then, and where that
//! had another name, symbol or image it says so in `{name,symbol,image_url}`.

use serde::Deserialize;
use serde_json::json;

use super::code::Code;
use super::fault::Fault;
use super::field::Text;
use crate::domain::form::profile::TokenForm;
use crate::domain::id::AgentId;
use crate::domain::market::launch::{CREATOR_FEE_SHARE, Launch};
use crate::edge::post::{Post, PostError, Posted};
use crate::edge::{OutsideRail, Rail, platform_ms};

/// A rail may take so long (contract README 5).
const TIME_LIMIT_MS: u32 = 20_000;
/// The launch is held so long: while the rail is asked and its answer is kept.
pub const LEASE_MS: u64 = 3 * TIME_LIMIT_MS as u64;
const ANSWER_BYTES_MAX: u32 = 65_536;

/// What a rail has launched.
#[derive(Deserialize)]
struct Launched {
    mint: Text<1, 128>,
    tx_signature: Text<1, 256>,
    name: Option<Text<1, 128>>,
    symbol: Option<Text<1, 128>>,
    image_url: Option<Text<1, 2_048>>,
}

/// The rail of this deployment.
///
/// # Errors
/// 503 when what it needs is not set.
pub fn rail_of(env: &worker::Env) -> Result<Rail, Fault> {
    Rail::of(env, "LAUNCH").map_err(|setting| {
        Fault::new(Code::UpstreamNotConfigured, "tokens are launched over a rail that is not configured").with("upstream", setting)
    })
}

/// Has the rail launch an agent's token, or tell of the one it has launched.
///
/// # Errors
/// 502 when it fails, 504 when it is silent.
pub async fn ask(rail: &OutsideRail, agent_id: AgentId, mut launch: Launch) -> Result<TokenForm, Fault> {
    let agent = format!("ext_{}", agent_id.ulid());
    let body = json!({
        "agent_id": agent, "name": launch.name, "symbol": launch.symbol, "image_url": launch.image_url,
        "creator_fee_share": CREATOR_FEE_SHARE,
    });
    let head = format!(
        "content-type\napplication/json\nauthorization\nBearer {}\nidempotency-key\nlaunch-{agent}\nuser-agent\nGuildhall/1\n",
        rail.secret_key
    );
    let began_ms = platform_ms();
    let post = Post { url: &rail.base_url, head: &head, body: &body.to_string(), limit_ms: TIME_LIMIT_MS, bytes_max: ANSWER_BYTES_MAX };
    let text = match post.send().await {
        Ok(Posted { status: 200..=299, text, .. }) => text,
        Ok(Posted { status, .. }) => return Err(failed(&format!("the rail answered {status}"))),
        Err(PostError::Silent) => return Err(silent()),
        Err(PostError::Broken) => return Err(failed("the connection failed")),
    };
    let launched: Launched = match serde_json::from_str(&text) {
        Ok(launched) => launched,
        // A body that was not there in time is cut.
        Err(_) if platform_ms().saturating_sub(began_ms) >= u64::from(TIME_LIMIT_MS) => return Err(silent()),
        Err(error) => return Err(failed(&format!("the rail's answer does not read: {error}"))),
    };
    launch.name = launched.name.map_or(launch.name, Text::into_string);
    launch.symbol = launched.symbol.map_or(launch.symbol, Text::into_string);
    launch.image_url = launched.image_url.map_or(launch.image_url, Text::into_string);
    Ok(launch.into_token(&rail.name, launched.mint.into_string(), launched.tx_signature.into_string()))
}

fn failed(cause: &str) -> Fault {
    let fault = Fault::new(Code::UpstreamError, "the rail did not launch the token; nothing is kept of it, so send the request again");
    Fault { cause: Some(cause.to_owned()), ..fault }
}

fn silent() -> Fault {
    Fault::new(Code::UpstreamTimeout, "the rail did not answer in time; send the request again: what it launched meanwhile is told then")
}
