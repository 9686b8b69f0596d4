//! `/account/wallets`: the money, and the switch that stops all of it.

use maud::{Markup, html};

use super::layout::{Frame, Section, render_console};
use super::part::{Pager, Tone, build_href, render_badge, render_heading, render_moment, render_pager, write_dollars};
use crate::domain::money::Micros;
use crate::domain::time::Timestamp;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wallets {
    /// The slug.
    pub tenant: String,
    pub wallets: Vec<WalletCard>,
    pub pager: Pager,
    pub stop: StopState,
}

/// A wallet at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalletCard {
    pub wallet_id: String,
    pub name: Option<String>,
    pub is_sandbox: bool,
    /// Whether spending that names no wallet is from it.
    pub is_default: bool,
    pub available: Micros,
    pub held: Micros,
}

/// The kill switch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StopState {
    pub is_on: bool,
    pub reason: Option<String>,
    /// Who turned it last, and when.
    pub changed: Option<(String, Timestamp)>,
}

pub fn render_wallets(frame: &Frame, view: &Wallets) -> Markup {
    render_console(
        frame,
        Section::Wallets,
        "Wallets",
        &render_heading("Wallets", "What there is to spend, and the one switch that stops all spending."),
        &html! {
            (render_switch(&view.tenant, &view.stop))
            section aria-labelledby="wallets" {
                div.section-head {
                    h2 id="wallets" { "Balances" }
                    a href=(build_href("/account/billing", &[("tenant", &view.tenant)])) { "Add sandbox money" }
                }
                ul.cards { @for wallet in &view.wallets { li { (render_card(wallet)) } } }
                (render_pager(&view.pager))
            }
        },
    )
}

fn render_switch(tenant: &str, stop: &StopState) -> Markup {
    let href = |verb: &str| build_href(&format!("/account/wallets/spending/{verb}"), &[("tenant", tenant)]);
    html! {
        section.switch.switch-on[stop.is_on] aria-labelledby="switch" {
            div {
                h2 id="switch" { @if stop.is_on { "All spending is stopped" } @else { "Spending runs" } }
                @if stop.is_on {
                    p { "Payments, reservations, leases, tokens and metered queries are refused." }
                } @else {
                    p.quiet { "Agents spend within their mandates." }
                }
                @if let Some(reason) = &stop.reason { p.said { (reason) } }
                @if let Some((by, at)) = &stop.changed { p.sub { @if stop.is_on { "Stopped by " } @else { "Resumed by " } bdi { (by) } ", " (render_moment(*at)) } }
            }
            @if stop.is_on {
                a.button.primary href=(href("resume")) { "Resume spending" }
            } @else {
                a.button.danger-button href=(href("stop")) { "Stop all spending" }
            }
        }
    }
}

fn render_card(wallet: &WalletCard) -> Markup {
    html! {
        article.tile {
            div.section-head {
                h3 { bdi { (wallet.name.as_deref().unwrap_or(if wallet.is_default { "Default wallet" } else { "Unnamed wallet" })) } }
                @if wallet.is_sandbox { (render_badge("sandbox", Tone::Quiet)) } @else { (render_badge("live", Tone::Good)) }
                @if wallet.is_default && wallet.name.is_some() { (render_badge("default", Tone::Quiet)) }
            }
            p.figure { (write_dollars(wallet.available)) span.figure-unit { "available" } }
            dl.pairs { div { dt { "Reserved and lent" } dd { (write_dollars(wallet.held)) } } }
            p.sub { code { (wallet.wallet_id) } }
        }
    }
}
