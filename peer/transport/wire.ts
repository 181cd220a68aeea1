/**
 * The messages of `peer.proto` as protobufjs takes and gives them (imported as `Wire`). Of a decoded oneof only the
 * member that was sent is there; every other field that was not sent has its default.
 */

/** Given as a number below 2^53; comes back as a Long if it was sent, which has these two halves. */
export type Uint64 = number | { readonly high: number; readonly low: number };

export interface Batch {
  readonly frames: readonly Frame[];
}

export interface Frame {
  readonly id: number;
  readonly execute?: { readonly epoch: Uint64; readonly operations: readonly Operation[] } | null;
  readonly list?: List | null;
  readonly fetch?: { readonly epoch: Uint64; readonly partition: number; readonly cursor: string } | null;
  readonly release?: { readonly epoch: Uint64; readonly partition: number } | null;
  readonly getView?: { readonly epoch: Uint64 } | null;
  readonly executed?: { readonly epoch: Uint64; readonly outcomes: readonly Outcome[] } | null;
  readonly listed?: Listed | null;
  readonly fetched?: Fetched | null;
  readonly released?: { readonly epoch: Uint64 } | null;
  readonly refused?: { readonly epoch: Uint64; readonly reason: number } | null;
  readonly viewIs?: { readonly epoch: Uint64; readonly viewJson: Uint8Array } | null;
  readonly noReply?: { readonly reason: number } | null;
}

export interface Operation {
  readonly get?: string;
  readonly put?: Put | null;
  readonly delete?: string;
}

export interface Put {
  readonly key: string;
  readonly value: Uint8Array;
  readonly contentType: string;
  readonly encoding: string;
}

export interface List {
  readonly epoch: Uint64;
  readonly partitions: readonly number[];
  readonly prefix: string;
  readonly after: string;
  readonly limit: number;
}

export interface Outcome {
  readonly found?: StoredRecord | null;
  readonly absent?: boolean;
  readonly written?: { readonly epoch: Uint64; readonly sequence: Uint64; readonly created: boolean } | null;
  readonly deleted?: boolean;
  readonly failed?: { readonly maybeApplied: boolean; readonly detail: string } | null;
  readonly notOwner?: boolean;
}

/** `Record` on the wire. */
export interface StoredRecord {
  readonly value: Uint8Array;
  readonly contentType: string;
  readonly encoding: string;
  readonly epoch: Uint64;
  readonly sequence: Uint64;
  readonly modifiedMs: Uint64;
}

export interface Listed {
  readonly epoch: Uint64;
  readonly keys: readonly string[];
  readonly notOwned: readonly number[];
}

export interface Fetched {
  readonly epoch: Uint64;
  readonly entries: readonly { readonly key: string; readonly record?: StoredRecord | null }[];
  readonly cursor: string;
  readonly sequence: Uint64;
}
