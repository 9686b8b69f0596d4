//! What becomes of money that is held, and what has run out.

use guildhall::domain::approval::ApprovalStatus;
use guildhall::domain::id::{AgentId, LeaseId, MandateId, PaymentId, ReservationId, WalletId};
use guildhall::domain::lease::LeaseStatus;
use guildhall::domain::mandate::MandateStatus;
use guildhall::domain::payment::PaymentStatus;
use guildhall::domain::time::Timestamp;

use super::super::Expected;
use super::super::meter;
use super::super::state::{Reservation, State, Status, entry};
use super::state::{Governed, is_due};

/// How much is swept at a time.
const BATCH: usize = 500;

fn moved(action: &'static str, object: impl ToString, from: String, to: String, amount: u64) -> Expected {
    Expected { action, actor: None, object: Some(object.to_string()), transfer: Some((from, to, amount)) }
}

/// Holds money for a reservation that nothing refuses.
pub fn hold(state: &mut State, id: ReservationId, reservation: Reservation, entries: &mut Vec<Expected>) {
    let (wallet_id, amount) = (reservation.wallet, reservation.amount);
    let governed = reservation.governed.clone().expect("under a mandate");
    let from = governed.lease.map_or_else(|| wallet_id.to_string(), |lease| lease.to_string());
    let wallet = state.wallets.entry(wallet_id).or_default();
    wallet.held += amount;
    if governed.lease.is_none() {
        wallet.available -= amount;
        let mandate = state.mandates.get_mut(&governed.mandate).expect("a mandate");
        mandate.day = mandate.day.max(governed.day);
    }
    state.reservations.insert(id, reservation);
    entries.push(moved("reservation.created", id, from, format!("{wallet_id}.held"), amount));
}

/// Where freed money goes: the hold's own lease while it is active, else the nearest above that is, else the wallet.
fn take_back(state: &mut State, lease: Option<LeaseId>, wallet: WalletId, amount: u64) -> String {
    let mut at = lease;
    while let Some(id) = at {
        let lease = state.leases.get_mut(&id).expect("a lease");
        if lease.status == LeaseStatus::Active {
            return id.to_string();
        }
        lease.returned += amount;
        at = lease.parent;
    }
    state.wallets.entry(wallet).or_default().available += amount;
    wallet.to_string()
}

/// Gives a whole hold back; whoever waited for a human waits no longer.
pub fn give_back(state: &mut State, id: ReservationId, status: Status, entries: &mut Vec<Expected>) {
    let reservation = state.reservations.get_mut(&id).expect("a reservation");
    let Some(governed) = reservation.governed.clone() else { return meter::give_back(state, id, status, entries) };
    let was_pending = reservation.status == Status::Pending;
    let (wallet, amount) = (reservation.wallet, reservation.amount);
    reservation.status = status;
    state.wallets.entry(wallet).or_default().held -= amount;
    let to = take_back(state, governed.lease, wallet, amount);
    let ran_out = status == Status::Expired;
    let action = if ran_out { "reservation.expired" } else { "reservation.released" };
    entries.push(moved(action, id, format!("{wallet}.held"), to, amount));
    let approval = governed.approval.filter(|_| was_pending);
    if let Some(approval) = approval.and_then(|id| state.approvals.get_mut(&id)).filter(|one| one.status == ApprovalStatus::Pending) {
        approval.status = if ran_out { ApprovalStatus::Expired } else { ApprovalStatus::Denied };
        entries.push(entry(if ran_out { "approval.expired" } else { "approval.denied" }, governed.approval.map(|id| id.to_string())));
        if let Some(payment) = governed.payment {
            settle(state, payment, if ran_out { PaymentStatus::Expired } else { PaymentStatus::Failed }, entries);
        }
    }
}

/// What has become of a payment.
pub fn settle(state: &mut State, id: PaymentId, status: PaymentStatus, entries: &mut Vec<Expected>) {
    state.payments.get_mut(&id).expect("a payment").status = status;
    let action = match status {
        PaymentStatus::Succeeded => "payment.succeeded",
        PaymentStatus::Denied => "payment.denied",
        PaymentStatus::PendingApproval => "payment.pending_approval",
        PaymentStatus::Expired => "payment.expired",
        PaymentStatus::Failed => "payment.failed",
    };
    entries.push(entry(action, Some(id.to_string())));
}

/// Spends part or all of a hold for good; the rest goes back.
pub fn capture(state: &mut State, now: Timestamp, id: ReservationId, asked: u64, entries: &mut Vec<Expected>) {
    let reservation = state.reservations.get_mut(&id).expect("a reservation");
    let governed = reservation.governed.clone().expect("under a mandate");
    let (wallet, amount) = (reservation.wallet, reservation.amount);
    reservation.status = Status::Captured(asked);
    state.wallets.entry(wallet).or_default().held -= amount;
    state.spent_outside += asked;
    state.count_spend(now, asked);
    let held = format!("{wallet}.held");
    entries.push(moved("reservation.captured", id, held.clone(), "outside".to_owned(), asked));
    if asked < amount {
        let to = take_back(state, governed.lease, wallet, amount - asked);
        entries.push(moved("reservation.remainder_freed", id, held, to, amount - asked));
    }
    notice_exhaustion(state, &governed, entries);
}

/// A mandate is exhausted when its total limit is spent, a lease when all of it is.
fn notice_exhaustion(state: &mut State, governed: &Governed, entries: &mut Vec<Expected>) {
    let spent = state.usage_on(governed.mandate, 0).total.spent;
    let mandate = state.mandates.get_mut(&governed.mandate).expect("a mandate");
    if mandate.status == MandateStatus::Active && mandate.total.is_some_and(|total| spent >= total) {
        mandate.status = MandateStatus::Exhausted;
        mandate.version += 1;
        entries.push(entry("mandate.exhausted", Some(governed.mandate.to_string())));
    }
    let mut at = governed.lease;
    while let Some(id) = at {
        let spent = state.spent_below(id);
        let lease = state.leases.get_mut(&id).expect("a lease");
        if lease.status == LeaseStatus::Active && spent == lease.amount {
            lease.status = LeaseStatus::Exhausted;
            entries.push(entry("lease.exhausted", Some(id.to_string())));
        }
        at = lease.parent;
    }
}

/// A reservation under a mandate.
pub fn find(state: &State, id: ReservationId) -> Option<(Reservation, Governed)> {
    let reservation = state.reservations.get(&id)?;
    Some((reservation.clone(), reservation.governed.clone()?))
}

/// Makes open holds end at that moment, as released; those that had run out before ended as what they were.
fn end_those(state: &mut State, at: Timestamp, which: impl Fn(&State, &Governed) -> bool) {
    let open = state.reservations.iter().filter(|(_, one)| one.status.is_open() && one.expires_at >= at);
    let ids: Vec<_> =
        open.filter(|(_, one)| one.governed.as_ref().is_some_and(|governed| which(state, governed))).map(|(id, _)| *id).collect();
    for id in ids {
        let reservation = state.reservations.get_mut(&id).expect("a reservation");
        reservation.expires_at = at;
        reservation.ends_as = Status::Released;
    }
}

/// Ends holds that have run out, at most `batch`; answers how many.
pub fn expire_holds(state: &mut State, now: Timestamp, batch: usize, entries: &mut Vec<Expected>) -> usize {
    let due = state.due_in_order(now);
    for id in due.iter().take(batch) {
        let ends_as = state.reservations[id].ends_as;
        give_back(state, *id, ends_as, entries);
    }
    due.len().min(batch)
}

/// Ends a lease and all below it as of that moment, their holds first.
pub fn end_lease(state: &mut State, times: (Timestamp, Timestamp), root: LeaseId, status: LeaseStatus, entries: &mut Vec<Expected>) {
    let (now, at) = times;
    end_those(state, at, |state, governed| governed.lease.is_some_and(|lease| state.is_below(lease, root)));
    expire_all_holds(state, now, entries);
    let mut below: Vec<_> =
        state.leases.iter().filter(|(id, one)| one.status == LeaseStatus::Active && state.is_below(**id, root)).collect();
    below.sort_by_key(|(_, lease)| std::cmp::Reverse(lease.depth));
    let below: Vec<LeaseId> = below.into_iter().map(|(id, _)| *id).collect();
    for id in below {
        close_lease(state, id, status, entries);
    }
}

/// Ends one lease: what it has left goes to what it was lent from.
pub fn close_lease(state: &mut State, id: LeaseId, status: LeaseStatus, entries: &mut Vec<Expected>) {
    let left = state.parts(id).remaining;
    let lease = state.leases.get_mut(&id).expect("a lease");
    lease.status = status;
    lease.returned += left;
    let (parent, wallet) = (lease.parent, lease.wallet);
    let to = match parent {
        Some(parent) => parent.to_string(),
        None => {
            state.wallets.entry(wallet).or_default().available += left;
            wallet.to_string()
        }
    };
    let action = match status {
        LeaseStatus::Released => "lease.released",
        LeaseStatus::Expired => "lease.expired",
        _ => "lease.revoked",
    };
    let transfer = (left > 0).then(|| (id.to_string(), to, left));
    entries.push(Expected { action, actor: None, object: Some(id.to_string()), transfer });
}

fn is_open_lease(state: &State, id: LeaseId) -> bool {
    state.leases[&id].status == LeaseStatus::Active
}

/// Ends leases that have run out, at most `batch`; answers how many were due.
pub fn expire_leases(state: &mut State, now: Timestamp, batch: usize, entries: &mut Vec<Expected>) -> usize {
    let due = state.leases.iter().filter(|(_, one)| one.status == LeaseStatus::Active && is_due(one.terms.expires_at, now));
    let mut due: Vec<_> = due.map(|(id, lease)| (lease.terms.expires_at, *id)).collect();
    due.sort_unstable();
    for (at, id) in due.iter().take(batch) {
        if is_open_lease(state, *id) {
            end_lease(state, (now, at.unwrap_or(now)), *id, LeaseStatus::Expired, entries);
        }
    }
    due.len().min(batch)
}

/// Marks mandates that have run out, at most `batch`; answers how many.
fn expire_mandates(state: &mut State, now: Timestamp, batch: usize, entries: &mut Vec<Expected>) -> usize {
    let due = state.mandates.iter().filter(|(_, one)| one.can_expire() && is_due(one.terms.expires_at, now));
    let mut due: Vec<_> = due.map(|(id, mandate)| (mandate.terms.expires_at, *id)).collect();
    due.sort_unstable();
    for (_, id) in due.iter().take(batch) {
        set_mandate_status(state, *id, MandateStatus::Expired);
        entries.push(entry("mandate.expired", Some(id.to_string())));
    }
    due.len().min(batch)
}

fn set_mandate_status(state: &mut State, id: MandateId, status: MandateStatus) {
    let mandate = state.mandates.get_mut(&id).expect("a mandate");
    mandate.status = status;
    mandate.version += 1;
}

/// Ends what has run out, at most `batch` of each kind; answers how much there was.
pub fn sweep(state: &mut State, now: Timestamp, batch: usize, entries: &mut Vec<Expected>) -> usize {
    let leases = expire_leases(state, now, batch, entries);
    let holds = expire_holds(state, now, batch, entries);
    let mandates = expire_mandates(state, now, batch, entries);
    let mut over: Vec<_> = state.tokens_used.iter().filter(|(_, at)| **at <= now).map(|(jti, at)| (*at, jti.clone())).collect();
    over.sort_unstable();
    over.truncate(batch);
    for (_, jti) in &over {
        state.tokens_used.remove(jti);
    }
    leases + holds + mandates + over.len()
}

/// Ends all that has run out, for whoever comes for money.
pub fn sweep_all(state: &mut State, now: Timestamp, entries: &mut Vec<Expected>) {
    while sweep(state, now, BATCH, entries) >= BATCH {}
}

fn expire_all_holds(state: &mut State, now: Timestamp, entries: &mut Vec<Expected>) {
    while expire_holds(state, now, BATCH, entries) >= BATCH {}
}

/// What hung on a mandate that is revoked.
pub fn wind_up(state: &mut State, now: Timestamp, id: MandateId, entries: &mut Vec<Expected>) {
    end_those(state, now, |_, governed| governed.mandate == id);
    let roots: Vec<_> = state.leases.iter().filter(|(_, one)| one.mandate == id && one.parent.is_none()).map(|(id, _)| *id).collect();
    for root in roots {
        if is_open_lease(state, root) {
            end_lease(state, (now, now), root, LeaseStatus::Revoked, entries);
        }
    }
    expire_all_holds(state, now, entries);
}

/// An agent's end: its holds released, its leases and mandates revoked with all below.
pub fn end_agent(state: &mut State, now: Timestamp, agent: AgentId, entries: &mut Vec<Expected>) {
    end_those(state, now, |_, governed| governed.agent == agent);
    expire_all_holds(state, now, entries);
    let theirs = state.leases.iter().filter(|(_, one)| one.child_agent == agent || one.parent_agent == agent);
    let mut theirs: Vec<_> = theirs.map(|(id, lease)| (lease.depth, *id)).collect();
    theirs.sort_unstable();
    for (_, id) in theirs {
        if is_open_lease(state, id) {
            end_lease(state, (now, now), id, LeaseStatus::Revoked, entries);
        }
    }
    let mandates: Vec<_> = state.mandates.iter().filter(|(_, one)| one.agent == agent).map(|(id, _)| *id).collect();
    for id in mandates {
        if state.mandates[&id].status != MandateStatus::Revoked {
            set_mandate_status(state, id, MandateStatus::Revoked);
            wind_up(state, now, id, entries);
            entries.push(entry("mandate.revoked", Some(id.to_string())));
        }
    }
}
