// A caller of the Worker. Every client speaks from an address of its own, so it finds rate-limit windows nobody has used.

export type HeaderMap = Record<string, string>;

/** An answer, its body read whole. */
export type Reply = {
  status: number;
  headers: Headers;
  text: string;
  /** The body as JSON; reading it fails the test when the body is not JSON. */
  readonly json: any;
};

export type Sent = {
  headers?: HeaderMap;
  /** Sent as it stands, without a content type of its own. */
  body?: string | Uint8Array<ArrayBuffer>;
  /** Sent as application/json. */
  json?: unknown;
};

// 198.18.0.0/15 is set aside for measuring networks (RFC 2544): nobody real has these addresses.
let addressCount = Math.floor(Math.random() * 65_536);

function takeAddress(): string {
  addressCount += 1;
  const low = addressCount % 131_072;
  return `198.${18 + (low >> 16)}.${(low >> 8) & 255}.${low & 255}`;
}

export class Client {
  readonly url: string;
  readonly ip: string;
  readonly headers: HeaderMap;

  constructor(url: string, options: { ip?: string; headers?: HeaderMap } = {}) {
    this.url = url;
    this.ip = options.ip ?? takeAddress();
    this.headers = options.headers ?? {};
  }

  /** The same caller with more headers on every request. */
  with(headers: HeaderMap): Client {
    return new Client(this.url, { ip: this.ip, headers: { ...this.headers, ...headers } });
  }

  /** The same caller with a bearer credential. */
  bearer(credential: string): Client {
    return this.with({ authorization: `Bearer ${credential}` });
  }

  async send(method: string, path: string, sent: Sent = {}): Promise<Reply> {
    const headers = new Headers({ "cf-connecting-ip": this.ip, ...this.headers });
    if (sent.json !== undefined) headers.set("content-type", "application/json");
    for (const [name, value] of Object.entries(sent.headers ?? {})) headers.set(name, value);
    const body = sent.json === undefined ? sent.body : JSON.stringify(sent.json);
    const response = await fetch(new URL(path, this.url), {
      method,
      headers,
      redirect: "manual",
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      text,
      get json() {
        try {
          return JSON.parse(text);
        } catch {
          throw new Error(`${method} ${path} answered ${response.status} with a body that is not JSON: ${text.slice(0, 300)}`);
        }
      },
    };
  }

  get(path: string, headers: HeaderMap = {}): Promise<Reply> {
    return this.send("GET", path, { headers });
  }

  post(path: string, json?: unknown, headers: HeaderMap = {}): Promise<Reply> {
    return this.send("POST", path, { json, headers });
  }

  put(path: string, json?: unknown, headers: HeaderMap = {}): Promise<Reply> {
    return this.send("PUT", path, { json, headers });
  }

  patch(path: string, json?: unknown, headers: HeaderMap = {}): Promise<Reply> {
    return this.send("PATCH", path, { json, headers });
  }

  delete(path: string, headers: HeaderMap = {}): Promise<Reply> {
    return this.send("DELETE", path, { headers });
  }

  /** A form as a browser without JavaScript posts it. */
  form(path: string, fields: Record<string, string>, headers: HeaderMap = {}): Promise<Reply> {
    return this.send("POST", path, {
      body: new URLSearchParams(fields).toString(),
      headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
    });
  }
}
