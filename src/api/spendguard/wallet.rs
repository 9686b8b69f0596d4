//! Wallets and funding: `/v1/wallets` (contract identity-and-money 7).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::form::funding::FundingForm;
use crate::domain::id::WalletId;
use crate::domain::limit::LimitClass;
use crate::domain::money::Micros;
use crate::domain::wallet::{FundingSource, Mode};
use crate::http::code::Code;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::field::{Metadata, Text, Whole};
use crate::http::money::require_usd;
use crate::http::page::{self, Page};
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::unexpected;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::outcome::{Outcome, WalletView};
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Post "/v1/wallets" => create_wallet {
        name: "createWallet", summary: "A further wallet", access: Management, class: Some(LimitClass::Money), body: Json, documented: true,
        request: WalletRequest, status: 201, response: Wallet,
    }
    Get "/v1/wallets" => list_wallets {
        name: "listWallets", summary: "The tenant's wallets, newest first", access: Management, class: Some(LimitClass::Money), body: None, documented: true,
        status: 200, response: Page<Wallet>, query: [page::LIMIT, page::CURSOR],
    }
    Get "/v1/wallets/{id}" => show_wallet {
        name: "getWallet", summary: "One wallet", access: Management, class: Some(LimitClass::Money), body: None, documented: true, status: 200, response: Wallet,
    }
    Get "/v1/wallets/{id}/balance" => show_balance {
        name: "getWalletBalance", summary: "What a wallet holds", access: Management, class: Some(LimitClass::Money), body: None, documented: true, status: 200,
        response: BalanceReply,
    }
    Post "/v1/wallets/{id}/fund" => fund_wallet {
        name: "fundWallet", summary: "Put money in", access: Management, class: Some(LimitClass::Money), body: Json, documented: true, request: FundRequest,
        status: 201, response: FundingForm, needs: [IdempotencyKey],
    }
};

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct WalletRequest {
    currency: Text<1, 16>,
    name: Option<Text<1, 128>>,
    mode: Option<WalletMode>,
    metadata: Option<Metadata<16_384>>,
}

#[derive(Deserialize, Serialize, Clone, Copy)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum WalletMode {
    Sandbox,
    Live,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct Wallet {
    id: String,
    name: Option<String>,
    currency: &'static str,
    mode: WalletMode,
    default: bool,
    /// Minor units, rounded down.
    available: u64,
    reserved: u64,
    total: u64,
    metadata: Value,
    created_at: String,
}

impl From<WalletView> for Wallet {
    fn from(view: WalletView) -> Self {
        Self {
            id: view.wallet_id.to_string(),
            name: view.name,
            currency: "usd",
            mode: match view.mode {
                Mode::Sandbox => WalletMode::Sandbox,
                Mode::Live => WalletMode::Live,
            },
            default: view.default,
            available: view.balance.available.minor(),
            reserved: view.balance.held.minor(),
            total: view.balance.total().minor(),
            metadata: view.metadata,
            created_at: view.created_at_ms.to_string(),
        }
    }
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct BalanceReply {
    wallet_id: String,
    currency: &'static str,
    /// Minor units, each rounded down.
    available: u64,
    reserved: u64,
    total: u64,
    available_micros: u64,
    reserved_micros: u64,
    total_micros: u64,
    as_of: String,
}

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct FundRequest {
    /// Minor units.
    amount: Whole<1, 1_000_000>,
    currency: Option<Text<1, 16>>,
    source: Option<Source>,
}

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum Source {
    Sandbox,
    Provider,
}

fn wallet_id(ctx: &Ctx) -> Result<WalletId, Fault> {
    WalletId::parse(ctx.param("id")).map_err(|error| Fault::new(Code::InvalidId, error.to_string()).in_body())
}

/// 1. The body: 400. 2. Make it: 403, 409. 3. Answer: 201.
async fn create_wallet(ctx: &Ctx) -> Result<Reply, Fault> {
    let request: WalletRequest = ctx.incoming.body()?;
    require_usd(Some(&request.currency), "$")?;
    let seat = ctx.management_seat().await?;
    let mode = request.mode.map_or(Mode::Sandbox, |mode| match mode {
        WalletMode::Sandbox => Mode::Sandbox,
        WalletMode::Live => Mode::Live,
    });
    let command = Command::CreateWallet {
        name: request.name.map(Text::into_string),
        mode,
        metadata: request.metadata.unwrap_or_default().into_map(),
    };
    let answer = ctx.call_tenant(&seat, command).await?;
    let Outcome::Wallet(view) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    let location = format!("/v1/wallets/{}", view.wallet_id);
    Ok(Reply::json(201, &Wallet::from(view))?.no_store().with_header("Location", location))
}

/// 1. The page: 400. 2. Read one more than it holds: 200.
async fn list_wallets(ctx: &Ctx) -> Result<Reply, Fault> {
    let limit = ctx.page_limit()?;
    let before = ctx.page_cursor(|id| WalletId::parse(id).ok())?;
    let seat = ctx.management_seat().await?;
    let answer = ctx.call_tenant(&seat, Command::ListWallets { limit: limit + 1, before }).await?;
    let Outcome::Wallets(views) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    let page = Page::cut(views.into_iter().map(Wallet::from).collect(), limit, |wallet| wallet.id.clone());
    Ok(Reply::json(200, &page)?.no_store())
}

async fn read_wallet(ctx: &Ctx) -> Result<WalletView, Fault> {
    let wallet_id = wallet_id(ctx)?;
    let seat = ctx.management_seat().await?;
    let answer = ctx.call_tenant(&seat, Command::GetWallet { wallet_id }).await?;
    match answer.outcome {
        Outcome::Wallet(view) => Ok(view),
        other => Err(unexpected(&other)),
    }
}

/// 1. The id: 400. 2. Read: 404. 3. Answer: 200.
async fn show_wallet(ctx: &Ctx) -> Result<Reply, Fault> {
    let view = read_wallet(ctx).await?;
    Ok(Reply::json(200, &Wallet::from(view))?.no_store())
}

/// 1. The id: 400. 2. Read: 404. 3. Answer: 200.
async fn show_balance(ctx: &Ctx) -> Result<Reply, Fault> {
    let view = read_wallet(ctx).await?;
    let (available, reserved, total) = (view.balance.available, view.balance.held, view.balance.total());
    let reply = BalanceReply {
        wallet_id: view.wallet_id.to_string(),
        currency: "usd",
        available: available.minor(),
        reserved: reserved.minor(),
        total: total.minor(),
        available_micros: available.get(),
        reserved_micros: reserved.get(),
        total_micros: total.get(),
        as_of: ctx.now.to_string(),
    };
    Ok(Reply::json(200, &reply)?.no_store())
}

/// 1. The id and the body: 400. 2. Fund, once: 403, 404, 409, 422. 3. Answer: 201.
async fn fund_wallet(ctx: &Ctx) -> Result<Reply, Fault> {
    let wallet_id = wallet_id(ctx)?;
    let request: FundRequest = ctx.incoming.body()?;
    require_usd(request.currency.as_ref(), "$")?;
    let seat = ctx.management_seat().await?;
    let amount_micros = Micros::from_minor(request.amount.get()).map_err(|error| Fault::field("$.amount", &error.to_string()))?;
    let source = request.source.map(|source| match source {
        Source::Sandbox => FundingSource::Sandbox,
        Source::Provider => FundingSource::Provider,
    });
    let answer = ctx.call_tenant(&seat, Command::Fund { wallet_id, amount_micros, source }).await?;
    let Outcome::Funded(funded) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    Ok(Reply::json(201, &FundingForm::from(&funded))?.no_store())
}
