// What is said to the platform in its own language. Each function here stands for a dozen crossings between WebAssembly
// and JavaScript, or for promises that Rust would have to be woken by one at a time: on the way of a request that costs
// more than the request's own work.

import { DurableObject } from "cloudflare:workers";

/** The instance of the module that lives: how it takes answers, and the promises it owes. */
let living = { take: () => {}, owed: new Map() };

/** A fresh instance takes over. What the one before it still owed can never come. */
export function connect(take) {
  breakOff(living, new Error("the instance that ran this has ended"));
  living = { take, owed: new Map() };
}

function breakOff(instance, error) {
  for (const { reject } of instance.owed.values()) reject(error);
  instance.owed.clear();
}

/** Makes a class of ours one whose methods the platform lets other code call. */
export function extendDurableObject(ours) {
  Object.setPrototypeOf(ours.prototype, DurableObject.prototype);
  Object.setPrototypeOf(ours, DurableObject);
}

/** The promise of a task that waits for something. */
export function owe(task) {
  const owed = Promise.withResolvers();
  living.owed.set(task, owed);
  return owed.promise;
}

/** Keeps the promise of a task: with what it came to, or with what it broke on. */
export function pay(task, isKept, value) {
  const owed = living.owed.get(task);
  living.owed.delete(task);
  if (isKept) owed?.resolve(value);
  else owed?.reject(value);
}

/** Hands what `question` comes to over to the instance that asked, unless another lives by then. */
function ask(slot, question) {
  const asker = living;
  const hand = (isKept, value) => {
    if (asker !== living) return;
    try {
      asker.take(slot, isKept, value);
    } catch (error) {
      // A trap: nothing this instance has begun will go on.
      breakOff(asker, error);
    }
  };
  try {
    question().then(
      (value) => hand(true, value),
      (error) => hand(false, error),
    );
  } catch (error) {
    queueMicrotask(() => hand(false, error));
  }
}

/** Asks the object of that name: bytes there, bytes back. */
export function callObject(objects, name, call, slot) {
  ask(slot, () => objects.getByName(name).serve(call.slice()));
}

/** The body of a request, whole. */
export function readBody(request, slot) {
  ask(slot, () => request.arrayBuffer());
}

/** Method, URL and headers of a request, a line each: a header is its name and then its value. */
export function readHead(request) {
  let head = `${request.method}\n${request.url}`;
  for (const [name, value] of request.headers) head += `\n${name}\n${value}`;
  return head;
}

/** An answer; `head` has a line for each header's name and then one for its value. */
export function respond(status, head, hasBody, body) {
  const lines = head.split("\n");
  const headers = [];
  for (let at = 0; at + 1 < lines.length; at += 2) headers.push([lines[at], lines[at + 1]]);
  return new Response(hasBody ? body.slice() : null, { status, headers });
}
