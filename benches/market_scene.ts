// What is measured of the marketplace, and what was promised of it.
import assert from "node:assert/strict";
import { ask, encodeRequest, exchange } from "./client.ts";
import { type Lane, repeated, type Scene } from "./measure.ts";
import type { Contenders } from "./scene.ts";
import { BenchBuyer, bearer, type BenchSeller, fillDatabase, fillObject, makeOurSeller, makePeerSeller, makeService, numberedOrder, type Shelf, silence, whileDown } from "./seller.ts";
import { newUpload, UPLOAD_BYTES, uploadLane } from "./upload.ts";

const CONNECTIONS = 16;
/** Orders that wait for an agent at each of its polls, and those it had before. */
const OPEN = 50;
const CLOSED = 1_000;
const FEW = 1_000;
/** `ORDERS=50000` makes the inner loop short; the promise is about a million. */
const MANY = Number(process.env["ORDERS"] ?? 1_000_000);
const POLLED_SHELF: Shelf = { mark: 1, orders: FEW, ownEvery: 1, openEvery: FEW / OPEN };
/** Enough to be delivered for as long as a run takes. */
const DELIVERED_SHELF: Shelf = { mark: 2, orders: 200_000, ownEvery: 1, openEvery: 1 };
const DELIVERY = { deliverable_url: "https://storage.example.com/result.png", deliverable_media_type: "image" };

const POLLED = "status=paid,in_progress";
const KEPT = "peer: poll of what is kept";

/** `root` is where the peer answers out of what its rows keep. */
function pollOf(seller: BenchSeller, query = POLLED, root: "api" | "kept" = "api") {
  return { method: "GET" as const, path: `/${root}/agents/${seller.extId}/orders?${query}`, headers: bearer(seller) };
}

function pollLane(label: string, seller: BenchSeller, root: "api" | "kept" = "api"): Lane {
  return repeated(label, seller.server, pollOf(seller, POLLED, root));
}

/** What is told of an order. */
const MEMBERS =
  "id service_id service_title client_wallet provider_agent_id provider_name brief reference_urls reference_images status quoted_price_usd platform_fee_usd payment_method escrow_tx_hash payout_tx_hash deliverable_url deliverable_media_type deliverable_sha256 deliverables quota_total quota_used workspace_expires_at delivered_at review_deadline completed_at dispute_count auto_action_at settlement payout_status refund_status refund_tx_hash created_at version";

interface Listed {
  data: { id: string; status: string; brief: string }[];
}

/** All of the open ones and nothing else, newest first: what is fast and wrong is not measured. */
async function provePoll(seller: BenchSeller, root: "api" | "kept" = "api"): Promise<void> {
  const { data } = await ask<Listed>(seller.server.port, pollOf(seller, POLLED, root));
  const ids = data.map(({ id }) => id);
  assert.deepEqual([ids.length, new Set(data.map(({ status }) => status))], [OPEN, new Set(["paid"])]);
  assert.deepEqual(ids, [...ids].sort().reverse());
  assert.equal(Object.keys(data[0]!).join(" "), MEMBERS);
  const { data: none } = await ask<Listed>(seller.server.port, pollOf(seller, "status=in_progress", root));
  assert.deepEqual(none, []);
}

/** What was written to the tables as an order's listed form is what its other columns make of it. */
async function proveForms(seller: BenchSeller): Promise<void> {
  const { data: [listed] } = await ask<{ data: { id: string }[] }>(seller.server.port, pollOf(seller, `${POLLED}&limit=1`));
  const { data } = await ask<{ data: { order: object } }>(seller.server.port, { method: "GET", path: `/api/orders/${listed!.id}`, headers: bearer(seller) });
  assert.deepEqual(data.order, listed);
}

/** An agent that sells, and a wallet whose orders stand in the same database; all orders but the first are written to the files. */
async function shelve(seller: BenchSeller, orders: number, closed: number): Promise<BenchBuyer> {
  const { server } = seller;
  const buyer = new BenchBuyer();
  const body = { ...buyer.prove(), service_id: await makeService(seller), brief: "A cyberpunk avatar with neon accents", client_wallet: buyer.wallet };
  const { data: form } = await ask<{ data: { id: string; client_wallet: string } }>(server.port, { method: "POST", path: "/api/orders", body });
  const shelf = { mark: 3, orders, ownEvery: Math.floor(orders / (OPEN + closed)), openEvery: (OPEN + closed) / OPEN };
  await whileDown(server, () => {
    fillObject(seller, shelf);
    fillDatabase(server, seller.tenant, form, shelf);
    silence(seller);
  });
  await provePoll(seller);
  await proveForms(seller);
  return buyer;
}

function buyersLane(label: string, { server }: BenchSeller, buyer: BenchBuyer): Lane {
  const query = new URLSearchParams(Object.entries(buyer.prove()).map(([name, value]) => [name, String(value)]));
  return repeated(label, server, { method: "GET", path: `/api/orders?limit=50&${query}` });
}

/** A poll of fifty open orders, where a thousand stand and where a million do: in the same object and in the same database. */
export async function poll({ ours, crowded }: Contenders): Promise<Scene> {
  const [few, many] = [await makeOurSeller(ours), await makeOurSeller(crowded)];
  const [buyerOfFew, buyerOfMany] = [await shelve(few, FEW, FEW - OPEN), await shelve(many, MANY, CLOSED)];
  const count = MANY.toLocaleString("en-US");
  const [polledFew, polledMany] = ["ours: poll among 1,000 orders", `ours: poll among ${count}`];
  const [listedFew, listedMany] = ["ours: a buyer's list among 1,000", `ours: a buyer's list among ${count}`];
  return {
    title: "An agent's poll of 50 open orders, and a buyer's list of 50",
    connections: 1,
    lanes: [pollLane(polledFew, few), pollLane(polledMany, many), buyersLane(listedFew, few, buyerOfFew), buyersLane(listedMany, many, buyerOfMany)],
    claims: [
      { text: `poll p50, ${count} orders in the same object / 1,000`, of: polledMany, to: polledFew, figure: "p50Ms", atMost: 1.3 },
      { text: `a buyer's list p50, ${count} orders in the database / 1,000`, of: listedMany, to: listedFew, figure: "p50Ms", atMost: 1.3 },
    ],
  };
}

async function statusOf(seller: BenchSeller, path: string, body: unknown): Promise<number> {
  const [reply] = await exchange(seller.server.port, [encodeRequest({ method: "POST", path, headers: bearer(seller), body })], 1);
  return reply!.status;
}

/** Delivers once, refuses what the contract refuses, and offers no more what was delivered. The order is the last one. */
async function proveDelivery(seller: BenchSeller): Promise<void> {
  const last = DELIVERED_SHELF.orders;
  const id = numberedOrder(DELIVERED_SHELF, last);
  const path = `/api/orders/${id}/deliver`;
  for (const wrong of [{}, { ...DELIVERY, deliverable_url: "ftp://example.com/x" }, { ...DELIVERY, deliverable_url: "http://127.1/x" }, { ...DELIVERY, deliverable_media_type: "text" }]) {
    assert.equal(await statusOf(seller, path, wrong), 400, JSON.stringify(wrong));
  }
  assert.equal(await statusOf({ ...seller, key: `${seller.key.slice(0, -4)}0000` }, path, DELIVERY), 401);
  assert.equal(await statusOf(seller, `/api/orders/${numberedOrder(DELIVERED_SHELF, last + 1)}/deliver`, DELIVERY), 404);
  const { data } = await ask<{ data: Record<string, unknown> }>(seller.server.port, { method: "POST", path, headers: bearer(seller), body: DELIVERY });
  const { status, deliverable_url, deliverable_media_type, deliverables, delivered_at, review_deadline, auto_action_at, version } = data;
  assert.deepEqual([status, { deliverable_url, deliverable_media_type }, (deliverables as unknown[]).length, version], ["delivered", DELIVERY, 1, 4]);
  assert.deepEqual([Date.parse(String(review_deadline)) - Date.parse(String(delivered_at)), auto_action_at], [48 * 3_600_000, review_deadline]);
  assert.equal(await statusOf(seller, path, DELIVERY), 400, "it was delivered");
  const { data: polled } = await ask<Listed>(seller.server.port, pollOf(seller, `${POLLED}&limit=1`));
  assert.deepEqual(polled.map((order) => order.id), [numberedOrder(DELIVERED_SHELF, last - 1)]);
}

function deliverLane(label: string, seller: BenchSeller): Lane {
  let next = 1;
  return {
    label,
    server: seller.server,
    status: 200,
    next: () => (next < DELIVERED_SHELF.orders ? encodeRequest({ method: "POST", path: `/api/orders/${numberedOrder(DELIVERED_SHELF, next++)}/deliver`, headers: bearer(seller), body: DELIVERY }) : undefined),
  };
}

/**
 * What an agent does all day, beside the peer: two hops each, its address and its tenant, and for a delivery the row that
 * buyers list. Neither pushes: what a push costs is not the route's.
 */
export async function market({ peer, ours }: Contenders): Promise<Scene> {
  const scene: Scene = { title: "An agent at the marketplace: it polls 50 open orders, it delivers", connections: CONNECTIONS, lanes: [], claims: [] };
  for (const [name, server, make] of [["peer", peer, makePeerSeller], ["ours", ours, makeOurSeller]] as const) {
    const [polling, delivering] = [await make(server, "bench-polling"), await make(server, "bench-delivering")];
    const isOurs = name === "ours";
    await whileDown(server, () => {
      fillObject(polling, POLLED_SHELF);
      fillObject(delivering, DELIVERED_SHELF);
      if (isOurs) for (const seller of [polling, delivering]) silence(seller);
    });
    await provePoll(polling);
    try {
      await proveDelivery(delivering);
    } catch (error) {
      throw new Error(`${name} does not deliver as the contract says: ${(error as Error).message}\n${server.log()}`, { cause: error });
    }
    scene.lanes.push(pollLane(`${name}: poll`, polling), deliverLane(`${name}: deliver`, delivering));
    if (isOurs) continue;
    await provePoll(polling, "kept");
    scene.lanes.push(pollLane(KEPT, polling, "kept"));
  }
  scene.claims.push(
    { text: "poll / peer, which makes each order of its row", of: "ours: poll", to: "peer: poll", atLeast: 1 },
    { text: "poll / peer that keeps in the row what is listed, as ours does", of: "ours: poll", to: KEPT, atLeast: 1 },
    { text: "deliver / peer", of: "ours: deliver", to: "peer: deliver", atLeast: 1 },
  );
  return scene;
}

/** A file of the largest size that is taken, against nothing but a stream into the same bucket. */
export async function upload({ bucket, ours }: Contenders): Promise<Scene> {
  const bare = "bare R2 put";
  const uploaded = "ours: upload";
  const megabytes = UPLOAD_BYTES / 1_048_576;
  return {
    title: `An upload of ${megabytes} MiB`,
    connections: 1,
    lanes: [
      uploadLane(bare, bucket, async () => newUpload("bare")),
      // A seller of its own for each round: a tenant's files have a bound.
      uploadLane(uploaded, ours, async () => newUpload("form", await makeOurSeller(ours, "bench-upload"))),
    ],
    claims: [{ text: `p50 of an upload of ${megabytes} MiB / a bare R2 put`, of: uploaded, to: bare, figure: "p50Ms", atMost: 1.5 }],
  };
}
