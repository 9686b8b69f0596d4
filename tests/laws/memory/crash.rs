//! A command that stops at any statement leaves nothing behind, and its repeat has its effect once.

use std::cell::Cell;

use guildhall::domain::memory::Summary;
use guildhall::objects::memory::command::{Append, Close, Command, Finalize, Flush, MemoryCall, Open, Outcome};
use guildhall::objects::memory::run;
use guildhall::objects::sql::{Row, Sql, SqlError, Value};

use super::world::{World, claim, closing_with, dump, finalizing, keyed, opening, sid};

/// Fails instead of running the statement it has counted down to.
struct Failing<'a> {
    sql: &'a dyn Sql,
    left: Cell<u64>,
}

impl Sql for Failing<'_> {
    fn run(&self, statement: &'static str, params: &[Value]) -> Result<Vec<Row>, SqlError> {
        match self.left.get() {
            0 => Err(SqlError::Backend("crash".into())),
            left => {
                self.left.set(left - 1);
                self.sql.run(statement, params)
            }
        }
    }
}

fn commands() -> Vec<Command> {
    let smart = Close { smart_consolidation: true, ..closing_with("s", "the end") };
    vec![
        Command::Open(Open { metadata: serde_json::from_str(r#"{"a":1}"#).unwrap(), token_budget: 50, ..opening("s") }),
        Command::Append(Append { session_id: sid("s"), draft: keyed("one more", "new"), working_memory_budget_tokens: 3 }),
        Command::Flush(Flush { session_id: sid("s"), smart_consolidation: true }),
        Command::Close(smart),
        Command::Finalize(Finalize {
            summary: Summary::parse("all of it").ok(),
            smart_consolidation: true,
            working_memory_budget_tokens: 4,
            ..finalizing("s", vec![keyed("same", "x"), keyed("same", "y"), keyed("other", "z")])
        }),
        Command::Finalize(finalizing("fresh", vec![keyed("same", "x"), keyed("other", "z")])),
        Command::RunDue,
    ]
}

#[test]
fn a_crash_at_any_statement_leaves_nothing_and_the_repeat_has_one_effect() {
    for command in commands() {
        let call = MemoryCall { command, idempotency: Some(claim("scope", "body")) };
        for crash_at in 0.. {
            let mut world = World::new();
            world.call(&MemoryCall { command: Command::Open(opening("s")), idempotency: Some(claim("old", "")) });
            for key in ["a", "b", "c"] {
                world.append_keyed("s", "same  thing", key).unwrap();
            }
            world.tick(1);
            let before = world.dump();
            world.sql.connection.execute_batch("BEGIN").unwrap();
            let failing = Failing { sql: &world.sql, left: Cell::new(crash_at) };
            let crashed = run(&failing, world.now, &mut world.entropy, &call).is_err();
            world.sql.connection.execute_batch(if crashed { "ROLLBACK" } else { "COMMIT" }).unwrap();
            if crashed {
                assert_eq!(dump(&world.sql.connection), before, "{:?} at {crash_at}", call.command);
            }
            let repeated = world.call(&call);
            assert_eq!(repeated.replayed, !crashed);
            assert!(repeated.outcome.is_ok(), "{repeated:?}");
            let after = world.dump();
            assert_eq!(world.call(&call).outcome, repeated.outcome);
            assert_eq!(world.dump(), after);
            if !crashed {
                break;
            }
        }
    }
}

#[test]
fn the_counters_are_those_of_the_rows() {
    let mut world = World::new();
    for command in commands() {
        let opened = matches!(command, Command::Open(_));
        let reply = world.ask(command);
        assert!(!opened || matches!(reply, Ok(Outcome::Opened(_))));
        let wrong = "SELECT COUNT(*) FROM session AS s WHERE (observations, tokens, working_items, working_tokens) IS NOT \
            (SELECT COUNT(*), IFNULL(SUM(tokens), 0), IFNULL(SUM(working), 0), IFNULL(SUM(tokens * working), 0) \
             FROM observation WHERE session = s.number)";
        let wrong: i64 = world.sql.connection.query_row(wrong, [], |row| row.get(0)).unwrap();
        assert_eq!(wrong, 0);
        let tally = "SELECT observations - (SELECT COUNT(*) FROM observation), \
            open_sessions - (SELECT COUNT(*) FROM session WHERE closed_at_ms IS NULL), \
            2 * observations + 1 - (SELECT COUNT(*) FROM word_docsize) FROM tally";
        let difference: (i64, i64, i64) =
            world.sql.connection.query_row(tally, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        assert_eq!(difference, (0, 0, 0));
    }
}
