//! Fields of the marketplace: prices, URLs, wallets and their signatures.

use serde::de::{Error as _, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

use crate::crypto::solana::SolanaAddress;
use crate::domain::market::price::Price;
use crate::domain::market::service::TURNAROUND_HOURS_MAX;
use crate::domain::target::{self, Rules, TargetError};
use crate::http::buyer::{is_just_signed, wallet_auth_invalid};
use crate::http::context::Ctx;
use crate::http::fault::Fault;

/// A price as it is sent: a text or a number.
#[derive(Debug, Clone, Copy)]
pub struct PriceInput(pub Price);

impl<'de> Deserialize<'de> for PriceInput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = TextOrNumber::deserialize(deserializer)?.0;
        Price::parse(&text).map(Self).map_err(D::Error::custom)
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl schemars::JsonSchema for PriceInput {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PriceInput".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"anyOf": [
            {"type": "string", "pattern": r"^((0|[1-9][0-9]{0,5})(\.[0-9]{1,2})?|1000000(\.0{1,2})?)$"},
            {"type": "number", "minimum": 0, "maximum": 1_000_000, "multipleOf": 0.01},
        ]})
    }
}

/// A text, or the text of a number.
struct TextOrNumber(String);

impl<'de> Deserialize<'de> for TextOrNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = TextOrNumber;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a number")
            }

            fn visit_str<E>(self, text: &str) -> Result<TextOrNumber, E> {
                Ok(TextOrNumber(text.to_owned()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<TextOrNumber, E> {
                Ok(TextOrNumber(number.to_string()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<TextOrNumber, E> {
                Ok(TextOrNumber(number.to_string()))
            }

            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<TextOrNumber, E> {
                let number = serde_json::Number::from_f64(number).ok_or_else(|| E::invalid_value(Unexpected::Float(number), &self))?;
                Ok(TextOrNumber(number.to_string()))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// Hours, brought between none and a year.
#[derive(Debug, Clone, Copy)]
pub struct Hours(pub u64);

impl<'de> Deserialize<'de> for Hours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Hours;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number")
            }

            fn visit_u64<E>(self, number: u64) -> Result<Hours, E> {
                Ok(Hours(number.min(TURNAROUND_HOURS_MAX)))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Hours, E> {
                Ok(Hours(u64::try_from(number).unwrap_or(0).min(TURNAROUND_HOURS_MAX)))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl schemars::JsonSchema for Hours {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Hours".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "integer", "description": format!("Brought between 0 and {TURNAROUND_HOURS_MAX}.")})
    }
}

/// A wallet's address.
#[derive(Debug, Clone)]
pub struct Wallet(pub SolanaAddress);

impl<'de> Deserialize<'de> for Wallet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        SolanaAddress::parse(&String::deserialize(deserializer)?).map(Self).map_err(D::Error::custom)
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl schemars::JsonSchema for Wallet {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Wallet".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "pattern": "^[1-9A-HJ-NP-Za-km-z]{32,44}$", "description": "32 bytes in base58."})
    }
}

/// When a wallet signed, in milliseconds: a number, or its digits.
#[derive(Debug, Clone, Copy)]
pub struct SignedAt(u64);

impl<'de> Deserialize<'de> for SignedAt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = TextOrNumber::deserialize(deserializer)?.0;
        let is_whole = text.bytes().all(|b| b.is_ascii_digit());
        text.parse().ok().filter(|_| is_whole).map(Self).ok_or_else(|| D::Error::custom("must be a time in milliseconds"))
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl schemars::JsonSchema for SignedAt {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SignedAt".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        const MAX: u64 = 9_999_999_999_999_999;
        schemars::json_schema!({"anyOf": [{"type": "integer", "minimum": 0, "maximum": MAX}, {"type": "string", "pattern": "^[0-9]{1,16}$"}]})
    }
}

/// Whether a wallet has signed for itself; a signature that does not hold, or half of one, is 401.
pub fn has_signed(ctx: &Ctx, wallet: &SolanaAddress, signature: Option<&str>, signed_at: Option<SignedAt>) -> Result<bool, Fault> {
    match (signature, signed_at) {
        (None, None) => Ok(false),
        (Some(signature), Some(SignedAt(signed_at_ms))) if wallet.has_signed(signature, signed_at_ms, ctx.now) => Ok(true),
        _ => Err(wallet_auth_invalid()),
    }
}

/// The same for what stays when the signature is forgotten: it must have been made for this. What a wallet signs to look at its orders is
/// sent in addresses, which others may read, and is good for a day.
pub fn has_just_signed(ctx: &Ctx, wallet: &SolanaAddress, signature: Option<&str>, signed_at: Option<SignedAt>) -> Result<bool, Fault> {
    let is_old = signed_at.as_ref().is_some_and(|SignedAt(signed_at_ms)| !is_just_signed(ctx, *signed_at_ms));
    match has_signed(ctx, wallet, signature, signed_at)? {
        true if is_old => Err(wallet_auth_invalid()),
        has_signed => Ok(has_signed),
    }
}

/// Refuses a URL nobody else reaches, unless it is one of our own files.
pub fn check_url(ctx: &Ctx, name: &str, url: &str) -> Result<(), Fault> {
    let settings = &ctx.edge.settings;
    let is_own_file = url.strip_prefix(settings.public_origin.as_str()).is_some_and(|path| path.starts_with("/files/"));
    match target::check(url, Rules { http: true, loopback: settings.allow_loopback_targets }) {
        Err(TargetError::NotPublic) if is_own_file => Ok(()),
        Err(error) => Err(invalid_url(name, error)),
        Ok(_) => Ok(()),
    }
}

fn invalid_url(name: &str, error: TargetError) -> Fault {
    let rule = match error {
        TargetError::Scheme => "must begin with http:// or https://".to_owned(),
        error => error.to_string(),
    };
    let mut fault = Fault::field(&format!("$.{name}"), &rule);
    fault.detail = format!("Invalid {name}: {rule}").into();
    fault
}

/// A member that is left alone when it is absent, and taken away when it is null.
pub fn nullable<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_a_text_or_a_number_of_at_most_two_places() {
        let read = |text: &str| serde_json::from_str::<PriceInput>(text).map(|price| price.0.to_string());
        for (text, shown) in
            [("\"5.00\"", "5.00"), ("5", "5.00"), ("5.1", "5.10"), ("0.07", "0.07"), ("1000000", "1000000.00"), ("0", "0.00")]
        {
            assert_eq!(read(text).unwrap(), shown, "{text}");
        }
        for bad in ["\"-1\"", "-1", "\"1e9\"", "1e9", "\"5.001\"", "5.001", "\"5,00\"", "\"\"", "null", "true", "[]", "1000000.01", "1e-3"]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn hours_are_brought_within_a_year() {
        let read = |text: &str| serde_json::from_str::<Hours>(text).map(|hours| hours.0);
        for (text, hours) in [("0", 0), ("-5", 0), ("24", 24), ("8761", 8760), ("18446744073709551615", 8760)] {
            assert_eq!(read(text).unwrap(), hours, "{text}");
        }
        for bad in ["1.5", "\"24\"", "null", "1e300", "{}"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
