/**
 * What a client may ask of a key, and what comes of it.
 *
 * Kept true: a command is judged once, by the primary, against the newest value in its log; the log then
 * carries the effect and the result, never the command (rule W1), so every replica does the same whatever its
 * clock says. A condition that failed has a result too, and is logged like the rest.
 */

import type { Epoch } from '../../common/configuration.js';

/** The longest key, in bytes of UTF-8. */
export const MAX_KEY_BYTES = 1_024;

/** The largest value that `append` may grow to, in bytes; beyond it the command fails with `too-large`. */
export const MAX_VALUE_BYTES = 16 * 1024 * 1024;

/** The most keys that a transaction reads, and the most that it changes; beyond either it fails with `too-large`. */
export const MAX_TRANSACTION_KEYS = 4_096;

/**
 * The most bytes of keys and values that a transaction changes; beyond it, it fails with `too-large`. A message carries it
 * beside all the rest that a partition may have uncommitted.
 */
export const MAX_TRANSACTION_BYTES = 24 * 1024 * 1024;

/** Bytes with the content type they were stored with; the core looks into neither. */
export interface Value {
  readonly bytes: Uint8Array;
  readonly type: string;
}

/** Which write made a value: unique in the cluster, and ordered within a key. It is the ETag. */
export interface Version {
  readonly epoch: Epoch;
  readonly seq: number;
}

/** What must hold for a command to take effect. */
export type Condition =
  | { readonly kind: 'absent' }
  | { readonly kind: 'present' }
  | { readonly kind: 'version'; readonly version: Version }
  /** The stored bytes are equal to these; the content type is not looked at. */
  | { readonly kind: 'value'; readonly bytes: Uint8Array };

/**
 * Stores a value; with a condition it is a compare-and-set. With `ttlMs` the key expires that long after, by the primary's
 * clock; with `expiresAtMs` at that moment, in wall-clock ms. One of both at most.
 */
export interface Put {
  readonly kind: 'put';
  readonly key: string;
  readonly value: Value;
  readonly ttlMs?: number;
  readonly expiresAtMs?: number;
  readonly condition?: Condition;
}

/** Deletes a key. */
export interface Delete {
  readonly kind: 'delete';
  readonly key: string;
  readonly condition?: Condition;
}

/**
 * Sets, or with neither `ttlMs` nor `expiresAtMs` removes, the time to live of a key that is there. The value gets a new
 * version.
 */
export interface Expire {
  readonly kind: 'expire';
  readonly key: string;
  readonly ttlMs: number | undefined;
  readonly expiresAtMs?: number;
  readonly condition?: Condition;
}

/** Adds to a decimal 64-bit integer; a key that is not there counts as 0. The time to live stays. */
export interface Increment {
  readonly kind: 'increment';
  readonly key: string;
  readonly by: bigint;
  readonly condition?: Condition;
}

/** Appends bytes; a key that is not there counts as empty, and gets `type`. The time to live stays. */
export interface Append {
  readonly kind: 'append';
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly type: string;
  /** The value may grow to so many bytes; absent, or more: to `MAX_VALUE_BYTES`. */
  readonly maxBytes?: number;
  readonly condition?: Condition;
}

/** A write of one key as a client asks for it. */
export type Command = Put | Delete | Expire | Increment | Append;

/** What a transaction does to one of its keys. */
export type Change =
  | { readonly kind: 'put'; readonly key: string; readonly value: Value; readonly expiresAtMs?: number }
  | { readonly kind: 'delete'; readonly key: string };

/** A key as it was read; null: it was not there. */
export interface SeenVersion {
  readonly key: string;
  readonly version: Version | null;
}

/**
 * Changes several keys of one partition as a whole, if every read key still has the version that was read. Of changes of
 * the same key the last one counts.
 */
export interface Transaction {
  readonly kind: 'transaction';
  readonly reads: readonly SeenVersion[];
  readonly changes: readonly Change[];
}

/** Everything that a primary judges. */
export type Write = Command | Transaction;

/** Why a command had no effect. */
export type FailureReason = 'condition' | 'not-found' | 'not-an-integer' | 'overflow' | 'too-large';

/** The command took effect, at `version`. */
export interface Done {
  readonly kind: 'done';
  readonly version: Version;
  /** Whether the key was there before. */
  readonly existed: boolean;
  /** Increment: the new value. Transaction: how many of the keys that it changes were there. */
  readonly number?: bigint;
  /** Append: the new length in bytes. */
  readonly length?: number;
}

/** The command had no effect, and this is its final outcome. */
export interface Failed {
  readonly kind: 'failed';
  readonly reason: FailureReason;
  /** The version that the key had at that moment, null if it was not there; of a transaction the first that did not fit. */
  readonly actual: Version | null;
}

/** The outcome of a command that was judged; logged, and the same at every replica. */
export type Result = Done | Failed;

/** What is done to one key. `expiresAtMs` is wall-clock time, stamped by the primary. */
export type KeyEffect =
  | { readonly kind: 'put'; readonly value: Value; readonly expiresAtMs?: number }
  | { readonly kind: 'delete' };

/** What an entry of the log does. */
export type Effect =
  | KeyEffect
  /** Each of these keys, by its name, is changed, all at the entry's position. */
  | { readonly kind: 'several'; readonly changes: ReadonlyMap<string, Change> }
  /** A failed condition: nothing. */
  | { readonly kind: 'none' }
  /** Sessions of `peer` other than (storeId, inc) and later incarnations are forgotten and refused from here on (D4). */
  | { readonly kind: 'retire'; readonly peer: string; readonly storeId: string; readonly inc: number };
