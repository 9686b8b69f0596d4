//! `/account/enrollment`: make and list one-time tokens.

use serde::{Deserialize, Deserializer};

use super::posted::{Posted, Trouble};
use super::tenant_data::find_agent_label;
use super::tenant_visit::{TenantVisit, ask_once};
use super::view::enrollment::{Enrollment, TokenForm, TokenRow, TokenStatus as ShownStatus, render_enrollment};
use super::view::notice::{Notice, Secret, SecretKind};
use super::view::part::build_href;
use super::visit::{redirect_with, signed_in};
use crate::domain::enrollment::TokenStatus;
use crate::domain::key::KeyKind;
use crate::domain::limit::LimitClass;
use crate::http::context::Ctx;
use crate::http::credential::Human;
use crate::http::fault::Fault;
use crate::http::field::Text;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::unexpected;
use crate::objects::tenant::command::{Command, MintEnrollment};
use crate::objects::tenant::outcome::{EnrollmentView, Outcome, Overview};
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Get "/account/enrollment" => show_tokens { name: "accountEnrollment", summary: "Enrollment tokens", access: Console, class: Some(LimitClass::Public), body: None, status: 200 }
    Post "/account/enrollment" => mint_token { name: "accountMintToken", summary: "Make an enrollment token", access: Console, class: Some(LimitClass::Public), body: Form, status: 303 }
};

const fn show_status(status: TokenStatus) -> ShownStatus {
    match status {
        TokenStatus::Unused => ShownStatus::Unused,
        TokenStatus::Used => ShownStatus::Used,
        TokenStatus::Expired => ShownStatus::Expired,
        TokenStatus::Revoked => ShownStatus::Revoked,
    }
}

fn show_token(overview: &Overview, token: EnrollmentView) -> TokenRow {
    TokenRow {
        id: token.id.to_string(),
        label: token.label,
        preview: format!("{}...{}", KeyKind::Enrollment.prefix(), token.last4),
        status: show_status(token.status),
        expires_at: token.expires_at_ms,
        used_by: token.used_by.map(|id| find_agent_label(overview, id).unwrap_or_else(|| id.to_string())),
    }
}

async fn render(ctx: &Ctx, human: &Human, tenant: Option<&str>, status: u16, form: TokenForm) -> Result<Reply, Fault> {
    let visit = TenantVisit::of(ctx, human, tenant).await?;
    let overview = &visit.overview;
    let answer = ctx.call_tenant(&visit.seat, Command::ListEnrollments).await?;
    let Outcome::Enrollments(tokens) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    let tokens = tokens.into_iter().map(|token| show_token(overview, token)).collect();
    let view = Enrollment { tenant: visit.tenant.clone(), tokens, form };
    let page = render_enrollment(visit.frame(), &view);
    Ok(visit.answer(status, page))
}

/// 1. The tenant, if one is a member: 404. 2. The page: 200.
async fn show_tokens(ctx: &Ctx) -> Result<Reply, Fault> {
    render(ctx, &signed_in(ctx)?, ctx.incoming.query_value("tenant"), 200, TokenForm::default()).await
}

/// Seconds a token lives.
struct Life(u64);

impl<'de> Deserialize<'de> for Life {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = String::deserialize(deserializer)?.parse().ok().filter(|seconds| (60..=86_400).contains(seconds));
        seconds.map(Self).ok_or_else(|| serde::de::Error::custom("must be 60 to 86400 seconds"))
    }
}

#[derive(Deserialize)]
struct NewToken {
    label: Option<Text<1, 64>>,
    ttl_seconds: Option<Life>,
}

async fn make_token(ctx: &Ctx, human: &Human, posted: &Posted) -> Result<Secret, Fault> {
    let form: NewToken = Posted::parse(ctx)?;
    let (tenant, claim) = (posted.value("tenant"), posted.claim(ctx, human)?);
    let seat = ctx.member_seat(tenant).await?;
    let (minted, secret) = ctx.mint_key(KeyKind::Enrollment, seat.tenant)?;
    let label = form.label.map(Text::into_string);
    let ttl_s = form.ttl_seconds.map_or(86_400, |Life(seconds)| seconds);
    let command = Command::MintEnrollment(MintEnrollment { secret, label: label.clone(), ttl_s });
    let outcome = ask_once(ctx, &seat, claim, command).await?;
    let Outcome::EnrollmentMinted(made) = outcome else { return Err(unexpected(&outcome)) };
    let value = ctx.reveal_key(minted, made.sealed.as_deref())?;
    Ok(Secret { kind: SecretKind::EnrollmentToken, label: label.unwrap_or_default(), value, tenant: tenant.to_owned() })
}

/// 1. The form: 400, 403. 2. The tenant, if one is a member: 404. 3. Mint, go on and show it once: 303.
async fn mint_token(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = signed_in(ctx)?;
    let posted = Posted::read(ctx, Some(&human))?;
    let tenant = posted.value("tenant");
    match make_token(ctx, &human, &posted).await {
        Ok(secret) => {
            let location = build_href("/account/enrollment", &[("tenant", tenant)]);
            redirect_with(ctx, human.session_hash.as_deref().unwrap_or_default(), &location, Notice::Secret(secret))
        }
        Err(fault) => {
            let trouble = Trouble::of(fault)?;
            let form = TokenForm {
                label: posted.entry("label", &trouble),
                ttl_seconds: posted.entry("ttl_seconds", &trouble),
                error: trouble.beside(&["label", "ttl_seconds"]),
            };
            render(ctx, &human, Some(tenant), trouble.status, form).await
        }
    }
}
