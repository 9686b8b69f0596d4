//! `/account/orders`: what the agents of a tenant sell, what that has earned, and what a human has bought.

use maud::{Markup, html};

use super::layout::{Frame, Section, render_console};
use super::part::{
    Column, Filter, Pager, Tone, build_href, encode_component, render_badge, render_distance, render_empty, render_filters, render_heading,
    render_moment, render_pager, render_table, write_dollars, write_words,
};
use super::payment::render_narrowed;
use super::plot::{DaySum, EARNINGS, render_plot};
use crate::domain::form::order::OrderForm;
use crate::domain::form::sheet::EarningSums;
use crate::domain::market::price::Price;
use crate::domain::market::state::OrderStatus;
use crate::domain::money::Micros;

/// The pages about orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    Sold,
    Bought,
    Services,
    Wallets,
}

impl Tab {
    const ALL: [Self; 4] = [Self::Sold, Self::Bought, Self::Services, Self::Wallets];

    pub const fn path(self) -> &'static str {
        match self {
            Self::Sold => "/account/orders",
            Self::Bought => "/account/orders/bought",
            Self::Services => "/account/orders/services",
            Self::Wallets => "/account/orders/wallets",
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Sold => "Sold",
            Self::Bought => "Bought",
            Self::Services => "Services",
            Self::Wallets => "Your wallets",
        }
    }

    /// Its address, which stays at the tenant one is at.
    pub fn href(self, tenant: &str) -> String {
        build_href(self.path(), &[("tenant", tenant)])
    }
}

/// The pages about orders; `here` is the one looked at, unless it is a page of a single thing.
pub fn render_tabs(tenant: &str, here: Option<Tab>) -> Markup {
    let tabs = Tab::ALL.map(|tab| Filter { text: tab.label().to_owned(), href: tab.href(tenant), is_current: here == Some(tab) });
    html! { div.tabs { (render_filters("Orders", &tabs)) } }
}

/// Orders of a tenant's agents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sold {
    /// The slug.
    pub tenant: String,
    /// Newest first.
    pub orders: Vec<SoldRow>,
    pub filters: Vec<Filter>,
    /// What else the list is narrowed to, in words, and the way back to all of it.
    pub narrowed: Option<(String, String)>,
    pub pager: Pager,
    /// On the first page of all orders.
    pub earnings: Option<Earnings>,
}

/// An order and what its agent is called here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoldRow {
    pub order: OrderForm,
    pub agent_label: String,
}

/// What a tenant's orders come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Earnings {
    pub sums: EarningSums,
    /// Days without earnings may be missing.
    pub days: Vec<DaySum>,
    /// Whether the rail that pays agents out moves nothing outside of this house.
    pub is_sandbox: bool,
}

/// Orders of a human's wallets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bought {
    /// The slug.
    pub tenant: String,
    /// Newest first.
    pub orders: Vec<OrderForm>,
    pub pager: Pager,
    pub has_wallets: bool,
}

pub fn render_sold(frame: &Frame, view: &Sold) -> Markup {
    render_console(
        frame,
        Section::Orders,
        "Orders",
        &render_heading("Orders", "What the agents of this tenant sell at the marketplace, and what you buy there yourself."),
        &html! {
            (render_tabs(&view.tenant, Some(Tab::Sold)))
            @if let Some(earnings) = &view.earnings {
                section aria-labelledby="earnings" {
                    div.section-head {
                        h2 id="earnings" { "Earnings" }
                        @if earnings.is_sandbox { (render_sandbox()) }
                    }
                    (render_sums(&earnings.sums))
                    (render_plot(frame.now, EARNINGS, &earnings.days))
                }
            }
            section aria-labelledby="orders" {
                h2 id="orders" { "Orders, newest first" }
                (render_filters("Which orders", &view.filters))
                (render_narrowed(view.narrowed.as_ref()))
                @if view.orders.is_empty() {
                    (render_empty("No order here. An agent offers what it does with POST /api/agents/{id}/services, and buyers order it."))
                } @else {
                    (render_sold_rows(frame, view))
                }
                (render_pager(&view.pager))
            }
        },
    )
}

/// That money is none outside of this house.
pub fn render_sandbox() -> Markup {
    html! { span.badge.badge-warning title="Settled in the ledger of this house alone: no money moves outside of it." { "sandbox" } }
}

fn write_cents(minor: u64) -> String {
    write_dollars(Micros::from_minor(minor).unwrap_or(Micros::MAX))
}

fn render_sums(sums: &EarningSums) -> Markup {
    html! {
        dl.figures-row.figures-four {
            div.figure-main { dt { "Earned" } dd { (write_cents(sums.earned)) small { "after the platform's tenth" } } }
            div { dt { "In escrow" } dd { (write_cents(sums.in_escrow)) small { "paid for, not completed" } } }
            div { dt { "Paid out" } dd { (write_cents(sums.paid_out)) small { "to the agents' wallets" } } }
            div { dt { "Awaiting a wallet" } dd { (write_cents(sums.awaiting_wallet)) small { "paid once one is named" } } }
        }
    }
}

pub const fn tone_of(status: OrderStatus) -> Tone {
    match status {
        OrderStatus::Completed => Tone::Good,
        OrderStatus::Delivered | OrderStatus::Disputed => Tone::Warning,
        OrderStatus::PendingQuote
        | OrderStatus::Quoted
        | OrderStatus::Accepted
        | OrderStatus::Paid
        | OrderStatus::InProgress
        | OrderStatus::Cancelled => Tone::Quiet,
    }
}

pub fn render_status(status: OrderStatus) -> Markup {
    render_badge(&write_words(status.as_str()), tone_of(status))
}

/// A price as people say it.
pub fn write_price(price: Option<Price>) -> String {
    match price {
        None => "to be quoted".to_owned(),
        Some(price) if price.is_zero() => "free".to_owned(),
        Some(price) => write_dollars(price.micros()),
    }
}

/// A long name in a narrow place: `9WzD…AWWM`.
pub fn shorten(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    match (letters.get(..4), letters.get(letters.len().saturating_sub(4)..)) {
        (Some(first), Some(last)) if letters.len() > 12 => first.iter().chain(['\u{2026}'].iter()).chain(last).collect(),
        _ => text.to_owned(),
    }
}

pub fn order_href(tenant: &str, id: &str) -> String {
    build_href(&format!("/account/orders/{}", encode_component(id)), &[("tenant", tenant)])
}

const COLUMNS: [Column; 2] = [Column::text("Order"), Column::number("Price")];

/// A row of a list of orders: what it is, where it leads, whose it is, and when it ends if nobody does anything.
pub fn render_row(frame: &Frame, href: &str, order: &OrderForm, parties: &Markup) -> Markup {
    html! {
        tr {
            th scope="row" {
                a href=(href) { (order.service_title) } " " (render_status(order.status))
                span.sub { (render_moment(order.created_at)) " · " (parties) }
                @if let Some(at) = order.auto_action_at { span.sub { "left alone, it ends " (render_distance(frame.now, at)) } }
            }
            td.number { (write_price(order.quoted_price_usd)) }
        }
    }
}

/// A list of orders; `rows` are of [`render_row`].
pub fn render_orders(caption: &str, rows: &Markup) -> Markup {
    html! { div.activity.titled { (render_table(caption, &COLUMNS, rows)) } }
}

fn render_sold_rows(frame: &Frame, view: &Sold) -> Markup {
    let rows = html! {
        @for row in &view.orders {
            @let agent = row.order.provider_agent_id.to_string();
            (render_row(frame, &order_href(&view.tenant, &row.order.id.to_string()), &row.order, &html! {
                a href=(build_href(Tab::Sold.path(), &[("tenant", &view.tenant), ("agent", &agent)])) { bdi { (row.agent_label) } }
                " for " code title=(row.order.client_wallet) { (shorten(&row.order.client_wallet)) }
            }))
        }
    };
    render_orders("Orders", &rows)
}

pub fn render_bought(frame: &Frame, view: &Bought) -> Markup {
    let rows = html! {
        @for order in &view.orders {
            (render_row(frame, &order_href(&view.tenant, &order.id.to_string()), order, &html! {
                "from " bdi { (order.provider_name) } " with " code title=(order.client_wallet) { (shorten(&order.client_wallet)) }
            }))
        }
    };
    render_console(
        frame,
        Section::Orders,
        "Orders you placed",
        &render_heading("Orders you placed", "What you have bought at the marketplace with the wallets you have proved."),
        &html! {
            (render_tabs(&view.tenant, Some(Tab::Bought)))
            section aria-labelledby="bought" {
                h2.unseen id="bought" { "Orders, newest first" }
                @if !view.has_wallets {
                    (render_first_wallet(&view.tenant))
                } @else if view.orders.is_empty() {
                    div.empty { p { "Nothing bought yet." } a.button href=(Tab::Services.href(&view.tenant)) { "Look at the services" } }
                } @else {
                    (render_orders("Orders you placed", &rows))
                }
                (render_pager(&view.pager))
            }
        },
    )
}

/// What stands where one cannot buy for want of a wallet.
pub fn render_first_wallet(tenant: &str) -> Markup {
    html! {
        div.empty {
            p { "A buyer at the marketplace is a Solana wallet. Prove one of yours once, and you can order, pay and judge here." }
            a.button href=(Tab::Wallets.href(tenant)) { "Prove a wallet" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_shortened_and_short_ones_are_not() {
        assert_eq!(shorten("9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM"), "9WzD\u{2026}AWWM");
        assert_eq!(shorten("ääääääääääääz"), "ääää\u{2026}äääz");
        assert_eq!(shorten("abc"), "abc");
        assert_eq!(shorten(""), "");
    }
}
