//! The address a wallet login has proved, in the one spelling it is stored and compared in: `0x` and 40 lower-case hex
//! characters. Checksummed spellings are read where they enter and never come this far.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// A proved address, lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct LoginAddress(String);

/// A text that is no address in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnAddress;

impl fmt::Display for NotAnAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be 0x and 40 lower-case hex characters")
    }
}

impl LoginAddress {
    /// The address of 20 bytes.
    pub fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(format!("0x{}", hex::encode(bytes)))
    }

    /// Reads the stored spelling and no other.
    pub fn parse(text: &str) -> Result<Self, NotAnAddress> {
        let lower_hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        match text.strip_prefix("0x") {
            Some(digits) if digits.len() == 40 && digits.bytes().all(lower_hex) => Ok(Self(text.to_owned())),
            _ => Err(NotAnAddress),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LoginAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for LoginAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_stored_form_is_an_address() {
        let address = LoginAddress::from_bytes([0xab; 20]);
        assert_eq!(LoginAddress::parse(address.as_str()), Ok(address));
        for bad in ["", "0x", "0xAB", &format!("0x{}", "AB".repeat(20)), &"ab".repeat(21), &format!("0x{}", "ab".repeat(21))] {
            assert_eq!(LoginAddress::parse(bad), Err(NotAnAddress), "{bad}");
        }
    }
}
