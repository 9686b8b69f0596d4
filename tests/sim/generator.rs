//! Callers: what they ask for, in which order, and how they come back after a reply that never arrived.

use guildhall::domain::address::LoginAddress;
use guildhall::domain::agent::AgentStatus;
use guildhall::domain::digest::Digest;
use guildhall::domain::id::{AgentId, EnrollmentId, KeyId, RequestId, ReservationId, UserId, Uuid, WalletId};
use guildhall::domain::idempotency::{Claim, StoredReply};
use guildhall::domain::key::{KeyKind, KeyNumber, NewSecret};
use guildhall::domain::limit::LimitClass;
use guildhall::domain::member::Role;
use guildhall::domain::money::Micros;
use guildhall::domain::plan::Plan;
use guildhall::domain::scope::{Scope, Scopes};
use guildhall::domain::slug::Slug;
use guildhall::domain::time::Timestamp;
use guildhall::domain::wallet::{FundingSource, Mode};
use guildhall::objects::tenant::call::{Proof, TenantCall, TenantReply};
use guildhall::objects::tenant::command::{
    Birth, Command, Controller, FirstAgent, Invitation, KeyHolder, MeterCapture, MeterRelease, MeterReserve, MintEnrollment, MintKey,
    RedeemEnrollment,
};
use guildhall::objects::tenant::outcome::Outcome;

use crate::model::{Key, Model, State, Status, command_name};
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

impl Generator {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed.rotate_left(32));
        let uuid = Uuid::new(&mut random);
        let controller = if random.percent(75) { Controller::Wallet(address(0)) } else { Controller::User(user(0)) };
        let slug = Slug::parse("agent-alpha").expect("a slug");
        Self { random, uuid, slug, controller, secrets: 0, flights: Vec::new(), landed: Vec::new(), again: Vec::new() }
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
            985..995 => now.plus_ms(random.below(3_600_000)),
            995..999 => now.plus_ms(random.below(26 * 3_600_000)),
            _ => now.plus_ms(random.below(32 * 86_400_000)),
        }
    }

    fn some_deadline(&mut self, now: Timestamp, model: &Model) -> Timestamp {
        let Some(state) = &model.state else { return now };
        let open: Vec<_> = state.reservations.values().filter(|r| r.status == Status::Reserved && r.expires_at > now).collect();
        let deadline = self.random.pick(&open).map(|reservation| reservation.expires_at);
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
        let command = self.command(now, Some(state));
        let caller = self.proof(&command, now, state);
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
            let reply = StoredReply { status: 200, body: "ä".repeat(length as usize) };
            Command::MeterCapture(MeterCapture {
                reservation_id: flight.reservation_id,
                amount_micros,
                scope_hash: flight.scope_hash,
                reply: flight.scope_hash.is_some().then_some(reply),
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
        let keys = if matches!(command, Command::MeterReserve(_)) { 24 } else { 3 };
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
        );
        if repeatable {
            call.idempotency = self.claim(45, &call.command);
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
            | Command::OutboxAck { .. } => Proof::House,
            Command::Invite(_) => Proof::Wallet { address: address(0) },
            Command::Admit | Command::MeterReserve(_) => self.agent_proof(now, state),
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

    fn birth(&mut self) -> Birth {
        let agent = match &self.controller {
            Controller::Wallet(address) => {
                let (address, key) = (address.clone(), self.new_secret());
                Some(FirstAgent { label: "first".to_owned(), address, metadata: serde_json::Map::new(), key })
            }
            Controller::User(_) => None,
        };
        let invitation = if self.random.percent(20) { Some(self.invitation()) } else { None };
        let slug = if self.random.percent(95) { self.slug.clone() } else { Slug::parse("agent-beta").expect("a slug") };
        // Until somebody has the slug, the object is asked for under it alone.
        let slug = if self.secrets < 3 { self.slug.clone() } else { slug };
        Birth {
            uuid: self.uuid,
            slug,
            name: "Alpha".to_owned(),
            controller: self.controller.clone(),
            credit_micros: micros(1_000_000),
            agent,
            invitation,
        }
    }

    fn invitation(&mut self) -> Invitation {
        let secret = self.new_secret();
        let email = if self.random.percent(75) { "owner@example.com" } else { "other@example.com" };
        Invitation { number: secret.number, secret_hash: secret.secret_hash, email: email.to_owned() }
    }

    fn command(&mut self, now: Timestamp, state: Option<&State>) -> Command {
        match self.random.below(1_000) {
            0..440 => self.meter_reserve(now, state),
            440..520 => Command::RunDue { batch: self.random.between(1, 6) },
            520..580 => self.fund(state),
            580..650 => Command::Admit,
            650..680 => Command::GetWallet { wallet_id: self.some_wallet(state) },
            680..690 => Command::CreateWallet { name: None, mode: self.mode(), metadata: serde_json::Map::new() },
            690..700 => {
                let before = self.random.percent(30).then(|| self.some_wallet(state));
                Command::ListWallets { limit: self.random.between(1, 5), before }
            }
            700..740 => self.mint_key(now, state),
            740..750 => Command::ListKeys { kinds: self.kinds() },
            750..775 => Command::RevokeKey { key_id: self.some_key(state), kinds: self.kinds() },
            775..800 => self.set_agent_status(state),
            800..820 => {
                let label = self.random.percent(50).then(|| "token".to_owned());
                Command::MintEnrollment(MintEnrollment { secret: self.new_secret(), label, ttl_s: self.random.between(60, 86_400) })
            }
            820..826 => Command::ListEnrollments,
            826..832 => Command::RevokeEnrollment { id: self.some_enrollment(state) },
            832..865 => self.redeem(state),
            865..880 => Command::Invite(self.invitation()),
            880..895 => self.accept(state),
            895..902 => Command::ListMembers,
            902..910 => Command::PutMember { user_id: user(self.random.below(6)), role: self.role() },
            910..920 => Command::RemoveMember { user_id: user(self.random.below(6)) },
            920..924 => Command::Profile,
            924..927 => Command::Overview { days: self.random.between(1, 30), entries: self.random.between(1, 30) },
            927..935 => self.update(),
            935..945 => {
                let before = self.random.percent(50).then(|| self.random.below(200));
                Command::Activity { limit: self.random.between(1, 20), before }
            }
            945..955 => Command::OutboxRead { limit: self.random.between(1, 30) },
            955..968 => {
                let newest = state.and_then(|state| state.announced.last()).map_or(0, |(seq, _)| *seq);
                Command::OutboxAck { upto_seq: self.random.below(newest + 3) }
            }
            968..971 => Command::VerifyAudit { after_seq: 0, limit: 100_000 },
            971..974 => Command::Reconcile,
            974..984 => Command::DailySpend { days: self.random.between(1, 40) },
            984..995 => Command::Birth(self.birth()),
            _ => Command::ConfirmBirth,
        }
    }

    fn meter_reserve(&mut self, now: Timestamp, state: Option<&State>) -> Command {
        let available = state.map_or(0, |state| state.available(state.default_wallet, now));
        let price = match self.random.below(100) {
            0..10 => 0,
            10..18 => available,
            18..22 => available + 1,
            22..27 => available / 2,
            _ => self.random.between(1, 60_000),
        };
        let ttl_s = match self.random.below(100) {
            0..3 => 0,
            3..95 => self.random.between(1, 30),
            _ => self.random.between(1, 86_400),
        };
        Command::MeterReserve(MeterReserve { price_micros: micros(price), ttl_s, purpose: "query".to_owned() })
    }

    fn fund(&mut self, state: Option<&State>) -> Command {
        let amount = if self.random.percent(3) { 1_000_000_000_000 } else { self.random.between(1, 300_000) };
        let source = match self.random.below(10) {
            0 => Some(FundingSource::Provider),
            1..5 => Some(FundingSource::Sandbox),
            _ => None,
        };
        Command::Fund { wallet_id: self.some_wallet(state), amount_micros: micros(amount), source }
    }

    fn some_wallet(&mut self, state: Option<&State>) -> WalletId {
        let wallets: Vec<WalletId> = state.map(|state| state.wallets.keys().copied().collect()).unwrap_or_default();
        match self.random.pick(&wallets) {
            Some(wallet) if self.random.percent(95) => *wallet,
            _ => WalletId::new(Timestamp::from_ms(1), &mut self.random),
        }
    }

    fn mode(&mut self) -> Mode {
        if self.random.percent(80) { Mode::Sandbox } else { Mode::Live }
    }

    fn role(&mut self) -> Role {
        if self.random.percent(30) { Role::Owner } else { Role::Member }
    }

    fn kinds(&mut self) -> Vec<KeyKind> {
        match self.random.below(3) {
            0 => vec![KeyKind::Agent],
            1 => vec![KeyKind::Live, KeyKind::Test],
            _ => vec![KeyKind::Agent, KeyKind::Live, KeyKind::Test],
        }
    }

    fn mint_key(&mut self, now: Timestamp, state: Option<&State>) -> Command {
        let agents: Vec<_> = state.map(|state| state.agents.keys().copied().collect()).unwrap_or_default();
        let holder = match self.random.below(10) {
            0..3 => KeyHolder::NewAgent { label: "further".to_owned() },
            3..6 => self.random.pick(&agents).map_or(KeyHolder::Management { live: true }, |id| KeyHolder::Agent(*id)),
            _ => KeyHolder::Management { live: self.random.percent(50) },
        };
        const SETS: [&[&str]; 4] = [&["*:*"], &["*:*", "!data:delete"], &["data:*"], &["wallets:read", "data:write"]];
        let texts = self.random.pick(&SETS).copied().unwrap_or_default();
        let scopes = Scopes::new(texts.iter().map(|text| self.scope(text)).collect()).expect("scopes");
        let expires_at_ms = self.random.percent(30).then(|| now.plus_s(self.random.below(7_200)));
        let label = self.random.percent(50).then(|| "key".to_owned());
        Command::MintKey(MintKey { holder, secret: self.new_secret(), label, scopes, expires_at_ms })
    }

    fn some_key(&mut self, state: Option<&State>) -> KeyId {
        let keys: Vec<KeyId> = state.map(|state| state.keys.values().map(|key| key.id).collect()).unwrap_or_default();
        match self.random.pick(&keys) {
            Some(id) if self.random.percent(95) => *id,
            _ => KeyId::new(Timestamp::from_ms(1), &mut self.random),
        }
    }

    fn some_enrollment(&mut self, state: Option<&State>) -> EnrollmentId {
        let tokens: Vec<_> = state.map(|state| state.enrollments.values().map(|token| token.id).collect()).unwrap_or_default();
        match self.random.pick(&tokens) {
            Some(id) if self.random.percent(95) => *id,
            _ => EnrollmentId::new(Timestamp::from_ms(1), &mut self.random),
        }
    }

    fn set_agent_status(&mut self, state: Option<&State>) -> Command {
        let agents: Vec<_> = state.map(|state| state.agents.keys().copied().collect()).unwrap_or_default();
        let agent_id = match self.random.pick(&agents) {
            Some(id) if self.random.percent(95) => *id,
            _ => AgentId::new(Timestamp::from_ms(1), &mut self.random),
        };
        let status = match self.random.below(10) {
            0..6 => AgentStatus::Active,
            6..9 => AgentStatus::Suspended,
            _ => AgentStatus::Revoked,
        };
        Command::SetAgentStatus { agent_id, status }
    }

    fn redeem(&mut self, state: Option<&State>) -> Command {
        let numbers: Vec<KeyNumber> = state.map(|state| state.enrollments.keys().copied().collect()).unwrap_or_default();
        let number = match self.random.pick(&numbers) {
            Some(number) if self.random.percent(95) => *number,
            _ => KeyNumber::from_bytes(self.random.next().to_be_bytes()),
        };
        let secret_hash = if self.random.percent(5) { Digest::ZERO } else { secret_hash_of(number) };
        let address = address(self.random.below(7));
        let (label, key) = (self.random.percent(50).then(|| "named".to_owned()), self.new_secret());
        Command::RedeemEnrollment(RedeemEnrollment { number, secret_hash, address, label, metadata: serde_json::Map::new(), key })
    }

    fn accept(&mut self, state: Option<&State>) -> Command {
        let numbers: Vec<KeyNumber> = state.map(|state| state.invitations.iter().map(|one| one.number).collect()).unwrap_or_default();
        let number = match self.random.pick(&numbers) {
            Some(number) if self.random.percent(95) => *number,
            _ => KeyNumber::from_bytes(self.random.next().to_be_bytes()),
        };
        let secret_hash = if self.random.percent(5) { Digest::ZERO } else { secret_hash_of(number) };
        if self.random.percent(30) {
            return Command::ShowInvitation { number, secret_hash };
        }
        Command::AcceptInvitation { number, secret_hash, user_id: user(self.random.below(4)) }
    }

    fn update(&mut self) -> Command {
        let name = self.random.percent(60).then(|| "Renamed".to_owned());
        const PLANS: [Plan; 4] = Plan::ALL;
        let plan = self.random.percent(40).then(|| *self.random.pick(&PLANS).unwrap_or(&Plan::Free));
        Command::UpdateTenant { name, plan }
    }
}
