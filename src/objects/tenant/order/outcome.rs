//! What is answered about orders.

use serde::{Deserialize, Serialize};

use super::command::{ReturnAttempt, TransferAttempt};
use crate::domain::form::order::{ListedOrder, MessageForm, OrderForm, ReviewForm, ShownOrder};
use crate::domain::form::sheet::{OrderBook, OrderSheet};
use crate::domain::market::price::Price;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderOutcome {
    Order(Box<ShownOrder>),
    OrderAndReview {
        order: Box<OrderForm>,
        review: Option<Box<ReviewForm>>,
    },
    Orders(Vec<ListedOrder>),
    /// Nothing stands in the way; what the order costs.
    Possible {
        price: Option<Price>,
    },
    Message(Box<MessageForm>),
    Messages(Vec<MessageForm>),
    Review(Box<ReviewForm>),
    /// `more` when others are due at once.
    Transfers {
        attempts: Vec<TransferAttempt>,
        returns: Vec<ReturnAttempt>,
        more: bool,
    },
    /// Whether what was signed is kept: only then it may be sent.
    Signed {
        is_kept: bool,
    },
    Reported,
    Sheet(Box<OrderSheet>),
    Book(Box<OrderBook>),
    /// Nothing stands in the way; the number of the try, unless the order costs nothing.
    PaymentBegun {
        price: Price,
        number: Option<u64>,
    },
}
