//! A transfer of tokens as Solana takes it: addresses that belong to programs, the layout of a message, its signature. The
//! numbers are those of the programs' own interfaces (spl-token, spl-associated-token-account, spl-memo).
//!
//! Invariant: no two purposes come to the same bytes. The chain knows a transaction by its signature, so that equal transfers
//! signed for the same block would count as one; each carries a memo that names what it is for.

use sha2::{Digest, Sha256};

use super::SolanaAddress;
use crate::crypto::ed25519::PublicKey;
use crate::crypto::signing_key::SigningKey;

/// Places of USDC: a unit of the token is a micro-unit of ours.
pub const DECIMALS: u8 = 6;

const SYSTEM_PROGRAM: [u8; 32] = [0; 32];
const TOKEN_PROGRAM: &str = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA";
const ASSOCIATED_TOKEN_PROGRAM: &str = "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL";
const MEMO_PROGRAM: &str = "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr";
/// What is hashed behind the seeds of an address that belongs to a program.
const PROGRAM_MARK: &[u8] = b"ProgramDerivedAddress";
/// The associated token program makes an account unless it is there.
const CREATE_IDEMPOTENT: u8 = 1;
/// The token program moves an amount of a mint and places that the transaction names.
const TRANSFER_CHECKED: u8 = 12;

type Key = [u8; 32];

/// What pays: an Ed25519 pair, as Solana's tools write it.
#[derive(Debug, Clone)]
pub struct Payer {
    key: SigningKey,
    address: SolanaAddress,
}

impl Payer {
    /// Reads base58 of 64 bytes: the seed and the public key that follows from it.
    pub fn parse(text: &str) -> Option<Self> {
        let mut pair = [0; 64];
        let length = bs58::decode(text).onto(&mut pair).ok()?;
        let (seed, public) = pair.split_first_chunk::<32>()?;
        let key = SigningKey::from_seed(seed);
        let known = *key.verification().key().as_bytes();
        (length == pair.len() && public == known).then(|| Self { key, address: SolanaAddress::from_bytes(known) })
    }

    pub const fn address(&self) -> &SolanaAddress {
        &self.address
    }
}

/// What is to be signed: so much of a mint to a wallet, and why.
#[derive(Debug, Clone, Copy)]
pub struct Payment<'a> {
    pub mint: &'a SolanaAddress,
    pub to: &'a SolanaAddress,
    /// In the token's smallest unit.
    pub amount: u64,
    /// Whether the receiver's account is made unless it is there; the payer pays its rent.
    pub makes_account: bool,
    /// Stands in the transaction, in the open.
    pub memo: &'a str,
    pub blockhash: &'a Key,
}

/// A transaction that is ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// By which the chain knows it: base58.
    pub signature: String,
    pub bytes: Vec<u8>,
}

/// Where a wallet's tokens of a mint lie. `None` if no bump gives an address, which no wallet and mint are known to do.
pub fn associated_token_address(wallet: &Key, mint: &Key) -> Option<Key> {
    let (token, program) = (program(TOKEN_PROGRAM)?, program(ASSOCIATED_TOKEN_PROGRAM)?);
    program_address(&[wallet, &token, mint], &program)
}

/// The first address, from bump 255 down, that is no point of the curve: nobody can have the key to it.
fn program_address(seeds: &[&[u8]], program: &Key) -> Option<Key> {
    (0..=u8::MAX).rev().find_map(|bump| {
        let mut hash = Sha256::new();
        seeds.iter().for_each(|seed| hash.update(seed));
        hash.update([bump]);
        hash.update(program);
        hash.update(PROGRAM_MARK);
        let address: Key = hash.finalize().into();
        PublicKey::from_bytes(&address).is_none().then_some(address)
    })
}

fn program(text: &str) -> Option<Key> {
    SolanaAddress::parse(text).ok().map(|address| *address.as_bytes())
}

/// Signs a payment out of the payer's own account into the receiver's; where that is missing and not made, the chain refuses it.
/// `None` as of [`associated_token_address`], and of a memo or a number of accounts that no transaction holds.
pub fn sign(payer: &Payer, payment: &Payment<'_>) -> Option<Signed> {
    let own = *payer.address.as_bytes();
    let (mint, to) = (*payment.mint.as_bytes(), *payment.to.as_bytes());
    let (from_account, to_account) = (associated_token_address(&own, &mint)?, associated_token_address(&to, &mint)?);
    let token = program(TOKEN_PROGRAM)?;
    let mut transferred = vec![TRANSFER_CHECKED];
    transferred.extend(payment.amount.to_le_bytes());
    transferred.push(DECIMALS);
    let mut instructions = Vec::new();
    if payment.makes_account {
        instructions.push(Instruction {
            program: program(ASSOCIATED_TOKEN_PROGRAM)?,
            accounts: vec![
                Meta::signs(own),
                Meta::changes(to_account),
                Meta::reads(to),
                Meta::reads(mint),
                Meta::reads(SYSTEM_PROGRAM),
                Meta::reads(token),
            ],
            data: vec![CREATE_IDEMPOTENT],
        });
    }
    instructions.push(Instruction {
        program: token,
        accounts: vec![Meta::changes(from_account), Meta::reads(mint), Meta::changes(to_account), Meta::signs(own)],
        data: transferred,
    });
    instructions.push(Instruction { program: program(MEMO_PROGRAM)?, accounts: Vec::new(), data: payment.memo.as_bytes().to_vec() });
    let message = compile(own, payment.blockhash, &instructions)?;
    let signature = payer.key.sign(&message);
    let mut bytes = vec![1];
    bytes.extend(signature);
    bytes.extend(message);
    Some(Signed { signature: bs58::encode(signature).into_string(), bytes })
}

/// An account and what an instruction does with it.
#[derive(Debug, Clone, Copy)]
struct Meta {
    key: Key,
    is_signer: bool,
    is_writable: bool,
}

impl Meta {
    const fn reads(key: Key) -> Self {
        Self { key, is_signer: false, is_writable: false }
    }

    const fn changes(key: Key) -> Self {
        Self { key, is_signer: false, is_writable: true }
    }

    const fn signs(key: Key) -> Self {
        Self { key, is_signer: true, is_writable: true }
    }
}

struct Instruction {
    program: Key,
    accounts: Vec<Meta>,
    data: Vec<u8>,
}

/// A message of the oldest version, which every node takes: three counts, the accounts, the blockhash, the instructions. Each
/// account stands once: signers first, what is written before what is read, the payer before all.
fn compile(payer: Key, blockhash: &Key, instructions: &[Instruction]) -> Option<Vec<u8>> {
    let mut accounts = vec![Meta::signs(payer)];
    let named = instructions.iter().flat_map(|instruction| instruction.accounts.iter().copied().chain([Meta::reads(instruction.program)]));
    for meta in named {
        match accounts.iter_mut().find(|known| known.key == meta.key) {
            Some(known) => {
                known.is_signer |= meta.is_signer;
                known.is_writable |= meta.is_writable;
            }
            None => accounts.push(meta),
        }
    }
    // Stable, so the payer stays the first.
    accounts.sort_by_key(|meta| (!meta.is_signer, !meta.is_writable));
    let count = |wanted: fn(&Meta) -> bool| u8::try_from(accounts.iter().filter(|meta| wanted(meta)).count()).ok();
    let mut message = vec![
        count(|meta| meta.is_signer)?,
        count(|meta| meta.is_signer && !meta.is_writable)?,
        count(|meta| !meta.is_signer && !meta.is_writable)?,
    ];
    push_length(&mut message, accounts.len())?;
    accounts.iter().for_each(|meta| message.extend(meta.key));
    message.extend(blockhash);
    push_length(&mut message, instructions.len())?;
    let place = |key: &Key| accounts.iter().position(|meta| meta.key == *key).and_then(|at| u8::try_from(at).ok());
    for instruction in instructions {
        message.push(place(&instruction.program)?);
        push_length(&mut message, instruction.accounts.len())?;
        for meta in &instruction.accounts {
            message.push(place(&meta.key)?);
        }
        push_length(&mut message, instruction.data.len())?;
        message.extend(&instruction.data);
    }
    Some(message)
}

/// A length as messages write it: seven bits a byte, the lowest first, the highest bit set but in the last. At most 65,535.
fn push_length(message: &mut Vec<u8>, length: usize) -> Option<()> {
    let mut left = u16::try_from(length).ok()?;
    loop {
        let [low, _] = (left & 0x7f).to_le_bytes();
        left >>= 7;
        if left == 0 {
            message.push(low);
            return Some(());
        }
        message.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USDC: &str = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v";

    fn address(text: &str) -> SolanaAddress {
        SolanaAddress::parse(text).unwrap()
    }

    fn show(key: Key) -> String {
        SolanaAddress::from_bytes(key).as_str().to_owned()
    }

    /// The pair of the seed 1, 1, ... as micro-sol-signer's documentation writes it.
    fn payer() -> Payer {
        Payer::parse("2AXDGYSE4f2sz7tvMMzyHvUfcoJmxudvdhBcmiUSo6iuCXagjUCKEQF21awZnUGxmwD4m9vGXuC3qieHXJQHAcT").unwrap()
    }

    #[test]
    fn a_wallet_s_tokens_lie_where_others_say_they_do() {
        // Tests/SolanaTests/AssociatedTokenProgramTests.swift of metaplex-foundation/Solana.Swift.
        let wallet = address("3h1zGmCwsRJnVk5BuRNMLsPaQu1y2aqXqXDWYCgrp5UG");
        let found = associated_token_address(wallet.as_bytes(), address(USDC).as_bytes()).unwrap();
        assert_eq!(show(found), "3uetDDizgTtadDHZzyy9BqxrjQcozMEkxzbKhfZF4tG3");
    }

    #[test]
    fn an_address_of_a_program_is_the_first_that_lies_off_the_curve() {
        // `create_program_address` and `find_program_address` in solana-program's own tests, sdk/program/src/pubkey.rs.
        let program = address("BPFLoader1111111111111111111111111111111111");
        let hashed = |seeds: &[&[u8]]| {
            let mut hash = Sha256::new();
            seeds.iter().for_each(|seed| hash.update(seed));
            hash.update(program.as_bytes());
            hash.update(PROGRAM_MARK);
            show(hash.finalize().into())
        };
        assert_eq!(hashed(&[b"", &[1]]), "3gF2KMe9KiC6FNVBmfg9i267aMPvK37FewCip4eGBFcT");
        assert_eq!(hashed(&["\u{2609}".as_bytes()]), "7ytmC1nT1xY4RfxCV2ZgyA7UakC93do5ZdyhdF3EtPj7");
        assert_eq!(hashed(&[b"Talking", b"Squirrels"]), "HwRVBufQ4haG5XSgpspwKtNd3PC9GM9m1196uJW36vds");
        for seed in [&b"a"[..], b"lil'", b"bits", &[0xff; 32]] {
            let found = program_address(&[seed], program.as_bytes()).unwrap();
            assert!(PublicKey::from_bytes(&found).is_none());
        }
    }

    #[test]
    fn a_pair_is_read_whole_or_not_at_all() {
        assert_eq!(payer().address().as_str(), "AKnL4NNf3DGWZJS6cPknBuEGnVsV4A4m5tgebLHaRSZ9");
        let mut pair =
            bs58::decode("2AXDGYSE4f2sz7tvMMzyHvUfcoJmxudvdhBcmiUSo6iuCXagjUCKEQF21awZnUGxmwD4m9vGXuC3qieHXJQHAcT").into_vec().unwrap();
        let seed = bs58::encode(&pair[..32]).into_string();
        pair[63] ^= 1;
        let other = bs58::encode(&pair).into_string();
        for bad in ["", "0", &seed, &other, USDC] {
            assert!(Payer::parse(bad).is_none(), "{bad}");
        }
        assert!(!format!("{:?}", payer()).contains(&format!("{:?}", [1_u8; 4])), "a key shows itself to nobody");
    }

    #[test]
    fn a_length_takes_one_byte_up_to_127_and_three_at_most() {
        // The vectors of solana-short-vec.
        for (length, written) in [
            (0, &[0x00][..]),
            (0x7f, &[0x7f]),
            (0x80, &[0x80, 0x01]),
            (0xff, &[0xff, 0x01]),
            (0x100, &[0x80, 0x02]),
            (0x7fff, &[0xff, 0xff, 0x01]),
            (0x8000, &[0x80, 0x80, 0x02]),
            (0xffff, &[0xff, 0xff, 0x03]),
        ] {
            let mut bytes = Vec::new();
            push_length(&mut bytes, length).unwrap();
            assert_eq!(bytes, written, "{length}");
        }
        assert!(push_length(&mut Vec::new(), 0x1_0000).is_none());
    }

    #[test]
    fn a_transfer_is_signed_by_its_payer_and_no_two_are_alike() {
        let (payer, mint, to) = (payer(), address(USDC), address("3h1zGmCwsRJnVk5BuRNMLsPaQu1y2aqXqXDWYCgrp5UG"));
        let payment = Payment { mint: &mint, to: &to, amount: 4_500_000, makes_account: true, memo: "", blockhash: &[9; 32] };
        let of = |memo: &str, to: &SolanaAddress| sign(&payer, &Payment { to, memo, ..payment }).unwrap();
        let signed = of("payout:ord_1", &to);
        let (signature, message) = signed.bytes[1..].split_at(64);
        assert_eq!(bs58::encode(signature).into_string(), signed.signature);
        assert!(PublicKey::from_bytes(payer.address().as_bytes()).unwrap().verifies(message, signature));
        assert_eq!(message[..4], [1, 0, 6, 9], "one signer; six of nine accounts are only read");
        assert_eq!(signed, of("payout:ord_1", &to), "what is signed again for the same is the same");
        assert_ne!(signed.signature, of("payout:ord_2", &to).signature);
        // To itself: every account still stands once.
        let own = of("payout:ord_1", payer.address());
        assert_eq!(own.bytes[65..69], [1, 0, 5, 7]);
    }

    #[test]
    fn a_transfer_that_makes_no_account_names_none_of_what_makes_one() {
        let (payer, mint, to) = (payer(), address(USDC), address("3h1zGmCwsRJnVk5BuRNMLsPaQu1y2aqXqXDWYCgrp5UG"));
        let payment = Payment { mint: &mint, to: &to, amount: 4_490_000, makes_account: false, memo: "m", blockhash: &[9; 32] };
        let names = |bytes: &[u8], text: &str| bytes.windows(32).any(|window| window == address(text).as_bytes());
        let (bare, making) = (sign(&payer, &payment).unwrap(), sign(&payer, &Payment { makes_account: true, ..payment }).unwrap());
        assert_eq!(bare.bytes[65..69], [1, 0, 3, 6], "the payer, two accounts; the mint and two programs are only read");
        for text in [ASSOCIATED_TOKEN_PROGRAM, "11111111111111111111111111111111", to.as_str()] {
            assert!(names(&making.bytes, text) && !names(&bare.bytes, text), "{text}");
        }
    }
}
