// Schemathesis over /openapi.json with every check it has, against the built Worker on a state of its own.
//   node tests/fuzz/fuzz.ts           SEED=1 CASES=5000      the long run: every phase, that many cases at least
//   node tests/fuzz/fuzz.ts short     SEED=1                 the run of `make test`
//   ONLY=createWallet                 one operation alone
// Before it begins, every documented operation is asked once for something good, as tests/edge/support/ask.ts knows it:
// that request becomes the operation's example, so that each is reached however deep it lies, and who may make it is who
// makes the others. A seed tells what is generated; ids are the server's own, so what follow-ups draw from earlier answers
// may come in another order. Ends with one line: N passed, N failed. In the long run an operation that never succeeded is a failure.

import { spawn } from "node:child_process";
import { createWriteStream, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../scripts/runtime.ts";
import { callerAt, prepareAsk, type Ask } from "../edge/support/ask.ts";
import type { HeaderMap } from "../edge/support/client.ts";
import { NOBODY_LISTENS, newHousehold, newOperator, type Household } from "../edge/support/household.ts";
import { ROUTES, type Route } from "../edge/support/route.ts";
import { newFile, sellerOfHouse } from "../edge/support/market.ts";
import { Server } from "../edge/support/server.ts";
import { deskOf } from "../edge/support/spender.ts";

const FOLDER = join(ROOT, ".test", "fuzz");
const PATHS = {
  document: join(FOLDER, "openapi.json"),
  stage: join(FOLDER, "stage.json"),
  counts: join(FOLDER, "counts.json"),
  report: join(FOLDER, "report.json"),
  output: join(FOLDER, "output.txt"),
};
const SHORT = process.argv[2] === "short";
const SEED = Number(process.env["SEED"] ?? 1);
const CASES = Number(process.env["CASES"] ?? 5_000);
/** Cases the short run may generate, over all operations; examples and follow-ups come on top. */
const SHORT_CASES = 500;
/** Cases an operation has in the coverage phase, or so. */
const COVERAGE_CASES = 45;
const ONLY = process.env["ONLY"];
/** Headers that say who calls. */
const CREDENTIAL_HEADERS = ["authorization", "x-api-key", "cookie", "origin"];

type Parameter = { name: string; in: string; examples?: Record<string, { value: unknown }> };
type Operation = {
  operationId: string;
  parameters: Parameter[];
  requestBody?: { content: Record<string, { examples?: Record<string, { value: unknown }> }> };
  responses: Record<string, unknown>;
};
type Schema = Record<string, unknown>;
type Document = { paths: Record<string, Record<string, Operation>>; components: { schemas: Record<string, Schema> } };
type Report = { complete: boolean; test_cases: { generated: number; with_failures: number }; errors: { title: string; count: number }[] };

function operationsOf(document: Document): Operation[] {
  return Object.values(document.paths).flatMap((item) => Object.values(item));
}

/** The values of the template's parameters in a path. */
function paramsOf(template: string, path: string): Record<string, string> {
  const names = [...template.matchAll(/\{(\w+)\}/g)].map((found) => found[1] ?? "");
  const values = new RegExp(`^${template.replaceAll(/\{\w+\}/g, "([^/]+)")}$`).exec(path)?.slice(1) ?? [];
  return Object.fromEntries(names.map((name, at) => [name, decodeURIComponent(values[at] ?? "")]));
}

/** Writes a good request into the document as the operation's example; returns the parameters of its path. */
function illustrate(operation: Operation, template: string, ask: Ask): Record<string, string> {
  const url = new URL(ask.path, "http://guildhall");
  const sent = Object.fromEntries(Object.entries(ask.sent.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]));
  const params = paramsOf(template, url.pathname);
  for (const parameter of operation.parameters) {
    const places: Record<string, unknown> = {
      path: params[parameter.name],
      query: url.searchParams.get(parameter.name) ?? undefined,
      header: sent[parameter.name.toLowerCase()],
    };
    const value = places[parameter.in];
    if (value !== undefined) parameter.examples = { good: { value } };
  }
  const media = operation.requestBody?.content["application/json"];
  if (media && ask.sent.json !== undefined) media.examples = { good: { value: ask.sent.json } };
  return params;
}

/** Names of the schemas that a part of the document leads to. */
function reachable(document: Document, part: unknown, found = new Set<string>()): Set<string> {
  for (const [, name = ""] of JSON.stringify(part ?? null).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
    if (found.has(name)) continue;
    found.add(name);
    reachable(document, document.components.schemas[name], found);
  }
  return found;
}

/**
 * Lets no success hold a member that is not documented. The document itself leaves room for more to come, and says so to
 * clients; the Worker as it stands must not use it. Schemas that are put together of several are left as they are.
 */
function tighten(document: Document): void {
  const operations = operationsOf(document);
  const asked = new Set(operations.flatMap(({ requestBody }) => [...reachable(document, requestBody)]));
  const successes = operations.map(({ responses }) => Object.entries(responses).filter(([status]) => status.startsWith("2")));
  for (const name of reachable(document, successes)) {
    const schema = document.components.schemas[name];
    const isWhole = schema && "properties" in schema && !["allOf", "anyOf", "oneOf", "additionalProperties"].some((word) => word in schema);
    if (isWhole && !asked.has(name)) schema["additionalProperties"] = false;
  }
}

async function credentialOf(ask: Ask, route: Route, house: Household, operator: Awaited<ReturnType<typeof newOperator>>): Promise<HeaderMap> {
  if (route.access === "Public") return {};
  const { headers } = ask.by ?? (await callerAt(route, house, operator));
  return Object.fromEntries(Object.entries(headers).filter(([name]) => CREDENTIAL_HEADERS.includes(name.toLowerCase())));
}

/** Makes the people and things of the run, and the document with an example for every operation. Returns how many there are. */
async function prepare(server: Server): Promise<number> {
  const [house, neighbour, operator] = [await newHousehold(server), await newHousehold(server), await newOperator(server)];
  const neighbourSeller = await sellerOfHouse(neighbour);
  const document = (await server.client().get("/openapi.json")).json as Document;
  const credentials: Record<string, HeaderMap> = {};
  const params: Record<string, Record<string, string>> = {};
  for (const [template, item] of Object.entries(document.paths)) {
    for (const operation of Object.values(item)) {
      const route = ROUTES.find(({ name }) => name === operation.operationId);
      if (!route) throw new Error(`${operation.operationId} stands in no table: make documents`);
      const ask = await prepareAsk(server, house, route);
      params[operation.operationId] = illustrate(operation, template, ask);
      credentials[operation.operationId] = await credentialOf(ask, route, house, operator);
    }
  }
  tighten(document);
  const desk = await deskOf(house);
  const stage = {
    credentials,
    params,
    neighbour: { "x-api-key": neighbour.apiKey },
    neighbour_seller: { authorization: `Bearer ${neighbourSeller.key}` },
    tenants: [house.tenantId, house.tenantUuid],
    spared: [house.apiKeyId, house.agentKeyId, house.agent.agentId, house.webhookId, desk.mandate.id, desk.strict.id, desk.childId],
    known: { agent_id: desk.agentId, child_agent_id: desk.childId, mandate_id: desk.mandate.id, wallet_id: desk.walletId, lease_id: null },
    nowhere: NOBODY_LISTENS,
    picture: newFile("image/png").toString("base64"),
  };
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(PATHS.document, JSON.stringify(document));
  writeFileSync(PATHS.stage, JSON.stringify(stage));
  return operationsOf(document).length;
}

/** Runs Schemathesis over the prepared document, its output in a file. */
function runSchemathesis(url: string, operations: number): Promise<number> {
  // An operation without parameters has few cases: the others make up for it. The coverage phase brings its own.
  const wanted = SHORT ? SHORT_CASES / operations : (1.5 * CASES) / operations - COVERAGE_CASES;
  const perOperation = Math.max(SHORT ? 4 : 40, Math.ceil(wanted));
  const args = [
    ...["--config-file", "tests/fuzz/schemathesis.toml", "run", PATHS.document, "--url", url],
    ...["--seed", String(SEED), "--max-examples", String(perOperation), "--continue-on-failure"],
    ...["--report", "json", "--report-json-path", PATHS.report],
    // The phase of coverage is a fixed list, dozens of cases an operation: too long for every change.
    ...(SHORT ? ["--phases", "examples,fuzzing,stateful"] : []),
    ...(ONLY === undefined ? [] : ["--include-operation-id", ONLY]),
  ];
  return new Promise((done, reject) => {
    const child = spawn(join(ROOT, ".venv", "bin", "schemathesis"), args, {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, FUZZ_STAGE: PATHS.stage, FUZZ_COUNTS: PATHS.counts, PYTHONHASHSEED: "0" },
    });
    const file = createWriteStream(PATHS.output);
    child.stdout.pipe(file, { end: false });
    child.stderr.pipe(file, { end: false });
    child.on("error", reject);
    child.on("close", (code) => file.end(() => done(code ?? 1)));
  });
}

type Counts = Record<string, Record<string, number>>;

function isGood([status]: [string, number]): boolean {
  return Number(status) < 400;
}

/** Prints what each operation answered; returns those that never did what they are for. */
function tell(counts: Counts): string[] {
  for (const [name, statuses] of Object.entries(counts)) {
    const told = Object.entries(statuses).map(([status, count]) => `${status} x${count}`);
    if (told.length > 0) console.log(`  ${name.padEnd(32)} ${told.join("  ")}`);
  }
  return Object.entries(counts).flatMap(([name, statuses]) => (Object.entries(statuses).some(isGood) ? [] : [name]));
}

async function main(): Promise<void> {
  // The quotas are scaled out of the way: limits are not the subject.
  const server = await Server.start({ vars: { RATE_LIMIT_SCALE: "1000000" }, pushesToNobody: true });
  const failures: string[] = [];
  let generated = 0;
  try {
    const operations = await prepare(server);
    const startedMs = performance.now();
    const code = await runSchemathesis(server.url, operations);
    const output = readFileSync(PATHS.output, "utf8");
    // Without a report it did not even begin; the output says why.
    if (!existsSync(PATHS.report) || !existsSync(PATHS.counts)) throw new Error(`schemathesis ended with ${code}:\n${output}`);
    const report = JSON.parse(readFileSync(PATHS.report, "utf8")) as Report;
    generated = report.test_cases.generated;
    const unreached = tell(JSON.parse(readFileSync(PATHS.counts, "utf8")) as Counts);
    failures.push(...Array.from({ length: report.test_cases.with_failures }, () => "a case with findings"));
    failures.push(...report.errors.map(({ title, count }) => `${title} (${count})`));
    if (code !== 0 || !report.complete) console.log(output);
    if (code !== 0 && failures.length === 0) failures.push(`schemathesis ended with ${code}`);
    if (!SHORT && ONLY === undefined) {
      failures.push(...unreached.map((name) => `${name} never succeeded: its checks saw refusals alone`));
      if (generated < CASES) failures.push(`${generated} cases instead of ${CASES}`);
    }
    const seconds = (performance.now() - startedMs) / 1000;
    console.log(`\n${operations} operations, ${generated} cases in ${seconds.toFixed(1)} s; the same again: SEED=${SEED} scripts/node.sh tests/fuzz/fuzz.ts${SHORT ? " short" : ""}`);
  } finally {
    await server.stop().catch((error: unknown) => failures.push(String(error)));
  }
  for (const failure of new Set(failures)) console.log(`  ${failure}`);
  console.log(`${generated - Math.min(generated, failures.length)} passed, ${failures.length} failed`);
  process.exitCode = failures.length === 0 && generated > 0 ? 0 : 1;
}

await main();
