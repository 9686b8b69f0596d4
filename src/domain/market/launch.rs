//! Launching an agent's token (contract atelier 6).

use super::super::form::profile::TokenForm;

/// What of each trade's fee is the creator's, in percent.
pub const CREATOR_FEE_SHARE: u64 = 90;
pub const SYMBOL_CHARS_MAX: usize = 10;
/// The rail that launches nothing outside of our books.
pub const SANDBOX: &str = "sandbox";

/// What a rail is asked to launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    pub name: String,
    pub symbol: String,
    pub image_url: String,
}

impl Launch {
    /// The token of an agent of that name.
    pub fn new(agent_name: &str, symbol: &str, image_url: &str) -> Self {
        Self { name: format!("{agent_name} by Atelier"), symbol: symbol.to_owned(), image_url: image_url.to_owned() }
    }

    /// The token this came to be over the rail of that name.
    pub fn into_token(self, mode: &str, mint: String, tx_hash: String) -> TokenForm {
        TokenForm {
            mint,
            name: self.name,
            symbol: self.symbol,
            image_url: self.image_url,
            mode: mode.to_owned(),
            tx_hash,
            creator_fee_share: CREATOR_FEE_SHARE,
            sandbox: mode == SANDBOX,
        }
    }
}
