//! Wallets, the ledger and its audit chain.

use guildhall::domain::wallet::{FundingSource, Mode};
use guildhall::objects::sql::Sql;
use guildhall::objects::tenant::command::{Command, KeyHolder};
use guildhall::objects::tenant::outcome::{Outcome, Reconciled};
use guildhall::objects::tenant::refusal::{Refusal, Thing};
use guildhall::objects::tenant::{self, SCHEMA};

use super::{Tale, key, micros, operator, secret};
use crate::generator::secret_hash_of;
use crate::mutant::Mutant;
use crate::object::Object;
use guildhall::domain::key::KeyKind;
use guildhall::objects::tenant::call::Proof;

fn fund(tale: &mut Tale, amount: u64, source: Option<FundingSource>) -> Result<Outcome, Refusal> {
    let wallet_id = tale.born.wallet_id;
    tale.ask(operator(), Command::Fund { wallet_id, amount_micros: micros(amount), source })
}

#[test]
fn funding_follows_the_wallets_mode_and_stops_at_the_cap() {
    let mut tale = Tale::new();
    let Ok(Outcome::Funded(funded)) = fund(&mut tale, 10_000, Some(FundingSource::Sandbox)) else { panic!("not funded") };
    assert_eq!(funded.balance.available, micros(1_010_000));
    assert_eq!(fund(&mut tale, 10_000, Some(FundingSource::Provider)), Err(Refusal::FundingSourceNotAllowed));
    let room = 1_000_000_000_000 - 1_010_000;
    assert_eq!(fund(&mut tale, room + 10_000, None), Err(Refusal::WalletCap));
    assert!(fund(&mut tale, room, None).is_ok());
    assert_eq!(fund(&mut tale, 10_000, None), Err(Refusal::WalletCap));
}

#[test]
fn a_tenant_has_a_hundred_wallets_and_no_live_one_before_its_time() {
    let mut tale = Tale::new();
    let create = |mode| Command::CreateWallet { name: Some("w".to_owned()), mode, metadata: serde_json::Map::new() };
    assert_eq!(tale.ask(operator(), create(Mode::Live)), Err(Refusal::GoNoGoIncomplete));
    for _ in 1..100 {
        assert!(tale.ask(operator(), create(Mode::Sandbox)).is_ok());
    }
    assert_eq!(tale.ask(operator(), create(Mode::Sandbox)), Err(Refusal::WalletLimit));
    let Ok(Outcome::Wallets(page)) = tale.ask(operator(), Command::ListWallets { limit: 60, before: None }) else { panic!("no list") };
    let before = page.last().map(|wallet| wallet.wallet_id);
    let Ok(Outcome::Wallets(rest)) = tale.ask(operator(), Command::ListWallets { limit: 60, before }) else { panic!("no list") };
    let ids: std::collections::BTreeSet<_> = page.iter().chain(&rest).map(|wallet| wallet.wallet_id).collect();
    assert_eq!((page.len(), rest.len(), ids.len()), (60, 40, 100));
}

#[test]
fn a_test_key_stays_away_from_live_money_and_live_keys() {
    let mut tale = Tale::new();
    tale.mint(operator(), KeyHolder::Management { live: false }, 50).unwrap();
    let number = secret(50).number;
    let test_key = Proof::Key { kind: KeyKind::Test, number, secret_hash: secret_hash_of(number) };
    let create = Command::CreateWallet { name: None, mode: Mode::Live, metadata: serde_json::Map::new() };
    assert_eq!(tale.ask(test_key.clone(), create), Err(Refusal::LiveModeForbidden));
    assert_eq!(tale.mint(test_key, KeyHolder::Management { live: true }, 51), Err(Refusal::LiveModeForbidden));
    let unknown = Command::GetWallet { wallet_id: guildhall::domain::id::WalletId::from_ulid(ulid::Ulid::nil()) };
    assert_eq!(tale.ask(operator(), unknown), Err(Refusal::NotFound(Thing::Wallet)));
    let wallet_id = tale.born.wallet_id;
    assert_eq!(tale.ask(key(1), Command::GetWallet { wallet_id }), Err(Refusal::Forbidden), "an agent's key does not manage");
}

#[test]
fn the_last_days_of_spending_are_plotted_with_their_empty_days() {
    let mut tale = Tale::new();
    let reserved = tale.reserve(1_000, 60).unwrap();
    tale.capture(&reserved, None).unwrap();
    tale.pass_ms(2 * 86_400_000);
    let Ok(Outcome::DailySpend(days)) = tale.ask(operator(), Command::DailySpend { days: 30 }) else { panic!("no plot") };
    assert_eq!(days.len(), 30);
    assert_eq!((days[27].date.as_str(), days[27].spent_micros, days[27].charges), ("2026-02-02", micros(1_000), 1));
    assert_eq!((days[29].date.as_str(), days[29].spent_micros), ("2026-02-04", micros(0)));
}

fn reconcile(tale: &mut Tale) -> Reconciled {
    match tale.ask(operator(), Command::Reconcile) {
        Ok(Outcome::Reconciled(reconciled)) => reconciled,
        other => panic!("{other:?}"),
    }
}

fn first_bad_seq(tale: &mut Tale) -> Option<u64> {
    // In pages, as a long chain is walked.
    let mut after_seq = 0;
    loop {
        let Ok(Outcome::AuditVerified(verified)) = tale.ask(operator(), Command::VerifyAudit { after_seq, limit: 3 }) else {
            panic!("not verified")
        };
        if !verified.valid || verified.walked_seq == verified.head_seq {
            return verified.first_bad_seq;
        }
        after_seq = verified.walked_seq;
    }
}

#[test]
fn an_edit_of_an_entry_shows_and_so_does_an_edit_of_a_balance() {
    let mut tale = Tale::new();
    tale.reserve(1_000, 60).unwrap();
    assert!(reconcile(&mut tale).equal);
    assert_eq!(first_bad_seq(&mut tale), None);
    let edit = |tale: &Tale, sql: &str| tale.object.sql.connection.execute(sql, []);
    assert!(edit(&tale, "UPDATE audit SET object = 'x' WHERE seq = 4").is_err(), "entries never change");
    assert!(edit(&tale, "DELETE FROM audit WHERE seq = 4").is_err(), "entries stay");
    // Somebody with a file editor gets past the triggers, and is seen.
    edit(&tale, "DROP TRIGGER audit_entry_is_final").unwrap();
    edit(&tale, "UPDATE audit SET actor = 'nobody' WHERE seq = 4").unwrap();
    assert_eq!(first_bad_seq(&mut tale), Some(4));
    edit(&tale, "UPDATE account SET balance_micros = balance_micros + 5 WHERE id = 'revenue'").unwrap();
    let reconciled = reconcile(&mut tale);
    assert!(!reconciled.equal);
    let unequal: Vec<_> = reconciled.accounts.iter().filter(|check| check.recorded_micros != check.recomputed_micros).collect();
    assert_eq!((unequal.len(), unequal[0].account.to_string().as_str(), unequal[0].recorded_micros), (1, "revenue", 5));
}

#[test]
fn no_statement_can_overdraw_an_account_or_change_what_is_resolved() {
    let mut tale = Tale::new();
    let reserved = tale.reserve(1_000, 60).unwrap();
    tale.capture(&reserved, None).unwrap();
    let edit = |sql: &str| tale.object.sql.connection.execute(sql, []);
    assert!(edit("UPDATE account SET balance_micros = -1 WHERE id = 'revenue'").is_err());
    assert!(edit("UPDATE reservation SET status = 'released', captured_micros = NULL").is_err());
    assert!(edit("UPDATE reservation SET amount_micros = 5.5").is_err(), "tables are strict");
}

#[test]
fn the_tables_are_made_once_and_asked_for_with_one_statement() {
    let object = Object::new(1, Mutant::None);
    let before = object.sql.statements_run();
    tenant::migrate(&*object.sql).unwrap();
    assert!(tenant::is_there(&*object.sql).unwrap());
    assert_eq!(object.sql.statements_run() - before, 2);
    let empty = crate::sqlite::NativeSql::new("");
    assert!(!tenant::is_there(&empty).unwrap());
    assert_eq!(SCHEMA.len(), 8, "a change of the tables is a new version");
}

#[test]
fn every_statement_prepares_against_the_schema() {
    let object = Object::new(1, Mutant::None);
    for statement in tenant::statements() {
        assert!(object.sql.connection.prepare(statement).is_ok(), "{statement}");
    }
    assert!(object.sql.run("SELECT count(*) FROM tenant", &[]).is_ok());
}
