//! Who calls (contract README 3): reading credentials by their prefix, and checking all that can be checked without
//! asking an object. Whether a key is known, a wallet an agent or a human a member, the tenant's object decides.

use super::buyer;
use super::code::Code;
use super::context::Ctx;
use super::fault::Fault;
use super::keys::Keys;
use super::refusal::execution_token_required;
use super::reply::Reply;
use super::root::Root;
use super::route::Access;
use crate::crypto::api_key::ApiKey;
use crate::crypto::key_ring::Opened;
use crate::crypto::opaque_token::OpaqueToken;
use crate::crypto::session_token::SessionToken;
use crate::crypto::solana::SolanaAddress;
use crate::crypto::token::{ExecutionAudience, ExecutionToken, HumanRole, HumanSession, TokenKind, WalletSession};
use crate::crypto::wallet::WalletAddress;
use crate::domain::id::{TenantUuid, UserId};
use crate::domain::key::KeyKind;
use crate::domain::time::Timestamp;
use crate::edge::platform;
use crate::edge::task::Answer;
use crate::objects::tenant::call::ExecutionRights;
use crate::store::user;

/// The cookie of a signed-in human; `__Secure-` would keep http, and with it local development, out.
pub const SESSION_COOKIE: &str = "next-auth.session-token";

/// A signed-in human.
#[derive(Debug, Clone)]
pub struct Human {
    pub user_id: UserId,
    pub email: String,
    pub is_admin: bool,
    /// From when this account's sign-ins count.
    pub sessions_from_ms: u64,
    /// The hash of the cookie's secret, when a cookie it was.
    pub session_hash: Option<String>,
}

/// A credential as it was sent, with all verified that needs no object.
#[derive(Debug, Clone)]
pub enum Credential {
    None,
    /// Proof of a wallet.
    Wallet(WalletAddress),
    /// A key that is well formed; its secret has not been compared yet.
    Key(ApiKey),
    Human(Human),
    /// An execution token whose signature and times hold.
    Execution(Execution),
    /// A session's token that is well formed; whether it is known has not been asked yet.
    Session(SessionToken),
    /// A wallet that has signed for itself at the marketplace.
    Buyer(SolanaAddress),
}

/// An execution token: of which tenant, for which audience, good for what.
#[derive(Debug, Clone)]
pub struct Execution {
    pub tenant: TenantUuid,
    pub audience: ExecutionAudience,
    pub rights: ExecutionRights,
}

/// What was found in the headers.
enum Presented {
    Nothing,
    Wallet(WalletAddress),
    Key(ApiKey),
    HumanToken(HumanSession),
    Execution(Execution),
    Session(SessionToken),
    Unknown,
}

/// Resolves the credential and refuses what the route does not take: none 401, a wrong one 401, a human who is no
/// administrator 403.
pub async fn check(ctx: &Ctx, access: Access) -> Result<(), Fault> {
    let credential = match access {
        Access::Public => return Ok(()),
        Access::WalletSession => match present_bearer(ctx).await? {
            Presented::Nothing => {
                return Err(missing("sign in with your wallet: POST /v2/billing/agent/challenge, then /v2/billing/agent/session"));
            }
            Presented::Wallet(wallet) => Credential::Wallet(wallet),
            _ => return Err(bad_credential()),
        },
        Access::Runtime => match present_runtime(ctx).await? {
            Presented::Nothing => return Err(missing("send X-Tenant-ID and X-Tenant-Token: mtak_..., or Authorization: Bearer ags_...")),
            Presented::Wallet(wallet) => Credential::Wallet(wallet),
            Presented::Key(key) if key.kind() == KeyKind::Agent => Credential::Key(key),
            _ => return Err(bad_credential()),
        },
        Access::Management => match present_management(ctx).await? {
            Presented::Nothing => return Err(missing("send X-API-Key: tl_..., or Authorization: Bearer with a human's token")),
            Presented::Execution(_) => return Err(no_execution_token()),
            presented => take_management(ctx, presented).await?,
        },
        Access::Spend => match present_management(ctx).await? {
            Presented::Nothing => {
                return Err(missing(
                    "send Authorization: Bearer with an execution token, or X-API-Key: tl_... with agent_id and mandate_id",
                ));
            }
            Presented::Execution(execution) => Credential::Execution(execution),
            presented => take_management(ctx, presented).await?,
        },
        Access::SessionOrManagement | Access::Agent => match present_management(ctx).await? {
            Presented::Nothing => {
                return Err(missing("send Authorization: Bearer with the token of the agent's session, or X-API-Key: tl_..."));
            }
            Presented::Session(token) => Credential::Session(token),
            Presented::Execution(execution) if access == Access::Agent => Credential::Execution(execution),
            Presented::Execution(_) => return Err(no_execution_token()),
            presented => take_management(ctx, presented).await?,
        },
        Access::Execution => match present_management(ctx).await? {
            Presented::Nothing => return Err(missing("send Authorization: Bearer with an execution token for spendguard-payments")),
            Presented::Execution(execution) => Credential::Execution(execution),
            presented => {
                // Told only to who manages: whether a key is good, its tenant says.
                ctx.set_credential(take_management(ctx, presented).await?);
                return Err(execution_token_required().in_body());
            }
        },
        Access::Seller => seller(ctx).await?,
        Access::Buyer => Credential::Buyer(buyer::read(ctx)?),
        Access::Party if ctx.incoming.header("Authorization").is_some() => seller(ctx).await?,
        Access::Party => Credential::Buyer(buyer::read(ctx)?),
        Access::Owner if buyer::is_signed(ctx) => Credential::Buyer(buyer::read(ctx)?),
        Access::Owner => seller(ctx).await?,
        Access::Shared if ctx.incoming.header("Authorization").is_some() => seller(ctx).await?,
        Access::Shared => return Ok(()),
        Access::Human => match present_bearer(ctx).await? {
            Presented::HumanToken(session) => Credential::Human(load_human(ctx, session).await?),
            Presented::Nothing => match cookie_human(ctx).await? {
                Some(human) => {
                    require_own_page(ctx, &human)?;
                    Credential::Human(human)
                }
                None => return Err(missing("sign in: POST /api/auth/token, or at /account")),
            },
            _ => return Err(bad_credential()),
        },
        Access::Admin => match if ctx.root() == Root::V1 { present_management(ctx).await? } else { present_bearer(ctx).await? } {
            Presented::Nothing => return Err(missing("send Authorization: Bearer with an operator's token")),
            Presented::HumanToken(session) => Credential::Human(require_admin(load_human(ctx, session).await?)?),
            Presented::Execution(_) if ctx.root() == Root::V1 => return Err(no_execution_token()),
            presented if ctx.root() == Root::V1 => {
                // As above: a key that manages is good here, and not enough.
                ctx.set_credential(take_management(ctx, presented).await?);
                return Err(admin_required().in_body());
            }
            _ => return Err(bad_credential()),
        },
        Access::Console => Credential::Human(console_human(ctx).await?),
        Access::OperatorConsole => Credential::Human(require_admin(console_human(ctx).await?)?),
    };
    ctx.set_credential(credential);
    Ok(())
}

/// A key of a market agent.
async fn seller(ctx: &Ctx) -> Result<Credential, Fault> {
    match present_bearer(ctx).await? {
        Presented::Nothing => Err(missing("send Authorization: Bearer atelier_...: POST /api/agents/register")),
        Presented::Key(key) if key.kind() == KeyKind::Atelier => Ok(Credential::Key(key)),
        _ => Err(bad_credential()),
    }
}

/// A management key, or a human.
async fn take_management(ctx: &Ctx, presented: Presented) -> Result<Credential, Fault> {
    match presented {
        Presented::Key(key) if matches!(key.kind(), KeyKind::Live | KeyKind::Test) => Ok(Credential::Key(key)),
        Presented::HumanToken(session) => Ok(Credential::Human(load_human(ctx, session).await?)),
        _ => Err(bad_credential()),
    }
}

fn missing(how: &'static str) -> Fault {
    Fault::new(Code::Unauthenticated, how)
}

fn no_execution_token() -> Fault {
    Fault::new(Code::Forbidden, "an execution token manages nothing; send X-API-Key: tl_...")
}

/// One text for every credential that is not good here: what is wrong with it is nobody's business.
pub fn bad_credential() -> Fault {
    Fault::new(Code::BadCredential, "this credential is not good here: it may be malformed, unknown, revoked or expired")
}

fn require_admin(human: Human) -> Result<Human, Fault> {
    if human.is_admin { Ok(human) } else { Err(admin_required()) }
}

fn admin_required() -> Fault {
    Fault::new(Code::AdminRequired, "for operators alone")
}

fn bearer(ctx: &Ctx) -> Option<String> {
    let header = ctx.incoming.header("Authorization")?;
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

/// Opens a token of ours for one of these audiences; nothing when it is not good. The signature of one that is new here is
/// verified by the platform, which is faster; what the platform cannot say is left to our own verification.
async fn open(keys: &Keys, jwt: &str, now: Timestamp, audiences: &[&'static str]) -> Option<Opened> {
    let token = keys.ring.read(jwt, now).ok()?;
    if keys.ring.is_new(&token) {
        let verdict = Answer::to(|slot| platform::verify_ed25519(token.key().x(), token.signature(), token.message(), slot)).await;
        match verdict {
            Ok(verdict) if verdict == true => keys.ring.take_as_verified(&token),
            Ok(_) => return None,
            Err(_) => {}
        }
    }
    keys.ring.open(&token, now, audiences).ok()
}

async fn classify(ctx: &Ctx, text: &str) -> Result<Presented, Fault> {
    let keys = ctx.keys()?;
    if let Some(jwt) = text.strip_prefix(WalletSession::PREFIX) {
        let claims = open(&keys, jwt, ctx.now, &[WalletSession::AUDIENCE]).await.and_then(|opened| opened.claims::<WalletSession>().ok());
        return Ok(claims.map_or(Presented::Unknown, |claims| Presented::Wallet(claims.custom.wallet)));
    }
    if let Some(key) = ApiKey::parse(text) {
        return Ok(Presented::Key(key));
    }
    if let Some(token) = SessionToken::parse(text) {
        return Ok(Presented::Session(token));
    }
    const AUDIENCES: [&str; 3] = [HumanSession::AUDIENCE, ExecutionAudience::Payments.as_str(), ExecutionAudience::Actions.as_str()];
    let Some(opened) = open(&keys, text, ctx.now, &AUDIENCES).await else { return Ok(Presented::Unknown) };
    Ok(match ExecutionAudience::parse(opened.audience) {
        None => opened.claims().map_or(Presented::Unknown, |claims| Presented::HumanToken(claims.custom)),
        Some(audience) => read_execution(opened, audience).map_or(Presented::Unknown, Presented::Execution),
    })
}

fn read_execution(opened: Opened, audience: ExecutionAudience) -> Option<Execution> {
    let claims = opened.claims::<ExecutionToken>().ok()?;
    let ExecutionToken { sub, tenant, mandate_id, action, lease_id } = claims.custom;
    let rights = ExecutionRights { agent_id: sub, mandate_id, lease_id, action, jti: claims.token_id?, expires_at: claims.expires_at };
    Some(Execution { tenant, audience, rights })
}

async fn present_bearer(ctx: &Ctx) -> Result<Presented, Fault> {
    match bearer(ctx) {
        Some(token) => classify(ctx, &token).await,
        None if ctx.incoming.header("Authorization").is_some() => Ok(Presented::Unknown),
        None => Ok(Presented::Nothing),
    }
}

/// `/v2` runtime: the bearer and the tenant-token header both take both kinds; of two, the wallet session counts.
async fn present_runtime(ctx: &Ctx) -> Result<Presented, Fault> {
    let bearer = present_bearer(ctx).await?;
    let header = ctx.incoming.header("X-Tenant-Token").filter(|text| !text.is_empty());
    let header = match header {
        Some(text) => classify(ctx, text.trim()).await?,
        None => Presented::Nothing,
    };
    Ok(match (bearer, header) {
        (Presented::Nothing, header) => header,
        (bearer, Presented::Nothing) => bearer,
        (_, wallet @ Presented::Wallet(_)) => wallet,
        (bearer, _) => bearer,
    })
}

/// `/v1` management: the API-key header counts before the bearer.
async fn present_management(ctx: &Ctx) -> Result<Presented, Fault> {
    match ctx.incoming.header("X-API-Key").filter(|text| !text.is_empty()) {
        Some(text) => Ok(ApiKey::parse(text.trim()).map_or(Presented::Unknown, Presented::Key)),
        None => present_bearer(ctx).await,
    }
}

/// The account a token speaks of, as it stands now: a changed password, address or role counts from the next request.
async fn load_human(ctx: &Ctx, session: HumanSession) -> Result<Human, Fault> {
    let account =
        ctx.with_database(async |database| user::find_by_id(database, session.user_id).await).await?.ok_or_else(bad_credential)?;
    // Not by the token's own times, which are whole seconds: one made just before the change would live on.
    if session.sessions_from_ms != account.sessions_valid_from_ms {
        return Err(bad_credential());
    }
    let is_admin = session.role == HumanRole::Admin && account.is_operator(&ctx.edge.settings.admin_emails);
    let sessions_from_ms = account.sessions_valid_from_ms;
    Ok(Human { user_id: account.user_id, email: account.email, is_admin, sessions_from_ms, session_hash: None })
}

/// The value of a cookie.
pub fn cookie(ctx: &Ctx, name: &str) -> Option<String> {
    let header = ctx.incoming.header("Cookie")?;
    header.split(';').filter_map(|pair| pair.trim().split_once('=')).find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
}

/// The human of the session cookie, if it is good.
pub async fn cookie_human(ctx: &Ctx) -> Result<Option<Human>, Fault> {
    let Some(token) = cookie(ctx, SESSION_COOKIE).and_then(|text| OpaqueToken::parse(&text)) else { return Ok(None) };
    let hash = hex::encode(token.hash().as_bytes());
    let account = ctx.with_database(async |database| user::find_by_session(database, &hash, ctx.now).await).await?;
    Ok(account.map(|account| Human {
        is_admin: account.is_operator(&ctx.edge.settings.admin_emails),
        sessions_from_ms: account.sessions_valid_from_ms,
        user_id: account.user_id,
        email: account.email,
        session_hash: Some(hash),
    }))
}

/// Signed in at the console; else the way to the sign-in page, which the fault page of `/account` turns into a 303.
async fn console_human(ctx: &Ctx) -> Result<Human, Fault> {
    let human = cookie_human(ctx).await?.ok_or_else(|| missing("sign in first").with_header("Location", sign_in_location(ctx)))?;
    Ok(human)
}

/// The way in, and back to the page that was asked for, at the tenant it was about. A form's own path is no page: who
/// sent one goes back to the page it stands on.
fn sign_in_location(ctx: &Ctx) -> String {
    let encode = |text: &str| worker::url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let path = ctx.incoming.path.as_str();
    let is_page = matches!(ctx.incoming.method, worker::Method::Get | worker::Method::Head) || ctx.route.path.contains("{token}");
    let page = if is_page { path.to_owned() } else { path.split('/').take(3).collect::<Vec<_>>().join("/") };
    let form = ctx.incoming.form().unwrap_or_default();
    let in_form = form.iter().find(|(name, _)| name == "tenant").map(|(_, value)| value.as_str());
    let next = match ctx.incoming.query_value("tenant").or(in_form).filter(|name| !name.is_empty()) {
        Some(tenant) => format!("{page}?tenant={}", encode(tenant)),
        None => page,
    };
    format!("/account?next={}", encode(&next))
}

/// The token that proves a form was made by our page, for a session or, signed out, for a browser.
pub fn csrf_token(ctx: &Ctx, session: &str) -> Result<String, Fault> {
    Ok(hex::encode(ctx.keys()?.csrf.mac("csrf v1", &[session.as_bytes()])))
}

/// Whether `token` is the one [`csrf_token`] gave for that session.
pub fn is_csrf_token(ctx: &Ctx, session: &str, token: &str) -> Result<bool, Fault> {
    let sent = hex::decode(token).unwrap_or_default();
    Ok(ctx.keys()?.csrf.verify_mac("csrf v1", &[session.as_bytes()], &sent))
}

/// A write that rides on the cookie must come from our own page: its origin, or the token of `GET /api/auth/csrf`.
pub fn require_own_page(ctx: &Ctx, human: &Human) -> Result<(), Fault> {
    if matches!(ctx.incoming.method, worker::Method::Get | worker::Method::Head) {
        return Ok(());
    }
    if ctx.incoming.header("Origin").is_some_and(|origin| origin == ctx.edge.settings.public_origin) {
        return Ok(());
    }
    let session = human.session_hash.as_deref().unwrap_or_default();
    for name in ["x-csrf-token", "x-xsrf-token"] {
        if let Some(token) = ctx.incoming.header(name)
            && is_csrf_token(ctx, session, token)?
        {
            return Ok(());
        }
    }
    Err(Fault::new(Code::CsrfInvalid, "send the Origin of our own pages, or x-csrf-token with the value of GET /api/auth/csrf"))
}

/// Turns a refused credential of the console into the way to the sign-in page.
pub fn redirect_to_sign_in(fault: &Fault, root: Root) -> Option<Reply> {
    let is_console = root == Root::Account && fault.code == Code::Unauthenticated;
    let location = fault.headers.iter().find(|(name, _)| *name == "Location").map(|(_, location)| location.clone());
    location.filter(|_| is_console).map(Reply::see_other)
}
