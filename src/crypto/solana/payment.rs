//! Whether a transaction that a node tells of (`getTransaction`, encoding `json`) pays for an order.
//!
//! Invariant: it does when it succeeded and in it the token balance of the buyer's wallet fell, and that of our own account rose, by
//! the price to the unit. More is not taken for it either: what is too much would stand in no book. Nor is what came into another
//! account of ours: payouts leave from the associated one alone.

use serde::Deserialize;
use serde_json::Value;

use super::SolanaAddress;
use super::transfer::{DECIMALS, associated_token_address};

/// What must have happened.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    pub signature: &'a str,
    pub mint: &'a SolanaAddress,
    pub payer: &'a str,
    pub payee: &'a SolanaAddress,
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
    message: Message,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    account_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    err: Value,
    pre_token_balances: Vec<Balance>,
    post_token_balances: Vec<Balance>,
    /// Old nodes leave it out where there is none.
    loaded_addresses: Option<Loaded>,
}

/// Accounts that a transaction names by its place in a table on the chain.
#[derive(Deserialize, Default)]
struct Loaded {
    writable: Vec<String>,
    readonly: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Balance {
    account_index: usize,
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
    let own = place_of_account(&told, expected)?;
    let mint = expected.mint.as_str();
    let received = gain(&told.meta, mint, |balance| own == Some(balance.account_index))?;
    // What the buyer has, over all its accounts.
    let paid = -gain(&told.meta, mint, |balance| balance.owner.as_deref() == Some(expected.payer))?;
    let price = i128::from(expected.amount);
    Ok(if received != price {
        Err(NotPaid::Received(u64::try_from(received).unwrap_or(0)))
    } else if paid != price {
        Err(NotPaid::OtherPayer)
    } else {
        Ok(())
    })
}

/// The number by which balances name the payee's account, if the transaction names it: its place among the accounts of the message,
/// those to write to of tables, and those to read of tables, in this order.
fn place_of_account(told: &Told, expected: &Expected<'_>) -> Result<Option<usize>, Unreadable> {
    let none = Loaded::default();
    let loaded = told.meta.loaded_addresses.as_ref().unwrap_or(&none);
    let keys = || told.transaction.message.account_keys.iter().chain(&loaded.writable).chain(&loaded.readonly);
    let count = keys().count();
    let mut balances = told.meta.pre_token_balances.iter().chain(&told.meta.post_token_balances);
    if balances.any(|balance| balance.account_index >= count) {
        return Err(Unreadable);
    }
    let account = associated_token_address(expected.payee.as_bytes(), expected.mint.as_bytes()).map(SolanaAddress::from_bytes);
    Ok(account.and_then(|account| keys().position(|key| key == account.as_str())))
}

/// By how much more there is of a mint in certain accounts than before.
fn gain(meta: &Meta, mint: &str, is_meant: impl Fn(&Balance) -> bool) -> Result<i128, Unreadable> {
    let sum = |balances: &[Balance]| {
        balances.iter().filter(|balance| balance.mint == mint && is_meant(balance)).try_fold(0, |sum, balance| {
            let amount: u64 = balance.ui_token_amount.amount.parse().map_err(|_| Unreadable)?;
            // Another number of places would make another amount of the same number.
            if balance.ui_token_amount.decimals == DECIMALS { Ok(sum + i128::from(amount)) } else { Err(Unreadable) }
        })
    };
    Ok(sum(&meta.post_token_balances)? - sum(&meta.pre_token_balances)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const USDC: &str = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v";
    const HOUSE: &str = "3h1zGmCwsRJnVk5BuRNMLsPaQu1y2aqXqXDWYCgrp5UG";
    /// Where its USDC lies: the vector of transfer.rs.
    const ACCOUNT: &str = "3uetDDizgTtadDHZzyy9BqxrjQcozMEkxzbKhfZF4tG3";
    const OTHER: &str = "So11111111111111111111111111111111111111112";
    /// The accounts of the buyer, ours, and another one of ours, by their places in [`told`].
    const BUYER: usize = 1;
    const OWN: usize = 3;
    const SECOND: usize = 4;

    fn verdict_for(told: &Value, mint: &str, payer: &str, payee: &str) -> Result<Result<(), NotPaid>, Unreadable> {
        let address = |text| SolanaAddress::parse(text).unwrap();
        judge(told, &Expected { signature: "s", mint: &address(mint), payer, payee: &address(payee), amount: 5_000_000 })
    }

    fn verdict(told: &Value) -> Result<Result<(), NotPaid>, Unreadable> {
        verdict_for(told, USDC, "buyer", HOUSE)
    }

    fn balance(at: usize, amount: u64) -> Value {
        let owner = if at >= OWN { HOUSE } else { "buyer" };
        json!({"accountIndex": at, "mint": USDC, "owner": owner, "programId": "p", "uiTokenAmount":
            {"amount": amount.to_string(), "decimals": 6, "uiAmount": 0.0, "uiAmountString": "0"}})
    }

    fn told(before: &[Value], after: &[Value]) -> Value {
        let keys = json!(["buyer", "buyer-account", "buyer-second", ACCOUNT, "house-second", USDC]);
        json!({"slot": 1, "blockTime": 1, "version": "legacy", "transaction": {"signatures": ["s"], "message": {"accountKeys": keys}},
            "meta": {"err": null, "fee": 5_000, "preTokenBalances": before, "postTokenBalances": after,
                "loadedAddresses": {"writable": [], "readonly": []}}})
    }

    #[test]
    fn what_the_buyer_has_lost_and_we_have_got_is_the_price() {
        let before = [balance(BUYER, 7_000_000), balance(OWN, 1)];
        let of = |buyer: u64, house: u64| verdict(&told(&before, &[balance(BUYER, buyer), balance(OWN, house)]));
        assert_eq!(of(2_000_000, 5_000_001), Ok(Ok(())));
        assert_eq!(of(2_000_001, 5_000_000), Ok(Err(NotPaid::Received(4_999_999))));
        assert_eq!(of(1_999_999, 5_000_002), Ok(Err(NotPaid::Received(5_000_001))));
        assert_eq!(of(7_000_000, 5_000_001), Ok(Err(NotPaid::OtherPayer)));
        assert_eq!(of(12_000_001, 0), Ok(Err(NotPaid::Received(0))), "our own payment pays for nothing");
        // Of several accounts, one of which was made for it and one closed.
        let parts = told(&[balance(BUYER, 1_000_000), balance(2, 4_000_000)], &[balance(BUYER, 0), balance(OWN, 5_000_000)]);
        assert_eq!(verdict(&parts), Ok(Ok(())));
    }

    #[test]
    fn what_comes_into_another_account_of_ours_pays_for_nothing() {
        let before = [balance(BUYER, 5_000_000), balance(OWN, 9), balance(SECOND, 9)];
        let of = |own: u64, second: u64| verdict(&told(&before, &[balance(BUYER, 0), balance(OWN, own), balance(SECOND, second)]));
        assert_eq!(of(5_000_009, 9), Ok(Ok(())));
        assert_eq!(of(9, 5_000_009), Ok(Err(NotPaid::Received(0))));
        assert_eq!(of(4_000_009, 1_000_009), Ok(Err(NotPaid::Received(4_000_000))));
        // What we moved ourselves from one to the other is nobody's payment.
        let moved = told(&[balance(SECOND, 5_000_000)], &[balance(OWN, 5_000_000)]);
        assert_eq!(verdict_for(&moved, USDC, HOUSE, HOUSE), Ok(Err(NotPaid::OtherPayer)));
        // Nor is it one when the transaction does not name our account at all.
        let mut elsewhere = told(&before, &[balance(BUYER, 0), balance(OWN, 5_000_009), balance(SECOND, 9)]);
        elsewhere["transaction"]["message"]["accountKeys"][OWN] = json!("house-third");
        assert_eq!(verdict(&elsewhere), Ok(Err(NotPaid::Received(0))));
    }

    #[test]
    fn an_account_may_be_named_by_a_table() {
        let loaded = |writable: &[&str], readonly: &[&str]| {
            let mut good = told(&[balance(BUYER, 5_000_000)], &[balance(OWN, 5_000_000)]);
            good["transaction"]["message"]["accountKeys"] = json!(["buyer", "buyer-account"]);
            good["meta"]["loadedAddresses"] = json!({"writable": writable, "readonly": readonly});
            good
        };
        assert_eq!(verdict(&loaded(&["a", ACCOUNT], &["b"])), Ok(Ok(())));
        assert_eq!(verdict(&loaded(&["a"], &[ACCOUNT])), Ok(Ok(())));
        assert_eq!(verdict(&loaded(&[ACCOUNT, "a"], &[])), Ok(Err(NotPaid::Received(0))), "what rose is the one behind it");
        assert_eq!(verdict(&loaded(&["a"], &[])), Err(Unreadable), "a balance of an account that is not named");
        let mut old = told(&[balance(BUYER, 5_000_000)], &[balance(OWN, 5_000_000)]);
        old["meta"].as_object_mut().unwrap().remove("loadedAddresses");
        assert_eq!(verdict(&old), Ok(Ok(())));
    }

    #[test]
    fn what_failed_is_unknown_or_moved_something_else_pays_for_nothing() {
        let good = told(&[balance(BUYER, 5_000_000)], &[balance(OWN, 5_000_000)]);
        assert_eq!(verdict(&good), Ok(Ok(())));
        assert_eq!(verdict(&Value::Null), Ok(Err(NotPaid::Unknown)));
        let mut failed = good.clone();
        failed["meta"]["err"] = json!({"InstructionError": [1, {"Custom": 1}]});
        assert_eq!(verdict(&failed), Ok(Err(NotPaid::Failed)));
        assert_eq!(verdict_for(&good, OTHER, "buyer", HOUSE), Ok(Err(NotPaid::Received(0))));
        assert_eq!(verdict_for(&good, USDC, "other", HOUSE), Ok(Err(NotPaid::OtherPayer)));
        assert_eq!(verdict_for(&good, USDC, "buyer", OTHER), Ok(Err(NotPaid::Received(0))));
    }

    #[test]
    fn an_answer_that_leaves_out_what_counts_is_no_verdict() {
        let good = told(&[balance(BUYER, 5_000_000)], &[balance(OWN, 5_000_000)]);
        for path in [
            "/meta",
            "/meta/err",
            "/meta/preTokenBalances",
            "/meta/postTokenBalances",
            "/meta/postTokenBalances/0/accountIndex",
            "/transaction",
            "/transaction/signatures",
            "/transaction/message",
            "/transaction/message/accountKeys",
        ] {
            let (parent, name) = path.rsplit_once('/').unwrap();
            let mut cut = good.clone();
            cut.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
            assert_eq!(verdict(&cut), Err(Unreadable), "{path}");
        }
        for (path, bad) in [
            ("/transaction/signatures/0", json!("another")),
            ("/meta/preTokenBalances", Value::Null),
            ("/meta/postTokenBalances/0/accountIndex", json!(6)),
            ("/meta/postTokenBalances/0/accountIndex", json!(-1)),
            ("/meta/postTokenBalances/0/uiTokenAmount/amount", json!("-1")),
            ("/meta/postTokenBalances/0/uiTokenAmount/amount", json!("5.0")),
            ("/meta/postTokenBalances/0/uiTokenAmount/decimals", json!(9)),
            ("/meta/loadedAddresses", json!({"writable": 1, "readonly": []})),
        ] {
            let mut bent = good.clone();
            *bent.pointer_mut(path).unwrap() = bad;
            assert_eq!(verdict(&bent), Err(Unreadable), "{path}");
        }
        for nonsense in [json!(1), json!("x"), json!([]), json!({})] {
            assert_eq!(verdict(&nonsense), Err(Unreadable));
        }
    }
}
