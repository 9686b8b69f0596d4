// Governed money at the console: a person decides, stops, grants, takes back and looks, with the forms of its pages as they
// stand there, and in a real Chromium.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Webhook } from "standardwebhooks";
import { takePicture, useBrowser } from "./support/browser.ts";
import type { Reply } from "./support/client.ts";
import { Hand, errorsOn, formOn, noticeOf, readText, wordsOf } from "./support/hand.ts";
import { newHousehold, newOperator, type Household } from "./support/household.ts";
import { newPerson } from "./support/person.ts";
import { useReceiver } from "./support/receiver.ts";
import { useServer } from "./support/server.ts";
import { ACTIONS, booksOf, Company, expectRefused } from "./support/spender.ts";
import { stateOfTenant } from "./support/state.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" } });
const browser = useBrowser();
const receiver = await useReceiver();
const WALLET = 10_100;
const HOSTILE = `"'><script>alert(1)</script>&lt;\u202Eevil`;

/** A company, its household, and its owner's browser. */
class Desk {
  readonly house: Household;
  readonly company: Company;
  readonly hand: Hand;

  private constructor(house: Household, company: Company, hand: Hand) {
    this.house = house;
    this.company = company;
    this.hand = hand;
  }

  static async open(terms: Record<string, unknown> = { total_limit: 1_000 }): Promise<Desk> {
    const house = await newHousehold(server.current);
    const company = await Company.open(server.current, terms, house);
    return new Desk(house, company, Hand.of(server.client(), house.owner));
  }

  at(path: string, query = ""): string {
    return `/account/${path}?tenant=${this.company.house.tenantId}${query}`;
  }

  see(path: string, query = ""): Promise<Reply> {
    return this.hand.open(this.at(path, query));
  }

  /** Sends a form of an opened page; the page it leads to. */
  async press(page: Reply, action: string, fields: Record<string, string> = {}): Promise<Reply> {
    return this.hand.follow(await this.hand.submit(page, action, fields));
  }

  /** Goes by way of the page that asks. */
  async confirm(path: string, fields: Record<string, string> = {}): Promise<Reply> {
    return this.press(await this.see(path), `/account/${path}`, fields);
  }

  /** How often that has been done, as the audit chain tells. */
  async countOf(action: string): Promise<number> {
    const { data } = await this.company.see("audit?limit=100");
    return data.filter((entry: { action: string }) => entry.action === action).length;
  }
}

/** A page once it is as wanted. */
async function waitFor(desk: Desk, path: string, is: (page: Reply) => boolean): Promise<Reply> {
  const deadlineMs = Date.now() + 10_000;
  for (;;) {
    const page = await desk.see(path);
    if (is(page)) return page;
    assert.ok(Date.now() < deadlineMs, wordsOf(page));
  }
}

// First in the file: its verifier goes by the clock of this machine, which later tests leave behind.
test("an endpoint's secret is shown once, its deliveries with every attempt, and each button does its work once", async () => {
  const desk = await Desk.open();
  const { company } = desk;
  const blank = await desk.see("webhooks");
  const good = { url: receiver.url("/desk"), events: "wallet.*\r\nwebhook.test\r\n", description: "the books" };
  for (const [field, value, id] of [["url", "ftp://example.org", "url"], ["url", "", "url"], ["events", "wallet.*\r\nnothing.here", "events"], ["description", "x".repeat(257), "description"]] as const) {
    const refused = await desk.hand.submit(blank, "/account/webhooks", { ...good, [field]: value });
    assert.deepEqual([refused.status, Object.keys(errorsOn(refused))], [400, [id]], `${field} ${value}: ${refused.text.slice(0, 300)}`);
    assert.equal(formOn(refused, "/account/webhooks")[field], value.replaceAll("\r\n", "\n"));
  }
  const secretOf = (page: Reply): string => readText(/id="secret-value">(whsec_[^<]*)</.exec(page.text)?.[1] ?? assert.fail(wordsOf(page).slice(0, 600)));
  const [made, again] = [await desk.press(blank, "/account/webhooks", good), await desk.press(blank, "/account/webhooks", good)];
  const secret = secretOf(made);
  assert.equal(secretOf(again), secret, "who sent the form twice still gets the one secret");
  const hooks = (await company.see("webhooks"))["data"];
  assert.equal(hooks.length, 2, "the household's and this one");
  const { id, events } = hooks.find((hook: { description: string }) => hook.description === "the books");
  assert.deepEqual(events, ["wallet.*", "webhook.test"]);
  const [path, verb] = [`webhooks/${id}`, (name: string): string => `/account/webhooks/${id}/${name}`];
  assert.ok(!(await desk.see(path)).text.includes("whsec_"), "the secret is shown once");

  // The first attempt fails, the one that was asked for arrives.
  receiver.behave = (_, nth) => (nth === 1 ? { status: 500, body: "<b>no</b>" } : { status: 200 });
  const idle = await desk.see(path);
  for (const _ of ["once", "again"]) assert.deepEqual(noticeOf(await desk.press(idle, verb("test"))), ["done", "It is on its way."]);
  const [received] = await receiver.wait("/desk", 1);
  new Webhook(secret).verify(received!.text, received!.headers);
  const failed = await waitFor(desk, path, (page) => page.text.includes("1 attempt, the last: 500"));
  assert.match(failed.text, /&lt;b&gt;no&lt;\/b&gt;/);
  assert.match(wordsOf(failed), /webhook\.test failed/);
  for (const _ of ["once", "again"]) assert.deepEqual(noticeOf(await desk.press(failed, verb("resend"))), ["done", "It is on its way."]);
  await receiver.wait("/desk", 2);
  const arrived = await waitFor(desk, path, (page) => page.text.includes("2 attempts, the last: 200"));
  assert.match(wordsOf(arrived), /webhook\.test delivered/);
  assert.equal(receiver.at("/desk").length, 2, "one event, twice sent");
  assert.deepEqual([(await desk.see(path, "&status=delivered")).text.includes("2 attempts"), (await desk.see(path, "&status=failed")).text.includes("2 attempts")], [true, false]);

  const ask = await desk.see(`${path}/rotate`);
  const fresh = secretOf(await desk.press(ask, verb("rotate")));
  assert.equal(secretOf(await desk.press(ask, verb("rotate"))), fresh, "a form sent twice makes one new secret");
  assert.notEqual(fresh, secret);
  assert.equal(await desk.countOf("webhook.secret_rotated"), 1);
  await desk.press(await desk.see(path), verb("test"));
  const third = (await receiver.wait("/desk", 3))[2]!;
  for (const one of [secret, fresh]) new Webhook(one).verify(third.text, third.headers);

  assert.deepEqual(noticeOf(await desk.confirm(`${path}/disable`)), ["done", "The endpoint is disabled."]);
  assert.match(wordsOf(await desk.see(path)), /disabled Disabled on request/);
  const missed = (): Promise<Reply> => company.office.post(`/v1/wallets/${company.walletId}/fund`, { amount: 1 }, { "idempotency-key": crypto.randomUUID() });
  assert.equal((await missed()).status, 201);
  const enabled = await desk.press(await desk.see(path), verb("enable"));
  assert.deepEqual(noticeOf(enabled), ["done", "The endpoint is enabled."]);
  assert.match(noticeOf(await desk.press(enabled, verb("replay"), { hours: "1" }))[1], /on the way again\.$/);
  await receiver.wait("/desk", 4);
  assert.equal(noticeOf(await desk.press(enabled, verb("replay"), { hours: "5" }))[0], "trouble");
  const end = await desk.see(`${path}/delete`);
  for (const _ of ["once", "again"]) assert.deepEqual(noticeOf(await desk.press(end, verb("delete"))), ["done", "The endpoint is deleted."]);
  for (const gone of [path, `${path}/rotate`]) assert.equal((await desk.hand.send("GET", desk.at(gone))).status, 404);
});

test("what waits is approved or denied at the console, once, and the money moves as decided", async () => {
  const desk = await Desk.open({ total_limit: 1_000, approval_threshold: 10 });
  const { company } = desk;
  const [yes, no, late] = [await company.hold(11, { description: "a lamp" }), await company.hold(12), await company.hold(14)];
  const paying = (await company.pay(13, { merchant: "Ada & sons", description: "rent" })).json;
  const page = await desk.see("approvals");
  assert.match(wordsOf(page), /Approvals 4 waiting/);
  for (const words of ["$0.11 Tool", "a lamp", "$0.13 Payment · Ada & sons", "rent", "Nothing has been decided here yet."]) assert.ok(wordsOf(page).includes(words), words);
  const form = (approval: string): string => `/account/approvals/${approval}`;
  const of = { yes: form(yes["approval_id"]), no: form(no["approval_id"]), late: form(late["approval_id"]), paying: form(paying.approval_id) };

  // A browser ends lines with two characters.
  const approved = await desk.press(page, of.yes, { decision: "approve", reason: "seen\r\nand good" });
  assert.deepEqual(noticeOf(approved), ["done", "Approved. $0.11 stays reserved for it."]);
  const approval = await company.see(`approvals/${yes["approval_id"]}`);
  assert.deepEqual([approval["status"], approval["reason"]], ["approved", "seen\nand good"]);
  assert.match(approval["decided_by"], /^user:/);
  assert.deepEqual(noticeOf(await desk.press(page, of.yes, { decision: "approve", reason: "other" })), ["done", "Approved. $0.11 stays reserved for it."]);
  assert.deepEqual(await company.see(`approvals/${yes["approval_id"]}`), approval, "the same decision again changes nothing");
  assert.deepEqual(noticeOf(await desk.press(page, of.yes, { decision: "deny" })), ["trouble", "This was decided otherwise, or too late to decide."]);
  assert.deepEqual(noticeOf(await desk.press(page, of.no, { decision: "deny" })), ["done", "Denied. $0.12 went back."]);
  assert.deepEqual(noticeOf(await desk.press(page, of.paying, { decision: "approve" })), ["done", "Approved. $0.13 is paid to Ada & sons."]);
  assert.deepEqual([await company.used(), await company.balance()], [[13, 25], [WALLET - 38, 25]]);
  for (const fields of [{}, { decision: "maybe" }, { decision: "approve", reason: "x".repeat(1_025) }]) {
    assert.equal((await desk.hand.submit(page, of.late, fields)).status, 400);
  }
  await server.current.advance(86_401);
  assert.deepEqual(noticeOf(await desk.press(page, of.late, { decision: "approve" })), ["trouble", "This was decided otherwise, or too late to decide."]);
  const after = wordsOf(await desk.see("approvals"));
  for (const words of ["Nothing waits.", "Payment approved", "Reservation denied", "Reservation expired", "seen and good", "decided by you"]) assert.ok(after.includes(words), words);
  assert.ok(!after.includes(" waiting"));
  assert.deepEqual(await company.balance(), [WALLET - 13, 0], "what was approved ran out unused, what was not, too");
  const overview = await desk.hand.open("/account");
  for (const shown of [overview, await desk.see("billing")]) assert.match(wordsOf(shown), /Spent, 30 days \$0\.13/, "a payment is spent, a hold is not");
  await booksOf(company.office);
});

test("the switch stops every agent at its next request, is told on every page, and lets them on again", async () => {
  const desk = await Desk.open({ total_limit: 1_000, approval_threshold: 50 });
  const { company } = desk;
  const agent = await company.bearer({ action: "tool:spend", ...ACTIONS });
  const reserve = (): Promise<Reply> => agent.post("/v1/spend-guard/reservations", { kind: "tool", amount: 1 });
  assert.equal((await reserve()).status, 201);
  const waiting = await company.hold(60);
  const runs = await desk.see("wallets");
  assert.ok(wordsOf(runs).includes("Spending runs"));
  const ask = await desk.see("wallets/spending/stop");
  for (const _ of ["once", "again"]) {
    const stopped = await desk.press(ask, "/account/wallets/spending/stop", { reason: "a bill\r\nnobody knows" });
    assert.deepEqual(noticeOf(stopped), ["done", "All spending is stopped."]);
    assert.ok(wordsOf(stopped).includes("a bill nobody knows Stopped by you"), wordsOf(stopped));
  }
  assert.equal(await desk.countOf("tenant.stopped"), 1);
  expectRefused(await reserve(), 403, "tenant_stopped");
  expectRefused(await company.pay(1).catch(() => reserve()), 403, "tenant_stopped");
  for (const path of ["approvals", "mandates", "payments", "leases", "webhooks", "audit", "agents", "billing"]) {
    assert.match((await desk.see(path)).text, /All spending is stopped\. <a href="\/account\/wallets/, path);
  }
  assert.ok(wordsOf(await desk.hand.open("/account")).includes("Spending stopped"));
  const refused = await desk.press(await desk.see("approvals"), `/account/approvals/${waiting["approval_id"]}`, { decision: "approve" });
  assert.deepEqual(noticeOf(refused), ["trouble", "All spending is stopped: resume it under Wallets first."]);
  assert.deepEqual(noticeOf(await desk.confirm("wallets/spending/resume")), ["done", "Spending runs again."]);
  assert.equal((await reserve()).status, 201);
});

test("a mandate is given, paused, taken up again and revoked; what is wrong in its form is said at its field", async () => {
  const desk = await Desk.open();
  const { company } = desk;
  const blank = await desk.see("mandates/new");
  const good = {
    agent_id: company.agentId, name: "Books", per_transaction_limit: "2.50", daily_limit: "3", monthly_limit: "", total_limit: "$4.00", approval_threshold: "0.5",
    merchants: "Ada\r\n\r\n  Babbage & co ", expires_on: "2099-12-31",
  };
  const wrong: [string, string, string, RegExp][] = [
    ["total_limit", "five", "total", /^must be an amount in dollars, such as 5 or 2\.50$/],
    ["daily_limit", "1.005", "daily", /^must be an amount in dollars/],
    ["monthly_limit", "-1", "monthly", /^must be an amount in dollars/],
    ["per_transaction_limit", "99999999999", "per-transaction", /^must be an amount in dollars/],
    ["approval_threshold", "x", "threshold", /^must be an amount in dollars/],
    ["expires_on", "2020-01-01", "expires", /^must lie in the future$/],
    ["expires_on", "soon", "expires", /such as 2026-01-31$/],
    ["name", "x".repeat(129), "name", /^must have 1 to 128 characters$/],
    ["merchants", "x".repeat(129), "merchants", /^must have 1 to 128 characters$/],
  ];
  for (const [field, value, id, words] of wrong) {
    const sent = { ...good, [field]: value };
    const refused = await desk.hand.submit(blank, "/account/mandates", sent);
    assert.equal(refused.status, 400, `${field}: ${refused.text.slice(0, 300)}`);
    const errors = errorsOn(refused);
    assert.deepEqual(Object.keys(errors), [id], field);
    assert.match(errors[id] ?? "", words);
    const { csrf: _1, tenant: _2, idempotency_key: _3, ...shown } = formOn(refused, "/account/mandates");
    assert.deepEqual(shown, { ...sent, merchants: sent.merchants.replaceAll("\r\n", "\n") }, "what was typed stands there still");
  }
  const none = await desk.hand.submit(blank, "/account/mandates", { agent_id: company.agentId });
  assert.deepEqual([none.status, errorsOn(none)], [400, { total: "is needed, or another of the four limits" }]);
  assert.equal((await company.see("mandates"))["data"].length, 1, "nothing was made of any of them");

  for (const _ of ["once", "again"]) assert.deepEqual(noticeOf(await desk.press(blank, "/account/mandates", good)), ["done", "The mandate stands."]);
  const other = await desk.hand.submit(blank, "/account/mandates", { ...good, total_limit: "40" });
  assert.equal(other.status, 422);
  assert.match(wordsOf(other), /This form was sent before with other values; see what came of it, then send it again\./);
  const [made, ...rest] = (await company.see("mandates"))["data"];
  assert.equal(rest.length, 1, "the form made one mandate, however often it came");
  assert.deepEqual(
    [made.name, made.per_transaction_limit, made.daily_limit, made.monthly_limit, made.total_limit, made.approval_threshold, made.allowed_merchants, made.expires_at],
    ["Books", 250, 300, null, 400, 50, ["Ada", "Babbage & co"], "2099-12-31T23:59:59.999Z"],
  );

  const spend = async (): Promise<[number, string]> => {
    const { status, json } = await company.reserve(1, { mandate_id: made.id, kind: "payment", merchant: "Ada" });
    return [status, json.code ?? json.status];
  };
  assert.deepEqual(await spend(), [201, "reserved"]);
  const list = await desk.see("mandates");
  assert.match(wordsOf(list), /\$3\.99 left of \$4\.00/);
  assert.match(wordsOf(list), /\$0\.00 spent \$0\.01 held/);
  const [path, seen] = [`mandates/${made.id}`, async (): Promise<string> => (await company.see(`mandates/${made.id}`))["status"]];
  const ask = await desk.see(`${path}/suspend`);
  assert.match(wordsOf(ask), /Suspend this mandate\? Mandate Books .* Held \$0\.01/);
  for (const _ of ["once", "again"]) assert.deepEqual(noticeOf(await desk.press(ask, `/account/${path}/suspend`)), ["done", "The mandate is suspended."]);
  assert.equal((await company.see(path))["version"], 2);
  assert.deepEqual(await spend(), [403, "mandate_not_active"]);
  assert.deepEqual(noticeOf(await desk.confirm(`${path}/activate`)), ["done", "The mandate is active."]);
  assert.deepEqual(await spend(), [201, "reserved"]);
  assert.deepEqual(noticeOf(await desk.confirm(`${path}/revoke`)), ["done", "The mandate is revoked."]);
  assert.deepEqual([await seen(), await spend()], ["revoked", [403, "mandate_not_active"]]);
  assert.equal(noticeOf(await desk.confirm(`${path}/activate`))[0], "trouble");
  assert.equal(await seen(), "revoked");
  assert.ok(!/\/(suspend|activate|revoke)\?/.test((await desk.see(path)).text), "there is nothing left to do to it");
  assert.deepEqual([wordsOf(await desk.see("mandates", "&status=revoked")).includes("Books"), wordsOf(await desk.see("mandates", "&status=active")).includes("Books")], [true, false]);
  assert.equal((await desk.hand.send("GET", desk.at(`${path}/burn`))).status, 404);
});

test("leases stand as the tree they are, three deep, and end one by one or all at once", async () => {
  const desk = await Desk.open();
  const { company } = desk;
  const [one, two, three] = (await company.agents(3)) as [string, string, string];
  const root = await company.lease(one, 100);
  const middle = await company.lease(two, 50, { parent_lease_id: root["id"] });
  const leaf = await company.lease(three, 20, { parent_lease_id: middle["id"] });
  const held = await company.hold(5, { agent_id: three, lease_id: leaf["id"] });
  assert.equal((await company.capture(held["id"], 3)).status, 200);
  await company.hold(2, { agent_id: three, lease_id: leaf["id"] });

  const page = await desk.see("leases");
  let depth = 0;
  const depths: [number, string][] = [];
  const tree = page.text.slice(page.text.indexOf('<ul class="tree">'));
  for (const [mark, words] of tree.matchAll(/<ul class="\w+">|<\/ul>|<article class="lease">.*?<h2>(.*?)<\/h2>/gs)) {
    if (words !== undefined) depths.push([depth, words.replaceAll(/<[^>]*>/g, "").split(" → ")[1] ?? ""]);
    else depth += mark === "</ul>" ? -1 : 1;
  }
  assert.deepEqual(depths, [[1, "agent 0"], [2, "agent 1"], [3, "agent 2"]]);
  assert.match(wordsOf(page), /\$0\.15 left of \$0\.20 \$0\.03 spent \$0\.02 held \$0\.00 lent on/);
  const path = (lease: Record<string, any>, verb: string): string => `leases/${lease["id"]}/${verb}`;
  const offered = (lease: Record<string, any>): boolean[] => ["release", "revoke"].map((verb) => page.text.includes(path(lease, verb)));
  assert.deepEqual([offered(root), offered(middle), offered(leaf)], [[false, true], [false, true], [true, true]]);
  assert.deepEqual(noticeOf(await desk.confirm(path(root, "release"))), ["trouble", "Part of it is lent on; release or revoke those leases first."]);

  const ask = await desk.see(path(leaf, "release"));
  assert.match(wordsOf(ask), /Release this lease\? From agent 1 To agent 2 Lent \$0\.20 Spent \$0\.03 Held \$0\.02 Lent on \$0\.00 Left \$0\.15/);
  for (const _ of ["once", "again"]) assert.deepEqual(noticeOf(await desk.press(ask, `/account/${path(leaf, "release")}`)), ["done", "The lease is released. $0.15 went back."]);
  assert.equal((await company.seeLease(middle["id"]))["remaining"], 45);
  const revoked = await desk.confirm(path(root, "revoke"));
  assert.deepEqual(noticeOf(revoked), ["done", "The lease is revoked. $0.97 went back."]);
  assert.deepEqual(await Promise.all([root, middle, leaf].map(async ({ id }) => (await company.seeLease(id))["status"])), ["revoked", "revoked", "released"]);
  assert.deepEqual([await company.used(), await company.balance()], [[3, 0], [WALLET - 3, 0]]);
  const narrowed = wordsOf(await desk.see("leases", `&status=revoked&agent=${two}`));
  assert.deepEqual([narrowed.includes("→ agent 1"), narrowed.includes("→ agent 0"), narrowed.includes("Only those of agent 1 .")], [true, false, true], narrowed);
  await booksOf(company.office);
});

test("payments are read page by page, each once, and by what became of them", async () => {
  const desk = await Desk.open({ total_limit: 1_000, approval_threshold: 900 });
  const { company } = desk;
  const names = Array.from({ length: 24 }, (_, at) => `shop ${at}.`);
  for (const merchant of names) assert.equal((await company.pay(1, { merchant })).status, 201);
  expectRefused(await company.pay(2_000, { merchant: "the yard" }), 402, "mandate_limit_exceeded");
  const waiting = await company.pay(901, { merchant: "the bank" });
  assert.equal(waiting.status, 202);
  const shown = (page: Reply): string[] => [...page.text.matchAll(/<th scope="row"><bdi>(.*?)<\/bdi>/g)].map(([, name = ""]) => readText(name));
  const linkOf = (page: Reply, words: string): string => readText(new RegExp(`<a class="button small" href="([^"]*)"[^>]*>${words}</a>`).exec(page.text)?.[1] ?? assert.fail(`no ${words}`));
  const first = await desk.see("payments");
  const second = await desk.hand.open(linkOf(first, "Older"));
  assert.deepEqual([shown(first).length, ...shown(first), ...shown(second)], [20, "the bank", "the yard", ...names.toReversed()]);
  assert.ok(!second.text.includes(">Older<"));
  assert.equal(linkOf(second, "Newest"), desk.at("payments"));
  assert.match(wordsOf(first), /the bank pending approval decide/);
  assert.match(wordsOf(first), /the yard denied beyond a limit of the mandate/);
  assert.deepEqual(shown(await desk.see("payments", "&status=denied")), ["the yard"]);
  assert.equal(shown(await desk.see("payments", `&mandate=${company.mandate.id}&agent=${company.agentId}`)).length, 20);
  for (const query of ["&status=lost", "&mandate=x", "&agent=x", "&cursor=x"]) assert.equal((await desk.hand.send("GET", desk.at("payments", query))).status, 400, query);
});

test("the audit page tells that chain and books hold, and where the chain was broken", async () => {
  const desk = await Desk.open();
  const { company } = desk;
  await company.hold(5);
  const whole = await desk.see("audit");
  const { data } = await company.see("audit?limit=1");
  assert.ok(wordsOf(whole).includes(`Chain whole ${data[0].seq} entries recomputed, every link holds.`), wordsOf(whole));
  assert.match(wordsOf(whole), /Books equal \d+ accounts hold what their entries add up to/);
  assert.match(wordsOf(whole), /Reservation created .* \$0\.05/);
  assert.equal([...whole.text.matchAll(/<tr><td><time/g)].length, Math.min(20, data[0].seq));
  await company.edit("DROP TRIGGER audit_entry_is_final");
  await company.edit("UPDATE audit SET actor = 'nobody' WHERE seq = 3");
  assert.match(wordsOf(await desk.see("audit")), /Chain broken The entry 3 is not what was written\./);
});

test("the packet is filled by an operator, kept when it is wrong, and is no one else's to see", async () => {
  const [desk, operator] = [await Desk.open(), await newOperator(server.current)];
  const { tenantId, tenantUuid } = desk.company.house;
  const hand = Hand.of(server.client(), operator);
  const path = "/account/operator/packet";
  const page = await hand.open(`${path}?tenant=${tenantId}`);
  assert.match(wordsOf(page), /incomplete Version 0/);
  const names = Object.keys(formOn(page, path)).filter((name) => name.endsWith("_status"));
  assert.equal(names.length, 7);
  const all = Object.fromEntries(names.flatMap((name) => [[name, "go"], [name.replace("_status", "_evidence"), "seen"]]));
  const wrong = await hand.submit(page, path, { ...all, rollback_status: "maybe" });
  assert.deepEqual([wrong.status, errorsOn(wrong)], [400, { "rollback-status": "must be pending, go or no go" }]);
  assert.equal(formOn(wrong, path)["provider_evidence"], "seen");
  for (const _ of ["once", "again"]) {
    const done = await hand.follow(await hand.submit(page, path, all));
    assert.deepEqual(noticeOf(done), ["done", "The packet is saved."]);
    assert.match(wordsOf(done), /complete Version 1, by you/);
  }
  assert.deepEqual([(await desk.company.see("tenant/go-no-go"))["status"], (await desk.company.see("tenant/go-no-go"))["version"]], ["complete", 1]);
  await hand.open(`${path}?tenant=${tenantUuid}`);
  for (const tenant of ["", "nobody-here"]) assert.equal((await hand.send("GET", `${path}?tenant=${tenant}`)).status, 404);
  for (const tenant of [tenantId, "nobody-here"]) assert.equal((await desk.hand.send("GET", `${path}?tenant=${tenant}`)).status, 403);
  const { csrf: _, ...fields } = formOn(page, path);
  assert.equal((await desk.hand.post("/account/settings", path, { ...fields, ...all })).status, 403);
});

test("a key and a token come of a form once, and who sent it twice still sees the one", async () => {
  const desk = await Desk.open();
  const secretOf = (page: Reply): string => /id="secret-value">(\w+)</.exec(page.text)?.[1] ?? assert.fail(wordsOf(page).slice(0, 600));
  const minted = (): Promise<number[]> => Promise.all([desk.countOf("key.minted"), desk.countOf("enrollment.minted")]);
  const [keys, tokens] = (await minted()) as [number, number];
  for (const [page, action] of [["keys", "/account/keys/agent"], ["keys", "/account/keys/api"], ["enrollment", "/account/enrollment"]] as const) {
    const blank = await desk.see(page);
    const [once, again] = [await desk.press(blank, action, { label: "scout" }), await desk.press(blank, action, { label: "scout" })];
    assert.equal(secretOf(again), secretOf(once), action);
    assert.equal((await desk.hand.submit(blank, action, { label: "another" })).status, 422);
  }
  assert.deepEqual(await minted(), [keys + 2, tokens + 1]);
});

const PAGES = ["approvals", "mandates", "mandates/new", "payments", "leases", "wallets", "wallets/spending/stop", "webhooks", "audit"];

test("to a stranger a tenant's pages and forms look like those of a tenant that never was", async () => {
  const desk = await Desk.open();
  const stranger = Hand.of(server.client(), await newPerson(server.client()));
  const csrf = await stranger.csrf("/account/settings");
  const looks = ({ status, text }: Reply): [number, string] => [status, text.replaceAll(/req_\w+/g, "req_")];
  const before = await stateOfTenant(server.current, desk.company.house.tenantUuid);
  const forms: [string, Record<string, string>][] = [
    ["mandates", { agent_id: desk.company.agentId, total_limit: "5" }], ["webhooks", { url: "https://example.org/" }], ["wallets/spending/stop", {}], ["wallets/spending/resume", {}],
  ];
  const at = async (tenant: string): Promise<[number, string][]> => [
    ...(await Promise.all(PAGES.map((path) => stranger.send("GET", `/account/${path}?tenant=${tenant}`)))).map(looks),
    ...(await Promise.all(forms.map(([path, fields]) => stranger.send("POST", `/account/${path}`, { csrf, tenant, idempotency_key: "once", ...fields })))).map(looks),
  ];
  const [theirs, nobodys] = [await at(desk.company.house.tenantId), await at("nobody-at-all")];
  assert.deepEqual(theirs, nobodys);
  assert.deepEqual(new Set(theirs.map(([status]) => status)), new Set([404]));
  assert.deepEqual(await stateOfTenant(server.current, desk.company.house.tenantUuid), before);
});

test("no form about money is taken without the token of this browser, and none about it without its key", async () => {
  const desk = await Desk.open({ total_limit: 1_000, approval_threshold: 10 });
  const { company } = desk;
  const { tenantId: tenant, tenantUuid, webhookId } = desk.house;
  const [waiting, [child]] = [await company.hold(11), await company.agents(1)];
  const lease = await company.lease(child!, 5);
  const foreign = await Hand.of(server.client(), await newPerson(server.client())).csrf("/account/settings");
  const forms: [string, Record<string, string>][] = [
    [`approvals/${waiting["approval_id"]}`, { decision: "approve" }], ["mandates", { agent_id: company.agentId, total_limit: "5" }], [`mandates/${company.mandate.id}/revoke`, {}],
    [`leases/${lease["id"]}/revoke`, {}], ["wallets/spending/stop", {}], ["webhooks", { url: "https://example.org/" }], ["billing/fund", { wallet_id: company.walletId, amount: "5" }],
    ...["test", "disable", "rotate", "replay", "delete"].map((verb): [string, Record<string, string>] => [`webhooks/${webhookId}/${verb}`, { hours: "1" }]),
  ];
  const before = await stateOfTenant(server.current, tenantUuid);
  for (const [path, fields] of forms) {
    for (const csrf of [{}, { csrf: "" }, { csrf: "00" }, { csrf: foreign }] as Record<string, string>[]) {
      const reply = await desk.hand.send("POST", `/account/${path}`, { tenant, idempotency_key: "once", ...fields, ...csrf });
      assert.equal(reply.status, 403, path);
      assert.match(reply.text, /This form has gone stale/);
    }
  }
  const csrf = await desk.hand.csrf("/account/settings");
  for (const [path, fields] of forms.filter(([path]) => /^(mandates|webhooks|billing\/fund)$/.test(path))) {
    for (const key of [{}, { idempotency_key: "" }, { idempotency_key: "a b" }] as Record<string, string>[]) {
      assert.equal((await desk.hand.send("POST", `/account/${path}`, { csrf, tenant, ...fields, ...key })).status, 400, path);
    }
  }
  assert.deepEqual(await stateOfTenant(server.current, tenantUuid), before);
});

test("hostile text stays text wherever it is shown, and turns nothing around it", async () => {
  const desk = await Desk.open({ total_limit: 1_000, approval_threshold: 10 });
  const { company } = desk;
  const { office } = company;
  const [child] = await company.agents(1);
  const made = await office.post("/v1/agents", { display_name: HOSTILE });
  assert.equal(made.status, 201, made.text);
  const agent: string = made.json.agt_id;
  const mandate = (await office.post("/v1/mandates", { agent_id: agent, name: HOSTILE, total_limit: 500, approval_threshold: 10, allowed_merchants: [HOSTILE] })).json;
  const spend = { agent_id: agent, mandate_id: mandate.id, kind: "payment", merchant: HOSTILE };
  const waiting = await company.hold(11, { ...spend, description: HOSTILE });
  const denied = await company.hold(12, spend);
  assert.equal((await office.post(`/v1/approvals/${denied["approval_id"]}/deny`, { reason: HOSTILE })).status, 200);
  const payer = await company.bearer({ mandate_id: mandate.id }, agent);
  const paid = await payer.post("/v1/payments", { amount: 9, currency: "usd", merchant: HOSTILE, description: HOSTILE }, { "idempotency-key": "once" });
  assert.equal(paid.status, 201, paid.text);
  const lease = await company.lease(agent, 5);
  await company.lease(child!, 2, { parent_lease_id: lease["id"] });
  await office.post("/v1/wallets", { currency: "usd", name: HOSTILE });
  const hook = await office.post("/v1/webhooks", { url: receiver.url("/quiet"), description: HOSTILE, events: ["order.message"] });
  await desk.confirm("wallets/spending/stop", { reason: HOSTILE });
  const told = HOSTILE.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
  const paths: [string, number][] = [
    ["approvals", 4], ["mandates", 3], [`mandates/${mandate.id}`, 3], [`mandates/${mandate.id}/revoke`, 2], ["payments", 3], ["leases", 2], [`leases/${lease["id"]}/revoke`, 1],
    ["wallets", 2], ["webhooks", 1], [`webhooks/${hook.json.id}`, 1], ["mandates/new", 1],
  ];
  for (const [path, times] of paths) {
    const { text } = await desk.see(path);
    assert.ok(!text.includes("<script>alert") && !text.includes("'><"), path);
    assert.ok(text.split(told).length > times, `${path}: ${text.split(told).length - 1} times`);
    // Beside other words of the same line it is isolated, so that what turns it round ends with it.
    for (const at of text.split(told).slice(0, -1)) assert.match(at, /(<bdi>|<(dd|p|h1|option|span|textarea|title|a)\b[^>]*>|value=")$/, `${path}: ${at.slice(-80)}`);
  }
  const wrong = await desk.hand.submit(await desk.see("mandates/new"), "/account/mandates", { agent_id: agent, name: HOSTILE, total_limit: HOSTILE, merchants: `</textarea>${HOSTILE}` });
  assert.deepEqual([wrong.status, formOn(wrong, "/account/mandates")["merchants"]], [400, `</textarea>${HOSTILE}`]);
  assert.ok(!wrong.text.includes("<script>alert"));
  assert.ok(waiting["approval_id"]);
});

test("the pages of money hold at every width, in light and in dark, and the keyboard approves", async () => {
  const desk = await Desk.open({ total_limit: 1_000, daily_limit: 900, approval_threshold: 10, allowed_merchants: ["Ada", "A merchant with a name as long as names may be in a list"] });
  const { company } = desk;
  const { tenantId, webhookId, owner } = desk.house;
  const [one, two, three] = (await company.agents(3)) as [string, string, string];
  const waiting = await company.hold(11, { kind: "payment", merchant: "Ada", description: "A lamp for the desk, with a cord that is long enough." });
  await company.pay(5, { merchant: "Ada", description: "rent" });
  await company.pay(2_000, { merchant: "A merchant with a name as long as names may be in a list" });
  const decided = await company.hold(12);
  await company.office.post(`/v1/approvals/${decided["approval_id"]}/deny`, { reason: "We have one already.\nAsk again in May." });
  const root = await company.lease(one, 100);
  const middle = await company.lease(two, 50, { parent_lease_id: root["id"] });
  const leaf = await company.lease(three, 20, { parent_lease_id: middle["id"] });
  assert.equal((await company.capture((await company.hold(7, { agent_id: three, lease_id: leaf["id"] }))["id"])).status, 200);
  await company.hold(4, { agent_id: three, lease_id: leaf["id"] });
  const context = await browser.current.person({ extraHTTPHeaders: { "cf-connecting-ip": "198.18.9.9" } });
  const operator = await newOperator(server.current);
  const [name, value] = owner.cookie.split("=", 2) as [string, string];
  const signIn = (cookie: string): Promise<void> => context.addCookies([{ name, value: cookie, url: server.current.url }]);
  await signIn(value);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  const look = async (path: string, width: number, name = path): Promise<void> => {
    await page.setViewportSize({ width, height: 900 });
    await page.goto(new URL(path, server.current.url).href);
    await page.evaluate("for (const one of document.querySelectorAll('main details')) one.open = true");
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      const overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
      assert.ok(Number(overflow) <= 0, `${path} is ${overflow} px too wide at ${width}`);
      await takePicture(page, `desk-${width}-${colorScheme}-${name.replace(/^\/account\/?/, "").replace(/\?.*/, "").replaceAll(/(\w{3}_)\w+/g, "$1").replaceAll("/", "-") || "overview"}`);
    }
  };
  const paths = [
    ...PAGES, `mandates/${company.mandate.id}`, `mandates/${company.mandate.id}/revoke`, `leases/${root["id"]}/revoke`, `webhooks/${webhookId}`, `webhooks/${webhookId}/rotate`, "wallets/spending/resume",
  ].map((path) => desk.at(path));
  for (const path of ["/account", ...paths]) for (const width of [1280, 360]) await look(path, width);

  // From the top of the page, with nothing but keys.
  await page.goto(new URL(desk.at("approvals"), server.current.url).href);
  for (let tabs = 0; tabs < 60; tabs += 1) {
    await page.keyboard.press("Tab");
    if ((await page.evaluate("document.activeElement.textContent"))?.toString().startsWith("Approve $0.11")) break;
  }
  await page.keyboard.press("Enter");
  await page.getByText("Approved. $0.11 stays reserved for it.").waitFor();
  assert.equal((await company.see(`approvals/${waiting["approval_id"]}`))["status"], "approved");
  await desk.confirm("wallets/spending/stop", { reason: "A bill that nobody knows." });
  for (const width of [1280, 360]) await look(desk.at("wallets"), width, "stopped");
  await signIn(operator.cookie.split("=", 2)[1]!);
  for (const width of [1280, 360]) for (const path of [`/account/operator/packet?tenant=${tenantId}`, "/account/operator"]) await look(path, width);
  assert.deepEqual(complaints, []);
  await context.close();
});
