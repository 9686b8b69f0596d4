// Tenants made before anything is measured: at the peer by one private call, at ours by the way everybody goes.
import { randomBytes } from "node:crypto";
import { ask } from "./client.ts";
import { signIns, wallet } from "./wallet.ts";

export interface BenchTenant {
  slug: string;
  agentKey: string;
  liveKey: string;
  walletId: string;
  agentId: string;
}

const WORDS =
  "amber basalt cedar delta ember fjord glacier harbor island juniper kelp lagoon meadow nectar orchard prairie quartz ravine summit tundra umber valley willow xenon yarrow zephyr".split(" ");

/** The word that stands in exactly 20 memories of any tenant that has at least 20. */
export const RARE_WORD = "heliotrope";
const RARE_MEMORIES = 20;

/** Texts to remember: all different, and the same 20 with the rare word whatever the count. */
export function memories(count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const word = (step: number) => WORDS[(index * step + (index >> 5)) % WORDS.length]!;
    const text = `Note ${index}: ${word(1)} ${word(3)} beside ${word(5)}, then ${word(7)} and ${word(11)} at ${word(17)}.`;
    return index < RARE_MEMORIES ? `${text} The ${RARE_WORD} was there.` : text;
  });
}

function key(prefix: string, uuid: string): string {
  return `${prefix}${uuid}${randomBytes(8).toString("hex")}${randomBytes(24).toString("hex")}`;
}

export async function makePeerTenant(port: number, slug: string, contents: string[]): Promise<BenchTenant> {
  const uuid = randomBytes(16).toString("hex");
  const [agentKey, liveKey] = [key("mtak_", uuid), key("tl_live_", uuid)];
  const body = { uuid, slug, keys: [agentKey, liveKey], contents };
  const { wallet_id: walletId, agent_id: agentId } = await ask<{ wallet_id: string; agent_id: string }>(port, { method: "POST", path: "/seed", body });
  return { slug, agentKey, liveKey, walletId, agentId };
}

/** How many observations one call brings (contract: at most 100). */
const OBSERVATIONS_A_CALL = 100;

type Post = <T>(path: string, body: unknown, headers: Record<string, string>, status: number) => Promise<T>;

function poster(port: number): Post {
  return <T>(path: string, body: unknown, headers: Record<string, string>, status: number) => ask<T>(port, { method: "POST", path, body, headers }, status);
}

async function rememberAll(post: Post, { slug, agentKey }: { slug: string; agentKey: string }, contents: string[]): Promise<void> {
  const agent = { "X-Tenant-ID": slug, "X-Tenant-Token": agentKey };
  for (let start = 0; start < contents.length; start += OBSERVATIONS_A_CALL) {
    const observations = contents.slice(start, start + OBSERVATIONS_A_CALL).map((content) => ({ content }));
    await post("/v2/session/finalize", { tenant_id: slug, session_id: `bench-${start}`, observations }, agent, 200);
  }
}

/** An agent's tenant: a wallet signs in, signs up and remembers, the way every agent goes. */
export async function makeOurTenant(port: number, slug: string, contents: string[], walletIndex = 0): Promise<BenchTenant> {
  const post = poster(port);
  const [signIn] = await signIns(port, [wallet(walletIndex)], 1);
  const { session_token: token } = await ask<{ session_token: string }>(port, signIn!);
  const bearer = { Authorization: `Bearer ${token}` };
  const born = await post<{ agent_key: string; wallet_id: string; agent_id: string }>("/v2/agents/signup", { tenant_id: slug }, bearer, 201);
  await rememberAll(post, { slug, agentKey: born.agent_key }, contents);
  return { slug, agentKey: born.agent_key, liveKey: "", walletId: born.wallet_id, agentId: born.agent_id };
}

/** A human's tenant, with a management key. */
export async function makeOurManagedTenant(port: number, slug: string): Promise<BenchTenant> {
  const post = poster(port);
  const account = { email: `${slug}@bench.example`, password: "a long enough password" };
  await post("/api/register", account, {}, 200);
  const { token } = await post<{ token: string }>("/api/auth/token", account, {}, 200);
  const human = { Authorization: `Bearer ${token}` };
  const { wallet_id: walletId } = await post<{ wallet_id: string }>("/v2/tenants", { tenant_id: slug }, human, 201);
  const minted = await post<{ agent_key: string; agent_id: string }>(`/v2/tenants/${slug}/agent-keys`, { label: "bench" }, human, 201);
  const { key: liveKey } = await post<{ key: string }>("/v1/api-keys", { environment: "live" }, { ...human, "X-Tenant-ID": slug }, 201);
  return { slug, agentKey: minted.agent_key, liveKey, walletId, agentId: minted.agent_id };
}
