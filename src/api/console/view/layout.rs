//! The frame around every page: head, skip link, header with the tenant switcher, navigation, footer.

use maud::{DOCTYPE, Markup, html};

use super::form::render_form;
use super::notice::{Notice, render_notice};
use super::part::{build_href, write_number};
use crate::api::console::asset::{ICON, SCRIPT, STYLE};
use crate::domain::time::Timestamp;

/// What every page is given.
pub struct Frame {
    pub now: Timestamp,
    /// The token that every form on the page carries.
    pub csrf: String,
    /// Of this page view alone: a form that carries it does its work once, however often it is sent.
    pub form_key: String,
    /// None when signed out.
    pub viewer: Option<Viewer>,
    pub notice: Option<Notice>,
}

/// The human who looks at the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    pub email: String,
    pub is_operator: bool,
    /// The slugs of the tenants they belong to, in the order shown.
    pub tenants: Vec<String>,
    /// The one the page is about.
    pub tenant: Option<String>,
    /// Approvals that wait there.
    pub approvals_waiting: u64,
    /// Whether all spending there is stopped.
    pub is_stopped: bool,
}

/// The pages of the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    Overview,
    Orders,
    Approvals,
    Mandates,
    Payments,
    Leases,
    Wallets,
    Billing,
    Agents,
    Keys,
    Enrollment,
    Webhooks,
    Audit,
    Tenants,
    Settings,
    Operator,
}

impl Section {
    /// What belongs together stands together: the trade, the money, the agents, what leaves a trace, the house.
    const GROUPS: [&[Self]; 5] = [
        &[Self::Overview, Self::Orders],
        &[Self::Approvals, Self::Mandates, Self::Payments, Self::Leases, Self::Wallets, Self::Billing],
        &[Self::Agents, Self::Keys, Self::Enrollment],
        &[Self::Webhooks, Self::Audit],
        &[Self::Tenants, Self::Settings, Self::Operator],
    ];

    pub const fn path(self) -> &'static str {
        match self {
            Self::Overview => "/account",
            Self::Orders => "/account/orders",
            Self::Approvals => "/account/approvals",
            Self::Mandates => "/account/mandates",
            Self::Payments => "/account/payments",
            Self::Leases => "/account/leases",
            Self::Wallets => "/account/wallets",
            Self::Billing => "/account/billing",
            Self::Agents => "/account/agents",
            Self::Keys => "/account/keys",
            Self::Enrollment => "/account/enrollment",
            Self::Webhooks => "/account/webhooks",
            Self::Audit => "/account/audit",
            Self::Tenants => "/account/tenants",
            Self::Settings => "/account/settings",
            Self::Operator => "/account/operator",
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Orders => "Orders",
            Self::Approvals => "Approvals",
            Self::Mandates => "Mandates",
            Self::Payments => "Payments",
            Self::Leases => "Leases",
            Self::Wallets => "Wallets",
            Self::Billing => "Billing",
            Self::Agents => "Agents",
            Self::Keys => "Keys",
            Self::Enrollment => "Enrollment",
            Self::Webhooks => "Webhooks",
            Self::Audit => "Audit",
            Self::Tenants => "Tenants",
            Self::Settings => "Settings",
            Self::Operator => "Operator",
        }
    }

    /// Whether the page shows one tenant, so that switching stays on it.
    const fn is_of_tenant(self) -> bool {
        !matches!(self, Self::Overview | Self::Tenants | Self::Settings | Self::Operator)
    }

    /// Its address; it names the tenant one is at, so that the next page stays there.
    pub fn href(self, tenant: Option<&str>) -> String {
        tenant.map_or_else(|| self.path().to_owned(), |tenant| build_href(self.path(), &[("tenant", tenant)]))
    }
}

/// A page of the console for someone signed in; `body` starts with the page's `h1`.
pub fn render_console(frame: &Frame, section: Section, title: &str, heading: &Markup, body: &Markup) -> Markup {
    render_document(
        title,
        "console",
        &html! {
            (render_header(frame, Some(section)))
            div.shell {
                @if let Some(viewer) = &frame.viewer { (render_navigation(viewer, section)) }
                main id="main" tabindex="-1" {
                    (heading)
                    (render_notice(frame.notice.as_ref()))
                    @if let Some(viewer) = frame.viewer.as_ref().filter(|_| section != Section::Wallets) { (render_stop(viewer)) }
                    (body)
                }
            }
            (render_footer())
        },
    )
}

/// A narrow page with one thing on it: sign-in, register, confirm, an error.
pub fn render_card(frame: &Frame, title: &str, body: &Markup) -> Markup {
    render_document(
        title,
        "card-page",
        &html! {
            (render_header(frame, None))
            main.card-main id="main" tabindex="-1" {
                (render_notice(frame.notice.as_ref()))
                div.card { (body) }
            }
            (render_footer())
        },
    )
}

/// A wide page without navigation: the front.
pub fn render_open(frame: &Frame, title: &str, body: &Markup) -> Markup {
    render_document(
        title,
        "open",
        &html! {
            (render_header(frame, None))
            main id="main" tabindex="-1" { (body) }
            (render_footer())
        },
    )
}

/// A card for who knows whom: it is drawn without asking who looks.
pub fn render_bare(title: &str, body: &Markup) -> Markup {
    render_document(
        title,
        "card-page",
        &html! {
            header.top {
                a.brand href="/" { (render_mark()) span { "Guildhall" } }
                nav.who aria-label="Account" { a href="/account" { "Your account" } }
            }
            main.card-main id="main" tabindex="-1" { div.card { (body) } }
            (render_footer())
        },
    )
}

fn render_document(title: &str, kind: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Guildhall" }
                link rel="icon" type="image/svg+xml" href=(ICON.href());
                link rel="stylesheet" href=(STYLE.href());
                script src=(SCRIPT.href()) defer {}
            }
            body class=(kind) {
                a.skip href="#main" { "Skip to content" }
                (body)
            }
        }
    }
}

/// The mark of the house: a stepped gable over a door.
fn render_mark() -> Markup {
    html! {
        svg.mark viewBox="0 0 32 32" aria-hidden="true" focusable="false" {
            path fill-rule="evenodd" d="M3 29V16h4.5v-5.5H12V5h8v5.5h4.5V16H29v13zm9.5 0h7v-5.5a3.5 3.5 0 0 0-7 0z" {}
        }
    }
}

fn render_header(frame: &Frame, section: Option<Section>) -> Markup {
    html! {
        header.top {
            a.brand href="/" { (render_mark()) span { "Guildhall" } }
            @match &frame.viewer {
                Some(viewer) => {
                    (render_switcher(viewer, section.unwrap_or(Section::Overview)))
                    div.who {
                        span.who-mail title=(viewer.email) { (viewer.email) }
                        (render_form("/account/sign-out", &frame.csrf, None, &html! { button.button.small type="submit" { "Sign out" } }))
                    }
                }
                None => {
                    nav.who aria-label="Account" {
                        a href="/account" { "Sign in" }
                        a.button.small href="/account/register" { "Create account" }
                    }
                }
            }
        }
    }
}

/// Links to the same page of the other tenants. A `details` element, so it opens without a script.
fn render_switcher(viewer: &Viewer, section: Section) -> Markup {
    let section = if section.is_of_tenant() { section } else { Section::Billing };
    html! {
        @if let Some(current) = &viewer.tenant {
            details.switcher {
                summary { span.unseen { "Tenant: " } span.switcher-name { (current) } }
                div.switcher-list {
                    ul {
                        @for tenant in &viewer.tenants {
                            li {
                                a href=(section.href(Some(tenant))) aria-current=[(tenant == current).then_some("true")] { (tenant) }
                            }
                        }
                    }
                    a.switcher-all href="/account/tenants" { "All tenants" }
                }
            }
        }
    }
}

fn render_navigation(viewer: &Viewer, here: Section) -> Markup {
    let shown = |section: &&Section| viewer.is_operator || **section != Section::Operator;
    html! {
        nav.side aria-label="Console" {
            div.side-groups {
                @for group in Section::GROUPS {
                    ul {
                        @for section in group.iter().filter(shown) { li { (render_place(viewer, *section, *section == here)) } }
                    }
                }
            }
        }
    }
}

fn render_place(viewer: &Viewer, section: Section, is_here: bool) -> Markup {
    let waiting = if section == Section::Approvals { viewer.approvals_waiting } else { 0 };
    html! {
        a href=(section.href(viewer.tenant.as_deref())) aria-current=[is_here.then_some("page")] {
            (section.label())
            @if waiting > 0 { " " span.waiting { (write_number(waiting)) span.unseen { " waiting" } } }
        }
    }
}

/// That nothing is spent is said on every page of the tenant.
fn render_stop(viewer: &Viewer) -> Markup {
    html! {
        @if viewer.is_stopped {
            p.notice.notice-trouble { "All spending is stopped. " a href=(Section::Wallets.href(viewer.tenant.as_deref())) { "See why, or resume it" } }
        }
    }
}

fn render_footer() -> Markup {
    html! {
        footer.bottom {
            p { "All times are UTC. Money is sandbox money unless a wallet says " em { "live" } "." }
            ul {
                li { a href="/" { "Front page" } }
                li { a href="/skill.md" { "For agents" } }
                li { a href="/llms.txt" { "llms.txt" } }
                li { a href="/.well-known/motecloud-billing.json" { "Prices" } }
            }
        }
    }
}
