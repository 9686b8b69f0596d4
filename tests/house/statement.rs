//! Every SQL statement is prepared against the schema it will run on.

use guildhall::objects::{clock, gate, idempotency, limit, memory, schema, tenant};
use guildhall::store;
use rusqlite::Connection;

use crate::source;

/// The statements of each place that has its own tables, and where they are declared.
fn places() -> Vec<(&'static str, Vec<String>, Vec<&'static str>, usize)> {
    let object = |name: &str| vec![source::file("schema/objects/common.sql"), source::file(&format!("schema/objects/{name}.sql"))];
    let all = |lists: &[&[&'static str]]| lists.iter().copied().flatten().copied().collect::<Vec<_>>();
    let mut book = vec![
        store::buyer::STATEMENTS,
        store::due::STATEMENTS,
        store::mail::STATEMENTS,
        store::market::STATEMENTS,
        store::order::STATEMENTS,
        store::projection::STATEMENTS,
        store::session::STATEMENTS,
        store::tenant::STATEMENTS,
        store::user::STATEMENTS,
    ];
    book.extend(store::market_list::STATEMENTS);
    let memories = [memory::observation::STATEMENTS, memory::record::STATEMENTS, memory::search::STATEMENTS];
    let shared = [idempotency::STATEMENTS, limit::STATEMENTS, schema::STATEMENTS, gate::STATEMENTS];
    vec![
        ("store", source::sql_files("schema"), all(&book), 9),
        ("memory", object("memory"), all(&memories), 3),
        ("gate", object("gate"), all(&shared), 4),
        ("clock", vec![source::file("schema/objects/clock.sql")], clock::STATEMENTS.to_vec(), 1),
        ("tenant", tenant::SCHEMA.concat().into_iter().map(str::to_owned).collect(), tenant::statements().collect(), 53),
    ]
}

pub fn database(schemas: &[String]) -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    for sql in schemas {
        // Object schemas end a statement with a blank line, migrations with a semicolon.
        for part in sql.split("\n\n") {
            connection
                .execute_batch(&format!("{};", part.trim_end().trim_end_matches(';')))
                .unwrap_or_else(|error| panic!("{error}: {part}"));
        }
    }
    connection
}

#[test]
fn every_statement_is_good_sql_for_its_schema() {
    let mut wrong = Vec::new();
    let mut prepared = 0;
    for (place, schemas, statements, _) in places() {
        let connection = database(&schemas);
        for sql in statements {
            prepared += 1;
            if let Err(error) = connection.prepare(sql) {
                wrong.push(format!("{place}: {error}: {sql}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(prepared > 100, "only {prepared} statements were found");
}

/// SQLite looks at the value of a bare parameter in a join or a LIMIT while it plans, and plans anew on every binding,
/// which costs more than running: an object's hot statement must be planned once. D1 keeps no plans between requests.
#[test]
fn no_statement_of_an_object_is_planned_anew_for_another_value() {
    let mut wrong = Vec::new();
    for (place, schemas, statements, _) in places().into_iter().filter(|(place, ..)| *place != "store") {
        let connection = database(&schemas);
        for sql in statements {
            let mut prepared = connection.prepare(sql).unwrap();
            for value in [1, 2, 3] {
                for parameter in 1..=prepared.parameter_count() {
                    prepared.raw_bind_parameter(parameter, value).unwrap();
                }
                let mut rows = prepared.raw_query();
                // A write may well be refused: what counts is that it was planned.
                while let Ok(Some(_)) = rows.next() {}
                drop(rows);
                prepared.clear_bindings();
            }
            if prepared.get_status(rusqlite::StatementStatus::RePrepare) > 0 {
                wrong.push(format!("{place}: {sql}"));
            }
        }
    }
    assert!(wrong.is_empty(), "write +?1 for ?1 in:\n{}", wrong.join("\n"));
}

/// What SQLite would do for a statement.
fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let mut explained = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    for parameter in 1..=explained.parameter_count() {
        explained.raw_bind_parameter(parameter, 1).unwrap();
    }
    let mut rows = explained.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        steps.push(row.get::<_, String>(3).unwrap());
    }
    steps
}

/// The marketplace grows with everybody in it: what is listed there is found along an index that has its order, and only what
/// was found by words is ordered afterwards, as is a page once it is cut.
#[test]
fn no_list_of_the_marketplace_goes_through_all_there_is() {
    let connection = database(&source::sql_files("schema"));
    let mut wrong = Vec::new();
    let mut pages = 0;
    for sql in store::market_list::STATEMENTS.iter().copied().flatten().chain(store::market::STATEMENTS).chain(store::buyer::STATEMENTS) {
        let is_scan = |step: &String| {
            step.starts_with("SCAN") && !["INDEX", "CONSTANT ROW", "SCAN p", "SCAN w"].iter().any(|known| step.contains(known))
        };
        let is_sort = |step: &String| step.contains("TEMP B-TREE");
        let steps = plan(&connection, sql);
        let page = sql.split_once(") p CROSS JOIN").map(|(page, _)| plan(&connection, page.split_once('(').unwrap().1));
        pages += usize::from(page.is_some());
        let ordered = page.as_ref().unwrap_or(&steps);
        // A human has few wallets, and of each no more than a page is read.
        let is_few = sql.contains("user_wallets w JOIN");
        let may_sort = sql.contains("MATCH") || is_few || sql.contains("LIMIT 1");
        // An index has all that is gone by, but for what the table itself works out.
        let may_look_up = may_sort || sql.contains("rating DESC") || sql.contains("a.version > 0");
        let covers = page.as_ref().is_none_or(|page| may_look_up || page.iter().all(|step| !step.contains("USING INDEX")));
        // What a form itself lists is short.
        if steps.iter().any(|step| is_scan(step) && !step.starts_with("SCAN c VIRTUAL"))
            || (!may_sort && ordered.iter().any(is_sort))
            || !covers
        {
            wrong.push(format!("{steps:?}: {sql}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(pages, 3 * 3 + 5 * 7);
}

/// An agent polls its open orders all day long, whatever it has completed in its life and whatever others have; a buyer turns
/// pages to the last one.
#[test]
fn no_list_of_orders_reads_more_than_it_shows() {
    let object = database(&tenant::SCHEMA.concat().into_iter().map(str::to_owned).collect::<Vec<_>>());
    let lists: Vec<_> =
        tenant::statements().filter(|sql| sql.contains("FROM market_order o") && sql.contains("WHERE o.agent_id = +?1")).collect();
    let (asked_for, others): (Vec<&str>, Vec<&str>) = lists.iter().partition(|sql| sql.contains("o.status = 'in_progress'"));
    let (of_state, of_all): (Vec<&str>, Vec<&str>) = others.iter().partition(|sql| sql.contains("o.status ="));
    let of_client = store::order::STATEMENTS.iter().copied().filter(|sql| sql.contains("WHERE client_wallet")).collect();
    let wanted = [
        (&object, asked_for, "SEARCH o USING INDEX market_order_asked_for (agent_id=? AND id<?)"),
        (&object, of_state, "SEARCH o USING INDEX market_order_of_agent (agent_id=? AND status=? AND id<?)"),
        (&object, of_all, "SEARCH o USING INDEX market_order_by_birth (agent_id=? AND id<?)"),
        (
            &database(&source::sql_files("schema")),
            of_client,
            "SEARCH market_orders USING INDEX market_orders_by_client (client_wallet=? AND order_id<?)",
        ),
    ];
    for (connection, statements, search) in wanted {
        let plans: Vec<_> = statements.into_iter().map(|sql| plan(connection, sql)).collect();
        assert!(!plans.is_empty() && plans.iter().all(|steps| *steps == [search]), "{plans:?}");
    }
}

#[test]
fn no_file_with_statements_is_forgotten() {
    let declared = source::all().iter().filter(|source| source.text.contains("\nstatements! {")).count();
    let known: usize = places().iter().map(|(_, _, _, files)| files).sum();
    assert_eq!(declared, known, "a file declares statements that no test prepares");
}

#[test]
fn every_table_keeps_its_types() {
    for folder in ["schema", "schema/objects"] {
        for sql in source::sql_files(folder) {
            for table in sql.split("\nCREATE TABLE").skip(1) {
                let statement = table.split("\n\n").next().unwrap();
                assert!(statement.contains("STRICT"), "a table of {folder} is not STRICT: {}", statement.lines().next().unwrap());
            }
        }
    }
}
