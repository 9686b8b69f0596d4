//! `/account/tenants`: list and create.

use serde::Deserialize;

use super::posted::{Posted, Trouble};
use super::tenant_data::show_name;
use super::view::notice::Notice;
use super::view::part::{build_href, write_dollars};
use super::view::tenant::{TenantForm, TenantRow, Tenants, render_tenants};
use super::visit::{Visit, redirect_with, signed_in};
use crate::domain::limit::LimitClass;
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;
use crate::http::birth::bear_for_user;
use crate::http::context::Ctx;
use crate::http::credential::Human;
use crate::http::fault::Fault;
use crate::http::field::Text;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Get "/account/tenants" => show_tenants { name: "accountTenants", summary: "The tenants one belongs to", access: Console, class: Some(LimitClass::Public), body: None, status: 200 }
    Post "/account/tenants" => create_tenant { name: "accountCreateTenant", summary: "Create a tenant", access: Console, class: Some(LimitClass::TenantCreate), body: Form, status: 303 }
};

async fn render(ctx: &Ctx, human: &Human, status: u16, form: TenantForm) -> Result<Reply, Fault> {
    let visit = Visit::of_page(ctx, human).await?;
    let row = |row: &crate::store::tenant::Membership| TenantRow {
        tenant: row.slug.to_string(),
        tenant_uuid: row.tenant_uuid.to_string(),
        name: show_name(&row.name, &row.slug),
        role: row.role.clone(),
        plan: row.plan.clone(),
        created_at: Timestamp::from_ms(row.created_at_ms),
    };
    let page = render_tenants(&visit.frame, &Tenants { tenants: visit.memberships.iter().map(row).collect(), form });
    Ok(visit.answer(status, page))
}

/// 1. The page: 200.
async fn show_tenants(ctx: &Ctx) -> Result<Reply, Fault> {
    render(ctx, &signed_in(ctx)?, 200, TenantForm::default()).await
}

#[derive(Deserialize)]
struct NewTenant {
    tenant_id: Slug,
    name: Option<Text<1, 128>>,
}

/// 1. The form: 400, 403. 2. Claim the name and bear the tenant: 400, 409. 3. Go on: 303.
async fn create_tenant(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = signed_in(ctx)?;
    let posted = Posted::read(ctx, Some(&human))?;
    let born = match Posted::parse::<NewTenant>(ctx) {
        Ok(form) => {
            let name = form.name.as_ref().map_or(form.tenant_id.as_str(), Text::as_str);
            bear_for_user(ctx, human.user_id, &form.tenant_id, name).await
        }
        Err(fault) => Err(fault),
    };
    match born {
        Ok(born) => {
            let text = format!("The tenant {} is yours, with {} of sandbox credit.", born.slug, write_dollars(born.credit_micros));
            let location = build_href("/account/tenants", &[("tenant", born.slug.as_str())]);
            redirect_with(ctx, human.session_hash.as_deref().unwrap_or_default(), &location, Notice::Done(text))
        }
        Err(fault) => {
            let trouble = Trouble::of(fault)?;
            let form = TenantForm {
                tenant: posted.entry("tenant_id", &trouble),
                name: posted.entry("name", &trouble),
                error: trouble.beside(&["tenant_id", "name"]),
            };
            render(ctx, &human, trouble.status, form).await
        }
    }
}
