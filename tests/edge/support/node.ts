// A Solana node: a real HTTP server that speaks the part of JSON-RPC the rail needs, on a chain of its own. It reads and checks what
// it is sent with a library that is not ours, moves tokens between wallets, and behaves as badly as it is told.

import assert from "node:assert/strict";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server as HttpServer, type ServerResponse } from "node:http";
import { after } from "node:test";
import { base58, base64 } from "@scure/base";
import * as sol from "micro-sol-signer";

export const USDC = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v";
const MEMO_PROGRAM = "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr";
/** How many blocks a blockhash is good for. */
const BLOCKS_VALID = 150;
/** The least payout whose fee pays for its receiver's account. */
const ACCOUNT_PAYOUT_MICROS_MIN = 4_500_000n;

/** A transfer as it was read out of a transaction: to which token account, and whether that is made unless it is there. */
export type Sent = { signature: string; text: string; account: string; makesAccount: boolean; amount: bigint; memo: string; lastHeight: number };

type Entry = { slot: number; failed: boolean; keys: Keys; before: Balance[]; after: Balance[]; final: boolean };
type Balance = { account: string; owner: string; mint: string; amount: bigint };
/** The accounts of a transaction: those of its message, and those of tables. */
type Keys = { accountKeys: string[]; loadedAddresses: { writable: string[]; readonly: string[] } };
const NO_KEYS: Keys = { accountKeys: [], loadedAddresses: { writable: [], readonly: [] } };

/** Where a wallet's tokens lie. */
const accountOf = (wallet: string, mint = USDC): string => sol.tokenAddress(mint, wallet, true);

/** What the node does with a call: answers it, or does it and then behaves like that; before the call with `first`. */
export type Mood = "good" | "down" | "reset" | "nonsense" | "hang" | { error: number } | { hold: Promise<void> } | { afterwards: "reset" | "hang" };

export class SolanaNode {
  /** Our wallet, base58 of its 64 bytes. */
  readonly secretKey: string;
  readonly address: string;
  /** Every transaction that came by `sendTransaction`, again and again. */
  readonly sent: Sent[] = [];
  readonly calls: string[] = [];
  /** How it takes each call. */
  mood: (method: string) => Mood = () => "good";
  /** Whether what is sent lands. */
  lands = true;
  /** Whether what is sent is tried out and refused. */
  refuses = false;
  height = 1_000;
  /** The first block it still has. */
  firstSlot = 0;
  /** Wallets whose token account is not there. */
  readonly withoutAccount = new Set<string>();
  /** What there is of USDC, by token account. */
  readonly #tokens = new Map<string, bigint>();
  readonly #chain = new Map<string, Entry>();
  readonly #hashes = new Map<string, number>();
  #server: HttpServer | undefined;
  #port = 0;

  constructor() {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const [seed, key] = [privateKey.export({ format: "jwk" }).d ?? "", publicKey.export({ format: "jwk" }).x ?? ""];
    this.secretKey = base58.encode(Buffer.concat([Buffer.from(seed, "base64url"), Buffer.from(key, "base64url")]));
    this.address = base58.encode(Buffer.from(key, "base64url"));
    this.#tokens.set(accountOf(this.address), 1_000_000_000_000n);
  }

  async start(): Promise<void> {
    this.#server = createServer((request, response) => void this.#take(request, response));
    await new Promise<void>((done) => this.#server?.listen(0, "127.0.0.1", done));
    const address = this.#server.address();
    assert.ok(address && typeof address === "object");
    this.#port = address.port;
  }

  stop(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
  }

  /** Its address, with a key in it as those of paid nodes have. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}/?api-key=very-secret-key`;
  }

  /** The settings of a deployment that uses it. */
  get vars(): Record<string, string> {
    return { SETTLEMENT_RAIL: "solana", SETTLEMENT_BASE_URL: this.url, SETTLEMENT_SECRET_KEY: this.secretKey, SETTLEMENT_MINT: USDC };
  }

  get #slot(): number {
    return this.height + 77;
  }

  /** Lets so many blocks pass. */
  pass(blocks: number): void {
    this.height += blocks;
  }

  /** A transaction by which somebody has paid, into the receiver's own account unless told otherwise: its signature. `byTable`: it
   * names that account by a table on the chain. */
  pay(from: string, micros: bigint, more: { to?: string; into?: string; mint?: string; failed?: boolean; final?: boolean; closes?: boolean; byTable?: boolean } = {}): string {
    const signature = base58.encode(randomBytes(64));
    const { to = this.address, mint = USDC, failed = false, final = true, closes = false, byTable = false } = more;
    const moved = failed ? 0n : micros;
    const [payer, payee] = [{ account: accountOf(from, mint), owner: from, mint }, { account: more.into ?? accountOf(to, mint), owner: to, mint }];
    const before = [{ ...payer, amount: closes ? micros : micros + 70_000n }, { ...payee, amount: 5n }];
    const after = [...(closes ? [] : [{ ...payer, amount: micros + 70_000n - moved }]), { ...payee, amount: 5n + moved }];
    const programs = [mint, sol.TOKEN_PROGRAM];
    const keys = byTable
      ? { accountKeys: [from, payer.account], loadedAddresses: { writable: [sol.SYS_PROGRAM, payee.account], readonly: programs } }
      : { accountKeys: [from, payer.account, payee.account, ...programs], loadedAddresses: NO_KEYS.loadedAddresses };
    this.#chain.set(signature, { slot: this.#slot, failed, keys, before, after, final });
    return signature;
  }

  /** Makes a transaction final. */
  settle(signature: string): void {
    const entry = this.#chain.get(signature);
    assert.ok(entry);
    entry.final = true;
  }

  /** What came to a wallet. */
  received(wallet: string): bigint {
    return this.#tokens.get(accountOf(wallet)) ?? 0n;
  }

  /** What was sent to a wallet, as often as it was sent. */
  allSentTo(wallet: string): Sent[] {
    const own = accountOf(wallet);
    return this.sent.filter(({ account }) => account === own);
  }

  /** What was sent to a wallet, by signature: the same bytes count once. */
  sentTo(wallet: string): Sent[] {
    return [...new Map(this.allSentTo(wallet).map((sent) => [sent.signature, sent])).values()];
  }

  /** Lets what was sent stand in a block now, if one would still take it. */
  land(signature: string, failed = false): void {
    const sent = this.sent.find((one) => one.signature === signature);
    assert.ok(sent, "only what was sent can land");
    if (this.#chain.has(signature) || this.height > sent.lastHeight) return;
    const fails = failed || !this.#hasAccount(sent);
    this.#chain.set(signature, { slot: this.#slot, failed: fails, keys: NO_KEYS, before: [], after: [], final: true });
    if (fails) return;
    const own = accountOf(this.address);
    this.#tokens.set(own, (this.#tokens.get(own) ?? 0n) - sent.amount);
    this.#tokens.set(sent.account, (this.#tokens.get(sent.account) ?? 0n) + sent.amount);
  }

  /** Whether a transfer finds an account to go to, or makes it. */
  #hasAccount({ account, makesAccount }: Sent): boolean {
    return makesAccount || ![...this.withoutAccount].some((wallet) => accountOf(wallet) === account);
  }

  /** Reads a transaction whole: it is ours, signed, and moves USDC to one account, which it makes, unless it is there, for a payout
   * whose fee covers that and for nothing else. */
  #read(text: string): Sent {
    sol.verifyTx(text);
    const { msg, signatures } = sol.Transaction.decode(base64.decode(text));
    assert.deepEqual([msg.feePayer, Object.keys(signatures)], [this.address, [this.address]]);
    const lastHeight = this.#hashes.get(msg.blockhash);
    assert.ok(lastHeight !== undefined, "signed for a block that was never told of");
    const [note, transfer, create, ...more] = msg.instructions.toReversed();
    assert.ok(note !== undefined && transfer !== undefined);
    assert.deepEqual([note.program, more], [MEMO_PROGRAM, []]);
    const parsed = sol.parseInstruction(transfer, {});
    assert.equal(parsed.type, "transferChecked");
    const { amount, destination: account, ...rest } = parsed.info;
    assert.deepEqual(rest, { decimals: 6, source: accountOf(this.address), mint: USDC, owner: this.address });
    const memo = Buffer.from(note.data).toString();
    assert.match(memo, /^guildhall:(payout|refund):ord_/);
    const makesAccount = create !== undefined;
    assert.equal(makesAccount, memo.startsWith("guildhall:payout:") && amount >= ACCOUNT_PAYOUT_MICROS_MIN, `${memo} of ${amount}`);
    if (makesAccount) {
      assert.equal(create.program, sol.ASSOCIATED_TOKEN_PROGRAM);
      assert.deepEqual([...create.data], [1], "made unless it is there");
      const [payer, made, to, mint, system, token] = create.keys.map(({ address }) => address);
      assert.ok(to !== undefined);
      assert.deepEqual([payer, made, accountOf(to), mint, system, token], [this.address, account, account, USDC, sol.SYS_PROGRAM, sol.TOKEN_PROGRAM]);
    }
    const signature = base58.encode(signatures[this.address] ?? new Uint8Array());
    return { signature, text, account, makesAccount, amount, memo, lastHeight };
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    request.setEncoding("utf8");
    try {
      for await (const part of request) text += part;
    } catch {
      return;
    }
    const { id, method, params } = JSON.parse(text);
    this.calls.push(method);
    const mood = this.mood(method);
    if (mood === "hang") return;
    if (mood === "reset") return void request.socket.resetAndDestroy();
    if (mood === "down") return void response.writeHead(503).end("no");
    if (mood === "nonsense") return void response.writeHead(200).end(`{"jsonrpc":"2.0","id":1,"result":{"value":"?"}}`);
    if (typeof mood === "object" && "hold" in mood) await mood.hold;
    const answer = typeof mood === "object" && "error" in mood ? { error: { code: mood.error, message: "no" } } : this.#answer(method, params);
    if (typeof mood === "object" && "afterwards" in mood) {
      if (mood.afterwards === "reset") request.socket.resetAndDestroy();
      return;
    }
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ jsonrpc: "2.0", id, ...answer }));
  }

  #answer(method: string, params: any): { result: unknown } | { error: { code: number; message: string } } {
    switch (method) {
      case "getLatestBlockhash": {
        const blockhash = base58.encode(randomBytes(32));
        this.#hashes.set(blockhash, this.height + BLOCKS_VALID);
        return { result: { context: { slot: this.#slot }, value: { blockhash, lastValidBlockHeight: this.height + BLOCKS_VALID } } };
      }
      case "sendTransaction": {
        const sent = this.#read(params[0]);
        assert.equal(params[1].encoding, "base64");
        if ((this.refuses || !this.#hasAccount(sent)) && !params[1].skipPreflight) return { error: { code: -32_002, message: "Transaction simulation failed" } };
        this.sent.push(sent);
        if (this.lands) this.land(sent.signature);
        return { result: sent.signature };
      }
      case "getEpochInfo":
        assert.equal(params[0].commitment, "finalized");
        return { result: { absoluteSlot: this.#slot, blockHeight: this.height, epoch: 1, slotIndex: 1, slotsInEpoch: 432_000 } };
      case "getFirstAvailableBlock":
        return { result: this.firstSlot };
      case "getSignatureStatuses": {
        assert.equal(params[1].searchTransactionHistory, true, "without it a node forgets after two minutes");
        const entry = this.#chain.get(params[0][0]);
        const value = entry && { slot: entry.slot, confirmations: null, err: entry.failed ? { InstructionError: [1, { Custom: 1 }] } : null, confirmationStatus: entry.final ? "finalized" : "confirmed" };
        return { result: { context: { slot: this.#slot }, value: [value ?? null] } };
      }
      case "getTransaction": {
        assert.deepEqual(params[1], { encoding: "json", commitment: "finalized", maxSupportedTransactionVersion: 0 });
        const entry = this.#chain.get(params[0]);
        if (!entry?.final) return { result: null };
        const { accountKeys, loadedAddresses } = entry.keys;
        const named = [...accountKeys, ...loadedAddresses.writable, ...loadedAddresses.readonly];
        const show = (balances: Balance[]) => balances.map(({ account, owner, mint, amount }) =>
          ({ accountIndex: named.indexOf(account), mint, owner, programId: sol.TOKEN_PROGRAM, uiTokenAmount: { amount: String(amount), decimals: 6, uiAmount: null, uiAmountString: String(amount) } }));
        const meta = { err: entry.failed ? { InstructionError: [0, "Custom"] } : null, fee: 5_000, preTokenBalances: show(entry.before), postTokenBalances: show(entry.after), loadedAddresses };
        const version = loadedAddresses.writable.length > 0 ? 0 : "legacy";
        return { result: { slot: entry.slot, blockTime: null, version, meta, transaction: { signatures: [params[0]], message: { accountKeys } } } };
      }
      default:
        return { error: { code: -32_601, message: "Method not found" } };
    }
  }
}

/** A node for this test file, stopped after its last test. */
export async function useSolanaNode(): Promise<SolanaNode> {
  const node = new SolanaNode();
  await node.start();
  after(() => node.stop());
  return node;
}
