//! A memory to test: its tables in rusqlite, each call in a transaction of its own, a clock and a seeded entropy.

use guildhall::domain::digest::Digest;
use guildhall::domain::entropy::Entropy;
use guildhall::domain::idempotency::Claim;
use guildhall::domain::memory::{Content, Importance, OnceKey, QueryText, ResultLimit, SessionId, SourceId, Summary, Tags, TaskText};
use guildhall::domain::time::Timestamp;
use guildhall::objects::memory::command::{
    Append, Appended, Close, Command, Counted, Draft, Finalize, Flush, Found, Hit, MemoryCall, MemoryReply, Open, Outcome, Prime, Primed,
    Refusal, Search, SessionStatus,
};
use guildhall::objects::memory::{migrate, run};
use guildhall::objects::wire;

use crate::sqlite::NativeSql;

/// A generator whose bytes follow from its seed (SplitMix64).
pub struct Seeded(pub u64);

impl Seeded {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Entropy for Seeded {
    fn fill(&mut self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let bytes = self.next().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}

pub struct World {
    pub sql: NativeSql,
    pub now: Timestamp,
    pub entropy: Seeded,
}

impl World {
    pub fn new() -> Self {
        let sql = NativeSql::new("");
        migrate(&sql).unwrap();
        Self { sql, now: Timestamp::from_ms(1_770_000_000_000), entropy: Seeded(7) }
    }

    /// Runs a call in its own transaction.
    pub fn call(&mut self, call: &MemoryCall) -> MemoryReply {
        self.sql.connection.execute_batch("BEGIN").unwrap();
        let reply = run(&self.sql, self.now, &mut self.entropy, call).unwrap();
        self.sql.connection.execute_batch("COMMIT").unwrap();
        assert_eq!(wire::read::<MemoryReply>(&wire::write(&reply).unwrap()).unwrap(), reply);
        reply
    }

    pub fn ask(&mut self, command: Command) -> Result<Outcome, Refusal> {
        let call = MemoryCall { command, idempotency: None };
        assert_eq!(wire::read::<MemoryCall>(&wire::write(&call).unwrap()).unwrap(), call);
        self.call(&call).outcome
    }

    /// How many statements a command takes.
    pub fn cost(&mut self, command: Command) -> u64 {
        let before = self.sql.statements_run();
        self.ask(command).unwrap();
        self.sql.statements_run() - before
    }

    pub fn tick(&mut self, ms: u64) {
        self.now = self.now.plus_ms(ms);
    }

    pub fn open(&mut self, session: &str) -> Result<Outcome, Refusal> {
        self.ask(Command::Open(opening(session)))
    }

    pub fn append(&mut self, session: &str, content: &str) -> Result<Appended, Refusal> {
        self.append_draft(session, draft(content))
    }

    pub fn append_keyed(&mut self, session: &str, content: &str, key: &str) -> Result<Appended, Refusal> {
        self.append_draft(session, keyed(content, key))
    }

    pub fn append_draft(&mut self, session: &str, draft: Draft) -> Result<Appended, Refusal> {
        let append = Append { session_id: sid(session), draft, working_memory_budget_tokens: 0 };
        self.ask(Command::Append(append)).map(|outcome| match outcome {
            Outcome::Appended(appended) => appended,
            other => panic!("{other:?}"),
        })
    }

    pub fn flush(&mut self, session: &str, smart: bool) -> Result<(u64, u64), Refusal> {
        self.ask(Command::Flush(Flush { session_id: sid(session), smart_consolidation: smart })).map(|outcome| match outcome {
            Outcome::Flushed(flushed) => (flushed.consolidated, flushed.merged),
            other => panic!("{other:?}"),
        })
    }

    pub fn close(&mut self, session: &str) -> Result<Outcome, Refusal> {
        self.ask(Command::Close(closing(session)))
    }

    pub fn status(&mut self, session: &str) -> Result<SessionStatus, Refusal> {
        self.ask(Command::Status { session_id: sid(session) }).map(|outcome| match outcome {
            Outcome::Status(status) => status,
            other => panic!("{other:?}"),
        })
    }

    pub fn counts(&mut self) -> Counted {
        match self.ask(Command::Counts) {
            Ok(Outcome::Counted(counted)) => counted,
            other => panic!("{other:?}"),
        }
    }

    pub fn find(&mut self, search: Search) -> Found {
        match self.ask(Command::Search(search)) {
            Ok(Outcome::Found(found)) => found,
            other => panic!("{other:?}"),
        }
    }

    pub fn search(&mut self, text: &str) -> Vec<Hit> {
        self.find(asking(text)).results
    }

    /// The contents a search finds, best first.
    pub fn contents(&mut self, text: &str) -> Vec<String> {
        self.search(text).into_iter().map(|hit| hit.content).collect()
    }

    pub fn prime(&mut self, task: &str, budget: u64, session: Option<&str>) -> Primed {
        let budget = serde_json::from_value(budget.into()).unwrap();
        let prime = Prime { task_description: TaskText::parse(task).unwrap(), token_budget: budget, session_id: session.map(sid) };
        match self.ask(Command::Prime(prime)) {
            Ok(Outcome::Primed(primed)) => primed,
            other => panic!("{other:?}"),
        }
    }

    /// Every row of every table, for comparing two states.
    pub fn dump(&self) -> Vec<String> {
        dump(&self.sql.connection)
    }
}

pub fn dump(connection: &rusqlite::Connection) -> Vec<String> {
    let names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'word' ORDER BY name";
    let mut tables = connection.prepare(names).unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut lines = Vec::new();
    for table in tables {
        let mut rows = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = rows.column_count();
        let mut rows = rows.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let values: Vec<String> = (0..columns).map(|at| format!("{:?}", row.get_ref(at).unwrap())).collect();
            lines.push(format!("{table}: {}", values.join(", ")));
        }
    }
    lines
}

pub fn sid(text: &str) -> SessionId {
    SessionId::parse(text).unwrap()
}

pub fn opening(session: &str) -> Open {
    Open { session_id: sid(session), agent_id: None, token_budget: 0, metadata: None }
}

pub fn closing(session: &str) -> Close {
    Close { session_id: sid(session), summary: None, smart_consolidation: false, min_sequence: 0 }
}

pub fn closing_with(session: &str, summary: &str) -> Close {
    Close { summary: Some(Summary::parse(summary).unwrap()), ..closing(session) }
}

pub fn finalizing(session: &str, observations: Vec<Draft>) -> Finalize {
    Finalize {
        session_id: sid(session),
        agent_id: None,
        metadata: None,
        summary: None,
        smart_consolidation: false,
        working_memory_budget_tokens: 0,
        observations,
    }
}

pub fn draft(content: &str) -> Draft {
    Draft {
        content: Content::parse(content).unwrap(),
        source_id: None,
        importance_score: Importance::default(),
        tags: Tags::default(),
        idempotency_key: None,
    }
}

pub fn keyed(content: &str, key: &str) -> Draft {
    Draft { idempotency_key: Some(OnceKey::parse(key).unwrap()), ..draft(content) }
}

pub fn weighty(content: &str, importance: f64) -> Draft {
    Draft { importance_score: Importance::parse(importance).unwrap(), ..draft(content) }
}

pub fn sourced(content: &str, source: &str) -> Draft {
    Draft { source_id: Some(SourceId::parse(source).unwrap()), ..draft(content) }
}

pub fn asking(text: &str) -> Search {
    Search { query_text: QueryText::parse(text).unwrap(), limit: ResultLimit::default(), session_id: None, source_id: None }
}

pub fn claim(scope: &str, body: &str) -> Claim {
    Claim { scope_hash: Digest::of(&[scope.as_bytes()]), body_hash: Digest::of(&[body.as_bytes()]) }
}
