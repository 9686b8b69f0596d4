//! What callers ask for: plausible most of the time, with a foreign id, a used token or too large an amount in between.

use guildhall::domain::agent::AgentStatus;
use guildhall::domain::digest::Digest;
use guildhall::domain::id::{AgentId, EnrollmentId, KeyId, WalletId};
use guildhall::domain::key::{KeyKind, KeyNumber};
use guildhall::domain::member::Role;
use guildhall::domain::plan::Plan;
use guildhall::domain::scope::Scopes;
use guildhall::domain::slug::Slug;
use guildhall::domain::time::Timestamp;
use guildhall::domain::wallet::{FundingSource, Mode};
use guildhall::objects::tenant::command::{
    Birth, Command, Controller, FirstAgent, Invitation, KeyHolder, MintEnrollment, MintKey, RedeemEnrollment,
};

use super::{Generator, address, micros, secret_hash_of, user};
use crate::metering::metered;
use crate::model::State;

impl Generator {
    pub(super) fn birth(&mut self) -> Birth {
        let agent = match &self.controller {
            Controller::Wallet(address) => {
                let (address, key) = (address.clone(), self.new_secret());
                Some(FirstAgent { label: "first".to_owned(), address, metadata: serde_json::Map::new(), key })
            }
            Controller::User(_) | Controller::Market => None,
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

    pub(super) fn invitation(&mut self) -> Invitation {
        let secret = self.new_secret();
        let email = if self.random.percent(75) { "owner@example.com" } else { "other@example.com" };
        Invitation { number: secret.number, secret_hash: secret.secret_hash, email: email.to_owned() }
    }

    pub(super) fn command(&mut self, now: Timestamp, state: Option<&State>) -> Command {
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
            945..952 => Command::OutboxRead { limit: self.random.between(1, 30) },
            952..955 => Command::OutboxReadAfter { after_seq: self.random.below(200), limit: self.random.between(1, 30) },
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
        Command::MeterReserve(metered(price, ttl_s))
    }

    /// What a life of much spending needs: several agents, and money.
    pub(super) fn provide(&mut self, state: &State) -> Command {
        let active = state.agents.values().filter(|agent| agent.status == AgentStatus::Active).count();
        if active < 5 && self.random.percent(80) {
            let suspended = state.agents.iter().find(|(_, agent)| agent.status == AgentStatus::Suspended);
            if let Some((id, _)) = suspended.filter(|_| self.random.percent(50)) {
                return Command::SetAgentStatus { agent_id: *id, status: AgentStatus::Active };
            }
            let holder = KeyHolder::NewAgent { label: "further".to_owned() };
            return Command::MintKey(MintKey {
                holder,
                secret: self.new_secret(),
                label: None,
                scopes: Scopes::all(),
                expires_at_ms: None,
            });
        }
        let amount = micros(self.random.between(1, 300_000));
        Command::Fund { wallet_id: self.some_wallet(Some(state)), amount_micros: amount, source: None }
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

    pub(super) fn some_wallet(&mut self, state: Option<&State>) -> WalletId {
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
