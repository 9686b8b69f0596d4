//! Inviting a human to own a tenant: `POST /v2/agents/owner-bootstrap`, and the mail both it and a sign-up send.

use serde::{Deserialize, Serialize};

use super::signup::signed_in_wallet;
use crate::crypto::api_key::ApiKey;
use crate::domain::address::LoginAddress;
use crate::domain::digest::Digest;
use crate::domain::id::TenantUuid;
use crate::domain::key::KeyKind;
use crate::domain::limit::LimitClass;
use crate::domain::slug::Slug;
use crate::edge::PlatformEntropy;
use crate::http::code::Code;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::field::Email;
use crate::http::mail::Delivery;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::{Seat, unexpected};
use crate::objects::gate::{self, Command as GateCommand, GateTenant, Outcome as GateOutcome};
use crate::objects::tenant::call::Proof;
use crate::objects::tenant::command::{Command, Invitation};
use crate::objects::tenant::outcome::Outcome;
use crate::routes;
use crate::store::mail::{NewMail, topic_of_invitation};

pub static ROUTES: &[Route] = routes! {
    Post "/v2/agents/owner-bootstrap" => bootstrap_owner {
        name: "bootstrapOwner", summary: "Invite a human to own the tenant", access: WalletSession, class: Some(LimitClass::OwnerInvite), body: Json, status: 202,
    }
};

/// The human a sign-up names.
#[derive(Debug, Clone, Serialize)]
pub struct Owner {
    pub email: String,
    pub status: &'static str,
}

/// A single-use link by which a human becomes owner.
pub struct InvitationLink {
    token: ApiKey,
    email: String,
}

impl InvitationLink {
    pub fn mint(_: &Ctx, tenant: TenantUuid, email: &Email) -> Self {
        Self { token: ApiKey::mint(KeyKind::Invitation, tenant, &mut PlatformEntropy), email: email.as_str().to_owned() }
    }

    /// What the tenant's object keeps of it.
    pub fn to_invitation(&self) -> Invitation {
        Invitation {
            number: self.token.number(),
            secret_hash: Digest::from_bytes(*self.token.secret_hash().as_bytes()),
            email: self.email.clone(),
        }
    }

    /// Mails the link; an earlier one of the same tenant is void, and so is its mail.
    pub async fn send(self, ctx: &Ctx, slug: &Slug) -> Result<(Owner, Delivery), Fault> {
        let link = format!("{}/account/invite/{}", ctx.edge.settings.public_origin, self.token.reveal());
        let body = format!(
            "An agent asks you to own its tenant \"{slug}\" at Guildhall.\n\nAccept within seven days, once:\n{link}\n\nIf you do not know this agent, ignore this mail: nothing happens."
        );
        let subject = format!("Own the tenant {slug} at Guildhall");
        let topic = topic_of_invitation(self.token.tenant());
        let delivery = ctx.send_mail(&NewMail { recipient: &self.email, subject: &subject, body: &body, topic: &topic }).await?;
        Ok((Owner { email: self.email, status: "invited" }, delivery))
    }
}

#[derive(Deserialize)]
struct BootstrapRequest {
    owner_email: Email,
    tenant_id: Option<String>,
}

#[derive(Serialize)]
struct BootstrapReply {
    tenant_id: Slug,
    owner_email: String,
    status: &'static str,
    delivery: &'static str,
    invitation_expires_at: String,
}

/// 1. The body: 400. 2. The tenant this wallet controls: 400, 403. 3. Invite: 403, 409, 429. 4. Mail the link.
/// 5. Answer: 202.
async fn bootstrap_owner(ctx: &Ctx) -> Result<Reply, Fault> {
    let request: BootstrapRequest = ctx.incoming.body()?;
    let wallet = signed_in_wallet(ctx)?;
    let gate_name = gate::name_of_wallet(&wallet.to_lower_hex());
    ctx.once_at_gate(&gate_name, &gate_name, async || {
        let GateOutcome::Tenants(tenants) = ctx.call_gate(&gate_name, GateCommand::ListTenants).await? else {
            return Err(Fault::internal("a gate did not list"));
        };
        let controlled = choose_controlled(tenants, request.tenant_id.as_deref())?;
        let link = InvitationLink::mint(ctx, controlled.tenant, &request.owner_email);
        let seat =
            Seat { tenant: controlled.tenant, proof: Proof::Wallet { address: LoginAddress::from_bytes(*wallet.as_bytes()) }, named: None };
        let answer = ctx.call_tenant_once(&seat, None, Command::Invite(link.to_invitation())).await?;
        let Outcome::Invited(invited) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
        let (owner, delivery) = link.send(ctx, &controlled.slug).await?;
        let reply = BootstrapReply {
            tenant_id: controlled.slug,
            owner_email: owner.email,
            status: owner.status,
            delivery: delivery.as_str(),
            invitation_expires_at: invited.expires_at_ms.to_string(),
        };
        Reply::json(202, &reply)
    })
    .await
}

/// The tenant meant: the one named, or the only one the wallet controls. An unknown one looks like a foreign one.
fn choose_controlled(tenants: Vec<GateTenant>, named: Option<&str>) -> Result<GateTenant, Fault> {
    let not_controlling = || Fault::new(Code::NotControllingWallet, "only the wallet that controls the tenant may invite its owner");
    let mut controlled = tenants.into_iter().filter(|tenant| tenant.is_controller);
    match named.filter(|name| !name.is_empty()) {
        Some(name) => {
            controlled.find(|tenant| tenant.slug.as_str() == name || tenant.tenant.to_string() == name).ok_or_else(not_controlling)
        }
        None => match (controlled.next(), controlled.next()) {
            (Some(only), None) => Ok(only),
            (Some(_), Some(_)) => Err(Fault::new(Code::TenantRequired, "this wallet controls several tenants; name one in tenant_id")),
            (None, _) => Err(not_controlling()),
        },
    }
}
