//! `/account/leases`: the tree of what was lent, and the two ways a lease ends.

use std::collections::HashMap;

use super::listing::Listing;
use super::posted::Posted;
use super::tenant_visit::{TenantVisit, ask_money, finish, misanswered};
use super::view::confirmation::{Confirmation, ConfirmationKind, render_confirmation};
use super::view::lease::{LeaseNode, Leases, render_leases};
use super::view::part::{build_href, write_dollars};
use super::visit::signed_in;
use crate::domain::form::lease::LeaseForm;
use crate::domain::id::{AgentId, LeaseId, MandateId};
use crate::domain::lease::LeaseStatus;
use crate::domain::limit::LimitClass;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::Seat;
use crate::objects::tenant::money::command::{MoneyCommand, PageOf};
use crate::objects::tenant::money::outcome::MoneyOutcome;
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Get "/account/leases" => show_leases { name: "accountLeases", summary: "Leases, as a tree", access: Console, class: Some(LimitClass::Public), body: None, status: 200 }
    Get "/account/leases/{id}/{verb}" => ask_about_lease { name: "accountAskEndLease", summary: "Ask before a lease is released or revoked", access: Console, class: Some(LimitClass::Public), body: None, status: 200 }
    Post "/account/leases/{id}/{verb}" => end_lease { name: "accountEndLease", summary: "Release or revoke a lease", access: Console, class: Some(LimitClass::Public), body: Form, status: 303 }
};

const STATUSES: [&str; 5] = ["active", "exhausted", "released", "revoked", "expired"];
/// Leases shown, in pages of one hop each.
const LEASES_MAX: usize = 500;
const PAGE: u64 = 100;

/// 1. The tenant, if one is a member: 404; the filters: 400. 2. The newest leases, made a tree. 3. The page: 200.
async fn show_leases(ctx: &Ctx) -> Result<Reply, Fault> {
    let visit = TenantVisit::of_page(ctx).await?;
    let mandate_id = ctx.filter("mandate", |text| MandateId::parse(text).ok())?;
    let child_agent_id = ctx.agent_filter("agent", &visit.seat)?;
    let status = ctx.filter("status", LeaseStatus::parse)?;
    let mut leases: Vec<LeaseForm> = Vec::new();
    let mut before = None;
    while leases.len() <= LEASES_MAX {
        let page = PageOf { limit: PAGE, before };
        let outcome = visit.ask(ctx, MoneyCommand::ListLeases { page, parent_agent_id: None, child_agent_id, mandate_id, status }).await?;
        let MoneyOutcome::Leases(more) = outcome else { return Err(misanswered(outcome)) };
        let is_last = u64::try_from(more.len()).unwrap_or(u64::MAX) < PAGE;
        leases.extend(more);
        before = leases.last().map(|lease| lease.id);
        if is_last {
            break;
        }
    }
    let is_cut = leases.len() > LEASES_MAX;
    leases.truncate(LEASES_MAX);
    let listing = Listing::read(ctx, "/account/leases", &visit.tenant);
    let view = Leases {
        tenant: visit.tenant.clone(),
        roots: grow_tree(leases, &|id| visit.name_agent(id)),
        filters: listing.filters(&STATUSES),
        narrowed: listing.narrowed(child_agent_id.map(|id| visit.name_agent(id))),
        cut_at: is_cut.then(|| u64::try_from(LEASES_MAX).unwrap_or(u64::MAX)),
    };
    let page = render_leases(visit.frame(), &view);
    Ok(visit.answer(200, page))
}

/// The leases as trees, in the order given; one whose parent is not among them stands at the top.
fn grow_tree(leases: Vec<LeaseForm>, name: &impl Fn(AgentId) -> String) -> Vec<LeaseNode> {
    let known: Vec<LeaseId> = leases.iter().map(|lease| lease.id).collect();
    let mut by_parent: HashMap<Option<LeaseId>, Vec<LeaseForm>> = HashMap::new();
    for lease in leases {
        let parent = lease.parent_lease_id.filter(|id| known.contains(id));
        by_parent.entry(parent).or_default().push(lease);
    }
    grow_branch(None, &mut by_parent, name)
}

/// A lease is lent from an older one, so this ends.
fn grow_branch(
    parent: Option<LeaseId>,
    by_parent: &mut HashMap<Option<LeaseId>, Vec<LeaseForm>>,
    name: &impl Fn(AgentId) -> String,
) -> Vec<LeaseNode> {
    let here = by_parent.remove(&parent).unwrap_or_default();
    let grow = |lease: LeaseForm| LeaseNode {
        child_label: name(lease.child_agent_id),
        parent_label: name(lease.parent_agent_id),
        children: grow_branch(Some(lease.id), by_parent, name),
        lease,
    };
    here.into_iter().map(grow).collect()
}

/// How a lease is ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Release,
    Revoke,
}

impl Verb {
    fn read(ctx: &Ctx) -> Result<Self, Fault> {
        match ctx.param("verb") {
            "release" => Ok(Self::Release),
            "revoke" => Ok(Self::Revoke),
            _ => Err(Fault::not_found()),
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Release => "Release",
            Self::Revoke => "Revoke",
        }
    }

    const fn consequence(self) -> &'static str {
        match self {
            Self::Release => "What is left goes back at once, what is held when it is freed. This cannot be undone.",
            Self::Revoke => {
                "It ends with everything lent on from it: what is held is released, and all that is not spent goes back. This cannot be undone."
            }
        }
    }
}

fn lease_id(ctx: &Ctx) -> Result<LeaseId, Fault> {
    LeaseId::parse(ctx.param("id")).map_err(|_| Fault::not_found())
}

/// 1. The tenant, the lease and the verb: 404. 2. Ask: 200.
async fn ask_about_lease(ctx: &Ctx) -> Result<Reply, Fault> {
    let (verb, lease_id) = (Verb::read(ctx)?, lease_id(ctx)?);
    let visit = TenantVisit::of_page(ctx).await?;
    let outcome = visit.ask(ctx, MoneyCommand::GetLease { lease_id }).await?;
    let MoneyOutcome::Lease(lease) = outcome else { return Err(misanswered(outcome)) };
    let amounts =
        [("Lent", lease.amount), ("Spent", lease.captured), ("Held", lease.reserved), ("Lent on", lease.leased), ("Left", lease.remaining)];
    let mut facts =
        vec![("From".to_owned(), visit.name_agent(lease.parent_agent_id)), ("To".to_owned(), visit.name_agent(lease.child_agent_id))];
    facts.extend(amounts.map(|(name, amount)| (name.to_owned(), write_dollars(amount))));
    let view = Confirmation {
        question: format!("{} this lease?", verb.word()),
        consequence: verb.consequence().to_owned(),
        facts,
        action: format!("/account/leases/{lease_id}/{}", ctx.param("verb")),
        verb: verb.word().to_owned(),
        back: build_href("/account/leases", &[("tenant", &visit.tenant)]),
        tenant: visit.tenant.clone(),
        kind: ConfirmationKind::Ending,
    };
    let page = render_confirmation(visit.frame(), &view);
    Ok(visit.answer(200, page))
}

async fn end(ctx: &Ctx, seat: &Seat, lease_id: LeaseId, verb: Verb) -> Result<String, Fault> {
    let command = match verb {
        Verb::Release => MoneyCommand::ReleaseLease { lease_id },
        Verb::Revoke => MoneyCommand::RevokeLease { lease_id },
    };
    match ask_money(ctx, seat, command).await? {
        MoneyOutcome::Lease(lease) => {
            Ok(format!("The lease is {}. {} went back.", lease.status.as_str(), write_dollars(lease.returned_amount)))
        }
        other => Err(misanswered(other)),
    }
}

/// 1. The form: 403. 2. The tenant, the lease and the verb: 404. 3. End it, or say why not. 4. Go on to the tree: 303.
async fn end_lease(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = signed_in(ctx)?;
    let posted = Posted::read(ctx, Some(&human))?;
    let (verb, lease_id) = (Verb::read(ctx)?, lease_id(ctx)?);
    let tenant = posted.value("tenant");
    let seat = ctx.member_seat(tenant).await?;
    let result = end(ctx, &seat, lease_id, verb).await;
    finish(ctx, &human, &build_href("/account/leases", &[("tenant", tenant)]), result)
}
