//! Every SQL statement is prepared against the schema it will run on.

use rusqlite::Connection;

use crate::source::{self, Source};

/// The statements a file declares, by name.
fn declared(source: &Source) -> Vec<(String, String)> {
    let mut statements = Vec::new();
    for block in source.text.split("\nstatements! {").skip(1) {
        let block = block.split("\n}").next().unwrap();
        let mut rest = block;
        while let Some((head, tail)) = rest.split_once(" = \"") {
            let name = head.rsplit(|c: char| c.is_whitespace()).next().unwrap().to_owned();
            let (sql, after) = tail.split_once("\";").unwrap_or_else(|| panic!("{}: {name} does not end", source.path));
            statements.push((name, sql.replace("\\\"", "\"")));
            rest = after;
        }
        let names = block.lines().filter(|line| line.trim_start().chars().next().is_some_and(|c| c.is_ascii_uppercase()) && line.contains(" = ")).count();
        assert!(statements.len() >= names, "{}: a statement was not read", source.path);
    }
    statements
}

fn database(schemas: &[String]) -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    for schema in schemas {
        connection.execute_batch(&schema.split("\n\n").map(|part| format!("{};\n", part.trim_end().trim_end_matches(';'))).collect::<String>()).unwrap();
    }
    connection
}

/// The tables the statements of a file run on.
fn schema_of(path: &str) -> Option<Vec<String>> {
    let object = |name: &str| Some(vec![source::file("schema/objects/common.sql"), source::file(&format!("schema/objects/{name}.sql"))]);
    match path {
        "objects/clock.rs" => Some(vec![source::file("schema/objects/clock.sql")]),
        // The shared statements run in each of these; any one has their tables.
        "objects/limit.rs" | "objects/idempotency.rs" | "objects/schema.rs" | "objects/gate/mod.rs" => object("gate"),
        path if path.starts_with("objects/tenant/") => object("tenant"),
        path if path.starts_with("objects/memory/") => object("memory"),
        _ => None,
    }
}

#[test]
fn every_statement_is_good_sql_for_its_schema() {
    let mut prepared = 0;
    let mut wrong = Vec::new();
    let book_of_record = Connection::open_in_memory().unwrap();
    for migration in source::sql_files("schema") {
        book_of_record.execute_batch(&migration).unwrap();
    }
    for source in source::all().iter().filter(|source| source.text.contains("\nstatements! {")) {
        let own;
        let connection = if source.path.starts_with("store/") {
            &book_of_record
        } else {
            own = database(&schema_of(&source.path).unwrap_or_else(|| panic!("no schema is known for {}", source.path)));
            &own
        };
        for (name, sql) in declared(source) {
            prepared += 1;
            if let Err(error) = connection.prepare(&sql) {
                wrong.push(format!("src/{} {name}: {error}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(prepared > 100, "only {prepared} statements were found");
}

#[test]
fn every_table_keeps_its_types() {
    for folder in ["schema", "schema/objects"] {
        for sql in source::sql_files(folder) {
            for table in sql.split("CREATE TABLE").skip(1) {
                let end = table.split(';').next().unwrap();
                assert!(end.contains("STRICT"), "a table of {folder} is not STRICT: {}", end.lines().next().unwrap());
            }
        }
    }
}
