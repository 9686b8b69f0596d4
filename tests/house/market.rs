//! What the book of record makes of what it is told of the marketplace: its very statements, on its own tables.

use guildhall::domain::form::order::ReviewForm;
use guildhall::domain::form::profile::ProfileForm;
use guildhall::domain::form::service::ServiceForm;
use guildhall::store::{Bind, Bound, market};
use rusqlite::Connection;
use rusqlite::types::Value;
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
        run(&book, vec![market::show_agent(TENANT, after_seq, &format!("agt_{ULID}"), after_seq != 7)]);
    }
    run(&book, market::put_review(TENANT, 7, &review(8, 4)));
    run(&book, market::put_profile(TENANT, &profile("Another", 2)));
    run(&book, market::put_service(TENANT, &service("A dog", 1, 2)));
    for table in ["market_agents", "market_services"] {
        let figures = row(&book, &format!("SELECT orders, completed, ratings, rating_sum, rating, version FROM {table}"));
        assert_eq!(figures, [1, 1, 2, 9, 450, 2].map(|figure| format!("Integer({figure})")), "{table}");
    }
    assert_eq!(number(&book, "SELECT active FROM market_agents"), 0);
}
