/**
 * Finds a command by the bytes of its name, in letters of any size, without making a text of them.
 *
 * Source: the hash is FNV-1a, G. Fowler, L. C. Noll and K.-P. Vo. The names are ours, so nobody can choose ones that meet.
 */

const FNV_BASIS = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
const BUCKETS = 1024;
const CAPITAL_A = 0x41;
const CAPITAL_Z = 0x5a;
const TO_SMALL = 0x20;

export class CommandNames<Spec extends { readonly name: string }> {
  readonly #buckets: (Spec[] | undefined)[] = new Array(BUCKETS).fill(undefined);
  #longest = 0;

  /** The names of the commands are in small letters of ASCII. */
  constructor(commands: Iterable<Spec>) {
    for (const spec of commands) {
      const name = Buffer.from(spec.name);
      const bucket = bucketOf(name, 0, name.length);
      const others = this.#buckets[bucket] ?? [];
      this.#buckets[bucket] = [...others, spec];
      this.#longest = Math.max(this.#longest, name.length);
    }
  }

  /** The command that the bytes from `start` up to `end` name. */
  find(bytes: Uint8Array, start: number, end: number): Spec | undefined {
    if (end - start > this.#longest) return undefined;
    const bucket = this.#buckets[bucketOf(bytes, start, end)];
    if (bucket === undefined) return undefined;
    for (const spec of bucket) if (isNamed(spec.name, bytes, start, end)) return spec;
    return undefined;
  }
}

function bucketOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = FNV_BASIS;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ small(bytes[at] as number), FNV_PRIME);
  return (hash ^ (hash >>> 16)) & (BUCKETS - 1);
}

function isNamed(name: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let at = start; at < end; at++) {
    if (small(bytes[at] as number) !== name.charCodeAt(at - start)) return false;
  }
  return true;
}

/** As a small letter. */
function small(byte: number): number {
  return byte >= CAPITAL_A && byte <= CAPITAL_Z ? byte | TO_SMALL : byte;
}
