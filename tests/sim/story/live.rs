//! Keys for tests stay away from live money, by whatever way they come.

use guildhall::domain::id::{MandateId, WalletId};
use guildhall::domain::key::KeyKind;
use guildhall::domain::mandate::MandateStatus;
use guildhall::domain::spend::SpendAction;
use guildhall::domain::wallet::Mode;
use guildhall::objects::tenant::call::Proof;
use guildhall::objects::tenant::command::{Command, KeyHolder};
use guildhall::objects::tenant::money::command::{LeaseSource, MandateDraft, MoneyCommand, TokenTerms};
use guildhall::objects::tenant::outcome::Outcome;
use guildhall::objects::tenant::refusal::Refusal;

use super::lease::request;
use super::money::{draft, spend};
use super::{Tale, micros, operator, secret};
use crate::generator::secret_hash_of;

fn test_key(tale: &mut Tale) -> Proof {
    tale.mint(operator(), KeyHolder::Management { live: false }, 50).unwrap();
    let number = secret(50).number;
    Proof::Key { kind: KeyKind::Test, number, secret_hash: secret_hash_of(number) }
}

/// A wallet with money and a mandate on it; once it is full of what can happen to it, it turns live.
fn wallet_and_mandate(tale: &mut Tale) -> (WalletId, MandateId) {
    let create = Command::CreateWallet { name: None, mode: Mode::Sandbox, metadata: serde_json::Map::new() };
    let Ok(Outcome::Wallet(wallet)) = tale.ask(operator(), create) else { panic!("no wallet") };
    let wallet_id = wallet.wallet_id;
    tale.ask(operator(), Command::Fund { wallet_id, amount_micros: micros(1_000_000), source: None }).unwrap();
    let mandate = tale.mandate(MandateDraft { wallet_id: Some(wallet_id), approval_threshold: Some(micros(500)), ..draft() }).id;
    (wallet_id, mandate)
}

fn turn_live(tale: &Tale, wallet_id: WalletId) {
    tale.object.sql.connection.execute("UPDATE wallet SET mode = 'live' WHERE id = ?1", [wallet_id.to_string()]).unwrap();
}

#[test]
fn a_test_key_reaches_live_money_by_no_way() {
    let mut tale = Tale::new();
    let (wallet_id, mandate) = wallet_and_mandate(&mut tale);
    let (agent, child) = (tale.first_agent(), tale.new_agent(100));
    let held = tale.hold(spend(agent, mandate, None, 400)).unwrap().id;
    let approval_id = tale.hold(spend(agent, mandate, None, 501)).unwrap().approval_id.unwrap();
    let lease_id = tale.grant(request(LeaseSource::Mandate(mandate), child, 1_000)).unwrap().id;
    turn_live(&tale, wallet_id);
    let by = test_key(&mut tale);
    let put = |draft, status| MoneyCommand::PutMandate { mandate_id: mandate, version: 1, agent_id: None, status, draft };
    let to_live = MandateDraft { wallet_id: Some(wallet_id), ..draft() };
    let terms = TokenTerms { agent_id: agent, mandate_id: mandate, action: SpendAction::Tool, lease_id: None };
    let of_lease = TokenTerms { agent_id: child, lease_id: Some(lease_id), ..terms.clone() };
    let ways = [
        put(draft(), None),
        put(to_live.clone(), Some(MandateStatus::Revoked)),
        MoneyCommand::CreateMandate { agent_id: agent, draft: to_live },
        MoneyCommand::GrantToken(terms),
        MoneyCommand::GrantToken(of_lease),
        MoneyCommand::Capture { reservation_id: held, amount_micros: None },
        MoneyCommand::ReleaseReservation { reservation_id: held, reason: None },
        MoneyCommand::Decide { approval_id, approve: true, reason: None },
        MoneyCommand::Decide { approval_id, approve: false, reason: None },
        MoneyCommand::Reserve(spend(agent, mandate, None, 400)),
        MoneyCommand::GrantLease(request(LeaseSource::Mandate(mandate), child, 1)),
        MoneyCommand::GrantLease(request(LeaseSource::Lease(lease_id), tale.new_agent(101), 1)),
        MoneyCommand::ReleaseLease { lease_id },
        MoneyCommand::RevokeLease { lease_id },
    ];
    for way in ways {
        assert_eq!(tale.spend_as(by.clone(), way.clone()), Err(Refusal::LiveModeForbidden), "{way:?}");
    }
    assert_eq!(tale.ask(by.clone(), Command::GetWallet { wallet_id }), Err(Refusal::LiveModeForbidden));
    let Ok(Outcome::Wallets(shown)) = tale.ask(by, Command::ListWallets { limit: 10, before: None }) else { panic!("no list") };
    assert_eq!(shown.iter().map(|one| one.wallet_id).collect::<Vec<_>>(), [tale.born.wallet_id]);
}

#[test]
fn what_has_run_out_of_live_money_is_swept_in_a_test_keys_call_as_in_any() {
    let mut tale = Tale::new();
    let (wallet_id, mandate) = wallet_and_mandate(&mut tale);
    let agent = tale.first_agent();
    tale.hold(spend(agent, mandate, None, 400)).unwrap();
    turn_live(&tale, wallet_id);
    let by = test_key(&mut tale);
    let sandbox = tale.mandate(draft()).id;
    tale.pass_ms(60_000);
    assert!(tale.spend_as(by, MoneyCommand::Authorize(spend(agent, sandbox, None, 1))).is_ok());
    let Ok(Outcome::Wallet(wallet)) = tale.ask(operator(), Command::GetWallet { wallet_id }) else { panic!("no wallet") };
    assert_eq!((wallet.balance.available, wallet.balance.held), (micros(1_000_000), micros(0)));
}
