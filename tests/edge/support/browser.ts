// A real Chromium for one test file. Its traffic stays on this machine: nothing but the server under test answers.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before } from "node:test";
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from "playwright-core";
import { ROOT } from "../../../scripts/runtime.ts";

const CHROMIUM = process.env["CHROMIUM_BIN"] ?? "/usr/bin/chromium";
const PICTURES = join(ROOT, ".test", "pictures");
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export class BrowserSession {
  readonly #browser: Browser;

  constructor(browser: Browser) {
    this.#browser = browser;
  }

  /** A person with an empty cookie jar. `javaScriptEnabled: false` and `colorScheme` say what kind of person. */
  async person(options: BrowserContextOptions = {}): Promise<BrowserContext> {
    return this.#browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }
}

/** With PICTURES=1, keeps a picture of the whole page in .test/pictures, to be looked at. */
export async function takePicture(page: Page, name: string): Promise<void> {
  if (process.env["PICTURES"] === undefined) return;
  mkdirSync(PICTURES, { recursive: true });
  await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });
}

/** A browser for this test file: started before its first test, closed after its last. */
export function useBrowser(): { readonly current: BrowserSession } {
  let session: BrowserSession | undefined;
  before(async () => {
    session = new BrowserSession(await chromium.launch({ executablePath: CHROMIUM, args: FLAGS }));
  });
  after(async () => {
    await session?.close();
  });
  return {
    get current() {
      assert.ok(session, "the browser runs inside tests only");
      return session;
    },
  };
}
