//! `/account/wallets`: balances, and the kill switch.

use serde::Deserialize;

use super::listing::Listing;
use super::posted::Posted;
use super::tenant_visit::{TenantVisit, ask_money, finish, misanswered};
use super::view::confirmation::{Confirmation, ConfirmationKind, render_confirmation};
use super::view::part::build_href;
use super::view::wallet::{StopState, WalletCard, Wallets, render_wallets};
use super::visit::signed_in;
use crate::domain::id::WalletId;
use crate::domain::limit::LimitClass;
use crate::domain::wallet::Mode;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::field::Text;
use crate::http::page::Page;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::{Seat, unexpected};
use crate::objects::tenant::command::Command;
use crate::objects::tenant::money::command::MoneyCommand;
use crate::objects::tenant::money::outcome::MoneyOutcome;
use crate::objects::tenant::outcome::{Outcome, WalletView};
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Get "/account/wallets" => show_wallets { name: "accountWallets", summary: "Balances, and the kill switch", access: Console, class: Some(LimitClass::Public), body: None, status: 200 }
    Get "/account/wallets/spending/{verb}" => ask_about_spending { name: "accountAskSwitch", summary: "Ask before all spending stops or resumes", access: Console, class: Some(LimitClass::Public), body: None, status: 200 }
    Post "/account/wallets/spending/{verb}" => switch_spending { name: "accountSwitch", summary: "Stop or resume all spending", access: Console, class: Some(LimitClass::Public), body: Form, status: 303 }
};

fn show_card(wallet: WalletView) -> WalletCard {
    WalletCard {
        wallet_id: wallet.wallet_id.to_string(),
        name: wallet.name,
        is_sandbox: wallet.mode == Mode::Sandbox,
        is_default: wallet.default,
        available: wallet.balance.available,
        held: wallet.balance.held,
    }
}

/// 1. The tenant, if one is a member: 404; the page: 400. 2. Read one more than the page holds. 3. The page: 200.
async fn show_wallets(ctx: &Ctx) -> Result<Reply, Fault> {
    let visit = TenantVisit::of_page(ctx).await?;
    let (limit, page) = ctx.page_of(WalletId::parse)?;
    let answer = ctx.call_tenant(&visit.seat, Command::ListWallets { limit: page.limit, before: page.before }).await?;
    let Outcome::Wallets(wallets) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    let page = Page::cut(wallets, limit, |wallet| wallet.wallet_id.to_string());
    let stop = &visit.overview.stop;
    let by = stop.changed_by.as_deref().map(|actor| visit.name_actor(actor).unwrap_or_else(|| actor.to_owned()));
    let view = Wallets {
        tenant: visit.tenant.clone(),
        wallets: page.data.into_iter().map(show_card).collect(),
        pager: Listing::read(ctx, "/account/wallets", &visit.tenant).pager(page.next_cursor.as_deref()),
        stop: StopState { is_on: stop.on, reason: stop.reason.clone(), changed: by.zip(stop.changed_at) },
    };
    let page = render_wallets(visit.frame(), &view);
    Ok(visit.answer(200, page))
}

/// Whether spending shall be stopped.
fn read_verb(ctx: &Ctx) -> Result<bool, Fault> {
    match ctx.param("verb") {
        "stop" => Ok(true),
        "resume" => Ok(false),
        _ => Err(Fault::not_found()),
    }
}

/// 1. The verb and the tenant: 404. 2. Ask: 200.
async fn ask_about_spending(ctx: &Ctx) -> Result<Reply, Fault> {
    let stops = read_verb(ctx)?;
    let visit = TenantVisit::of_page(ctx).await?;
    let (question, consequence, verb, kind) = if stops {
        let consequence = "From the next request on, every payment, reservation, lease, token and metered query is refused. What is held already can still be captured or released.";
        ("Stop all spending?", consequence, "Stop all spending", ConfirmationKind::EndingWithReason)
    } else {
        (
            "Resume spending?",
            "Agents spend within their mandates again, from the next request on.",
            "Resume spending",
            ConfirmationKind::Resuming,
        )
    };
    let view = Confirmation {
        question: question.to_owned(),
        consequence: consequence.to_owned(),
        facts: vec![("Tenant".to_owned(), visit.tenant.clone())],
        action: format!("/account/wallets/spending/{}", ctx.param("verb")),
        verb: verb.to_owned(),
        back: build_href("/account/wallets", &[("tenant", &visit.tenant)]),
        tenant: visit.tenant.clone(),
        kind,
    };
    let page = render_confirmation(visit.frame(), &view);
    Ok(visit.answer(200, page))
}

#[derive(Deserialize)]
struct SwitchFields {
    reason: Option<Text<0, 1024>>,
}

async fn set_stop(ctx: &Ctx, seat: &Seat, on: bool, fields: SwitchFields) -> Result<String, Fault> {
    match ask_money(ctx, seat, MoneyCommand::SetStop { on, reason: fields.reason.map(Text::into_string) }).await? {
        MoneyOutcome::Stop(stop) if stop.on => Ok("All spending is stopped.".to_owned()),
        MoneyOutcome::Stop(_) => Ok("Spending runs again.".to_owned()),
        other => Err(misanswered(other)),
    }
}

/// 1. The form: 400, 403. 2. The verb and the tenant: 404. 3. Turn the switch, or say why not. 4. Go on: 303.
async fn switch_spending(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = signed_in(ctx)?;
    let posted = Posted::read(ctx, Some(&human))?;
    let stops = read_verb(ctx)?;
    let fields: SwitchFields = Posted::parse(ctx)?;
    let tenant = posted.value("tenant");
    let seat = ctx.member_seat(tenant).await?;
    let result = set_stop(ctx, &seat, stops, fields).await;
    finish(ctx, &human, &build_href("/account/wallets", &[("tenant", tenant)]), result)
}
