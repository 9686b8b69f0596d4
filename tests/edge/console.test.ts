// The console in a real Chromium, with and without scripts, and its forms under a hand that does not follow them.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import type { BrowserContext, Page } from "playwright-core";
import { newSlug, signIn, signUp } from "./support/agent.ts";
import { takePicture, useBrowser } from "./support/browser.ts";
import type { Reply } from "./support/client.ts";
import { Hand } from "./support/hand.ts";
import { newEmail, PASSWORD } from "./support/person.ts";
import { useServer } from "./support/server.ts";

const server = useServer();
const browser = useBrowser();

/** A page whose every complaint fails the test: a blocked style or script, an error, a request that failed. */
async function open(options: Parameters<typeof browser.current.person>[0] = {}): Promise<{ page: Page; person: BrowserContext; complaints: string[] }> {
  const address = `198.18.${randomBytes(1)[0]}.${randomBytes(1)[0]}`;
  const person = await browser.current.person({ extraHTTPHeaders: { "cf-connecting-ip": address }, ...options });
  const page = await person.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  return { page, person, complaints };
}

const at = (path: string): string => new URL(path, server.current.url).href;

async function register(page: Page, email = newEmail(), name = "Ada"): Promise<string> {
  await page.goto(at("/account/register"));
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  return email;
}

async function createTenant(page: Page, slug = newSlug("alpha")): Promise<string> {
  await page.getByRole("link", { name: "Tenants", exact: true }).click();
  await page.getByLabel("Tenant id").fill(slug);
  await page.getByRole("button", { name: "Create tenant" }).click();
  await page.getByText(`The tenant ${slug} is yours`).waitFor();
  return slug;
}

for (const [kind, options] of [
  ["with scripts", {}],
  ["without scripts", { javaScriptEnabled: false }],
] as const) {
  test(`a human signs up, makes a tenant, mints and revokes a key, ${kind}`, async () => {
    const { page, person, complaints } = await open(options);
    if (kind === "with scripts") await person.grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.goto(at("/"));
    await page.getByRole("link", { name: "Create an account" }).click();
    const email = await register(page);
    await page.getByText("Your account is open. Welcome, Ada.").waitFor();
    const slug = await createTenant(page);

    await page.getByRole("link", { name: "Keys", exact: true }).click();
    assert.equal(new URL(page.url()).searchParams.get("tenant"), slug, "the navigation stays at the tenant");
    const mint = page.getByRole("region", { name: "Mint an agent key" });
    await mint.getByLabel("Label").fill("Night scout <b>");
    await mint.getByRole("button", { name: "Mint key" }).click();
    const secret = (await page.locator("#secret-value").textContent()) ?? "";
    assert.match(secret, /^mtak_[0-9a-f]{96}$/);
    await takePicture(page, `console-key-${kind.replace(" ", "-")}`);
    const copy = page.getByRole("button", { name: "Copy" });
    if (kind === "with scripts") {
      await copy.click();
      await page.getByRole("button", { name: "Copied" }).waitFor();
      assert.equal(await page.evaluate("navigator.clipboard.readText()"), secret);
    } else {
      assert.equal(await copy.isVisible(), false);
    }
    await page.reload();
    assert.equal(await page.locator("#secret-value").count(), 0, "the secret is shown once");
    assert.ok(!(await page.content()).includes(secret.slice(-48)));
    await page.getByRole("cell", { name: "Night scout <b>" }).first().waitFor();

    const runtime = server.client().with({ "x-tenant-id": slug, "x-tenant-token": secret });
    assert.equal((await runtime.post("/v2/query", { query_text: "anything" })).status, 200);
    await page.getByRole("link", { name: /^Revoke mtak_/ }).click();
    await page.getByRole("heading", { name: "Revoke this key?" }).waitFor();
    await page.getByRole("button", { name: "Revoke" }).click();
    await page.getByText("The key is revoked.").waitFor();
    assert.equal((await runtime.post("/v2/query", { query_text: "anything" })).status, 401);

    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await page.goto(at("/account/settings"));
    assert.equal(new URL(page.url()).searchParams.get("next"), "/account/settings");
    await page.getByLabel("E-mail").fill(email);
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { name: "Settings" }).waitFor();
    assert.deepEqual(complaints, []);
    await person.close();
  });
}

test("an enrollment token is shown once, lets a wallet in, and can be taken back", async () => {
  const { page, person, complaints } = await open();
  await register(page);
  const slug = await createTenant(page);
  await page.getByRole("link", { name: "Enrollment", exact: true }).click();
  await page.getByLabel("Label").fill("for the scout");
  await page.getByRole("button", { name: "Make token" }).click();
  const token = (await page.locator("#secret-value").textContent()) ?? "";
  assert.match(token, /^mten_[0-9a-f]{96}$/);
  const wallet = await signIn(server.client());
  const enrolled = await wallet.client.post("/v2/agents/enroll", { enrollment_token: token });
  assert.equal(enrolled.status, 201, enrolled.text);
  await page.getByRole("button", { name: "Make token" }).click();
  await page.getByText("unused").waitFor();
  assert.equal(await page.getByText("used", { exact: true }).count(), 1);
  await page.getByRole("link", { name: /^Revoke mten_/ }).click();
  await page.getByRole("button", { name: "Revoke" }).click();
  await page.getByText("The token is revoked.").waitFor();
  await page.getByRole("link", { name: "Agents", exact: true }).click();
  await page.getByRole("heading", { name: "for the scout" }).waitFor();
  await page.getByText(wallet.account.address.toLowerCase()).waitFor();
  await takePicture(page, "console-agents");
  assert.equal(new URL(page.url()).searchParams.get("tenant"), slug);
  assert.deepEqual(complaints, []);
  await person.close();
});

test("billing shows the balance, thirty days of spend and what happened, and funds once a form", async () => {
  const { page, person, complaints } = await open({ colorScheme: "dark" });
  await register(page);
  const slug = await createTenant(page);
  await page.getByRole("link", { name: "Keys", exact: true }).click();
  const mint = page.getByRole("region", { name: "Mint an agent key" });
  await mint.getByLabel("Label").fill("scout");
  await mint.getByRole("button", { name: "Mint key" }).click();
  const key = (await page.locator("#secret-value").textContent()) ?? "";
  const runtime = server.client().with({ "x-tenant-id": slug, "x-tenant-token": key });
  for (let asked = 0; asked < 3; asked += 1) assert.equal((await runtime.post("/v2/query", { query_text: "anything" })).status, 200);

  await page.getByRole("link", { name: "Billing", exact: true }).click();
  await page.getByText("$0.997").first().waitFor();
  await page.getByText("enough for 997 queries").waitFor();
  await page.getByRole("img", { name: "Spend per day, last 30 days" }).waitFor();
  assert.equal(await page.locator("rect.bar").count(), 1);
  const activity = page.locator(".activity tbody tr");
  assert.equal(await activity.count(), 4, "three queries and the credit, each once");
  assert.match((await activity.first().textContent()) ?? "", /Query.*scout.*0\.001/s);
  await page.getByText("The same as a table").click();
  assert.equal(await page.locator(".figures tbody tr").count(), 30);

  await page.getByLabel("Amount in dollars").fill("five");
  await page.getByRole("button", { name: "Add money" }).click();
  await page.getByText("must be an amount from 0.01 to 10000").waitFor();
  assert.equal(await page.getByLabel("Amount in dollars").inputValue(), "five");
  await page.getByLabel("Amount in dollars").fill("25");
  await page.getByRole("button", { name: "Add money" }).dblclick();
  await page.getByText("$25.00 added.").waitFor();
  assert.equal(await page.getByText("$25.997").count(), 1);
  await takePicture(page, "console-billing-dark");
  assert.deepEqual(complaints.filter((text) => !text.includes("400")), []);
  await person.close();
});

test("an agent invites its owner: the operator sees the mail, a stranger registers and accepts, once", async () => {
  const agent = await signUp(server.client());
  const email = newEmail();
  const invited = await agent.client.post("/v2/agents/owner-bootstrap", { owner_email: email });
  assert.equal(invited.status, 202, invited.text);
  assert.equal(invited.json.delivery, "queued");

  const house = await open();
  const operator = await register(house.page, newEmail(), "Op");
  await house.page.goto(at("/account/operator"));
  await house.page.getByRole("heading", { name: "Not for you" }).waitFor();
  const database = server.current.runtime.database();
  await database.prepare("UPDATE users SET role = 'admin' WHERE email = ?").bind(operator).run();
  await house.page.goto(at("/account"));
  await house.page.getByRole("link", { name: "Operator", exact: true }).click();
  const link = (await house.page.locator(".mail", { hasText: email }).locator("code.copyable-text").textContent()) ?? "";
  assert.ok(link.startsWith(`${server.current.url}/account/invite/inv_`), link);
  await takePicture(house.page, "console-operator");

  const { page, person } = await open();
  await page.goto(link);
  await page.getByRole("heading", { name: `Own ${agent.tenantId}` }).waitFor();
  await page.getByRole("main").getByRole("link", { name: "Create an account" }).click();
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByRole("button", { name: `Accept as ${email}` }).click();
  await page.getByText(`You own ${agent.tenantId} now.`).waitFor();
  await page.goto(at("/account"));
  await page.getByRole("link", { name: agent.tenantId }).first().waitFor();
  await takePicture(page, "console-overview");

  const spent = await house.page.goto(link);
  assert.equal(spent?.status(), 404);
  await house.page.getByRole("heading", { name: "This invitation is not valid" }).waitFor();
  assert.equal((await agent.client.post("/v2/agents/owner-bootstrap", { owner_email: newEmail() })).json.code, "owner_exists");
  await person.close();
  await house.person.close();
});

test("a changed password ends every other session", async () => {
  const [here, there] = [new Hand(server.client()), new Hand(server.client())];
  const email = await here.register();
  await there.post("/account", "/account/sign-in", { email, password: PASSWORD });
  assert.equal((await there.send("GET", "/account/keys")).status, 200);
  const change = (fields: Record<string, string>): Promise<Reply> => here.post("/account/settings", "/account/settings/password", fields);
  const wrong = await change({ current_password: "not it", new_password: "another long sentence" });
  assert.equal(wrong.status, 401);
  assert.match(wrong.text, /id="current-password-error">is not your password/);
  const short = await change({ current_password: PASSWORD, new_password: "short" });
  assert.match(short.text, /id="new-password-error">must have 8 to 256 characters/);
  assert.ok(!wrong.text.includes("another long sentence") && !short.text.includes(PASSWORD), "a password came back");
  const done = await change({ current_password: PASSWORD, new_password: "another long sentence" });
  assert.deepEqual([done.status, done.headers.get("location")], [303, "/account/settings"]);
  assert.match((await here.send("GET", "/account/settings")).text, /Your password is changed\./);
  const out = await there.send("GET", "/account/keys");
  assert.deepEqual([out.status, out.headers.get("location")], [303, "/account?next=%2Faccount%2Fkeys"]);
  assert.equal((await here.post("/account/settings", "/account/settings/sign-out-everywhere", {})).status, 303);
  assert.equal((await here.send("GET", "/account/settings")).status, 303);
  assert.equal((await there.post("/account", "/account/sign-in", { email, password: PASSWORD })).status, 401);
  assert.equal((await there.post("/account", "/account/sign-in", { email, password: "another long sentence" })).status, 303);
});

test("no form is taken without the token of this browser", async () => {
  const [owner, stranger] = [new Hand(server.client()), new Hand(server.client())];
  const email = newEmail();
  const foreign = await stranger.csrf("/account/register");
  for (const csrf of ["", "00", foreign]) {
    await owner.send("GET", "/account/register");
    const reply = await owner.send("POST", "/account/register", { csrf, email, password: PASSWORD });
    assert.equal(reply.status, 403, csrf);
    assert.match(reply.text, /This form has gone stale/);
  }
  await owner.register(email);
  await stranger.register();
  const theirs = await stranger.csrf("/account/tenants");
  for (const path of ["/account/tenants", "/account/keys/agent", "/account/enrollment", "/account/billing/fund", "/account/settings/name", "/account/sign-out"]) {
    for (const csrf of ["", theirs]) assert.equal((await owner.send("POST", path, { csrf, label: "x" })).status, 403, path);
  }
  assert.equal((await owner.send("GET", "/account/keys")).status, 200, "still signed in");
});

test("forms come back with their values and with words beside the field", async () => {
  const hand = new Hand(server.client());
  const reply = await hand.post("/account/register", "/account/register", { name: `"><script>`, email: "no address", password: PASSWORD });
  assert.equal(reply.status, 400);
  assert.match(reply.text, /value="no address"[^>]*aria-invalid="true" aria-describedby="email-error"/);
  assert.match(reply.text, /value="&quot;&gt;&lt;script&gt;"/);
  assert.ok(!reply.text.includes(PASSWORD));
  const email = await hand.register();
  const again = await new Hand(server.client()).post("/account/register", "/account/register", { email, password: PASSWORD });
  assert.equal(again.status, 409);
  assert.match(again.text, /This e-mail has an account; sign in with it\./);
  const wrong = await new Hand(server.client()).post("/account", "/account/sign-in", { email, password: "not the one" });
  assert.equal(wrong.status, 401);
  for (const path of ["/account/sign-in", "/account/sign-out"]) {
    const reloaded = await server.client().get(path);
    assert.deepEqual([reloaded.status, reloaded.headers.get("location")], [303, "/account"], path);
  }
  const slug = await hand.post("/account/tenants", "/account/tenants", { tenant_id: "Not A Slug", name: "kept" });
  assert.equal(slug.status, 400);
  assert.match(slug.text, /value="kept"/);
  const reserved = await hand.post("/account/tenants", "/account/tenants", { tenant_id: "guildhall" });
  assert.match(reserved.text, /id="tenant-id-error">is reserved; choose another name/);
});

test("a stranger's tenant, keys and tokens are not there", async () => {
  const [owner, stranger] = [new Hand(server.client()), new Hand(server.client())];
  await owner.register();
  await stranger.register();
  const slug = newSlug();
  assert.equal((await owner.post("/account/tenants", "/account/tenants", { tenant_id: slug })).status, 303);
  for (const page of ["agents", "keys", "enrollment", "billing"]) {
    assert.equal((await owner.send("GET", `/account/${page}?tenant=${slug}`)).status, 200, page);
    for (const name of [slug, newSlug()]) assert.equal((await stranger.send("GET", `/account/${page}?tenant=${name}`)).status, 404, page);
  }
  for (const path of ["/account/keys/agent", "/account/keys/api", "/account/enrollment"]) {
    assert.equal((await stranger.post("/account/keys", path, { tenant: slug, label: "x", idempotency_key: "once" })).status, 404, path);
  }
});

test("pages carry the strict policy and are kept by nobody", async () => {
  const hand = new Hand(server.client());
  await hand.register();
  for (const path of ["/account", "/account/keys", "/account/settings", "/account/nowhere", "/account/invite/nothing"]) {
    const page = await hand.send("GET", path);
    assert.match(page.headers.get("content-security-policy") ?? "", /default-src 'none'; style-src 'self'; script-src 'self'/, path);
    assert.equal(page.headers.get("x-content-type-options"), "nosniff");
    if (page.status === 200) assert.equal(page.headers.get("cache-control"), "no-store", path);
  }
  assert.equal((await hand.send("GET", "/account/nowhere")).status, 404);
  assert.match((await hand.send("GET", "/account/nowhere")).text, /<h1>Nothing here<\/h1>/);
  const front = await server.client().get("/");
  const [, style = ""] = /href="(\/account\/assets\/style\.css\?v=[0-9a-f]+)"/.exec(front.text) ?? [];
  const sheet = await server.client().get(style);
  assert.equal(sheet.headers.get("cache-control"), "public, max-age=31536000, immutable");
  assert.equal(sheet.headers.get("content-type"), "text/css; charset=utf-8");
});

test("every page holds on a telephone, in light and in dark", async () => {
  const { page, person } = await open({ viewport: { width: 360, height: 740 } });
  await register(page, newEmail(), "A name that is much longer than most names are, to see what gives way");
  const slug = `${newSlug("a")}-${"x".repeat(18)}`;
  await createTenant(page, slug);
  for (const path of ["/", "/account", "/account/tenants", "/account/agents", "/account/keys", "/account/enrollment", "/account/billing", "/account/settings"]) {
    await page.goto(at(`${path}?tenant=${slug}`));
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      const overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
      assert.ok(Number(overflow) <= 0, `${path} is ${overflow} px too wide`);
      await takePicture(page, `console-360-${colorScheme}${path.replaceAll("/", "-")}`);
    }
  }
  await person.close();
});

test("the keyboard reaches everything: skip link, navigation, form", async () => {
  const { page, person } = await open();
  await page.goto(at("/account"));
  assert.equal(await page.evaluate("document.activeElement.id"), "email", "typing starts at the first field");
  await page.getByLabel("E-mail").fill(newEmail());
  await page.getByLabel("Password").fill("not the password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").waitFor();
  assert.equal(await page.evaluate("document.activeElement.id"), "password", "and goes on at the one to type again");
  await page.goto(at("/"));
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate("document.activeElement.textContent"), "Skip to content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate("document.activeElement.id"), "main");
  await person.close();
});

test("who is signed out comes back to the page they were at, and to its tenant, also from a form", async () => {
  const client = server.client();
  for (const [method, path, fields, next] of [
    ["GET", "/account/keys?tenant=alpha", undefined, "/account/keys?tenant=alpha"],
    ["GET", "/account/settings", undefined, "/account/settings"],
    ["POST", "/account/keys/agent", { tenant: "alpha" }, "/account/keys?tenant=alpha"],
    ["POST", "/account/settings/name", { name: "Ada" }, "/account/settings"],
    ["POST", "/account/invite/inv_1", {}, "/account/invite/inv_1"],
  ] as const) {
    const reply = fields === undefined ? await client.send(method, path) : await client.form(path, fields);
    assert.deepEqual([reply.status, reply.headers.get("location")], [303, `/account?${new URLSearchParams({ next })}`], `${method} ${path}`);
  }
});
