/**
 * What the clients ask, and the record of what they were told. Several keys a partition; a key is retired after a few
 * dozen operations and another takes its place, so that every key's whole history can be checked.
 */
import { partitionOfKey } from '../../common/slots.js';
import { type Call, checkKey, type Operation, type Outcome, type Requirement } from './linearizability.js';
import { WALL_SKEW_MS } from './process.js';
import type { Random } from './random.js';
import { freePart, freshGroup, type Group, type Part, partsOf, writeOf } from './transactions.js';

/** Times to live count by the wall clock of a primary; two of them may differ by twice the skew. */
const EXPIRY_SLACK_MS = 2 * WALL_SKEW_MS + 20;

/** A key in use. */
interface LiveKey {
  readonly key: string;
  readonly counter: boolean;
  left: number;
}

/** One operation as it is asked, and, once over, what came of it. */
export interface Asked {
  readonly key: string;
  readonly partition: number;
  readonly call: Call;
  readonly strict: boolean;
  readonly ttlMs: number | undefined;
  readonly start: number;
  /** `key` names a group, of which these are the keys. */
  readonly group?: readonly string[];
  /** The one of them that is read. */
  readonly stored?: string;
  /** A transaction: what it does to each of its keys. Of a group it is one operation, else one of each key. */
  readonly parts?: readonly Part[];
}

/** What the history of a key, or of a group, is. */
export interface KeyHistory {
  readonly partition: number;
  readonly group: readonly string[] | undefined;
  readonly operations: Operation[];
}

/** All operations of a run by key. */
export class History {
  operations = 0;
  unknown = 0;
  refused = 0;
  transactions = 0;
  readonly keys = new Map<string, KeyHistory>();

  /** An answer: `told` is the outcome, 'unknown' or 'not-applied'. */
  record(asked: Asked, end: number, told: Outcome | 'unknown' | 'not-applied'): void {
    this.operations += 1;
    if (told === 'not-applied') {
      this.refused += 1;
      return;
    }
    if (told === 'unknown') this.unknown += 1;
    if (asked.parts !== undefined) this.transactions += 1;
    if (asked.parts === undefined || asked.group !== undefined) {
      this.note(asked, end, told);
      return;
    }
    // Which of its conditions failed is not told; what was there before, only of all keys together.
    if (told !== 'unknown' && told.failed !== undefined) return;
    const { found: _, ...outcome } = told === 'unknown' ? {} : told;
    for (const part of asked.parts)
      this.note({ ...asked, ...part }, end, told === 'unknown' ? told : outcome);
  }

  private note(asked: Asked, end: number, told: Outcome | 'unknown'): void {
    const call = withLifetime(asked, told === 'unknown' ? undefined : end);
    if (told === 'unknown') {
      this.of(asked).push({ call, start: asked.start, end });
    } else {
      this.of(asked).push({ call, start: asked.start, end, outcome: told });
    }
  }

  /** Keys whose history is not linearizable, and those that could not be decided. */
  judge(): { readonly violations: string[]; readonly undecided: string[] } {
    const violations: string[] = [];
    const undecided: string[] = [];
    for (const [key, { operations }] of this.keys) {
      const verdict = checkKey(operations);
      if (verdict === 'violation') violations.push(key);
      else if (verdict === 'undecided') undecided.push(key);
    }
    return { violations, undecided };
  }

  /** Prints the history of a key. */
  print(key: string): void {
    for (const operation of this.keys.get(key)?.operations ?? []) {
      process.stdout.write(`${key} ${JSON.stringify(operation)}\n`);
    }
  }

  private of({ key, partition, group }: Asked): Operation[] {
    let known = this.keys.get(key);
    if (known === undefined) {
      known = { partition, group, operations: [] };
      this.keys.set(key, known);
    }
    return known.operations;
  }
}

function withLifetime({ call, ttlMs, start }: Asked, end: number | undefined): Call {
  if (ttlMs === undefined || (call.op !== 'put' && call.op !== 'expire')) return call;
  return {
    ...call,
    expiresFrom: start + ttlMs - EXPIRY_SLACK_MS,
    ...(end === undefined ? {} : { expiresBy: end + ttlMs + EXPIRY_SLACK_MS }),
  };
}

/** How the operations of a seed are mixed. */
export interface Mix {
  /** Operations on a key before it is retired. */
  readonly keyLife: number;
  /** Live keys a partition. */
  readonly liveKeys: number;
  /** Share of reads that ask for `strict`. */
  readonly strictReads: number;
  /** Share of writes with a time to live. */
  readonly expiring: number;
  /** Share of reads. */
  readonly reads: number;
  readonly clients: number;
  /** Share of writes with an Idempotency-Key. */
  readonly keyed: number;
  /** Share of operations that are about groups of keys, or write several keys as one. */
  readonly together: number;
  /** A client pauses up to this long between two operations. */
  readonly thinkMs: number;
}

/** Draws a mix; `together` is that of the seed. */
export function drawMix(random: Random, strictOnly: boolean, together: number): Mix {
  return {
    together,
    keyLife: random.integer(20, 60),
    liveKeys: random.integer(1, 3),
    strictReads: strictOnly ? 1 : random.pick([0, 0, 0.1, 0.5]),
    expiring: random.pick([0, 0.05, 0.15]),
    reads: random.pick([0.35, 0.5, 0.65]),
    clients: random.integer(4, 8),
    keyed: random.pick([0, 0.2, 0.6]),
    thinkMs: random.integer(200, 420),
  };
}

/** Thinks up operations. */
export class Workload {
  private readonly live: LiveKey[][];
  private readonly groups: Group[];
  private readonly tags: string[];
  private made = 0;
  private values = 0;

  constructor(
    private readonly random: Random,
    readonly mix: Mix,
    partitions: number,
  ) {
    this.tags = Array.from({ length: partitions }, (_, partition) => tagIn(partition, partitions));
    this.live = this.tags.map((_, partition) =>
      Array.from({ length: mix.liveKeys }, () => this.freshKey(partition)),
    );
    this.groups = mix.together === 0 ? [] : this.tags.map((_, partition) => this.freshGroup(partition));
  }

  /** The next operation of a client that knows these versions of keys. */
  next(nowMs: number, seen: ReadonlyMap<string, Known>): Asked {
    const { random, mix } = this;
    const partition = random.integer(0, this.tags.length - 1);
    if (random.chance(mix.together)) {
      return random.chance(0.75)
        ? this.ofGroup(nowMs, partition, seen)
        : this.ofSeveral(nowMs, partition, seen);
    }
    const slots = this.live[partition] as LiveKey[];
    const chosen = this.use(partition, random.integer(0, slots.length - 1));
    const { key } = chosen;
    const asked = { key, partition, start: nowMs };
    if (random.chance(mix.reads)) {
      return { ...asked, call: { op: 'get' }, strict: random.chance(mix.strictReads), ttlMs: undefined };
    }
    const call = this.write(chosen, seen.get(key));
    const ttlMs =
      (call.op === 'put' || call.op === 'expire') && random.chance(call.op === 'expire' ? 0.8 : mix.expiring)
        ? random.integer(900, 6000)
        : undefined;
    return { ...asked, call, strict: false, ttlMs };
  }

  /** A live key of a partition. */
  keyOf(partition: number): { readonly key: string } {
    return this.live[partition]?.[0] as LiveKey;
  }

  /** A read of any key of a group, or a write of all of them. */
  private ofGroup(nowMs: number, partition: number, seen: ReadonlyMap<string, Known>): Asked {
    const { random, mix } = this;
    const group = this.groups[partition] as Group;
    group.left -= 1;
    if (group.left <= 0) this.groups[partition] = this.freshGroup(partition);
    const asked = { key: group.name, partition, start: nowMs, ttlMs: undefined, group: group.keys };
    if (random.chance(mix.reads)) {
      const strict = random.chance(mix.strictReads);
      return { ...asked, call: { op: 'get' }, strict, stored: random.pick(group.keys) };
    }
    const call = writeOf(random, this.freshValue(false), seen.get(group.name));
    return { ...asked, call, strict: false, parts: partsOf(random, group, call) };
  }

  /** A transaction over one or several keys that are written by themselves as well. */
  private ofSeveral(nowMs: number, partition: number, seen: ReadonlyMap<string, Known>): Asked {
    const { random, mix } = this;
    const slots = this.live[partition] as LiveKey[];
    const parts = Array.from({ length: slots.length }, (_, slot) => this.use(partition, slot)).map(
      ({ key, counter }) => freePart(random, key, this.freshValue(counter), seen.get(key), mix.expiring),
    );
    const [{ key, call, ttlMs }] = parts as [Part];
    return { key, partition, call, strict: false, ttlMs, start: nowMs, parts };
  }

  /** The key in a slot, which another one takes over once it was used enough. */
  private use(partition: number, slot: number): LiveKey {
    const slots = this.live[partition] as LiveKey[];
    const chosen = slots[slot] as LiveKey;
    chosen.left -= 1;
    if (chosen.left <= 0) slots[slot] = this.freshKey(partition);
    return chosen;
  }

  private write({ counter }: LiveKey, seen: Known | undefined): Call {
    const { random } = this;
    const dice = random.next();
    const value = this.freshValue(counter);
    if (dice < 0.3) return { op: 'put', value };
    if (dice < 0.55) return { op: 'put', value, condition: this.condition(seen) };
    if (dice < 0.65) return { op: 'delete' };
    if (dice < 0.68) return { op: 'delete', condition: this.condition(seen) };
    if (dice < 0.72) return { op: 'expire' };
    if (dice < (counter ? 0.97 : 0.74)) return { op: 'increment', by: random.integer(1, 9) };
    return { op: 'append', suffix: counter ? '1' : `~${this.values}` };
  }

  private condition(seen: Known | undefined): Requirement {
    const { random } = this;
    if (seen === undefined || random.chance(0.1)) {
      return random.chance(0.7) ? { kind: 'absent' } : { kind: 'present' };
    }
    if (seen.version === null) return { kind: 'absent' };
    if (seen.value !== undefined && random.chance(0.2)) return { kind: 'value', value: seen.value };
    return { kind: 'version', version: seen.version };
  }

  private freshKey(partition: number): LiveKey {
    this.made += 1;
    const key = `${this.tags[partition]}${this.made}`;
    return { key, counter: this.made % 3 === 0, left: this.random.integer(1, this.mix.keyLife) + 10 };
  }

  private freshGroup(partition: number): Group {
    this.made += 1;
    return freshGroup(this.random, this.tags[partition] as string, this.made, this.mix.keyLife);
  }

  private freshValue(counter: boolean): string {
    this.values += 1;
    return counter ? String(this.values * 1000) : `v${this.values}`;
  }
}

/** What a client last saw of a key. */
export interface Known {
  readonly version: number | null;
  readonly value: string | undefined;
}

/** A hash tag that puts its keys into this partition. */
function tagIn(partition: number, partitions: number): string {
  for (let i = 0; ; i += 1) {
    const tag = `{${i}}`;
    if (partitionOfKey(tag, partitions) === partition) return tag;
  }
}
