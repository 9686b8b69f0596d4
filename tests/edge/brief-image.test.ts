// Pictures for a brief at the console: uploaded with a form before the order is placed, and shown with it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { useBrowser } from "./support/browser.ts";
import { expectData } from "./support/buyer.ts";
import { errorsOn, formOn, noticeOf } from "./support/hand.ts";
import { newHousehold } from "./support/household.ts";
import { makeService, newFile, sellerOfHouse, type FileType } from "./support/market.ts";
import { useServer } from "./support/server.ts";
import { Shopper } from "./support/shopper.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" }, pushesToNobody: true });
const browser = useBrowser();
const UPLOAD = "/account/orders/images";
const BRIEF = "A fox like the one in the picture";

type Shop = { tenant: string; service: string };
let shop: Promise<Shop> | undefined;

async function openShop(): Promise<Shop> {
  const house = await newHousehold(server.current);
  return { tenant: house.tenantId, service: (await makeService(await sellerOfHouse(house)))["id"] };
}

/** Somebody who buys, and what there is to buy. */
async function open(): Promise<Shop & { shopper: Shopper }> {
  return { ...(await (shop ??= openShop())), shopper: await Shopper.open(server.current) };
}

/** The files a wallet's folder holds. */
async function briefsOf(shopper: Shopper): Promise<string[]> {
  return (await server.current.runtime.fileKeys()).filter((key) => key.startsWith(`atelier/briefs/${shopper.buyer.wallet}/`));
}

test("a picture is uploaded with the form, stands in the order's form, and goes with the order; three are the most", async () => {
  const { shopper, service } = await open();
  let page = await shopper.see(`/new?service=${service}`);
  const types: FileType[] = ["image/png", "image/jpeg", "image/png"];
  for (const [at, type] of types.entries()) {
    page = await shopper.hand.follow(await shopper.hand.upload(page, UPLOAD, newFile(type), type));
    assert.deepEqual(noticeOf(page), ["done", "The picture is uploaded. Now say what you want."]);
    assert.equal(formOn(page, "/account/orders")["reference_images"]!.split("\n").length, at + 1);
  }
  assert.ok(!page.text.includes(`action="${UPLOAD}"`), "there is room for three");
  const images = formOn(page, "/account/orders")["reference_images"]!.split("\n");
  for (const image of images) {
    assert.match(image, new RegExp(`^${server.current.url}/files/atelier/briefs/${shopper.buyer.wallet}/[0-9A-Z]{42}\\.(png|jpg)$`));
    assert.equal((await server.client().get(new URL(image).pathname)).status, 200);
  }
  const placed = await shopper.press(page, "", { brief: BRIEF });
  const [id] = /ord_[0-9A-Z]{26}/.exec(placed.text) ?? [];
  assert.deepEqual(expectData(await shopper.buyer.get(`/api/orders/${id}`)).order.reference_images, images);
});

test("what is no picture is said at its field, and nothing is kept", async () => {
  const { shopper, service } = await open();
  const page = await shopper.see(`/new?service=${service}`);
  const cases: [string, Buffer, string, string][] = [
    ["a GIF", newFile("image/gif"), "image/gif", "The file must be one of image/jpeg, image/png."],
    ["HTML that calls itself a PNG", Buffer.from("<!doctype html><script>1</script>"), "image/png", "The file is declared as image/png, but does not begin like one."],
    ["nothing", Buffer.alloc(0), "image/png", "The file is empty."],
    ["too much", newFile("image/png", 5_242_881), "image/png", "The file may have 5242880 bytes."],
    ["far too much", newFile("image/png", 12_000_000), "image/png", "The file may have 5242880 bytes."],
  ];
  for (const [what, file, type, words] of cases) {
    const refused = await shopper.hand.upload(page, UPLOAD, file, type);
    assert.deepEqual([refused.status, errorsOn(refused)["image"]], [400, words], what);
  }
  assert.deepEqual(await briefsOf(shopper), []);
});

test("a picture is taken from our own page, for a wallet of one's own, and from nobody else", async () => {
  const { shopper, service, tenant } = await open();
  const other = await Shopper.open(server.current);
  const page = await shopper.see(`/new?service=${service}`);
  const send = (fields: Record<string, string>) => shopper.hand.upload(page, UPLOAD, newFile("image/png"), "image/png", fields);
  assert.equal((await send({ csrf: "" })).status, 403);
  assert.equal((await send({ csrf: formOn(await other.see(`/new?service=${service}`), UPLOAD)["csrf"]! })).status, 403);
  const foreign = await send({ wallet: other.buyer.wallet });
  assert.deepEqual([foreign.status, errorsOn(foreign)["image"]], [400, "Wallet must be a wallet that you have proved."]);
  assert.equal((await send({ tenant })).status, 404);
  // What is no name of a file of ours is left out of those that were uploaded before.
  const mixed = await shopper.hand.follow(await send({ images: `x,../secret,${"y".repeat(1_000)}` }));
  assert.equal(formOn(mixed, "/account/orders")["reference_images"]!.split("\n").length, 1);
  assert.deepEqual([(await briefsOf(other)).length, (await briefsOf(shopper)).length], [0, 1]);
  const unsigned = await server.client().send("POST", UPLOAD, { body: "x", headers: { "content-type": "multipart/form-data; boundary=x" } });
  assert.deepEqual([unsigned.status, unsigned.headers.get("location")], [303, "/account?next=%2Faccount%2Forders"]);
});

test("in Chromium a human shows what they mean without a line of script", async () => {
  const { shopper, service } = await open();
  const context = await browser.current.person({ javaScriptEnabled: false });
  await context.addCookies([{ name: "next-auth.session-token", value: shopper.person.cookie.split("=", 2)[1]!, url: server.current.url }]);
  const page = await context.newPage();
  await page.goto(new URL(`/account/orders/new?service=${service}`, server.current.url).href);
  await page.getByText("Show what you mean with a picture").click();
  await page.getByLabel("Picture").setInputFiles({ name: "fox.png", mimeType: "image/png", buffer: newFile("image/png") });
  await page.getByRole("button", { name: "Upload the picture" }).click();
  await page.getByLabel("What you want").fill(BRIEF);
  await page.getByRole("button", { name: "Place the order" }).click();
  const [order] = expectData(await shopper.buyer.get("/api/orders"));
  assert.deepEqual([order.brief, order.reference_images.length], [BRIEF, 1]);
  await context.close();
});
