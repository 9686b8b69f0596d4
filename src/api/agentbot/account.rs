//! Opening an account: `POST /api/register`.

use serde::{Deserialize, Serialize};

use crate::domain::id::UserId;
use crate::domain::limit::LimitClass;
use crate::domain::referral::ReferralCode;
use crate::http::account::{self, NewPassword, Registration};
use crate::http::birth::bear_own_tenant;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::field::{Email, Text};
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Post "/api/register" => register {
        name: "register", summary: "Open an account", access: Public, class: Some(LimitClass::AbRegister), body: Json,
        documented: true, request: RegisterRequest, status: 200, response: RegisterReply, also: [409],
    }
};

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct RegisterRequest {
    email: Email,
    password: NewPassword,
    name: Option<Text<1, 128>>,
    referral_code: Option<ReferralCode>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct RegisterReply {
    id: UserId,
    email: String,
    name: String,
}

/// 1. The body: 400. 2. Open the account: 409. 3. Give it a tenant of its own. 4. Answer: 200.
async fn register(ctx: &Ctx) -> Result<Reply, Fault> {
    let request: RegisterRequest = ctx.incoming.body()?;
    let registration = Registration {
        email: request.email,
        password: request.password,
        name: request.name.map(Text::into_string),
        referred_by: request.referral_code,
    };
    let registered = account::register(ctx, registration).await?;
    bear_own_tenant(ctx, registered.user_id).await?;
    Ok(Reply::json(200, &RegisterReply { id: registered.user_id, email: registered.email, name: registered.name })?.no_store())
}
