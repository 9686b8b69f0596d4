// What D1, KV, R2 and the queue are locally. Bare workerd knows how to call them but does not bring them; these are
// the workers that `wrangler dev` would run in their place, without its proxies in front.
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { quote, type Service } from "./server.ts";

export interface StandIns {
  services: Service[];
  extensions: { name: string; path: string }[];
  /** The bindings of the Worker, in workerd's notation. */
  bindings: string[];
  /** The service that takes D1 statements over HTTP, for migrations. */
  databaseService: string;
}

export interface StandInNames {
  database: string;
  documents: string;
  files: string;
  events: string;
  queue: string;
  /** The service that consumes the queue. */
  consumer: string;
}

const ENTRY_DATE = "2023-07-24";
const LOOPBACK = "loopback";

function workersDirectory(): string {
  const require = createRequire(import.meta.url);
  const miniflare = createRequire(require.resolve("wrangler/package.json")).resolve("miniflare");
  return join(dirname(miniflare), "workers");
}

/** The pair of services behind one binding: a door that finds the object, and the object. */
function objectPair(kind: string, script: string, className: string, id: string, extra: string[] = [], flags: string[] = []): Service[] {
  const workers = workersDirectory();
  const entry = kind === "d1" ? "d1/entry.worker.js" : "shared/object-entry.worker.js";
  return [
    {
      name: kind,
      compatibilityDate: ENTRY_DATE,
      compatibilityFlags: kind === "d1" ? ["enhanced_error_serialization"] : [],
      modules: [{ name: "entry.js", path: join(workers, entry), kind: "esModule" }],
      bindings: [
        `(name = "MINIFLARE_NAMESPACE", text = ${quote(id)})`,
        `(name = "MINIFLARE_OBJECT", durableObjectNamespace = (className = ${quote(className)}, serviceName = ${quote(`${kind}-object`)}))`,
      ],
    },
    {
      name: `${kind}-object`,
      compatibilityDate: ENTRY_DATE,
      compatibilityFlags: ["nodejs_compat", "experimental", ...flags],
      modules: [{ name: "object.js", path: join(workers, script), kind: "esModule" }],
      objects: [{ className, isSqlite: false }],
      bindings: [`(name = "MINIFLARE_LOOPBACK", service = ${quote(LOOPBACK)})`, `(name = "MINIFLARE_BLOBS", service = "disk")`, ...extra],
    },
  ];
}

/** The stand-ins; `directory` takes the one script that is ours. */
export function standIns(names: StandInNames, directory: string): StandIns {
  const workers = workersDirectory();
  const loopback = join(directory, "loopback.js");
  writeFileSync(loopback, `export default { async fetch(request) { console.error(await request.text()); return new Response(); } };\n`);
  const producers = { [names.queue]: { workerName: names.consumer, queueName: names.queue } };
  const consumers = { [names.queue]: { workerName: names.consumer, maxBatchSize: 25, maxBatchTimeout: 0, maxRetries: 10 } };
  const queueBindings = [
    `(name = "MINIFLARE_OBJECT", durableObjectNamespace = "QueueBrokerObject")`,
    `(name = "MINIFLARE_QUEUE_PRODUCERS", json = ${quote(JSON.stringify(producers))})`,
    `(name = "MINIFLARE_QUEUE_CONSUMERS", json = ${quote(JSON.stringify(consumers))})`,
    `(name = ${quote(`MINIFLARE_WORKER_${names.consumer}`)}, service = ${quote(names.consumer)})`,
  ];
  return {
    services: [
      ...objectPair("d1", "d1/database.worker.js", "D1DatabaseObject", "database"),
      ...objectPair("kv", "kv/namespace.worker.js", "KVNamespaceObject", "documents"),
      ...objectPair("r2", "r2/bucket.worker.js", "R2BucketObject", "files"),
      ...objectPair("queue", "queues/broker.worker.js", "QueueBrokerObject", names.queue, queueBindings, ["service_binding_extra_handlers"]),
      { name: LOOPBACK, compatibilityDate: ENTRY_DATE, modules: [{ name: "loopback.js", path: loopback, kind: "esModule" }] },
    ],
    extensions: [
      { name: "miniflare:shared", path: join(workers, "shared/index.worker.js") },
      { name: "miniflare:zod", path: join(workers, "shared/zod.worker.js") },
    ],
    bindings: [
      `(name = ${quote(names.database)}, wrapped = (moduleName = "cloudflare-internal:d1-api", innerBindings = [(name = "fetcher", service = "d1")]))`,
      `(name = ${quote(names.documents)}, kvNamespace = "kv")`,
      `(name = ${quote(names.files)}, r2Bucket = "r2")`,
      `(name = ${quote(names.events)}, queue = "queue")`,
    ],
    databaseService: "d1",
  };
}
