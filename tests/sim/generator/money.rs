//! What callers ask of governed money: mandates near their limits, holds and leases that are about to run out, tokens for the
//! right thing and the wrong one.

use guildhall::domain::agent::AgentStatus;
use guildhall::domain::approval::ApprovalStatus;
use guildhall::domain::id::{AgentId, ApprovalId, LeaseId, MandateId, PaymentId, ReservationId};
use guildhall::domain::lease::LeaseStatus;
use guildhall::domain::mandate::MandateStatus;
use guildhall::domain::money::Micros;
use guildhall::domain::packet::PacketItems;
use guildhall::domain::payment::PaymentStatus;
use guildhall::domain::spend::{Merchant, SpendAction, SpendKind};
use guildhall::domain::time::Timestamp;
use guildhall::objects::tenant::call::{ExecutionRights, Proof};
use guildhall::objects::tenant::money::command::{
    LeaseRequest, LeaseSource, MandateDraft, MoneyCommand, PageOf, PayRequest, SpendRequest, TokenTerms,
};

use super::{Generator, micros};
use crate::model::State;

const NAMES: [&str; 3] = ["Acme", "Beta", "Gamma"];

/// Under what somebody spends, and what is left there.
#[derive(Debug, Clone, Copy)]
struct Purse {
    agent_id: AgentId,
    mandate_id: MandateId,
    lease_id: Option<LeaseId>,
    left: u64,
}

fn merchant(name: &str) -> Merchant {
    Merchant { name: name.to_owned(), key: name.to_lowercase() }
}

/// Whether its route takes an Idempotency-Key.
pub fn is_a_post(command: &MoneyCommand) -> bool {
    use MoneyCommand as M;
    !matches!(
        command,
        M::GetMandate { .. }
            | M::ListMandates { .. }
            | M::Authorize(_)
            | M::GetReservation { .. }
            | M::ListReservations { .. }
            | M::GetPayment { .. }
            | M::ListPayments { .. }
            | M::GetLease { .. }
            | M::ListLeases { .. }
            | M::GetApproval { .. }
            | M::ListApprovals { .. }
            | M::SummarizeUsage { .. }
            | M::GetPacket
            | M::PutPacket { .. }
    )
}

/// Any but what it should be.
macro_rules! some_id {
    ($generator:expr, $known:expr, $id:ty) => {{
        let known: Vec<$id> = $known;
        match $generator.random.pick(&known) {
            Some(id) if $generator.random.percent(97) => *id,
            _ => <$id>::new(Timestamp::from_ms(1), &mut $generator.random),
        }
    }};
}

impl Generator {
    /// A command about money, and the token it comes with, if it comes with one.
    pub(super) fn money(&mut self, now: Timestamp, state: &State) -> (MoneyCommand, Option<Proof>) {
        let living = state.mandates.values().filter(|mandate| mandate.is_active(now)).count();
        if state.stopped && self.random.percent(20) {
            return (MoneyCommand::SetStop { on: false, reason: None }, None);
        }
        if living < 2 && self.random.percent(35) {
            return (self.create_mandate(now, state), None);
        }
        match self.random.below(1_000) {
            0..25 => (self.create_mandate(now, state), None),
            25..85 => (self.put_mandate(now, state), None),
            85..105 => (self.look_at_mandates(state), None),
            105..140 => (self.grant_token(now, state), None),
            140..170 => self.spend(now, state, MoneyCommand::Authorize),
            170..450 => self.spend(now, state, MoneyCommand::Reserve),
            450..485 => self.batch(now, state),
            485..590 => self.resolve(state, true),
            590..635 => self.resolve(state, false),
            635..655 => (self.look_at_reservations(state), None),
            655..755 => self.pay(now, state),
            755..770 => (self.look_at_payments(state), None),
            770..850 => self.lend(now, state),
            850..880 => (MoneyCommand::ReleaseLease { lease_id: self.some_lease(state) }, None),
            880..890 => (MoneyCommand::RevokeLease { lease_id: self.some_lease(state) }, None),
            890..910 => (self.look_at_leases(state), None),
            910..960 => (self.decide(state), None),
            960..970 => (self.look_at_approvals(state), None),
            970..985 => (self.summarize(state), None),
            985..990 => (MoneyCommand::GetPacket, None),
            990..993 => (MoneyCommand::PutPacket { items: PacketItems::default() }, None),
            _ => (MoneyCommand::SetStop { on: self.random.percent(50), reason: None }, None),
        }
    }

    fn some_agent(&mut self, state: &State) -> AgentId {
        some_id!(self, state.agents.keys().copied().collect(), AgentId)
    }

    fn some_mandate(&mut self, state: &State) -> MandateId {
        some_id!(self, state.mandates.keys().copied().collect(), MandateId)
    }

    /// Mostly one that is active.
    fn some_lease(&mut self, state: &State) -> LeaseId {
        let is_active = |id: &LeaseId| state.leases[id].status == LeaseStatus::Active;
        let all = self.random.percent(25);
        some_id!(self, state.leases.keys().copied().filter(|id| all || is_active(id)).collect(), LeaseId)
    }

    fn page<I>(&mut self, before: Option<I>) -> PageOf<I> {
        PageOf { limit: self.random.between(1, 8), before: before.filter(|_| self.random.percent(40)) }
    }

    fn limit(&mut self, from: u64, to: u64) -> Option<Micros> {
        self.random.percent(55).then(|| micros(self.random.between(from, to)))
    }

    fn merchants(&mut self) -> Vec<Merchant> {
        match self.random.below(10) {
            0..2 => vec![merchant(NAMES[0]), merchant(NAMES[1])],
            2 => vec![merchant(NAMES[2])],
            _ => Vec::new(),
        }
    }

    fn actions(&mut self) -> Vec<SpendAction> {
        match self.random.below(10) {
            0 => vec![SpendAction::Payment, SpendAction::Tool],
            1 => vec![SpendAction::Payment, SpendAction::Delegation, SpendAction::Token],
            _ => Vec::new(),
        }
    }

    fn some_expiry(&mut self, now: Timestamp, percent: u64) -> Option<Timestamp> {
        let lasts_ms = if self.random.percent(40) { self.random.between(1, 60_000) } else { self.random.between(1, 5 * 86_400_000) };
        self.random.percent(percent).then(|| now.plus_ms(lasts_ms))
    }

    fn draft(&mut self, now: Timestamp, state: &State) -> MandateDraft {
        let total = self.limit(60_000, 900_000);
        MandateDraft {
            name: None,
            per_transaction: self.limit(10_000, 80_000),
            daily: self.limit(40_000, 400_000),
            monthly: self.limit(60_000, 700_000),
            total: total.or_else(|| Some(micros(500_000))),
            merchants: self.merchants(),
            actions: self.actions(),
            approval_threshold: self.random.percent(35).then(|| micros(self.random.between(0, 60_000))),
            expires_at: self.some_expiry(now, 30),
            wallet_id: self.random.percent(20).then(|| self.some_wallet(Some(state))),
            metadata: serde_json::Map::new(),
        }
    }

    fn create_mandate(&mut self, now: Timestamp, state: &State) -> MoneyCommand {
        let active: Vec<_> = state.agents.iter().filter(|(_, agent)| agent.status == AgentStatus::Active).map(|(id, _)| *id).collect();
        let agent_id = self.random.pick(&active).copied().filter(|_| self.random.percent(90)).unwrap_or_else(|| self.some_agent(state));
        MoneyCommand::CreateMandate { agent_id, draft: self.draft(now, state) }
    }

    fn put_mandate(&mut self, now: Timestamp, state: &State) -> MoneyCommand {
        let mandate_id = self.some_mandate(state);
        let mandate = state.mandates.get(&mandate_id);
        let version = mandate.map_or(1, |mandate| mandate.version);
        let version = if self.random.percent(90) { version } else { version + 1 - self.random.below(3).min(version) };
        let mut draft = self.draft(now, state);
        if self.random.percent(40) {
            // To the edge of what is used, or one beyond.
            let usage = state.usage(mandate_id, now);
            let short = u64::from(self.random.percent(40));
            let edge = |used: crate::model::money::state::Used| Some(micros((used.held + used.spent).saturating_sub(short)));
            match self.random.below(3) {
                0 => draft.daily = edge(usage.day),
                1 => draft.monthly = edge(usage.month),
                _ => draft.total = edge(usage.total),
            }
        }
        let status = match self.random.below(20) {
            0..10 => None,
            10..16 => Some(MandateStatus::Active),
            16..19 => Some(MandateStatus::Suspended),
            _ => Some(MandateStatus::Revoked).filter(|_| self.random.percent(60)),
        };
        let agent_id = self.random.percent(10).then(|| self.some_agent(state));
        MoneyCommand::PutMandate { mandate_id, version, agent_id, status, draft }
    }

    fn look_at_mandates(&mut self, state: &State) -> MoneyCommand {
        let mandate_id = self.some_mandate(state);
        if self.random.percent(70) {
            return MoneyCommand::GetMandate { mandate_id };
        }
        let agent_id = self.random.percent(20).then(|| self.some_agent(state));
        let status = self.random.percent(20).then_some(MandateStatus::Active);
        MoneyCommand::ListMandates { page: self.page(Some(mandate_id)), agent_id, status }
    }

    /// Whoever may spend: a mandate's agent, or a lease's child; now and then somebody else.
    fn purse(&mut self, now: Timestamp, state: &State) -> Purse {
        let leases: Vec<_> =
            state.leases.iter().filter(|(_, lease)| lease.is_active(now) && state.mandates[&lease.mandate].is_active(now)).collect();
        let mandates: Vec<_> = state.mandates.iter().filter(|(_, mandate)| mandate.is_active(now)).collect();
        let astray = self.random.percent(4);
        if let Some((id, lease)) = self.random.pick(&leases).filter(|_| self.random.percent(45)) {
            let agent_id = if astray { self.some_agent(state) } else { lease.child_agent };
            return Purse { agent_id, mandate_id: lease.mandate, lease_id: Some(**id), left: state.parts(**id).remaining };
        }
        if let Some((id, mandate)) = self.random.pick(&mandates).filter(|_| self.random.percent(97)) {
            let usage = state.usage(**id, now);
            let windows = [usage.day.left_of(mandate.daily), usage.month.left_of(mandate.monthly), usage.total.left_of(mandate.total)];
            let wallet = state.available(state.paying_wallet(**id, None), now);
            let left = windows.into_iter().chain([mandate.terms.per_transaction, Some(wallet)]).flatten().min().unwrap_or_default();
            let agent_id = if astray { self.some_agent(state) } else { mandate.agent };
            return Purse { agent_id, mandate_id: **id, lease_id: None, left };
        }
        let lease_id = self.random.percent(30).then(|| self.some_lease(state));
        Purse { agent_id: self.some_agent(state), mandate_id: self.some_mandate(state), lease_id, left: 1_000 }
    }

    /// Often a little; now and then all there is, or one more.
    fn some_amount(&mut self, left: u64) -> u64 {
        match self.random.below(100) {
            0..12 => left.max(1),
            12..18 => left + 1,
            18..50 => self.random.between(1, (left / 3).max(1)),
            _ => self.random.between(1, 30_000),
        }
    }

    fn request(&mut self, purse: &Purse) -> SpendRequest {
        let kind = *self.random.pick(&SpendKind::ALL).unwrap_or(&SpendKind::Tool);
        let is_named = kind == SpendKind::Payment || self.random.percent(20);
        let name = self.random.pick(&NAMES).copied().unwrap_or_default();
        SpendRequest {
            kind,
            amount: micros(self.some_amount(purse.left)),
            agent_id: purse.agent_id,
            mandate_id: purse.mandate_id,
            lease_id: purse.lease_id,
            merchant: is_named.then(|| merchant(name)),
            resource: None,
            description: None,
            metadata: serde_json::Map::new(),
            ttl_s: if self.random.percent(90) { self.random.between(1, 30) } else { self.random.between(1, 86_400) },
        }
    }

    /// A token for this, mostly.
    fn token(&mut self, now: Timestamp, purse: &Purse, action: SpendAction) -> Proof {
        let action = if self.random.percent(95) { action } else { SpendAction::Tool };
        let jti = if self.random.percent(90) { self.random.next() } else { self.random.below(4) }.to_string();
        let Purse { agent_id, mandate_id, lease_id, .. } = *purse;
        let expires_at = now.plus_s(self.random.between(1, 900));
        Proof::Execution(ExecutionRights { agent_id, mandate_id, lease_id, action, jti, expires_at })
    }

    fn spend(&mut self, now: Timestamp, state: &State, command: fn(SpendRequest) -> MoneyCommand) -> (MoneyCommand, Option<Proof>) {
        let purse = self.purse(now, state);
        let request = self.request(&purse);
        let token = self.random.percent(50).then(|| self.token(now, &purse, request.kind.action()));
        (command(request), token)
    }

    fn batch(&mut self, now: Timestamp, state: &State) -> (MoneyCommand, Option<Proof>) {
        let first = self.purse(now, state);
        let mut items = vec![self.request(&first)];
        for _ in 0..self.random.below(6) {
            let purse = if self.random.percent(60) { first } else { self.purse(now, state) };
            items.push(self.request(&purse));
        }
        let action = items[0].kind.action();
        let token = self.random.percent(25).then(|| self.token(now, &first, action));
        (MoneyCommand::ReserveBatch { items, atomic: self.random.percent(50) }, token)
    }

    /// Captures or releases a hold, mostly an open one.
    fn resolve(&mut self, state: &State, captures: bool) -> (MoneyCommand, Option<Proof>) {
        let all = self.random.percent(15);
        let governed = state.reservations.iter().filter(|(_, one)| one.governed.is_some() && (all || one.status.is_open()));
        let reservation_id = some_id!(self, governed.map(|(id, _)| *id).collect(), ReservationId);
        let held = state.reservations.get(&reservation_id);
        let amount = held.map_or(1, |held| held.amount);
        let token = held.and_then(|held| held.governed.as_ref()).map(|governed| {
            let (agent_id, mandate_id, lease_id) = (governed.agent, governed.mandate, governed.lease);
            (Purse { agent_id, mandate_id, lease_id, left: 0 }, governed.action)
        });
        let token = token.filter(|_| self.random.percent(50)).map(|(purse, action)| self.token(Timestamp::from_ms(0), &purse, action));
        if !captures {
            return (MoneyCommand::ReleaseReservation { reservation_id, reason: None }, token);
        }
        let amount_micros = match self.random.below(10) {
            0..3 => Some(micros(self.random.between(1, amount))),
            3 => Some(micros(amount + u64::from(self.random.percent(30)))),
            _ => None,
        };
        (MoneyCommand::Capture { reservation_id, amount_micros }, token)
    }

    fn look_at_reservations(&mut self, state: &State) -> MoneyCommand {
        let reservation_id = some_id!(self, state.reservations.keys().copied().collect(), ReservationId);
        if self.random.percent(70) {
            return MoneyCommand::GetReservation { reservation_id };
        }
        let page = self.page(Some(reservation_id));
        MoneyCommand::ListReservations { page, agent_id: None, mandate_id: None, lease_id: None, status: None, kind: None }
    }

    fn pay(&mut self, now: Timestamp, state: &State) -> (MoneyCommand, Option<Proof>) {
        let purse = self.purse(now, state);
        let amount = micros(self.some_amount(purse.left));
        let name = self.random.pick(&NAMES).copied().unwrap_or_default();
        let request = PayRequest { amount, merchant: merchant(name), description: None, metadata: serde_json::Map::new() };
        let token = self.random.percent(97).then(|| self.token(now, &purse, SpendAction::Payment));
        (MoneyCommand::Pay(request), token)
    }

    fn look_at_payments(&mut self, state: &State) -> MoneyCommand {
        let payment_id = some_id!(self, state.payments.keys().copied().collect(), PaymentId);
        if self.random.percent(60) {
            return MoneyCommand::GetPayment { payment_id };
        }
        let status = self.random.percent(30).then_some(PaymentStatus::Succeeded);
        let (page, merchant) = (self.page(Some(payment_id)), None);
        MoneyCommand::ListPayments { page, agent_id: None, mandate_id: None, status, merchant, created_from: None, created_to: None }
    }

    fn lend(&mut self, now: Timestamp, state: &State) -> (MoneyCommand, Option<Proof>) {
        let purse = self.purse(now, state);
        let source = purse.lease_id.map_or(LeaseSource::Mandate(purse.mandate_id), LeaseSource::Lease);
        let amount = match self.random.below(10) {
            0 => purse.left.max(1),
            1 => purse.left + 1,
            _ => self.random.between(1, (purse.left / 2).max(1)),
        };
        let terms = purse.lease_id.and_then(|id| state.leases.get(&id)).map(|lease| &lease.terms);
        let above = terms.or_else(|| state.mandates.get(&purse.mandate_id).map(|mandate| &mandate.terms)).cloned().unwrap_or_default();
        let latest = above.expires_at.map_or(now.plus_ms(90_000), |at| at.plus_ms(u64::from(self.random.percent(10))));
        let expires_at = self.some_expiry(now, 40).map(|at| at.min(latest));
        let per_transaction = above.per_transaction.unwrap_or(50_000) + u64::from(self.random.percent(10));
        let request = LeaseRequest {
            source,
            child_agent_id: self.some_child(state, purse.lease_id, purse.agent_id),
            amount: micros(amount),
            per_transaction: self.random.percent(25).then(|| micros(per_transaction)),
            merchants: self.random.percent(15).then(|| self.merchants()),
            actions: self.random.percent(15).then(|| self.actions()),
            expires_at,
        };
        let token = self.random.percent(40).then(|| self.token(now, &purse, SpendAction::Delegation));
        (MoneyCommand::GrantLease(request), token)
    }

    /// Mostly somebody who lends nothing to the lender.
    fn some_child(&mut self, state: &State, lease: Option<LeaseId>, lender: AgentId) -> AgentId {
        let mut chain = vec![lender];
        let mut at = lease.and_then(|id| state.leases.get(&id));
        while let Some(lease) = at {
            chain.push(lease.parent_agent);
            at = lease.parent.and_then(|id| state.leases.get(&id));
        }
        let others: Vec<_> = state.agents.keys().copied().filter(|id| !chain.contains(id)).collect();
        let other = self.random.pick(&others).copied();
        other.filter(|_| self.random.percent(90)).unwrap_or_else(|| self.some_agent(state))
    }

    fn look_at_leases(&mut self, state: &State) -> MoneyCommand {
        let lease_id = self.some_lease(state);
        if self.random.percent(70) {
            return MoneyCommand::GetLease { lease_id };
        }
        let status = self.random.percent(30).then_some(LeaseStatus::Active);
        MoneyCommand::ListLeases { page: self.page(Some(lease_id)), parent_agent_id: None, child_agent_id: None, mandate_id: None, status }
    }

    /// Mostly about one that waits.
    fn some_approval(&mut self, state: &State) -> ApprovalId {
        let all = self.random.percent(20);
        let waits = |id: &ApprovalId| state.approvals[id].status == ApprovalStatus::Pending;
        some_id!(self, state.approvals.keys().copied().filter(|id| all || waits(id)).collect(), ApprovalId)
    }

    fn decide(&mut self, state: &State) -> MoneyCommand {
        MoneyCommand::Decide { approval_id: self.some_approval(state), approve: self.random.percent(60), reason: None }
    }

    fn look_at_approvals(&mut self, state: &State) -> MoneyCommand {
        let approval_id = self.some_approval(state);
        if self.random.percent(50) {
            return MoneyCommand::GetApproval { approval_id };
        }
        let status = self.random.percent(40).then_some(ApprovalStatus::Pending);
        MoneyCommand::ListApprovals { page: self.page(Some(approval_id)), status }
    }

    fn grant_token(&mut self, now: Timestamp, state: &State) -> MoneyCommand {
        let Purse { agent_id, mandate_id, lease_id, .. } = self.purse(now, state);
        let action = *self.random.pick(&SpendAction::ALL).unwrap_or(&SpendAction::Tool);
        MoneyCommand::GrantToken(TokenTerms { agent_id, mandate_id, action, lease_id })
    }

    fn summarize(&mut self, state: &State) -> MoneyCommand {
        let (from, to) = (Timestamp::from_ms(0), Timestamp::from_ms(4_000_000_000_000));
        let agent_id = self.random.percent(30).then(|| self.some_agent(state));
        let mandate_id = self.random.percent(30).then(|| self.some_mandate(state));
        MoneyCommand::SummarizeUsage { from, to, agent_id, mandate_id }
    }
}
