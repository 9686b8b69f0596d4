//! What the routes of orders have in common: who comes, to which order, and in which order faults are told.

use crate::crypto::solana::SolanaAddress;
use crate::domain::form::order::ShownOrder;
use crate::domain::id::{OrderId, PaymentId, TenantUuid};
use crate::domain::market::price::Price;
use crate::http::buyer::wallet_auth_invalid;
use crate::http::code::Code;
use crate::http::context::Ctx;
use crate::http::credential::{Credential, bad_credential};
use crate::http::fault::Fault;
pub use crate::http::order::{note, order_of};
use crate::http::tenant::{Answer, Seat, unexpected};
use crate::objects::tenant::call::Proof;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::order::command::{Intent, OrderAct, OrderCommand, Side};
use crate::objects::tenant::order::outcome::OrderOutcome;
use crate::objects::tenant::outcome::Outcome;
use crate::store::order as orders;

/// An order, and who has come to it.
pub struct Visit {
    pub order_id: OrderId,
    pub tenant: TenantUuid,
    pub by: Side,
    seat: Option<Seat>,
    wallet: Option<SolanaAddress>,
}

fn unknown_order() -> Fault {
    Fault::new(Code::NotFound, "Order not found")
}

impl Visit {
    /// 1. The id: 404. 2. A market agent comes to its own tenant; a wallet to whoever the order lies with: 404.
    pub async fn begin(ctx: &Ctx) -> Result<Self, Fault> {
        let order_id = OrderId::parse(ctx.param("id")).map_err(|_| unknown_order())?;
        match &*ctx.credential() {
            Credential::Key(_) => {
                let seat = ctx.seller_seat()?;
                Ok(Self { order_id, tenant: seat.tenant, by: Side::Agent, seat: Some(seat), wallet: None })
            }
            Credential::Buyer(wallet) => {
                let tenant = ctx.with_database(async |database| orders::find_tenant(database, order_id).await).await?;
                let by = Side::Wallet(wallet.as_str().to_owned());
                Ok(Self { order_id, tenant: tenant.ok_or_else(unknown_order)?, by, seat: None, wallet: Some(wallet.clone()) })
            }
            Credential::Human(human) if human.is_admin => {
                let tenant = ctx.with_database(async |database| orders::find_tenant(database, order_id).await).await?;
                let tenant = tenant.ok_or_else(unknown_order)?;
                let proof = Proof::Operator { user_id: human.user_id };
                let seat = Seat { tenant, proof, named: None };
                Ok(Self { order_id, tenant, by: Side::Operator, seat: Some(seat), wallet: None })
            }
            _ => Err(bad_credential()),
        }
    }

    /// Asks the order's object. An order that is unknown to an agent's own tenant may be another's: 403.
    pub async fn ask(&self, ctx: &Ctx, command: OrderCommand) -> Result<Answer, Fault> {
        let command = Command::Order(command);
        let result = match (&self.seat, &self.wallet) {
            (Some(seat), _) => ctx.call_tenant(seat, command).await,
            (None, Some(wallet)) => ctx.call_tenant_for(self.tenant, ctx.claim_of_buyer(wallet)?, command).await,
            (None, None) => Err(bad_credential()),
        };
        match result {
            Err(fault) => Err(self.disown(ctx, fault).await),
            answered => answered,
        }
    }

    /// Whether that may be done with the order now; what it costs.
    pub async fn probe(&self, ctx: &Ctx, intent: Intent) -> Result<Option<Price>, Fault> {
        let command = OrderCommand::Probe { order_id: self.order_id, by: self.by.clone(), intent };
        match self.ask_first(ctx, command).await? {
            Outcome::Order(OrderOutcome::Possible { price }) => Ok(price),
            other => Err(unexpected(&other)),
        }
    }

    /// The same of paying with a payment of that tenant, which the order remembers; and the number of this try, unless it costs nothing.
    pub async fn begin_payment(&self, ctx: &Ctx, payment_id: PaymentId, payer: TenantUuid) -> Result<(Price, Option<u64>), Fault> {
        let command = OrderCommand::BeginPayment { order_id: self.order_id, by: self.by.clone(), payment_id, payer };
        match self.ask_first(ctx, command).await? {
            Outcome::Order(OrderOutcome::PaymentBegun { price, number }) => Ok((price, number)),
            other => Err(unexpected(&other)),
        }
    }

    /// Asks something that another call follows: an Idempotency-Key is not looked up for it.
    async fn ask_first(&self, ctx: &Ctx, command: OrderCommand) -> Result<Outcome, Fault> {
        let command = Command::Order(command);
        let result = match &self.seat {
            Some(seat) => ctx.call_tenant_once(seat, None, command).await,
            None => ctx.call_tenant_for(self.tenant, None, command).await,
        };
        match result {
            Ok(answer) => Ok(answer.outcome),
            Err(fault) => Err(self.disown(ctx, fault).await),
        }
    }

    /// What is wrong with a request's fields, unless the order or where it stands is against it first.
    pub async fn refuse(&self, ctx: &Ctx, intent: Intent, fault: Fault) -> Fault {
        self.probe(ctx, intent).await.err().unwrap_or(fault)
    }

    /// What an agent's own tenant does not know may be another's order.
    async fn disown(&self, ctx: &Ctx, fault: Fault) -> Fault {
        if fault.code != Code::NotFound || self.by != Side::Agent {
            return fault;
        }
        match ctx.with_database(async |database| orders::find_tenant(database, self.order_id).await).await {
            Ok(Some(_)) => Fault::new(Code::Forbidden, "this order is not yours"),
            Ok(None) => fault,
            Err(error) => error,
        }
    }

    /// Moves the order and shows it as it then is.
    pub async fn act(&self, ctx: &Ctx, act: OrderAct) -> Result<ShownOrder, Fault> {
        let command = OrderCommand::Act { order_id: self.order_id, by: self.by.clone(), act };
        let order = order_of(self.ask(ctx, command).await?)?;
        note(ctx, self.tenant, &order).await;
        Ok(order)
    }
}

/// Who is no party to an order is told so in the words of a buyer: another wallet is a wrong credential.
pub fn as_buyer(fault: Fault) -> Fault {
    if fault.code == Code::Forbidden { wallet_auth_invalid() } else { fault }
}
