//! Revoking a key or an enrollment token: a page that asks, and the form it sends.

use super::posted::Posted;
use super::tenant_data::{load_overview, show_key};
use super::view::confirmation::{Confirmation, ConfirmationKind, render_confirmation};
use super::view::notice::Notice;
use super::view::part::{build_href, encode_component};
use super::visit::{Visit, redirect_with, signed_in};
use crate::domain::enrollment::TokenStatus;
use crate::domain::id::{EnrollmentId, KeyId};
use crate::domain::key::KeyKind;
use crate::domain::limit::LimitClass;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::unexpected;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::outcome::Outcome;
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Get "/account/keys/{key_id}/revoke" => ask_about_key { name: "accountAskRevokeKey", summary: "Ask before a key is revoked", access: Console, class: Some(LimitClass::Public), body: None, status: 200 }
    Post "/account/keys/{key_id}/revoke" => revoke_key { name: "accountRevokeKey", summary: "Revoke a key", access: Console, class: Some(LimitClass::Public), body: Form, status: 303 }
    Get "/account/enrollment/{id}/revoke" => ask_about_token { name: "accountAskRevokeToken", summary: "Ask before a token is revoked", access: Console, class: Some(LimitClass::Public), body: None, status: 200 }
    Post "/account/enrollment/{id}/revoke" => revoke_token { name: "accountRevokeToken", summary: "Revoke an enrollment token", access: Console, class: Some(LimitClass::Public), body: Form, status: 303 }
};

const REVOCABLE: [KeyKind; 3] = [KeyKind::Agent, KeyKind::Live, KeyKind::Test];

fn fact(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}

/// 1. The tenant and the key: 404. 2. Ask: 200.
async fn ask_about_key(ctx: &Ctx) -> Result<Reply, Fault> {
    let key_id = KeyId::parse(ctx.param("key_id"))?;
    let visit = Visit::of_page(ctx, &signed_in(ctx)?).await?;
    let tenant = visit.tenant()?.slug.to_string();
    let overview = load_overview(ctx, &tenant).await?;
    let key = overview.keys.iter().find(|key| key.key_id == key_id).ok_or_else(Fault::not_found)?;
    let row = show_key(&overview, key);
    let mut facts = vec![fact("Key", row.preview)];
    facts.extend(row.label.map(|label| fact("Label", label)));
    facts.extend(row.agent_label.map(|label| fact("Agent", label)));
    let view = Confirmation {
        question: "Revoke this key?".to_owned(),
        consequence: "The next request that carries it is refused. This cannot be undone.".to_owned(),
        facts,
        action: format!("/account/keys/{}/revoke", encode_component(&row.key_id)),
        verb: "Revoke".to_owned(),
        back: build_href("/account/keys", &[("tenant", &tenant)]),
        tenant,
        kind: ConfirmationKind::Ending,
    };
    let page = render_confirmation(&visit.frame, &view);
    Ok(visit.answer(200, page))
}

/// 1. The form: 403. 2. The tenant and the key: 404. 3. Revoke; a repeat changes nothing: 303.
async fn revoke_key(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = signed_in(ctx)?;
    let posted = Posted::read(ctx, Some(&human))?;
    let key_id = KeyId::parse(ctx.param("key_id"))?;
    let tenant = posted.value("tenant");
    let seat = ctx.member_seat(tenant).await?;
    ctx.call_tenant(&seat, Command::RevokeKey { key_id, kinds: REVOCABLE.to_vec() }).await?;
    let location = build_href("/account/keys", &[("tenant", tenant)]);
    redirect_with(ctx, human.session_hash.as_deref().unwrap_or_default(), &location, Notice::Done("The key is revoked.".to_owned()))
}

/// 1. The tenant and the token: 404. 2. Ask: 200.
async fn ask_about_token(ctx: &Ctx) -> Result<Reply, Fault> {
    let id = EnrollmentId::parse(ctx.param("id"))?;
    let visit = Visit::of_page(ctx, &signed_in(ctx)?).await?;
    let tenant = visit.tenant()?.slug.to_string();
    let seat = ctx.member_seat(&tenant).await?;
    let answer = ctx.call_tenant(&seat, Command::ListEnrollments).await?;
    let Outcome::Enrollments(tokens) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    let token = tokens.into_iter().find(|token| token.id == id && token.status == TokenStatus::Unused).ok_or_else(Fault::not_found)?;
    let mut facts = vec![fact("Token", format!("{}...{}", KeyKind::Enrollment.prefix(), token.last4))];
    facts.extend(token.label.map(|label| fact("Label", label)));
    let view = Confirmation {
        question: "Revoke this token?".to_owned(),
        consequence: "Nobody can enroll with it any more. This cannot be undone.".to_owned(),
        facts,
        action: format!("/account/enrollment/{}/revoke", encode_component(&id.to_string())),
        verb: "Revoke".to_owned(),
        back: build_href("/account/enrollment", &[("tenant", &tenant)]),
        tenant,
        kind: ConfirmationKind::Ending,
    };
    let page = render_confirmation(&visit.frame, &view);
    Ok(visit.answer(200, page))
}

/// 1. The form: 403. 2. The tenant and the token: 404. 3. Revoke; a repeat changes nothing: 303.
async fn revoke_token(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = signed_in(ctx)?;
    let posted = Posted::read(ctx, Some(&human))?;
    let id = EnrollmentId::parse(ctx.param("id"))?;
    let tenant = posted.value("tenant");
    let seat = ctx.member_seat(tenant).await?;
    ctx.call_tenant(&seat, Command::RevokeEnrollment { id }).await?;
    let location = build_href("/account/enrollment", &[("tenant", tenant)]);
    redirect_with(ctx, human.session_hash.as_deref().unwrap_or_default(), &location, Notice::Done("The token is revoked.".to_owned()))
}
