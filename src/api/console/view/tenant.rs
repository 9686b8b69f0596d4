//! `/account/tenants`: list and create.

use maud::{Markup, html};

use super::form::{Entry, Field, render_form, render_form_error, render_submit};
use super::layout::{Frame, Section, render_console};
use super::part::{Column, Tone, build_href, render_badge, render_empty, render_heading, render_moment, render_table};
use crate::domain::time::Timestamp;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tenants {
    pub tenants: Vec<TenantRow>,
    pub form: TenantForm,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRow {
    /// The slug.
    pub tenant: String,
    pub tenant_uuid: String,
    pub name: Option<String>,
    pub role: String,
    pub plan: String,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantForm {
    pub tenant: Entry,
    pub name: Entry,
    pub error: Option<String>,
}

const COLUMNS: [Column; 5] =
    [Column::text("Tenant"), Column::text("Name"), Column::text("Role"), Column::text("Plan"), Column::text("Created")];

pub fn render_tenants(frame: &Frame, view: &Tenants) -> Markup {
    render_console(
        frame,
        Section::Tenants,
        "Tenants",
        &render_heading("Tenants", "A tenant holds money, agents and their memory, and shares none of it with another."),
        &html! {
            section aria-labelledby="yours" {
                h2 id="yours" { "Yours" }
                @if view.tenants.is_empty() { (render_empty("None yet.")) } @else { (render_rows(&view.tenants)) }
            }
            section.panel aria-labelledby="create" {
                h2 id="create" { "Create a tenant" }
                (render_form("/account/tenants", &frame.csrf, None, &render_fields(&view.form)))
            }
        },
    )
}

fn render_rows(tenants: &[TenantRow]) -> Markup {
    let rows = html! {
        @for row in tenants {
            tr {
                th scope="row" {
                    a href=(build_href("/account/billing", &[("tenant", &row.tenant)])) { (row.tenant) }
                    code.sub { (row.tenant_uuid) }
                }
                td { @if let Some(name) = &row.name { (name) } @else { span.quiet { "none" } } }
                td { (row.role) }
                td { (render_badge(&row.plan, Tone::Quiet)) }
                td { (render_moment(row.created_at)) }
            }
        }
    };
    render_table("Your tenants", &COLUMNS, &rows)
}

fn render_fields(form: &TenantForm) -> Markup {
    html! {
        (render_form_error(form.error.as_ref()))
        (Field::text("tenant-id", "tenant_id", "Tenant id", &form.tenant)
            .pattern("[a-z0-9](-?[a-z0-9])+")
            .hint("3 to 40 characters: a-z, 0-9 and single hyphens between them. It is yours for ever, and cannot be changed."))
        (Field::text("tenant-name", "name", "Name", &form.name).optional().hint("What people call it."))
        (render_submit("Create tenant"))
    }
}
