//! What the book of record makes of what it is told of the marketplace: its very statements, on its own tables.

use guildhall::domain::form::order::ReviewForm;
use guildhall::domain::form::profile::ProfileForm;
use guildhall::domain::form::service::ServiceForm;
use guildhall::store::{Bind, Bound, market, market_list};
use rusqlite::types::Value;
use rusqlite::{Connection, StatementStatus};
use serde_json::json;

use crate::{source, statement};

const TENANT: &str = "a1b2c3d4-0000-4000-8000-000000000000";
const ULID: &str = "01J8ZZZZZZZZZZZZZZZZZZZZZZ";

fn run(connection: &Connection, statements: Vec<Bound>) {
    for (sql, values) in statements {
        let values = values.into_iter().map(|value| match value {
            Bind::Null => Value::Null,
            Bind::Integer(number) => Value::Integer(number as i64),
            Bind::Negative(number) => Value::Integer(-(number as i64)),
            Bind::Text(text) => Value::Text(text),
        });
        connection.prepare(sql).unwrap().execute(rusqlite::params_from_iter(values)).unwrap();
    }
}

fn row(connection: &Connection, sql: &str) -> Vec<String> {
    let mut prepared = connection.prepare(sql).unwrap();
    let columns = prepared.column_count();
    prepared.query_row([], |row| (0..columns).map(|at| Ok(format!("{:?}", row.get::<_, Value>(at)?))).collect()).unwrap()
}

fn number(connection: &Connection, sql: &str) -> i64 {
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

fn profile(name: &str, version: u64) -> ProfileForm {
    serde_json::from_value(json!({
        "id": format!("ext_{ULID}"), "slug": "painter", "name": name, "description": "paints what you say", "avatar_url": null,
        "endpoint_url": "https://a.example", "capabilities": ["ugc", "custom"], "verified": 0, "total_orders": 0, "completed_orders": 0,
        "avg_rating": null, "owner_wallet": null, "owner_wallet_verified": false, "payout_wallet": null, "maip_id": "maip:a1b2c3d4:1",
        "token": null, "created_at": "2026-02-02T02:40:00.123Z", "version": version,
    }))
    .unwrap()
}

fn service(title: &str, active: u64, version: u64) -> ServiceForm {
    serde_json::from_value(json!({
        "id": format!("svc_{ULID}"), "agent_id": format!("ext_{ULID}"), "agent_name": "Painter", "agent_slug": "painter", "category": "ugc",
        "title": title, "description": "of whatever you like", "price_usd": "5.00", "price_type": "fixed", "turnaround_hours": 1,
        "deliverables": [], "demo_url": null, "quota_limit": 0, "active": active, "total_orders": 0, "completed_orders": 0,
        "avg_rating": null, "created_at": "2026-02-02T02:40:00.123Z", "version": version,
    }))
    .unwrap()
}

fn review(number: u64, rating: u64) -> ReviewForm {
    serde_json::from_value(json!({
        "id": format!("rev_01J8ZZZZZZZZZZZZZZZZZZZZZ{number}"), "order_id": format!("ord_{ULID}"), "service_id": format!("svc_{ULID}"),
        "reviewer_name": "w", "rating": rating, "comment": null, "created_at": "2026-02-02T02:40:00.123Z",
    }))
    .unwrap()
}

fn book() -> Connection {
    let connection = statement::database(&source::sql_files("schema"));
    let tenant = "INSERT INTO tenants (tenant_uuid, slug, name, state, claimed_by, created_at_ms, projected_seq) VALUES (?1, 'a', 'a', 'born', 'x', 1, 7)";
    connection.execute(tenant, [TENANT]).unwrap();
    connection
}

#[test]
fn a_later_version_stands_whoever_brings_it_first() {
    let book = book();
    for (name, version, stands) in [("Second", 2, "Second"), ("First", 1, "Second"), ("Second", 2, "Second"), ("Third", 3, "Third")] {
        run(&book, market::put_profile(TENANT, &profile(name, version)));
        assert_eq!(row(&book, "SELECT name, form ->> '$.name' FROM market_agents"), vec![format!("Text({stands:?})"); 2]);
        let found = |word: &str| number(&book, &format!("SELECT count(*) FROM market_agent_words WHERE words MATCH '{word}'"));
        assert_eq!((found(stands), found("First")), (1, 0));
    }
    assert_eq!(number(&book, "SELECT count(*) FROM market_capabilities"), 2);
    for (title, active, version, found) in [("A cat", 1, 1, 1), ("A dog", 1, 2, 0), ("A cat", 1, 1, 0), ("A dog", 0, 3, 0)] {
        run(&book, market::put_service(TENANT, &service(title, active, version)));
        assert_eq!(number(&book, "SELECT count(*) FROM market_service_words WHERE words MATCH 'cat'"), found);
    }
    assert_eq!(number(&book, "SELECT active FROM market_services"), 0);
    assert_eq!(number(&book, "SELECT count(*) FROM market_service_words"), 0, "what is withdrawn is not found");
}

#[test]
fn figures_are_counted_once_for_each_event_and_survive_a_change() {
    let book = book();
    run(&book, market::put_profile(TENANT, &profile("Painter", 1)));
    run(&book, market::put_service(TENANT, &service("A cat", 1, 1)));
    let id = format!("svc_{ULID}");
    // A batch that does not follow what was applied, and one that does.
    for after_seq in [6, 7] {
        run(&book, market::count_order(TENANT, after_seq, &id));
        run(&book, market::count_completed(TENANT, after_seq, &id));
        run(&book, market::put_review(TENANT, after_seq, &review(after_seq, 5)));
        run(&book, market::show_agent(TENANT, after_seq, &format!("agt_{ULID}"), after_seq != 7));
    }
    run(&book, market::put_review(TENANT, 7, &review(8, 4)));
    run(&book, market::put_profile(TENANT, &profile("Another", 2)));
    run(&book, market::put_service(TENANT, &service("A dog", 1, 2)));
    for table in ["market_agents", "market_services"] {
        let figures = row(&book, &format!("SELECT orders, completed, ratings, rating_sum, rating, version FROM {table}"));
        assert_eq!(figures, [1, 1, 2, 9, 450, 2].map(|figure| format!("Integer({figure})")), "{table}");
    }
    assert_eq!(number(&book, "SELECT active FROM market_agents"), 0);
    // What lists of one category go by.
    let followed = row(&book, "SELECT count(*), min(completed), min(rating), max(shown), max(number) FROM market_capabilities");
    assert_eq!(followed, [2, 1, 450, 0, 1].map(|figure| format!("Integer({figure})")));
}

#[test]
fn a_service_is_hidden_while_its_agent_is_nobody_to_be_shown() {
    let book = book();
    let agent = format!("agt_{ULID}");
    let hidden = |book: &Connection| number(book, "SELECT hidden FROM market_services");
    // The slug is claimed, and the service comes before the profile.
    book.execute("INSERT INTO market_agents (agent_id, tenant_uuid, slug) VALUES (?1, ?2, 'painter')", [agent.as_str(), TENANT]).unwrap();
    run(&book, market::put_service(TENANT, &service("A cat", 1, 1)));
    assert_eq!(hidden(&book), 1);
    run(&book, market::put_profile(TENANT, &profile("Painter", 1)));
    assert_eq!(hidden(&book), 0);
    for is_active in [false, true, false] {
        run(&book, market::show_agent(TENANT, 7, &agent, is_active));
        assert_eq!(hidden(&book), i64::from(!is_active));
        assert_eq!(number(&book, "SELECT min(shown) FROM market_capabilities"), i64::from(is_active));
    }
    // Nothing that the agent's owner changes shows it again.
    run(&book, market::put_profile(TENANT, &profile("Another", 2)));
    run(&book, market::put_service(TENANT, &service("A dog", 1, 2)));
    assert_eq!((hidden(&book), number(&book, "SELECT max(shown) FROM market_capabilities")), (1, 0));
}

#[test]
fn a_service_is_found_in_the_band_of_its_price() {
    let book = book();
    for (version, price, band) in [(1, "0", 0), (2, "0.99", 1), (3, "5.00", 2), (4, "1000000.00", 3)] {
        let mut form = service("A cat", 1, version);
        form.price_usd = guildhall::domain::market::price::Price::parse(price).unwrap();
        run(&book, market::put_service(TENANT, &form));
        assert_eq!(number(&book, "SELECT band FROM market_services"), band, "{price}");
        assert_eq!(number(&book, &format!("SELECT count(*) FROM market_service_words WHERE marks MATCH 'cugc AND p{band}'")), 1, "{price}");
    }
}

/// A book with so many agents and as many services, every fourth of them hidden, all with words in common.
fn crowded(count: i64) -> Connection {
    let book = book();
    for sql in [
        "INSERT INTO market_agents (number, agent_id, tenant_uuid, slug, version, active, name, completed, ratings, rating_sum, form)
         SELECT i, 'agt_' || i, 't', 's' || i, 1, i % 4 > 0, 'n', i % 97, 1, i % 5, '{}' FROM n",
        "INSERT INTO market_capabilities (agent_id, category, number, shown, completed, rating)
         SELECT 'agt_' || i, 'ugc', i, i % 4 > 0, i % 97, i % 5 * 100 FROM n",
        "INSERT INTO market_agent_words (rowid, words, marks) SELECT i, 'an artist of avatars', 'cugc' FROM n",
        "INSERT INTO market_services (number, service_id, agent_id, tenant_uuid, version, active, hidden, category, price_minor,
         band, turnaround_hours, completed, ratings, rating_sum, form)
         SELECT i, 'svc_' || i, 'agt_' || i, 't', 1, 1, i % 4 = 0, 'ugc', i % 7 * 50, i % 2, i % 48, i % 97, 1, i % 5, '{}' FROM n",
        "INSERT INTO market_service_words (rowid, words, marks) SELECT i, 'an avatar of anybody', 'cugc p0' FROM n",
    ] {
        let numbered = format!("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) {sql}");
        book.execute(&numbered, [count]).unwrap();
    }
    book.execute_batch("ANALYZE").unwrap();
    book
}

/// The steps SQLite takes for a statement so bound.
fn steps_of(book: &Connection, sql: &str, values: &[Value]) -> (i32, usize) {
    let mut prepared = book.prepare(sql).unwrap();
    for (at, value) in values.iter().take(prepared.parameter_count()).enumerate() {
        prepared.raw_bind_parameter(at + 1, value).unwrap();
    }
    let mut rows = prepared.raw_query();
    let mut count = 0;
    while rows.next().unwrap().is_some() {
        count += 1;
    }
    drop(rows);
    (prepared.get_status(StatementStatus::VmStep), count)
}

/// What a statement of a list is bound to, by the names it compares.
fn values_of(sql: &str, offset: i64) -> Vec<Value> {
    let (number, text) = (Value::Integer, |text: &str| Value::Text(text.to_owned()));
    let mut values = vec![number(100), number(offset)];
    if sql.contains("MATCH") {
        values.extend([text("words : (\"a\"*) AND marks : cugc"), number(1_000)]);
        return values;
    }
    if sql.contains("category = ?3") {
        values.push(text("ugc"));
    }
    values.extend([number(0), number(1)]);
    values
}

#[test]
fn no_list_takes_longer_for_there_being_more_to_list() {
    let (some, more) = (crowded(20_000), crowded(40_000));
    let mut wrong = Vec::new();
    let mut listed = 0;
    for sql in market_list::STATEMENTS.iter().copied().flatten().filter(|sql| sql.contains("OFFSET")) {
        for offset in [0, 2_000] {
            let values = values_of(sql, offset);
            let ((steps, found), (steps_of_more, _)) = (steps_of(&some, sql, &values), steps_of(&more, sql, &values));
            listed += found;
            // A hundred rows with what belongs to them, what is skipped in the index, and what was found by words.
            if steps > 60_000 || f64::from(steps_of_more) > f64::from(steps) * 1.05 {
                wrong.push(format!("{steps} steps, of twice as many {steps_of_more}, offset {offset}, {found} found: {sql}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(listed > 44 * 100, "only {listed} rows were read");
}
