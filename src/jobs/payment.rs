//! Payments on their way back: the queue's consumer asks the tenant a payment came from to take it back, and reports to the order's
//! tenant, which decides what follows (see objects/tenant/order/payment.rs).

use serde_json::json;

use super::lane;
use crate::domain::market::price::Price;
use crate::edge::Edge;
use crate::objects::clock;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::money::command::MoneyCommand;
use crate::objects::tenant::money::outcome::MoneyOutcome;
use crate::objects::tenant::order::command::{OrderCommand, ReturnAttempt, ReturnReport};
use crate::objects::tenant::outcome::Outcome;

/// Sees to one payment and reports it.
pub(super) async fn attempt(edge: &Edge, attempt: &ReturnAttempt) {
    let ReturnAttempt { tenant, order_id, payment_id, payer, number, refund, takes, claim } = *attempt;
    let log =
        |error: String| worker::console_error!("{}", json!({"job": "payment", "order": order_id, "payment": payment_id, "error": error}));
    if let Err(error) = clock::learn(edge).await {
        return log(error.to_string());
    }
    let command =
        MoneyCommand::ReturnPayment { payment_id, order_id, number, amount: refund.map(Price::micros), takes: takes.map(Price::micros) };
    let report = match lane::tell(edge, payer, Command::Money(command)).await.map(|reply| reply.outcome) {
        Ok(Ok(Outcome::Money(MoneyOutcome::PaymentReturned { is_returned: true }))) => ReturnReport::Returned,
        Ok(Ok(Outcome::Money(MoneyOutcome::PaymentReturned { is_returned: false }))) => ReturnReport::NeverTaken,
        Ok(other) => {
            log(format!("the payment's tenant answered {other:?}"));
            ReturnReport::Failed
        }
        Err(error) => {
            log(error.to_string());
            ReturnReport::Failed
        }
    };
    lane::report(edge, tenant, &Command::Order(OrderCommand::ReportReturn { order_id, payment_id, claim, report }), log).await;
}
