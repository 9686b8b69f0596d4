//! The tenant's rules as small stories, each with the contract's words for a title.

mod due;
mod event;
mod identity;
mod lease;
mod live;
pub mod money;
mod owner;
mod proof;
mod query;
mod seller;
mod wallet;
mod webhook;

use guildhall::domain::address::LoginAddress;
use guildhall::domain::digest::Digest;
use guildhall::domain::id::{KeyId, RequestId, Uuid};
use guildhall::domain::idempotency::Claim;
use guildhall::domain::key::{KeyKind, KeyNumber, NewSecret};
use guildhall::domain::limit::LimitClass;
use guildhall::domain::money::Micros;
use guildhall::domain::scope::Scopes;
use guildhall::domain::slug::Slug;
use guildhall::domain::time::Timestamp;
use guildhall::objects::tenant::call::{Proof, TenantCall, TenantReply};
use guildhall::objects::tenant::command::{Birth, Command, Controller, FirstAgent, KeyHolder, MeterCapture, MintKey};
use guildhall::objects::tenant::outcome::{Born, Charged, Outcome, Reserved, WalletView};
use guildhall::objects::tenant::refusal::Refusal;
use guildhall::objects::wire;

use crate::generator::{address, secret_hash_of, user};
use crate::metering::metered;
use crate::mutant::Mutant;
use crate::object::Object;
use crate::random::Random;

pub fn micros(amount: u64) -> Micros {
    Micros::new(amount).unwrap()
}

pub fn claim(key: &str, body: &str) -> Option<Claim> {
    Some(Claim { scope_hash: Digest::of(&[key.as_bytes()]), body_hash: Digest::of(&[body.as_bytes()]) })
}

/// A tenant whose controller is the wallet `address(0)`, with a credit of one dollar and the key number 1.
pub struct Tale {
    pub object: Object,
    pub now: Timestamp,
    pub born: Born,
    ids: Random,
}

pub fn secret(number: u64) -> NewSecret {
    let number = KeyNumber::from_bytes(number.to_be_bytes());
    NewSecret { number, secret_hash: secret_hash_of(number), last4: "beef".to_owned(), sealed: Some("sealed".to_owned()) }
}

pub fn birth(key: u64) -> Birth {
    Birth {
        uuid: Uuid::from_bytes([7; 16]),
        slug: Slug::parse("agent-alpha").unwrap(),
        name: "Alpha".to_owned(),
        controller: Controller::Wallet(address(0)),
        credit_micros: micros(1_000_000),
        agent: Some(FirstAgent { label: "first".to_owned(), address: address(0), metadata: serde_json::Map::new(), key: secret(key) }),
        invitation: None,
    }
}

pub fn key(number: u64) -> Proof {
    let number = KeyNumber::from_bytes(number.to_be_bytes());
    Proof::Key { kind: KeyKind::Agent, number, secret_hash: secret_hash_of(number) }
}

pub fn wallet_session(n: u64) -> Proof {
    Proof::Wallet { address: address(n) }
}

pub fn operator() -> Proof {
    Proof::Operator { user_id: user(9) }
}

pub fn login(n: u64) -> LoginAddress {
    address(n)
}

impl Tale {
    pub fn new() -> Self {
        let mut object = Object::new(1, Mutant::None);
        let now = Timestamp::parse("2026-02-02T12:00:00Z").unwrap();
        let mut ids = Random::new(2);
        let call = TenantCall::new(RequestId::new(now, &mut ids), Proof::House, Command::Birth(birth(1)));
        let reply = object.ask(now, &call);
        let Ok(Outcome::Born(born)) = reply.outcome else { panic!("not born: {reply:?}") };
        Self { object, now, born, ids }
    }

    pub fn pass_ms(&mut self, ms: u64) {
        self.now = self.now.plus_ms(ms);
    }

    pub fn call(&mut self, caller: Proof, command: Command) -> TenantCall {
        TenantCall::new(RequestId::new(self.now, &mut self.ids), caller, command)
    }

    pub fn send(&mut self, call: &TenantCall) -> TenantReply {
        // Written and read again, as over the hop.
        let call: TenantCall = wire::read(&wire::write(call).unwrap()).unwrap();
        let reply = self.object.ask(self.now, &call);
        let again: TenantReply = wire::read(&wire::write(&reply).unwrap()).unwrap();
        assert_eq!(again, reply, "a reply survives the hop");
        reply
    }

    pub fn ask(&mut self, caller: Proof, command: Command) -> Result<Outcome, Refusal> {
        let call = self.call(caller, command);
        self.send(&call).outcome
    }

    pub fn house(&mut self, command: Command) -> Outcome {
        self.ask(Proof::House, command).unwrap()
    }

    pub fn reserve_call(&mut self, caller: Proof, price: u64, ttl_s: u64) -> TenantCall {
        let request = metered(price, ttl_s);
        self.call(caller, Command::MeterReserve(request))
    }

    pub fn reserve(&mut self, price: u64, ttl_s: u64) -> Result<Reserved, Refusal> {
        let call = self.reserve_call(key(1), price, ttl_s);
        match self.send(&call).outcome? {
            Outcome::Reserved(reserved) => Ok(reserved),
            other => panic!("{other:?}"),
        }
    }

    pub fn capture(&mut self, reserved: &Reserved, amount: Option<u64>) -> Result<Charged, Refusal> {
        let request =
            MeterCapture { reservation_id: reserved.reservation_id, amount_micros: amount.map(micros), scope_hash: None, answer: None };
        match self.ask(Proof::House, Command::MeterCapture(request))? {
            Outcome::Charged(charged) => Ok(charged),
            other => panic!("{other:?}"),
        }
    }

    pub fn wallet(&mut self) -> WalletView {
        let wallet_id = self.born.wallet_id;
        match self.ask(operator(), Command::GetWallet { wallet_id }) {
            Ok(Outcome::Wallet(view)) => view,
            other => panic!("{other:?}"),
        }
    }

    /// Available and held.
    pub fn balance(&mut self) -> (u64, u64) {
        let balance = self.wallet().balance;
        (balance.available.get(), balance.held.get())
    }

    pub fn mint(&mut self, caller: Proof, holder: KeyHolder, number: u64) -> Result<KeyId, Refusal> {
        let request = MintKey { holder, secret: secret(number), label: None, scopes: Scopes::all(), expires_at_ms: None };
        match self.ask(caller, Command::MintKey(request))? {
            Outcome::KeyMinted(minted) => Ok(minted.key.key_id),
            other => panic!("{other:?}"),
        }
    }

    pub fn limited(&mut self, caller: Proof, limits: &[LimitClass]) -> TenantReply {
        let call = TenantCall { limits: limits.to_vec(), ..self.call(caller, Command::Admit) };
        self.send(&call)
    }

    pub fn count(&self, table: &str) -> i64 {
        self.object.sql.connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    }
}
