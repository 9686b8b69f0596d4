//! Money as requests spell it: amounts, merchants, limits (contract identity-and-money 6 to 9).

use serde::{Deserialize, Deserializer};

use super::code::Code;
use super::fault::Fault;
use super::field::{Text, Whole};
#[cfg(not(target_arch = "wasm32"))]
use super::rule::{absent, either, given};
use crate::domain::form::Usd;
use crate::domain::money::Micros;
use crate::domain::spend::{Merchant, price_of};
use crate::domain::time::Timestamp;

/// The most minor units there can be: 2^53-1 micro-units.
pub const MINOR_MAX: u64 = Micros::MAX.minor();

/// An amount of at least one minor unit.
pub type Amount = Whole<1, MINOR_MAX>;
/// An amount that may be nothing, such as a limit.
pub type AnyAmount = Whole<0, MINOR_MAX>;

impl<const MIN: u64> Whole<MIN, MINOR_MAX> {
    /// The amount in micro-units; the range of minor units is that of micro-units.
    pub fn micros(self) -> Micros {
        Micros::from_minor(self.get()).unwrap_or(Micros::MAX)
    }
}

/// The one currency there is; another one is 400 `currency_unsupported`. `at` is the path of the object it stands in.
pub fn require_usd(currency: Option<&Text<1, 16>>, at: &str) -> Result<(), Fault> {
    match currency {
        Some(currency) if currency.as_str() != Usd::TEXT => {
            Err(Fault::new(Code::CurrencyUnsupported, "currency must be usd").with("path", format!("{at}.currency")).in_body())
        }
        _ => Ok(()),
    }
}

/// A price each: a decimal text of at most six places.
#[derive(Debug, Clone, Copy)]
pub struct UnitPrice(Micros);

impl<'de> Deserialize<'de> for UnitPrice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let rule = || serde::de::Error::custom("must be a decimal text with at most 6 places, such as \"0.002\"");
        Micros::parse_decimal(&text, 6).map(Self).map_err(|_| rule())
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl schemars::JsonSchema for UnitPrice {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "UnitPrice".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        // A little less than the largest amount there is.
        schemars::json_schema!({ "type": "string", "pattern": r"^(0|[1-9][0-9]{0,8}|[1-8][0-9]{9})(\.[0-9]{1,6})?$" })
    }
}

/// So many.
pub type Quantity = Whole<0, { Micros::MAX.get() }>;

/// What a request comes to: an amount, or so many at a price each.
#[derive(Debug, Clone, Copy)]
pub struct Sum {
    /// In whole minor units, rounded up.
    pub amount: Micros,
    /// To the micro-unit.
    pub exact: Micros,
    pub quantity: u64,
    pub unit_price: Micros,
}

/// Reads an amount, or a quantity with its price; both, or neither, is 400. `at` is the path of the object.
pub fn read_sum(amount: Option<AnyAmount>, quantity: Option<Quantity>, price: Option<UnitPrice>, at: &str) -> Result<Sum, Fault> {
    match (amount, quantity, price) {
        (Some(amount), None, None) => {
            let amount = amount.micros();
            Ok(Sum { amount, exact: amount, quantity: 1, unit_price: amount })
        }
        (None, Some(quantity), Some(UnitPrice(unit_price))) => {
            let too_large = |_| Fault::field(&format!("{at}.quantity"), "times unit_price is more money than there can be");
            let (amount, exact) = price_of(quantity.get(), unit_price).map_err(too_large)?;
            Ok(Sum { amount, exact, quantity: quantity.get(), unit_price })
        }
        (None, None, None) => Err(Fault::field(&format!("{at}.amount"), "is required, or quantity with unit_price")),
        (None, Some(_), None) => Err(Fault::field(&format!("{at}.unit_price"), "is required with quantity")),
        (None, None, Some(_)) => Err(Fault::field(&format!("{at}.quantity"), "is required with unit_price")),
        (Some(_), ..) => Err(Fault::field(&format!("{at}.amount"), "excludes quantity and unit_price")),
    }
}

/// What the schema of a body with a sum says of it: what [`read_sum`] takes.
#[cfg(not(target_arch = "wasm32"))]
pub fn amount_or_price() -> impl FnMut(&mut schemars::Schema) {
    either([
        vec![given("amount"), absent("quantity"), absent("unit_price")],
        vec![absent("amount"), given("quantity"), given("unit_price")],
    ])
}

/// A merchant's name: 1 to 128 characters, surrounding white space left out, on one line.
#[derive(Debug, Clone)]
pub struct MerchantName(Text<1, 128>);

/// A name as [`MerchantName`] shows it, as a regular expression.
#[cfg(not(target_arch = "wasm32"))]
pub const MERCHANT_PATTERN: &str = r"^[^\s\x00-\x1F\x7F-\x9F]([^\x00-\x1F\x7F-\x9F]*[^\s\x00-\x1F\x7F-\x9F])?$";

impl MerchantName {
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.contains(['\n', '\t']) {
            return Err("must stand on one line".to_owned());
        }
        Text::parse(text.trim()).map(Self)
    }

    /// The name as it is shown and as it is compared.
    pub fn into_merchant(self) -> Merchant {
        let name = self.0.into_string();
        let key = if name.is_ascii() { name.to_ascii_lowercase() } else { crate::edge::platform::fold_text(&name) };
        Merchant { name, key }
    }
}

impl<'de> Deserialize<'de> for MerchantName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl schemars::JsonSchema for MerchantName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "MerchantName".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "minLength": 1, "maxLength": 128, "pattern": MERCHANT_PATTERN })
    }
}

/// Merchants somebody may pay: at most 200, each once.
pub fn read_merchants(names: Vec<MerchantName>, path: &str) -> Result<Vec<Merchant>, Fault> {
    if names.len() > 200 {
        return Err(Fault::field(path, "must have at most 200 merchants"));
    }
    let mut merchants: Vec<Merchant> = Vec::with_capacity(names.len());
    for merchant in names.into_iter().map(MerchantName::into_merchant) {
        if !merchants.iter().any(|known| known.key == merchant.key) {
            merchants.push(merchant);
        }
    }
    Ok(merchants)
}

/// When something ends: a moment, or a date, which is the end of that UTC day.
#[derive(Debug, Clone, Copy)]
pub struct Expiry(Timestamp);

impl Expiry {
    /// The moment, if it is later than `now`.
    pub fn in_future(self, path: &str, now: Timestamp) -> Result<Timestamp, Fault> {
        if self.0 > now { Ok(self.0) } else { Err(Fault::field(path, "must lie in the future")) }
    }
}

impl<'de> Deserialize<'de> for Expiry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let read = Timestamp::parse(&text).or_else(|_| Timestamp::parse_end_of_date(&text));
        read.map(Self).map_err(|error| serde::de::Error::custom(format!("{error}, or a date such as 2026-01-31")))
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl schemars::JsonSchema for Expiry {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Expiry".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "anyOf": [{ "type": "string", "format": "date-time" }, { "type": "string", "format": "date" }],
            "description": "With an offset, or a date, which is the end of that UTC day; from 1970 to 9999.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_an_amount_or_a_product_rounded_up() {
        let minor = |n| AnyAmount::new(n);
        let price = |text: &str| serde_json::from_str::<UnitPrice>(&format!("\"{text}\"")).ok();
        let sum = read_sum(None, Quantity::new(3), price("0.003333"), "$").unwrap();
        assert_eq!((sum.amount.minor(), sum.exact.get()), (1, 9_999));
        assert_eq!(read_sum(None, Quantity::new(3), price("0.01"), "$").unwrap().amount.minor(), 3);
        assert_eq!(read_sum(None, Quantity::new(0), price("5"), "$").unwrap().amount.minor(), 0);
        assert_eq!(read_sum(minor(MINOR_MAX), None, None, "$").unwrap().amount.minor(), MINOR_MAX);
        assert!(minor(MINOR_MAX + 1).is_none());
        for (amount, quantity, unit_price) in [
            (None, None, None),
            (minor(1), Quantity::new(1), price("1")),
            (minor(1), None, price("1")),
            (None, Quantity::new(1), None),
            (None, None, price("1")),
            (None, Quantity::new(1 << 52), price("5")),
        ] {
            assert!(read_sum(amount, quantity, unit_price, "$").is_err());
        }
        for bad in ["-1", "1e3", "0.0000001", "", ".5", "1.", "01", "1,0"] {
            assert!(price(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_merchant_is_compared_without_case_and_shown_as_written() {
        let merchant = MerchantName::parse("  OpenAI Inc ").unwrap().into_merchant();
        assert_eq!((merchant.name.as_str(), merchant.key.as_str()), ("OpenAI Inc", "openai inc"));
        for bad in ["", "   ", "a\nb", &"x".repeat(129)] {
            assert!(MerchantName::parse(bad).is_err(), "{bad}");
        }
        assert!(MerchantName::parse(&"\u{1f600}".repeat(128)).is_ok());
        let twice = ["A", "a", "b"].map(|name| MerchantName::parse(name).unwrap()).to_vec();
        assert_eq!(read_merchants(twice, "$.allowed_merchants").unwrap().len(), 2);
    }
}
