// Agents for tests, made the way a stranger makes one: a key pair, a challenge, a session, a signup. The wallet is viem's.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { generatePrivateKey, privateKeyToAccount, type PrivateKeyAccount } from "viem/accounts";
import type { Client } from "./client.ts";

export type WalletSession = {
  account: PrivateKeyAccount;
  sessionToken: string;
  /** The caller with the wallet session as its bearer. */
  client: Client;
};

export type Agent = WalletSession & {
  tenantId: string;
  agentKey: string;
  agentId: string;
  walletId: string;
  /** The caller with the tenant's headers. */
  runtime: Client;
};

export function newWallet(): PrivateKeyAccount {
  return privateKeyToAccount(generatePrivateKey());
}

/** A slug nobody has. */
export function newSlug(prefix = "t"): string {
  return `${prefix}-${randomBytes(6).toString("hex")}`;
}

/** Challenge, signature, session. */
export async function signIn(client: Client, account: PrivateKeyAccount = newWallet()): Promise<WalletSession> {
  const challenge = await client.post("/v2/billing/agent/challenge", { wallet_address: account.address });
  assert.equal(challenge.status, 200, challenge.text);
  const signature = await account.signMessage({ message: challenge.json.message });
  const session = await client.post("/v2/billing/agent/session", { challenge_id: challenge.json.challenge_id, signature });
  assert.equal(session.status, 200, session.text);
  const sessionToken: string = session.json.session_token;
  return { account, sessionToken, client: client.bearer(sessionToken) };
}

/** Sign-in and signup: a tenant of its own, with the credit a new tenant gets. */
export async function signUp(client: Client, tenantId: string = newSlug(), account: PrivateKeyAccount = newWallet()): Promise<Agent> {
  const session = await signIn(client, account);
  const signup = await session.client.post("/v2/agents/signup", { tenant_id: tenantId });
  assert.equal(signup.status, 201, signup.text);
  const { agent_key: agentKey, agent_id: agentId, wallet_id: walletId } = signup.json;
  const runtime = client.with({ "x-tenant-id": tenantId, "x-tenant-token": agentKey });
  return { ...session, tenantId, agentKey, agentId, walletId, runtime };
}
