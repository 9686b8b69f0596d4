//! The one registry of identifiers: a prefix and a ULID made from `(now, entropy)`.
//!
//! The time stands in front, so ids sort by birth and serve as cursors. Parsing refuses a foreign prefix, so an id of
//! one thing can never name another.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ulid::Ulid;

use super::entropy::{Entropy, uuid_v4};
use super::time::Timestamp;

/// A text that is not an id of the kind asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnId {
    /// The prefix it should have had.
    pub prefix: &'static str,
}

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "must be an id of the form {}<ULID>", self.prefix)
    }
}

/// A ULID from a moment and ten random bytes.
pub fn new_ulid(now: Timestamp, entropy: &mut dyn Entropy) -> Ulid {
    Ulid::from_parts(now.as_ms(), entropy.id_bits(now.as_ms()))
}

/// Parses 26 characters of canonical Crockford base32 (either case); ULIDs beyond 128 bits are refused.
fn parse_ulid(text: &str) -> Option<Ulid> {
    let canonical = text.len() == 26 && text.bytes().next().is_some_and(|b| b <= b'7');
    Ulid::from_string(&text.to_ascii_uppercase()).ok().filter(|_| canonical)
}

/// Whether `text` is `prefix` and a ULID.
pub fn is_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).and_then(parse_ulid).is_some()
}

/// What [`is_id`] takes, as a regular expression.
#[cfg(not(target_arch = "wasm32"))]
pub fn id_pattern(prefix: &str) -> String {
    format!("^{prefix}[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{{25}}$")
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Ulid);

        impl $name {
            pub const PREFIX: &'static str = $prefix;

            /// A fresh id.
            pub fn new(now: Timestamp, entropy: &mut dyn Entropy) -> Self {
                Self(new_ulid(now, entropy))
            }

            /// The id of a known ULID: one thing with several spellings.
            pub const fn from_ulid(ulid: Ulid) -> Self {
                Self(ulid)
            }

            pub const fn ulid(self) -> Ulid {
                self.0
            }

            /// When it was made.
            pub fn born_at(self) -> Timestamp {
                Timestamp::from_ms(self.0.timestamp_ms())
            }

            /// Reads `prefix` + ULID; a foreign prefix is no id of this kind.
            pub fn parse(text: &str) -> Result<Self, NotAnId> {
                text.strip_prefix($prefix).and_then(parse_ulid).map(Self).ok_or(NotAnId { prefix: $prefix })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $prefix, self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_u128(self.0.into()) }
            }
        }

        #[cfg(not(target_arch = "wasm32"))]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string", "pattern": id_pattern($prefix)})
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if !deserializer.is_human_readable() {
                    return u128::deserialize(deserializer).map(|ulid| Self(ulid.into()));
                }
                Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    )*

        /// Every prefix in use, for the test that keeps them apart.
        pub const PREFIXES: &[&str] = &[$($prefix),*];
    };
}

ids! {
    /// An agent, as SpendGuard, MoteCloud and Agentbot spell it.
    AgentId = "agt_";
    /// A key, of any kind.
    KeyId = "key_";
    /// A wallet of the ledger.
    WalletId = "wal_";
    /// Money put into a wallet.
    FundingId = "fnd_";
    /// Money held for a purpose, resolved once.
    ReservationId = "rsv_";
    /// An event, in the outbox and at its receivers.
    EventId = "evt_";
    /// One thing remembered.
    ObservationId = "obs_";
    /// One query answered.
    QueryId = "qry_";
    /// A one-time enrollment token, as its owner lists it.
    EnrollmentId = "enr_";
    /// A request.
    RequestId = "req_";
    /// A mail waiting to be sent.
    MailId = "mai_";
    /// The rules payments must meet.
    MandateId = "mdt_";
    /// A payment, made or denied.
    PaymentId = "pay_";
    /// Part of a budget lent to a child agent.
    LeaseId = "lse_";
    /// A question to a human.
    ApprovalId = "apr_";
    /// An endpoint that events are sent to.
    WebhookId = "whk_";
    /// One event on its way to one endpoint.
    DeliveryId = "dlv_";
    /// What an agent has signed that it did.
    ReceiptId = "rct_";
    /// Scopes one agent offers another.
    DelegationId = "dlg_";
    /// What an agent sells.
    ServiceId = "svc_";
    /// What somebody buys.
    OrderId = "ord_";
    /// A message between the parties of an order.
    MessageId = "msg_";
    /// What a buyer thinks of an order.
    ReviewId = "rev_";
    /// One thing delivered for an order.
    DeliverableId = "del_";
}

/// The part of an event's ULID that is its sequence.
const EVENT_SEQ_BITS: u32 = 53;

impl EventId {
    /// The id of the event of that sequence: its last 53 bits are the sequence, so that an id is found without an index.
    pub fn of_seq(seq: u64, now: Timestamp, entropy: &mut dyn Entropy) -> Self {
        let drawn = u128::from(new_ulid(now, entropy));
        Self(Ulid::from(drawn >> EVENT_SEQ_BITS << EVENT_SEQ_BITS | u128::from(seq) & ((1 << EVENT_SEQ_BITS) - 1)))
    }

    /// The sequence of the event, if it is one of ours.
    #[allow(clippy::cast_possible_truncation)]
    pub fn seq(self) -> u64 {
        (u128::from(self.0) & ((1 << EVENT_SEQ_BITS) - 1)) as u64
    }
}

/// A version 4 UUID, written in lower case with hyphens: tenants and users.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid([u8; 16]);

/// A tenant's uuid: the name of its object and the first part of its keys.
pub type TenantUuid = Uuid;
/// A user's uuid.
pub type UserId = Uuid;

impl Uuid {
    pub fn new(entropy: &mut dyn Entropy) -> Self {
        Self(uuid_v4(entropy))
    }

    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// 32 lower-case hex characters.
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }

    /// Reads the hyphenated form, in either case.
    pub fn parse(text: &str) -> Option<Self> {
        let hyphens_stand_right = text.len() == 36 && text.bytes().enumerate().all(|(at, b)| (b == b'-') == matches!(at, 8 | 13 | 18 | 23));
        if !hyphens_stand_right {
            return None;
        }
        Self::parse_hex(&text.replace('-', ""))
    }

    /// Reads 32 hex characters.
    pub fn parse_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = self.to_hex();
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        write!(f, "{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Uuid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl schemars::JsonSchema for Uuid {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Uuid".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "format": "uuid"})
    }
}

impl<'de> Deserialize<'de> for Uuid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return <[u8; 16]>::deserialize(deserializer).map(Self);
        }
        Self::parse(&String::deserialize(deserializer)?).ok_or_else(|| serde::de::Error::custom("must be a uuid"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::entropy::Rising;

    #[test]
    fn the_id_of_an_event_tells_its_time_and_sequence() {
        let now = Timestamp::from_ms(1_770_000_000_123);
        let id = EventId::of_seq((1 << 53) - 1, now, &mut Counting(7));
        assert_eq!((id.seq(), id.ulid().timestamp_ms()), ((1 << 53) - 1, now.as_ms()));
        assert_ne!(EventId::of_seq(5, now, &mut Counting(7)), EventId::of_seq(5, now, &mut Counting(90)));
        assert_eq!(EventId::parse(&EventId::of_seq(5, now, &mut Counting(7)).to_string()).unwrap().seq(), 5);
    }

    struct Counting(u8);
    impl Entropy for Counting {
        fn fill(&mut self, buffer: &mut [u8]) {
            for byte in buffer {
                self.0 = self.0.wrapping_add(1);
                *byte = self.0;
            }
        }
    }

    #[test]
    fn ids_sort_by_birth_and_refuse_a_foreign_prefix() {
        let early = AgentId::new(Timestamp::from_ms(1_000), &mut Counting(9));
        let late = AgentId::new(Timestamp::from_ms(2_000), &mut Counting(1));
        assert!(early.to_string() < late.to_string());
        assert_eq!(AgentId::parse(&early.to_string()), Ok(early));
        assert_eq!(AgentId::parse(&early.to_string().to_lowercase()), Ok(early));
        assert!(KeyId::parse(&early.to_string()).is_err());
        assert!(AgentId::parse("agt_8ZZZZZZZZZZZZZZZZZZZZZZZZZ").is_err());
        assert!(AgentId::parse("agt_").is_err());
    }

    #[test]
    fn ids_of_one_call_and_moment_rise_in_the_order_they_are_made() {
        let mut source = Counting(200);
        let mut rising = Rising::new(&mut source);
        let now = Timestamp::from_ms(1_000);
        let made: Vec<_> = (0..300).map(|_| ReservationId::new(now, &mut rising)).collect();
        assert!(made.is_sorted() && made.iter().all(|id| id.born_at() == now));
        assert!(ReservationId::new(Timestamp::from_ms(999), &mut rising) < made[0]);
    }

    #[test]
    fn no_two_kinds_share_a_prefix() {
        let distinct: std::collections::BTreeSet<_> = PREFIXES.iter().collect();
        assert_eq!(distinct.len(), PREFIXES.len());
    }

    #[test]
    fn a_uuid_reads_back_and_is_of_version_four() {
        let uuid = Uuid::new(&mut Counting(0));
        assert_eq!(Uuid::parse(&uuid.to_string()), Some(uuid));
        assert_eq!(uuid.to_string().as_bytes()[14], b'4');
        for bad in ["", "0190", "zzzzzzzz-zzzz-4zzz-8zzz-zzzzzzzzzzzz", "01900000-000004000-8000-00000000000"] {
            assert_eq!(Uuid::parse(bad), None, "{bad}");
        }
    }
}
