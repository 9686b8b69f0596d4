//! `/account/billing`: balance, spend, activity, and sandbox funding.

use serde::{Deserialize, Deserializer};

use super::posted::{Posted, Trouble};
use super::tenant_data::{show_activity, show_spend};
use super::tenant_visit::{TenantVisit, ask_once};
use super::view::billing::{Billing, Flow, FundForm, render_billing};
use super::view::form::Entry;
use super::view::notice::Notice;
use super::view::part::{build_href, write_dollars};
use super::visit::{redirect_with, signed_in};
use crate::domain::id::WalletId;
use crate::domain::limit::LimitClass;
use crate::domain::money::Micros;
use crate::domain::wallet::{FundingSource, Mode};
use crate::http::context::Ctx;
use crate::http::credential::Human;
use crate::http::fault::Fault;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::unexpected;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::outcome::{Funded, Outcome};
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Get "/account/billing" => show_billing { name: "accountBilling", summary: "Balance, spend and activity", access: Console, class: Some(LimitClass::Public), body: None, status: 200 }
    Post "/account/billing/fund" => fund { name: "accountFund", summary: "Fund the sandbox wallet", access: Console, class: Some(LimitClass::Public), body: Form, status: 303 }
};

/// Rows of recent activity.
const ROWS_MAX: usize = 25;
/// The most one funding adds: 1,000,000 minor units (contract identity-and-money 7).
const FUNDING_MINOR_MAX: u64 = 1_000_000;

async fn render(ctx: &Ctx, human: &Human, tenant: Option<&str>, status: u16, amount: Entry, error: Option<String>) -> Result<Reply, Fault> {
    let visit = TenantVisit::of(ctx, human, tenant).await?;
    let overview = &visit.overview;
    let activity = show_activity(overview, &human.user_id.to_string());
    let view = Billing {
        wallet_id: overview.wallet.wallet_id.to_string(),
        is_sandbox: overview.wallet.mode == Mode::Sandbox,
        available: overview.wallet.balance.available,
        held: overview.wallet.balance.held,
        query_price: Micros::new(ctx.edge.settings.query_price_micros).unwrap_or_default(),
        spend: show_spend(overview),
        activity: activity.into_iter().filter(|row| row.flow != Flow::None).take(ROWS_MAX).collect(),
        fund: FundForm { amount, error },
        tenant: visit.tenant.clone(),
    };
    let page = render_billing(visit.frame(), &view);
    Ok(visit.answer(status, page))
}

/// 1. The tenant, if one is a member: 404. 2. The page: 200.
async fn show_billing(ctx: &Ctx) -> Result<Reply, Fault> {
    render(ctx, &signed_in(ctx)?, ctx.incoming.query_value("tenant"), 200, Entry::default(), None).await
}

/// Dollars with at most two places, 0.01 to 10,000.
struct Amount(Micros);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let amount = Micros::parse_decimal(text.trim().trim_start_matches('$'), 2).ok();
        let amount = amount.filter(|amount| (1..=FUNDING_MINOR_MAX).contains(&amount.minor()));
        amount.map(Self).ok_or_else(|| serde::de::Error::custom("must be an amount from 0.01 to 10000, such as 5 or 2.50"))
    }
}

#[derive(Deserialize)]
struct Funding {
    wallet_id: WalletId,
    amount: Amount,
}

async fn add_money(ctx: &Ctx, human: &Human, posted: &Posted) -> Result<Funded, Fault> {
    let form: Funding = Posted::parse(ctx)?;
    let Amount(amount_micros) = form.amount;
    let claim = posted.claim(ctx, human)?;
    let seat = ctx.member_seat(posted.value("tenant")).await?;
    let command = Command::Fund { wallet_id: form.wallet_id, amount_micros, source: Some(FundingSource::Sandbox) };
    match ask_once(ctx, &seat, claim, command).await? {
        Outcome::Funded(funded) => Ok(funded),
        other => Err(unexpected(&other)),
    }
}

/// 1. The form: 400, 403. 2. The tenant and the wallet: 404. 3. Fund, once for each form: 403, 409. 4. Go on: 303.
async fn fund(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = signed_in(ctx)?;
    let posted = Posted::read(ctx, Some(&human))?;
    let tenant = posted.value("tenant");
    match add_money(ctx, &human, &posted).await {
        Ok(funded) => {
            let location = build_href("/account/billing", &[("tenant", tenant)]);
            let text = format!("{} added.", write_dollars(funded.amount_micros));
            redirect_with(ctx, human.session_hash.as_deref().unwrap_or_default(), &location, Notice::Done(text))
        }
        Err(fault) => {
            let trouble = Trouble::of(fault)?;
            render(ctx, &human, Some(tenant), trouble.status, posted.entry("amount", &trouble), trouble.beside(&["amount"])).await
        }
    }
}
