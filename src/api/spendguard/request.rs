//! Requests for money, as `/v1/spend-guard` takes them from a token or from management (contract identity-and-money 9).

use serde::Deserialize;
#[cfg(not(target_arch = "wasm32"))]
use serde_json::json;

use crate::crypto::token::ExecutionAudience;
use crate::domain::id::{AgentId, LeaseId, MandateId};
use crate::domain::spend::{SpendAction, SpendKind};
use crate::http::context::Ctx;
use crate::http::credential::Credential;
use crate::http::fault::Fault;
use crate::http::field::{Metadata, Text, Whole};
use crate::http::lookup::{agent_in, id_in};
#[cfg(not(target_arch = "wasm32"))]
use crate::http::money::{Amount, amount_or_price};
use crate::http::money::{AnyAmount, MerchantName, Quantity, Sum, UnitPrice, read_sum, require_usd};
use crate::http::refusal::token_scope_mismatch;
#[cfg(not(target_arch = "wasm32"))]
use crate::http::rule::{either, given, one_of};
use crate::http::tenant::Seat;
use crate::objects::tenant::money::command::SpendRequest;

/// Seconds a reservation stands when nothing is said.
const TTL_S: u64 = 900;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_arch = "wasm32"), schemars(transform = amount_or_price()))]
#[cfg_attr(not(target_arch = "wasm32"), schemars(transform = either([vec![one_of("kind", &json!(["token", "tool", "delegated"]))], vec![given("merchant")]])))]
pub struct SpendBody {
    pub kind: SpendKind,
    /// Minor units; or `quantity` with `unit_price`.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<Amount>"))]
    pub amount: Option<AnyAmount>,
    #[cfg_attr(not(target_arch = "wasm32"), schemars(range(min = 1)))]
    pub quantity: Option<Quantity>,
    pub unit_price: Option<UnitPrice>,
    pub currency: Option<Text<1, 16>>,
    /// Required for payments.
    pub merchant: Option<MerchantName>,
    pub resource: Option<Text<1, 256>>,
    /// Management says which agent; a token is of one.
    pub agent_id: Option<String>,
    pub mandate_id: Option<String>,
    pub lease_id: Option<String>,
    pub ttl_seconds: Option<Whole<1, 86_400>>,
    pub description: Option<Text<0, 1024>>,
    pub metadata: Option<Metadata<16_384>>,
}

/// Who spends, under what: the token's, or what management names.
pub struct Spender {
    agent_id: AgentId,
    mandate_id: MandateId,
    lease_id: Option<LeaseId>,
}

/// A token shown to a route of `spend-guard` must be for that audience.
pub fn require_actions_token(ctx: &Ctx) -> Result<(), Fault> {
    match &*ctx.credential() {
        Credential::Execution(execution) if execution.audience != ExecutionAudience::Actions => Err(token_scope_mismatch().in_body()),
        _ => Ok(()),
    }
}

/// A token is for one kind of spending.
pub fn require_action(ctx: &Ctx, action: SpendAction) -> Result<(), Fault> {
    match &*ctx.credential() {
        Credential::Execution(execution) if execution.rights.action != action => Err(token_scope_mismatch().in_body()),
        _ => Ok(()),
    }
}

impl SpendBody {
    /// What it comes to.
    pub fn sum(&self, at: &str) -> Result<Sum, Fault> {
        require_usd(self.currency.as_ref(), at)?;
        read_sum(self.amount, self.quantity, self.unit_price, at)
    }

    /// The request in terms of the domain. `at` is the path of the body's object.
    pub fn into_request(self, ctx: &Ctx, seat: &Seat, at: &str) -> Result<SpendRequest, Fault> {
        let amount = self.sum(at)?.amount;
        if amount.is_zero() {
            let of = if self.amount.is_some() { "amount" } else { "quantity" };
            return Err(Fault::field(&format!("{at}.{of}"), "must come to at least one minor unit"));
        }
        if self.kind == SpendKind::Payment && self.merchant.is_none() {
            return Err(Fault::field(&format!("{at}.merchant"), "is required for a payment"));
        }
        let Spender { agent_id, mandate_id, lease_id } = self.read_spender(ctx, seat, at)?;
        Ok(SpendRequest {
            kind: self.kind,
            amount,
            agent_id,
            mandate_id,
            lease_id,
            merchant: self.merchant.map(MerchantName::into_merchant),
            resource: self.resource.map(Text::into_string),
            description: self.description.map(Text::into_string),
            metadata: self.metadata.unwrap_or_default().into_map(),
            ttl_s: self.ttl_seconds.map_or(TTL_S, Whole::get),
        })
    }

    fn read_spender(&self, ctx: &Ctx, seat: &Seat, at: &str) -> Result<Spender, Fault> {
        let field = |name: &str| format!("{at}.{name}");
        let agent_id = self.agent_id.as_deref().map(|text| agent_in(text, &field("agent_id"), seat)).transpose()?;
        let mandate_id = self.mandate_id.as_deref().map(|text| id_in(text, &field("mandate_id"), MandateId::parse)).transpose()?;
        let lease_id = self.lease_id.as_deref().map(|text| id_in(text, &field("lease_id"), LeaseId::parse)).transpose()?;
        match &*ctx.credential() {
            Credential::Execution(execution) => {
                let rights = &execution.rights;
                let differs = agent_id.is_some_and(|id| id != rights.agent_id)
                    || mandate_id.is_some_and(|id| id != rights.mandate_id)
                    || lease_id.is_some_and(|id| Some(id) != rights.lease_id)
                    || rights.action != self.kind.action();
                if differs {
                    return Err(token_scope_mismatch().in_body());
                }
                Ok(Spender { agent_id: rights.agent_id, mandate_id: rights.mandate_id, lease_id: rights.lease_id })
            }
            _ => Ok(Spender {
                agent_id: agent_id.ok_or_else(|| Fault::field(&field("agent_id"), "is required without a token"))?,
                mandate_id: mandate_id.ok_or_else(|| Fault::field(&field("mandate_id"), "is required without a token"))?,
                lease_id,
            }),
        }
    }
}
