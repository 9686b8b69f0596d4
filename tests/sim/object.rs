//! The object under test: its real statements on a real SQLite, all or nothing of each call, killed where the simulation
//! says so.

use std::cell::Cell;
use std::rc::Rc;

use guildhall::crypto::mac::Secret;
use guildhall::crypto::vault::Vault;
use guildhall::domain::time::Timestamp;
use guildhall::objects::sql::{Row, Sql, SqlError, Value};
use guildhall::objects::tenant;
use guildhall::objects::tenant::call::{TenantCall, TenantReply};

use rusqlite::backup::Backup;

use crate::mutant::{Mutant, MutantSql};
use crate::random::Random;
use crate::sqlite::NativeSql;

/// Where the process dies during a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    Never,
    /// Before the statement of this number, counted from 0; a call that runs fewer gets through.
    BeforeStatement(u64),
    /// After the last statement, before the commit.
    BeforeCommit,
    /// After the commit, before the reply goes out.
    AfterCommit,
}

/// What became of a call.
#[derive(Debug)]
pub enum Fate {
    /// The reply went out.
    Answered(TenantReply),
    /// Committed, but nobody heard of it.
    Lost(TenantReply),
    /// Rolled back.
    Killed,
}

/// Runs statements until the process dies.
struct MortalSql<'a> {
    inner: &'a dyn Sql,
    statements_left: Cell<Option<u64>>,
    died: Cell<bool>,
}

impl Sql for MortalSql<'_> {
    fn run(&self, statement: &'static str, params: &[Value]) -> Result<Vec<Row>, SqlError> {
        match self.statements_left.get() {
            Some(0) => {
                self.died.set(true);
                Err(SqlError::Backend("killed".to_owned()))
            }
            left => {
                self.statements_left.set(left.map(|left| left - 1));
                self.inner.run(statement, params)
            }
        }
    }
}

thread_local! {
    /// What every object begins as: writing the schema takes ten times as long as copying it.
    static NEWBORN: NativeSql = {
        let sql = NativeSql::new("BEGIN");
        tenant::migrate(&sql).unwrap();
        sql.connection.execute_batch("COMMIT").unwrap();
        sql
    };
    /// What one life after the other is lived in: each ends by being rolled back, and the statements stay prepared.
    static STAGE: Rc<NativeSql> = Rc::new(newborn());
}

/// A database with the object's tables and nothing in them.
fn newborn() -> NativeSql {
    let mut sql = NativeSql::new("");
    NEWBORN.with(|newborn| Backup::new(&newborn.connection, &mut sql.connection).unwrap().step(-1)).unwrap();
    sql.connection.execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY;").unwrap();
    sql
}

pub struct Object {
    pub sql: Rc<NativeSql>,
    pub entropy: Random,
    pub mutant: Mutant,
    vault: Vault,
    on_stage: bool,
}

impl Drop for Object {
    fn drop(&mut self) {
        if self.on_stage {
            self.sql.connection.execute_batch("ROLLBACK").unwrap();
        }
    }
}

impl Object {
    /// An object with its tables and nothing in them.
    pub fn new(seed: u64, mutant: Mutant) -> Self {
        Self::over(Rc::new(newborn()), false, seed, mutant)
    }

    /// The same for one of many lives; of a thread's, one is lived at a time.
    pub fn on_stage(seed: u64, mutant: Mutant) -> Self {
        let sql = STAGE.with(Rc::clone);
        sql.connection.execute_batch("BEGIN").unwrap();
        Self::over(sql, true, seed, mutant)
    }

    fn over(sql: Rc<NativeSql>, on_stage: bool, seed: u64, mutant: Mutant) -> Self {
        let vault = Vault::new(&Secret::from_bytes([3; 32]), [4; 32]);
        Self { sql, entropy: Random::new(seed), mutant, vault, on_stage }
    }

    /// One call as the shell serves it; an error that no crash explains is told.
    pub fn call(&mut self, now: Timestamp, call: &TenantCall, crash: Crash) -> Result<Fate, SqlError> {
        let statements_left = match crash {
            Crash::BeforeStatement(number) => Some(number),
            Crash::Never | Crash::BeforeCommit | Crash::AfterCommit => None,
        };
        self.execute("SAVEPOINT call");
        let changes_before = self.changes();
        let altered = MutantSql { inner: self.sql.as_ref(), mutant: self.mutant };
        let mortal = MortalSql { inner: &altered, statements_left: Cell::new(statements_left), died: Cell::new(false) };
        let result = tenant::run(&mortal, now, &mut self.entropy, &self.vault, call);
        // What the shell may run without a way back writes nothing but counts, taken back or not, and the use of the key.
        let (written, may_write) = (self.changes() - changes_before, 2 * call.limits.len() as i64 + 1);
        let only_reads = call.command.only_reads() && call.idempotency.is_none();
        assert!(!only_reads || written <= may_write, "{call:?} wrote {written} rows");
        let died = mortal.died.get() || crash == Crash::BeforeCommit;
        let commits = (result.is_ok() && !died) || self.mutant == Mutant::CommitsWhenKilled;
        if !commits {
            self.execute("ROLLBACK TO call");
        }
        self.execute("RELEASE call");
        match result {
            _ if died => Ok(Fate::Killed),
            Err(error) => Err(error),
            Ok(reply) if crash == Crash::AfterCommit => Ok(Fate::Lost(reply)),
            Ok(reply) => Ok(Fate::Answered(reply)),
        }
    }

    fn execute(&self, statement: &str) {
        self.sql.connection.prepare_cached(statement).unwrap().execute([]).unwrap();
    }

    /// Rows written so far, by anybody.
    fn changes(&self) -> i64 {
        self.sql.connection.total_changes() as i64
    }

    /// One call that nothing disturbs.
    pub fn ask(&mut self, now: Timestamp, call: &TenantCall) -> TenantReply {
        match self.call(now, call, Crash::Never) {
            Ok(Fate::Answered(reply)) => reply,
            other => panic!("{call:?} ended in {other:?}"),
        }
    }
}
