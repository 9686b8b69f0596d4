//! `/account/invite/{token}`: an invitation to own a tenant, looked at and accepted.

use super::posted::Posted;
use super::view::invitation::{Invitation, OpenInvitation, render_invitation};
use super::view::notice::Notice;
use super::view::part::build_href;
use super::visit::{Visit, redirect_with, signed_in};
use crate::crypto::api_key::ApiKey;
use crate::domain::digest::Digest;
use crate::domain::key::KeyKind;
use crate::domain::limit::LimitClass;
use crate::domain::member::Role;
use crate::http::code::Code;
use crate::http::context::Ctx;
use crate::http::credential::{Human, cookie_human};
use crate::http::fault::Fault;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::unexpected;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::outcome::Outcome;
use crate::routes;
use crate::store::{mail, tenant as tenants};

pub static ROUTES: &[Route] = routes! {
    Get "/account/invite/{token}" => show_invitation { name: "accountInvitation", summary: "An invitation to own a tenant", access: Public, class: Some(LimitClass::Public), body: None, status: 200 }
    Post "/account/invite/{token}" => accept_invitation { name: "accountAcceptInvitation", summary: "Accept an invitation", access: Console, class: Some(LimitClass::Public), body: Form, status: 303 }
};

/// The token of the link. What is no token looks like one that is used up.
fn read_token(ctx: &Ctx) -> Option<ApiKey> {
    ApiKey::parse(ctx.param("token")).filter(|token| token.kind() == KeyKind::Invitation)
}

fn hash_of(token: &ApiKey) -> Digest {
    Digest::from_bytes(*token.secret_hash().as_bytes())
}

async fn find_invitation(ctx: &Ctx) -> Result<Invitation, Fault> {
    let Some(token) = read_token(ctx) else { return Ok(Invitation::Gone) };
    let show = Command::ShowInvitation { number: token.number(), secret_hash: hash_of(&token) };
    let answer = match ctx.call_tenant_for(token.tenant(), None, show).await {
        Ok(answer) => answer,
        Err(fault) if fault.code == Code::NotFound => return Ok(Invitation::Gone),
        Err(fault) => return Err(fault),
    };
    let Outcome::Invitation(pending) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    Ok(Invitation::Open(OpenInvitation {
        token: ctx.param("token").to_owned(),
        tenant: pending.slug.to_string(),
        email: pending.email,
        expires_at: pending.expires_at_ms,
    }))
}

async fn render(ctx: &Ctx, human: Option<&Human>, invitation: &Invitation) -> Result<Reply, Fault> {
    let visit = match human {
        Some(human) => Visit::of(ctx, human, None).await?,
        None => Visit::of_stranger(ctx)?,
    };
    let status = if *invitation == Invitation::Gone { 404 } else { 200 };
    let page = render_invitation(&visit.frame, invitation);
    Ok(visit.answer(status, page))
}

/// 1. Who looks, if signed in. 2. What the link offers: 200, or 404 when it offers nothing any more.
async fn show_invitation(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = cookie_human(ctx).await?;
    let invitation = find_invitation(ctx).await?;
    render(ctx, human.as_ref(), &invitation).await
}

/// 1. The form: 403. 2. The tenant's object takes the human as owner, once: 404. 3. Note it in D1, where its mail need not
/// wait any more, and go on: 303.
async fn accept_invitation(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = signed_in(ctx)?;
    Posted::read(ctx, Some(&human))?;
    let Some(token) = read_token(ctx) else { return render(ctx, Some(&human), &Invitation::Gone).await };
    let accept = Command::AcceptInvitation { number: token.number(), secret_hash: hash_of(&token), user_id: human.user_id };
    let answer = match ctx.call_tenant_for(token.tenant(), None, accept).await {
        Ok(answer) => answer,
        Err(fault) if matches!(fault.code, Code::NotFound | Code::OwnerExists) => {
            return render(ctx, Some(&human), &Invitation::Gone).await;
        }
        Err(fault) => return Err(fault),
    };
    let Outcome::OwnerJoined { tenant_uuid, slug } = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    let role = Role::Owner.as_str();
    ctx.with_database(async |database| tenants::join_user(database, human.user_id, tenant_uuid, role, ctx.now).await).await?;
    ctx.with_database(async |database| mail::void_topic(database, &mail::topic_of_invitation(tenant_uuid)).await).await?;
    let location = build_href("/account/billing", &[("tenant", slug.as_str())]);
    let notice = Notice::Done(format!("You own {slug} now."));
    redirect_with(ctx, human.session_hash.as_deref().unwrap_or_default(), &location, notice)
}
