/**
 * What is stored under a key, what can be asked of it, and what can come of that.
 *
 * Invariant: within a partition versions only grow, so two different values of a key never share a version.
 */

/** Given by the partition's primary; compared by epoch, then sequence. */
export interface Version {
  readonly epoch: number;
  readonly sequence: number;
}

/** A stored value, byte for byte, with what it takes to give it back as it came. */
export interface StoredValue {
  readonly bytes: Buffer;
  /** The media type it was stored with. */
  readonly contentType: string;
  /** How it stands in JSON (`string`, `integer`, …) where it was set by JSON, else empty. */
  readonly encoding: string;
}

export interface StoredRecord extends StoredValue {
  readonly version: Version;
  /** When it was written, by the primary's clock, milliseconds since 1970. */
  readonly modifiedMs: number;
}

export type Operation =
  | { readonly type: 'get'; readonly key: string }
  | { readonly type: 'put'; readonly key: string; readonly value: StoredValue }
  | { readonly type: 'delete'; readonly key: string };

/** Whether a write that failed may have taken effect. */
export type Applied = 'not-applied' | 'unknown';

export type Outcome =
  | { readonly type: 'found'; readonly record: StoredRecord }
  /** A get or a delete of a key that is not there. */
  | { readonly type: 'absent' }
  | { readonly type: 'written'; readonly version: Version; readonly created: boolean }
  | { readonly type: 'deleted' }
  | { readonly type: 'failed'; readonly applied: Applied; readonly detail: string };

/** The version as it stands in an ETag (without its quotes) and in JSON: `epoch-sequence`. */
export function formatVersion(version: Version): string {
  return `${version.epoch}-${version.sequence}`;
}
