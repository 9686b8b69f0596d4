//! `/account/leases`: budget lent from agent to agent, as the tree it is.

use maud::{Markup, html};

use super::gauge::{Stretch, render_gauge};
use super::layout::{Frame, Section, render_console};
use super::part::{
    Filter, Tone, build_href, encode_component, render_badge, render_distance, render_empty, render_filters, render_heading, write_dollars,
};
use super::payment::render_narrowed;
use crate::domain::form::lease::LeaseForm;
use crate::domain::lease::LeaseStatus;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leases {
    /// The slug.
    pub tenant: String,
    /// Those whose parent is not shown, newest first.
    pub roots: Vec<LeaseNode>,
    pub filters: Vec<Filter>,
    pub narrowed: Option<(String, String)>,
    /// When there are more: how many are shown, the newest.
    pub cut_at: Option<u64>,
}

/// A lease and what was lent on from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseNode {
    pub lease: LeaseForm,
    pub child_label: String,
    pub parent_label: String,
    pub children: Vec<LeaseNode>,
}

pub fn render_leases(frame: &Frame, view: &Leases) -> Markup {
    render_console(
        frame,
        Section::Leases,
        "Leases",
        &render_heading("Leases", "Budget that agents lent to agents. What is not spent goes back to where it came from."),
        &html! {
            (render_filters("Which leases", &view.filters))
            (render_narrowed(view.narrowed.as_ref()))
            @if view.roots.is_empty() {
                (render_empty("No lease here. An agent lends with POST /v1/spend-guard/budget-leases, from its mandate or from a lease it holds."))
            } @else {
                (render_nodes(frame, &view.tenant, &view.roots, "tree"))
            }
            @if let Some(count) = view.cut_at { p.quiet { "The newest " (count) " are shown. Choose a mandate to see older ones of it." } }
        },
    )
}

fn render_nodes(frame: &Frame, tenant: &str, nodes: &[LeaseNode], class: &str) -> Markup {
    html! {
        ul class=(class) {
            @for node in nodes {
                li {
                    (render_lease(frame, tenant, node))
                    @if !node.children.is_empty() { (render_nodes(frame, tenant, &node.children, "branch")) }
                }
            }
        }
    }
}

const fn tone_of(status: LeaseStatus) -> Tone {
    match status {
        LeaseStatus::Active => Tone::Good,
        LeaseStatus::Exhausted => Tone::Warning,
        LeaseStatus::Released | LeaseStatus::Revoked | LeaseStatus::Expired => Tone::Quiet,
    }
}

fn render_lease(frame: &Frame, tenant: &str, node: &LeaseNode) -> Markup {
    let lease = &node.lease;
    let words = format!(
        "{} spent, {} held, {} lent on of {}",
        write_dollars(lease.captured),
        write_dollars(lease.reserved),
        write_dollars(lease.leased),
        write_dollars(lease.amount)
    );
    html! {
        article.lease {
            div.section-head {
                h2 { span.quiet { bdi { (node.parent_label) } " → " } bdi { (node.child_label) } }
                (render_badge(lease.status.as_str(), tone_of(lease.status)))
                (render_acts(tenant, node))
            }
            p.limit-left { strong { (write_dollars(lease.remaining)) } " left of " (write_dollars(lease.amount)) }
            (render_gauge(&words, lease.amount, &[(Stretch::Spent, lease.captured), (Stretch::Held, lease.reserved), (Stretch::Lent, lease.leased)]))
            p.sub {
                span.key-spent { (write_dollars(lease.captured)) " spent" } " "
                span.key-held { (write_dollars(lease.reserved)) " held" } " "
                span.key-lent { (write_dollars(lease.leased)) " lent on" }
                @if !lease.returned_amount.is_zero() { " " span { (write_dollars(lease.returned_amount)) " went back" } }
                @if let Some(at) = lease.expires_at.filter(|_| lease.status == LeaseStatus::Active) { " " span { "expires " (render_distance(frame.now, at)) } }
            }
        }
    }
}

/// The two ways a lease ends, each by way of a page that asks. What was lent on from it has to end first, or with it.
fn render_acts(tenant: &str, node: &LeaseNode) -> Markup {
    let id = encode_component(&node.lease.id.to_string());
    let href = |verb: &str| build_href(&format!("/account/leases/{id}/{verb}"), &[("tenant", tenant)]);
    let is_lent_on = node.children.iter().any(|child| child.lease.status == LeaseStatus::Active);
    html! {
        @if node.lease.status == LeaseStatus::Active {
            div.section-acts {
                @if !is_lent_on { a href=(href("release")) { "Release" span.unseen { " the lease of " bdi { (node.child_label) } } } }
                a.danger href=(href("revoke")) { "Revoke" span.unseen { " the lease of " bdi { (node.child_label) } } }
            }
        }
    }
}
