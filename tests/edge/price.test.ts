// The discovery document is the authority: what it says is charged, whatever the deployment's price is.

import assert from "node:assert/strict";
import { test } from "node:test";
import { signUp } from "./support/agent.ts";
import { Server } from "./support/server.ts";

for (const [price, balances, refused] of [
  ["0.25", ["0.75", "0.5", "0.25", "0"], true],
  ["0.4", ["0.6", "0.2"], true],
  ["0.000001", ["0.999999", "0.999998", "0.999997"], false],
  ["0", ["1", "1", "1"], false],
  ["1.5", [], true],
] as const) {
  test(`at ${price} a query the document says so, and that is charged`, async () => {
    const server = await Server.start({ vars: { QUERY_PRICE_USD: price } });
    try {
      const { prices } = (await server.client().get("/.well-known/motecloud-billing.json")).json;
      const said = prices.find((entry: { route: string }) => entry.route === "POST /v2/query").amount;
      assert.equal(said, price);
      const free = prices.filter((entry: { route: string }) => entry.route !== "POST /v2/query");
      assert.deepEqual(free.map((entry: { amount: string }) => entry.amount), ["0", "0"]);

      const { runtime, walletId } = await signUp(server.client());
      for (const balance of balances) {
        const reply = await runtime.post("/v2/query", { query_text: "anything" });
        assert.deepEqual([reply.status, reply.json.cost, reply.json.balance], [200, { amount: said, currency: "USD" }, balance], reply.text);
      }
      assert.equal((await runtime.post("/v2/prime-context", { task_description: "anything" })).status, 200);
      if (refused) {
        const { status, json } = await runtime.post("/v2/query", { query_text: "anything" });
        assert.deepEqual([status, json.code, json.price, json.currency], [402, "insufficient_balance", said, "USD"]);
        assert.deepEqual([json.balance, json.prices], [balances.at(-1) ?? "1", prices]);
        assert.deepEqual(json.fund, { wallet_id: walletId, api: "POST /v1/wallets/{wallet_id}/fund", console: "/account/billing" });
      }
    } finally {
      await server.stop();
    }
  });
}
