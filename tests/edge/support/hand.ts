// A browser made by hand: it keeps cookies, follows where it is sent, and sends the forms of a page as they stand there.

import assert from "node:assert/strict";
import type { Client, Reply, Sent } from "./client.ts";
import { formOf } from "./market.ts";
import { newEmail, PASSWORD, type Person } from "./person.ts";

const FORM = { "content-type": "application/x-www-form-urlencoded" };
const NAMED: Record<string, string> = { lt: "<", gt: ">", quot: '"', amp: "&" };

/** Text as a reader sees it. */
export function readText(html: string): string {
  return html.replaceAll(/&(lt|gt|quot|amp);/g, (_, name: string) => NAMED[name] ?? "");
}

/** What a browser would send of the form with this action: its fields with their values, first to last. */
export function formOn(page: Reply, action: string): Record<string, string> {
  const found = [...page.text.matchAll(/<form method="post" action="([^"]*)"[^>]*>(.*?)<\/form>/gs)].find(([, at = ""]) => readText(at) === action);
  const body = found?.[2] ?? assert.fail(`no form to ${action}: ${page.status} ${page.text.slice(0, 300)}`);
  const fields: Record<string, string> = {};
  for (const [tag, kind] of body.matchAll(/<(input|select|textarea)\b[^>]*>/g)) {
    const at = body.indexOf(tag);
    const name = /\bname="([^"]*)"/.exec(tag)?.[1] ?? assert.fail(`a field without a name: ${tag}`);
    const value = {
      input: () => /\bvalue="([^"]*)"/.exec(tag)?.[1] ?? "",
      select: () => /<option value="([^"]*)" selected>/.exec(body.slice(at, body.indexOf("</select>", at)))?.[1] ?? /<option value="([^"]*)"/.exec(body.slice(at))?.[1] ?? "",
      // The first line feed belongs to the tag.
      textarea: () => body.slice(at + tag.length, body.indexOf("</textarea>", at)).replace(/^\n/, ""),
    }[kind as "input" | "select" | "textarea"];
    fields[readText(name)] = readText(value());
  }
  return fields;
}

/** What a page says of the form before it: done or in trouble, and the words. */
export function noticeOf({ text }: Reply): [string, string] {
  const [, kind = "", words = ""] = /<p class="notice notice-(done|trouble)" role="\w+">(.*?)<\/p>/s.exec(text) ?? [];
  return [kind, readText(words)];
}

/** What stands beside the fields that are wrong, by their ids. */
export function errorsOn({ text }: Reply): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/<p class="error" id="([\w-]+)-error">(.*?)<\/p>/gs)].map(([, id = "", words = ""]) => [id, readText(words)]));
}

/** The words of a page, without its tags. */
export const wordsOf = ({ text }: Reply): string => readText(text.replaceAll(/<[^>]*>/g, " ")).replaceAll(/\s+/g, " ");

export class Hand {
  readonly #client: Client;
  readonly #jar = new Map<string, string>();

  constructor(client: Client, cookies: string[] = []) {
    this.#client = client;
    for (const cookie of cookies) this.#jar.set(...(cookie.split("=", 2) as [string, string]));
  }

  /** Somebody's own browser, signed in. */
  static of(client: Client, person: Person): Hand {
    return new Hand(client, [person.cookie]);
  }

  send(method: string, path: string, fields?: Record<string, string>): Promise<Reply> {
    return this.#exchange(method, path, fields === undefined ? {} : { body: new URLSearchParams(fields).toString(), headers: FORM });
  }

  async #exchange(method: string, path: string, { headers, ...sent }: Sent): Promise<Reply> {
    const cookie = [...this.#jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const reply = await this.#client.send(method, path, { headers: { ...(cookie ? { cookie } : {}), ...headers }, ...sent });
    for (const set of reply.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
      if (/Max-Age=0/.test(set)) this.#jar.delete(name);
      else this.#jar.set(name, value);
    }
    return reply;
  }

  /** A page that is there. */
  async open(path: string): Promise<Reply> {
    const page = await this.send("GET", path);
    assert.equal(page.status, 200, `${path}: ${page.status} ${page.text.slice(0, 300)}`);
    return page;
  }

  async csrf(path: string): Promise<string> {
    const page = await this.send("GET", path);
    return /name="csrf" value="([0-9a-f]+)"/.exec(page.text)?.[1] ?? assert.fail(`no form on ${path}`);
  }

  async post(page: string, path: string, fields: Record<string, string>): Promise<Reply> {
    return this.send("POST", path, { csrf: await this.csrf(page), ...fields });
  }

  /** Fills a form of an opened page and sends it. */
  submit(page: Reply, action: string, fields: Record<string, string> = {}): Promise<Reply> {
    return this.send("POST", action, { ...formOn(page, action), ...fields });
  }

  /** The same of a form with a file, which stands last in it. */
  upload(page: Reply, action: string, body: Buffer, type: string, fields: Record<string, string> = {}): Promise<Reply> {
    const { file: _, ...others } = formOn(page, action);
    const parts = Object.entries({ ...others, ...fields }).map(([name, value]) => ({ name, body: value }));
    return this.#exchange("POST", action, formOf(...parts, { name: "file", body, type, filename: "picture" }));
  }

  /** The page that a form led to. */
  async follow(reply: Reply): Promise<Reply> {
    assert.equal(reply.status, 303, `${reply.status} ${reply.text.slice(0, 600)}`);
    return this.open(reply.headers.get("location") ?? assert.fail("a 303 that leads nowhere"));
  }

  async register(email = newEmail()): Promise<string> {
    const reply = await this.post("/account/register", "/account/register", { email, password: PASSWORD });
    assert.equal(reply.status, 303, reply.text);
    return email;
  }
}
