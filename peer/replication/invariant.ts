/**
 * Broken invariants: what cannot be, if the protocol and this code are right.
 *
 * Kept true: nobody catches this error but the process's last funnel, which logs it and ends the process. A
 * replica that goes on after it would spread what is wrong.
 */

/** The state of this replica, or a message of another, contradicts the protocol. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';

  constructor(
    readonly expected: string,
    readonly seen: string,
  ) {
    super(`broken invariant: expected ${expected}; saw ${seen}`);
  }
}

/** Throws: `expected` says what must hold, `seen` what was there instead. */
export function broken(expected: string, seen: string): never {
  throw new InvariantError(expected, seen);
}

/** The value, which by the protocol is there. `what` names it in the error. */
export function present<T>(value: T | undefined, what: string): T {
  return value === undefined ? broken(what, 'nothing') : value;
}
