//! What a page says about the form sent before it: carried over the 303 in a cookie that only this session opens.
//!
//! Invariant: a one-time secret rides in the cookie sealed under a key derived from the session, for two minutes, and
//! the page that shows it removes it.

use serde::{Deserialize, Serialize};

use super::view::notice::Notice;
use crate::crypto::mac::{from_base64url, to_base64url};
use crate::crypto::seal::SealKey;
use crate::domain::time::Timestamp;
use crate::edge::PlatformEntropy;
use crate::http::context::Ctx;
use crate::http::credential;
use crate::http::fault::Fault;
use crate::http::session::write_cookie;

const COOKIE: &str = "guildhall.notice";
const PATH: &str = "/account";
const TTL_S: u64 = 120;

#[derive(Serialize, Deserialize)]
struct Flash {
    notice: Notice,
    expires_at_ms: Timestamp,
}

fn seal_key(ctx: &Ctx, session_hash: &str) -> Result<SealKey, Fault> {
    Ok(SealKey::derive(&ctx.keys()?.seal, session_hash.as_bytes(), "console notice v1"))
}

/// The `Set-Cookie` that carries a notice to the next page of this session.
pub fn write(ctx: &Ctx, session_hash: &str, notice: Notice) -> Result<String, Fault> {
    let flash = Flash { notice, expires_at_ms: ctx.now.plus_s(TTL_S) };
    let text = serde_json::to_vec(&flash).map_err(|error| Fault::internal(error.to_string()))?;
    let sealed = seal_key(ctx, session_hash)?
        .seal(&text, session_hash.as_bytes(), &mut PlatformEntropy)
        .map_err(|error| Fault::internal(error.to_string()))?;
    Ok(write_cookie(ctx, COOKIE, &to_base64url(&sealed), PATH, TTL_S))
}

/// The notice this browser carries, and the `Set-Cookie` that removes it.
pub fn take(ctx: &Ctx, session_hash: &str) -> Result<(Option<Notice>, Option<String>), Fault> {
    let Some(text) = credential::cookie(ctx, COOKIE) else { return Ok((None, None)) };
    let removal = write_cookie(ctx, COOKIE, "", PATH, 0);
    let opened = match from_base64url(&text) {
        Some(sealed) => seal_key(ctx, session_hash)?.open(&sealed, session_hash.as_bytes()).ok(),
        None => None,
    };
    let flash = opened.and_then(|text| serde_json::from_slice::<Flash>(&text).ok());
    Ok((flash.filter(|flash| ctx.now < flash.expires_at_ms).map(|flash| flash.notice), Some(removal)))
}
