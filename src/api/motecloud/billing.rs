//! What is charged, and where to begin: `GET /.well-known/motecloud-billing.json`. It is the authority, so it is made
//! from what charges: the route table and the price setting.

use serde::Serialize;

use crate::api;
use crate::crypto::challenge::CHALLENGE_TTL_S;
use crate::crypto::token::WalletSession;
use crate::domain::limit::LimitClass;
use crate::domain::money::Micros;
use crate::domain::wallet::NEW_TENANT_CREDIT;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::reply::Reply;
use crate::http::route::{Access, Route};
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Get "/.well-known/motecloud-billing.json" => show_billing {
        name: "billing", summary: "Prices and sign-in endpoints", access: Public, class: Some(LimitClass::Public), body: None, status: 200,
    }
};

/// An amount as MoteCloud writes it.
#[derive(Debug, Clone, Serialize)]
pub struct Amount {
    pub amount: String,
    pub currency: &'static str,
}

impl Amount {
    pub fn usd(amount: Micros) -> Self {
        Self { amount: amount.to_string(), currency: "USD" }
    }
}

/// The credit of a new tenant as MoteCloud writes it.
#[derive(Debug, Clone, Serialize)]
pub struct Credit {
    pub amount: String,
    pub currency: &'static str,
    pub kind: &'static str,
}

impl Credit {
    pub fn of_new_tenant() -> Self {
        Self { amount: NEW_TENANT_CREDIT.to_fixed(2), currency: "USD", kind: "sandbox" }
    }
}

/// The price of one route or family of routes.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Price {
    pub route: String,
    pub unit: &'static str,
    pub amount: String,
}

#[derive(Serialize)]
struct Document {
    version: &'static str,
    currency: &'static str,
    prices: Vec<Price>,
    auth: SignInPaths,
    wallet_safe_routes: Vec<String>,
    challenge_ttl_seconds: u64,
    session_ttl_seconds: u64,
    new_tenant_credit: Credit,
    funding: Funding,
}

#[derive(Serialize)]
struct SignInPaths {
    challenge: &'static str,
    session: &'static str,
    signup: &'static str,
    enroll: &'static str,
    owner_bootstrap: &'static str,
}

/// How money is put in.
#[derive(Debug, Clone, Serialize)]
pub struct Funding {
    pub api: &'static str,
    pub console: &'static str,
}

/// The ways to fund a wallet.
pub const FUNDING: Funding = Funding { api: "POST /v1/wallets/{wallet_id}/fund", console: "/account/billing" };

/// Every runtime route with its price; the routes of one family share a line.
pub fn list_prices(query_price: Micros) -> Vec<Price> {
    let mut prices: Vec<Price> = Vec::new();
    for route in api::TABLE.iter().copied().flatten().filter(|route| route.access == Access::Runtime) {
        let amount = if route.metered { query_price } else { Micros::ZERO };
        let price = Price { route: format!("{} {}", route.method, family_of(route.path)), unit: "request", amount: amount.to_string() };
        if !prices.contains(&price) {
            prices.push(price);
        }
    }
    prices
}

fn family_of(path: &str) -> &str {
    const SESSIONS: &str = "/v2/session/";
    if path.starts_with(SESSIONS) { "/v2/session/*" } else { path }
}

fn path_of(name: &str) -> &'static str {
    api::TABLE.iter().copied().flatten().find(|route| route.name == name).map_or("", |route| route.path)
}

/// 1. Draw the document from the table and the settings: 200, 304.
async fn show_billing(ctx: &Ctx) -> Result<Reply, Fault> {
    let prices = list_prices(query_price(ctx));
    let document = Document {
        version: "1",
        currency: "USD",
        wallet_safe_routes: prices.iter().filter_map(|price| price.route.split_once(' ')).map(|(_, path)| path.to_owned()).collect(),
        prices,
        auth: SignInPaths {
            challenge: path_of("createChallenge"),
            session: path_of("createWalletSession"),
            signup: path_of("signUpAgent"),
            enroll: path_of("enrollAgent"),
            owner_bootstrap: path_of("bootstrapOwner"),
        },
        challenge_ttl_seconds: CHALLENGE_TTL_S,
        session_ttl_seconds: WalletSession::TTL_S,
        new_tenant_credit: Credit::of_new_tenant(),
        funding: FUNDING,
    };
    Ok(ctx.publish(Reply::json(200, &document)?))
}

/// What one query costs here.
pub fn query_price(ctx: &Ctx) -> Micros {
    Micros::new(ctx.edge.settings.query_price_micros).unwrap_or(Micros::MAX)
}
