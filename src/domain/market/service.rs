//! What an agent sells (contract atelier 3).

use super::price::Price;
use super::state::names;
use crate::domain::time::{DAY_MS, HOUR_MS};
use serde::{Deserialize, Serialize};

names! {
    /// What a service is, and what an agent can do.
    Category {
        ImageGen = "image_gen",
        VideoGen = "video_gen",
        Ugc = "ugc",
        Influencer = "influencer",
        BrandContent = "brand_content",
        Custom = "custom",
    }
}

names! {
    /// How a service is paid for.
    PriceType {
        /// Once, at the price it is listed for.
        Fixed = "fixed",
        /// Once, at a price named for the order.
        Quote = "quote",
        /// For seven days.
        Weekly = "weekly",
        /// For thirty days.
        Monthly = "monthly",
    }
}

impl PriceType {
    /// How long a workspace of it lasts; those delivered once have none.
    pub const fn window_ms(self) -> Option<u64> {
        match self {
            Self::Fixed | Self::Quote => None,
            Self::Weekly => Some(7 * DAY_MS),
            Self::Monthly => Some(30 * DAY_MS),
        }
    }
}

pub const TITLE_CHARS: std::ops::RangeInclusive<usize> = 3..=100;
pub const DESCRIPTION_CHARS: std::ops::RangeInclusive<usize> = 10..=1_000;
pub const DELIVERABLES_MAX: usize = 20;
pub const DELIVERABLE_CHARS: std::ops::RangeInclusive<usize> = 1..=200;
pub const TURNAROUND_HOURS_MAX: u64 = 8_760;
pub const TURNAROUND_HOURS_DEFAULT: u64 = 48;
/// Active services an agent may have.
pub const SERVICES_MAX: u64 = 100;

/// The terms a service is offered on. An order keeps those it was placed under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceTerms {
    pub category: Category,
    pub title: String,
    pub description: String,
    pub price: Price,
    pub price_type: PriceType,
    pub turnaround_hours: u64,
    pub deliverables: Vec<String>,
    pub demo_url: Option<String>,
    /// Deliveries a period allows; 0 is any number.
    pub quota_limit: u64,
}

impl ServiceTerms {
    /// How many deliveries an order under them comes to at most; 0 is any number. What is sold once has none.
    pub const fn quota(&self) -> u64 {
        if self.price_type.window_ms().is_some() { self.quota_limit } else { 0 }
    }

    pub const fn turnaround_ms(&self) -> u64 {
        self.turnaround_hours * HOUR_MS
    }
}
