// The bare upload: a body of known length streamed into the bucket, nothing looked at.
interface Env {
  FILES: R2Bucket;
}

export default {
  async fetch(request, env) {
    const length = Number(request.headers.get("Content-Length"));
    const { readable, writable } = new FixedLengthStream(length);
    const [, stored] = await Promise.all([request.body!.pipeTo(writable), env.FILES.put(`bare/${crypto.randomUUID()}`, readable)]);
    return new Response(stored?.etag);
  },
} satisfies ExportedHandler<Env>;
