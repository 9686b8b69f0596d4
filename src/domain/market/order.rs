//! One order: whether something may happen to it, what it then is, and what becomes of its money (contract atelier 4).
//!
//! Invariants: an order is paid at most once, and its price leaves escrow exactly once: to the agent and the platform, back
//! to the buyer, or in parts to both. From its deadline on it counts as ended, whether or not an alarm has run.

use super::price::{Cut, Price};
use super::service::PriceType;
use super::state::{self, DISPUTES_MAX, Kind, OrderEvent, OrderStatus, Transition, names};
use crate::domain::time::{HOUR_MS, Timestamp};
use serde::{Deserialize, Serialize};

names! {
    /// What is delivered.
    MediaType {
        Image = "image",
        Video = "video",
    }
}

names! {
    /// How far the agent's part of a price has come.
    PayoutStatus {
        /// Nothing is owed.
        None = "none",
        /// Nobody has said where to.
        AwaitingWallet = "awaiting_wallet",
        Pending = "pending",
        Retrying = "retrying",
        Paid = "paid",
    }
}

names! {
    /// Who writes.
    SenderType {
        Agent = "agent",
        Client = "client",
    }
}

pub const BRIEF_CHARS: std::ops::RangeInclusive<usize> = 10..=1_000;
pub const REFERENCE_URLS_MAX: usize = 5;
pub const REFERENCE_IMAGES_MAX: usize = 3;
/// How many deliveries of an order lists and events show: the newest.
pub const DELIVERIES_LISTED: usize = 3;
pub const REASON_CHARS_MAX: usize = 1_000;
pub const MESSAGE_CHARS: std::ops::RangeInclusive<usize> = 1..=2_000;
pub const COMMENT_CHARS_MAX: usize = 500;
pub const TX_HASH_CHARS: std::ops::RangeInclusive<usize> = 1..=128;

/// What of an order decides its fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    pub status: OrderStatus,
    /// When it came there.
    pub since: Timestamp,
    pub price_type: PriceType,
    pub turnaround_hours: u64,
    /// Deliveries a workspace allows; 0 is any number.
    pub quota: u64,
    /// None until it is quoted.
    pub price: Option<Price>,
    pub paid_at: Option<Timestamp>,
    pub workspace_ends_at: Option<Timestamp>,
    pub deliveries: u64,
    pub disputes: u64,
}

/// Why an order does not move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderError {
    /// No row of the table leads on from where it stands.
    State(OrderStatus),
    /// It was disputed as often as may be.
    DisputeLimit,
}

/// What becomes of the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escrow {
    /// It stays where it is.
    Untouched,
    /// It comes in.
    Funded(Price),
    /// It goes out: to the agent and the platform, and back to the buyer. All parts together are the price.
    Resolved { cut: Cut, refund: Price },
}

/// An order after something happened to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    pub order: Order,
    pub escrow: Escrow,
}

impl Order {
    const fn kind(&self) -> Kind {
        Kind { price_type: self.price_type, deliveries: self.deliveries, quota: self.quota }
    }

    fn row(&self, event: OrderEvent) -> Option<&'static Transition> {
        state::find(self.status, event, self.kind())
    }

    /// When the clock ends it where it stands.
    pub fn due_at(&self) -> Option<Timestamp> {
        let after_ms = self.row(OrderEvent::Expire)?.after_ms?;
        let from = match self.status {
            OrderStatus::Paid | OrderStatus::InProgress => match self.workspace_ends_at {
                Some(end) => end,
                None => self.paid_at.unwrap_or(self.since).plus_ms(self.turnaround_hours * HOUR_MS),
            },
            _ => self.since,
        };
        Some(from.plus_ms(after_ms))
    }

    /// Whether its time is up: it must be expired before anything else is decided.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.due_at().is_some_and(|due_at| now >= due_at)
    }

    /// Whether `event` may happen to it where it stands.
    pub fn check(&self, event: OrderEvent) -> Result<(), OrderError> {
        let row = self.row(event).ok_or(OrderError::State(self.status))?;
        // The last dispute is an operator's to end, or the buyer's: were it delivered away as well, whoever delivers often enough
        // would be paid without anybody having judged it.
        let is_last_dispute = match row.event {
            OrderEvent::Dispute => true,
            OrderEvent::Deliver => row.from == OrderStatus::Disputed,
            _ => false,
        };
        if is_last_dispute && self.disputes >= DISPUTES_MAX { Err(OrderError::DisputeLimit) } else { Ok(()) }
    }

    /// Lets `event` happen to it. `provider_percent` is the agent's part of a price that an operator releases.
    pub fn apply(&self, event: OrderEvent, provider_percent: u64, now: Timestamp) -> Result<Moved, OrderError> {
        self.check(event)?;
        let row = self.row(event).ok_or(OrderError::State(self.status))?;
        let mut order = Self { status: row.to, ..*self };
        if row.to != row.from {
            order.since = now;
        }
        match event {
            OrderEvent::Pay => {
                order.paid_at = Some(now);
                order.workspace_ends_at = self.price_type.window_ms().map(|window_ms| now.plus_ms(window_ms));
            }
            OrderEvent::Deliver => order.deliveries += 1,
            OrderEvent::Dispute => order.disputes += 1,
            _ => {}
        }
        Ok(Moved { escrow: self.escrow_of(event, row.to, provider_percent), order })
    }

    fn escrow_of(&self, event: OrderEvent, to: OrderStatus, provider_percent: u64) -> Escrow {
        let price = self.price.unwrap_or_default();
        if event == OrderEvent::Pay {
            return Escrow::Funded(price);
        }
        if !self.status.holds_money() || !to.is_final() {
            return Escrow::Untouched;
        }
        let percent = match (to, event) {
            (OrderStatus::Cancelled, _) => 0,
            (_, OrderEvent::Release) => provider_percent,
            _ => 100,
        };
        let (earned, refund) = price.split(percent);
        Escrow::Resolved { cut: earned.cut(), refund }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::DAY_MS;

    const NOW: Timestamp = Timestamp::from_ms(1_770_000_000_000);

    fn order(status: OrderStatus, price_type: PriceType) -> Order {
        Order {
            status,
            since: NOW,
            price_type,
            turnaround_hours: 24,
            quota: 2,
            price: Some(Price::parse("5.00").unwrap()),
            paid_at: status.holds_money().then_some(NOW),
            workspace_ends_at: None,
            deliveries: 0,
            disputes: 0,
        }
    }

    fn moved(order: Order, event: OrderEvent, now: Timestamp) -> Moved {
        order.apply(event, 100, now).unwrap()
    }

    #[test]
    fn an_order_that_is_paid_delivered_and_left_alone_pays_the_agent_after_two_days() {
        let paid = moved(order(OrderStatus::Quoted, PriceType::Fixed), OrderEvent::Pay, NOW);
        assert_eq!(paid.escrow, Escrow::Funded(Price::parse("5.00").unwrap()));
        assert_eq!(paid.order.due_at(), Some(NOW.plus_ms(8 * DAY_MS)), "a day to deliver, and a week");
        let later = NOW.plus_ms(5);
        let delivered = moved(paid.order, OrderEvent::Deliver, later);
        assert_eq!((delivered.order.status, delivered.escrow), (OrderStatus::Delivered, Escrow::Untouched));
        let due_at = later.plus_ms(2 * DAY_MS);
        assert_eq!(delivered.order.due_at(), Some(due_at));
        assert!(!delivered.order.is_due(due_at.minus_ms(1)) && delivered.order.is_due(due_at));
        let done = moved(delivered.order, OrderEvent::Expire, due_at);
        let cut = Price::parse("5.00").unwrap().cut();
        assert_eq!((done.order.status, done.escrow), (OrderStatus::Completed, Escrow::Resolved { cut, refund: Price::ZERO }));
        assert_eq!(done.order.due_at(), None);
    }

    #[test]
    fn starting_work_gives_no_more_time() {
        let paid = order(OrderStatus::Paid, PriceType::Fixed);
        let started = moved(paid, OrderEvent::Start, NOW.plus_ms(3 * DAY_MS)).order;
        assert_eq!(started.due_at(), paid.due_at());
    }

    #[test]
    fn a_workspace_ends_when_its_quota_is_reached_or_its_time_is_over() {
        let paid = moved(order(OrderStatus::Accepted, PriceType::Weekly), OrderEvent::Pay, NOW).order;
        assert_eq!((paid.status, paid.workspace_ends_at), (OrderStatus::InProgress, Some(NOW.plus_ms(7 * DAY_MS))));
        let once = moved(paid, OrderEvent::Deliver, NOW);
        assert_eq!((once.order.status, once.order.deliveries, once.escrow), (OrderStatus::InProgress, 1, Escrow::Untouched));
        let twice = moved(once.order, OrderEvent::Deliver, NOW);
        assert_eq!(twice.order.status, OrderStatus::Completed);
        assert!(matches!(twice.escrow, Escrow::Resolved { refund: Price::ZERO, .. }));
        let over = NOW.plus_ms(7 * DAY_MS);
        assert_eq!(moved(once.order, OrderEvent::Expire, over).order.status, OrderStatus::Completed);
        let unused = moved(paid, OrderEvent::Expire, over);
        assert_eq!(unused.order.status, OrderStatus::Cancelled);
        assert!(matches!(unused.escrow, Escrow::Resolved { refund, .. } if refund == Price::parse("5.00").unwrap()));
    }

    #[test]
    fn a_dispute_is_had_three_times_and_split_as_the_operator_says() {
        let mut standing = order(OrderStatus::Delivered, PriceType::Fixed);
        for _ in 0..2 {
            standing = moved(standing, OrderEvent::Dispute, NOW).order;
            standing = moved(standing, OrderEvent::Deliver, NOW).order;
        }
        standing = moved(standing, OrderEvent::Dispute, NOW).order;
        assert_eq!(standing.apply(OrderEvent::Deliver, 0, NOW), Err(OrderError::DisputeLimit), "the third is not delivered away");
        assert!([OrderEvent::Approve, OrderEvent::Release, OrderEvent::Refund].into_iter().all(|end| standing.check(end).is_ok()));
        let delivered = Order { status: OrderStatus::Delivered, ..standing };
        assert_eq!(delivered.apply(OrderEvent::Dispute, 0, NOW), Err(OrderError::DisputeLimit));
        let disputed = order(OrderStatus::Disputed, PriceType::Fixed);
        let split = disputed.apply(OrderEvent::Release, 40, NOW).unwrap();
        let (earned, refund) = (Price::parse("2.00").unwrap(), Price::parse("3.00").unwrap());
        assert_eq!((split.order.status, split.escrow), (OrderStatus::Completed, Escrow::Resolved { cut: earned.cut(), refund }));
    }

    #[test]
    fn money_leaves_escrow_once_and_whole_on_every_way_through_the_table() {
        for start in OrderStatus::ALL {
            for price_type in PriceType::ALL {
                for event in OrderEvent::ALL {
                    let before = order(*start, *price_type);
                    let Ok(Moved { order: after, escrow }) = before.apply(*event, 37, NOW) else { continue };
                    match escrow {
                        Escrow::Funded(price) => assert!(!start.holds_money() && after.status.holds_money() && Some(price) == before.price),
                        Escrow::Resolved { cut, refund } => {
                            let out = cut.fee.minor() + cut.payout.minor() + refund.minor();
                            assert!(start.holds_money() && after.status.is_final());
                            assert_eq!(Some(out), before.price.map(Price::minor));
                        }
                        Escrow::Untouched => assert_eq!(start.holds_money(), after.status.holds_money()),
                    }
                }
            }
        }
    }
}
