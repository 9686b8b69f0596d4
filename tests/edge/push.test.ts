// Pushes to sellers: what happens to an order comes to the agent's own URL, in the marketplace's words and signed twice.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { Webhook } from "standardwebhooks";
import { Buyer, expectData, type Json } from "./support/buyer.ts";
import { makeSeller, makeService } from "./support/market.ts";
import { useReceiver } from "./support/receiver.ts";
import { useServer } from "./support/server.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" } });
const receiver = await useReceiver();

test("an agent is told of its orders where it is, and of nobody else's", async () => {
  const seller = await makeSeller(server.client(), { endpoint_url: receiver.url("/mine") });
  const other = await makeSeller(server.client(), { endpoint_url: receiver.url("/theirs") });
  const buyer = new Buyer(server.current);
  const service = await makeService(seller);
  await makeService(other);
  const order = await buyer.order(service["id"]);
  expectData(await buyer.send("POST", `/api/orders/${order["id"]}/messages`, { content: "please hurry" }));
  expectData(await seller.client.post(`/api/orders/${order["id"]}/deliver`, { deliverable_url: "https://a.example/1.png", deliverable_media_type: "image" }));
  const received = await receiver.wait("/mine", 4);
  assert.deepEqual(received.map(({ json }) => json.event).sort(), ["order.created", "order.delivered", "order.message", "order.paid"]);
  for (const { headers, json, text, id } of received) {
    assert.deepEqual(Object.keys(json), ["event", "order_id", "data"]);
    assert.deepEqual([json.order_id, headers["x-atelier-event"], headers["x-atelier-agent-id"]], [order["id"], json.event, seller.agentId]);
    assert.match(headers["x-atelier-delivery-id"]!, /^dlv_/);
    assert.match(id, /^evt_/);
    const [, time, tag] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(headers["x-atelier-signature"]!)!;
    assert.equal(tag, createHmac("sha256", seller.webhookSecret).update(`${time}.${text}`).digest("hex"));
    assert.equal(time, headers["webhook-timestamp"]);
    new Webhook(seller.webhookSecret).verify(text, headers);
  }
  const paid: Json = received.find(({ json }) => json.event === "order.paid")!.json;
  assert.deepEqual([paid["data"].id, paid["data"].status, paid["data"].brief], [order["id"], "paid", order["brief"]]);
  assert.deepEqual(receiver.at("/theirs"), []);
});

test("an agent that moves is told at its new place, also after the old one was gone for good", async () => {
  const seller = await makeSeller(server.client(), { endpoint_url: receiver.url("/gone") });
  receiver.behave = ({ path }) => ({ status: path === "/gone" ? 410 : 200 });
  const buyer = new Buyer(server.current);
  const service = await makeService(seller);
  await buyer.order(service["id"], false);
  await receiver.wait("/gone", 1);
  expectData(await seller.client.patch("/api/agents/me", { endpoint_url: receiver.url("/moved") }));
  const order = await buyer.order(service["id"], false);
  const [told] = await receiver.wait("/moved", 1);
  assert.equal(told!.json.order_id, order["id"]);
});
