//! What a metered request brings, for whoever makes one up.

use guildhall::domain::id::QueryId;
use guildhall::domain::money::Micros;
use guildhall::domain::time::Timestamp;
use guildhall::objects::tenant::command::MeterReserve;
use guildhall::objects::tenant::outcome::Answered;

use crate::random::Random;

fn query_id() -> QueryId {
    QueryId::new(Timestamp::from_ms(1_770_000_000_000), &mut Random::new(1))
}

/// A request for a price, held for some seconds.
pub fn metered(price_micros: u64, ttl_s: u64) -> MeterReserve {
    let price_micros = Micros::new(price_micros).unwrap();
    MeterReserve { price_micros, ttl_s, purpose: "query".to_owned(), query_id: query_id(), question: b"what?".to_vec() }
}

/// What such a request came to.
pub fn answered(answer: &str) -> Answered {
    Answered { query_id: query_id(), price_micros: Micros::ZERO, available_micros: Micros::ZERO, answer: answer.as_bytes().to_vec() }
}
