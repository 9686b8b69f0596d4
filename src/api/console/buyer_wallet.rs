//! `/account/orders/wallets`: a human proves the Solana wallets they buy with, and gives them up.

use super::posted::{Posted, Trouble};
use super::view::buyer_wallet::{BuyerWallets, ProofForm, render_buyer_wallets};
use super::view::confirmation::{Confirmation, ConfirmationKind, render_confirmation};
use super::view::form::Entry;
use super::view::notice::Notice;
use super::view::order::Tab;
use super::visit::{Visit, check_tenant, redirect_with, signed_in};
use crate::crypto::solana::SolanaAddress;
use crate::domain::limit::LimitClass;
use crate::domain::time::Timestamp;
use crate::http::buyer as signature;
use crate::http::code::Code;
use crate::http::context::Ctx;
use crate::http::credential::Human;
use crate::http::fault::Fault;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::routes;
use crate::store::buyer::{self, ProvedWallet, WALLETS_MAX};

pub static ROUTES: &[Route] = routes! {
    Get "/account/orders/wallets" => show_wallets { name: "accountBuyerWallets", summary: "The wallets one buys with", access: Console, class: Some(LimitClass::Public), body: None, status: 200 }
    Post "/account/orders/wallets" => prove_wallet { name: "accountProveWallet", summary: "Prove that a wallet is one's own", access: Console, class: Some(LimitClass::Public), body: Form, status: 303 }
    Get "/account/orders/wallets/remove" => ask_about_wallet { name: "accountAskRemoveWallet", summary: "Ask before a wallet is given up", access: Console, class: Some(LimitClass::Public), body: None, status: 200 }
    Post "/account/orders/wallets/remove" => remove_wallet { name: "accountRemoveWallet", summary: "Give a wallet up", access: Console, class: Some(LimitClass::Public), body: Form, status: 303 }
};

async fn list(ctx: &Ctx, human: &Human) -> Result<Vec<ProvedWallet>, Fault> {
    ctx.with_database(async |database| buyer::list_wallets(database, human.user_id).await).await
}

fn text_to_sign(wallet: &str, signed_at: &str) -> String {
    format!("atelier:{wallet}:{signed_at}")
}

async fn render(
    ctx: &Ctx,
    human: &Human,
    tenant: Option<&str>,
    status: u16,
    (wallet, proof): (Entry, Option<ProofForm>),
) -> Result<Reply, Fault> {
    let visit = Visit::of(ctx, human, tenant).await?;
    let tenant = visit.tenant()?.slug.to_string();
    let wallets = list(ctx, human).await?.into_iter().map(|proved| (proved.wallet, Timestamp::from_ms(proved.proved_at_ms)));
    let view = BuyerWallets { tenant, wallets: wallets.collect(), wallet, proof };
    let page = render_buyer_wallets(&visit.frame, &view);
    Ok(visit.answer(status, page))
}

/// 1. The wallet that shall be proved, if one is named. 2. The page, with what it has to sign: 200, or 400 where it is none.
async fn show_wallets(ctx: &Ctx) -> Result<Reply, Fault> {
    let (human, tenant) = (signed_in(ctx)?, ctx.incoming.query_value("tenant"));
    let named = ctx.incoming.query_value("wallet").unwrap_or_default().trim();
    if named.is_empty() {
        return render(ctx, &human, tenant, 200, (Entry::default(), None)).await;
    }
    match SolanaAddress::parse(named) {
        Ok(wallet) => {
            let now = ctx.now.as_ms().to_string();
            let proof = ProofForm {
                text: text_to_sign(wallet.as_str(), &now),
                wallet: Entry::filled(wallet.as_str()),
                signed_at: Entry::filled(&now),
                ..ProofForm::default()
            };
            render(ctx, &human, tenant, 200, (Entry::filled(named), Some(proof))).await
        }
        Err(error) => {
            let wallet = Entry { value: named.to_owned(), error: Some(error.to_string()) };
            render(ctx, &human, tenant, 400, (wallet, None)).await
        }
    }
}

/// 1. The address: 400. 2. Its signature: 401. 3. Room for another: 409. 4. The wallet is theirs, unless it has signed for
/// somebody since: 409.
async fn prove(ctx: &Ctx, human: &Human, posted: &Posted) -> Result<String, Fault> {
    let value = |name| posted.value(name).trim().to_owned();
    let (named, signed_at) = (value("wallet"), value("wallet_sig_ts"));
    SolanaAddress::parse(&named).map_err(|error| Fault::field("$.wallet", &error.to_string()))?;
    let proof = (Some(named), Some(value("wallet_sig")), Some(signed_at.clone()));
    let is_not = "is not this wallet's over the text with this time stamp, or older than a quarter of an hour: sign the text anew";
    let signed_at_ms: Option<u64> = signed_at.parse().ok().filter(|at| signature::is_just_signed(ctx, *at));
    let proved = signature::verify(ctx, proof).zip(signed_at_ms);
    let (wallet, signed_at_ms) = proved.ok_or_else(|| Fault::new(Code::WalletAuthInvalid, is_not).with("path", "$.wallet_sig"))?;
    let known = list(ctx, human).await?;
    let is_known = known.iter().any(|proved| proved.wallet == wallet.as_str());
    if !is_known && u64::try_from(known.len()).unwrap_or(u64::MAX) >= WALLETS_MAX {
        return Err(Fault::new(Code::Conflict, format!("you have {WALLETS_MAX} wallets; give one of them up first")));
    }
    let write =
        async |database: crate::store::Database<'_>| buyer::prove(database, wallet.as_str(), human.user_id, signed_at_ms, ctx.now).await;
    if ctx.with_database(write).await? {
        Ok(wallet.as_str().to_owned())
    } else {
        let is_old = "is older than what this wallet has signed since: sign the text anew";
        Err(Fault::new(Code::Conflict, is_old).with("path", "$.wallet_sig"))
    }
}

/// 1. The form: 403. 2. The tenant one is at: 404. 3. Prove the wallet: 400, 401, 409. 4. Go on to all of them: 303.
async fn prove_wallet(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = signed_in(ctx)?;
    let posted = Posted::read(ctx, Some(&human))?;
    let tenant = posted.value("tenant");
    check_tenant(ctx, &human, tenant).await?;
    match prove(ctx, &human, &posted).await {
        Ok(wallet) => go_on(ctx, &human, tenant, format!("The wallet {wallet} is yours here.")),
        Err(fault) => {
            let trouble = Trouble::of(fault)?;
            let entry = |name| posted.entry(name, &trouble);
            let proof = ProofForm {
                text: text_to_sign(posted.value("wallet"), posted.value("wallet_sig_ts")),
                wallet: entry("wallet"),
                signed_at: entry("wallet_sig_ts"),
                signature: entry("wallet_sig"),
                error: trouble.beside(&["wallet", "wallet_sig_ts", "wallet_sig"]),
            };
            render(ctx, &human, Some(tenant), trouble.status, (Entry::filled(posted.value("wallet")), Some(proof))).await
        }
    }
}

fn go_on(ctx: &Ctx, human: &Human, tenant: &str, text: String) -> Result<Reply, Fault> {
    let href = Tab::Wallets.href(tenant);
    redirect_with(ctx, human.session_hash.as_deref().unwrap_or_default(), &href, Notice::Done(text))
}

/// 1. A wallet of one's own: 404. 2. Ask: 200.
async fn ask_about_wallet(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = signed_in(ctx)?;
    let visit = Visit::of_page(ctx, &human).await?;
    let tenant = visit.tenant()?.slug.to_string();
    let named = ctx.incoming.query_value("wallet").unwrap_or_default();
    let known = list(ctx, &human).await?;
    let wallet = known.into_iter().find(|proved| proved.wallet == named).ok_or_else(Fault::not_found)?.wallet;
    let view = Confirmation {
        question: "Give this wallet up?".to_owned(),
        consequence: "You do not see its orders here any more, and do nothing to them, until it signs anew. The orders stay as they are."
            .to_owned(),
        facts: vec![("Wallet".to_owned(), wallet.clone())],
        action: format!("/account/orders/wallets/remove?wallet={wallet}"),
        verb: "Give it up".to_owned(),
        back: Tab::Wallets.href(&tenant),
        tenant,
        kind: ConfirmationKind::Ending,
    };
    let page = render_confirmation(&visit.frame, &view);
    Ok(visit.answer(200, page))
}

/// 1. The form: 403. 2. The tenant one is at: 404. 3. The wallet is nobody's, if it was one's own. 4. Go on to those that are
/// left: 303.
async fn remove_wallet(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = signed_in(ctx)?;
    let posted = Posted::read(ctx, Some(&human))?;
    check_tenant(ctx, &human, posted.value("tenant")).await?;
    let wallet = ctx.incoming.query_value("wallet").unwrap_or_default();
    ctx.with_database(async |database| buyer::forget(database, wallet, human.user_id, ctx.now).await).await?;
    go_on(ctx, &human, posted.value("tenant"), "The wallet is given up.".to_owned())
}
