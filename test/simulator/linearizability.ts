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

/** What must hold for a write to take effect. */
export type Requirement =
  | { readonly kind: 'absent' }
  | { readonly kind: 'present' }
  | { readonly kind: 'version'; readonly version: number }
  | { readonly kind: 'value'; readonly value: string };

interface Conditional {
  readonly condition?: Requirement;
}

/** When a value may vanish by itself, and until when an operation may be called that still sees it. */
export interface Lifetime {
  readonly expiresFrom?: number;
  readonly expiresBy?: number;
}

/** A write that a client asked for. A put with a condition is a compare-and-set. */
export type Write =
  | (Conditional & Lifetime & { readonly op: 'put'; readonly value: string })
  | (Conditional & { readonly op: 'delete' })
  | (Conditional & Lifetime & { readonly op: 'expire' })
  | (Conditional & { readonly op: 'increment'; readonly by: number })
  | (Conditional & { readonly op: 'append'; readonly suffix: string });

/** What a client asked for. A version is a number that grows with every write of the key. */
export type Call = { readonly op: 'get' } | Write;

/** What the client was told; a field that is undefined was not told. */
export interface Outcome {
  /** The value seen (get) or standing afterwards (increment); null: absent. */
  readonly value?: string | null;
  /** The length of the value afterwards (append). */
  readonly length?: number;
  /** The version seen or written; null: absent. For a failed write: the version that stood in the way. */
  readonly version?: number | null;
  /** A write: was there anything before? */
  readonly found?: boolean;
  /** The write was judged and had no effect. */
  readonly failed?: 'condition' | 'not-found' | 'not-an-integer';
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
  /** Situations that lead nowhere, each with the number of unknown operations that were allowed for. */
  private readonly refuted = new Map<string, number>();
  private steps = 0;
  private unknown = 0;
  private wasCut = false;

  constructor(
    private readonly operations: readonly Operation[],
    private readonly stepBound: number,
  ) {
    operations.forEach((operation, index) => {
      const { outcome, call } = operation;
      if (outcome === undefined && call.op === 'get') return;
      this.events.push({ at: operation.start, returns: false, index });
      if (outcome === undefined) {
        this.unknown += 1;
        return;
      }
      this.events.push({ at: operation.end, returns: true, index });
      if (call.op !== 'get' && outcome.failed === undefined && typeof outcome.version === 'number') {
        this.owned.add(outcome.version);
      }
    });
    // At equal times calls come first: that is the more permissive reading.
    this.events.sort((a, b) => a.at - b.at || Number(a.returns) - Number(b.returns) || a.index - b.index);
  }

  run(): Verdict {
    // Few of the operations of unknown outcome took effect where it matters: explanations with few come first.
    for (let allowed = 0; allowed <= this.unknown; allowed += 1) {
      this.wasCut = false;
      if (this.advance(0, [], [], EMPTY, allowed)) return 'linearizable';
      if (this.steps > this.stepBound) return 'undecided';
      if (!this.wasCut) return 'violation';
    }
    return 'violation';
  }

  /**
   * `open` lists operations called and not yet in effect; `early` those in effect that have not returned.
   * True when the events from `position` on can be explained, with `allowed` more unknown operations at most.
   */
  private advance(
    position: number,
    open: readonly number[],
    early: readonly number[],
    state: State,
    allowed: number,
  ): boolean {
    let waiting = open;
    let ahead = early;
    for (let i = position; i < this.events.length; i += 1) {
      const event = this.events[i] as Event;
      if (!event.returns) waiting = [...waiting, event.index];
      else if (ahead.includes(event.index)) ahead = ahead.filter((index) => index !== event.index);
      else return this.settle(i, event.index, waiting, ahead, state, allowed);
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
    allowed: number,
  ): boolean {
    this.steps += 1;
    if (this.steps > this.stepBound) return false;
    const key = this.refuted.size === 0 && this.steps < 64 ? undefined : memo(position, open, state);
    if (key !== undefined && (this.refuted.get(key) ?? -1) >= allowed) {
      this.wasCut = true;
      return false;
    }
    // Whatever takes effect here does so before this event.
    const latest = (this.events[position] as Event).at;
    for (const next of this.after(state, target, latest)) {
      const rest = open.filter((index) => index !== target);
      if (this.advance(position + 1, rest, early, next, allowed)) return true;
    }
    // Newest first: what was called last is most often what the target saw.
    for (let i = open.length - 1; i >= 0; i -= 1) {
      const candidate = open[i] as number;
      if (candidate === target) continue;
      const isUnknown = this.operations[candidate]?.outcome === undefined;
      if (isUnknown && allowed === 0) {
        this.wasCut = true;
        continue;
      }
      for (const next of this.after(state, candidate, latest)) {
        if (next === state && isUnknown) continue;
        const rest = open.filter((index) => index !== candidate);
        const ahead = isUnknown ? early : [...early, candidate];
        if (this.settle(position, target, rest, ahead, next, isUnknown ? allowed - 1 : allowed)) return true;
      }
    }
    if (this.steps <= this.stepBound) this.refuted.set(key ?? memo(position, open, state), allowed);
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
    if (call.op === 'get') {
      if (outcome?.value !== undefined && outcome.value !== before.value) return undefined;
      return this.seen(before, outcome?.version);
    }
    const { condition } = call;
    const holds = condition === undefined || meets(before, condition);
    if (holds === true) return this.write(before, call, outcome);
    if (holds === 'perhaps') return this.settleVersion(before, call, outcome);
    if (outcome === undefined) return before;
    return outcome.failed === 'condition' ? this.seen(before, outcome.version) : undefined;
  }

  /** A condition on a version meets a value whose version is not known yet: the outcome tells which it is. */
  private settleVersion(before: State, call: Write, outcome: Outcome | undefined): State | undefined {
    const wanted = call.condition?.kind === 'version' ? call.condition.version : undefined;
    if (wanted === undefined) return undefined;
    if (outcome?.failed === 'condition') {
      if (outcome.version === undefined) return { ...before, not: [...before.not, wanted] };
      return outcome.version === wanted ? undefined : this.seen(before, outcome.version);
    }
    const equal = this.seen(before, wanted);
    if (equal === undefined) return outcome === undefined ? before : undefined;
    return this.write(equal, call, outcome);
  }

  /** A write whose condition holds. */
  private write(before: State, call: Write, outcome: Outcome | undefined): State | undefined {
    const absent = before.value === null;
    const effect = effectOf(before, call);
    if ('failed' in effect) {
      if (outcome === undefined) return before;
      return outcome.failed === effect.failed ? this.seen(before, outcome.version) : undefined;
    }
    if (outcome === undefined && absent && effect.value === null) return before;
    if (outcome?.failed !== undefined) return undefined;
    if (outcome?.found !== undefined && outcome.found === absent) return undefined;
    if (outcome?.value !== undefined && outcome.value !== effect.value) return undefined;
    if (outcome?.length !== undefined && outcome.length !== effect.value?.length) return undefined;
    const told = outcome?.version ?? undefined;
    if (told !== undefined && told <= before.floor) return undefined;
    const version = effect.value === null ? null : told;
    return { ...effect, version, not: [], floor: told ?? before.floor };
  }

  /** The state once an answer has shown `version` for it; undefined if that cannot be. */
  private seen(before: State, version: number | null | undefined): State | undefined {
    if (version === undefined || version === before.version) return before;
    if (version === null || before.value === null || before.version !== undefined) return undefined;
    if (version <= before.floor || this.owned.has(version) || before.not.includes(version)) return undefined;
    return { ...before, version, not: [], floor: version };
  }
}

interface Effect {
  readonly value: string | null;
  readonly expiresFrom: number;
  readonly expiresBy: number;
}

/** What a write makes of the value that stands; an increment or append leaves an expiry as it was. */
function effectOf(before: State, call: Write): Effect | { readonly failed: Outcome['failed'] } {
  const { value, expiresFrom, expiresBy } = before;
  switch (call.op) {
    case 'put':
      return { ...lifetime(call), value: call.value };
    case 'delete':
      return { ...lifetime({}), value: null };
    case 'expire':
      return value === null ? { failed: 'not-found' } : { ...lifetime(call), value };
    case 'increment': {
      const number = value === null ? 0 : toInteger(value);
      if (number === undefined) return { failed: 'not-an-integer' };
      return { value: String(number + call.by), expiresFrom, expiresBy };
    }
    case 'append':
      return { value: (value ?? '') + call.suffix, expiresFrom, expiresBy };
  }
}

function lifetime({ expiresFrom, expiresBy }: Lifetime): Required<Lifetime> {
  return {
    expiresFrom: expiresFrom ?? Number.POSITIVE_INFINITY,
    expiresBy: expiresBy ?? Number.POSITIVE_INFINITY,
  };
}

function meets(before: State, condition: Requirement): boolean | 'perhaps' {
  switch (condition.kind) {
    case 'absent':
      return before.value === null;
    case 'present':
      return before.value !== null;
    case 'value':
      return before.value === condition.value;
    case 'version':
      if (before.value === null) return false;
      return before.version === undefined ? 'perhaps' : before.version === condition.version;
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
