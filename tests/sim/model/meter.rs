//! Money: wallets, holds and what becomes of them.

use guildhall::domain::id::{ReservationId, WalletId};
use guildhall::domain::key::KeyKind;
use guildhall::domain::money::Micros;
use guildhall::domain::time::{DAY_MS, Timestamp};
use guildhall::domain::wallet::{FundingSource, Mode};
use guildhall::objects::tenant::call::{TenantCall, TenantReply};
use guildhall::objects::tenant::command::{Command, MeterCapture, MeterRelease, MeterReserve};
use guildhall::objects::tenant::money::refusal::MoneyRefusal;
use guildhall::objects::tenant::outcome::{Charged, DaySpend, Due, Outcome, Reserved, WalletView};
use guildhall::objects::tenant::refusal::{Refusal, Thing};

use super::caller::{self, key_of};
use super::money::hold;
use super::state::{Reservation, State, Status, Wallet, entry};
use super::{Expected, Kept, Run, Trouble};

const WALLET_CAP: u64 = 100_000_000 * 10_000;

fn wrong<T>(reply: &TenantReply, expected: &str) -> Result<T, Trouble> {
    Err(Trouble::Wrong(format!("answered {:?}, expected {expected}", reply.outcome)))
}

fn check(holds: bool, reply: &TenantReply, expected: impl FnOnce() -> String) -> Run {
    if holds { Ok(()) } else { wrong(reply, &expected()) }
}

fn micros(amount: u64) -> Micros {
    Micros::new(amount).expect("an amount in range")
}

/// Ends an open reservation without a charge.
pub fn give_back(state: &mut State, id: ReservationId, status: Status, entries: &mut Vec<Expected>) {
    let Some(reservation) = state.reservations.get_mut(&id) else { return };
    reservation.status = status;
    let (wallet_id, amount) = (reservation.wallet, reservation.amount);
    let actor = (status == Status::Released).then(|| reservation.caller.clone());
    let wallet = state.wallets.entry(wallet_id).or_default();
    wallet.held -= amount;
    wallet.available += amount;
    let action = if status == Status::Expired { "query.expired" } else { "query.released" };
    let transfer = Some((format!("{wallet_id}.held"), wallet_id.to_string(), amount));
    entries.push(Expected { action, actor, object: Some(id.to_string()), transfer });
}

pub fn reserve(
    state: &mut State,
    now: Timestamp,
    call: &TenantCall,
    request: &MeterReserve,
    reply: &TenantReply,
    entries: &mut Vec<Expected>,
) -> Run {
    if state.stopped {
        return Err(Refusal::Money(MoneyRefusal::TenantStopped).into());
    }
    let (price, wallet_id) = (request.price_micros.get(), state.default_wallet);
    // A lease that has run out may hold what is missing.
    if state.available(wallet_id, now) < price {
        hold::sweep_all(state, now, entries);
    }
    let available = state.available(wallet_id, now);
    if available < price {
        let (available_micros, price_micros) = (micros(available), request.price_micros);
        return Err(Refusal::InsufficientBalance { available_micros, price_micros, wallet_id }.into());
    }
    if price > 0 {
        let of_wallet = |id: &ReservationId| state.reservations[id].wallet == wallet_id && state.reservations[id].is_of_wallet();
        let mut due = state.due_in_order(now).into_iter().filter(of_wallet).collect::<Vec<_>>().into_iter();
        while state.wallets[&wallet_id].available < price {
            let Some(id) = due.next() else { return wrong(reply, "enough to be freed") };
            let ends_as = state.reservations[&id].ends_as;
            hold::give_back(state, id, ends_as, entries);
        }
    }
    let expires_at_ms = now.plus_s(request.ttl_s);
    let Ok(Outcome::Reserved(reserved)) = &reply.outcome else {
        return wrong(reply, "a reservation");
    };
    let expected = Reserved { reservation_id: reserved.reservation_id, expires_at_ms, available_micros: micros(available - price) };
    check(*reserved == expected && reserved.reservation_id.is_some() == (price > 0), reply, || format!("{expected:?}"))?;
    if let Some(id) = reserved.reservation_id {
        let wallet = state.wallets.entry(wallet_id).or_default();
        wallet.available -= price;
        wallet.held += price;
        let created = state.reservations.len() as u64;
        let caller = caller::actor(state, call);
        let reservation = Reservation {
            wallet: wallet_id,
            amount: price,
            status: Status::Reserved,
            expires_at: expires_at_ms,
            created,
            caller,
            ends_as: Status::Expired,
            governed: None,
        };
        let is_new = state.reservations.insert(id, reservation).is_none();
        check(is_new, reply, || "a fresh id".to_owned())?;
        let transfer = Some((wallet_id.to_string(), format!("{wallet_id}.held"), price));
        entries.push(Expected { action: "query.held", actor: None, object: Some(id.to_string()), transfer });
        check(reply.next_due_at_ms.is_some_and(|due| due <= expires_at_ms), reply, || "an alarm before the hold runs out".to_owned())?;
    }
    Ok(())
}

/// Meets a reservation: one that has run out is expired now.
fn meet(state: &mut State, now: Timestamp, id: ReservationId, entries: &mut Vec<Expected>) -> Result<Reservation, Refusal> {
    let metered = state.reservations.get(&id).filter(|reservation| reservation.governed.is_none());
    if metered.ok_or(Refusal::NotFound(Thing::Reservation))?.is_due(now) {
        give_back(state, id, Status::Expired, entries);
    }
    Ok(state.reservations[&id].clone())
}

pub fn capture(
    state: &mut State,
    now: Timestamp,
    call: &TenantCall,
    request: &MeterCapture,
    reply: &TenantReply,
    entries: &mut Vec<Expected>,
) -> Run {
    let mut expected =
        Charged { captured_micros: Micros::ZERO, freed_micros: Micros::ZERO, available_micros: Micros::ZERO, answer_kept: false };
    if let Some(id) = request.reservation_id {
        let reservation = meet(state, now, id, entries)?;
        let asked = request.amount_micros.map_or(reservation.amount, Micros::get);
        match reservation.status {
            Status::Captured(captured) if captured == asked => {}
            Status::Captured(_) | Status::Released | Status::Pending => return Err(Refusal::ReservationResolved.into()),
            Status::Expired => return Err(Refusal::ReservationExpired.into()),
            Status::Reserved if asked > reservation.amount => return Err(Refusal::CaptureExceedsReservation.into()),
            Status::Reserved if !holds_record(state, now, call, request) => return Err(Refusal::ReservationExpired.into()),
            Status::Reserved => charge(state, now, id, asked, entries),
        }
        expected.captured_micros = micros(asked);
        expected.freed_micros = micros(reservation.amount - asked);
    }
    expected.available_micros = micros(state.available(state.default_wallet, now));
    if let (Some(scope_hash), Some(answered)) = (&request.scope_hash, &request.answer) {
        let in_flight = |record: &&mut super::Record| record.kept.is_none() && record.holder == call.request_id && now < record.expires_at;
        if let Some(record) = state.records.get_mut(scope_hash).filter(in_flight) {
            record.kept = Some(Kept::Metered(answered.clone()));
            record.expires_at = now.plus_ms(DAY_MS);
            expected.answer_kept = true;
        }
    }
    check(reply.outcome == Ok(Outcome::Charged(expected.clone())), reply, || format!("{expected:?}"))
}

/// Whether the request still holds the idempotency record it came with, if it came with one.
fn holds_record(state: &State, now: Timestamp, call: &TenantCall, request: &MeterCapture) -> bool {
    request.scope_hash.is_none_or(|scope_hash| {
        state
            .records
            .get(&scope_hash)
            .is_some_and(|record| record.kept.is_none() && record.holder == call.request_id && now < record.expires_at)
    })
}

fn charge(state: &mut State, now: Timestamp, id: ReservationId, asked: u64, entries: &mut Vec<Expected>) {
    let Some(reservation) = state.reservations.get_mut(&id) else { return };
    reservation.status = Status::Captured(asked);
    let (wallet_id, freed) = (reservation.wallet, reservation.amount - asked);
    let actor = Some(reservation.caller.clone());
    let wallet = state.wallets.entry(wallet_id).or_default();
    wallet.held -= asked + freed;
    wallet.available += freed;
    state.revenue += asked;
    state.count_spend(now, asked);
    let held = format!("{wallet_id}.held");
    let object = Some(id.to_string());
    let transfer = Some((held.clone(), "revenue".to_owned(), asked));
    entries.push(Expected { action: "query.charged", actor: actor.clone(), object: object.clone(), transfer });
    if freed > 0 {
        let transfer = Some((held, wallet_id.to_string(), freed));
        entries.push(Expected { action: "query.remainder_freed", actor, object, transfer });
    }
}

pub fn release(
    state: &mut State,
    now: Timestamp,
    call: &TenantCall,
    request: &MeterRelease,
    reply: &TenantReply,
    entries: &mut Vec<Expected>,
) -> Run {
    if let Some(id) = request.reservation_id {
        match meet(state, now, id, entries)?.status {
            Status::Reserved => give_back(state, id, Status::Released, entries),
            Status::Released | Status::Expired => {}
            Status::Captured(_) | Status::Pending => return Err(Refusal::ReservationResolved.into()),
        }
    }
    if let Some(scope_hash) = &request.scope_hash {
        let in_flight = |record: &&super::Record| record.kept.is_none() && record.holder == call.request_id;
        if state.records.get(scope_hash).filter(in_flight).is_some() {
            state.records.remove(scope_hash);
        }
    }
    check(reply.outcome == Ok(Outcome::Released), reply, || "released".to_owned())
}

pub fn run_due(state: &mut State, now: Timestamp, batch: u64, reply: &TenantReply, entries: &mut Vec<Expected>) -> Run {
    let taken = hold::sweep(state, now, batch as usize, entries);
    let Ok(Outcome::Due(Due { expired, .. })) = reply.outcome else {
        return wrong(reply, "due work");
    };
    check(expired == taken as u64, reply, || format!("{taken} expired"))?;
    let next = state.next_deadline();
    let alarmed = next.is_none_or(|next| reply.next_due_at_ms.is_some_and(|due| due <= next));
    check(alarmed, reply, || format!("an alarm no later than {next:?}, not {:?}", reply.next_due_at_ms))
}

pub fn wallet(state: &mut State, call: &TenantCall, reply: &TenantReply, entries: &mut Vec<Expected>) -> Run {
    match &call.command {
        Command::CreateWallet { mode: Mode::Live, .. } => {
            let is_test = key_of(state, call).is_some_and(|key| key.kind == KeyKind::Test);
            Err(if is_test { Refusal::LiveModeForbidden } else { Refusal::GoNoGoIncomplete }.into())
        }
        Command::CreateWallet { name, .. } => {
            if state.wallets.len() >= 100 {
                return Err(Refusal::WalletLimit.into());
            }
            let Ok(Outcome::Wallet(view)) = &reply.outcome else { return wrong(reply, "a wallet") };
            let is_new = state.wallets.insert(view.wallet_id, Wallet::default()).is_none();
            check(is_new && view.name == *name && !view.default && view.balance.total().is_zero(), reply, || "an empty wallet".to_owned())?;
            entries.push(entry("wallet.created", Some(view.wallet_id.to_string())));
            Ok(())
        }
        Command::GetWallet { wallet_id } => {
            let Ok(Outcome::Wallet(view)) = &reply.outcome else { return missing(state, *wallet_id, reply) };
            check_view(state, view, reply)
        }
        Command::ListWallets { limit, before } => {
            let Ok(Outcome::Wallets(views)) = &reply.outcome else { return wrong(reply, "wallets") };
            let expected: Vec<WalletId> =
                state.wallets.keys().rev().filter(|id| before.is_none_or(|before| **id < before)).take(*limit as usize).copied().collect();
            check(views.iter().map(|view| view.wallet_id).eq(expected), reply, || "wallets, newest first".to_owned())?;
            views.iter().try_for_each(|view| check_view(state, view, reply))
        }
        Command::Fund { wallet_id, amount_micros, source } => fund(state, *wallet_id, *amount_micros, *source, reply, entries),
        _ => wrong(reply, "a wallet command"),
    }
}

fn missing(state: &State, wallet_id: WalletId, reply: &TenantReply) -> Run {
    if state.wallets.contains_key(&wallet_id) { wrong(reply, "the wallet") } else { Err(Refusal::NotFound(Thing::Wallet).into()) }
}

pub fn check_view(state: &State, view: &WalletView, reply: &TenantReply) -> Run {
    let Some(wallet) = state.wallets.get(&view.wallet_id) else { return wrong(reply, "a wallet there is") };
    let right = view.balance.available.get() == wallet.available
        && view.balance.held.get() == wallet.held + state.lent(view.wallet_id)
        && view.default == (view.wallet_id == state.default_wallet);
    check(right, reply, || format!("{wallet:?}"))
}

fn fund(
    state: &mut State,
    wallet_id: WalletId,
    amount: Micros,
    source: Option<FundingSource>,
    reply: &TenantReply,
    entries: &mut Vec<Expected>,
) -> Run {
    let Some(wallet) = state.wallets.get(&wallet_id).copied() else {
        return Err(Refusal::NotFound(Thing::Wallet).into());
    };
    if source == Some(FundingSource::Provider) {
        return Err(Refusal::FundingSourceNotAllowed.into());
    }
    let lent = state.lent(wallet_id);
    if wallet.available + wallet.held + lent + amount.get() > WALLET_CAP {
        return Err(Refusal::WalletCap.into());
    }
    state.fund(wallet_id, amount.get(), entries);
    let Ok(Outcome::Funded(funded)) = &reply.outcome else { return wrong(reply, "funding") };
    let right = funded.wallet_id == wallet_id
        && funded.amount_micros == amount
        && funded.balance.available.get() == wallet.available + amount.get()
        && funded.balance.held.get() == wallet.held + lent;
    check(right, reply, || format!("{wallet:?} and {amount:?} more"))
}

pub fn daily_spend(state: &State, now: Timestamp, days: u64, reply: &TenantReply) -> Run {
    let Ok(Outcome::DailySpend(spend)) = &reply.outcome else { return wrong(reply, "daily spend") };
    check_spend(state, now, days, spend, reply)
}

pub fn check_spend(state: &State, now: Timestamp, days: u64, spend: &[DaySpend], reply: &TenantReply) -> Run {
    let today = now.utc_day();
    let expected = (today + 1 - days..=today)
        .map(|day| (Timestamp::from_ms(day * DAY_MS).date_text(), state.spend.get(&day).copied().unwrap_or_default()));
    let shown = spend.iter().map(|day| (day.date.clone(), (day.spent_micros.get(), day.charges)));
    check(shown.eq(expected), reply, || format!("{:?}", state.spend))
}
