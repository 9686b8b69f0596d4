/** Makes an object's tables when it has none. */
export function migrate(storage: DurableObjectStorage, schemas: string[]): void {
  const { tables } = storage.sql.exec<{ tables: number }>("SELECT count(*) AS tables FROM sqlite_master WHERE name = 'schema_version'").one();
  if (tables > 0) return;
  storage.transactionSync(() => {
    for (const schema of schemas) storage.sql.exec(schema);
    storage.sql.exec("INSERT INTO schema_version (one, version) VALUES (1, 1)");
  });
}
