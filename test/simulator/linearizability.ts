/**
 * Is the history of one key linearizable? A checker in the manner of Wing & Gong with Lowe's memoisation and
 * just-in-time linearization: events are taken in order of time; only when an operation returns must it have
 * taken effect, and only then is an order of the operations that are open at that moment searched for.
 *
 * What it keeps true:
 *  - An operation whose outcome is unknown may take effect at any time after its call, or never.
 *  - Versions grow from one write of a key to the next. A write of unknown outcome has an unknown version, which
 *    the first answer that shows it settles; a version belongs to one write only.
 *  - A value with an expiry may vanish by itself, but not before `expiresFrom`, and it must not be seen by an
 *    operation called after `expiresBy`.
 *  - `undecided` is said when the search exceeds its bound: callers count it as a failure.
 */

/** What a client asked for. A version is a number that grows with every write of the key. */
export type Call =
  | { readonly op: 'get' }
  | { readonly op: 'put'; readonly value: string; readonly expiresFrom?: number; readonly expiresBy?: number }
  | { readonly op: 'delete' }
  | {
      readonly op: 'compareAndSet';
      /** The version that must stand, or null: the key must be absent. */
      readonly expect: number | null;
      readonly value: string;
    }
  | { readonly op: 'increment'; readonly by: number }
  | { readonly op: 'append'; readonly suffix: string };

/** What the client was told; a field that is undefined was not told. */
export interface Outcome {
  /** The value seen (get) or standing afterwards (increment, append); null: absent. */
  readonly value?: string | null;
  /** The version seen or written; null: absent. For a mismatch: the version that stood in the way. */
  readonly version?: number | null;
  /** delete: was there anything? */
  readonly found?: boolean;
  /** A condition, or the type of the value, did not hold: nothing was written. */
  readonly mismatch?: boolean;
}

/** One operation of a history. Without an outcome it is unknown whether, and when, it took effect. */
export interface Operation {
  readonly call: Call;
  readonly start: number;
  readonly end: number;
  readonly outcome?: Outcome;
}

/** The verdict on one key. */
export type Verdict = 'linearizable' | 'violation' | 'undecided';

interface State {
  readonly value: string | null;
  /** undefined: written by an operation that told no version, and not seen yet. */
  readonly version: number | null | undefined;
  /** While the version is undefined: what it was shown not to be. */
  readonly not: readonly number[];
  /** The highest version known to have been written so far. */
  readonly floor: number;
  readonly expiresFrom: number;
  readonly expiresBy: number;
}

const EMPTY: State = {
  value: null,
  version: null,
  not: [],
  floor: -1,
  expiresFrom: Number.POSITIVE_INFINITY,
  expiresBy: Number.POSITIVE_INFINITY,
};

/** Steps that the search may take for one key before it gives up. */
export const STEP_BOUND = 2_000_000;

interface Event {
  readonly at: number;
  readonly returns: boolean;
  readonly index: number;
}

/** Checks one key's whole history, which starts absent. */
export function checkKey(operations: readonly Operation[], stepBound: number = STEP_BOUND): Verdict {
  return new Search(operations, stepBound).run();
}

class Search {
  private readonly events: Event[] = [];
  private readonly owned = new Set<number>();
  private readonly refuted = new Set<string>();
  private steps = 0;

  constructor(
    private readonly operations: readonly Operation[],
    private readonly stepBound: number,
  ) {
    operations.forEach((operation, index) => {
      const { outcome, call } = operation;
      if (outcome === undefined && call.op === 'get') return;
      this.events.push({ at: operation.start, returns: false, index });
      if (outcome === undefined) return;
      this.events.push({ at: operation.end, returns: true, index });
      if (call.op !== 'get' && !outcome.mismatch && typeof outcome.version === 'number') {
        this.owned.add(outcome.version);
      }
    });
    // At equal times calls come first: that is the more permissive reading.
    this.events.sort((a, b) => a.at - b.at || Number(a.returns) - Number(b.returns) || a.index - b.index);
  }

  run(): Verdict {
    const found = this.advance(0, [], [], EMPTY);
    if (found) return 'linearizable';
    return this.steps > this.stepBound ? 'undecided' : 'violation';
  }

  /**
   * `open` lists operations called and not yet in effect; `early` those in effect that have not returned.
   * True when the events from `position` on can be explained.
   */
  private advance(
    position: number,
    open: readonly number[],
    early: readonly number[],
    state: State,
  ): boolean {
    let waiting = open;
    let ahead = early;
    for (let i = position; i < this.events.length; i += 1) {
      const event = this.events[i] as Event;
      if (!event.returns) waiting = [...waiting, event.index];
      else if (ahead.includes(event.index)) ahead = ahead.filter((index) => index !== event.index);
      else return this.settle(i, event.index, waiting, ahead, state);
    }
    return true;
  }

  /** Finds an order of open operations that ends with `target`, after which the rest can be explained too. */
  private settle(
    position: number,
    target: number,
    open: readonly number[],
    early: readonly number[],
    state: State,
  ): boolean {
    this.steps += 1;
    if (this.steps > this.stepBound) return false;
    const key = this.refuted.size === 0 && this.steps < 64 ? undefined : memo(position, open, state);
    if (key !== undefined && this.refuted.has(key)) return false;
    // Whatever takes effect here does so before this event.
    const latest = (this.events[position] as Event).at;
    for (const next of this.after(state, target, latest)) {
      const rest = open.filter((index) => index !== target);
      if (this.advance(position + 1, rest, early, next)) return true;
    }
    // Newest first: what was called last is most often what the target saw.
    for (let i = open.length - 1; i >= 0; i -= 1) {
      const candidate = open[i] as number;
      if (candidate === target) continue;
      for (const next of this.after(state, candidate, latest)) {
        if (next === state && this.operations[candidate]?.outcome === undefined) continue;
        const rest = open.filter((index) => index !== candidate);
        const ahead = this.operations[candidate]?.outcome === undefined ? early : [...early, candidate];
        if (this.settle(position, target, rest, ahead, next)) return true;
      }
    }
    if (this.steps <= this.stepBound) this.refuted.add(key ?? memo(position, open, state));
    return false;
  }

  /** The states that operation `index` may leave when it takes effect in `state`: none if it cannot. */
  private after(state: State, index: number, latest: number): readonly State[] {
    const operation = this.operations[index] as Operation;
    const states: State[] = [];
    if (operation.start <= state.expiresBy) this.pushAfter(states, state, operation);
    if (latest >= state.expiresFrom) {
      this.pushAfter(states, { ...EMPTY, floor: state.floor }, operation);
    }
    return states;
  }

  private pushAfter(states: State[], state: State, operation: Operation): void {
    const next = this.apply(state, operation.call, operation.outcome);
    if (next !== undefined) states.push(next);
  }

  private apply(before: State, call: Call, outcome: Outcome | undefined): State | undefined {
    switch (call.op) {
      case 'get':
        if (outcome?.value !== undefined && outcome.value !== before.value) return undefined;
        return this.seen(before, outcome?.version);
      case 'put':
        return this.written(before, call.value, outcome, call.expiresFrom, call.expiresBy);
      case 'delete': {
        if (outcome?.found !== undefined && outcome.found !== (before.value !== null)) return undefined;
        if (outcome === undefined && before.value === null) return before;
        return this.written(before, null, outcome);
      }
      case 'compareAndSet':
        return this.compareAndSet(before, call.expect, call.value, outcome);
      case 'increment': {
        const number = before.value === null ? 0 : toInteger(before.value);
        if (outcome?.mismatch) return number === undefined ? this.seen(before, outcome.version) : undefined;
        if (number === undefined) return outcome === undefined ? before : undefined;
        return this.evaluated(before, String(number + call.by), outcome);
      }
      case 'append':
        if (outcome?.mismatch) return undefined;
        return this.evaluated(before, (before.value ?? '') + call.suffix, outcome);
    }
  }

  private compareAndSet(
    before: State,
    expect: number | null,
    value: string,
    outcome: Outcome | undefined,
  ): State | undefined {
    const absent = before.value === null;
    if (outcome?.mismatch) {
      if (expect === null) return absent ? undefined : this.seen(before, outcome.version);
      if (!absent && before.version === expect) return undefined;
      if (outcome.version === expect) return undefined;
      if (!absent && before.version === undefined && outcome.version === undefined) {
        return { ...before, not: [...before.not, expect] };
      }
      return this.seen(before, outcome.version);
    }
    if (expect === null) {
      if (!absent) return outcome === undefined ? before : undefined;
      return this.written(before, value, outcome);
    }
    const seen = absent ? undefined : this.seen(before, expect);
    if (seen === undefined) return outcome === undefined ? before : undefined;
    return this.written(seen, value, outcome);
  }

  /** An increment or append: the value follows from what stood, and an expiry stays as it was. */
  private evaluated(before: State, value: string, outcome: Outcome | undefined): State | undefined {
    if (outcome?.value !== undefined && outcome.value !== value) return undefined;
    return this.written(before, value, outcome, before.expiresFrom, before.expiresBy);
  }

  private written(
    before: State,
    value: string | null,
    outcome: Outcome | undefined,
    expiresFrom: number = Number.POSITIVE_INFINITY,
    expiresBy: number = Number.POSITIVE_INFINITY,
  ): State | undefined {
    if (outcome?.mismatch) return undefined;
    const told = outcome?.version;
    if (typeof told === 'number' && told <= before.floor) return undefined;
    const version = value === null ? null : (told ?? undefined);
    return { value, version, not: [], floor: told ?? before.floor, expiresFrom, expiresBy };
  }

  /** The state once an answer has shown `version` for it; undefined if that cannot be. */
  private seen(before: State, version: number | null | undefined): State | undefined {
    if (version === undefined || version === before.version) return before;
    if (version === null || before.value === null || before.version !== undefined) return undefined;
    if (version <= before.floor || this.owned.has(version) || before.not.includes(version)) return undefined;
    return { ...before, version, not: [], floor: version };
  }
}

/** The integer that a stored text stands for, as the store reads it; undefined: none. */
export function toInteger(text: string): number | undefined {
  if (!/^-?\d{1,15}$/.test(text)) return undefined;
  return Number(text);
}

function memo(position: number, open: readonly number[], state: State): string {
  // `early` follows from the position and the open set; the order in which operations were called is fixed.
  const order = [...open].sort((a, b) => a - b).join();
  return `${position}|${order}|${state.version}|${state.not}|${state.floor}|${state.expiresFrom}|${state.expiresBy}|${state.value}`;
}
