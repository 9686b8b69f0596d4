//! Addresses of wallets on EVM chains.
//!
//! Invariant: an address that was read is 20 bytes, and a text in mixed case was read only if its EIP-55 checksum holds.

use std::fmt;

use k256::ecdsa::VerifyingKey;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha3::{Digest, Keccak256};

use crate::domain::address::LoginAddress;

/// The largest chain id taken: 2^53-1, what a JSON number holds (contract motecloud 3).
const CHAIN_ID_MAX: u64 = (1 << 53) - 1;

/// An externally owned account's address. Displayed and serialized with its EIP-55 checksum.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WalletAddress([u8; 20]);

/// Why a text is no wallet address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressError {
    /// Not `0x` and 40 hex digits.
    Malformed,
    /// In mixed case that is not the EIP-55 checksum: most likely a typing error.
    Checksum,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "must be 0x and 40 hex digits",
            Self::Checksum => "is in mixed case but its EIP-55 checksum does not hold",
        })
    }
}

impl WalletAddress {
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// The address of a public key: the last 20 bytes of the Keccak-256 of its coordinates.
    pub fn from_public_key(key: &VerifyingKey) -> Self {
        let point = key.to_encoded_point(false);
        let coordinates = point.as_bytes().get(1..).unwrap_or_default();
        let hash = Keccak256::digest(coordinates);
        let mut address = [0; 20];
        for (byte, tail) in address.iter_mut().zip(hash.iter().skip(12)) {
            *byte = *tail;
        }
        Self(address)
    }

    /// Reads `0x` + 40 hex digits in lower case, in upper case, or in mixed case that satisfies EIP-55.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let (address, digits) = parse_digits(text)?;
        let lower = digits.bytes().all(|b| !b.is_ascii_uppercase());
        let upper = digits.bytes().all(|b| !b.is_ascii_lowercase());
        if lower || upper || address.to_string() == text { Ok(address) } else { Err(AddressError::Checksum) }
    }

    /// Reads `0x` + 40 hex digits in their EIP-55 spelling and no other, as EIP-4361 demands.
    pub fn parse_checksummed(text: &str) -> Result<Self, AddressError> {
        let (address, _) = parse_digits(text)?;
        if address.to_string() == text { Ok(address) } else { Err(AddressError::Checksum) }
    }

    /// `0x` + 40 lower-case hex digits: the spelling for storage keys and object names.
    pub fn to_lower_hex(&self) -> String {
        format!("0x{}", hex::encode(self.0))
    }

    /// The address as it is stored and compared; `parse` reads it back.
    pub fn to_login_address(&self) -> LoginAddress {
        LoginAddress::from_bytes(self.0)
    }
}

fn parse_digits(text: &str) -> Result<(WalletAddress, &str), AddressError> {
    let digits = text.strip_prefix("0x").ok_or(AddressError::Malformed)?;
    let mut bytes = [0; 20];
    hex::decode_to_slice(digits, &mut bytes).map_err(|_| AddressError::Malformed)?;
    Ok((WalletAddress(bytes), digits))
}

/// EIP-55: a letter is a capital where the matching digit of the lower-case text's Keccak-256 is 8 or more.
impl fmt::Display for WalletAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = hex::encode(self.0);
        let hash = Keccak256::digest(digits.as_bytes());
        let nibbles = hash.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
        let spelled = digits.chars().zip(nibbles).map(|(digit, nibble)| if nibble >= 8 { digit.to_ascii_uppercase() } else { digit });
        write!(f, "0x{}", spelled.collect::<String>())
    }
}

impl fmt::Debug for WalletAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for WalletAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WalletAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// An EIP-155 chain id, 1..=2^53-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ChainId(u64);

/// A number that is no chain id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAChainId;

impl fmt::Display for NotAChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be an integer of 1 to 9007199254740991")
    }
}

impl ChainId {
    /// Ethereum's main network.
    pub const ETHEREUM: Self = Self(1);
    /// Base.
    pub const BASE: Self = Self(8453);

    pub const fn new(id: u64) -> Result<Self, NotAChainId> {
        if id == 0 || id > CHAIN_ID_MAX { Err(NotAChainId) } else { Ok(Self(id)) }
    }

    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl<'de> Deserialize<'de> for ChainId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(u64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECKSUMMED: &str = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2";

    #[test]
    fn an_address_is_read_in_one_case_or_with_its_checksum() {
        let address = WalletAddress::parse(CHECKSUMMED).unwrap();
        let upper = format!("0x{}", CHECKSUMMED[2..].to_uppercase());
        assert_eq!(WalletAddress::parse(&CHECKSUMMED.to_lowercase()), Ok(address));
        assert_eq!(WalletAddress::parse(&upper), Ok(address));
        assert_eq!(address.to_string(), CHECKSUMMED);
        assert_eq!(address.to_lower_hex(), CHECKSUMMED.to_lowercase());
        assert_eq!(WalletAddress::parse(address.to_login_address().as_str()), Ok(address));
        assert_eq!(serde_json::to_string(&address).unwrap(), format!("\"{CHECKSUMMED}\""));
        assert_eq!(serde_json::from_str::<WalletAddress>(&format!("\"{upper}\"")).unwrap(), address);
    }

    #[test]
    fn a_wrong_checksum_is_told_from_a_malformed_text() {
        let wrong = CHECKSUMMED.replace("aaA", "aAa");
        assert_eq!(WalletAddress::parse(&wrong), Err(AddressError::Checksum));
        assert_eq!(WalletAddress::parse_checksummed(&CHECKSUMMED.to_lowercase()), Err(AddressError::Checksum));
        assert!(WalletAddress::parse_checksummed(CHECKSUMMED).is_ok());
        let without = &CHECKSUMMED[2..];
        for bad in ["", "0x", without, &format!("0X{without}"), &CHECKSUMMED[..41], &format!("{CHECKSUMMED}0"), &format!(" {CHECKSUMMED}")]
        {
            assert_eq!(WalletAddress::parse(bad), Err(AddressError::Malformed), "{bad}");
        }
        assert_eq!(WalletAddress::parse(&CHECKSUMMED.replace('C', "g")), Err(AddressError::Malformed));
    }

    #[test]
    fn a_chain_id_is_a_positive_number_a_double_holds() {
        assert_eq!(ChainId::new(0), Err(NotAChainId));
        assert_eq!(ChainId::new(1 << 53), Err(NotAChainId));
        assert_eq!(ChainId::new((1 << 53) - 1).map(ChainId::get), Ok((1 << 53) - 1));
        assert!(serde_json::from_str::<ChainId>("0").is_err());
        assert_eq!(serde_json::from_str::<ChainId>("8453").unwrap(), ChainId::BASE);
    }
}
