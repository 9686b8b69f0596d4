// A human who buys at the console, with the forms of its pages.

import assert from "node:assert/strict";
import { Buyer, expectData } from "./buyer.ts";
import type { Reply } from "./client.ts";
import { Hand, wordsOf } from "./hand.ts";
import { newPerson, type Person } from "./person.ts";
import type { Server } from "./server.ts";

/** Somebody at the console, with a wallet of their own. */
export class Shopper {
  readonly person: Person;
  readonly hand: Hand;
  readonly buyer: Buyer;

  constructor(server: Server, person: Person) {
    this.person = person;
    this.hand = Hand.of(server.client(), person);
    this.buyer = new Buyer(server);
  }

  static async open(server: Server): Promise<Shopper> {
    const shopper = new Shopper(server, await newPerson(server.client()));
    await shopper.prove();
    return shopper;
  }

  see(path: string): Promise<Reply> {
    return this.hand.open(`/account/orders${path}`);
  }

  /** Sends a form of an opened page; the page it leads to. */
  async press(page: Reply, action: string, fields: Record<string, string> = {}): Promise<Reply> {
    return this.hand.follow(await this.hand.submit(page, `/account/orders${action}`, fields));
  }

  async proofForm(): Promise<Reply> {
    return this.see(`/wallets?wallet=${this.buyer.wallet}`);
  }

  async prove(): Promise<Reply> {
    const page = await this.proofForm();
    return this.press(page, "/wallets", await this.signed(page));
  }

  /** What the wallet signs of the text that a page shows. */
  async signed(page: Reply): Promise<Record<string, string>> {
    const [, at = ""] = /id="text-to-sign">atelier:\w+:(\d+)</.exec(page.text) ?? assert.fail(wordsOf(page));
    return { wallet_sig: this.buyer.prove(Number(at))["wallet_sig"] };
  }

  /** Orders a service by the form of its page; the order's id, and its page. */
  async order(service: string, fields: Record<string, string> = {}): Promise<[string, Reply]> {
    const page = await this.press(await this.see(`/new?service=${service}`), "", { brief: "A cyberpunk avatar with neon accents", ...fields });
    return [/ord_[0-9A-Z]{26}/.exec(page.text)?.[0] ?? assert.fail(wordsOf(page)), page];
  }

  async pay(id: string): Promise<Reply> {
    return this.press(await this.see(`/${id}`), `/${id}/pay`, { escrow_tx_hash: `tx-${id}` });
  }

  async status(id: string): Promise<string> {
    return expectData(await this.buyer.get(`/api/orders/${id}`)).order.status;
  }
}
