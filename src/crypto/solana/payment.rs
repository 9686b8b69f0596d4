//! Whether a transaction that a node tells of (`getTransaction`, encoding `json`) pays for an order.
//!
//! Invariant: it does when it succeeded and in it the token balance of the buyer's wallet fell, and that of ours rose, by the
//! price to the unit. More is not taken for it either: what is too much would stand in no book.

use serde::Deserialize;
use serde_json::Value;

use super::transfer::DECIMALS;

/// What must have happened.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    pub signature: &'a str,
    pub mint: &'a str,
    pub payer: &'a str,
    pub payee: &'a str,
    /// In the token's smallest unit.
    pub amount: u64,
}

/// Why a transaction pays for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotPaid {
    /// The node does not know it, or it is not final yet.
    Unknown,
    /// It failed on the chain.
    Failed,
    /// Ours got so much, in the token's smallest unit; nothing if less than nothing.
    Received(u64),
    /// The price came, and not from the buyer's wallet.
    OtherPayer,
}

/// An answer that does not say what it has to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

#[derive(Deserialize)]
struct Told {
    transaction: Transaction,
    meta: Meta,
}

#[derive(Deserialize)]
struct Transaction {
    signatures: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    err: Value,
    pre_token_balances: Vec<Balance>,
    post_token_balances: Vec<Balance>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Balance {
    mint: String,
    owner: Option<String>,
    ui_token_amount: Amount,
}

#[derive(Deserialize)]
struct Amount {
    amount: String,
    decimals: u8,
}

/// Judges the `result` of `getTransaction`: what is `null` is unknown.
pub fn judge(result: &Value, expected: &Expected<'_>) -> Result<Result<(), NotPaid>, Unreadable> {
    if result.is_null() {
        return Ok(Err(NotPaid::Unknown));
    }
    let told = Told::deserialize(result).map_err(|_| Unreadable)?;
    if told.transaction.signatures.first().is_none_or(|first| first != expected.signature) {
        return Err(Unreadable);
    }
    if !told.meta.err.is_null() {
        return Ok(Err(NotPaid::Failed));
    }
    let gained = |owner: &str| {
        let before = sum(&told.meta.pre_token_balances, expected.mint, owner)?;
        let after = sum(&told.meta.post_token_balances, expected.mint, owner)?;
        Ok(after - before)
    };
    let (received, paid) = (gained(expected.payee)?, -gained(expected.payer)?);
    let price = i128::from(expected.amount);
    Ok(if received != price {
        Err(NotPaid::Received(u64::try_from(received).unwrap_or(0)))
    } else if paid != price {
        Err(NotPaid::OtherPayer)
    } else {
        Ok(())
    })
}

/// What a wallet has of a mint, over all its accounts.
fn sum(balances: &[Balance], mint: &str, owner: &str) -> Result<i128, Unreadable> {
    balances.iter().filter(|balance| balance.mint == mint && balance.owner.as_deref() == Some(owner)).try_fold(0, |sum, balance| {
        let amount: u64 = balance.ui_token_amount.amount.parse().map_err(|_| Unreadable)?;
        // Another number of places would make another amount of the same number.
        if balance.ui_token_amount.decimals == DECIMALS { Ok(sum + i128::from(amount)) } else { Err(Unreadable) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const EXPECTED: Expected<'_> = Expected { signature: "s", mint: "USDC", payer: "buyer", payee: "house", amount: 5_000_000 };

    fn balance(owner: &str, amount: u64) -> Value {
        json!({"accountIndex": 1, "mint": "USDC", "owner": owner, "programId": "p", "uiTokenAmount":
            {"amount": amount.to_string(), "decimals": 6, "uiAmount": 0.0, "uiAmountString": "0"}})
    }

    fn told(before: &[Value], after: &[Value]) -> Value {
        json!({"slot": 1, "blockTime": 1, "version": "legacy", "transaction": {"signatures": ["s"], "message": {}},
            "meta": {"err": null, "fee": 5_000, "preTokenBalances": before, "postTokenBalances": after}})
    }

    #[test]
    fn what_the_buyer_has_lost_and_we_have_got_is_the_price() {
        let before = [balance("buyer", 7_000_000), balance("house", 1)];
        let of = |buyer: u64, house: u64| judge(&told(&before, &[balance("buyer", buyer), balance("house", house)]), &EXPECTED);
        assert_eq!(of(2_000_000, 5_000_001), Ok(Ok(())));
        assert_eq!(of(2_000_001, 5_000_000), Ok(Err(NotPaid::Received(4_999_999))));
        assert_eq!(of(1_999_999, 5_000_002), Ok(Err(NotPaid::Received(5_000_001))));
        assert_eq!(of(7_000_000, 5_000_001), Ok(Err(NotPaid::OtherPayer)));
        assert_eq!(of(12_000_001, 0), Ok(Err(NotPaid::Received(0))), "our own payment pays for nothing");
        // Of several accounts, one of which was made for it and one closed.
        let parts = told(&[balance("buyer", 1_000_000), balance("buyer", 4_000_000)], &[balance("buyer", 0), balance("house", 5_000_000)]);
        assert_eq!(judge(&parts, &EXPECTED), Ok(Ok(())));
    }

    #[test]
    fn what_failed_is_unknown_or_moved_something_else_pays_for_nothing() {
        let (before, after) = ([balance("buyer", 5_000_000)], [balance("house", 5_000_000)]);
        let good = told(&before, &after);
        assert_eq!(judge(&good, &EXPECTED), Ok(Ok(())));
        assert_eq!(judge(&Value::Null, &EXPECTED), Ok(Err(NotPaid::Unknown)));
        let mut failed = good.clone();
        failed["meta"]["err"] = json!({"InstructionError": [1, {"Custom": 1}]});
        assert_eq!(judge(&failed, &EXPECTED), Ok(Err(NotPaid::Failed)));
        assert_eq!(judge(&good, &Expected { mint: "other", ..EXPECTED }), Ok(Err(NotPaid::Received(0))));
        assert_eq!(judge(&good, &Expected { payer: "other", ..EXPECTED }), Ok(Err(NotPaid::OtherPayer)));
        assert_eq!(judge(&good, &Expected { payee: "other", ..EXPECTED }), Ok(Err(NotPaid::Received(0))));
    }

    #[test]
    fn an_answer_that_leaves_out_what_counts_is_no_verdict() {
        let good = told(&[balance("buyer", 5_000_000)], &[balance("house", 5_000_000)]);
        for path in ["/meta", "/meta/err", "/meta/preTokenBalances", "/meta/postTokenBalances", "/transaction", "/transaction/signatures"] {
            let (parent, name) = path.rsplit_once('/').unwrap();
            let mut cut = good.clone();
            cut.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
            assert_eq!(judge(&cut, &EXPECTED), Err(Unreadable), "{path}");
        }
        for (path, bad) in [
            ("/transaction/signatures/0", json!("another")),
            ("/meta/preTokenBalances", Value::Null),
            ("/meta/postTokenBalances/0/uiTokenAmount/amount", json!("-1")),
            ("/meta/postTokenBalances/0/uiTokenAmount/amount", json!("5.0")),
            ("/meta/postTokenBalances/0/uiTokenAmount/decimals", json!(9)),
        ] {
            let mut bent = good.clone();
            *bent.pointer_mut(path).unwrap() = bad;
            assert_eq!(judge(&bent, &EXPECTED), Err(Unreadable), "{path}");
        }
        for nonsense in [json!(1), json!("x"), json!([]), json!({})] {
            assert_eq!(judge(&nonsense, &EXPECTED), Err(Unreadable));
        }
    }
}
