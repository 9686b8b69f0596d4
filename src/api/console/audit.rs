//! `/account/audit`: the chain, and whether it and the books add up.

use super::listing::Listing;
use super::tenant_data::name_action;
use super::tenant_visit::TenantVisit;
use super::view::audit::{Audit, Check, EntryRow, Verdict, render_audit};
use super::view::part::{build_href, write_words};
use crate::domain::event::Action;
use crate::domain::limit::LimitClass;
use crate::http::audit::STEP_ENTRIES;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::page::Page;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::unexpected;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::outcome::{ActivityEntry, Outcome};
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Get "/account/audit" => show_audit { name: "accountAudit", summary: "The audit chain, and whether it adds up", access: Console, class: Some(LimitClass::Public), body: None, status: 200 }
};

/// A plain whole number that an object can count to.
fn read_whole(text: &str) -> Option<u64> {
    let is_plain = (1..=15).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain)
}

fn show_entry(visit: &TenantVisit, view: ActivityEntry) -> EntryRow {
    let entry = view.entry;
    let action = Action::ALL.iter().copied().find(|action| action.as_str() == entry.action);
    EntryRow {
        seq: entry.seq,
        at: entry.at,
        what: action.map_or_else(|| write_words(&entry.action), name_action),
        object: entry.object,
        who: visit.name_actor(&entry.actor).or_else(|| (entry.actor != "house").then(|| entry.actor.clone())),
        amount: entry.amount_micros,
        hash: view.hash.to_string(),
    }
}

/// 1. The tenant, if one is a member: 404; page and `check_after`: 400. 2. Entries, one more than the page holds. 3. A short chain is
/// recomputed at once, a long one when that is asked for. 4. The page: 200.
async fn show_audit(ctx: &Ctx) -> Result<Reply, Fault> {
    let visit = TenantVisit::of_page(ctx).await?;
    let limit = ctx.page_limit()?;
    let before = ctx.page_cursor(read_whole)?;
    let after = ctx.filter("check_after", read_whole)?;
    let answer = ctx.call_tenant(&visit.seat, Command::Activity { limit: limit + 1, before }).await?;
    let Outcome::Activity(entries) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    let is_short = before.is_none() && entries.first().is_some_and(|newest| newest.entry.seq <= STEP_ENTRIES);
    let page = Page::cut(entries, limit, |entry| entry.entry.seq.to_string());
    let check = match after {
        Some(after_seq) => Check::Done(check(ctx, &visit, after_seq).await?),
        None if is_short => Check::Done(check(ctx, &visit, 0).await?),
        None => Check::NotAsked { href: check_href(&visit.tenant, 0) },
    };
    let view = Audit {
        entries: page.data.into_iter().map(|entry| show_entry(&visit, entry)).collect(),
        pager: Listing::read(ctx, "/account/audit", &visit.tenant).pager(page.next_cursor.as_deref()),
        check,
    };
    let page = render_audit(visit.frame(), &view);
    Ok(visit.answer(200, page))
}

fn check_href(tenant: &str, after_seq: u64) -> String {
    build_href("/account/audit", &[("tenant", tenant), ("check_after", &after_seq.to_string())])
}

/// Recomputes the chain after `after_seq`, and every balance.
async fn check(ctx: &Ctx, visit: &TenantVisit, after_seq: u64) -> Result<Verdict, Fault> {
    let walked = ctx.walk_audit(&visit.seat, after_seq).await?;
    let answer = ctx.call_tenant(&visit.seat, Command::Reconcile).await?;
    let Outcome::Reconciled(books) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    let differ = books.accounts.iter().filter(|account| account.recorded_micros != account.recomputed_micros);
    Ok(Verdict {
        entries: walked.entries,
        next: (walked.valid && walked.walked_seq < walked.head_seq).then(|| check_href(&visit.tenant, walked.walked_seq)),
        first_bad_seq: walked.first_bad_seq,
        books_are_equal: books.equal,
        accounts: u64::try_from(books.accounts.len()).unwrap_or(u64::MAX),
        differences: differ.map(|row| (row.account.to_string(), row.recorded_micros, row.recomputed_micros)).collect(),
    })
}
