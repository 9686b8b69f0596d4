import assert from "node:assert/strict";
import { test } from "node:test";
import { splitStatements } from "../../scripts/runtime.ts";
import { useServer } from "./support/server.ts";

const server = useServer();

test("a migration is split where a statement ends and nowhere else", () => {
  const sql = `
    -- a comment; with a semicolon
    CREATE TABLE a (note TEXT DEFAULT 'one; two''s') STRICT; /* and; another */
    CREATE TRIGGER t AFTER INSERT ON a BEGIN
      UPDATE a SET note = CASE WHEN note = ';' THEN 'x' ELSE note END;
      DELETE FROM a WHERE note = '';
    END;
    CREATE INDEX appended ON a (note)`;
  const statements = splitStatements(sql);
  assert.equal(statements.length, 3);
  assert.match(statements[0] ?? "", /^CREATE TABLE a .*STRICT$/);
  assert.match(statements[1] ?? "", /^CREATE TRIGGER t [\s\S]*END$/);
  assert.equal(statements[2], "CREATE INDEX appended ON a (note)");
});

test("migrations that were applied are not applied again", async () => {
  assert.deepEqual(await server.current.runtime.applyMigrations(), []);
});
