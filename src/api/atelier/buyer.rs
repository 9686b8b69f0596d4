//! Who buys: a wallet that has signed (contract atelier 1).

use crate::crypto::solana::SolanaAddress;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::query::{Query, QueryKind};
use crate::http::refusal::wallet_auth_invalid;

/// A signature as it stands in a query.
pub const IN_QUERY: [Query; 3] = [
    Query::new("wallet", QueryKind::Signature),
    Query::new("wallet_sig", QueryKind::Signature),
    Query::new("wallet_sig_ts", QueryKind::Signature),
];

/// The wallet whose signature stands in the query; missing, stale and false ones are 401 alike.
pub fn of_query(ctx: &Ctx) -> Result<SolanaAddress, Fault> {
    let value = |name: &str| ctx.incoming.query_value(name);
    let read = || {
        let wallet = SolanaAddress::parse(value("wallet")?).ok()?;
        let signed_at_ms = value("wallet_sig_ts").filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()?;
        wallet.has_signed(value("wallet_sig")?, signed_at_ms, ctx.now).then_some(wallet)
    };
    read().ok_or_else(wallet_auth_invalid)
}
