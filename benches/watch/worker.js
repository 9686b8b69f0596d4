// The built Worker, as it is deployed, with one path in front of it that tells what its WebAssembly has taken of memory.
import { wasmBytes } from "./memory.js";
import worker from "./index.js";

export * from "./index.js";

export default {
  ...worker,
  fetch(request, env, context) {
    return new URL(request.url).pathname === "/bench/wasm-bytes" ? new Response(String(wasmBytes())) : worker.fetch(request, env, context);
  },
};
