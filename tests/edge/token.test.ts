// Tokens the house did not sign, or signed for something else. The seed of a test server is known, so every one of them is
// made here; one control shows that what is made rightly is taken.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { signIn, signUp } from "./support/agent.ts";
import type { Reply } from "./support/client.ts";
import { expectAlike, expectFault } from "./support/fault.ts";
import { newHuman } from "./support/human.ts";
import { once } from "./support/once.ts";
import { useServer } from "./support/server.ts";
import { claimsOf, Forger, withClaims, type Forgery, type Members } from "./support/token.ts";

const server = useServer();
const DAY_S = 86_400;

const house = once(async () => {
  const [forger, human, agent] = await Promise.all([Forger.of(server.current), newHuman(server.client()), signUp(server.client())]);
  const { wallet, chain_id } = claimsOf(agent.sessionToken.slice("ags_".length));
  return { forger, human, agent, humanClaims: ownClaims(human.token), walletClaims: { wallet, chain_id } };
});

/** What a token says beyond what every token says. */
function ownClaims(token: string): Members {
  const { iss: _iss, aud: _aud, iat: _iat, exp: _exp, ...own } = claimsOf(token);
  return own;
}

/** Ways in which a token is not ours, or not good now: the same for every kind. */
function forgeries(): Record<string, Forgery> {
  const now = Math.floor(Date.now() / 1000);
  return {
    "no algorithm": { header: { alg: "none" } },
    "no algorithm, in capitals": { header: { alg: "NONE" } },
    "HMAC under our public key": { header: { alg: "HS256" } },
    "another name for the algorithm": { header: { alg: "Ed25519" } },
    "an algorithm in another case": { header: { alg: "eddsa" } },
    "RSA": { header: { alg: "RS256" } },
    "no alg at all": { header: { alg: undefined } },
    "another key under our kid": { seed: "99".repeat(32) },
    "an unknown kid": { header: { kid: "unknown" } },
    "an empty kid": { header: { kid: "" } },
    "no kid": { header: { kid: undefined } },
    "a kid that is no text": { header: { kid: 7 } },
    "its own key in the header": { seed: "99".repeat(32), header: { jwk: { kty: "OKP", crv: "Ed25519", x: "A".repeat(43) } } },
    "no exp": { claims: { exp: undefined } },
    "an exp that is no number": { claims: { exp: "tomorrow" } },
    "an exp of null": { claims: { exp: null } },
    "a negative exp": { claims: { exp: -1 } },
    "no iat": { claims: { iat: undefined } },
    "an iat in an hour": { claims: { iat: now + 3_600, exp: now + 7_200 } },
    "a nbf in an hour": { claims: { nbf: now + 3_600 } },
    "expired a minute ago": { claims: { iat: now - 120, exp: now - 60 } },
    "no issuer": { claims: { iss: undefined } },
    "another issuer": { claims: { iss: "https://evil.example" } },
    "our issuer with a slash": { claims: { iss: `${server.current.url}/` } },
    "no audience": { claims: { aud: undefined } },
    "an unknown audience": { claims: { aud: "guildhall:v3" } },
    "a list of audiences": { claims: { aud: ["guildhall:api", "guildhall:v2"] } },
  };
}

/** The texts that a token becomes when it is cut or joined wrongly. */
function spoiled(token: string): Record<string, string> {
  const [header = "", claims = "", signature = ""] = token.split(".");
  return {
    "two parts": `${header}.${claims}`,
    "four parts": `${token}.${signature}`,
    "no signature": `${header}.${claims}.`,
    "a short signature": token.slice(0, -8),
    "another signature": `${header}.${claims}.${"A".repeat(86)}`,
    "padded": `${token}=`,
    "no header": `.${claims}.${signature}`,
    "header and claims swapped": `${claims}.${header}.${signature}`,
    "dots": "..",
  };
}

async function refusals(tokens: Record<string, string>, send: (token: string) => Promise<Reply>): Promise<[string, Reply][]> {
  return Promise.all(Object.entries(tokens).map(async ([name, token]): Promise<[string, Reply]> => [name, await send(token)]));
}

test("a human's token is taken as signed for humans by us, and no other", async () => {
  const { forger, human, agent, humanClaims } = await house();
  const send = (token: string): Promise<Reply> => server.client().bearer(token).get("/v1/wallets");
  assert.equal((await send(forger.human(humanClaims))).status, 200, "one made as we make them is good");
  const tokens: Record<string, string> = spoiled(human.token);
  for (const [name, forgery] of Object.entries(forgeries())) tokens[name] = forger.human(humanClaims, forgery);
  const without = (claims: Members): string => forger.human(humanClaims, { claims });
  Object.assign(tokens, {
    "another human's id under the old signature": withClaims(human.token, { userId: randomUUID() }),
    "a later end under the old signature": withClaims(human.token, { exp: 9_999_999_999 }),
    "a human who is not there": without({ userId: randomUUID() }),
    "no human": without({ userId: undefined }),
    "a human that is no id": without({ userId: "1 OR 1=1" }),
    "no role": without({ role: undefined }),
    "an unknown role": without({ role: "root" }),
    "for agents": without({ aud: "guildhall:v2" }),
    "a wallet's session": agent.sessionToken,
    "a wallet's session without its prefix": agent.sessionToken.slice("ags_".length),
    "with a wallet's prefix": `ags_${human.token}`,
  });
  expectAlike(await refusals(tokens, send), "v1", 401, "UNAUTHORIZED");
  const door = (token: string): Promise<Reply> => server.client().bearer(token).get("/v2/tenants");
  expectAlike(await refusals(tokens, door), "v2", 401, "invalid_credentials");
});

test("a wallet's session is taken as signed for wallets by us, and no other", async () => {
  const { forger, human, agent, humanClaims, walletClaims } = await house();
  const send = (token: string): Promise<Reply> => server.client().bearer(token).post("/v2/query", { tenant_id: agent.tenantId, query_text: "rain" });
  const control = await send(forger.wallet(walletClaims));
  assert.equal(control.status, 200, control.text);
  const tokens: Record<string, string> = Object.fromEntries(Object.entries(spoiled(agent.sessionToken)).map(([name, text]) => [name, text.startsWith("ags_") ? text : `ags_${text}`]));
  for (const [name, forgery] of Object.entries(forgeries())) tokens[name] = forger.wallet(walletClaims, forgery);
  Object.assign(tokens, {
    "another wallet under the old signature": `ags_${withClaims(agent.sessionToken.slice(4), { wallet: `0x${"1".repeat(40)}` })}`,
    "no wallet": forger.wallet(walletClaims, { claims: { wallet: undefined } }),
    "a wallet that is none": forger.wallet(walletClaims, { claims: { wallet: "0x1" } }),
    "for humans": forger.wallet(walletClaims, { claims: { aud: "guildhall:api" } }),
    "a human's token": human.token,
    "a human's token with a wallet's prefix": `ags_${human.token}`,
    "a human's, signed for agents": forger.human(humanClaims, { claims: { aud: "guildhall:v2" } }),
    "without its prefix": agent.sessionToken.slice(4),
    "with its prefix twice": `ags_${agent.sessionToken}`,
    "in capitals": agent.sessionToken.replace("ags_", "AGS_"),
  });
  expectAlike(await refusals(tokens, send), "v2", 401, "invalid_credentials");
  const header = (token: string): Promise<Reply> => server.client().post("/v2/query", { query_text: "rain" }, { "x-tenant-id": agent.tenantId, "x-tenant-token": token });
  expectAlike(await refusals(tokens, header), "v2", 401, "invalid_credentials");
  const signup = (token: string): Promise<Reply> => server.client().bearer(token).post("/v2/agents/signup", { tenant_id: "never-made" });
  expectAlike(await refusals(tokens, signup), "v2", 401, "invalid_credentials");
  expectFault(await server.client().post("/v2/agents/signup", { tenant_id: "never-made" }), "v2", 401, "invalid_credentials");
  const balance = await send(agent.sessionToken);
  assert.equal(balance.json.balance, "0.998", "the two good queries are all that was charged");
});

test("the administrator's route takes the token of an operator and nothing else", async () => {
  const { forger, human, agent, humanClaims } = await house();
  const path = "/v2/admin/stats";
  const database = server.current.runtime.database();
  const operator = await newHuman(server.client());
    await database.prepare("UPDATE users SET role = 'admin' WHERE email = ?").bind(operator.email).run();
  const made = forger.human({ ...ownClaims(operator.token), role: "admin" });
  assert.equal((await server.client().bearer(made).get(path)).status, 200);

  const forbidden = { "a human": human.token, "a human who says so": forger.human({ ...humanClaims, role: "admin" }), "an operator's token of before": operator.token };
  expectAlike(await refusals(forbidden, (token) => server.client().bearer(token).get(path)), "v2", 403, "forbidden");
  const bad = { "a wallet": agent.sessionToken, "a key": agent.agentKey, "a human under the old signature": withClaims(human.token, { role: "admin" }) };
  expectAlike(await refusals(bad, (token) => server.client().bearer(token).get(path)), "v2", 401, "invalid_credentials");
  expectFault(await server.client().get(path), "v2", 401, "invalid_credentials");
  for (const headers of [{ "x-api-key": made }, { "x-tenant-token": made }, { cookie: `next-auth.session-token=${made}` }]) {
    expectFault(await server.client().get(path, headers), "v2", 401, "invalid_credentials");
  }
});

test("an operator reaches every tenant that is there", async () => {
  const { forger, agent } = await house();
  const operator = await newHuman(server.client());
  const database = server.current.runtime.database();
  await database.prepare("UPDATE users SET role = 'admin' WHERE email = ?").bind(operator.email).run();
  const client = server.client().bearer(forger.human({ ...ownClaims(operator.token), role: "admin" }));
  const reply = await client.get("/v1/wallets", { "x-tenant-id": agent.tenantId });
  assert.deepEqual([reply.status, reply.json.data?.[0]?.id], [200, agent.walletId], reply.text);
  expectFault(await client.get("/v1/wallets", { "x-tenant-id": "nobody-s" }), "v1", 403, "FORBIDDEN");
  expectFault(await server.client().bearer(operator.token).get("/v1/wallets", { "x-tenant-id": agent.tenantId }), "v1", 403, "FORBIDDEN");
});

test("a token ends with its time and half a minute of leeway", async () => {
  const { human } = await house();
  const { sessionToken } = await signIn(server.client());
  const read = (): Promise<Reply> => server.client().bearer(human.token).get("/v1/wallets");
  const enroll = (): Promise<Reply> => server.client().bearer(sessionToken).post("/v2/agents/enroll", {});
  assert.deepEqual([(await read()).status, (await enroll()).status], [200, 400]);
  await server.current.advance(1_800 + 31);
  assert.deepEqual([(await read()).status, (await enroll()).status], [200, 401]);
  await server.current.advance(7 * DAY_S - 1_800 - 31);
  assert.equal((await read()).status, 200, "within the leeway");
  await server.current.advance(31);
  expectFault(await read(), "v1", 401, "UNAUTHORIZED");
});

test("a changed password voids the tokens of before", async () => {
  const human = await newHuman(server.client());
  const database = server.current.runtime.database();
  const { now } = (await server.client().get("/v1/test-clock")).json;
  assert.equal((await human.client.get("/v1/wallets")).status, 200);
  await database.prepare("UPDATE users SET sessions_valid_from_ms = ? WHERE email = ?").bind(Date.parse(now) + 2_000, human.email).run();
  expectFault(await human.client.get("/v1/wallets"), "v1", 401, "UNAUTHORIZED");
});
