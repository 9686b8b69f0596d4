//! Signing in and out with a password: cookies for browsers, bearer tokens for programs.

use serde::{Deserialize, Serialize};

use crate::domain::id::UserId;
use crate::domain::limit::LimitClass;
use crate::http::account::{self, Password};
use crate::http::code::Code;
use crate::http::context::Ctx;
use crate::http::credential::{Human, cookie_human, require_own_page};
use crate::http::fault::Fault;
use crate::http::field::Email;
use crate::http::reply::Reply;
use crate::http::route::Route;
#[cfg(not(target_arch = "wasm32"))]
use crate::http::rule::{absent, either, given};
use crate::http::session;
use crate::routes;
use crate::store::user;

pub static ROUTES: &[Route] = routes! {
    Post "/api/auth/callback/credentials" => sign_in {
        name: "signIn", summary: "Sign in with a password; sets the session cookie", access: Public, class: Some(LimitClass::AbLogin), body: JsonOrForm,
        documented: true, request: Credentials, status: 200, response: SignInReply, also: [302, 401, 403],
    }
    Post "/api/auth/token" => create_token {
        name: "createToken", summary: "A bearer token for a password or a session cookie", access: Public, class: Some(LimitClass::AbLogin), body: Json,
        documented: true, request: TokenRequest, status: 200, response: TokenReply, also: [401, 403],
    }
    Get "/api/auth/csrf" => show_csrf {
        name: "showCsrf", summary: "The token for writes that ride on the cookie", access: Public, class: Some(LimitClass::Public), body: None,
        documented: true, status: 200, response: CsrfReply,
    }
    Get "/api/auth/session" => show_session {
        name: "showSession", summary: "Who is signed in, and until when", access: Public, class: Some(LimitClass::Public), body: None,
        documented: true, status: 200, response: SessionReply,
    }
    Post "/api/auth/signout" => sign_out {
        name: "signOut", summary: "End this session", access: Public, class: Some(LimitClass::Public), body: JsonOrForm,
        documented: true, status: 200, response: SignOutReply, also: [403],
    }
};

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct Credentials {
    email: Email,
    password: Password,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct SignInReply {
    ok: bool,
    url: String,
}

/// Both, or neither for who has a session cookie.
#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_arch = "wasm32"), schemars(transform = either([vec![given("email"), given("password")], vec![absent("email"), absent("password")]])))]
struct TokenRequest {
    email: Option<Email>,
    password: Option<Password>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct TokenReply {
    token: String,
    expires_at: String,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct CsrfReply {
    csrf_token: String,
}

/// An empty object for nobody.
#[derive(Serialize, Default)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct SessionReply {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<SessionUser>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct SessionUser {
    id: UserId,
    email: String,
    name: String,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct SignOutReply {
    ok: bool,
}

/// A form can be sent from any site, and would sign the visitor in as somebody else: its origin must be ours.
fn refuse_foreign_form(ctx: &Ctx) -> Result<(), Fault> {
    let is_foreign = ctx.incoming.header("Origin").is_some_and(|origin| origin != ctx.edge.settings.public_origin);
    if ctx.incoming.is_form() && is_foreign {
        return Err(Fault::new(Code::CsrfInvalid, "a form must come from our own page"));
    }
    Ok(())
}

/// 1. The body: 400, 403. 2. The password: 401, 429. 3. Open the session: 302, or 200 for who wants JSON.
async fn sign_in(ctx: &Ctx) -> Result<Reply, Fault> {
    refuse_foreign_form(ctx)?;
    let request: Credentials = if ctx.incoming.is_form() { ctx.incoming.form_body()? } else { ctx.incoming.body()? };
    let account = account::prove_password(ctx, &request.email, &request.password).await?;
    let opened = session::open(ctx, account.user_id).await?;
    let wants_json = ctx.incoming.header("Accept").is_some_and(|accept| accept.contains("application/json"));
    let reply = if wants_json {
        Reply::json(200, &SignInReply { ok: true, url: format!("{}/account", ctx.edge.settings.public_origin) })?
    } else {
        Reply::empty(302).with_header("Location", "/account")
    };
    Ok(reply.with_header("Set-Cookie", opened.set_cookie).no_store())
}

/// 1. The body: 400. 2. Its password, else this browser's cookie: 401, 403, 429. 3. Sign the token: 200.
async fn create_token(ctx: &Ctx) -> Result<Reply, Fault> {
    let request: TokenRequest = ctx.incoming.body()?;
    let human = match (request.email, request.password) {
        (Some(email), Some(password)) => {
            let account = account::prove_password(ctx, &email, &password).await?;
            Human {
                is_admin: account.is_operator(&ctx.edge.settings.admin_emails),
                sessions_from_ms: account.sessions_valid_from_ms,
                user_id: account.user_id,
                email: account.email,
                session_hash: None,
            }
        }
        (Some(_), None) => return Err(Fault::field("$.password", "is required")),
        (None, Some(_)) => return Err(Fault::field("$.email", "is required")),
        (None, None) => {
            let human =
                cookie_human(ctx).await?.ok_or_else(|| Fault::new(Code::Unauthenticated, "send email and password, or sign in first"))?;
            require_own_page(ctx, &human)?;
            human
        }
    };
    let (token, expires_at) = account::sign_human_token(ctx, human)?;
    Ok(Reply::json(200, &TokenReply { token, expires_at: expires_at.to_string() })?.no_store())
}

/// 1. The token of this browser: 200.
async fn show_csrf(ctx: &Ctx) -> Result<Reply, Fault> {
    let form = session::open_form(ctx, cookie_human(ctx).await?.as_ref())?;
    let reply = Reply::json(200, &CsrfReply { csrf_token: form.csrf })?.no_store();
    Ok(match form.set_cookie {
        Some(cookie) => reply.with_header("Set-Cookie", cookie),
        None => reply,
    })
}

/// 1. Whose cookie it is: 200, an empty object for nobody's.
async fn show_session(ctx: &Ctx) -> Result<Reply, Fault> {
    let nobody = || Reply::json(200, &SessionReply::default()).map(Reply::no_store);
    let Some(human) = cookie_human(ctx).await? else { return nobody() };
    let account = ctx.with_database(async |database| user::find_by_id(database, human.user_id).await).await?;
    let (Some(account), Some(expires_at)) = (account, session::find_expiry(ctx, &human).await?) else { return nobody() };
    let user = SessionUser { id: account.user_id, email: account.email, name: account.name };
    Ok(Reply::json(200, &SessionReply { user: Some(user), expires: Some(expires_at.to_string()) })?.no_store())
}

/// 1. A signed-in browser must ask from our own page: 403. 2. End its session: 200, also when there was none.
async fn sign_out(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = cookie_human(ctx).await?;
    if let Some(human) = &human {
        require_own_page(ctx, human)?;
    }
    let cookie = session::close(ctx, human.as_ref()).await?;
    Ok(Reply::json(200, &SignOutReply { ok: true })?.with_header("Set-Cookie", cookie).no_store())
}
