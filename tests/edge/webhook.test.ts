// Webhooks from an event to its receiver, a real HTTP server that fails in every way there is (contract README 11,
// identity-and-money 13). What signs them: webhook-signature.test.ts. The rules themselves: tests/sim/story/webhook.rs.

import assert from "node:assert/strict";
import { test } from "node:test";
import { sleep } from "../../scripts/runtime.ts";
import { expectFault } from "./support/fault.ts";
import { flood } from "./support/flood.ts";
import { newManager, type Manager } from "./support/human.ts";
import { GOOD, useReceiver, type Behaviour } from "./support/receiver.ts";
import { useServer } from "./support/server.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" } });
const receiver = await useReceiver();

type Hook = { id: string; secret: string; path: string; public_key: string };

async function newHook(manager: Manager, path: string, more: object = {}): Promise<Hook> {
  const made = await manager.management.post("/v1/webhooks", { url: receiver.url(path), ...more });
  assert.equal(made.status, 201, made.text);
  return { ...made.json, path };
}

/** One event. */
async function happen(manager: Manager): Promise<void> {
  const key = `fund-${Math.random()}`;
  const funded = await manager.management.post(`/v1/wallets/${manager.walletId}/fund`, { amount: 1 }, { "idempotency-key": key });
  assert.equal(funded.status, 201, funded.text);
}

async function deliveriesOf(manager: Manager, hook: Hook, query = ""): Promise<any[]> {
  const list = await manager.management.get(`/v1/webhooks/${hook.id}/deliveries${query}`);
  assert.equal(list.status, 200, list.text);
  return list.json.data;
}

/** The delivery once it is as wanted. */
async function waitFor(manager: Manager, hook: Hook, is: (delivery: any) => boolean, timeoutMs = 20_000): Promise<any> {
  const deadlineMs = Date.now() + timeoutMs;
  for (;;) {
    const [delivery] = await deliveriesOf(manager, hook);
    if (delivery && is(delivery)) return delivery;
    assert.ok(Date.now() < deadlineMs, `within ${timeoutMs} ms: ${JSON.stringify(delivery)}`);
    await sleep(20);
  }
}

test("an event reaches the endpoint within a second, once, and its delivery is listed", async () => {
  const manager = await newManager(server.client());
  const hook = await newHook(manager, "/first", { description: "first 🦀" });
  assert.match(hook.id, /^whk_[0-9A-Z]{26}$/);
  assert.match(hook.secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
  assert.match(hook.public_key, /^whpk_[A-Za-z0-9+/]{43}=$/);
  const startedMs = Date.now();
  await happen(manager);
  const [received] = await receiver.wait("/first", 1);
  assert.ok(received!.atMs - startedMs < 1_500, `${received!.atMs - startedMs} ms`);
  assert.equal(received!.json.type, "wallet.funded");
  const { amount, currency, wallet_id } = received!.json.data;
  assert.deepEqual([amount, currency, wallet_id], [1, "usd", manager.walletId]);
  assert.deepEqual(Object.keys(received!.json), ["type", "timestamp", "data"]);
  assert.equal(received!.headers["content-type"], "application/json");
  const delivery = await waitFor(manager, hook, ({ status }) => status === "delivered");
  assert.match(delivery.id, /^dlv_/);
  assert.equal(delivery.event_id, received!.id);
  assert.deepEqual(
    [delivery.event, delivery.attempts, delivery.next_attempt_at, delivery.response_status, delivery.response_body, delivery.error],
    ["wallet.funded", 1, null, 200, "thanks", null],
  );
  assert.deepEqual(delivery.attempt_log.map(({ attempt, response_status }: any) => [attempt, response_status]), [[1, 200]]);
  await sleep(400);
  assert.equal(receiver.at("/first").length, 1);
});

const FAILURES: [string, Behaviour, (delivery: any) => void][] = [
  ["an error", { status: 500, body: "x".repeat(5_000) }, (delivery) => {
    assert.equal(delivery.response_status, 500);
    assert.equal(delivery.response_body, "x".repeat(1_024), "of the answer 1 KB is kept");
  }],
  ["no answer in time", "hang", (delivery) => {
    assert.deepEqual([delivery.response_status, delivery.error], [null, "no answer within 15 s"]);
    assert.ok(delivery.attempt_log[0].duration_ms >= 14_900 && delivery.attempt_log[0].duration_ms < 20_000);
  }],
  ["a connection torn down", "reset", (delivery) => assert.deepEqual([delivery.response_status, delivery.error], [null, "the connection failed"])],
  ["too many requests", { status: 429, headers: { "retry-after": "3600" } }, (delivery) => {
    const waitS = (Date.parse(delivery.next_attempt_at) - Date.parse(delivery.attempt_log[0].at)) / 1_000;
    assert.ok(waitS >= 3_600 && waitS < 3_630, `${waitS} s`);
  }],
  ["a redirect", { status: 302, headers: { location: receiver.url("/lured") } }, (delivery) => {
    assert.equal(delivery.response_status, 302);
    assert.match(delivery.error, /redirects are not followed/);
  }],
];

test("whichever way a receiver fails, the event comes again under the same id and arrives", async () => {
  await Promise.all(FAILURES.map(async ([name, failure, expectDelivery], n) => {
    const manager = await newManager(server.client());
    const path = `/fails-${n}`;
    const hook = await newHook(manager, path);
    const before = receiver.behave;
    receiver.behave = (received, nth) => (received.path === path ? (nth === 1 ? failure : GOOD) : before(received, nth));
    await happen(manager);
    const failed = await waitFor(manager, hook, ({ attempts }) => attempts === 1, 25_000);
    assert.equal(failed.status, "pending", name);
    expectDelivery(failed);
    assert.ok(Date.parse(failed.next_attempt_at) > Date.parse(failed.attempt_log[0].at), name);
  }));
  await server.current.advance(3_700);
  await Promise.all(FAILURES.map(async ([name], n) => {
    const [first, second] = await receiver.wait(`/fails-${n}`, 2);
    assert.equal(second!.id, first!.id, name);
    assert.equal(second!.text, first!.text, name);
    assert.ok(Number(second!.headers["webhook-timestamp"]) >= Number(first!.headers["webhook-timestamp"]));
  }));
  assert.equal(receiver.at("/lured").length, 0);
});

test("an answer counts once its status is there, and of its body what has come is kept, a kilobyte of whole characters", async () => {
  const cases: [Behaviour, string, string][] = [
    [{ status: 200, body: "begun", holds: true }, "delivered", "begun"],
    [{ status: 500, body: "begun", holds: true }, "pending", "begun"],
    [{ status: 200, holds: true, body: "x".repeat(2_000) }, "delivered", "x".repeat(1_024)],
    [{ status: 200, body: Buffer.alloc(4_000, 0xff) }, "delivered", "\ufffd".repeat(341)],
    [{ status: 200, body: "🦀".repeat(400) }, "delivered", "🦀".repeat(256)],
    [{ status: 200, body: `x${"🦀".repeat(400)}` }, "delivered", `x${"🦀".repeat(255)}`],
  ];
  const before = receiver.behave;
  receiver.behave = (received, nth) => cases[Number(received.path.match(/^\/answers-(\d+)$/)?.[1] ?? NaN)]?.[0] ?? before(received, nth);
  await Promise.all(cases.map(async ([, status, body], n) => {
    const manager = await newManager(server.client());
    const hook = await newHook(manager, `/answers-${n}`);
    await happen(manager);
    const delivery = await waitFor(manager, hook, ({ attempts }) => attempts === 1, 25_000);
    assert.deepEqual([delivery.status, delivery.response_body], [status, body], `answer ${n}`);
  }));
  receiver.behave = before;
});

test("a message that is too long for the queue fails alone, and the other endpoint gets its own", async () => {
  const manager = await newManager(server.client());
  const [long, other] = [await newHook(manager, "/too-long"), await newHook(manager, "/beside")];
  await server.current.editObject("Tenant", { name: manager.tenantUuid }, `UPDATE webhook_endpoint SET url = url || '${"x".repeat(150_000)}' WHERE id = '${long.id}'`);
  await happen(manager);
  await receiver.wait("/beside", 1);
  await waitFor(manager, other, ({ status }) => status === "delivered");
  const failed = await waitFor(manager, long, ({ attempts }) => attempts === 1);
  assert.deepEqual([failed.status, failed.response_status, failed.error], ["pending", null, "the message is too long to be sent"]);
});

test("ten attempts are made as time passes, and then the delivery has failed", async () => {
  const manager = await newManager(server.client());
  const hook = await newHook(manager, "/schedule");
  const before = receiver.behave;
  receiver.behave = (received, nth) => (received.path === "/schedule" ? { status: 500 } : before(received, nth));
  await happen(manager);
  for (const [n, pauseS] of [0, 6, 331, 1_981, 7_921, 19_801, 39_601, 55_441, 79_201, 95_041].entries()) {
    if (pauseS > 0) await server.current.advance(pauseS);
    await waitFor(manager, hook, ({ attempts }) => attempts === n + 1);
  }
  const [delivery] = await deliveriesOf(manager, hook, "?status=failed");
  assert.deepEqual([delivery.attempts, delivery.next_attempt_at, delivery.attempt_log.length], [10, null, 10]);
  assert.equal(receiver.at("/schedule").length, 10);
  assert.equal((await deliveriesOf(manager, hook, "?status=pending")).length, 0);

  receiver.behave = before;
  const replay = await manager.management.post(`/v1/webhooks/${hook.id}/deliveries/${delivery.id}/replay`);
  assert.equal(replay.status, 202, replay.text);
  const replayed = await waitFor(manager, hook, ({ status }) => status === "delivered");
  assert.deepEqual([replayed.id, replayed.attempts], [delivery.id, 11]);
  assert.equal(new Set(receiver.at("/schedule").map(({ id }) => id)).size, 1, "always under its own id");
});

test("410 disables the endpoint at once: nothing more is sent, a replay is refused, enabled again it goes on", async () => {
  const manager = await newManager(server.client());
  const [hook, witness] = [await newHook(manager, "/gone", { events: ["wallet.*"] }), await newHook(manager, "/witness", { events: ["webhook.disabled"] })];
  const before = receiver.behave;
  receiver.behave = (received, nth) => (received.path === "/gone" ? { status: 410 } : before(received, nth));
  await happen(manager);
  const delivery = await waitFor(manager, hook, ({ status }) => status === "failed");
  const shown = (await manager.management.get(`/v1/webhooks/${hook.id}`)).json;
  assert.deepEqual([shown.status, shown.disabled_reason, "secret" in shown], ["disabled", "gone", false]);
  const [told] = await receiver.wait("/witness", 1);
  assert.deepEqual([told!.json.type, told!.json.data], ["webhook.disabled", shown], "what is told is what GET shows");
  await happen(manager);
  const paths = [`deliveries/${delivery.id}/replay`, "test", "replay"];
  for (const path of paths) {
    const body = path === "replay" ? { since: "2020-01-01T00:00:00Z" } : {};
    expectFault(await manager.management.post(`/v1/webhooks/${hook.id}/${path}`, body), "v1", 409, "webhook_disabled");
  }
  await sleep(500);
  assert.equal(receiver.at("/gone").length, 1);

  receiver.behave = before;
  assert.equal((await manager.management.patch(`/v1/webhooks/${hook.id}`, { status: "enabled" })).json.status, "enabled");
  const since = receiver.at("/gone")[0]!.json.timestamp;
  const replay = await manager.management.post(`/v1/webhooks/${hook.id}/replay`, { since });
  assert.deepEqual([replay.status, replay.json], [202, { queued: 2 }], "the one that failed and the one that was missed");
  const received = await receiver.wait("/gone", 3);
  assert.equal(new Set(received.map(({ id }) => id)).size, 2);
  await waitFor(manager, hook, ({ status }) => status === "delivered");
  assert.deepEqual((await manager.management.post(`/v1/webhooks/${hook.id}/replay`, { since })).json, { queued: 0 });
  assert.equal((await manager.management.get(`/v1/webhooks/${witness.id}`)).json.status, "enabled");
});

test("five days of nothing but failures disable an endpoint and are mailed to the owner", async () => {
  const manager = await newManager(server.client());
  const hook = await newHook(manager, "/dead", { events: ["wallet.*"] });
  const before = receiver.behave;
  receiver.behave = (received, nth) => (received.path === "/dead" ? { status: 503 } : before(received, nth));
  await happen(manager);
  await waitFor(manager, hook, ({ attempts }) => attempts === 1);
  await server.current.advance(121 * 3_600);
  await waitFor(manager, hook, ({ attempts }) => attempts >= 2);
  const shown = (await manager.management.get(`/v1/webhooks/${hook.id}`)).json;
  assert.deepEqual([shown.status, shown.disabled_reason], ["disabled", "failing"]);
  const database = server.current.runtime.database();
  const deadlineMs = Date.now() + 10_000;
  for (;;) {
    const mail = await database.prepare("SELECT subject, body FROM mails WHERE recipient = ?").bind(manager.email).first<{ subject: string; body: string }>();
    if (mail) {
      assert.ok(mail.body.includes(hook.id), mail.body);
      break;
    }
    assert.ok(Date.now() < deadlineMs, "no mail");
    await sleep(50);
  }
});

test("an endpoint that is dead gets one probe at a time, and everything once it lives", async () => {
  const manager = await newManager(server.client());
  await newHook(manager, "/breaker", { events: ["wallet.*"] });
  const before = receiver.behave;
  receiver.behave = (received, nth) => (received.path === "/breaker" ? { status: 500 } : before(received, nth));
  for (let n = 0; n < 25; n += 1) await happen(manager);
  await receiver.wait("/breaker", 20);
  await sleep(1_500);
  const atFirst = receiver.at("/breaker").length;
  assert.ok(atFirst <= 25);
  await server.current.advance(60);
  await receiver.wait("/breaker", atFirst + 1);
  await sleep(700);
  assert.ok(receiver.at("/breaker").length <= atFirst + 2, "twenty-five are due, and one or another probe went out");
  receiver.behave = before;
  await server.current.advance(3_600);
  const deadlineMs = Date.now() + 15_000;
  const good = () => new Set(receiver.at("/breaker").slice(atFirst).map(({ id }) => id)).size;
  while (good() < 25) {
    assert.ok(Date.now() < deadlineMs, `${good()} of 25 arrived`);
    await sleep(50);
  }
});

test("a test is sent to its endpoint alone, whatever that asked for", async () => {
  const manager = await newManager(server.client());
  const hook = await newHook(manager, "/tested", { events: ["payment.denied"] });
  await newHook(manager, "/untested");
  const sent = await manager.management.post(`/v1/webhooks/${hook.id}/test`);
  assert.deepEqual([sent.status, sent.json.event, sent.json.status], [202, "webhook.test", "pending"], sent.text);
  const [received] = await receiver.wait("/tested", 1);
  assert.deepEqual([received!.id, received!.json.type], [sent.json.event_id, "webhook.test"]);
  assert.deepEqual(received!.json.data, (await manager.management.get(`/v1/webhooks/${hook.id}`)).json, "what is told is what GET shows");
  await sleep(400);
  assert.equal(receiver.at("/untested").length, 0);
});

test("what was under way when the process was killed is sent again", async () => {
  const manager = await newManager(server.client());
  const hook = await newHook(manager, "/killed");
  const before = receiver.behave;
  receiver.behave = (received, nth) => (received.path === "/killed" && nth === 1 ? "hang" : before(received, nth));
  await happen(manager);
  await receiver.wait("/killed", 1);
  await server.current.kill();
  await server.current.advance(95);
  const [first, second] = await receiver.wait("/killed", 2);
  assert.equal(second!.id, first!.id);
  await waitFor(manager, hook, ({ status }) => status === "delivered");
});

test("endpoints are changed, listed and deleted; a tenant has twenty of them", async () => {
  const manager = await newManager(server.client());
  const hooks: Hook[] = [];
  for (let n = 0; n < 20; n += 1) hooks.push(await newHook(manager, `/many-${n}`, { events: ["order.*"] }));
  expectFault(await manager.management.post("/v1/webhooks", { url: receiver.url("/many-20") }), "v1", 409, "webhook_limit");
  const pages = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const page: any = (await manager.management.get(`/v1/webhooks?limit=8${cursor ? `&cursor=${cursor}` : ""}`)).json;
    pages.push(...page.data.map(({ id }: { id: string }) => id));
    cursor = page.next_cursor;
  }
  assert.deepEqual(pages, hooks.map(({ id }) => id).reverse());
  const [hook] = hooks;
  const changed = await manager.management.patch(`/v1/webhooks/${hook!.id}`, { url: receiver.url("/new"), events: ["*"], description: "d" });
  assert.deepEqual([changed.json.url, changed.json.events, changed.json.description], [receiver.url("/new"), ["*"], "d"]);
  assert.equal((await manager.management.patch(`/v1/webhooks/${hook!.id}`, { description: "" })).json.description, null);
  assert.equal((await manager.management.patch(`/v1/webhooks/${hook!.id}`, { status: "disabled" })).json.disabled_reason, "request");
  assert.equal((await manager.management.delete(`/v1/webhooks/${hook!.id}`)).status, 204);
  expectFault(await manager.management.get(`/v1/webhooks/${hook!.id}`), "v1", 404, "NOT_FOUND");
  expectFault(await manager.management.delete(`/v1/webhooks/${hook!.id}`), "v1", 404, "NOT_FOUND");
  assert.equal((await newHook(manager, "/again")).path, "/again");
});

test("every field is read strictly, and its limits are where they are said to be", async () => {
  const manager = await newManager(server.client());
  const url = receiver.url("/fields");
  const refuse = async (body: unknown, path: string): Promise<void> => {
    expectFault(await manager.management.post("/v1/webhooks", body), "v1", 400, "INVALID_INPUT", { path });
  };
  for (const bad of [undefined, null, 7, true, [], {}, "", "x", "ftp://example.com", "https://", "https://10.0.0.1", "https://[::ffff:10.0.0.1]", "http://169.254.169.254/latest",
    "https://metadata.google.internal", "https://a:b@example.com", "https://exam ple.com", "https://ex\u{3002}ample", `https://example.com/${"a".repeat(2_029)}`]) {
    await refuse({ url: bad }, "$.url");
  }
  const long = `https://example.com/${"a".repeat(2_028)}`;
  assert.equal(long.length, 2_048);
  const made = await manager.management.post("/v1/webhooks", { url: long, events: ["order.message"], description: "🦀".repeat(256) });
  assert.equal(made.status, 201, made.text);
  assert.equal(made.json.url, long);
  for (const [events, path] of [[[], "$.events"], ["*", "$.events"], [{}, "$.events"], [["payment.sent"], "$.events[0]"], [["*", 7], "$.events[1]"], [["*", "pay*"], "$.events[1]"],
    [["key.minted"], "$.events[0]"], [["query.charged"], "$.events[0]"], [Array(65).fill("*"), "$.events"]] as const) {
    await refuse({ url, events }, path);
  }
  for (const description of [7, [], "x".repeat(257), "🦀".repeat(257), "a\u0000b", "a\u007fb"]) await refuse({ url, description }, "$.description");
  const hook = await newHook(manager, "/fields", { events: [...Array(64).fill("order.*")], description: null });
  assert.deepEqual((await manager.management.get(`/v1/webhooks/${hook.id}`)).json.events, ["order.*"], "what stands twice counts once");
  const at = `/v1/webhooks/${hook.id}`;
  expectFault(await manager.management.patch(at, {}), "v1", 400, "INVALID_INPUT", { path: "$" });
  for (const [body, path] of [[{ status: "deleted" }, "$.status"], [{ status: "ENABLED" }, "$.status"], [{ url: "https://localhost.local" }, "$.url"], [{ events: ["x"] }, "$.events[0]"]] as const) {
    expectFault(await manager.management.patch(at, body), "v1", 400, "INVALID_INPUT", { path });
  }
  for (const since of [undefined, null, 7, "yesterday", "2026-01-01"]) {
    expectFault(await manager.management.post(`${at}/replay`, { since }), "v1", 400, "INVALID_INPUT", { path: "$.since" });
  }
  for (const [query, path] of [["status=x", "status"], ["event=payment.*", "event"], ["event=key.minted", "event"], ["limit=0", "limit"], ["limit=101", "limit"], ["cursor=x", "cursor"]] as const) {
    expectFault(await manager.management.get(`${at}/deliveries?${query}`), "v1", 400, "INVALID_INPUT", { path });
  }
  for (const path of ["/v1/webhooks/x", `/v1/webhooks/${hook.id.slice(0, -1)}`, `/v1/webhooks/${manager.walletId}`]) {
    expectFault(await manager.management.get(path), "v1", 400, "INVALID_ID");
  }
  expectFault(await manager.management.post(`${at}/deliveries/x/replay`), "v1", 400, "INVALID_ID");
});

test("what another tenant has is not there", async () => {
  const [mine, theirs] = [await newManager(server.client()), await newManager(server.client())];
  const hook = await newHook(theirs, "/theirs");
  await happen(theirs);
  const delivery = await waitFor(theirs, hook, ({ status }) => status === "delivered");
  const own = await newHook(mine, "/mine");
  const never = `whk_01${"A".repeat(24)}`;
  const tries = (id: string, of: string) => [
    mine.management.get(`/v1/webhooks/${id}`), mine.management.patch(`/v1/webhooks/${id}`, { description: "x" }), mine.management.delete(`/v1/webhooks/${id}`),
    mine.management.post(`/v1/webhooks/${id}/rotate-secret`), mine.management.post(`/v1/webhooks/${id}/test`), mine.management.get(`/v1/webhooks/${id}/deliveries`),
    mine.management.post(`/v1/webhooks/${id}/replay`, { since: "2026-01-01T00:00:00Z" }), mine.management.post(`/v1/webhooks/${own.id}/deliveries/${of}/replay`),
  ];
  const [foreign, unknown] = [await Promise.all(tries(hook.id, delivery.id)), await Promise.all(tries(never, `dlv_01${"A".repeat(24)}`))];
  const said = (reply: any) => [reply.status, reply.text.replace(/req_\w+/, "")];
  for (const [n, reply] of foreign.entries()) {
    expectFault(reply, "v1", 404, "NOT_FOUND");
    assert.deepEqual(said(reply), said(unknown[n]));
  }
});

test("of two hundred events to a receiver that fails in five ways none is lost, and the first attempt comes within a second", async () => {
  const { medianMs, attempts, failures } = await flood(server.current, 200, 8);
  assert.ok(medianMs <= 1_000, `median ${medianMs} ms`);
  assert.ok(failures > 30 && attempts >= 200 + failures, `${attempts} attempts, ${failures} failures`);
});
