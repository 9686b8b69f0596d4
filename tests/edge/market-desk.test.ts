// Orders at the console: who manages a seller looks, a human who has proved a wallet buys, an operator judges; with the forms of
// the pages as they stand there, and in a real Chromium.

import assert from "node:assert/strict";
import { crc32, deflateSync } from "node:zlib";
import { test } from "node:test";
import { takePicture, useBrowser } from "./support/browser.ts";
import { Buyer, expectData, expectRefusal, type Json } from "./support/buyer.ts";
import type { Reply } from "./support/client.ts";
import { Hand, errorsOn, formOn, noticeOf, wordsOf } from "./support/hand.ts";
import { newHousehold, newOperator, type Household } from "./support/household.ts";
import { fileForm, makeSeller, makeService, sellerOfHouse, type Seller } from "./support/market.ts";
import { newPerson, type Person } from "./support/person.ts";
import { booksOf, officeOf } from "./support/spender.ts";
import { useServer } from "./support/server.ts";
import { Shopper } from "./support/shopper.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" }, pushesToNobody: true });
const browser = useBrowser();
const HOUR_S = 3_600;
const DAY_S = 24 * HOUR_S;
const PAYOUT_WALLET = "So11111111111111111111111111111111111111112";
const DELIVERY = { deliverable_url: "https://storage.example.com/result.png", deliverable_media_type: "image" };
const BRIEF = "A cyberpunk avatar with neon accents";

/** The order's id as a path. */
const deliver = async (seller: Seller, id: string, body: Json = DELIVERY): Promise<void> => void expectData(await seller.client.post(`/api/orders/${id}/deliver`, body));

type Shop = { house: Household; seller: Seller; hand: Hand; see: (query?: string) => Promise<Reply> };

/** A household that sells, and its owner's browser. */
async function openShop(): Promise<Shop> {
  const house = await newHousehold(server.current);
  const seller = await sellerOfHouse(house);
  const hand = Hand.of(server.client(), house.owner);
  return { house, seller, hand, see: (query = "") => hand.open(`/account/orders?tenant=${house.tenantId}${query}`) };
}

/** The verbs of the forms and links of an order's page. */
const offeredOn = (page: Reply, id: string): string[] =>
  [...new Set([...page.text.matchAll(new RegExp(`(?:action|href)="/account/orders/${id}/(\\w+)`, "g"))].map(([, verb = ""]) => verb))].sort();

test("a wallet is whose signature is the newest, and nothing else proves it", async () => {
  const [mine, theirs] = [new Shopper(server.current, await newPerson(server.client())), new Shopper(server.current, await newPerson(server.client()))];
  assert.match(wordsOf(await mine.see("/wallets")), /No wallet is proved yet\./);
  const wrong = await mine.hand.send("GET", "/account/orders/wallets?wallet=0xabc");
  assert.deepEqual([wrong.status, errorsOn(wrong)], [400, { wallet: "must be a Solana address: 32 bytes in base58" }]);

  const page = await mine.proofForm();
  const good = await mine.signed(page);
  const now = Number(formOn(page, "/account/orders/wallets")["wallet_sig_ts"]);
  const refusals: [Record<string, string>, string, number][] = [
    [{ wallet_sig: "abc" }, "signature", 401],
    [{ wallet_sig: "" }, "signature", 401],
    [{ ...good, wallet_sig_ts: String(now + 1) }, "signature", 401],
    [{ ...good, wallet_sig_ts: "soon" }, "signature", 401],
    [{ ...good, wallet: theirs.buyer.wallet }, "signature", 401],
    [{ ...good, wallet: "nothing" }, "proved-wallet", 400],
    [mine.buyer.prove(now - 16 * 60_000) as Record<string, string>, "signature", 401],
  ];
  for (const [fields, id, status] of refusals) {
    const refused = await mine.hand.submit(page, "/account/orders/wallets", Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, String(value)])));
    assert.deepEqual([refused.status, Object.keys(errorsOn(refused))], [status, [id]], `${JSON.stringify(fields)}: ${wordsOf(refused).slice(0, 400)}`);
  }
  assert.match(wordsOf(await mine.see("/wallets")), /No wallet is proved yet\./);
  for (const _ of ["once", "again"]) {
    assert.deepEqual(noticeOf(await mine.press(page, "/wallets", good)), ["done", `The wallet ${mine.buyer.wallet} is yours here.`]);
  }
  const countOf = (reply: Reply): number => [...reply.text.matchAll(/<th scope="row"><code>/g)].length;
  assert.equal(countOf(await mine.see("/wallets")), 1);

  // What proved it once, or was signed before that, proves it for nobody else; what is signed later does.
  const taking = await theirs.see(`/wallets?wallet=${mine.buyer.wallet}`);
  const stolen = (atMs: number): Promise<Reply> =>
    theirs.hand.submit(taking, "/account/orders/wallets", { wallet_sig: mine.buyer.prove(atMs)["wallet_sig"], wallet_sig_ts: String(atMs) });
  for (const atMs of [now, now - 1]) {
    const refused = await stolen(atMs);
    assert.deepEqual([refused.status, Object.keys(errorsOn(refused))], [409, ["signature"]]);
  }
  const seller = await makeSeller(server.client());
  const [id] = await mine.order((await makeService(seller))["id"]);
  assert.equal((await stolen(now + 1)).status, 303);
  assert.deepEqual([countOf(await mine.see("/wallets").catch(() => assert.fail())), countOf(await theirs.see("/wallets"))], [0, 1]);
  assert.equal((await mine.hand.send("GET", `/account/orders/${id}`)).status, 404, "its orders went with it");
  assert.ok((await theirs.see("/bought")).text.includes(id));

  // Given up, it is nobody's until it signs anew.
  await server.current.advance(10);
  const ask = await theirs.see(`/wallets/remove?wallet=${mine.buyer.wallet}`);
  for (const _ of ["once", "again"]) {
    assert.deepEqual(noticeOf(await theirs.press(ask, `/wallets/remove?wallet=${mine.buyer.wallet}`)), ["done", "The wallet is given up."]);
  }
  assert.equal((await theirs.hand.send("GET", `/account/orders/wallets/remove?wallet=${mine.buyer.wallet}`)).status, 404);
  assert.equal((await theirs.hand.send("GET", `/account/orders/${id}`)).status, 404);
  assert.equal((await stolen(now + 2)).status, 409, "it was signed before the wallet was given up");
  assert.equal(noticeOf(await mine.prove())[0], "done");
  assert.ok((await mine.see(`/${id}`)).text.includes(id));
});

test("a human orders, accepts, pays, writes, approves and reviews with the forms, and each form does its work once", async () => {
  const shop = await openShop();
  const { seller } = shop;
  expectData(await seller.client.patch("/api/agents/me", { payout_wallet: PAYOUT_WALLET }));
  const service = await makeService(seller, { price_usd: "5.00", title: "Avatars & more" });
  const shopper = await Shopper.open(server.current);
  assert.ok((await shopper.see("/services?search=Avatars&category=image_gen&sort=newest")).text.includes(service["id"]));

  const form = await shopper.see(`/new?service=${service["id"]}`);
  const fields = { brief: BRIEF, reference_urls: "https://example.com/mood\r\n\r\nhttps://example.com/two", reference_images: "" };
  const [placed, again] = [await shopper.press(form, "", fields), await shopper.press(form, "", fields)];
  assert.deepEqual(noticeOf(placed), ["done", "The order is placed. Pay for it, and the agent begins."]);
  const [order, ...none] = expectData(await shopper.buyer.get("/api/orders"));
  assert.deepEqual([none, order.reference_urls, order.status], [[], ["https://example.com/mood", "https://example.com/two"], "quoted"]);
  const id: string = order.id;
  assert.ok(again.text.includes(id), "the same order again");
  const other = await shopper.hand.submit(form, "/account/orders", { ...fields, brief: "Something else altogether" });
  assert.equal(other.status, 422);
  assert.match(wordsOf(other), /This form was sent before with other values/);
  assert.match(placed.text, /<a href="https:\/\/example\.com\/mood" rel="noopener noreferrer">/);

  const twice = async (page: Reply, verb: string, more: Record<string, string>, words: string): Promise<Reply> => {
    const first = await shopper.press(page, `/${id}/${verb}`, more);
    for (const led of [first, await shopper.press(page, `/${id}/${verb}`, more)]) assert.deepEqual(noticeOf(led), ["done", words], verb);
    return first;
  };
  assert.deepEqual(offeredOn(placed, id), ["accept", "cancel", "pay"]);
  const accepted = await twice(placed, "accept", {}, "The price is accepted.");
  const paid = await twice(accepted, "pay", { escrow_tx_hash: `tx-${id}` }, "The order is paid; its price lies in escrow.");
  assert.deepEqual(offeredOn(paid, id), ["cancel", "message"]);
  assert.match(wordsOf(paid), /Left alone, it is cancelled in \d+ days , on [\d: -]+ , and the buyer is refunded\./);
  assert.match(wordsOf(paid), /sandbox/);
  await twice(paid, "message", { content: "  Any news?\r\nAt all?  " }, "The message is sent.");
  expectData(await seller.client.post(`/api/orders/${id}/messages`, { content: "Tonight <b>" }));
  const talk = await shopper.see(`/${id}`);
  assert.deepEqual(expectData(await shopper.buyer.get(`/api/orders/${id}/messages`)).map((one: Json) => one["content"]), ["Any news?\nAt all?", "Tonight <b>"]);
  assert.match(talk.text, /Tonight &lt;b&gt;/);
  await deliver(seller, id);
  const delivered = await shopper.see(`/${id}`);
  assert.deepEqual(offeredOn(delivered, id), ["approve", "dispute", "message"]);
  assert.match(wordsOf(delivered), /Left alone, it is completed in (47 h|2 days) , on [\d: -]+ , and its price is released to the agent\./);
  const ask = await shopper.see(`/${id}/approve`);
  assert.match(wordsOf(ask), /Approve this order\? Service Avatars & more .* Price \$5\.00/);
  const completed = await twice(ask, "approve", {}, "The order is completed, and its price is released to the agent, less the platform's tenth.");
  assert.match(wordsOf(completed), /Payout \$4\.50 paid sandbox/);
  await twice(completed, "review", { rating: "4", comment: "Fast." }, "The review is published.");
  const end = await shopper.see(`/${id}`);
  assert.deepEqual(offeredOn(end, id), ["message"]);
  assert.match(wordsOf(end), /Review: 4 of 5 Fast\./);
  for (const step of ["Ordered the buyer", "Price accepted the buyer", "Paid into escrow the buyer $5.00", "Completed, the agent has earned the buyer $4.50", "The platform's tenth the buyer $0.50", "Paid out to the agent"]) {
    assert.ok(wordsOf(end).includes(step), `${step}: ${wordsOf(end)}`);
  }

  // The seller's side sees the same, and can do nothing.
  const list = await shop.see();
  assert.match(wordsOf(list), /Earned \$4\.50 after the platform's tenth In escrow \$0\.00 .* Paid out \$4\.50 .* Awaiting a wallet \$0\.00/);
  const sold = await shop.hand.open(`/account/orders/${id}?tenant=${shop.house.tenantId}`);
  assert.deepEqual(offeredOn(sold, id), []);
  assert.ok(wordsOf(sold).includes("Any news?") && wordsOf(sold).includes("Review: 4 of 5"));
  await booksOf(officeOf(shop.house));
});

test("what is wrong is said at its field, what was typed stands there still, and nothing has happened", async () => {
  const seller = await makeSeller(server.client());
  const service = await makeService(seller);
  const shopper = await Shopper.open(server.current);
  const blank = await shopper.see(`/new?service=${service["id"]}`);
  const good: Record<string, string> = { brief: BRIEF };
  const file = `${server.current.url}/files/atelier/x.png`;
  const wrong: [string, string, string, RegExp][] = [
    ["brief", "", "brief", /^is required$/],
    ["brief", "short", "brief", /^must have 10 to 1000 characters$/],
    ["wallet", "So11111111111111111111111111111111111111112", "wallet", /^must be a wallet that you have proved$/],
    ["reference_urls", "https://ok.example\r\nhttp://127.0.0.1/x\r\nftp://x", "reference-urls", /^must .*ftp:\/\/x is not$/],
    ["reference_urls", Array(6).fill("https://a.example").join("\r\n"), "reference-urls", /^must have at most 5 lines$/],
    ["reference_images", "https://a.example/1.png", "reference-images", /^must be the URL of a file that was uploaded here, which https:\/\/a\.example\/1\.png is not$/],
    ["reference_images", Array(4).fill(file).join("\r\n"), "reference-images", /^must have at most 3 lines$/],
  ];
  for (const [field, value, id, words] of wrong) {
    const refused = await shopper.hand.submit(blank, "/account/orders", { ...good, [field]: value });
    assert.equal(refused.status, 400, `${field} ${value}: ${refused.text.slice(0, 300)}`);
    const errors = errorsOn(refused);
    assert.deepEqual(Object.keys(errors), [id], JSON.stringify(errors));
    assert.match(errors[id] ?? "", words);
    if (field !== "wallet") assert.equal(formOn(refused, "/account/orders")[field], value.replaceAll("\r\n", "\n"));
  }
  assert.deepEqual(expectData(await shopper.buyer.get("/api/orders")), []);
  assert.equal((await shopper.hand.send("GET", "/account/orders/new?service=svc_01J8ZZZZZZZZZZZZZZZZZZZZZZ")).status, 404);
  assert.equal((await shopper.hand.send("GET", "/account/orders/services?category=nothing")).status, 400);

  // A form sent for another order, or where the order has moved on.
  const [first] = await shopper.order(service["id"]);
  const [id, page] = await shopper.order(service["id"]);
  await shopper.pay(first);
  const refuse = async (verb: string, fields: Record<string, string>, status: number, on = page): Promise<Reply> => {
    const refused = await shopper.hand.submit(on, `/account/orders/${id}/${verb}`, fields);
    assert.equal(refused.status, status, `${verb}: ${wordsOf(refused).slice(0, 300)}`);
    return refused;
  };
  assert.deepEqual(errorsOn(await refuse("pay", { escrow_tx_hash: "" }, 400)), { tx: "is required" });
  assert.deepEqual(errorsOn(await refuse("pay", { escrow_tx_hash: "x".repeat(129) }, 400)), { tx: "must have 1 to 128 characters" });
  const used = await refuse("pay", { escrow_tx_hash: `tx-${first}` }, 409);
  assert.deepEqual([errorsOn(used), formOn(used, `/account/orders/${id}/pay`)["escrow_tx_hash"]], [{ tx: "this transaction has paid for another order" }, `tx-${first}`]);
  assert.equal(await shopper.status(id), "quoted");
  const paid = await shopper.pay(id);
  assert.deepEqual(noticeOf(await shopper.press(page, `/${id}/accept`)), ["trouble", "That does not happen to an order that is paid."]);
  assert.deepEqual(noticeOf(await shopper.press(page, `/${id}/pay`, { escrow_tx_hash: "another" })), ["trouble", "That does not happen to an order that is paid."]);
  assert.deepEqual(errorsOn(await refuse("message", { content: " \r\n " }, 400, paid)), { content: "must have 1 to 2000 characters" });
  await deliver(seller, id);
  const delivered = await shopper.see(`/${id}`);
  const long = await refuse("dispute", { reason: "x".repeat(1_001) }, 400, delivered);
  assert.deepEqual(errorsOn(long), { reason: "must have 0 to 1000 characters" });
  assert.match(long.text, /<details class="more" open>/, "the form that is wrong is open");
  await shopper.press(await shopper.see(`/${id}/approve`), `/${id}/approve`);
  const end = await shopper.see(`/${id}`);
  assert.deepEqual(errorsOn(await refuse("review", { rating: "6" }, 400, end)), { rating: "must be a whole number from 1 to 5" });
  assert.deepEqual(errorsOn(await refuse("review", { comment: "x".repeat(501) }, 400, end)), { comment: "must have 0 to 500 characters" });
  for (const verb of ["burn", "start", "deliver"]) assert.equal((await shopper.hand.send("POST", `/account/orders/${id}/${verb}`, formOn(end, `/account/orders/${id}/message`))).status, 404, verb);
  const csrf = await shopper.hand.send("POST", `/account/orders/${id}/message`, { ...formOn(end, `/account/orders/${id}/message`), csrf: "00", content: "x" });
  assert.equal(csrf.status, 403);
  const keyless = await shopper.hand.send("POST", `/account/orders/${id}/message`, { csrf: formOn(end, `/account/orders/${id}/message`)["csrf"]!, content: "x" });
  assert.equal(keyless.status, 400);
});

test("a page offers its buyer what the table of states lets happen there, in every state", async () => {
  const seller = await makeSeller(server.client());
  const [fixed, quote, weekly] = [await makeService(seller), await makeService(seller, { price_type: "quote" }), await makeService(seller, { price_type: "weekly", quota_limit: 2 })];
  const shopper = await Shopper.open(server.current);
  const { transitions } = expectData(await server.client().get("/api/orders/lifecycle"));
  const seen = new Set<string>();
  const check = async (id: string, isWorkspace = false): Promise<void> => {
    const status = await shopper.status(id);
    seen.add(status);
    const expected = transitions.filter((row: Json) => row["from"] === status && row["actor"] === "buyer").map((row: Json) => row["event"]);
    if (isWorkspace && status === "in_progress") expected.push("request");
    if (["paid", "in_progress", "delivered", "completed", "disputed"].includes(status)) expected.push("message");
    if (status === "completed") expected.push("review");
    assert.deepEqual(offeredOn(await shopper.see(`/${id}`), id), [...new Set<string>(expected)].sort(), status);
  };
  const [asked] = await shopper.order(quote["id"]);
  await check(asked);
  expectData(await seller.client.post(`/api/orders/${asked}/quote`, { price_usd: "15.00" }));
  await check(asked);
  await shopper.press(await shopper.see(`/${asked}`), `/${asked}/accept`);
  await check(asked);
  const cancelled = await shopper.press(await shopper.see(`/${asked}/cancel`), `/${asked}/cancel`);
  assert.deepEqual(noticeOf(cancelled), ["done", "The order is cancelled."]);
  await check(asked);
  assert.equal((await shopper.hand.send("GET", `/account/orders/${asked}/cancel`)).status, 303, "there is nothing left to ask");

  const [id] = await shopper.order(fixed["id"]);
  await shopper.pay(id);
  await check(id);
  expectData(await seller.client.patch(`/api/orders/${id}`, { action: "start" }));
  await check(id);
  for (const round of [1, 2, 3]) {
    await deliver(seller, id);
    await check(id);
    const disputed = await shopper.press(await shopper.see(`/${id}`), `/${id}/dispute`, { reason: `no, ${round}` });
    assert.equal(noticeOf(disputed)[0], "done");
    assert.match(wordsOf(disputed), new RegExp(`Disputed because no, ${round}`));
    await check(id);
  }
  expectRefusal(await seller.client.post(`/api/orders/${id}/deliver`, DELIVERY), 409, "DISPUTE_LIMIT");
  assert.deepEqual(offeredOn(await shopper.see(`/${id}`), id), ["approve", "message"], "three times is enough");
  await shopper.press(await shopper.see(`/${id}/approve`), `/${id}/approve`);
  await check(id);

  const [space] = await shopper.order(weekly["id"]);
  await shopper.pay(space);
  await check(space, true);
  const page = await shopper.see(`/${space}`);
  for (const _ of ["once", "again"]) assert.deepEqual(noticeOf(await shopper.press(page, `/${space}/request`, { brief: "The same in daylight, please" })), ["done", "The agent is told."]);
  await deliver(seller, space);
  assert.match(wordsOf(await shopper.see(`/${space}`)), /1 of 2 · the workspace ends in 6 days|1 of 2 · the workspace ends in 7 days/);
  assert.match(wordsOf(await shopper.see(`/${space}`)), /neon accents [\d: -]+ · answered The same in daylight, please [\d: -]+ · open/);
  await deliver(seller, space);
  await check(space, true);
  assert.equal(seen.size, 9, [...seen].join(" "));
});

test("what is free is begun without a payment, and a form for it sent twice begins it once", async () => {
  const seller = await makeSeller(server.client());
  const shopper = await Shopper.open(server.current);
  const [id, page] = await shopper.order((await makeService(seller, { price_usd: "0" }))["id"]);
  assert.match(wordsOf(page), /free .* It is free: nothing has to be paid for the work to begin\. Begin/);
  for (const _ of ["once", "again"]) assert.equal(noticeOf(await shopper.press(page, `/${id}/pay`))[0], "done");
  assert.equal(await shopper.status(id), "paid");
});

test("an order is its parties' alone: to every other human it is not there", async () => {
  const [shop, other] = [await openShop(), await openShop()];
  const [shopper, stranger] = [await Shopper.open(server.current), await Shopper.open(server.current)];
  const [id, page] = await shopper.order((await makeService(shop.seller))["id"]);
  const at = `/account/orders/${id}`;
  const statuses = async (hand: Hand, tenant: string): Promise<number[]> => {
    const paths = [`${at}?tenant=${tenant}`, `${at}/cancel?tenant=${tenant}`];
    const seen = await Promise.all(paths.map(async (path) => (await hand.send("GET", path)).status));
    const form = { csrf: await hand.csrf("/account/settings"), tenant, idempotency_key: crypto.randomUUID() };
    const posts = [];
    for (const [verb, fields] of Object.entries({ accept: {}, pay: { escrow_tx_hash: "x" }, cancel: {}, message: { content: "x" }, review: { rating: "1" } })) {
      posts.push((await hand.send("POST", `${at}/${verb}`, { ...form, ...fields })).status);
    }
    return [...seen, ...posts];
  };
  const nothing = Array(7).fill(404);
  assert.deepEqual(await statuses(stranger.hand, shop.house.tenantId), nothing);
  assert.deepEqual(await statuses(other.hand, other.house.tenantId), nothing);
  assert.deepEqual(await statuses(other.hand, shop.house.tenantId), nothing);
  assert.deepEqual(await statuses(shop.hand, shop.house.tenantId), [200, ...Array(6).fill(404)], "who manages the seller looks, and does nothing");
  const foreign = await stranger.hand.send("POST", "/account/orders", { ...formOn(await stranger.see(`/new?service=${(await makeService(shop.seller))["id"]}`), "/account/orders"), brief: BRIEF, wallet: shopper.buyer.wallet });
  assert.deepEqual([foreign.status, errorsOn(foreign)], [400, { wallet: "must be a wallet that you have proved" }]);
  assert.equal(await shopper.status(id), "quoted");
  assert.ok(!(await stranger.see("/bought")).text.includes(id) && !(await other.see()).text.includes(id));
  assert.ok(page.text.includes(id) && (await shop.see()).text.includes(id));
  for (const path of ["", `/${id}`, "/bought", "/services", "/wallets"]) {
    const out = await new Hand(server.client()).send("GET", `/account/orders${path}`);
    assert.deepEqual([out.status, out.headers.get("location")?.startsWith("/account?next=")], [303, true], path);
  }
});

test("a seller's orders are read page by page and by state and agent, and what they earned by the day", async () => {
  const shop = await openShop();
  const { seller, house } = shop;
  assert.match(wordsOf(await shop.see()), /Nothing earned in these 30 days\./);
  const service = await makeService(seller, { price_usd: "10.00" });
  const buyer = new Buyer(server.current);
  const ids: string[] = [];
  for (let at = 0; at < 23; at += 1) ids.push((await buyer.order(service["id"], at < 4))["id"]);
  for (const id of ids.slice(0, 3)) await deliver(seller, id);
  expectData(await buyer.move(ids[0]!, "approve"));
  await server.current.advance(DAY_S);
  expectData(await buyer.move(ids[1]!, "approve"));
  const shown = (page: Reply): string[] => [...page.text.matchAll(/<th scope="row"><a href="\/account\/orders\/(ord_\w+)/g)].map(([, id = ""]) => id);
  const first = await shop.see();
  const older = /<a class="button small" href="([^"]*)" rel="next">Older/.exec(first.text)?.[1]?.replaceAll("&amp;", "&") ?? assert.fail("no older ones");
  const second = await shop.hand.open(older);
  assert.deepEqual([...shown(first), ...shown(second)], [...ids].reverse());
  assert.ok(!second.text.includes("Earned per day"), "figures stand on the first page alone");
  assert.deepEqual(shown(await shop.see("&status=completed")), [ids[1], ids[0]]);
  assert.deepEqual(shown(await shop.see(`&status=delivered&agent=${seller.agentId}`)), [ids[2]]);
  const narrowed = await shop.see(`&agent=${seller.agentId}`);
  assert.match(wordsOf(narrowed), /Only those of .* \. Show all/);
  assert.equal(shown(narrowed).length, 20);
  for (const [query, status] of [["&status=lost", 400], ["&agent=nobody", 400], ["&cursor=x", 400]] as const) {
    assert.equal((await shop.hand.send("GET", `/account/orders?tenant=${house.tenantId}${query}`)).status, status, query);
  }
  // Two are held, two have earned nine dollars each, on two days; nobody has said where to.
  assert.match(wordsOf(first), /Earned \$18\.00 after the platform's tenth In escrow \$20\.00 .* Paid out \$0\.00 .* Awaiting a wallet \$18\.00/);
  const figures = [...first.text.matchAll(/<tr><th scope="row"><time[^>]*>[\d-]+<\/time><\/th><td class="number">(\$[\d.]+)<\/td>/g)].map(([, amount]) => amount);
  assert.deepEqual([figures.length, figures.filter((amount) => amount !== "$0.00")], [30, ["$9.00", "$9.00"]]);
  assert.match(first.text, /<desc id="plot-desc">\$18\.00 in all/);
  expectData(await seller.client.patch("/api/agents/me", { payout_wallet: PAYOUT_WALLET }));
  assert.match(wordsOf(await shop.see()), /Paid out \$18\.00 .* Awaiting a wallet \$0\.00/);
  await booksOf(officeOf(house));
});

test("what two wallets have bought stands in one list, newest first, each order once", async () => {
  const seller = await makeSeller(server.client());
  const service = await makeService(seller);
  const shopper = await Shopper.open(server.current);
  const second = new Shopper(server.current, shopper.person);
  await second.prove();
  const ids: string[] = [];
  for (let at = 0; at < 5; at += 1) ids.unshift((await [shopper, second][at % 2]!.buyer.order(service["id"], false))["id"]);
  const shown = (page: Reply): string[] => [...page.text.matchAll(/<th scope="row"><a href="\/account\/orders\/(ord_\w+)/g)].map(([, id = ""]) => id);
  const first = await shopper.see("/bought?limit=2");
  const older = /<a class="button small" href="([^"]*)" rel="next">Older/.exec(first.text)?.[1]?.replaceAll("&amp;", "&") ?? assert.fail("no older ones");
  assert.deepEqual([...shown(first), ...shown(await shopper.hand.open(older))], ids);
  // Each is paid by the wallet that ordered it, whichever was proved last.
  for (const id of ids.slice(0, 2)) assert.equal(noticeOf(await shopper.pay(id))[0], "done");
  const removed = `/wallets/remove?wallet=${second.buyer.wallet}`;
  await shopper.press(await shopper.see(removed), removed);
  assert.deepEqual(shown(await shopper.see("/bought")), ids.filter((_, at) => at % 2 === 0));
});

test("an operator finds what is disputed, those first that end first, sees what an end comes to, and ends it once", async () => {
  const shop = await openShop();
  const shopper = await Shopper.open(server.current);
  const service = await makeService(shop.seller, { price_usd: "12.50" });
  const dispute = async (): Promise<string> => {
    const [id] = await shopper.order(service["id"]);
    await shopper.pay(id);
    await deliver(shop.seller, id);
    await shopper.press(await shopper.see(`/${id}`), `/${id}/dispute`, { reason: "there is no neon" });
    return id;
  };
  const ids = [await dispute(), await dispute(), await dispute()] as [string, string, string];
  const hand = Hand.of(server.client(), await newOperator(server.current));
  const desk = await hand.open("/account/operator");
  const listed = [...desk.text.matchAll(/href="\/account\/operator\/disputes\/(ord_\w+)"/g)].map(([, id = ""]) => id).filter((id) => ids.includes(id));
  assert.deepEqual(listed, ids);
  const path = (id: string): string => `/account/operator/disputes/${id}`;
  const page = await hand.open(path(ids[0]));
  for (const words of ["there is no neon", BRIEF, "storage.example.com", "Paid into escrow"]) assert.ok(wordsOf(page).includes(words), words);
  for (const [query, id] of [["outcome=split&percent=", "percent"], ["outcome=split&percent=100", "percent"], ["outcome=burn", "outcome"]] as const) {
    const refused = await hand.send("GET", `${path(ids[0])}/resolve?${query}`);
    assert.deepEqual([refused.status, Object.keys(errorsOn(refused))], [400, [id]], query);
  }
  const rule = async (id: string, query: string, comesTo: RegExp): Promise<Reply> => {
    const ask = await hand.open(`${path(id)}/resolve?${query}`);
    assert.match(wordsOf(ask), comesTo);
    const empty = await hand.submit(ask, `${path(id)}/resolve`, { note: "" });
    assert.deepEqual([empty.status, errorsOn(empty)], [400, { note: "must have 1 to 1000 characters" }]);
    assert.match(wordsOf(empty), comesTo);
    const once = await hand.follow(await hand.submit(ask, `${path(id)}/resolve`, { note: "both were heard" }));
    const twice = await hand.follow(await hand.submit(ask, `${path(id)}/resolve`, { note: "both were heard" }));
    assert.deepEqual(noticeOf(twice), noticeOf(once));
    return once;
  };
  const split = await rule(ids[0], "outcome=split&percent=40", /To the agent \$4\.50 Platform fee \$0\.50 Back to the buyer \$7\.50/);
  assert.deepEqual(noticeOf(split), ["done", "The dispute is ended: $4.50 to the agent, $7.50 back to the buyer."]);
  assert.ok(!split.text.includes("/resolve"), "there is nothing left to end");
  await rule(ids[1], "outcome=release&percent=", /To the agent \$11\.25 Platform fee \$1\.25 Back to the buyer \$0\.00/);
  await rule(ids[2], "outcome=refund&percent=", /To the agent \$0\.00 Platform fee \$0\.00 Back to the buyer \$12\.50/);
  assert.deepEqual(await Promise.all(ids.map((id) => shopper.status(id))), ["completed", "completed", "cancelled"]);
  const after = await hand.open("/account/operator");
  assert.ok(ids.every((id) => !after.text.includes(id)));
  assert.match(wordsOf(await shopper.see(`/${ids[0]}`)), /Said of the dispute both were heard/);
  assert.match(wordsOf(await shop.see()), /Earned \$15\.75 .* In escrow \$0\.00/);
  await booksOf(officeOf(shop.house));
  for (const path of [`/account/operator/disputes/${ids[0]}`, `/account/operator/disputes/${ids[0]}/resolve?outcome=refund`]) {
    assert.equal((await shopper.hand.send("GET", path)).status, 403, "it is an operator's");
  }
  assert.equal((await hand.send("GET", path("ord_01J8ZZZZZZZZZZZZZZZZZZZZZZ"))).status, 404);
});

/** A picture that a browser shows: stripes of the house's green. */
function newPicture(width = 320, height = 200): Buffer<ArrayBuffer> {
  const chunk = (name: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(name, "latin1"), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const rows = Buffer.concat(Array.from({ length: height }, (_, y) => Buffer.concat([Buffer.from([0]), Buffer.alloc(width * 3, y % 40 < 20 ? "0b6b57" : "a9d3c6", "hex")])));
  return Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), chunk("IHDR", head), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]);
}

async function upload(seller: Seller): Promise<string> {
  return expectData(await seller.client.send("POST", "/api/upload", fileForm(newPicture(), "image/png"))).url;
}

test("every page is whole in Chromium, wide and narrow, light and dark, empty and full, and nothing is blocked", async () => {
  const shop = await openShop();
  const { seller, house } = shop;
  const shopper = await Shopper.open(server.current);
  const fresh = new Shopper(server.current, await newPerson(server.client()));
  const [fixed, weekly] = [await makeService(seller, { price_usd: "125.00" }), await makeService(seller, { price_type: "weekly", price_usd: "40", quota_limit: 8, title: "A week of reels, as many as eight, cut and captioned for every platform there is" })];
  for (const title of ["Product photographs", "A quoted thing"]) await makeService(seller, { title, price_type: title.startsWith("A") ? "quote" : "fixed" });
  const url = await upload(seller);
  const picture = { deliverable_url: url, deliverable_media_type: "image" };
  for (let day = 0; day < 6; day += 1) {
    const [id] = await shopper.order(fixed["id"]);
    await shopper.pay(id);
    await deliver(seller, id, picture);
    await shopper.press(await shopper.see(`/${id}/approve`), `/${id}/approve`);
    if (day % 2 === 0) await server.current.advance(2 * DAY_S);
  }
  const [quoted] = await shopper.order(fixed["id"], { reference_urls: "https://example.com/a-rather-long-address-of-a-mood-board/with/many/parts", reference_images: url });
  const [delivered] = await shopper.order(fixed["id"], { reference_images: url });
  await shopper.pay(delivered);
  await shopper.press(await shopper.see(`/${delivered}`), `/${delivered}/message`, { content: "Is it on its way? We have to show it to somebody on Thursday." });
  expectData(await seller.client.post(`/api/orders/${delivered}/messages`, { content: "It is. Two more passes, then it is yours." }));
  await deliver(seller, delivered, picture);
  const [disputed] = await shopper.order(fixed["id"]);
  await shopper.pay(disputed);
  await deliver(seller, disputed, { deliverable_url: "https://cdn.example.org/reel.mp4", deliverable_media_type: "video" });
  await shopper.press(await shopper.see(`/${disputed}`), `/${disputed}/dispute`, { reason: "It is a video, and I asked for a picture." });
  const [space] = await shopper.order(weekly["id"]);
  await shopper.pay(space);
  await shopper.press(await shopper.see(`/${space}`), `/${space}/request`, { brief: "The same in daylight, please" });
  const { data: completed } = expectDataOf(await shopper.buyer.get("/api/orders"), "completed");

  const context = await browser.current.person();
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => complaints.push(`${page.url()}: ${message.text()}`));
  page.on("pageerror", (error) => complaints.push(error.message));
  const signIn = async (person: Person): Promise<void> => context.addCookies([{ name: "next-auth.session-token", value: person.cookie.split("=", 2)[1]!, url: server.current.url }]);
  const look = async (name: string, path: string): Promise<void> => {
    for (const width of [1280, 360]) {
      await page.setViewportSize({ width, height: 900 });
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        await page.goto(new URL(path, server.current.url).href);
        await page.evaluate("for (const one of document.querySelectorAll('main details.more')) one.open = true");
        const overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
        assert.ok(Number(overflow) <= 0, `${path} is ${overflow} px too wide at ${width}`);
        const broken = await page.evaluate("Promise.all([...document.images].map(async (one) => { one.loading = 'eager'; await one.decode(); return one.naturalWidth; }))");
        assert.ok((broken as number[]).every((wide) => wide === 320), `${path}: ${broken}`);
        await takePicture(page, `market-${name}-${width}-${colorScheme}`);
      }
    }
  };
  await signIn(fresh.person);
  for (const path of ["", "/bought", "/wallets"]) await look(`empty${path.replace("/", "-")}`, `/account/orders${path}`);
  await look("service-no-wallet", `/account/orders/new?service=${fixed["id"]}`);
  await signIn(shopper.person);
  await look("services", "/account/orders/services");
  await look("service", `/account/orders/new?service=${weekly["id"]}`);
  await look("service-picture", `/account/orders/new?service=${weekly["id"]}&images=${new URL(url).pathname.slice("/files/".length)}`);
  await look("wallets", `/account/orders/wallets?wallet=${PAYOUT_WALLET}`);
  await look("bought", "/account/orders/bought");
  for (const [name, id] of Object.entries({ quoted, delivered, disputed, space, completed })) await look(`order-${name}`, `/account/orders/${id}`);
  await look("approve", `/account/orders/${delivered}/approve`);
  await signIn(house.owner);
  await look("sold", `/account/orders?tenant=${house.tenantId}`);
  await look("sold-one", `/account/orders/${disputed}?tenant=${house.tenantId}`);
  await signIn(await newOperator(server.current));
  await look("operator", "/account/operator");
  await look("dispute", `/account/operator/disputes/${disputed}`);
  await look("ruling", `/account/operator/disputes/${disputed}/resolve?outcome=split&percent=40`);
  assert.deepEqual(complaints, []);
  await context.close();
});

/** The id of the newest order that stands so. */
function expectDataOf(reply: Reply, status: string): { data: string } {
  const orders: Json[] = expectData(reply);
  return { data: orders.find((order) => order["status"] === status)?.["id"] ?? assert.fail(`none is ${status}`) };
}
