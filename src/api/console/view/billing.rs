//! `/account/billing`: balance, thirty days of spend, the ledger's latest entries, sandbox funding.

use maud::{Markup, html};

use super::form::{Entry, Field, render_form_error, render_form_once, render_submit};
use super::layout::{Frame, Section, render_console};
use super::part::{Column, build_href, render_empty, render_heading, render_moment, render_table, write_count, write_dollars};
use super::plot::{DaySum, SPEND, fill_days, render_plot, sum_days};
use crate::domain::money::Micros;
use crate::domain::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Billing {
    /// The slug.
    pub tenant: String,
    pub wallet_id: String,
    /// Whether the wallet holds sandbox money.
    pub is_sandbox: bool,
    pub available: Micros,
    /// Set aside for work in progress.
    pub held: Micros,
    pub query_price: Micros,
    /// Days without spend may be missing.
    pub spend: Vec<DaySum>,
    /// Newest first.
    pub activity: Vec<Activity>,
    pub fund: FundForm,
}

/// An entry of the ledger, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    pub at: Timestamp,
    /// The slug.
    pub tenant: String,
    pub what: String,
    pub agent_label: Option<String>,
    pub flow: Flow,
    pub amount: Micros,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    In,
    Out,
    Held,
    Released,
    /// No money moved.
    None,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FundForm {
    /// Dollars with at most two places.
    pub amount: Entry,
    pub error: Option<String>,
}

pub fn render_billing(frame: &Frame, view: &Billing) -> Markup {
    let lead = if view.is_sandbox { "Sandbox money: it buys everything here and nothing outside." } else { "Live money." };
    render_console(
        frame,
        Section::Billing,
        "Billing",
        &render_heading("Billing", lead),
        &html! {
            section aria-labelledby="balance" {
                h2.unseen id="balance" { "Balance of " (view.tenant) }
                (render_balance(frame.now, view))
            }
            section aria-labelledby="spend" {
                h2 id="spend" { "Spend, last 30 days" }
                (render_plot(frame.now, SPEND, &view.spend))
            }
            section aria-labelledby="activity" {
                h2 id="activity" { "Recent activity" }
                (render_activity(&view.activity, false))
            }
            @if view.is_sandbox {
                section.panel aria-labelledby="fund" {
                    h2 id="fund" { "Fund the wallet" }
                    (render_form_once("/account/billing/fund", frame, "", &view.tenant, &render_fund_fields(view)))
                }
            }
        },
    )
}

fn render_balance(now: Timestamp, view: &Billing) -> Markup {
    let spent = sum_days(&fill_days(now, &view.spend));
    let queries = view.available.get().checked_div(view.query_price.get());
    html! {
        dl.figures-row {
            div.figure-main {
                dt { "Available" }
                dd {
                    (write_dollars(view.available))
                    @if let Some(queries) = queries { small { "enough for " (write_count(queries, "query", "queries")) } }
                }
            }
            div { dt { "Held" } dd { (write_dollars(view.held)) small { "for work in progress" } } }
            div { dt { "Spent, 30 days" } dd { (write_dollars(spent)) small { (write_dollars(view.query_price)) " a query" } } }
        }
        p.quiet { "Wallet " code { (view.wallet_id) } }
    }
}

fn render_fund_fields(view: &Billing) -> Markup {
    html! {
        input type="hidden" name="wallet_id" value=(view.wallet_id);
        (render_form_error(view.fund.error.as_ref()))
        (Field::text("amount", "amount", "Amount in dollars", &view.fund.amount)
            .decimal()
            .hint("Sandbox money, at once. From 0.01 to 10,000 at a time, for example 5 or 2.50."))
        (render_submit("Add money"))
    }
}

/// A table of ledger entries: few columns, so that a telephone shows the amount; `with_tenant` adds whose they are.
pub fn render_activity(activity: &[Activity], with_tenant: bool) -> Markup {
    if activity.is_empty() {
        return render_empty("Nothing has happened yet.");
    }
    let columns = [Column::text("When"), Column::text("What"), Column::number("Amount")];
    let rows = html! {
        @for row in activity {
            tr {
                td { (render_moment(row.at)) }
                th scope="row" {
                    (row.what)
                    span.sub {
                        @if with_tenant { a href=(build_href("/account/billing", &[("tenant", &row.tenant)])) { (row.tenant) } }
                        @if let Some(agent) = &row.agent_label { @if with_tenant { " · " } (agent) }
                    }
                }
                td.number { (render_flow(row.flow, row.amount)) }
            }
        }
    };
    html! { div.activity { (render_table("Recent activity", &columns, &rows)) } }
}

fn render_flow(flow: Flow, amount: Micros) -> Markup {
    let amount = write_dollars(amount);
    match flow {
        Flow::In => html! { span.flow-in { "+" (amount) } },
        Flow::Out => html! { "\u{2212}" (amount) },
        Flow::Held => html! { span.quiet { "held " (amount) } },
        Flow::Released => html! { span.quiet { "released " (amount) } },
        Flow::None => html! {},
    }
}
