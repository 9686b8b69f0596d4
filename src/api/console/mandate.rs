//! `/account/mandates`: list, make, suspend, activate, revoke.

use serde::{Deserialize, Deserializer};

use super::listing::Listing;
use super::posted::{Posted, Trouble};
use super::tenant_visit::{TenantVisit, ask_money, ask_money_once, finish, misanswered};
use super::view::confirmation::{Confirmation, ConfirmationKind, render_confirmation};
use super::view::form::Entry;
use super::view::mandate::{MandateCard, Mandates, NewMandate, OneMandate, render_mandate, render_mandates, render_new_mandate};
use super::view::part::{build_href, write_dollars};
use super::visit::signed_in;
use crate::domain::form::mandate::MandateForm;
use crate::domain::id::MandateId;
use crate::domain::limit::LimitClass;
use crate::domain::mandate::MandateStatus;
use crate::domain::money::Micros;
use crate::http::context::Ctx;
use crate::http::credential::Human;
use crate::http::fault::Fault;
use crate::http::field::Text;
use crate::http::lookup::agent_in;
use crate::http::money::{Expiry, MerchantName, read_merchants};
use crate::http::page::Page;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::Seat;
use crate::objects::tenant::money::command::{MandateDraft, MoneyCommand};
use crate::objects::tenant::money::outcome::MoneyOutcome;
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Get "/account/mandates" => show_mandates { name: "accountMandates", summary: "Mandates, with what is used of each limit", access: Console, class: Some(LimitClass::Public), body: None, status: 200 }
    Get "/account/mandates/new" => show_new_mandate { name: "accountNewMandate", summary: "The form for a mandate", access: Console, class: Some(LimitClass::Public), body: None, status: 200 }
    Post "/account/mandates" => create_mandate { name: "accountCreateMandate", summary: "Give an agent a mandate", access: Console, class: Some(LimitClass::Public), body: Form, status: 303 }
    Get "/account/mandates/{id}" => show_mandate { name: "accountMandate", summary: "One mandate", access: Console, class: Some(LimitClass::Public), body: None, status: 200 }
    Get "/account/mandates/{id}/{verb}" => ask_about_mandate { name: "accountAskChangeMandate", summary: "Ask before a mandate is suspended, activated or revoked", access: Console, class: Some(LimitClass::Public), body: None, status: 200 }
    Post "/account/mandates/{id}/{verb}" => change_mandate { name: "accountChangeMandate", summary: "Suspend, activate or revoke a mandate", access: Console, class: Some(LimitClass::Public), body: Form, status: 303 }
};

const STATUSES: [&str; 5] = ["active", "suspended", "exhausted", "expired", "revoked"];

/// 1. The tenant, if one is a member: 404; the filters: 400. 2. Read one more than the page holds. 3. The page: 200.
async fn show_mandates(ctx: &Ctx) -> Result<Reply, Fault> {
    let visit = TenantVisit::of_page(ctx).await?;
    let (limit, page) = ctx.page_of(MandateId::parse)?;
    let (agent_id, status) = (ctx.agent_filter("agent", &visit.seat)?, ctx.filter("status", MandateStatus::parse)?);
    let outcome = visit.ask(ctx, MoneyCommand::ListMandates { page, agent_id, status }).await?;
    let MoneyOutcome::Mandates(mandates) = outcome else { return Err(misanswered(outcome)) };
    let page = Page::cut(mandates, limit, |mandate| mandate.id.to_string());
    let listing = Listing::read(ctx, "/account/mandates", &visit.tenant);
    let view = Mandates {
        tenant: visit.tenant.clone(),
        mandates: page.data.into_iter().map(|mandate| show_card(&visit, mandate)).collect(),
        filters: listing.filters(&STATUSES),
        narrowed: listing.narrowed(agent_id.map(|id| visit.name_agent(id))),
        pager: listing.pager(page.next_cursor.as_deref()),
        has_agents: !visit.active_agents().is_empty(),
    };
    let page = render_mandates(visit.frame(), &view);
    Ok(visit.answer(200, page))
}

fn show_card(visit: &TenantVisit, mandate: MandateForm) -> MandateCard {
    MandateCard { agent_label: visit.name_agent(mandate.agent_id), mandate }
}

/// The mandate of that id: 404.
async fn load_mandate(ctx: &Ctx, seat: &Seat) -> Result<MandateForm, Fault> {
    let mandate_id = MandateId::parse(ctx.param("id")).map_err(|_| Fault::not_found())?;
    match ask_money(ctx, seat, MoneyCommand::GetMandate { mandate_id }).await? {
        MoneyOutcome::Mandate(mandate) => Ok(*mandate),
        other => Err(misanswered(other)),
    }
}

/// 1. The tenant and the mandate: 404. 2. The page: 200.
async fn show_mandate(ctx: &Ctx) -> Result<Reply, Fault> {
    let visit = TenantVisit::of_page(ctx).await?;
    let mandate = load_mandate(ctx, &visit.seat).await?;
    let view = OneMandate { tenant: visit.tenant.clone(), card: show_card(&visit, mandate) };
    let page = render_mandate(visit.frame(), &view);
    Ok(visit.answer(200, page))
}

async fn render_form(ctx: &Ctx, human: &Human, tenant: Option<&str>, status: u16, form: NewMandate) -> Result<Reply, Fault> {
    let visit = TenantVisit::of(ctx, human, tenant).await?;
    let view = NewMandate { tenant: visit.tenant.clone(), agents: visit.active_agents(), ..form };
    let page = render_new_mandate(visit.frame(), &view);
    Ok(visit.answer(status, page))
}

/// 1. The tenant, if one is a member: 404. 2. The page: 200.
async fn show_new_mandate(ctx: &Ctx) -> Result<Reply, Fault> {
    let agent_id = Entry::filled(ctx.incoming.query_value("agent").unwrap_or_default());
    let form = NewMandate { agent_id, ..NewMandate::default() };
    render_form(ctx, &signed_in(ctx)?, ctx.incoming.query_value("tenant"), 200, form).await
}

/// Dollars with at most two places.
struct Dollars(Micros);

impl<'de> Deserialize<'de> for Dollars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let amount = Micros::parse_decimal(text.trim().trim_start_matches('$'), 2);
        amount.map(Self).map_err(|_| serde::de::Error::custom("must be an amount in dollars, such as 5 or 2.50"))
    }
}

#[derive(Deserialize)]
struct MandateFields {
    agent_id: String,
    name: Option<Text<1, 128>>,
    per_transaction_limit: Option<Dollars>,
    daily_limit: Option<Dollars>,
    monthly_limit: Option<Dollars>,
    total_limit: Option<Dollars>,
    approval_threshold: Option<Dollars>,
    merchants: Option<String>,
    expires_on: Option<Expiry>,
}

impl MandateFields {
    fn into_draft(self, ctx: &Ctx) -> Result<MandateDraft, Fault> {
        let limits = [self.per_transaction_limit, self.daily_limit, self.monthly_limit, self.total_limit];
        let [per_transaction, daily, monthly, total] = limits.map(|limit| limit.map(|Dollars(amount)| amount));
        if [per_transaction, daily, monthly, total].iter().all(Option::is_none) {
            return Err(Fault::field("$.total_limit", "is needed, or another of the four limits"));
        }
        let lines = self.merchants.unwrap_or_default();
        let names = lines.lines().map(str::trim).filter(|line| !line.is_empty()).map(MerchantName::parse).collect::<Result<_, _>>();
        Ok(MandateDraft {
            name: self.name.map(Text::into_string),
            per_transaction,
            daily,
            monthly,
            total,
            merchants: read_merchants(names.map_err(|rule| Fault::field("$.merchants", &rule))?, "$.merchants")?,
            actions: Vec::new(),
            approval_threshold: self.approval_threshold.map(|Dollars(amount)| amount),
            expires_at: self.expires_on.map(|expiry| expiry.in_future("$.expires_on", ctx.now)).transpose()?,
            wallet_id: None,
            metadata: serde_json::Map::new(),
        })
    }
}

async fn make_mandate(ctx: &Ctx, human: &Human, posted: &Posted) -> Result<(), Fault> {
    let fields: MandateFields = Posted::parse(ctx)?;
    let claim = posted.claim(ctx, human)?;
    let seat = ctx.member_seat(posted.value("tenant")).await?;
    let agent_id = agent_in(&fields.agent_id, "$.agent_id", &seat)?;
    let draft = fields.into_draft(ctx)?;
    ask_money_once(ctx, &seat, claim, MoneyCommand::CreateMandate { agent_id, draft }).await.map(drop)
}

/// 1. The form: 400, 403. 2. The tenant and the agent: 404. 3. Write it down, once for each form: 409. 4. Go on to the list: 303.
async fn create_mandate(ctx: &Ctx) -> Result<Reply, Fault> {
    const SHOWN: [&str; 9] = [
        "agent_id",
        "name",
        "per_transaction_limit",
        "daily_limit",
        "monthly_limit",
        "total_limit",
        "approval_threshold",
        "merchants",
        "expires_on",
    ];
    let human = signed_in(ctx)?;
    let posted = Posted::read(ctx, Some(&human))?;
    let tenant = posted.value("tenant");
    match make_mandate(ctx, &human, &posted).await {
        Ok(()) => finish(ctx, &human, &list_href(tenant), Ok("The mandate stands.".to_owned())),
        Err(fault) => {
            let trouble = Trouble::of(fault)?;
            let entry = |name| posted.entry(name, &trouble);
            let form = NewMandate {
                agent_id: entry("agent_id"),
                name: entry("name"),
                per_transaction: entry("per_transaction_limit"),
                daily: entry("daily_limit"),
                monthly: entry("monthly_limit"),
                total: entry("total_limit"),
                approval_threshold: entry("approval_threshold"),
                merchants: entry("merchants"),
                expires_on: entry("expires_on"),
                error: trouble.beside(&SHOWN),
                ..NewMandate::default()
            };
            render_form(ctx, &human, Some(tenant), trouble.status, form).await
        }
    }
}

fn list_href(tenant: &str) -> String {
    build_href("/account/mandates", &[("tenant", tenant)])
}

/// What is done to a mandate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Suspend,
    Activate,
    Revoke,
}

impl Verb {
    fn read(ctx: &Ctx) -> Result<Self, Fault> {
        match ctx.param("verb") {
            "suspend" => Ok(Self::Suspend),
            "activate" => Ok(Self::Activate),
            "revoke" => Ok(Self::Revoke),
            _ => Err(Fault::not_found()),
        }
    }

    const fn status(self) -> MandateStatus {
        match self {
            Self::Suspend => MandateStatus::Suspended,
            Self::Activate => MandateStatus::Active,
            Self::Revoke => MandateStatus::Revoked,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Suspend => "Suspend",
            Self::Activate => "Activate",
            Self::Revoke => "Revoke",
        }
    }

    const fn consequence(self) -> &'static str {
        match self {
            Self::Suspend => "Its agent spends nothing new under it until you activate it again. What is held stays held.",
            Self::Activate => "Its agent spends under it again, within its limits.",
            Self::Revoke => {
                "Nothing is spent under it any more, its tokens are dead, what is held is released, and whatever was lent under it is revoked with it. This cannot be undone."
            }
        }
    }
}

/// 1. The tenant, the mandate and the verb: 404. 2. Ask: 200.
async fn ask_about_mandate(ctx: &Ctx) -> Result<Reply, Fault> {
    let verb = Verb::read(ctx)?;
    let visit = TenantVisit::of_page(ctx).await?;
    let mandate = load_mandate(ctx, &visit.seat).await?;
    let mut facts = Vec::new();
    facts.extend(mandate.name.clone().map(|name| ("Mandate".to_owned(), name)));
    facts.push(("Agent".to_owned(), visit.name_agent(mandate.agent_id)));
    facts.push(("Spent".to_owned(), write_dollars(mandate.usage.total.spent)));
    facts.push(("Held".to_owned(), write_dollars(mandate.usage.total.held)));
    let view = Confirmation {
        question: format!("{} this mandate?", verb.word()),
        consequence: verb.consequence().to_owned(),
        facts,
        action: format!("/account/mandates/{}/{}", mandate.id, ctx.param("verb")),
        verb: verb.word().to_owned(),
        back: list_href(&visit.tenant),
        tenant: visit.tenant.clone(),
        kind: if verb == Verb::Activate { ConfirmationKind::Resuming } else { ConfirmationKind::Ending },
    };
    let page = render_confirmation(visit.frame(), &view);
    Ok(visit.answer(200, page))
}

/// The terms a mandate has, to be written down again with another status.
fn draft_of(mandate: MandateForm) -> Result<MandateDraft, Fault> {
    let parse = |name: &String| MerchantName::parse(name).map(MerchantName::into_merchant).map_err(Fault::internal);
    Ok(MandateDraft {
        name: mandate.name,
        per_transaction: mandate.per_transaction_limit,
        daily: mandate.daily_limit,
        monthly: mandate.monthly_limit,
        total: mandate.total_limit,
        merchants: mandate.allowed_merchants.iter().map(parse).collect::<Result<_, _>>()?,
        actions: mandate.allowed_actions,
        approval_threshold: mandate.approval_threshold,
        expires_at: mandate.expires_at,
        wallet_id: mandate.wallet_id,
        metadata: mandate.metadata,
    })
}

async fn set_status(ctx: &Ctx, seat: &Seat, mandate: MandateForm, verb: Verb) -> Result<String, Fault> {
    let (mandate_id, version) = (mandate.id, mandate.version);
    let draft = draft_of(mandate)?;
    let command = MoneyCommand::PutMandate { mandate_id, version, agent_id: None, status: Some(verb.status()), draft };
    match ask_money(ctx, seat, command).await? {
        MoneyOutcome::Mandate(mandate) => Ok(format!("The mandate is {}.", mandate.status.as_str())),
        other => Err(misanswered(other)),
    }
}

/// 1. The form: 403. 2. The tenant, the mandate and the verb: 404. 3. Change it, or say why not. 4. Go on to the list: 303.
async fn change_mandate(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = signed_in(ctx)?;
    let posted = Posted::read(ctx, Some(&human))?;
    let verb = Verb::read(ctx)?;
    let tenant = posted.value("tenant");
    let seat = ctx.member_seat(tenant).await?;
    let mandate = load_mandate(ctx, &seat).await?;
    // A repeat, from a page that stood open, changes nothing.
    let result = if mandate.status == verb.status() {
        Ok(format!("The mandate is {}.", mandate.status.as_str()))
    } else {
        set_status(ctx, &seat, mandate, verb).await
    };
    finish(ctx, &human, &list_href(tenant), result)
}
