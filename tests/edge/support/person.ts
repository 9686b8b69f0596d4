// A person for tests: an account with everything it can be called by, a bearer token and a browser that is signed in.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { Client, Reply } from "./client.ts";

export const PASSWORD = "a sentence is a good password";
const SESSION_COOKIE = "next-auth.session-token";

export function newEmail(): string {
  return `ada-${randomBytes(5).toString("hex")}@example.org`;
}

export type Person = {
  email: string;
  token: string;
  /** The session cookie as a browser sends it back. */
  cookie: string;
  /** What the forms of this browser's pages carry. */
  csrf: string;
  /** The caller with the token as its bearer. */
  client: Client;
  /** The caller with the cookie, on our own pages. */
  browser: Client;
};

/** The value of a cookie that an answer sets, as it is sent back. */
export function cookieSetBy(reply: Reply, name: string): string {
  const cookie = reply.headers.getSetCookie().find((text) => text.startsWith(`${name}=`));
  assert.ok(cookie, `${name} is not set: ${reply.status} ${reply.text.slice(0, 200)}`);
  return cookie.split(";")[0] ?? "";
}

/** The token for the forms of one browser, and the cookie it is bound to when nobody is signed in. */
export async function openForms(client: Client): Promise<{ csrf: string; browser: Client }> {
  const reply = await client.get("/api/auth/csrf");
  assert.equal(reply.status, 200, reply.text);
  const { csrfToken: csrf } = reply.json;
  const isNew = reply.headers.getSetCookie().length > 0;
  return { csrf, browser: isNew ? client.with({ cookie: cookieSetBy(reply, "guildhall.form") }) : client };
}

/** Opens an account as a browser does, which signs in with it. */
export async function newPerson(client: Client): Promise<Person> {
  const email = newEmail();
  const forms = await openForms(client);
  const registered = await forms.browser.form("/account/register", { csrf: forms.csrf, email, password: PASSWORD });
  assert.equal(registered.status, 303, registered.text);
  const cookie = cookieSetBy(registered, SESSION_COOKIE);
  const browser = client.with({ cookie, origin: client.url });
  const [token, { csrf }] = await Promise.all([browser.post("/api/auth/token", {}), openForms(browser)]);
  assert.equal(token.status, 200, token.text);
  return { email, token: token.json.token, cookie, csrf, client: client.bearer(token.json.token), browser };
}
