// The module the platform is given. The class that `entry.rs` comes out as would be looked through and built, proxies and
// all, for every request; its handlers need nothing of a request but what they are called with, so one instance of it serves
// all requests.

import Entry, { Clock, Gate, Memory, Tenant } from "./index.js";

export { Clock, Gate, Memory, Tenant };

let front;

export default {
  fetch(request, env, context) {
    front ??= new Entry(context, env);
    return front.fetch(request);
  },

  // What these leave to be done after them is their own context's to wait for.
  queue: (batch, env, context) => new Entry(context, env).queue(batch),
  scheduled: (event, env, context) => new Entry(context, env).scheduled(event),
};
