//! A wallet becomes an agent of a tenant somebody else made: `POST /v2/agents/enroll`.

use serde::{Deserialize, Serialize};

use super::signup::{named_label, signed_in_wallet};
use crate::crypto::api_key::ApiKey;
use crate::crypto::wallet::WalletAddress;
use crate::domain::address::LoginAddress;
use crate::domain::digest::Digest;
use crate::domain::id::{AgentId, TenantUuid};
use crate::domain::key::KeyKind;
use crate::domain::limit::LimitClass;
use crate::domain::slug::Slug;
use crate::http::code::Code;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::field::Metadata;
use crate::http::idempotency;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::unexpected;
use crate::objects::gate::{self, Command as GateCommand};
use crate::objects::tenant::command::{Command, RedeemEnrollment};
use crate::objects::tenant::outcome::Outcome;
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Post "/v2/agents/enroll" => enroll {
        name: "enrollAgent", summary: "An agent key for a one-time token", access: WalletSession, class: Some(LimitClass::TenantCreate), body: Json, status: 201,
    }
};

#[derive(Deserialize)]
struct EnrollRequest {
    enrollment_token: String,
    metadata: Option<Metadata<16_384>>,
}

#[derive(Serialize)]
struct EnrollReply {
    tenant_id: Slug,
    tenant_uuid: TenantUuid,
    agent_id: AgentId,
    agent_key: String,
    wallet_address: WalletAddress,
    created_at: String,
}

/// 1. The body: 400. 2. The token is well formed: 401. 3. The tenant's object redeems it, once: 401, 402. 4. The wallet's
/// gate learns of the tenant. 5. Answer: 201.
async fn enroll(ctx: &Ctx) -> Result<Reply, Fault> {
    let request: EnrollRequest = ctx.incoming.body()?;
    let wallet = signed_in_wallet(ctx)?;
    let token = ApiKey::parse(&request.enrollment_token).filter(|token| token.kind() == KeyKind::Enrollment).ok_or_else(|| {
        Fault::new(Code::InvalidEnrollmentToken, "this enrollment token is unknown, used, expired or revoked; ask the owner for a new one")
    })?;
    let tenant = token.tenant();
    let metadata = request.metadata.unwrap_or_default().into_map();
    let (minted, key) = ctx.mint_key(KeyKind::Agent, tenant)?;
    let redeem = RedeemEnrollment {
        number: token.number(),
        secret_hash: Digest::from_bytes(*token.secret_hash().as_bytes()),
        address: LoginAddress::from_bytes(*wallet.as_bytes()),
        label: named_label(&metadata),
        metadata,
        key,
    };
    let gate_name = gate::name_of_wallet(&wallet.to_lower_hex());
    let claim = match ctx.idempotency_key()? {
        Some(key) => Some(idempotency::claim(&gate_name, ctx.route, ctx.params(), &key, ctx.incoming.body_value()?)?),
        None => None,
    };
    let answer = ctx.call_tenant_for(tenant, claim, Command::RedeemEnrollment(redeem)).await?;
    let Outcome::Enrolled(enrolled) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    ctx.call_gate(&gate_name, GateCommand::AddTenant { slug: enrolled.slug.clone(), tenant, is_controller: false }).await?;
    let reply = EnrollReply {
        agent_key: ctx.reveal_key(minted, enrolled.sealed.as_deref())?,
        tenant_id: enrolled.slug,
        tenant_uuid: enrolled.tenant_uuid,
        agent_id: enrolled.agent_id,
        wallet_address: wallet,
        created_at: enrolled.created_at_ms.to_string(),
    };
    Ok(Reply::json(201, &reply)?.no_store())
}
