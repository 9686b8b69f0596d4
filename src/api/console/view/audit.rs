//! `/account/audit`: every change of the tenant, each entry bound to all before it, and whether the books add up.

use maud::{Markup, html};

use super::layout::{Frame, Section, render_console};
use super::part::{
    Column, Pager, Tone, render_badge, render_heading, render_moment, render_pager, render_table, write_dollars, write_number,
};
use crate::domain::money::Micros;
use crate::domain::time::Timestamp;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audit {
    /// Newest first.
    pub entries: Vec<EntryRow>,
    pub pager: Pager,
    pub check: Check,
}

/// An entry of the chain, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRow {
    pub seq: u64,
    pub at: Timestamp,
    pub what: String,
    /// The id of what it was done to.
    pub object: String,
    /// Nobody, when the house did it by itself.
    pub who: Option<String>,
    pub amount: Option<Micros>,
    /// In hex.
    pub hash: String,
}

/// Whether chain and books were looked at, and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// Not on this page: where it can be asked for.
    NotAsked {
        href: String,
    },
    Done(Verdict),
}

impl Default for Check {
    fn default() -> Self {
        Self::Done(Verdict::default())
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Entries recomputed.
    pub entries: u64,
    /// Where the walk goes on, when one request did not reach the end.
    pub next: Option<String>,
    pub first_bad_seq: Option<u64>,
    /// Whether every balance is what its entries add up to.
    pub books_are_equal: bool,
    pub accounts: u64,
    /// Accounts that differ: their name, what is recorded, what the entries say, in micro-units.
    pub differences: Vec<(String, i64, i64)>,
}

pub fn render_audit(frame: &Frame, view: &Audit) -> Markup {
    render_console(
        frame,
        Section::Audit,
        "Audit",
        &render_heading(
            "Audit",
            "Every change of this tenant, newest first. Each entry holds the hash of all before it, so none can be altered unseen.",
        ),
        &html! {
            section aria-labelledby="check" {
                h2 id="check" { "Does it add up?" }
                @match &view.check {
                    Check::NotAsked { href } => p { "This chain is long. " a href=(href) { "Recompute the chain and the books" } }
                    Check::Done(verdict) => (render_verdict(verdict))
                }
            }
            section aria-labelledby="entries" {
                h2 id="entries" { "Entries" }
                (render_entries(&view.entries))
                (render_pager(&view.pager))
            }
        },
    )
}

fn render_verdict(verdict: &Verdict) -> Markup {
    html! {
        dl.verdicts {
            div {
                dt { "Chain" }
                dd {
                    @match verdict.first_bad_seq {
                        Some(seq) => { (render_badge("broken", Tone::Warning)) " The entry " (seq) " is not what was written." }
                        None => { (render_badge("whole", Tone::Good)) " " (write_number(verdict.entries)) " entries recomputed, every link holds." }
                    }
                    @if let Some(href) = &verdict.next { " " a href=(href) { "Go on from there" } }
                }
            }
            div {
                dt { "Books" }
                dd {
                    @if verdict.books_are_equal {
                        (render_badge("equal", Tone::Good)) " " (write_number(verdict.accounts)) " accounts hold what their entries add up to, and all together nothing."
                    } @else {
                        (render_badge("unequal", Tone::Warning)) " Stop all spending and tell the operator."
                    }
                }
            }
        }
        @if !verdict.differences.is_empty() {
            @let rows = html! {
                @for (account, recorded, recomputed) in &verdict.differences {
                    tr { th scope="row" { code { (account) } } td.number { (recorded) } td.number { (recomputed) } }
                }
            };
            (render_table("Accounts that differ, in millionths of a dollar", &[Column::text("Account"), Column::number("Recorded"), Column::number("Recomputed")], &rows))
        }
    }
}

fn render_entries(entries: &[EntryRow]) -> Markup {
    let columns = [Column::text("When"), Column::text("What"), Column::number("Amount")];
    let rows = html! {
        @for entry in entries {
            tr {
                td { (render_moment(entry.at)) span.sub { "No. " (write_number(entry.seq)) } }
                th scope="row" {
                    (entry.what)
                    span.sub { @if let Some(who) = &entry.who { bdi { (who) } } @else { "the house" } " · " code { (entry.object) } }
                    span.sub { "hash " code title=(entry.hash) { (entry.hash.chars().take(16).collect::<String>()) "…" } }
                }
                td.number { @if let Some(amount) = entry.amount { (write_dollars(amount)) } }
            }
        }
    };
    html! { div.activity { (render_table("Entries of the audit chain", &columns, &rows)) } }
}
