// What is measured.
import { encodeRequest } from "./client.ts";
import { type Lane, repeated, type Scene } from "./measure.ts";
import type { Server } from "./server.ts";
import { signIns, wallet } from "./wallet.ts";

/** Enough to keep a single-threaded server busy all the time, few enough that p50 is not the length of a queue. */
const CONNECTIONS = 16;
const WALLETS = 64;

export interface Contenders {
  floor: Server;
  hop: Server;
  peer: Server;
  ours: Server | undefined;
}

/** The bare hops all the rest is held against. */
export function hops({ floor, hop }: Contenders): Scene {
  return {
    title: "Bare hops",
    connections: CONNECTIONS,
    lanes: [
      repeated("floor: no hop", floor, { method: "GET", path: "/hello" }),
      repeated("floor: hop, read", floor, { method: "GET", path: "/read" }),
      repeated("floor: hop, durable write", floor, { method: "GET", path: "/write" }),
      repeated("floor: write, read elsewhere, write", floor, { method: "GET", path: "/metering" }),
      repeated("bare JS: hop, read", hop, { method: "GET", path: "/read" }),
      repeated("bare JS: hop, durable write", hop, { method: "GET", path: "/write" }),
      repeated("bare JS: hop by fetch, durable write", hop, { method: "GET", path: "/write-by-fetch" }),
      repeated("bare JS: write, read elsewhere, write", hop, { method: "GET", path: "/metering" }),
    ],
    claims: [{ text: "Rust hop with a durable write / JavaScript's", of: "floor: hop, durable write", to: "bare JS: hop, durable write" }],
  };
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
export function session({ peer, ours }: Contenders): Scene {
  const lanes = [sessionLane("peer: session", peer)];
  const challenge = { method: "POST" as const, path: "/v2/billing/agent/challenge", body: { wallet_address: wallet(0).address } };
  lanes.push(repeated("peer: challenge", peer, challenge));
  if (ours === undefined) return { title: "Wallet session", connections: CONNECTIONS, lanes, claims: [] };
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
