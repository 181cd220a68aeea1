/**
 * The slow twin of the checker, for tests: tries every order of the operations, every moment for an expiry and
 * every version that an unknown write may have had. Written apart from the checker, so that they do not share bugs.
 */
import type { Lifetime, Operation, Outcome, Requirement } from './linearizability.js';
import { toInteger } from './linearizability.js';

interface Register {
  value: string | null;
  version: number;
  expiresFrom: number;
  expiresBy: number;
}

/** True iff some order explains the history. Exponential: a handful of operations at most. */
export function explainable(history: readonly Operation[]): boolean {
  const mentioned = new Set<number>();
  const owned = new Set<number>();
  for (const { call, outcome } of history) {
    if (typeof outcome?.version === 'number') {
      mentioned.add(outcome.version);
      if (call.op !== 'get' && outcome.failed === undefined) owned.add(outcome.version);
    }
    if (call.op !== 'get' && call.condition?.kind === 'version') mentioned.add(call.condition.version);
  }
  const guesses = [...mentioned].filter((version) => !owned.has(version));

  const explore = (todo: readonly Operation[], now: number, last: number, register: Register): boolean => {
    if (todo.every((operation) => operation.outcome === undefined)) return true;
    if (register.value !== null && register.expiresFrom < Number.POSITIVE_INFINITY) {
      const gone = { value: null, version: 0, expiresFrom: Infinity, expiresBy: Infinity };
      if (explore(todo, Math.max(now, register.expiresFrom), last, gone)) return true;
    }
    return todo.some((operation) => {
      const at = Math.max(now, operation.start);
      if (operation.outcome !== undefined && at > operation.end) return false;
      if (register.value !== null && operation.start > register.expiresBy) return false;
      const rest = todo.filter((other) => other !== operation);
      const effect = effectOf(operation, register);
      if (effect === undefined) return false;
      if (effect === 'none') return explore(rest, at, last, register);
      const told = operation.outcome?.version;
      const versions = typeof told === 'number' ? [told] : [...guesses, last + 1e-6];
      return versions.some((version) => version > last && explore(rest, at, version, { ...effect, version }));
    });
  };
  return explore(history, Number.NEGATIVE_INFINITY, -1, {
    value: null,
    version: 0,
    expiresFrom: Infinity,
    expiresBy: Infinity,
  });
}

/** What the operation does to the register: undefined if its outcome contradicts it, 'none' if it changes nothing. */
function effectOf({ call, outcome }: Operation, register: Register): Register | 'none' | undefined {
  const absent = register.value === null;
  const showsRight =
    outcome?.version === undefined || outcome.version === (absent ? null : register.version)
      ? 'none'
      : undefined;
  const write = (value: string | null, keepExpiry = false): Register => ({
    value,
    version: 0,
    expiresFrom: keepExpiry ? register.expiresFrom : Number.POSITIVE_INFINITY,
    expiresBy: keepExpiry ? register.expiresBy : Number.POSITIVE_INFINITY,
  });
  if (call.op === 'get') {
    return outcome?.value === undefined || outcome.value === register.value ? showsRight : undefined;
  }
  let failure: Outcome['failed'];
  const number = absent ? 0 : toInteger(register.value as string);
  if (call.condition !== undefined && !holds(register, call.condition)) failure = 'condition';
  else if (call.op === 'expire' && absent) failure = 'not-found';
  else if (call.op === 'increment' && number === undefined) failure = 'not-an-integer';
  if (failure !== undefined) {
    if (outcome === undefined) return 'none';
    return outcome.failed === failure ? showsRight : undefined;
  }
  if (outcome?.failed !== undefined) return undefined;
  if (outcome?.found !== undefined && outcome.found === absent) return undefined;
  const after = written();
  if (outcome?.value !== undefined && outcome.value !== after.value) return undefined;
  if (outcome?.length !== undefined && outcome.length !== after.value?.length) return undefined;
  return after;

  function written(): Register {
    switch (call.op) {
      case 'put':
        return { ...write(call.value), ...times(call) };
      case 'expire':
        return { ...write(register.value), ...times(call) };
      case 'increment':
        return write(String((number ?? 0) + call.by), true);
      case 'append':
        return write((register.value ?? '') + call.suffix, true);
      default:
        return write(null);
    }
  }
}

function times({ expiresFrom = Infinity, expiresBy = Infinity }: Lifetime): Required<Lifetime> {
  return { expiresFrom, expiresBy };
}

function holds(register: Register, condition: Requirement): boolean {
  if (condition.kind === 'absent') return register.value === null;
  if (register.value === null) return false;
  if (condition.kind === 'present') return true;
  if (condition.kind === 'value') return register.value === condition.value;
  return register.version === condition.version;
}
