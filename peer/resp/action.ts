/**
 * What a command does to its keys: a plain function of what they hold, which runs the same alone and in a transaction.
 *
 * Invariant: `judge` changes nothing and reads no clock; it may be called again where a key changed in between.
 */
import type { Change, Command, Result, Value } from '../replication/commands.js';
import type { Protocol, Reply } from './replies.js';

/** What a key holds; a row of the store is one. */
export interface State {
  readonly value: Value;
  /** Wall-clock ms; undefined: it stays. */
  readonly expiresAtMs?: number | undefined;
}

/** What a key is to hold; null: nothing, undefined: what it has. */
export type Next = State | null | undefined;

export interface Verdict {
  readonly reply: Reply;
  readonly next?: Next;
}

/** A command of the store that does all of it, without reading first. */
export interface Direct {
  readonly command: Command;
  reply(result: Result): Reply;
}

/** A command with one key. */
export interface KeyAction {
  readonly kind: 'key';
  readonly key: string;
  readonly writes: boolean;
  judge(state: State | null): Verdict;
  readonly direct?: Direct | undefined;
}

/** What is done to several keys without reading them first: as one where they are in one partition, else to each by itself. */
export interface Blind {
  readonly changes: readonly Change[];
  /** `existed`: how many of the keys were there. */
  reply(existed: number): Reply;
}

/** A command with several keys. */
export interface KeysAction {
  readonly kind: 'keys';
  readonly keys: readonly string[];
  readonly writes: boolean;
  /** One state a key, in order; so is what comes of them. */
  judge(states: readonly (State | null)[]): { readonly reply: Reply; readonly next: readonly Next[] };
  readonly blind?: Blind | undefined;
}

export type Action = KeyAction | KeysAction;

/** What an action may depend on beside its arguments. */
export interface Context {
  readonly protocol: Protocol;
  /** Values that come in are no longer than this. */
  readonly maxValueBytes: number;
  /** Wall clock, ms since 1970. */
  nowMs(): number;
}

/** A command that only reads one key. */
export function reading(key: string, judge: (state: State | null) => Reply): KeyAction {
  return { kind: 'key', key, writes: false, judge: (state) => ({ reply: judge(state) }) };
}

/** A command that reads one key, computes, and writes it. */
export function changing(key: string, judge: (state: State | null) => Verdict): KeyAction {
  return { kind: 'key', key, writes: true, judge };
}

/** The keys of an action. */
export function keysOfAction(action: Action): readonly string[] {
  return action.kind === 'key' ? [action.key] : action.keys;
}
