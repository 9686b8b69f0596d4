//! How an order moves: one table, which the code runs on, the documents show and the tests walk (contract atelier 4).
//!
//! Invariant: an order changes its state by a row of [`TABLE`] and by nothing else; every state that could hold money has a
//! row that the clock takes.

use serde::{Deserialize, Serialize};

use self::OrderEvent::{Accept, Approve, Cancel, Deliver, Dispute, Expire, Pay, ProviderRevoked, Quote, Refund, Release, Start};
use self::OrderStatus::{Accepted, Cancelled, Completed, Delivered, Disputed, InProgress, Paid, PendingQuote, Quoted};
use self::Party::{Buyer, Operator, Provider, System};
use super::service::PriceType;
use crate::domain::time::{DAY_MS, HOUR_MS, SECOND_MS};

macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$variant_doc])* $variant),* }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name it is stored and shown by.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            /// Reads that name.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == text)
            }
        }
    };
}
pub(crate) use names;

names! {
    /// Where an order stands.
    OrderStatus {
        PendingQuote = "pending_quote",
        Quoted = "quoted",
        Accepted = "accepted",
        Paid = "paid",
        InProgress = "in_progress",
        Delivered = "delivered",
        Completed = "completed",
        Disputed = "disputed",
        Cancelled = "cancelled",
    }
}

impl OrderStatus {
    /// Whether nothing moves it any more.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled)
    }

    /// Whether it is still to be paid: no order comes back to here.
    pub const fn is_unpaid(self) -> bool {
        matches!(self, Self::PendingQuote | Self::Quoted | Self::Accepted)
    }

    /// Whether its price lies in escrow.
    pub const fn holds_money(self) -> bool {
        matches!(self, Self::Paid | Self::InProgress | Self::Delivered | Self::Disputed)
    }

    /// Whether it is its provider's turn: what agents ask for all day long.
    pub const fn awaits_provider(self) -> bool {
        matches!(self, Self::PendingQuote | Self::Paid | Self::InProgress | Self::Disputed)
    }

    /// Whether its parties may write to each other.
    pub const fn takes_messages(self) -> bool {
        self.holds_money() || matches!(self, Self::Completed)
    }
}

names! {
    /// What moves an order.
    OrderEvent {
        Quote = "quote",
        Accept = "accept",
        Pay = "pay",
        Start = "start",
        Deliver = "deliver",
        Approve = "approve",
        Dispute = "dispute",
        Cancel = "cancel",
        /// An operator ends a dispute for the provider, or in part.
        Release = "release",
        /// An operator ends a dispute for the buyer.
        Refund = "refund",
        /// Time is up.
        Expire = "expire",
        /// The provider is no agent any more.
        ProviderRevoked = "provider_revoked",
    }
}

names! {
    /// Who moves it.
    Party {
        Buyer = "buyer",
        Provider = "provider",
        Operator = "operator",
        /// Nobody: the time, or what happened to the provider.
        System = "system",
    }
}

/// Which orders a row is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    All,
    /// Delivered once: fixed and quoted prices.
    Once,
    /// A window of days in which much is delivered.
    Workspace,
    /// A workspace in which something was delivered, or nothing.
    UsedWorkspace,
    UnusedWorkspace,
    /// A workspace whose quota this delivery reaches, or does not reach.
    LastDelivery,
    FurtherDelivery,
}

/// One way an order can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    pub from: OrderStatus,
    pub event: OrderEvent,
    pub actor: Party,
    pub to: OrderStatus,
    pub orders: For,
    /// Of the clock's rows: how long after the order came here, in ms. For what was paid it is counted from the end of the
    /// turnaround; for a workspace, from its end.
    pub after_ms: Option<u64>,
}

impl OrderEvent {
    /// Whether that party ever does it.
    pub fn is_for(self, party: Party) -> bool {
        TABLE.iter().any(|row| row.event == self && row.actor == party)
    }
}

/// Unpaid orders wait so long, and paid ones so long beyond their turnaround.
pub const IDLE_MS: u64 = 7 * DAY_MS;
/// How long a buyer has to look at a delivery.
pub const REVIEW_MS: u64 = 48 * HOUR_MS;
/// How long a dispute may stand.
pub const DISPUTE_MS: u64 = 14 * DAY_MS;
/// How often a buyer may dispute.
pub const DISPUTES_MAX: u64 = 3;

const fn row(from: OrderStatus, event: OrderEvent, actor: Party, to: OrderStatus) -> Transition {
    Transition { from, event, actor, to, orders: For::All, after_ms: None }
}

impl Transition {
    const fn only(self, orders: For) -> Self {
        Self { orders, ..self }
    }

    const fn after(self, ms: u64) -> Self {
        Self { after_ms: Some(ms), ..self }
    }

    /// Whole seconds until the clock takes it.
    pub fn after_seconds(&self) -> Option<u64> {
        self.after_ms.map(|ms| ms / SECOND_MS)
    }
}

/// The whole life of an order.
pub const TABLE: &[Transition] = &[
    row(PendingQuote, Quote, Provider, Quoted),
    row(Quoted, Accept, Buyer, Accepted),
    row(Quoted, Pay, Buyer, Paid).only(For::Once),
    row(Accepted, Pay, Buyer, Paid).only(For::Once),
    row(Quoted, Pay, Buyer, InProgress).only(For::Workspace),
    row(Accepted, Pay, Buyer, InProgress).only(For::Workspace),
    row(Paid, Start, Provider, InProgress),
    row(Paid, Deliver, Provider, Delivered),
    row(InProgress, Deliver, Provider, Delivered).only(For::Once),
    row(Disputed, Deliver, Provider, Delivered),
    row(InProgress, Deliver, Provider, InProgress).only(For::FurtherDelivery),
    row(InProgress, Deliver, Provider, Completed).only(For::LastDelivery),
    row(Delivered, Approve, Buyer, Completed),
    row(Delivered, Dispute, Buyer, Disputed),
    row(Disputed, Approve, Buyer, Completed),
    row(Disputed, Release, Operator, Completed),
    row(Disputed, Refund, Operator, Cancelled),
    row(PendingQuote, Cancel, Buyer, Cancelled),
    row(Quoted, Cancel, Buyer, Cancelled),
    row(Accepted, Cancel, Buyer, Cancelled),
    row(Paid, Cancel, Buyer, Cancelled),
    row(PendingQuote, Expire, System, Cancelled).after(IDLE_MS),
    row(Quoted, Expire, System, Cancelled).after(IDLE_MS),
    row(Accepted, Expire, System, Cancelled).after(IDLE_MS),
    row(Paid, Expire, System, Cancelled).after(IDLE_MS),
    row(InProgress, Expire, System, Cancelled).only(For::Once).after(IDLE_MS),
    row(InProgress, Expire, System, Completed).only(For::UsedWorkspace).after(0),
    row(InProgress, Expire, System, Cancelled).only(For::UnusedWorkspace).after(0),
    row(Delivered, Expire, System, Completed).after(REVIEW_MS),
    row(Disputed, Expire, System, Cancelled).after(DISPUTE_MS),
    row(PendingQuote, ProviderRevoked, System, Cancelled),
    row(Quoted, ProviderRevoked, System, Cancelled),
    row(Accepted, ProviderRevoked, System, Cancelled),
    row(Paid, ProviderRevoked, System, Cancelled),
    row(InProgress, ProviderRevoked, System, Cancelled),
    row(Disputed, ProviderRevoked, System, Cancelled),
];

/// What of an order decides which rows are its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    pub price_type: PriceType,
    /// Deliveries so far, and how many a workspace allows; 0 is any number.
    pub deliveries: u64,
    pub quota: u64,
}

impl For {
    fn fits(self, kind: Kind) -> bool {
        let is_workspace = kind.price_type.window_ms().is_some();
        let is_last = kind.quota > 0 && kind.deliveries + 1 >= kind.quota;
        match self {
            Self::All => true,
            Self::Once => !is_workspace,
            Self::Workspace => is_workspace,
            Self::UsedWorkspace => is_workspace && kind.deliveries > 0,
            Self::UnusedWorkspace => is_workspace && kind.deliveries == 0,
            Self::LastDelivery => is_workspace && is_last,
            Self::FurtherDelivery => is_workspace && !is_last,
        }
    }
}

/// The row by which `event` moves an order of this kind that stands at `from`, if there is one. At most one fits.
pub fn find(from: OrderStatus, event: OrderEvent, kind: Kind) -> Option<&'static Transition> {
    TABLE.iter().find(|row| row.from == from && row.event == event && row.orders.fits(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds() -> impl Iterator<Item = Kind> {
        PriceType::ALL.iter().flat_map(|price_type| {
            [(0, 0), (1, 0), (0, 1), (0, 2), (1, 2)].map(|(deliveries, quota)| Kind { price_type: *price_type, deliveries, quota })
        })
    }

    #[test]
    fn at_most_one_row_fits_a_state_an_event_and_a_kind() {
        for kind in kinds() {
            for from in OrderStatus::ALL {
                for event in OrderEvent::ALL {
                    let fitting = TABLE.iter().filter(|row| row.from == *from && row.event == *event && row.orders.fits(kind)).count();
                    assert!(fitting <= 1, "{from:?} {event:?} {kind:?}");
                }
            }
        }
    }

    #[test]
    fn every_state_but_the_last_ones_has_an_exit_that_the_clock_takes() {
        for kind in kinds() {
            for from in OrderStatus::ALL.iter().copied().filter(|status| !status.is_final()) {
                // A workspace is never delivered as a whole.
                if kind.price_type.window_ms().is_some() && matches!(from, Paid | Delivered | Disputed) {
                    continue;
                }
                assert!(find(from, Expire, kind).is_some_and(|row| row.to.is_final() && row.after_ms.is_some()), "{from:?} {kind:?}");
            }
        }
        assert!(TABLE.iter().all(|row| !row.from.is_final() && (row.after_ms.is_some() == (row.event == Expire))));
    }

    #[test]
    fn it_is_the_providers_turn_where_the_provider_moves_it() {
        for status in OrderStatus::ALL {
            let has_move = TABLE.iter().any(|row| row.from == *status && row.actor == Party::Provider);
            assert_eq!(status.awaits_provider(), has_move, "{status:?}");
        }
    }

    #[test]
    fn every_state_can_be_reached_and_left() {
        for status in OrderStatus::ALL {
            let is_entered = TABLE.iter().any(|row| row.to == *status && row.from != *status);
            assert!(is_entered || *status == PendingQuote, "{status:?}");
            assert_eq!(TABLE.iter().any(|row| row.from == *status), !status.is_final(), "{status:?}");
        }
    }
}
