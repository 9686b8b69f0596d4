// Wallets of the benchmark, and sign-ins prepared before they are measured.
import { type Hex, keccak256, toHex } from "viem";
import { type PrivateKeyAccount, privateKeyToAccount } from "viem/accounts";
import { encodeRequest, exchange, type RequestParts } from "./client.ts";

/** The `index`-th wallet of every run. */
export function wallet(index: number): PrivateKeyAccount {
  return privateKeyToAccount(keccak256(toHex(`guildhall bench wallet ${index}`)));
}

interface Challenge {
  challenge_id: string;
  message: string;
}

/** The sign-ins that answer fresh challenges of the server at `port`, ready to be sent once each. */
export async function signIns(port: number, wallets: PrivateKeyAccount[], count: number): Promise<RequestParts[]> {
  const signers = Array.from({ length: count }, (_, index) => wallets[index % wallets.length]!);
  const asked = signers.map(({ address }) => encodeRequest({ method: "POST", path: "/v2/billing/agent/challenge", body: { wallet_address: address } }));
  const replies = await exchange(port, asked);
  return Promise.all(
    replies.map(async ({ status, body }, index) => {
      if (status !== 200) throw new Error(`challenge: ${status} ${body}`);
      const { challenge_id, message } = JSON.parse(body) as Challenge;
      const signature: Hex = await signers[index]!.signMessage({ message });
      return { method: "POST", path: "/v2/billing/agent/session", body: { challenge_id, signature } };
    }),
  );
}
