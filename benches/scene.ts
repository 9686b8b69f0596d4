// What is measured, and what was promised of it.
import { decodeJwt, type JWTPayload } from "jose";
import { encodeRequest } from "./client.ts";
import { type Lane, repeated, type Scene } from "./measure.ts";
import { proveSpending } from "./proof.ts";
import type { Server } from "./server.ts";
import { type BenchTenant, makeOurManagedTenant, makeOurTenant, makePeerTenant, memories, RARE_WORD } from "./tenant.ts";
import { addMandates, BATCH, BATCH_ITEMS, canSpend, forgeToken, holdOpen, issueToken, makeOurSpender, makePeerSpender, RESERVATIONS, SPEND, type Spender } from "./spender.ts";
import { signIns, wallet } from "./wallet.ts";

/** Enough to keep a single-threaded server busy all the time, few enough that p50 is not the length of a queue. */
const CONNECTIONS = 16;
const WALLETS = 64;

export interface Contenders {
  floor: Server;
  hop: Server;
  peer: Server;
  ours: Server;
  /** Nothing but a stream into the bucket. */
  bucket: Server;
  /** Ours once more, for the scene in which 1,000 other tenants live beside the one measured. */
  crowded: Server;
}

/** The bare hops all the rest is held against. */
export async function hops({ floor, hop }: Contenders): Promise<Scene> {
  return {
    title: "Bare hops",
    connections: CONNECTIONS,
    lanes: [
      repeated("floor: no hop", floor, { method: "GET", path: "/hello" }),
      repeated("floor: hop, read", floor, { method: "GET", path: "/read" }),
      repeated("floor: hop, durable write", floor, { method: "GET", path: "/write" }),
      repeated("bare JS: hop, read", hop, { method: "GET", path: "/read" }),
      repeated("bare JS: hop, durable write", hop, { method: "GET", path: "/write" }),
      repeated("bare JS: hop by fetch, durable write", hop, { method: "GET", path: "/write-by-fetch" }),
    ],
    claims: [{ text: "Rust hop with a durable write / JavaScript's", of: "floor: hop, durable write", to: "bare JS: hop, durable write" }],
  };
}

/** A metered query of an empty memory, each with an Idempotency-Key of its own. */
function queryLane(label: string, server: Server, path: string, tenant: BenchTenant): Lane {
  const placeholder = "bench-0000000000000000";
  const headers = { "X-Tenant-ID": tenant.slug, "X-Tenant-Token": tenant.agentKey, "Idempotency-Key": placeholder };
  const [head, tail] = encodeRequest({ method: "POST", path, headers, body: { tenant_id: tenant.slug, query_text: RARE_WORD } })
    .toString()
    .split(placeholder) as [string, string];
  let count = 0;
  return { label, server, status: 200, next: () => Buffer.from(`${head}bench-${String(count++).padStart(16, "0")}${tail}`) };
}

/** What is charged for: admit and reserve, the work, capture. */
export async function metering({ floor, hop, peer, ours }: Contenders): Promise<Scene> {
  const peerTenant = await makePeerTenant(peer.port, "metering", []);
  const scene: Scene = {
    title: "Metering of `POST /v2/query`",
    connections: CONNECTIONS,
    lanes: [
      repeated("floor: hop, durable write", floor, { method: "GET", path: "/write" }),
      repeated("floor: write, ask another, write", floor, { method: "GET", path: "/metering" }),
      repeated("bare JS: hop, durable write", hop, { method: "GET", path: "/write" }),
      repeated("bare JS: write, ask another, write", hop, { method: "GET", path: "/metering" }),
      queryLane("peer: query, one hop", peer, "/v2/query", peerTenant),
      queryLane("peer: query, two hops", peer, "/two-hops/v2/query", peerTenant),
    ],
    claims: [
      { text: "the peer's one-hop query / a bare JS durable hop", of: "peer: query, one hop", to: "bare JS: hop, durable write", atLeast: 0.7 },
      { text: "the peer's two-hop query / the bare JS hops of its shape", of: "peer: query, two hops", to: "bare JS: write, ask another, write", atLeast: 0.7 },
    ],
  };
  scene.lanes.push(queryLane("ours: query", ours, "/v2/query", await makeOurTenant(ours.port, "bench-metering", [])));
  scene.claims.push(
    { text: "metering, hop by hop / floor (2 hops to 1)", of: "ours: query", to: "floor: hop, durable write", hops: [2, 1], atLeast: 0.5 },
    { text: "metering / the bare Rust hops of its shape", of: "ours: query", to: "floor: write, ask another, write" },
    { text: "metering / peer of the same shape", of: "ours: query", to: "peer: query, two hops", atLeast: 1 },
    { text: "metering / peer with memory and money in one object", of: "ours: query", to: "peer: query, one hop", atLeast: 1 },
  );
  return scene;
}

function sessionLane(label: string, server: Server): Lane {
  const wallets = Array.from({ length: WALLETS }, (_, index) => wallet(index));
  let ready: Buffer[] = [];
  return {
    label,
    server,
    status: 200,
    prepare: async (count) => {
      ready = (await signIns(server.port, wallets, count)).map(encodeRequest);
    },
    next: () => ready.pop(),
  };
}

/** Challenge and session: the work of a wallet's sign-in. */
export async function session({ peer, ours }: Contenders): Promise<Scene> {
  const challenge = { method: "POST" as const, path: "/v2/billing/agent/challenge", body: { wallet_address: wallet(0).address } };
  const lanes = [sessionLane("peer: session", peer), repeated("peer: challenge", peer, challenge)];
  lanes.push(sessionLane("ours: session", ours), repeated("ours: challenge", ours, challenge));
  return {
    title: "Wallet session",
    connections: CONNECTIONS,
    lanes,
    claims: [
      { text: "session exchange (recover, mark, mint) / peer", of: "ours: session", to: "peer: session", atLeast: 2 },
      { text: "challenge / peer", of: "ours: challenge", to: "peer: challenge" },
    ],
  };
}

function balanceLane(label: string, server: Server, { liveKey, walletId }: BenchTenant): Lane {
  return repeated(label, server, { method: "GET", path: `/v1/wallets/${walletId}/balance`, headers: { "X-API-Key": liveKey } });
}

/** An authenticated read: key, limit, two rows. */
export async function read({ floor, hop, peer, ours }: Contenders): Promise<Scene> {
  const scene: Scene = {
    title: "Authenticated read: `GET /v1/wallets/:id/balance`",
    connections: CONNECTIONS,
    lanes: [
      repeated("floor: hop, durable write", floor, { method: "GET", path: "/write" }),
      repeated("bare JS: hop, durable write", hop, { method: "GET", path: "/write" }),
      balanceLane("peer: balance", peer, await makePeerTenant(peer.port, "read", [])),
    ],
    claims: [{ text: "the peer's read / a bare JS durable hop (its limit is a durable write)", of: "peer: balance", to: "bare JS: hop, durable write", atLeast: 0.7 }],
  };
  scene.lanes.push(balanceLane("ours: balance", ours, await makeOurManagedTenant(ours.port, "bench-read")));
  scene.claims.push({ text: "authenticated read / peer", of: "ours: balance", to: "peer: balance", atLeast: 0.8 });
  return scene;
}

/** A query that finds the same 20 memories, one at a time so that p50 is the work and no queue. */
function searchLane(label: string, server: Server, tenant: BenchTenant): Lane {
  const headers = { "X-Tenant-ID": tenant.slug, "X-Tenant-Token": tenant.agentKey };
  return repeated(label, server, { method: "POST", path: "/v2/query", headers, body: { tenant_id: tenant.slug, query_text: RARE_WORD, limit: 20 } });
}

const FEW = 1_000;
const MANY = 100_000;
/** A wallet controls at most 10 tenants (contract). */
const TENANTS_A_WALLET = 10;
const NEIGHBOURS = 1_000;
const NEIGHBOUR_MEMORIES = 20;

/** Size and neighbours must not show: a tenant's query costs what it finds. */
export async function memory({ peer, ours, crowded }: Contenders): Promise<Scene> {
  const few = await makeOurTenant(ours.port, "bench-few", memories(FEW), 1);
  const many = await makeOurTenant(ours.port, "bench-many", memories(MANY), 1);
  const beside = await makeOurTenant(crowded.port, "bench-few", memories(FEW), 1);
  for (let index = 0; index < NEIGHBOURS; index++) {
    const walletIndex = 1_000 + Math.floor(index / TENANTS_A_WALLET);
    await makeOurTenant(crowded.port, `bench-neighbour-${index}`, memories(NEIGHBOUR_MEMORIES), walletIndex);
  }
  const alone = "ours: 1,000 memories";
  return {
    title: "Query that finds the same 20 memories",
    connections: 1,
    lanes: [
      searchLane("peer: 1,000 memories", peer, await makePeerTenant(peer.port, "bench-few", memories(FEW))),
      searchLane(alone, ours, few),
      searchLane("ours: 100,000 memories", ours, many),
      searchLane("ours: 1,000 memories, 1,000 other tenants", crowded, beside),
    ],
    claims: [
      { text: "query p50, 100,000 memories / 1,000, same 20 found", of: "ours: 100,000 memories", to: alone, figure: "p50Ms", atMost: 1.5 },
      { text: "query p50, beside 1,000 tenants / alone", of: "ours: 1,000 memories, 1,000 other tenants", to: alone, figure: "p50Ms", atMost: 1.1 },
      { text: "query of 1,000 memories, one at a time / peer", of: alone, to: "peer: 1,000 memories" },
    ],
  };
}

/** What is promised of a reservation is promised at this many connections. */
const CROWD = 32;
const OPEN_RESERVATIONS = 100_000;
const MANDATES = 10_000;

type MakeSpender = () => Promise<Spender>;

/** Holds money by an execution token, each time under an Idempotency-Key of its own. Every round has a new token. */
function spendLane(label: string, server: Server, spenderOf: MakeSpender, path: string, body: unknown, status: number): Lane {
  const placeholder = "bench-0000000000000000";
  let [head, tail] = ["", ""];
  let count = 0;
  return {
    label,
    server,
    status,
    prepare: async () => {
      const headers = { Authorization: `Bearer ${await issueToken(await spenderOf())}`, "Idempotency-Key": placeholder };
      [head, tail] = encodeRequest({ method: "POST", path, headers, body }).toString().split(placeholder) as [string, string];
    },
    next: () => Buffer.from(`${head}bench-${String(count++).padStart(16, "0")}${tail}`),
  };
}

function reserveLane(label: string, server: Server, spenderOf: MakeSpender): Lane {
  return spendLane(label, server, spenderOf, RESERVATIONS, SPEND, 201);
}

function always(spender: Spender): MakeSpender {
  return async () => spender;
}

/** A tenant without any reservation at the start of every round. */
function freshly(make: (slug: string) => Promise<Spender>, slug: string): MakeSpender {
  let count = 0;
  return () => make(`${slug}-${count++}`);
}

interface SpendContender {
  name: "peer" | "ours";
  server: Server;
  make: (slug: string) => Promise<Spender>;
}

/** Who has the routes of spending, each having proved that it uses them rightly; asked once a run. */
let able: Promise<SpendContender[]> | undefined;

function spenders({ peer, ours }: Contenders): Promise<SpendContender[]> {
  able ??= (async () => {
    const all: SpendContender[] = [
      { name: "peer", server: peer, make: (slug) => makePeerSpender(peer.port, slug) },
      { name: "ours", server: ours, make: (slug) => makeOurSpender(ours.port, slug) },
    ];
    const chosen: SpendContender[] = [];
    for (const contender of all) {
      const { name, server, make } = contender;
      if (!(await canSpend(server))) {
        process.stderr.write(`  ${name}: the routes of spending answer 404, so they are not measured\n`);
        continue;
      }
      try {
        await proveSpending(await make(`bench-proof-${name}`));
      } catch (error) {
        throw new Error(`${name} does not spend as the contract says: ${(error as Error).message}\n${server.log()}`, { cause: error });
      }
      chosen.push(contender);
    }
    return chosen;
  })();
  return able;
}

/** A reservation whole: token, limit, idempotency key, mandate, hold, audit, outbox. */
export async function reservation(contenders: Contenders): Promise<Scene> {
  const { floor, hop } = contenders;
  const body = { ...SPEND, agent_id: "agt_01ARZ3NDEKTSV4RRFFQ69G5FAV", mandate_id: "mdt_01ARZ3NDEKTSV4RRFFQ69G5FAV" };
  const contending = await spenders(contenders);
  const lanes = [
    repeated("floor: hop, durable write", floor, { method: "GET", path: "/write" }),
    repeated("floor: hop that keeps a body", floor, { method: "POST", path: "/keep", body }),
    repeated("bare JS: hop, durable write", hop, { method: "GET", path: "/write" }),
  ];
  for (const { name, server, make } of contending) lanes.push(reserveLane(`${name}: reservation`, server, always(await make(`bench-reservation-${name}`))));
  const scene: Scene = {
    title: "`POST /v1/spend-guard/reservations`",
    connections: CROWD,
    lanes,
    claims: [{ text: "the peer's reservation / a bare JS durable hop", of: "peer: reservation", to: "bare JS: hop, durable write" }],
  };
  if (!contending.some(({ name }) => name === "ours")) return scene;
  scene.claims.push(
    { text: "reservation / floor, a bare durable hop", of: "ours: reservation", to: "floor: hop, durable write", atLeast: 0.4 },
    { text: "reservation / floor, a bare durable hop that keeps a body", of: "ours: reservation", to: "floor: hop that keeps a body" },
    { text: "reservation / peer (aim 1.5)", of: "ours: reservation", to: "peer: reservation", atLeast: 1 },
  );
  scene.ceilings = [{ text: `reservation, p99 at ${CROWD} connections`, of: "ours: reservation", figure: "p99Ms", unit: "ms", digits: 1, atMost: 25 }];
  return scene;
}

/** Requests with a token each that no instance has seen. */
function unseenTokenLane(label: string, server: Server, claims: JWTPayload): Lane {
  let ready: Buffer[] = [];
  let count = 0;
  return {
    label,
    server,
    status: 401,
    prepare: async (wanted) => {
      const tokens = await Promise.all(Array.from({ length: wanted }, () => forgeToken({ ...claims, jti: `bench-${count++}` })));
      ready = tokens.map((token) => encodeRequest({ method: "POST", path: RESERVATIONS, headers: { Authorization: `Bearer ${token}` }, body: SPEND }));
    },
    next: () => ready.pop(),
  };
}

/**
 * The check of an execution token, as the processor time between a request without one and a request whose token holds
 * in everything but its last claim: both are refused before any hop. A token comes for the first time once and then with
 * every request of its agent, so both are measured.
 */
export async function token(contenders: Contenders): Promise<Scene> {
  const scene: Scene = { title: "Execution-token check", connections: CONNECTIONS, lanes: [], claims: [], ceilings: [] };
  for (const { name, server, make } of await spenders(contenders)) {
    const { tenant: _, ...claims } = decodeJwt(await issueToken(await make(`bench-token-${name}`)));
    const headers = { Authorization: `Bearer ${await forgeToken(claims)}` };
    const none = `${name}: refused, no token`;
    const [unseen, seen] = [`${name}: refused, a new token checked`, `${name}: refused, the same token checked`];
    scene.lanes.push(
      repeated(none, server, { method: "POST", path: RESERVATIONS, body: SPEND }, 401),
      unseenTokenLane(unseen, server, claims),
      repeated(seen, server, { method: "POST", path: RESERVATIONS, headers, body: SPEND }, 401),
    );
    for (const [what, of] of [["new", unseen], ["seen before", seen]] as const) {
      const ceiling = { text: `execution-token check, ${what}, processor time (${name})`, of, minus: none, figure: "cpuMicros" as const, unit: "us" };
      scene.ceilings!.push(name === "ours" ? { ...ceiling, atMost: 150 } : ceiling);
    }
  }
  return scene;
}

/** What a tenant has already must not show, one request at a time so that p50 is the work and no queue. */
export async function many(contenders: Contenders): Promise<Scene> {
  const scene: Scene = { title: "Reservation in a tenant that has many", connections: 1, lanes: [], claims: [] };
  for (const { name, server, make } of await spenders(contenders)) {
    const open = await make(`bench-open-${name}`);
    await holdOpen(open, OPEN_RESERVATIONS);
    const ruled = await make(`bench-mandates-${name}`);
    await addMandates(ruled, MANDATES - 1);
    const [few, manyOpen, manyMandates] = [`${name}: 1 mandate, none open`, `${name}: 100,000 open`, `${name}: 10,000 mandates`];
    scene.lanes.push(
      reserveLane(few, server, freshly(make, `bench-few-${name}`)),
      reserveLane(manyOpen, server, always(open)),
      reserveLane(manyMandates, server, always(ruled)),
    );
    const wanted = name === "ours" ? { atMost: 1.3 } : {};
    scene.claims.push(
      { text: `reservation p50, 100,000 open / none (${name})`, of: manyOpen, to: few, figure: "p50Ms", ...wanted },
      { text: `reservation p50, 10,000 mandates / 1 (${name})`, of: manyMandates, to: few, figure: "p50Ms", ...wanted },
    );
  }
  return scene;
}

/** A hundred in one call, against one. */
export async function batch(contenders: Contenders): Promise<Scene> {
  const scene: Scene = { title: "A batch of 100 reservations", connections: 1, lanes: [], claims: [] };
  const items = { items: Array.from({ length: BATCH_ITEMS }, () => SPEND) };
  for (const { name, server, make } of await spenders(contenders)) {
    const [one, hundred] = [`${name}: one`, `${name}: batch of 100`];
    scene.lanes.push(
      reserveLane(one, server, freshly(make, `bench-one-${name}`)),
      spendLane(hundred, server, freshly(make, `bench-batch-${name}`), BATCH, items, 200),
    );
    const wanted = name === "ours" ? { atMost: 10 } : {};
    scene.claims.push({ text: `p50 of a batch of 100 / of one (${name})`, of: hundred, to: one, figure: "p50Ms", ...wanted });
  }
  return scene;
}
