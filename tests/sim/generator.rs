//! Callers: what they ask for, in which order, and how they come back after a reply that never arrived.

mod command;
mod money;

use guildhall::domain::address::LoginAddress;
use guildhall::domain::agent::AgentStatus;
use guildhall::domain::digest::Digest;
use guildhall::domain::id::{AgentId, RequestId, ReservationId, UserId, Uuid};
use guildhall::domain::idempotency::Claim;
use guildhall::domain::key::{KeyKind, KeyNumber, NewSecret};
use guildhall::domain::lease::LeaseStatus;
use guildhall::domain::limit::LimitClass;
use guildhall::domain::money::Micros;
use guildhall::domain::scope::Scope;
use guildhall::domain::slug::Slug;
use guildhall::domain::time::{DAY_MS, Timestamp};
use guildhall::objects::tenant::call::{Proof, TenantCall, TenantReply};
use guildhall::objects::tenant::command::{
    Command, Controller, FirstAgent, Invitation, MeterCapture, MeterRelease, MintEnrollment, MintKey, RedeemEnrollment,
};
use guildhall::objects::tenant::money::command::MoneyCommand;
use guildhall::objects::tenant::outcome::Outcome;

use crate::metering::answered;
use crate::model::{Key, Model, State, command_name};
use crate::random::Random;

/// A metered request whose second half is still to come, or may come again.
#[derive(Debug, Clone)]
struct Flight {
    request_id: RequestId,
    reservation_id: Option<ReservationId>,
    scope_hash: Option<Digest>,
    amount: u64,
}

/// All callers of one tenant.
pub struct Generator {
    random: Random,
    uuid: Uuid,
    slug: Slug,
    controller: Controller,
    secrets: u64,
    /// How much of what is asked for is governed money, of 100.
    money_percent: u64,
    flights: Vec<Flight>,
    landed: Vec<Flight>,
    /// Calls whose reply was lost, or which are sent again out of nervousness.
    again: Vec<TenantCall>,
}

/// The hash of the secret of this number: what its owner would present.
pub fn secret_hash_of(number: KeyNumber) -> Digest {
    Digest::of(&[b"secret", number.to_string().as_bytes()])
}

pub fn address(n: u64) -> LoginAddress {
    LoginAddress::from_bytes([n as u8; 20])
}

pub fn user(n: u64) -> UserId {
    Uuid::from_bytes([n as u8 + 1; 16])
}

fn micros(amount: u64) -> Micros {
    Micros::new(amount).expect("in range")
}

/// The end of the day, or so many milliseconds before it.
fn next_midnight(now: Timestamp, early_ms: u64) -> Timestamp {
    Timestamp::from_ms((now.utc_day() + 1) * DAY_MS).minus_ms(early_ms).max(now)
}

fn next_month(now: Timestamp, early_ms: u64) -> Timestamp {
    let days = (1..=31).map(|days| Timestamp::from_ms((now.utc_day() + days) * DAY_MS));
    let first = days.into_iter().find(|day| day.utc_month() != now.utc_month());
    first.map_or(now, |first| first.minus_ms(early_ms).max(now))
}

impl Generator {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed.rotate_left(32));
        let uuid = Uuid::new(&mut random);
        let controller = if random.percent(75) { Controller::Wallet(address(0)) } else { Controller::User(user(0)) };
        let slug = Slug::parse("agent-alpha").expect("a slug");
        let money_percent = if random.percent(40) { 78 } else { 8 };
        Self { random, uuid, slug, controller, secrets: 0, money_percent, flights: Vec::new(), landed: Vec::new(), again: Vec::new() }
    }

    fn new_secret(&mut self) -> NewSecret {
        self.secrets += 1;
        let number = KeyNumber::from_bytes(self.secrets.to_be_bytes());
        let sealed = self.random.percent(30).then(|| "sealed".to_owned());
        NewSecret { number, secret_hash: secret_hash_of(number), last4: "beef".to_owned(), sealed }
    }

    fn request_id(&mut self, now: Timestamp) -> RequestId {
        RequestId::new(now, &mut self.random)
    }

    /// How far the clock moves before the next call: mostly little, sometimes to the very moment a hold runs out.
    pub fn next_time(&mut self, now: Timestamp, model: &Model) -> Timestamp {
        let random = &mut self.random;
        match random.below(1_000) {
            0..500 => now,
            500..750 => now.plus_ms(random.below(50)),
            750..900 => now.plus_ms(random.below(3_000)),
            900..985 => self.some_deadline(now, model),
            985..990 => now.plus_ms(random.below(3_600_000)),
            990..993 => next_midnight(now, random.below(2)),
            993..995 => next_month(now, random.below(2)),
            995..999 => now.plus_ms(random.below(26 * 3_600_000)),
            _ => now.plus_ms(random.below(32 * 86_400_000)),
        }
    }

    fn some_deadline(&mut self, now: Timestamp, model: &Model) -> Timestamp {
        let Some(state) = &model.state else { return now };
        let holds = state.reservations.values().filter(|one| one.status.is_open()).map(|one| one.expires_at);
        let leases = state.leases.values().filter(|one| one.status == LeaseStatus::Active).filter_map(|one| one.terms.expires_at);
        let mandates = state.mandates.values().filter(|one| one.can_expire()).filter_map(|one| one.terms.expires_at);
        let open: Vec<_> = holds.chain(leases).chain(mandates).filter(|at| *at > now).collect();
        let deadline = self.random.pick(&open).copied();
        let early = if self.random.percent(30) { 1 } else { 0 };
        deadline.map_or(now, |at| at.minus_ms(early).max(now))
    }

    /// The next call.
    pub fn next_call(&mut self, now: Timestamp, model: &Model) -> TenantCall {
        if !self.again.is_empty() && self.random.percent(25) {
            let at = self.random.below(self.again.len() as u64) as usize;
            let call = self.again.swap_remove(at);
            let command = self.mint_anew(call.command);
            return TenantCall { request_id: self.request_id(now), command, ..call };
        }
        let Some(state) = &model.state else {
            let command = if self.random.percent(80) { Command::Birth(self.birth()) } else { self.command(now, None) };
            let caller = if matches!(command, Command::Birth(_)) { Proof::House } else { self.any_proof(None) };
            let mut call = TenantCall::new(self.request_id(now), caller, command);
            call.idempotency = self.claim(30, &call.command);
            return call;
        };
        if !self.flights.is_empty() && self.random.percent(30) {
            let at = self.random.below(self.flights.len() as u64) as usize;
            let flight = self.flights.swap_remove(at);
            return self.land(flight);
        }
        if self.random.percent(3)
            && let Some(flight) = self.random.pick(&self.landed).cloned()
        {
            return self.land(flight);
        }
        let (command, token) = if self.money_percent > 50 && self.random.percent(7) {
            (self.provide(state), None)
        } else if self.random.percent(self.money_percent) {
            let (command, token) = self.money(now, state);
            (Command::Money(command), token)
        } else {
            (self.command(now, Some(state)), None)
        };
        let caller = token.unwrap_or_else(|| self.proof(&command, now, state));
        let mut call = TenantCall::new(self.request_id(now), caller, command);
        self.dress(&mut call, state);
        call
    }

    /// The second half of a metered request.
    fn land(&mut self, flight: Flight) -> TenantCall {
        let command = if self.random.percent(75) {
            let amount_micros = match self.random.below(10) {
                0 => Some(micros(self.random.between(1, flight.amount.max(1)))),
                1 => Some(micros(flight.amount.max(1))),
                2 if self.random.percent(20) => Some(micros(flight.amount + 1)),
                _ => None,
            };
            let length = if self.random.percent(1) { 2_300_000 } else { self.random.below(20) };
            let answer = answered(&"ä".repeat(length as usize));
            Command::MeterCapture(MeterCapture {
                reservation_id: flight.reservation_id,
                amount_micros,
                scope_hash: flight.scope_hash,
                answer: flight.scope_hash.is_some().then_some(answer),
            })
        } else {
            Command::MeterRelease(MeterRelease { reservation_id: flight.reservation_id, scope_hash: flight.scope_hash })
        };
        let call = TenantCall::new(flight.request_id, Proof::House, command);
        if self.landed.len() > 30 {
            self.landed.remove(0);
        }
        self.landed.push(flight);
        call
    }

    /// What the caller makes of a reply.
    pub fn hear(&mut self, call: &TenantCall, reply: &TenantReply) {
        if let (Command::MeterReserve(request), Ok(Outcome::Reserved(reserved)), false) = (&call.command, &reply.outcome, reply.replayed)
            && self.random.percent(85)
        {
            let scope_hash = call.idempotency.map(|claim| claim.scope_hash);
            let amount = request.price_micros.get();
            self.flights.push(Flight { request_id: call.request_id, reservation_id: reserved.reservation_id, scope_hash, amount });
        }
        if call.idempotency.is_some() && self.random.percent(8) {
            self.again.push(call.clone());
        }
    }

    /// A caller that heard nothing mostly tries again, the same way.
    pub fn hear_nothing(&mut self, call: &TenantCall) {
        if self.random.percent(80) {
            self.again.push(call.clone());
        }
    }

    /// A request that comes again is a request of its own: its handler makes its secrets anew.
    fn mint_anew(&mut self, command: Command) -> Command {
        match command {
            Command::MintKey(request) => Command::MintKey(MintKey { secret: self.new_secret(), ..request }),
            Command::MintEnrollment(request) => Command::MintEnrollment(MintEnrollment { secret: self.new_secret(), ..request }),
            Command::RedeemEnrollment(request) => Command::RedeemEnrollment(RedeemEnrollment { key: self.new_secret(), ..request }),
            Command::Invite(request) => Command::Invite(self.link_anew(request)),
            Command::Birth(mut birth) => {
                birth.agent = birth.agent.map(|first| FirstAgent { key: self.new_secret(), ..first });
                birth.invitation = birth.invitation.map(|request| self.link_anew(request));
                Command::Birth(birth)
            }
            other => other,
        }
    }

    fn link_anew(&mut self, invitation: Invitation) -> Invitation {
        let NewSecret { number, secret_hash, .. } = self.new_secret();
        Invitation { number, secret_hash, ..invitation }
    }

    /// The scope holds the route, so that one key on two routes is two.
    fn claim(&mut self, percent: u64, command: &Command) -> Option<Claim> {
        if !self.random.percent(percent) {
            return None;
        }
        let keys = if matches!(command, Command::MeterReserve(_) | Command::Money(_)) { 24 } else { 3 };
        let key = self.random.below(keys).to_be_bytes();
        let body = [self.random.percent(15).into()];
        let scope_hash = Digest::of(&[b"scope", command_name(command).as_bytes(), &key]);
        Some(Claim { scope_hash, body_hash: Digest::of(&[b"body", &body]) })
    }

    /// Tenant header, scope, limits and idempotency key.
    fn dress(&mut self, call: &mut TenantCall, state: &State) {
        call.named_tenant = match self.random.below(100) {
            0..15 => Some(state.slug.to_string()),
            15..20 => Some(state.uuid.to_string().to_uppercase()),
            20..22 => Some("somebody-else".to_owned()),
            _ => None,
        };
        if self.random.percent(5) {
            call.needs = Some(self.scope("data:read"));
        }
        if call.caller != Proof::House {
            const CLASSES: [LimitClass; 4] = [LimitClass::V2Runtime, LimitClass::Money, LimitClass::AgentExec, LimitClass::Identity];
            for class in CLASSES {
                if self.random.percent(15) {
                    call.limits.push(class);
                }
            }
            for class in [LimitClass::OwnerInvite, LimitClass::AtelierRegister, LimitClass::AbLogin] {
                if self.random.percent(6) {
                    call.limits.insert(0, class);
                }
            }
        }
        let repeatable = !matches!(
            call.command,
            Command::Admit
                | Command::RunDue { .. }
                | Command::OutboxRead { .. }
                | Command::OutboxReadAfter { .. }
                | Command::OutboxAck { .. }
                | Command::VerifyAudit { .. }
                | Command::Reconcile
                | Command::GetWallet { .. }
                | Command::ListWallets { .. }
                | Command::ListKeys { .. }
                | Command::ListEnrollments
                | Command::ListMembers
                | Command::DailySpend { .. }
                | Command::Activity { .. }
                | Command::ShowInvitation { .. }
                | Command::Overview { .. }
                | Command::Profile
        ) && !matches!(&call.command, Command::Money(command) if !money::is_a_post(command));
        if repeatable {
            let percent = if matches!(call.command, Command::Money(_)) { 20 } else { 45 };
            call.idempotency = self.claim(percent, &call.command);
        }
    }

    fn scope(&self, text: &str) -> Scope {
        Scope::parse(text).expect("a scope")
    }

    fn any_proof(&mut self, state: Option<&State>) -> Proof {
        match self.random.below(6) {
            0 => Proof::House,
            1 => Proof::Operator { user_id: user(9) },
            2 => Proof::User { user_id: user(self.random.below(6)) },
            3 => Proof::Wallet { address: address(self.random.below(9)) },
            _ => self.key_proof(state),
        }
    }

    fn key_proof(&mut self, state: Option<&State>) -> Proof {
        let numbers: Vec<KeyNumber> = state.map(|state| state.keys.keys().copied().collect()).unwrap_or_default();
        let known = self.random.pick(&numbers).copied();
        let number = match known {
            Some(number) if self.random.percent(97) => number,
            _ => KeyNumber::from_bytes(self.random.next().to_be_bytes()),
        };
        let kind = state.and_then(|state| state.keys.get(&number)).map_or(KeyKind::Agent, |key| key.kind);
        let kind = if self.random.percent(2) { KeyKind::Live } else { kind };
        let secret_hash = if self.random.percent(2) { Digest::ZERO } else { secret_hash_of(number) };
        Proof::Key { kind, number, secret_hash }
    }

    /// Mostly an agent that may act.
    fn agent_proof(&mut self, now: Timestamp, state: &State) -> Proof {
        let is_active =
            |id: Option<AgentId>| id.and_then(|id| state.agents.get(&id)).is_some_and(|agent| agent.status == AgentStatus::Active);
        let is_good =
            |key: &Key| key.kind == KeyKind::Agent && !key.revoked && key.expires_at.is_none_or(|at| now < at) && is_active(key.agent);
        let good: Vec<_> = state.keys.iter().filter(|(_, key)| is_good(key)).map(|(number, _)| *number).collect();
        match (self.random.below(100), self.random.pick(&good)) {
            (0..75, Some(number)) => Proof::Key { kind: KeyKind::Agent, number: *number, secret_hash: secret_hash_of(*number) },
            (0..92, _) => {
                let logins: Vec<_> = (0..7).map(address).filter(|address| is_active(state.agent_of_login(address.as_str()))).collect();
                let known = self.random.pick(&logins).cloned();
                Proof::Wallet { address: known.unwrap_or_else(|| address(6)) }
            }
            _ => self.key_proof(Some(state)),
        }
    }

    /// Mostly somebody who may give this command.
    fn proof(&mut self, command: &Command, now: Timestamp, state: &State) -> Proof {
        if self.random.percent(4) {
            return self.any_proof(Some(state));
        }
        match command {
            Command::Birth(_)
            | Command::ConfirmBirth
            | Command::MeterCapture(_)
            | Command::MeterRelease(_)
            | Command::RedeemEnrollment(_)
            | Command::ShowInvitation { .. }
            | Command::AcceptInvitation { .. }
            | Command::RunDue { .. }
            | Command::OutboxRead { .. }
            | Command::OutboxReadAfter { .. }
            | Command::OutboxAck { .. } => Proof::House,
            Command::Invite(_) => Proof::Wallet { address: address(0) },
            Command::Admit | Command::MeterReserve(_) => self.agent_proof(now, state),
            Command::Money(MoneyCommand::PutPacket { .. }) => Proof::Operator { user_id: user(9) },
            _ if self.random.percent(50) => Proof::Operator { user_id: user(9) },
            _ if self.random.percent(50) => {
                let members: Vec<UserId> = state.members.keys().copied().collect();
                let user_id = self.random.pick(&members).copied().unwrap_or(user(5));
                Proof::User { user_id }
            }
            _ => {
                let manages = |key: &Key| key.kind != KeyKind::Agent;
                let numbers: Vec<_> = state.keys.iter().filter(|(_, key)| manages(key)).map(|(number, key)| (*number, key.kind)).collect();
                match self.random.pick(&numbers).copied() {
                    Some((number, kind)) => Proof::Key { kind, number, secret_hash: secret_hash_of(number) },
                    None => Proof::Operator { user_id: user(9) },
                }
            }
        }
    }
}
