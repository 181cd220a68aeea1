/**
 * What a partition remembers so that a request runs at most once (section 7; RIFL, SOSP 2015).
 *
 * Kept true (D3): all of it is a function of the log, as of the position last applied. So every replica has the
 * same, it travels in snapshots, and nothing here asks a clock: Idempotency-Keys age by the time stamps of
 * entries. The limits below decide what is remembered, so they must be the same at every replica; they are
 * constants, not settings.
 */

import type { Incarnation, PeerId, StoreId } from '../../common/configuration.js';
import type { Result } from './commands.js';
import type { Entry } from './entry.js';
import type { SessionFloor, SessionsImage, TokenImage } from './messages.js';

/** D6: the answer to an Idempotency-Key is kept this long, in log time; then a repeat is refused. */
export const TOKEN_ANSWER_MS = 10 * 60_000;

/** And that it came at all is kept this long, in log time. */
export const TOKEN_MARK_MS = 24 * 3_600_000;

/**
 * Answers kept in a partition; beyond it the oldest is forgotten early (a repeat is then refused, not run). An answer or
 * a mark takes about 550 bytes of memory, as the machine and the engine each have it: a peer that holds all 256 partitions
 * needs at most 0.9 GB for them. Many more would end all replicas of a busy cluster at once, for want of memory.
 */
export const MAX_TOKEN_ANSWERS = 2_048;

/** Marks kept in a partition; beyond it the oldest is forgotten. */
export const MAX_TOKEN_MARKS = 4_096;

/** A gateway's session: one process of one peer (D1). */
export interface SessionName {
  readonly peer: PeerId;
  readonly storeId: StoreId;
  readonly inc: Incarnation;
}

/** The session's name as it stands in requests. Store ids contain no slash; peer ids may. */
export function sessionId(peer: PeerId, storeId: StoreId, inc: Incarnation): string {
  return `${peer}/${storeId}/${inc}`;
}

/** The reverse of `sessionId`; undefined for a text that is not one. */
export function parseSession(session: string): SessionName | undefined {
  if (session !== lastParsed.session) {
    lastParsed.name = parse(session);
    lastParsed.session = session;
  }
  return lastParsed.name;
}

/** Writes in a row often come from the same gateway. */
const lastParsed: { session: string; name: SessionName | undefined } = { session: '', name: undefined };

function parse(session: string): SessionName | undefined {
  const last = session.lastIndexOf('/');
  const middle = session.lastIndexOf('/', last - 1);
  const inc = Number(session.slice(last + 1));
  if (middle <= 0 || !Number.isSafeInteger(inc)) return undefined;
  return { peer: session.slice(0, middle), storeId: session.slice(middle + 1, last), inc };
}

/** A result with its request and the position that it came from. */
export interface Remembered {
  readonly n: number;
  readonly seq: number;
  readonly result: Result;
}

function floorKey({ peer, storeId }: { readonly peer: PeerId; readonly storeId: StoreId }): string {
  return `${peer}/${storeId}`;
}

interface Session {
  fi: number;
  /** In the order of their requests; a few. */
  results: Remembered[];
}

/** A client's Idempotency-Key as remembered; `result` is null once the answer was forgotten. */
export interface Token {
  readonly fingerprint: number;
  readonly seq: number;
  readonly ts: number;
  readonly result: Result | null;
}

export class Sessions {
  private readonly sessions = new Map<string, Session>();
  /** By peer and store. */
  private readonly floors = new Map<string, SessionFloor>();
  /** Both oldest first. */
  private readonly answers = new Map<string, Token>();
  private readonly marks = new Map<string, Token>();

  /** What `image` remembers; nothing if there is none. */
  constructor(image?: SessionsImage) {
    if (image === undefined) return;
    for (const { session, fi, results } of image.sessions) {
      this.sessions.set(session, { fi, results: [...results].sort((a, b) => a.n - b.n) });
    }
    for (const floor of image.floors) this.floors.set(floorKey(floor), floor);
    for (const { token, ...kept } of image.tokens) {
      (kept.result === null ? this.marks : this.answers).set(token, kept);
    }
  }

  /** Takes in the next entry of the log. */
  apply(entry: Entry): void {
    const { request, idempotency, effect } = entry;
    if (request !== undefined) this.remember(request.session, request.n, request.fi, entry);
    if (idempotency !== undefined) {
      const { token, fingerprint } = idempotency;
      this.marks.delete(token);
      this.answers.set(token, { fingerprint, seq: entry.seq, ts: entry.ts, result: entry.result });
    }
    if (effect.kind === 'retire') this.retire(effect);
    if (this.answers.size > 0 || this.marks.size > 0) this.age(entry.ts);
  }

  /** The remembered result of request `n` of a session. */
  result(session: string, n: number): Remembered | undefined {
    return this.sessions.get(session)?.results.find((known) => known.n === n);
  }

  /** No request of the session above this one is in the log so far; 0 for an unknown session. */
  newest(session: string): number {
    const known = this.sessions.get(session);
    if (known === undefined) return 0;
    return known.results[known.results.length - 1]?.n ?? known.fi - 1;
  }

  /** The smallest request that the session had not finished, as far as the log tells; 0 for an unknown session. */
  firstOpen(session: string): number {
    return this.sessions.get(session)?.fi ?? 0;
  }

  /** Whether a logged floor forbids the session's process to run anything here, for ever (D4). */
  isRetired(name: SessionName): boolean {
    if (this.floors.size === 0) return false;
    const floor = this.floors.get(floorKey(name));
    return floor !== undefined && name.inc < floor.inc;
  }

  /** What is remembered of a client's Idempotency-Key. */
  token(token: string): Token | undefined {
    return this.answers.get(token) ?? this.marks.get(token);
  }

  /** The names of all sessions. */
  names(): Iterable<string> {
    return this.sessions.keys();
  }

  /** A copy of everything, for a snapshot. */
  image(): SessionsImage {
    const sessions = [...this.sessions].map(([session, { fi, results }]) => ({
      session,
      fi,
      results: [...results],
    }));
    const tokens: TokenImage[] = [];
    for (const kept of [this.marks, this.answers]) {
      for (const [token, value] of kept) tokens.push({ token, ...value });
    }
    return { sessions, floors: [...this.floors.values()], tokens };
  }

  private remember(name: string, n: number, fi: number, entry: Entry): void {
    let session = this.sessions.get(name);
    if (session === undefined) {
      session = { fi: 0, results: [] };
      this.sessions.set(name, session);
    }
    if (fi > session.fi) {
      session.fi = fi;
      session.results = session.results.filter((known) => known.n >= fi);
    }
    if (n < session.fi) return;
    const { results } = session;
    const known = { n, seq: entry.seq, result: entry.result };
    let at = results.length;
    while (at > 0 && (results[at - 1] as Remembered).n >= n) at--;
    if (results.length === 0) session.results = [known];
    else if (at === results.length) results.push(known);
    else results.splice(at, results[at]?.n === n ? 1 : 0, known);
  }

  /** A session is forgotten only under a floor of its own store: what is forgotten must never run again. */
  private retire(floor: SessionFloor): void {
    const known = this.floors.get(floorKey(floor));
    if (known !== undefined && known.inc >= floor.inc) return;
    this.floors.set(floorKey(floor), { peer: floor.peer, storeId: floor.storeId, inc: floor.inc });
    for (const session of this.sessions.keys()) {
      const name = parseSession(session);
      if (name?.peer === floor.peer && this.isRetired(name)) this.sessions.delete(session);
    }
  }

  private age(now: number): void {
    for (const [token, kept] of this.answers) {
      if (now - kept.ts <= TOKEN_ANSWER_MS && this.answers.size <= MAX_TOKEN_ANSWERS) break;
      this.answers.delete(token);
      this.marks.set(token, { ...kept, result: null });
    }
    for (const [token, kept] of this.marks) {
      if (now - kept.ts <= TOKEN_MARK_MS && this.marks.size <= MAX_TOKEN_MARKS) break;
      this.marks.delete(token);
    }
  }
}
