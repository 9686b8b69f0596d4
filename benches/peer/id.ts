// Prefixed ULIDs.
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

export function newId(prefix: string, nowMs: number): string {
  let time = "";
  for (let rest = nowMs, digit = 0; digit < 10; digit++) {
    time = ALPHABET[rest % 32]! + time;
    rest = Math.floor(rest / 32);
  }
  let random = "";
  for (const byte of crypto.getRandomValues(new Uint8Array(16))) random += ALPHABET[byte & 31]!;
  return `${prefix}_${time}${random}`;
}
