//! The reference state.

use std::collections::BTreeMap;

use guildhall::domain::agent::AgentStatus;
use guildhall::domain::digest::Digest;
use guildhall::domain::id::{
    AgentId, ApprovalId, EnrollmentId, KeyId, LeaseId, MandateId, PaymentId, RequestId, ReservationId, TenantUuid, UserId, WalletId,
};
use guildhall::domain::key::{KeyKind, KeyNumber};
use guildhall::domain::lease::LeaseStatus;
use guildhall::domain::limit::LimitClass;
use guildhall::domain::member::Role;
use guildhall::domain::plan::Plan;
use guildhall::domain::scope::Scopes;
use guildhall::domain::slug::Slug;
use guildhall::domain::time::Timestamp;
use guildhall::objects::tenant::call::TenantReply;
use guildhall::objects::tenant::command::{Birth, Controller};
use guildhall::objects::tenant::outcome::Outcome;

use super::money::state::{Approval, Governed, Lease, Mandate, Payment};
use super::{Checked, Expected, Kept, ensure};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    pub label: String,
    pub login: Option<String>,
    pub status: AgentStatus,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub id: KeyId,
    pub kind: KeyKind,
    pub agent: Option<AgentId>,
    pub secret_hash: Digest,
    pub scopes: Scopes,
    pub expires_at: Option<Timestamp>,
    pub revoked: bool,
    pub last_used_minute: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrollment {
    pub id: EnrollmentId,
    pub label: Option<String>,
    pub secret_hash: Digest,
    pub expires_at: Timestamp,
    pub used_by: Option<AgentId>,
    pub revoked: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    pub number: KeyNumber,
    pub secret_hash: Digest,
    pub email: String,
    pub expires_at: Timestamp,
    pub accepted_by: Option<UserId>,
    pub void: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wallet {
    pub available: u64,
    pub held: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Reserved,
    /// Held until a human decides.
    Pending,
    Captured(u64),
    Released,
    Expired,
}

impl Status {
    pub fn is_open(self) -> bool {
        matches!(self, Self::Reserved | Self::Pending)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    pub wallet: WalletId,
    pub amount: u64,
    pub status: Status,
    pub expires_at: Timestamp,
    /// Order of creation.
    pub created: u64,
    /// Who reserved it.
    pub caller: String,
    /// What it becomes at its deadline.
    pub ends_as: Status,
    /// `None` for one of a metered request.
    pub governed: Option<Governed>,
}

impl Reservation {
    /// Whether its deadline has come while it is open.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.status.is_open() && now >= self.expires_at
    }

    /// Whether what it holds goes back to its wallet.
    pub fn is_of_wallet(&self) -> bool {
        self.governed.as_ref().is_none_or(|governed| governed.lease.is_none())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub body_hash: Digest,
    pub holder: RequestId,
    pub expires_at: Timestamp,
    /// `None` while in flight.
    pub kept: Option<Kept>,
}

#[derive(Debug, Clone)]
pub struct State {
    pub uuid: TenantUuid,
    pub slug: Slug,
    pub name: String,
    pub plan: Plan,
    pub controller: Controller,
    pub first_agent: Option<AgentId>,
    pub undelivered_key: Option<KeyNumber>,
    pub delivered: bool,
    pub default_wallet: WalletId,
    pub agents: BTreeMap<AgentId, Agent>,
    pub keys: BTreeMap<KeyNumber, Key>,
    pub enrollments: BTreeMap<KeyNumber, Enrollment>,
    pub invitations: Vec<Invitation>,
    pub members: BTreeMap<UserId, Role>,
    pub wallets: BTreeMap<WalletId, Wallet>,
    pub revenue: u64,
    pub funded: u64,
    /// What payments and captures under mandates took out of the ledger.
    pub spent_outside: u64,
    pub mandates: BTreeMap<MandateId, Mandate>,
    pub leases: BTreeMap<LeaseId, Lease>,
    pub approvals: BTreeMap<ApprovalId, Approval>,
    pub payments: BTreeMap<PaymentId, Payment>,
    /// The ids of tokens that served a payment, and when they are forgotten.
    pub tokens_used: BTreeMap<String, Timestamp>,
    pub stopped: bool,
    pub packet_version: u64,
    pub reservations: BTreeMap<ReservationId, Reservation>,
    pub records: BTreeMap<Digest, Record>,
    pub windows: BTreeMap<(LimitClass, String), (Timestamp, u64)>,
    /// What left the wallets on each day, to the house and to others, and how often.
    pub spend: BTreeMap<u64, (u64, u64)>,
    /// Entries of the audit chain so far; the simulation counts them as it checks them.
    pub audit_seq: u64,
    /// Announced entries so far: their numbers and when they were written.
    pub announced: Vec<(u64, Timestamp)>,
    pub outbox_acked: u64,
}

impl State {
    /// The tenant a birth should have made.
    pub fn born(now: Timestamp, birth: &Birth, reply: &TenantReply, entries: &mut Vec<Expected>) -> Checked<Self> {
        let Ok(Outcome::Born(born)) = &reply.outcome else {
            return Err(format!("a birth answered {:?}", reply.outcome));
        };
        ensure!(!born.resumed && born.tenant_uuid == birth.uuid && born.slug == birth.slug, "another tenant was born");
        let mut state = Self {
            uuid: birth.uuid,
            slug: birth.slug.clone(),
            name: birth.name.clone(),
            plan: Plan::Free,
            controller: birth.controller.clone(),
            first_agent: born.agent_id,
            undelivered_key: None,
            delivered: false,
            default_wallet: born.wallet_id,
            agents: BTreeMap::new(),
            keys: BTreeMap::new(),
            enrollments: BTreeMap::new(),
            invitations: Vec::new(),
            members: BTreeMap::new(),
            wallets: BTreeMap::from([(born.wallet_id, Wallet::default())]),
            revenue: 0,
            funded: 0,
            spent_outside: 0,
            mandates: BTreeMap::new(),
            leases: BTreeMap::new(),
            approvals: BTreeMap::new(),
            payments: BTreeMap::new(),
            tokens_used: BTreeMap::new(),
            stopped: false,
            packet_version: 0,
            reservations: BTreeMap::new(),
            records: BTreeMap::new(),
            windows: BTreeMap::new(),
            spend: BTreeMap::new(),
            audit_seq: 0,
            announced: Vec::new(),
            outbox_acked: 0,
        };
        entries.push(entry("tenant.created", Some(birth.uuid.to_string())));
        entries.push(entry("wallet.created", Some(born.wallet_id.to_string())));
        if !birth.credit_micros.is_zero() {
            state.fund(born.wallet_id, birth.credit_micros.get(), entries);
        }
        if let Some(first) = &birth.agent {
            let agent_id = born.agent_id.ok_or("no first agent")?;
            let login = Some(first.address.to_string());
            state.agents.insert(agent_id, Agent { label: first.label.clone(), login, status: AgentStatus::Active });
            entries.push(entry("agent.registered", Some(agent_id.to_string())));
            let key_id = born.key_id.ok_or("no first key")?;
            state.put_first_key(agent_id, key_id, birth, entries);
        }
        match &birth.controller {
            Controller::User(user_id) => {
                state.members.insert(*user_id, Role::Owner);
                entries.push(entry("owner.joined", Some(user_id.to_string())));
            }
            Controller::Wallet(_) => {
                if let Some(invitation) = &birth.invitation {
                    state.invite(now, invitation, entries);
                }
            }
            Controller::Market => {}
        }
        let actor = controller_name(&birth.controller);
        entries.iter_mut().for_each(|entry| entry.actor = Some(actor.clone()));
        Ok(state)
    }

    /// The first agent's key, until it is confirmed.
    pub fn put_first_key(&mut self, agent_id: AgentId, key_id: KeyId, birth: &Birth, entries: &mut Vec<Expected>) {
        let Some(first) = &birth.agent else { return };
        self.undelivered_key = Some(first.key.number);
        let key = Key {
            id: key_id,
            kind: KeyKind::Agent,
            agent: Some(agent_id),
            secret_hash: first.key.secret_hash,
            scopes: Scopes::all(),
            expires_at: None,
            revoked: false,
            last_used_minute: None,
        };
        self.keys.insert(first.key.number, key);
        entries.push(entry("key.minted", Some(key_id.to_string())));
    }

    pub fn invite(&mut self, now: Timestamp, request: &guildhall::objects::tenant::command::Invitation, entries: &mut Vec<Expected>) {
        for invitation in &mut self.invitations {
            invitation.void |= invitation.accepted_by.is_none();
        }
        self.invitations.push(Invitation {
            number: request.number,
            secret_hash: request.secret_hash,
            email: request.email.clone(),
            expires_at: now.plus_s(7 * 86_400),
            accepted_by: None,
            void: false,
        });
        entries.push(entry("owner.invited", Some(self.uuid.to_string())));
    }

    pub fn fund(&mut self, wallet_id: WalletId, amount: u64, entries: &mut Vec<Expected>) {
        let wallet = self.wallets.entry(wallet_id).or_default();
        wallet.available += amount;
        self.funded += amount;
        let transfer = Some(("outside".to_owned(), wallet_id.to_string(), amount));
        entries.push(Expected { action: "wallet.funded", actor: None, object: None, transfer });
    }

    pub fn count_spend(&mut self, now: Timestamp, amount: u64) {
        let (spent, charges) = self.spend.entry(now.utc_day()).or_default();
        *spent += amount;
        *charges += 1;
    }

    /// Money in holds of a wallet that have run out and are not yet swept.
    pub fn due(&self, wallet_id: WalletId, now: Timestamp) -> u64 {
        let due = |r: &&Reservation| r.wallet == wallet_id && r.is_due(now) && r.is_of_wallet();
        self.reservations.values().filter(due).map(|r| r.amount).sum()
    }

    /// What a wallet has available, what has run out counted as freed.
    pub fn available(&self, wallet_id: WalletId, now: Timestamp) -> u64 {
        self.wallets.get(&wallet_id).map_or(0, |wallet| wallet.available) + self.due(wallet_id, now)
    }

    /// Open reservations that have run out, by deadline and then by creation.
    pub fn due_in_order(&self, now: Timestamp) -> Vec<ReservationId> {
        let mut due: Vec<_> =
            self.reservations.iter().filter(|(_, r)| r.is_due(now)).map(|(id, r)| (r.expires_at, r.created, *id)).collect();
        due.sort_unstable();
        due.into_iter().map(|(_, _, id)| id).collect()
    }

    /// The earliest deadline of what can run out.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let holds = self.reservations.values().filter(|one| one.status.is_open()).map(|one| one.expires_at);
        let leases = self.leases.values().filter(|one| one.status == LeaseStatus::Active).filter_map(|one| one.terms.expires_at);
        let mandates = self.mandates.values().filter(|one| one.can_expire()).filter_map(|one| one.terms.expires_at);
        holds.chain(leases).chain(mandates).chain(self.tokens_used.values().copied()).min()
    }

    pub fn agents_alive(&self) -> u64 {
        self.agents.values().filter(|agent| agent.status != AgentStatus::Revoked).count() as u64
    }

    pub fn agent_of_login(&self, login: &str) -> Option<AgentId> {
        let is = |agent: &Agent| agent.login.as_deref() == Some(login) && agent.status != AgentStatus::Revoked;
        self.agents.iter().find(|(_, agent)| is(agent)).map(|(id, _)| *id)
    }

    pub fn has_owner(&self) -> bool {
        self.members.values().any(|role| *role == Role::Owner)
    }
}

/// An entry that moves no money.
pub fn entry(action: &'static str, object: Option<String>) -> Expected {
    Expected { action, actor: None, object, transfer: None }
}

/// The controller, as the audit chain names it.
pub fn controller_name(controller: &Controller) -> String {
    match controller {
        Controller::Wallet(address) => format!("wallet:{address}"),
        Controller::User(user_id) => format!("user:{user_id}"),
        Controller::Market => "house".to_owned(),
    }
}
