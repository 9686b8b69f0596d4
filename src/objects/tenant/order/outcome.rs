//! What is answered about orders.

use serde::{Deserialize, Serialize};

use crate::domain::form::order::{MessageForm, OrderForm, ReviewForm};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderOutcome {
    Order(Box<OrderForm>),
    OrderAndReview {
        order: Box<OrderForm>,
        review: Option<Box<ReviewForm>>,
    },
    Orders(Vec<OrderForm>),
    /// Nothing stands in the way.
    Possible,
    Message(Box<MessageForm>),
    Messages(Vec<MessageForm>),
    Review(Box<ReviewForm>),
}
