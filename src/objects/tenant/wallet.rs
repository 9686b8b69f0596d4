//! Wallets of the tenant: opening, reading, funding (contract identity-and-money 7).
//!
//! Invariants: money enters a wallet only from the outside world's account and, but for what comes back of a payment, only up to the
//! cap; a key for tests reaches no live wallet, nor anything that is spent from one. What has run out was ended before anybody looks.

use serde_json::{Map, Value};

use super::desk::{Desk, Done, Step, read_as, read_json, read_micros, read_time, read_wallet_id};
use super::money::books::Books;
use super::money::control;
use super::money::refusal::MoneyRefusal;
use super::outcome::{Funded, Outcome, WalletView};
use super::refusal::{Refusal, Thing};
use crate::domain::event::Action;
use crate::domain::form::funding::FundingForm;
use crate::domain::id::{FundingId, WalletId};
use crate::domain::key::KeyKind;
use crate::domain::ledger::{Account, Balance, Transfer};
use crate::domain::money::Micros;
use crate::domain::wallet::{FundingSource, Mode, WALLETS_MAX, check_funding};
use crate::objects::sql::{Row, SqlError};
use crate::{params, statements};

statements! {
    WRITE = "INSERT INTO wallet (id, name, mode, metadata, created_at_ms) VALUES (?1, ?2, ?3, ?4, ?5)";
    OPEN_ACCOUNTS = "INSERT INTO account (id) VALUES (?1), (?2)";
    COUNT = "SELECT count(*) FROM wallet";
    READ = "SELECT w.id, w.name, w.mode, w.metadata, w.created_at_ms, available.balance_micros,
            held.balance_micros + (SELECT coalesce(sum(a.balance_micros), 0) FROM lease l JOIN account a ON a.id = l.id
                WHERE l.status = 'active' AND l.wallet_id = w.id)
        FROM wallet w JOIN account available ON available.id = w.id JOIN account held ON held.id = w.id || '.held'
        WHERE w.id = +?1";
    LIST = "SELECT w.id, w.name, w.mode, w.metadata, w.created_at_ms, available.balance_micros,
            held.balance_micros + (SELECT coalesce(sum(a.balance_micros), 0) FROM lease l JOIN account a ON a.id = l.id
                WHERE l.status = 'active' AND l.wallet_id = w.id)
        FROM wallet w JOIN account available ON available.id = w.id JOIN account held ON held.id = w.id || '.held'
        WHERE (?1 IS NULL OR w.id < ?1) AND (+?3 IS NULL OR w.mode <> +?3) ORDER BY w.id DESC LIMIT +?2";
}

/// Opens a wallet and its two accounts, and announces it.
pub(super) fn open(
    desk: &mut Desk<'_>,
    wallet_id: WalletId,
    name: Option<&str>,
    mode: Mode,
    metadata: &Map<String, Value>,
) -> Step<WalletView> {
    let id = wallet_id.to_string();
    desk.sql.run(WRITE, params![id.as_str(), name, mode.as_str(), serde_json::to_string(metadata)?, desk.now.as_ms()])?;
    let (available, held) = (Account::Available(wallet_id).to_string(), Account::Held(wallet_id).to_string());
    desk.sql.run(OPEN_ACCOUNTS, params![available, held])?;
    let view = WalletView {
        wallet_id,
        name: name.map(str::to_owned),
        mode,
        default: wallet_id == desk.caller.default_wallet,
        balance: Balance::default(),
        metadata: Value::Object(metadata.clone()),
        created_at_ms: desk.now,
    };
    desk.record(Action::WalletCreated, &id, None, &view)?;
    Ok(view)
}

/// Opens a further wallet.
pub(super) fn create(desk: &mut Desk<'_>, name: Option<&str>, mode: Mode, metadata: &Map<String, Value>) -> Step<Done> {
    match mode {
        Mode::Sandbox => {}
        Mode::Live => {
            check_live(desk, mode)?;
            control::check_packet(desk)?;
        }
    }
    let count = desk.sql.first(COUNT, &[])?.ok_or(SqlError::Shape("no count"))?.unsigned(0)?;
    if count >= WALLETS_MAX {
        return Err(Refusal::WalletLimit.into());
    }
    let wallet_id = WalletId::new(desk.now, desk.entropy);
    Ok(Outcome::Wallet(open(desk, wallet_id, name, mode, metadata)?).into())
}

/// Keeps test keys away from live money.
pub(super) fn check_live(desk: &Desk<'_>, mode: Mode) -> Step<()> {
    if mode == Mode::Live && is_for_tests(desk) { Err(Refusal::LiveModeForbidden.into()) } else { Ok(()) }
}

/// The same for the wallet of something else; what other keys reach is not read for it.
pub(super) fn check_live_of(desk: &Desk<'_>, books: &mut Books, wallet_id: WalletId) -> Step<()> {
    if is_for_tests(desk) { check_live(desk, books.wallet(desk, wallet_id)?.mode) } else { Ok(()) }
}

fn is_for_tests(desk: &Desk<'_>) -> bool {
    desk.caller.key.as_ref().is_some_and(|key| key.kind == KeyKind::Test)
}

/// The wallet of this id.
pub(super) fn find(desk: &Desk<'_>, wallet_id: WalletId) -> Step<WalletView> {
    let row = desk.sql.first(READ, params![wallet_id.to_string()])?;
    let view = read_view(desk, &row.ok_or(Refusal::NotFound(Thing::Wallet))?)?;
    check_live(desk, view.mode)?;
    Ok(view)
}

fn read_view(desk: &Desk<'_>, row: &Row) -> Result<WalletView, SqlError> {
    let wallet_id = read_wallet_id(row, 0)?;
    Ok(WalletView {
        wallet_id,
        name: row.optional_text(1)?.map(str::to_owned),
        mode: read_as(row, 2, Mode::parse, "not a mode")?,
        default: wallet_id == desk.caller.default_wallet,
        balance: Balance { available: read_micros(row, 5)?, held: read_micros(row, 6)? },
        metadata: read_json(row, 3, "not metadata")?,
        created_at_ms: read_time(row, 4)?,
    })
}

/// One wallet with its balance.
pub(super) fn get(desk: &Desk<'_>, wallet_id: WalletId) -> Step<Done> {
    Ok(Outcome::Wallet(find(desk, wallet_id)?).into())
}

/// Wallets, newest first; a key for tests is shown none that is live.
pub(super) fn list(desk: &Desk<'_>, limit: u64, before: Option<WalletId>) -> Step<Done> {
    let rows = desk.sql.run(LIST, params![before.map(|id| id.to_string()), limit, is_for_tests(desk).then_some(Mode::Live.as_str())])?;
    let views = rows.iter().map(|row| read_view(desk, row)).collect::<Result<_, SqlError>>()?;
    Ok(Outcome::Wallets(views).into())
}

/// Funds a wallet.
pub(super) fn fund(desk: &mut Desk<'_>, wallet_id: WalletId, amount: Micros, source: Option<FundingSource>) -> Step<Done> {
    let wallet = find(desk, wallet_id)?;
    let source = check_funding(wallet.mode, source, wallet.balance.total(), amount).map_err(Refusal::from)?;
    if source == FundingSource::Provider {
        control::check_packet(desk)?;
        // No provider is built in: live money waits for one.
        return Err(MoneyRefusal::UpstreamNotConfigured.into());
    }
    Ok(Outcome::Funded(put_money(desk, wallet_id, wallet.balance, amount, source)?).into())
}

/// Moves money in from outside, into a wallet that held `before`, and announces it.
pub(super) fn put_money(desk: &mut Desk<'_>, wallet_id: WalletId, before: Balance, amount: Micros, source: FundingSource) -> Step<Funded> {
    let funding_id = FundingId::new(desk.now, desk.entropy);
    let balance = Balance { available: before.available.checked_add(amount)?, held: before.held };
    let funded = Funded { funding_id, wallet_id, amount_micros: amount, source, balance, created_at_ms: desk.now };
    let transfer = Transfer::new(Account::Outside, Account::Available(wallet_id), amount)?;
    desk.record(Action::WalletFunded, &funding_id.to_string(), Some(transfer), &FundingForm::from(&funded))?;
    Ok(funded)
}
