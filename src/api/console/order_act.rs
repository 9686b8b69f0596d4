//! `/account/orders/:id/:verb`: what a buyer does to an order, with the forms of its page.

use serde::Deserialize;

use super::order::render_page;
use super::order_visit::Purchase;
use super::posted::{Posted, Trouble};
use super::tenant_visit::{TenantVisit, finish, refuse_other_form};
use super::view::confirmation::{Confirmation, ConfirmationKind, render_confirmation};
use super::view::order::{order_href, write_price};
use super::view::order_act::Sent;
use super::visit::{check_tenant, signed_in};
use crate::domain::idempotency::Claim;
use crate::domain::limit::LimitClass;
use crate::domain::market::settlement::{PayMethod, Rail};
use crate::domain::market::state::OrderEvent;
use crate::http::code::Code;
use crate::http::context::Ctx;
use crate::http::credential::Human;
use crate::http::fault::Fault;
use crate::http::field::{Name, Text};
use crate::http::order::{note, pay_by_transaction};
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::unexpected;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::order::command::{Intent, OrderAct, OrderCommand, Side};
use crate::objects::tenant::order::outcome::OrderOutcome;
use crate::objects::tenant::outcome::Outcome;
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Get "/account/orders/{id}/{verb}" => ask_about_order { name: "accountAskChangeOrder", summary: "Ask before an order is approved or cancelled", access: Console, class: Some(LimitClass::Public), body: None, status: 200 }
    Post "/account/orders/{id}/{verb}" => change_order { name: "accountChangeOrder", summary: "What a buyer does to an order", access: Console, class: Some(LimitClass::Public), body: Form, status: 303 }
};

/// What a form of an order's page does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Accept,
    Pay,
    Approve,
    Cancel,
    Dispute,
    Request,
    Message,
    Review,
}

impl Verb {
    fn read(ctx: &Ctx) -> Result<Self, Fault> {
        Ok(match ctx.param("verb") {
            "accept" => Self::Accept,
            "pay" => Self::Pay,
            "approve" => Self::Approve,
            "cancel" => Self::Cancel,
            "dispute" => Self::Dispute,
            "request" => Self::Request,
            "message" => Self::Message,
            "review" => Self::Review,
            _ => return Err(Fault::not_found()),
        })
    }

    /// The fields of its form.
    const fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Accept | Self::Approve | Self::Cancel => &[],
            Self::Pay => &["escrow_tx_hash"],
            Self::Dispute => &["reason"],
            Self::Request => &["brief"],
            Self::Message => &["content"],
            Self::Review => &["rating", "comment"],
        }
    }

    /// What to say once it is done.
    const fn done(self) -> &'static str {
        match self {
            Self::Accept => "The price is accepted.",
            Self::Pay => "The order is paid; its price lies in escrow.",
            Self::Approve => "The order is completed, and its price is released to the agent, less the platform's tenth.",
            Self::Cancel => "The order is cancelled.",
            Self::Dispute => "The delivery is disputed. The agent can deliver again, and an operator can end it.",
            Self::Request => "The agent is told.",
            Self::Message => "The message is sent.",
            Self::Review => "The review is published.",
        }
    }
}

/// 1. The verb, and the order, if it is one's own: 404. 2. Where it does not happen any more: 303 to the order. 3. Ask: 200.
async fn ask_about_order(ctx: &Ctx) -> Result<Reply, Fault> {
    let (event, question, verb, kind) = match Verb::read(ctx)? {
        Verb::Approve => (OrderEvent::Approve, "Approve this order?", "Approve and release the money", ConfirmationKind::Resuming),
        Verb::Cancel => (OrderEvent::Cancel, "Cancel this order?", "Cancel the order", ConfirmationKind::Ending),
        _ => return Err(Fault::not_found()),
    };
    let human = signed_in(ctx)?;
    let visit = TenantVisit::of_page(ctx).await?;
    let purchase = Purchase::find(ctx, &human).await?;
    let sheet = purchase.load_sheet(ctx).await?;
    let back = order_href(&visit.tenant, &purchase.order_id.to_string());
    if !sheet.buyers_moves.contains(&event) {
        return Ok(Reply::see_other(&back));
    }
    let consequence = match event {
        OrderEvent::Approve => {
            "The order is completed and its price released to the agent, less the platform's tenth. This cannot be undone."
        }
        _ if sheet.order.status.holds_money() => "Nothing more is done for it, and its price goes back. This cannot be undone.",
        _ => "Nothing is done for it. This cannot be undone.",
    };
    let facts = [
        ("Service", sheet.order.service_title.clone()),
        ("Agent", sheet.order.provider_name.clone()),
        ("Price", write_price(sheet.order.quoted_price_usd)),
    ];
    let view = Confirmation {
        question: question.to_owned(),
        consequence: consequence.to_owned(),
        facts: facts.map(|(name, value)| (name.to_owned(), value)).into(),
        action: format!("/account/orders/{}/{}", purchase.order_id, ctx.param("verb")),
        verb: verb.to_owned(),
        back,
        tenant: visit.tenant.clone(),
        kind,
    };
    let page = render_confirmation(visit.frame(), &view);
    Ok(visit.answer(200, page))
}

#[derive(Deserialize)]
struct PayFields {
    escrow_tx_hash: Option<Text<1, 128>>,
}

#[derive(Deserialize)]
struct DisputeFields {
    reason: Option<Text<0, 1_000>>,
}

#[derive(Deserialize)]
struct RequestFields {
    brief: Text<10, 1_000>,
}

#[derive(Deserialize)]
struct MessageFields {
    content: Name<2_000>,
}

#[derive(Deserialize)]
struct ReviewFields {
    rating: String,
    comment: Option<Text<0, 500>>,
}

/// A refusal that belongs to one field.
fn at_field(fault: Fault, field: &str) -> Fault {
    fault.with("path", format!("$.{field}"))
}

/// What pays for an order, once it is known that it can be paid for.
async fn pay(ctx: &Ctx, purchase: &Purchase, claim: Claim) -> Result<OrderAct, Fault> {
    let fields: PayFields = Posted::parse(ctx)?;
    let tx_hash = fields.escrow_tx_hash.map(Text::into_string);
    let (order_id, by) = (purchase.order_id, Side::Wallet(purchase.wallet.clone()));
    let probe = Command::Order(OrderCommand::Probe { order_id, by, intent: Intent::Move(OrderEvent::Pay) });
    let price = match ctx.call_tenant_for(purchase.tenant, Some(claim), probe).await.map_err(refuse_other_form)?.outcome {
        Outcome::Order(OrderOutcome::Possible { price }) => price,
        // This form has paid: what was answered then is answered again, and this pays for nothing.
        Outcome::Order(OrderOutcome::Order(_)) => {
            return Ok(OrderAct::Pay { method: PayMethod::UsdcSol, tx_hash, rail: Rail::Sandbox });
        }
        other => return Err(unexpected(&other)),
    };
    pay_by_transaction(ctx, &purchase.wallet, order_id, price.unwrap_or_default(), tx_hash.as_deref()).await
}

/// What the form asks the order's object to do.
async fn read_command(ctx: &Ctx, purchase: &Purchase, verb: Verb, claim: Claim) -> Result<OrderCommand, Fault> {
    let (order_id, by) = (purchase.order_id, Side::Wallet(purchase.wallet.clone()));
    let act = match verb {
        Verb::Message => {
            let content = Posted::parse::<MessageFields>(ctx)?.content.into_string();
            return Ok(OrderCommand::PostMessage { order_id, by, content });
        }
        Verb::Review => {
            let fields: ReviewFields = Posted::parse(ctx)?;
            let rating = fields.rating.parse().ok().filter(|rating| (1..=5).contains(rating));
            let rating = rating.ok_or_else(|| Fault::field("$.rating", "must be a whole number from 1 to 5"))?;
            return Ok(OrderCommand::Review { order_id, by, rating, comment: fields.comment.map(Text::into_string) });
        }
        Verb::Accept => OrderAct::Accept,
        Verb::Pay => pay(ctx, purchase, claim).await?,
        Verb::Approve => OrderAct::Approve,
        Verb::Cancel => OrderAct::Cancel,
        Verb::Dispute => OrderAct::Dispute { reason: Posted::parse::<DisputeFields>(ctx)?.reason.map(Text::into_string) },
        Verb::Request => OrderAct::Request { brief: Posted::parse::<RequestFields>(ctx)?.brief.into_string() },
    };
    Ok(OrderCommand::Act { order_id, by, act })
}

async fn carry_out(ctx: &Ctx, form: (&Human, &Posted), purchase: &Purchase, verb: Verb) -> Result<String, Fault> {
    let (human, posted) = form;
    let claim = posted.claim(ctx, human)?;
    let command = Command::Order(read_command(ctx, purchase, verb, claim).await?);
    let answer = ctx.call_tenant_for(purchase.tenant, Some(claim), command).await.map_err(refuse_other_form)?;
    match answer.outcome {
        Outcome::Order(OrderOutcome::Order(order)) => note(ctx, purchase.tenant, &order).await,
        Outcome::Order(OrderOutcome::Message(_) | OrderOutcome::Review(_)) => {}
        other => return Err(unexpected(&other)),
    }
    Ok(verb.done().to_owned())
}

/// 1. The form: 403. 2. The verb, the tenant one is at, and the order, if it is one's own: 404. 3. Do it, once for each form. 4. What is wrong with a
/// field is said there: 400, 409. 5. Go on to the order, which says what was done or why not: 303.
async fn change_order(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = signed_in(ctx)?;
    let posted = Posted::read(ctx, Some(&human))?;
    let verb = Verb::read(ctx)?;
    let tenant = posted.value("tenant");
    check_tenant(ctx, &human, tenant).await?;
    let purchase = Purchase::find(ctx, &human).await?;
    let result = carry_out(ctx, (&human, &posted), &purchase, verb).await.map_err(|fault| match fault.code {
        Code::TxAlreadyUsed | Code::PaymentNotVerified => at_field(fault, "escrow_tx_hash"),
        _ => fault,
    });
    match result {
        Err(fault) if fault.extra.contains_key("path") => {
            let trouble = Trouble::of(fault)?;
            let entries = verb.fields().iter().map(|name| ((*name).to_owned(), posted.entry(name, &trouble)));
            let sent = Sent { verb: ctx.param("verb").to_owned(), entries: entries.collect(), error: trouble.beside(verb.fields()) };
            render_page(ctx, &human, Some(tenant), trouble.status, sent).await
        }
        result => finish(ctx, &human, &order_href(tenant, &purchase.order_id.to_string()), result),
    }
}
