//! Bringing an object's tables to the version this build knows: forward only, inside one transaction of the shell's.

use super::sql::{Sql, SqlError};
use crate::{params, statements};

statements! {
    COUNT_VERSION_TABLES = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'";
}

/// Reads the version; it can be prepared only once the tables are there, so it stands apart from `STATEMENTS`.
const READ_VERSION: &str = "SELECT version FROM schema_version";
const WRITE_VERSION: &str = "INSERT OR REPLACE INTO schema_version (one, version) VALUES (1, ?1)";

/// One version of a class of objects: the schema files it adds, in order.
pub type Version = &'static [&'static str];

/// The statements of a schema file, triggers included: a blank line ends one, and none stands inside one.
pub fn split(schema: &'static str) -> impl Iterator<Item = &'static str> {
    let says_something = |part: &&str| part.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with("--"));
    schema.split("\n\n").map(str::trim).filter(says_something)
}

/// The version of the tables there are; `None` when there are none. One statement once there are tables.
pub fn installed_version(sql: &dyn Sql) -> Result<Option<usize>, SqlError> {
    match sql.first(READ_VERSION, &[]) {
        Ok(Some(row)) => usize::try_from(row.unsigned(0)?).map(Some).map_err(|_| SqlError::Shape("schema version out of range")),
        Ok(None) => Err(SqlError::Shape("schema_version is empty")),
        Err(error) => match sql.first(COUNT_VERSION_TABLES, &[])? {
            Some(row) if row.unsigned(0)? == 0 => Ok(None),
            _ => Err(error),
        },
    }
}

/// Applies the versions that are missing. Costs one statement when there are none.
pub fn migrate(sql: &dyn Sql, versions: &[Version]) -> Result<(), SqlError> {
    let installed = installed_version(sql)?.unwrap_or(0);
    if installed >= versions.len() {
        return Ok(());
    }
    for file in versions.iter().skip(installed).flat_map(|version| version.iter()) {
        for statement in split(file) {
            sql.run(statement, &[])?;
        }
    }
    sql.run(WRITE_VERSION, params![u64::try_from(versions.len()).unwrap_or(u64::MAX)])?;
    Ok(())
}
