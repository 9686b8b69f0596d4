//! Browsers: the cookie a human is signed in by, and the one that ties a signed-out browser to the forms it was given.
//!
//! Invariant: a cookie's secret is never stored, only its hash; every cookie is HttpOnly, SameSite=Lax and, on https,
//! Secure (contract README 3).

use super::code::Code;
use super::context::Ctx;
use super::credential::{self, Human, SESSION_COOKIE};
use super::fault::Fault;
use crate::crypto::opaque_token::OpaqueToken;
use crate::domain::id::UserId;
use crate::domain::time::Timestamp;
use crate::edge::PlatformEntropy;
use crate::store::session;

/// Seconds a sign-in lasts: 30 days.
const SESSION_TTL_S: u64 = 30 * 86_400;
/// Seconds a signed-out browser's forms are good for.
const FORM_TTL_S: u64 = 86_400;
/// The cookie of a signed-out browser.
const FORM_COOKIE: &str = "guildhall.form";

/// A `Set-Cookie` value; `ttl_s` zero removes the cookie.
pub fn write_cookie(ctx: &Ctx, name: &str, value: &str, path: &str, ttl_s: u64) -> String {
    let secure = if ctx.edge.settings.public_origin.starts_with("https:") { "; Secure" } else { "" };
    format!("{name}={value}; Path={path}; Max-Age={ttl_s}; HttpOnly; SameSite=Lax{secure}")
}

/// A session just opened.
pub struct Opened {
    /// Holds the secret.
    pub set_cookie: String,
    /// What the session is known by from the next request on.
    pub session_hash: String,
}

/// Signs a human in.
pub async fn open(ctx: &Ctx, user: UserId) -> Result<Opened, Fault> {
    let token = OpaqueToken::mint(&mut PlatformEntropy);
    let hash = hex::encode(token.hash().as_bytes());
    let expires_at = ctx.now.plus_s(SESSION_TTL_S);
    ctx.with_database(async |database| session::open(database, &hash, user, ctx.now, expires_at).await).await?;
    Ok(Opened { set_cookie: write_cookie(ctx, SESSION_COOKIE, token.reveal(), "/", SESSION_TTL_S), session_hash: hash })
}

/// Ends the session of this browser; answers the `Set-Cookie` that removes its cookie.
pub async fn close(ctx: &Ctx, human: Option<&Human>) -> Result<String, Fault> {
    if let Some(hash) = human.and_then(|human| human.session_hash.as_deref()) {
        ctx.with_database(async |database| session::close(database, hash).await).await?;
    }
    Ok(write_cookie(ctx, SESSION_COOKIE, "", "/", 0))
}

/// When the session of this browser ends by itself.
pub async fn find_expiry(ctx: &Ctx, human: &Human) -> Result<Option<Timestamp>, Fault> {
    let Some(hash) = human.session_hash.as_deref() else { return Ok(None) };
    ctx.with_database(async |database| session::find_expiry(database, hash).await).await
}

/// What the token in a form is bound to.
pub struct FormSession {
    /// The hidden field's value.
    pub csrf: String,
    /// For a signed-out browser that had no cookie yet.
    pub set_cookie: Option<String>,
}

fn form_cookie(ctx: &Ctx) -> Option<OpaqueToken> {
    credential::cookie(ctx, FORM_COOKIE).and_then(|text| OpaqueToken::parse(&text))
}

fn name_of_form_cookie(token: &OpaqueToken) -> String {
    format!("form:{}", hex::encode(token.hash().as_bytes()))
}

/// The token for the forms of a page: bound to the sign-in, else to the browser.
pub fn open_form(ctx: &Ctx, human: Option<&Human>) -> Result<FormSession, Fault> {
    if let Some(hash) = human.and_then(|human| human.session_hash.as_deref()) {
        return Ok(FormSession { csrf: credential::csrf_token(ctx, hash)?, set_cookie: None });
    }
    let known = form_cookie(ctx);
    let is_new = known.is_none();
    let token = known.unwrap_or_else(|| OpaqueToken::mint(&mut PlatformEntropy));
    let set_cookie = is_new.then(|| write_cookie(ctx, FORM_COOKIE, token.reveal(), "/", FORM_TTL_S));
    Ok(FormSession { csrf: credential::csrf_token(ctx, &name_of_form_cookie(&token))?, set_cookie })
}

/// Refuses a form that no page of ours gave to this browser.
pub fn check_form(ctx: &Ctx, human: Option<&Human>, csrf: &str) -> Result<(), Fault> {
    let bound_to = match human.and_then(|human| human.session_hash.clone()) {
        Some(hash) => Some(hash),
        None => form_cookie(ctx).map(|token| name_of_form_cookie(&token)),
    };
    match bound_to {
        Some(name) if credential::is_csrf_token(ctx, &name, csrf)? => Ok(()),
        _ => Err(Fault::new(Code::CsrfInvalid, "the form is stale or not from our page; reload the page and send it again")),
    }
}
