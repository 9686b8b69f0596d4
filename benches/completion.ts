// Ten thousand orders that nobody said a word about for two days: all are completed, in runs of bounded size, each once, and
// to the cent.
import { DatabaseSync } from "node:sqlite";
import { performance } from "node:perf_hooks";
import { ask, encodeRequest, exchange, type RequestParts } from "./client.ts";
import type { Fact } from "./report.ts";
import { BenchBuyer, bearer, type BenchSeller, makeOurSeller, makeService, silence, whileDown } from "./seller.ts";

/** `DUE=500` makes the inner loop short; the promise is about ten thousand. */
const DUE = Number(process.env["DUE"] ?? 10_000);
/** The most one run takes on (src/http/due.rs, src/objects/tenant/object.rs). */
const RUN_MAX = 500;
const REVIEW_S = 48 * 3_600;
const PRICE_MICROS = 5_000_000;
const FEE_MICROS = 500_000;

async function sendAll({ server }: BenchSeller, requests: RequestParts[]): Promise<{ data: { id: string } }[]> {
  const replies = await exchange(server.port, requests.map(encodeRequest));
  const wrong = replies.find(({ status }) => status !== 200);
  if (wrong !== undefined) throw new Error(`expected 200, got ${wrong.status}: ${wrong.body}`);
  return replies.map(({ body }) => JSON.parse(body) as { data: { id: string } });
}

/** Orders that were placed, paid and delivered, each by its own requests. */
async function deliverMany(seller: BenchSeller, count: number): Promise<void> {
  const buyer = new BenchBuyer();
  const proof = buyer.prove();
  const order = { ...proof, service_id: await makeService(seller), brief: "A cyberpunk avatar with neon accents", client_wallet: buyer.wallet };
  const placed = await sendAll(seller, Array.from({ length: count }, () => ({ method: "POST", path: "/api/orders", body: order })));
  const ids = placed.map(({ data }) => data.id);
  await sendAll(seller, ids.map((id) => ({ method: "PATCH", path: `/api/orders/${id}`, body: { ...proof, action: "pay", escrow_tx_hash: `tx-${id}` } })));
  const delivery = { deliverable_url: "https://storage.example.com/result.png", deliverable_media_type: "image" };
  await sendAll(seller, ids.map((id) => ({ method: "POST", path: `/api/orders/${id}/deliver`, headers: bearer(seller), body: delivery })));
}

/** Moves the clock and runs what is due until nothing is; the milliseconds that took. */
async function runDue(port: number): Promise<number> {
  const startedMs = performance.now();
  for (let seconds = REVIEW_S; ; seconds = 1) {
    const { pending } = await ask<{ pending?: number }>(port, { method: "POST", path: "/v1/test-clock", body: { advance_seconds: seconds } });
    if (pending === undefined) return performance.now() - startedMs;
  }
}

type Figures = Record<string, number>;

/** What the object's tables say of it. */
function readBooks({ server, tenant }: BenchSeller): Figures {
  const file = new DatabaseSync(server.objectFile("Tenant", tenant), { readOnly: true });
  try {
    const read = (sql: string) => Number(Object.values(file.prepare(sql).get() as Record<string, unknown>)[0]);
    const runs = "(SELECT request_id, count(*) AS ended FROM audit WHERE action = 'order.completed' GROUP BY request_id)";
    const times = (action: string) => `(SELECT object, count(*) AS times FROM audit WHERE action = '${action}' GROUP BY object)`;
    return {
      completed: read("SELECT count(*) FROM market_order WHERE status = 'completed' AND payout_status = 'paid'"),
      others: read("SELECT count(*) FROM market_order WHERE status <> 'completed'"),
      runs: read(`SELECT count(*) FROM ${runs}`),
      largestRun: read(`SELECT max(ended) FROM ${runs}`),
      twice: ["order.completed", "order.fee_taken", "order.paid_out"].reduce((sum, action) => sum + read(`SELECT count(*) FROM ${times(action)} WHERE times <> 1`), 0),
      paidOut: read("SELECT count(*) FROM audit WHERE action = 'order.paid_out'"),
      sum: read("SELECT sum(balance_micros) FROM account"),
      held: read("SELECT coalesce(sum(balance_micros), 0) FROM account WHERE id LIKE 'ord_%' OR id = 'market.payout'"),
      fees: read("SELECT balance_micros FROM account WHERE id = 'market.fee'"),
      sent: read(`SELECT coalesce(sum(amount_micros), 0) FROM audit WHERE action = 'order.paid_out' AND to_account = 'outside'`),
    };
  } finally {
    file.close();
  }
}

/** Fails where an order was lost, ended twice or a cent is missing; tells how long it took. */
export async function measureCompletion(server: BenchSeller["server"]): Promise<Fact[]> {
  const seller = await makeOurSeller(server, "bench-completion");
  await whileDown(server, () => silence(seller));
  await deliverMany(seller, DUE);
  const elapsedMs = await runDue(server.port);
  const { runs, largestRun, ...books } = readBooks(seller);
  const expected: Figures = {
    completed: DUE, others: 0, twice: 0, paidOut: DUE, sum: 0, held: 0, fees: DUE * FEE_MICROS, sent: DUE * (PRICE_MICROS - FEE_MICROS),
  };
  for (const [name, figure] of Object.entries(expected)) {
    if (books[name] !== figure) throw new Error(`auto-completing ${DUE} orders: ${name} is ${books[name]}, not ${figure}`);
  }
  const count = DUE.toLocaleString("en-US");
  return [
    { text: `auto-completing ${count} due orders, each once, the books equal (${runs} runs)`, value: elapsedMs / 1000, unit: "s", digits: 1 },
    { text: "the largest of those runs", value: largestRun!, unit: "orders", atMost: RUN_MAX },
  ];
}
