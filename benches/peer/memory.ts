// Memories of one tenant and their search, over whichever object's SQLite holds them.
import { DurableObject } from "cloudflare:workers";
import memorySchema from "../../schema/objects/memory.sql";
import { newId } from "./id.ts";
import { migrate } from "./migrate.ts";

export interface Search {
  text: string;
  limit: number;
}

export interface Hit {
  id: string;
  content: string;
  score: number;
  source_id: string | null;
  session_id: string;
  importance_score: number;
  tags: Record<string, string | number | boolean>;
  created_at: string;
}

export interface Found {
  results: Hit[];
  total: number;
}

/** Lower-cased Unicode words, OR-ed and quoted: every text is a legal query. */
function expressionOf(text: string): string | undefined {
  const words = new Set(text.toLowerCase().match(/[\p{L}\p{N}]+/gu));
  return words.size === 0 ? undefined : `words : (${[...words].map((word) => `"${word}"`).join(" OR ")})`;
}

export function search(sql: SqlStorage, { text, limit }: Search): Found {
  const expression = expressionOf(text);
  if (expression === undefined) return { results: [], total: 0 };
  const hits = sql
    .exec<{ number: number; score: number; total: number }>(
      `WITH hit AS MATERIALIZED (SELECT rowid / 2 AS number, -bm25(word) AS score FROM word WHERE word MATCH ?)
       SELECT number, score, count(*) OVER () AS total FROM hit ORDER BY score DESC, number DESC LIMIT +?`,
      expression,
      limit,
    )
    .toArray();
  return { results: hits.map(({ number, score }) => read(sql, number, score)), total: hits[0]?.total ?? 0 };
}

/** By primary key, one at a time: dearer than a join only where SQLite keeps its plan, and here it does not. */
function read(sql: SqlStorage, number: number, score: number): Hit {
  const { id, content, source_id, session_id, importance, tags } = sql
    .exec<{ id: string; content: string; source_id: string | null; session_id: string; importance: number; tags: string }>(
      `SELECT id, content, source_id, (SELECT session_id FROM session WHERE session.number = observation.session) AS session_id, importance, tags
       FROM observation WHERE number = ?`,
      number,
    )
    .one();
  return {
    id,
    content,
    score: Math.round(score * 1e6) / 1e6,
    source_id,
    session_id,
    importance_score: importance,
    tags: JSON.parse(tags) as Hit["tags"],
    created_at: new Date(timeOfId(id)).toISOString(),
  };
}

function timeOfId(id: string): number {
  let time = 0;
  for (const letter of id.slice(4, 14)) time = time * 32 + "0123456789ABCDEFGHJKMNPQRSTVWXYZ".indexOf(letter);
  return time;
}

/** Remembers contents as one session, for the benchmark to find. */
export function remember(storage: DurableObjectStorage, sessionId: string, contents: string[], nowMs: number): void {
  const { sql } = storage;
  storage.transactionSync(() => {
    const { session, first } = sql
      .exec<{ session: number; first: number }>("UPDATE tally SET last_session = last_session + 1 RETURNING last_session AS session, last_observation + 1 AS first")
      .one();
    sql.exec(
      "INSERT INTO session (number, session_id, sequence, consolidated_through, merged_through, observations, tokens, working_items, working_tokens, opened_at_ms, updated_at_ms, closed_at_ms) VALUES (?1, ?2, ?3, ?3, 0, ?3, ?4, 0, 0, ?5, ?5, ?5)",
      session,
      sessionId,
      contents.length,
      contents.reduce((sum, content) => sum + Math.ceil(content.length / 4), 0),
      nowMs,
    );
    contents.forEach((content, index) => {
      const number = first + index;
      sql.exec(
        "INSERT INTO observation (number, id, session, working, importance, tokens, folded, tags, content) VALUES (?, ?, ?, 0, 0.5, ?, ?, '{}', ?)",
        number,
        newId("obs", nowMs),
        session,
        Math.ceil(content.length / 4),
        content,
        content,
      );
      sql.exec("INSERT INTO word (rowid, words, scope) VALUES (?1, ?2, ''), (?1 + 1, '', '')", number * 2, content.toLowerCase());
    });
    sql.exec("UPDATE tally SET observations = observations + ?1, last_observation = last_observation + ?1", contents.length);
  });
}

/** The memory in an object of its own, for the variant that goes the way ours goes. */
export class Memory extends DurableObject<unknown> {
  constructor(state: DurableObjectState, env: unknown) {
    super(state, env);
    migrate(state.storage, ["CREATE TABLE schema_version (one INTEGER PRIMARY KEY, version INTEGER NOT NULL) STRICT", memorySchema]);
  }

  search(asked: Search): Found {
    return search(this.ctx.storage.sql, asked);
  }

  remember(sessionId: string, contents: string[], nowMs: number): void {
    remember(this.ctx.storage, sessionId, contents, nowMs);
  }
}
