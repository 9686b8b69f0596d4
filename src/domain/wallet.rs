//! Wallets: how many, how full, and what may fund them (contract identity-and-money 7).

use serde::{Deserialize, Serialize};

use super::money::Micros;

/// Wallets a tenant may have.
pub const WALLETS_MAX: u64 = 100;
/// The most a wallet may hold: 100,000,000 minor units.
pub const WALLET_CAP: Micros = match Micros::from_minor(100_000_000) {
    Ok(cap) => cap,
    Err(_) => Micros::MAX,
};

/// Play money a new tenant's default wallet begins with (contract motecloud 2).
pub const NEW_TENANT_CREDIT: Micros = match Micros::new(1_000_000) {
    Ok(credit) => credit,
    Err(_) => Micros::ZERO,
};

/// Whether a wallet holds play money or real money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    #[default]
    Sandbox,
    Live,
}

impl Mode {
    /// The name the mode is stored and shown by.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Live => "live",
        }
    }

    /// Reads the stored name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Sandbox, Self::Live].into_iter().find(|mode| mode.as_str() == text)
    }
}

/// Where funding comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FundingSource {
    /// Made up on the spot, for sandbox wallets.
    Sandbox,
    /// A payment provider, for live wallets.
    Provider,
}

/// Why a wallet is not funded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FundingError {
    /// The source does not fit the wallet's mode.
    SourceNotAllowed,
    /// The wallet would hold more than [`WALLET_CAP`].
    OverCap,
}

/// Decides a funding of `amount` into a wallet that holds `total`; answers the source.
pub fn check_funding(mode: Mode, source: Option<FundingSource>, total: Micros, amount: Micros) -> Result<FundingSource, FundingError> {
    let source = match (mode, source) {
        (Mode::Sandbox, None | Some(FundingSource::Sandbox)) => FundingSource::Sandbox,
        (Mode::Live, None | Some(FundingSource::Provider)) => FundingSource::Provider,
        (Mode::Sandbox, Some(FundingSource::Provider)) | (Mode::Live, Some(FundingSource::Sandbox)) => {
            return Err(FundingError::SourceNotAllowed);
        }
    };
    match total.checked_add(amount) {
        Ok(after) if after <= WALLET_CAP => Ok(source),
        _ => Err(FundingError::OverCap),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_must_fit_the_mode_and_the_cap_holds() {
        use FundingSource::{Provider, Sandbox};
        let one = Micros::new(1).unwrap();
        assert_eq!(check_funding(Mode::Sandbox, None, Micros::ZERO, WALLET_CAP), Ok(Sandbox));
        assert_eq!(check_funding(Mode::Sandbox, Some(Sandbox), one, WALLET_CAP), Err(FundingError::OverCap));
        assert_eq!(check_funding(Mode::Sandbox, Some(Provider), Micros::ZERO, one), Err(FundingError::SourceNotAllowed));
        assert_eq!(check_funding(Mode::Live, Some(Sandbox), Micros::ZERO, one), Err(FundingError::SourceNotAllowed));
        assert_eq!(check_funding(Mode::Live, None, Micros::ZERO, one), Ok(Provider));
        assert_eq!(WALLET_CAP.minor(), 100_000_000);
    }
}
