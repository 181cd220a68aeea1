/**
 * The clients of a run: each asks mostly one peer, one request at a time, with pauses between, and writes down what it asked
 * and what came of it.
 *
 * Invariants: every value written is different; a write is sent again only with an Idempotency-Key, and then through another
 * peer; a client whose request is lost goes on with the next one.
 */
import type { Random } from '../simulator/random.js';
import type { Entry, History, Nanos } from './history.js';
import { answerOf, HttpClient, judgeWrite, type Told, versionOf, type WriteVerdict } from './http-client.js';
import type { Keys } from './keys.js';
import { packValue, unpackValue } from './values.js';

/** A peer as clients know it. */
export interface Door {
  readonly name: string;
  readonly url: string;
}

/** The mix of what is asked; the rest are plain puts. */
const GETS = 0.45;
const COMPARE_AND_SETS = 0.15;
const DELETES = 0.08;
/** Writes that carry an Idempotency-Key and are sent again where the outcome is not known. */
const REPEATABLE = 0.3;
const MOST_ATTEMPTS = 5;
const STRICT_READS = 0.1;
const LARGE_VALUES = 0.005;
const LARGEST_BYTES = 64 * 1024;
/** Requests that go to another peer than the client's own. */
const ASTRAY = 0.15;
/** A peer that is down is not asked again at once. */
const AFTER_REFUSAL_MS = 100;

export interface ClientParts {
  readonly doors: () => readonly Door[];
  readonly keys: Keys;
  readonly history: History;
  readonly now: Nanos;
  /** Told of every write once it is over, for the meter of stalls. */
  readonly onWrite: (entry: Entry) => void;
}

interface Attempts {
  readonly told: Told;
  readonly verdict: WriteVerdict;
  readonly peers: readonly string[];
}

export class Client {
  private readonly http = new HttpClient();
  private readonly versions = new Map<string, string | null>();
  private turn = 0;

  constructor(
    private readonly name: string,
    private readonly home: number,
    private readonly random: Random,
    private readonly parts: ClientParts,
  ) {}

  /** Works until told to stop; `meanPauseMs` lies between two requests on average. */
  async run(stopped: () => boolean, meanPauseMs: number): Promise<void> {
    while (!stopped()) {
      const entry = await this.once();
      const tired = entry.outcome === 'failed' ? AFTER_REFUSAL_MS : 0;
      await pause(tired + this.random.next() * 2 * meanPauseMs);
    }
    this.http.close();
  }

  private async once(): Promise<Entry> {
    this.turn += 1;
    const key = this.parts.keys.draw();
    const dice = this.random.next();
    const entry = dice < GETS ? await this.get(key) : await this.write(key, dice - GETS);
    this.parts.history.add(entry);
    if (entry.op !== 'get') this.parts.onWrite(entry);
    return entry;
  }

  private async get(key: string): Promise<Entry> {
    const door = this.door();
    const start = this.parts.now();
    const path = this.random.chance(STRICT_READS) ? `/kv/${key}?consistency=strict` : `/kv/${key}`;
    const told = await this.http.ask(door.url, { method: 'GET', path });
    const entry = readEntry(
      { client: this.name, key, peers: [door.name], start, end: this.parts.now() },
      told,
    );
    if (entry.outcome === 'ok' && entry.version !== undefined) this.remember(key, entry.version);
    return entry;
  }

  private async write(key: string, dice: number): Promise<Entry> {
    const isCas = dice < COMPARE_AND_SETS;
    const isDelete = !isCas && dice < COMPARE_AND_SETS + DELETES;
    const expected = isCas ? (this.versions.get(key) ?? '*') : undefined;
    const value = isDelete ? null : this.value();
    const headers: Record<string, string> = {};
    if (expected === '*') headers['If-None-Match'] = '*';
    else if (expected !== undefined) headers['If-Match'] = `"${expected}"`;
    const start = this.parts.now();
    const { told, verdict, peers } = await this.send(key, value, headers);
    const version = versionOf(told);
    const entry: Entry = {
      client: this.name,
      op: isCas ? 'cas' : isDelete ? 'delete' : 'put',
      key,
      value,
      outcome: outcomeOf(verdict),
      start,
      end: this.parts.now(),
      ...(expected === undefined ? {} : { expected }),
      ...versionsOf(verdict, version, isDelete),
      ...foundOf(told),
      peers,
      answer: answerOf(told),
    };
    if (entry.outcome === 'ok' || verdict === 'mismatch') this.remember(key, version ?? null);
    return entry;
  }

  /** Sends a write, and with an Idempotency-Key again through others until the outcome is known. */
  private async send(
    key: string,
    value: string | null,
    headers: Readonly<Record<string, string>>,
  ): Promise<Attempts> {
    const repeatable = this.random.chance(REPEATABLE);
    const token = repeatable ? { 'Idempotency-Key': `${this.name}-${this.turn}` } : {};
    const body = value === null ? {} : { body: packValue(value) };
    const method = value === null ? 'DELETE' : 'PUT';
    const peers: string[] = [];
    let inDoubt = false;
    for (let attempt = 1; ; attempt += 1) {
      const door = attempt === 1 ? this.door() : this.other(peers.at(-1));
      peers.push(door.name);
      const asked = { method, path: `/kv/${key}`, headers: { ...headers, ...token }, ...body } as const;
      const told = await this.http.ask(door.url, asked);
      const verdict = judgeWrite(told);
      const settled = verdict !== 'unknown' && verdict !== 'not-applied';
      if (settled) return { told, verdict, peers };
      inDoubt ||= verdict === 'unknown';
      if (!repeatable || attempt === MOST_ATTEMPTS) {
        return { told, verdict: inDoubt ? 'unknown' : verdict, peers };
      }
      await pause(AFTER_REFUSAL_MS * attempt);
    }
  }

  private value(): string {
    const name = `${this.name}/${this.turn}`;
    return this.random.chance(LARGE_VALUES) ? `${name}+${this.random.integer(1, LARGEST_BYTES)}` : name;
  }

  private remember(key: string, version: string | null): void {
    this.versions.set(key, version);
  }

  private door(): Door {
    const doors = this.parts.doors();
    const own = doors[this.home % doors.length] as Door;
    return this.random.chance(ASTRAY) ? this.random.pick(doors) : own;
  }

  private other(than: string | undefined): Door {
    const doors = this.parts.doors().filter((door) => door.name !== than);
    return this.random.pick(doors);
  }
}

/** The entry of a read, from what was told. */
export function readEntry(
  base: Pick<Entry, 'client' | 'key' | 'peers' | 'start' | 'end'>,
  told: Told,
): Entry {
  const entry = { ...base, op: 'get', answer: answerOf(told) } as const;
  if (told.type !== 'answer') return { ...entry, value: null, outcome: 'failed' };
  if (told.status === 404) return { ...entry, value: null, outcome: 'ok', version: null };
  if (told.status !== 200) return { ...entry, value: null, outcome: 'failed' };
  const version = versionOf(told);
  const value = unpackValue(told.body);
  return { ...entry, value, outcome: 'ok', ...(version === undefined ? {} : { version }) };
}

function outcomeOf(verdict: WriteVerdict): Entry['outcome'] {
  if (verdict === 'done' || verdict === 'absent') return 'ok';
  if (verdict === 'mismatch') return 'mismatch';
  return verdict === 'not-applied' ? 'failed' : 'unknown';
}

/** A delete tells no version that stands afterwards; a mismatch without one met nothing. */
function versionsOf(
  verdict: WriteVerdict,
  version: string | undefined,
  isDelete: boolean,
): { readonly version?: string | null } {
  if (verdict === 'mismatch') return { version: version ?? null };
  return verdict === 'done' && !isDelete && version !== undefined ? { version } : {};
}

function foundOf(told: Told): { readonly found?: boolean } {
  if (told.type !== 'answer') return {};
  if (told.status === 201 || told.status === 404) return { found: false };
  return told.status === 200 || told.status === 204 ? { found: true } : {};
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
