/**
 * The slow twin of the checker, for tests: tries every order of the operations, every moment for an expiry and
 * every version that an unknown write may have had. Written apart from the checker, so that they do not share bugs.
 */
import type { Operation } from './linearizability.js';
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
      if (call.op !== 'get' && !outcome.mismatch) owned.add(outcome.version);
    }
    if (call.op === 'compareAndSet' && call.expect !== null) mentioned.add(call.expect);
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
  switch (call.op) {
    case 'get':
      return outcome?.value === undefined || outcome.value === register.value ? showsRight : undefined;
    case 'put':
      return {
        ...write(call.value),
        expiresFrom: call.expiresFrom ?? Number.POSITIVE_INFINITY,
        expiresBy: call.expiresBy ?? Number.POSITIVE_INFINITY,
      };
    case 'delete':
      return outcome?.found === undefined || outcome.found === !absent ? write(null) : undefined;
    case 'compareAndSet': {
      const holds = call.expect === null ? absent : !absent && register.version === call.expect;
      if (outcome === undefined) return holds ? write(call.value) : 'none';
      if (outcome.mismatch) return holds ? undefined : showsRight;
      return holds ? write(call.value) : undefined;
    }
    case 'increment': {
      const number = absent ? 0 : toInteger(register.value as string);
      if (number === undefined)
        return outcome === undefined ? 'none' : outcome.mismatch ? showsRight : undefined;
      if (outcome?.mismatch) return undefined;
      const value = String(number + call.by);
      return outcome?.value === undefined || outcome.value === value ? write(value, true) : undefined;
    }
    case 'append': {
      if (outcome?.mismatch) return undefined;
      const value = (register.value ?? '') + call.suffix;
      return outcome?.value === undefined || outcome.value === value ? write(value, true) : undefined;
    }
  }
}
