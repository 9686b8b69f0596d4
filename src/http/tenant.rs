//! The tenant's object as handlers use it: one call proves the caller, counts the limit, looks the idempotency key up
//! and does the work.

use std::cell::RefCell;
use std::collections::HashMap;

use serde_json::Value;

use super::code::Code;
use super::context::Ctx;
use super::credential::{self, Credential};
use super::fault::Fault;
use super::refusal::{self, tenant_mismatch};
use super::route::Access;
use crate::crypto::api_key::ApiKey;
use crate::domain::address::LoginAddress;
use crate::domain::digest::Digest;
use crate::domain::id::TenantUuid;
use crate::domain::idempotency::Claim;
use crate::domain::key::{KeyKind, NewSecret};
use crate::domain::limit::{LimitClass, LimitScope};
use crate::domain::scope::Scope;
use crate::domain::slug::Slug;
use crate::edge::PlatformEntropy;
use crate::objects::tenant::call::{Caller, Proof, TenantCall};
use crate::objects::tenant::client;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::outcome::Outcome;
use crate::store::due::ObjectClass;
use crate::store::tenant as tenants;

/// Slugs are never freed, so what one stands for may be remembered as long as the instance lives; this many of them.
const KNOWN_SLUGS_MAX: usize = 4096;

thread_local! {
    static KNOWN_SLUGS: RefCell<HashMap<Slug, TenantUuid>> = RefCell::default();
}

/// A tenant and how the caller proves itself to it.
#[derive(Debug, Clone)]
pub struct Seat {
    pub tenant: TenantUuid,
    pub proof: Proof,
    /// The tenant as the request named it, which the object holds against its own name.
    pub named: Option<String>,
}

/// What a call of the tenant's object came to.
#[derive(Debug)]
pub struct Answer {
    pub outcome: Outcome,
    pub caller: Option<Caller>,
}

impl Seat {
    /// The house's own seat at a tenant.
    pub const fn of_house(tenant: TenantUuid) -> Self {
        Self { tenant, proof: Proof::House, named: None }
    }
}

/// How a key proves itself: its secret travels only as a hash.
fn proof_of_key(key: &ApiKey) -> Proof {
    Proof::Key { kind: key.kind(), number: key.number(), secret_hash: Digest::from_bytes(*key.secret_hash().as_bytes()) }
}

fn tenant_required() -> Fault {
    Fault::new(Code::TenantRequired, "name the tenant: X-Tenant-ID, or tenant_id in the body").in_body()
}

impl Ctx {
    /// The uuid a tenant's name stands for: its slug, or the uuid itself.
    pub async fn resolve_tenant(&self, name: &str) -> Result<Option<TenantUuid>, Fault> {
        if let Some(uuid) = TenantUuid::parse(name) {
            return Ok(Some(uuid));
        }
        let Ok(slug) = Slug::parse(name) else { return Ok(None) };
        if let Some(known) = KNOWN_SLUGS.with_borrow(|known| known.get(&slug).copied()) {
            return Ok(Some(known));
        }
        let claim = self.with_database(async |database| tenants::find_claim(database, &slug).await).await?;
        let Some(claim) = claim.filter(tenants::Claim::is_born) else { return Ok(None) };
        KNOWN_SLUGS.with_borrow_mut(|known| {
            if known.len() >= KNOWN_SLUGS_MAX {
                known.clear();
            }
            known.insert(slug, claim.tenant_uuid);
        });
        Ok(Some(claim.tenant_uuid))
    }

    fn tenant_header(&self) -> Option<String> {
        self.incoming.header("X-Tenant-ID").map(|name| name.trim().to_owned()).filter(|name| !name.is_empty())
    }

    /// The seat of a runtime caller (contract motecloud 1): the tenant stands in the header, in the body, or in both,
    /// and then they agree.
    pub async fn runtime_seat(&self, body_tenant: Option<&str>) -> Result<Seat, Fault> {
        let (header, body) = (self.tenant_header(), body_tenant.filter(|name| !name.is_empty()));
        match &*self.credential() {
            Credential::Key(key) => {
                let named = match (header.as_deref(), body) {
                    (None, None) => return Err(tenant_required()),
                    (Some(one), None) | (None, Some(one)) => one.to_owned(),
                    (Some(one), Some(other)) if one == other => one.to_owned(),
                    // One may be the uuid and the other the slug; whatever else differs is no name of the tenant.
                    (Some(one), Some(other)) => match (TenantUuid::parse(one), TenantUuid::parse(other)) {
                        (Some(uuid), None) if uuid == key.tenant() => other.to_owned(),
                        (None, Some(uuid)) if uuid == key.tenant() => one.to_owned(),
                        _ => String::new(),
                    },
                };
                Ok(Seat { tenant: key.tenant(), proof: proof_of_key(key), named: Some(named) })
            }
            Credential::Wallet(wallet) => {
                let name = body.or(header.as_deref()).ok_or_else(tenant_required)?;
                let tenant = self.resolve_tenant(name).await?.ok_or_else(tenant_mismatch)?;
                if let (Some(header), Some(body)) = (header.as_deref(), body)
                    && header != body
                    && self.resolve_tenant(header).await? != Some(tenant)
                {
                    return Err(tenant_mismatch());
                }
                Ok(Seat { tenant, proof: Proof::Wallet { address: LoginAddress::from_bytes(*wallet.as_bytes()) }, named: None })
            }
            Credential::None | Credential::Human(_) | Credential::Execution(_) | Credential::Session(_) | Credential::Buyer(_) => {
                Err(credential::bad_credential())
            }
        }
    }

    /// The seat of an agent of the marketplace: its key's own tenant.
    pub fn seller_seat(&self) -> Result<Seat, Fault> {
        match &*self.credential() {
            Credential::Key(key) => Ok(Seat { tenant: key.tenant(), proof: proof_of_key(key), named: self.tenant_header() }),
            _ => Err(credential::bad_credential()),
        }
    }

    /// The seat of a `/v1` caller that spends: an execution token's tenant, else as for management.
    pub async fn spend_seat(&self) -> Result<Seat, Fault> {
        let credential = self.credential();
        let Credential::Execution(execution) = &*credential else { return self.management_seat().await };
        Ok(Seat { tenant: execution.tenant, proof: Proof::Execution(execution.rights.clone()), named: self.tenant_header() })
    }

    /// The seat of a `/v1` caller that may be an agent: its session's tenant, or its execution token's, else as for management.
    pub async fn agent_seat(&self) -> Result<Seat, Fault> {
        let credential = self.credential();
        let Credential::Session(token) = &*credential else { return self.spend_seat().await };
        Ok(Seat { tenant: token.tenant(), proof: Proof::Session { token_hash: token.hash() }, named: self.tenant_header() })
    }

    /// The seat of a `/v1` management caller: a key's own tenant, or the one a human names or alone has.
    pub async fn management_seat(&self) -> Result<Seat, Fault> {
        let header = self.tenant_header();
        match &*self.credential() {
            Credential::Key(key) => Ok(Seat { tenant: key.tenant(), proof: proof_of_key(key), named: header }),
            Credential::Human(human) => match header {
                Some(name) => {
                    let tenant = self.resolve_tenant(&name).await?.ok_or_else(tenant_mismatch)?;
                    let user_id = human.user_id;
                    let proof = if human.is_admin { Proof::Operator { user_id } } else { Proof::User { user_id } };
                    Ok(Seat { tenant, proof, named: None })
                }
                None => {
                    let only = self.only_tenant_of(human.user_id).await?;
                    let user_id = human.user_id;
                    Ok(if human.is_admin { Seat { proof: Proof::Operator { user_id }, ..only } } else { only })
                }
            },
            Credential::None | Credential::Wallet(_) | Credential::Execution(_) | Credential::Session(_) | Credential::Buyer(_) => {
                Err(credential::bad_credential())
            }
        }
    }

    async fn only_tenant_of(&self, user_id: crate::domain::id::UserId) -> Result<Seat, Fault> {
        let memberships = self.with_database(async |database| tenants::list_of_user(database, user_id).await).await?;
        match memberships.as_slice() {
            [only] => Ok(Seat { tenant: only.tenant_uuid, proof: Proof::User { user_id }, named: None }),
            _ => Err(tenant_required()),
        }
    }

    /// The seat of a signed-in human at the tenant of that name; unknown and foreign ones alike are 404.
    pub async fn member_seat(&self, name: &str) -> Result<Seat, Fault> {
        let Credential::Human(human) = &*self.credential() else { return Err(credential::bad_credential()) };
        let tenant = self.resolve_tenant(name).await?.ok_or_else(Fault::not_found)?;
        Ok(Seat { tenant, proof: Proof::User { user_id: human.user_id }, named: None })
    }

    /// The seat of an operator at the tenant of that name, whoever its members are.
    pub async fn operator_seat(&self, name: &str) -> Result<Seat, Fault> {
        let Credential::Human(human) = &*self.credential() else { return Err(credential::bad_credential()) };
        if !human.is_admin {
            return Err(credential::bad_credential());
        }
        let tenant = self.resolve_tenant(name).await?.ok_or_else(Fault::not_found)?;
        Ok(Seat { tenant, proof: Proof::Operator { user_id: human.user_id }, named: None })
    }

    /// The idempotency claim of this request for its caller, when it brought a key.
    pub fn claim_at(&self, seat: &Seat) -> Result<Option<Claim>, Fault> {
        let Some(key) = self.idempotency_key()? else { return Ok(None) };
        let caller = match &seat.proof {
            Proof::Key { number, .. } => format!("key:{number}"),
            Proof::Wallet { address } => format!("wallet:{address}"),
            Proof::User { user_id } | Proof::Operator { user_id } => format!("user:{user_id}"),
            Proof::House => "house".to_owned(),
            Proof::Execution(rights) => format!("agent:{}", rights.agent_id),
            // Whose it is, its tenant knows, and adds.
            Proof::Session { .. } => "session".to_owned(),
            Proof::Refresh { token_hash } => format!("refresh:{token_hash}"),
        };
        super::idempotency::claim(&caller, self.route, self.params(), &key, self.incoming.body_value()?).map(Some)
    }

    /// Calls the tenant's object: proof, limit, idempotency and work in one hop.
    pub async fn call_tenant(&self, seat: &Seat, command: Command) -> Result<Answer, Fault> {
        let claim = self.claim_at(seat)?;
        self.send_to_tenant(seat, None, claim, command).await
    }

    /// The same for a caller whose key must carry `scope`.
    pub async fn call_tenant_with_scope(&self, seat: &Seat, scope: Scope, command: Command) -> Result<Answer, Fault> {
        let claim = self.claim_at(seat)?;
        self.send_to_tenant(seat, Some(scope), claim, command).await
    }

    /// The same for a request whose Idempotency-Key is looked after elsewhere.
    pub async fn call_tenant_once(&self, seat: &Seat, scope: Option<Scope>, command: Command) -> Result<Answer, Fault> {
        self.send_to_tenant(seat, scope, None, command).await
    }

    /// The same under a claim that came another way than in the header, in a form for instance.
    pub async fn call_tenant_under(&self, seat: &Seat, claim: Claim, command: Command) -> Result<Answer, Fault> {
        self.send_to_tenant(seat, None, Some(claim), command).await
    }

    /// The second half of a request the tenant has admitted: nothing is counted or looked up again.
    pub async fn call_tenant_as_house(&self, tenant: TenantUuid, command: Command) -> Result<Answer, Fault> {
        self.send_to_tenant(&Seat::of_house(tenant), None, None, command).await
    }

    /// A house command for a caller without a seat, under that caller's own idempotency claim.
    pub async fn call_tenant_for(&self, tenant: TenantUuid, claim: Option<Claim>, command: Command) -> Result<Answer, Fault> {
        self.send_to_tenant(&Seat::of_house(tenant), None, claim, command).await
    }

    async fn send_to_tenant(
        &self,
        seat: &Seat,
        needs: Option<Scope>,
        idempotency: Option<Claim>,
        command: Command,
    ) -> Result<Answer, Fault> {
        let counts_here = |class: &LimitClass| matches!(class.scope(), LimitScope::Tenant | LimitScope::Caller | LimitScope::Agent);
        let call = TenantCall {
            request_id: self.request_id,
            caller: seat.proof.clone(),
            named_tenant: seat.named.clone(),
            needs,
            limits: if seat.proof == Proof::House || self.is_admitted() {
                Vec::new()
            } else if matches!(seat.proof, Proof::Execution(_)) {
                vec![LimitClass::AgentExec]
            } else {
                self.route.class.filter(counts_here).into_iter().collect()
            },
            limit_scale: self.edge.settings.rate_limit_scale,
            idempotency,
            command,
        };
        let namespace = self.edge.tenants().map_err(|error| Fault::internal(error.to_string()))?;
        let answered = client::call(&namespace, seat.tenant, self.now, &call, &self.cost).await?;
        let reply = self.take_answer(ObjectClass::Tenant, &seat.tenant.to_string(), answered).await;
        if seat.proof != Proof::House {
            self.set_admitted();
        }
        if let Some(caller) = &reply.caller {
            self.set_tenant(caller.slug.as_str());
        }
        self.note_limits(&reply.limits)?;
        self.set_replayed(reply.replayed || self.is_replayed());
        match reply.outcome {
            Ok(outcome) => Ok(Answer { outcome, caller: reply.caller }),
            Err(refusal) => Err(refusal::fault_of(refusal, self.root())),
        }
    }

    /// Before a fault of the body is told, the credential and the limit are checked as they would have been.
    pub async fn admit_before_refusal(&self) -> Result<(), Fault> {
        if self.is_admitted() {
            return Ok(());
        }
        let seat = match self.route.access {
            Access::Runtime => match (&*self.credential(), self.tenant_header()) {
                // A key names its tenant itself; what the body would have named can no longer be told.
                (Credential::Key(key), named) => Seat { tenant: key.tenant(), proof: proof_of_key(key), named },
                (_, Some(_)) => self.runtime_seat(None).await?,
                (_, None) => return Ok(()),
            },
            Access::Management => self.management_seat().await?,
            Access::Admin if matches!(*self.credential(), Credential::Key(_)) => self.management_seat().await?,
            Access::Seller => self.seller_seat()?,
            Access::Party | Access::Owner if matches!(*self.credential(), Credential::Key(_)) => self.seller_seat()?,
            Access::Spend | Access::Execution => self.spend_seat().await?,
            Access::SessionOrManagement | Access::Agent => self.agent_seat().await?,
            Access::Shared if matches!(*self.credential(), Credential::Key(_)) => self.seller_seat()?,
            Access::Public
            | Access::Shared
            | Access::Buyer
            | Access::Party
            | Access::Owner
            | Access::WalletSession
            | Access::Human
            | Access::Admin
            | Access::Console
            | Access::OperatorConsole => {
                return Ok(());
            }
        };
        self.send_to_tenant(&seat, None, None, Command::Admit).await.map(drop)
    }

    /// Makes a key of a tenant: its text, to be shown once, and what the object keeps of it. Under an Idempotency-Key
    /// the text is kept too, sealed so that only a repeat with that key opens it.
    pub fn mint_key(&self, kind: KeyKind, tenant: TenantUuid) -> Result<(String, NewSecret), Fault> {
        let key = ApiKey::mint(kind, tenant, &mut PlatformEntropy);
        let text = key.reveal();
        let sealed = self.seal_for_repeat(&text, SEALED_KEY_PLACE)?;
        let secret = NewSecret {
            number: key.number(),
            secret_hash: Digest::from_bytes(*key.secret_hash().as_bytes()),
            last4: key.last4().to_owned(),
            sealed,
        };
        Ok((text, secret))
    }

    /// The text of the key an outcome speaks of: the one just minted, or on a replay the one sealed then.
    pub fn reveal_key(&self, minted: String, sealed: Option<&str>) -> Result<String, Fault> {
        self.reveal(minted, sealed, SEALED_KEY_PLACE)
    }

    /// A text that is shown once, sealed so that only a repeat with its key opens it; none without one.
    pub fn seal_for_repeat(&self, text: &str, place: &[u8]) -> Result<Option<String>, Fault> {
        let Some(key) = self.repeat_key()? else { return Ok(None) };
        let seal = self.keys()?.reply_seal(&key);
        let sealed = seal.seal(text.as_bytes(), place, &mut PlatformEntropy).map_err(|error| Fault::internal(error.to_string()))?;
        Ok(Some(hex::encode(sealed)))
    }

    /// The text an outcome speaks of: the one just made, or on a replay the one sealed then.
    pub fn reveal(&self, made: String, sealed: Option<&str>, place: &[u8]) -> Result<String, Fault> {
        if !self.is_replayed() {
            return Ok(made);
        }
        let damaged = || Fault::internal("a sealed text does not open");
        let key = self.repeat_key()?.ok_or_else(damaged)?;
        let sealed = sealed.and_then(|text| hex::decode(text).ok()).ok_or_else(damaged)?;
        let opened = self.keys()?.reply_seal(&key).open(&sealed, place).map_err(|_| damaged())?;
        String::from_utf8(opened).map_err(|_| damaged())
    }
}

/// What a sealed key is sealed for.
const SEALED_KEY_PLACE: &[u8] = b"minted key";

/// An outcome of another kind than the command asked for: a fault of ours.
pub fn unexpected(outcome: &Outcome) -> Fault {
    let kind = serde_json::to_value(outcome).ok().and_then(|value| match value {
        Value::Object(members) => members.keys().next().cloned(),
        Value::String(name) => Some(name),
        _ => None,
    });
    Fault::internal(format!("unexpected outcome {}", kind.unwrap_or_default()))
}
