/** What a gateway needs of its peer, and what it tells those who asked. */
import type { ClusterMap, PeerId } from '../../common/configuration.js';
import type { Result } from '../replication/commands.js';
import type { ReadRequest, ReadRow, WriteRequest } from '../replication/machine.js';
import type { Forward, ReadForward, ReadOutcome, WriteOutcome } from '../replication/messages.js';

/** Who this process is. */
export interface GatewayIdentity {
  readonly peerId: PeerId;
  readonly storeId: string;
  readonly inc: number;
}

/** What the gateway needs; none of these calls waits. Answers may come before a call returns. */
export interface GatewayPorts {
  /** The map that this peer has adopted. */
  map(): ClusterMap;
  /** A linearizable read that this peer's own replica can answer at once. */
  readNow(partition: number, key: string): ReadRow | undefined;
  /** Gives a request to this peer's own replica; the answer comes by `replied`. */
  ask(request: WriteRequest | ReadRequest): void;
  /** Sends a request to another peer; the answer comes by `answered`, or never. */
  send(to: PeerId, message: Forward | ReadForward): void;
}

/** Why a request was given up with nothing applied. */
export type GiveUpReason =
  | 'overloaded'
  | 'no-partition'
  | 'no-primary'
  /** Every copy of the partition is gone. */
  | 'data-lost'
  | Extract<WriteOutcome, { kind: 'refused' }>['reason']
  | Extract<ReadOutcome, { kind: 'refused' }>['reason'];

/** What a client is told of its write (D5). */
export type WriteAnswer =
  /** It was judged: done, or its condition failed. */
  | { readonly kind: 'result'; readonly result: Result; readonly servedBy: PeerId }
  /** Its Idempotency-Key forbids it to run; it did not. */
  | { readonly kind: 'conflict'; readonly reason: 'idempotency-key-expired' | 'idempotency-key-reused' }
  /** Every attempt was refused or never left: it has no effect, ever. */
  | { readonly kind: 'not-applied'; readonly reason: GiveUpReason }
  /** It may have taken effect, or may yet, or never will. */
  | { readonly kind: 'unknown'; readonly request: string };

/** What a client is told of its read. */
export type ReadAnswer =
  /** `row` is null where there is no such key. */
  | (Pick<ReadRow, 'kind' | 'row'> & { readonly servedBy: PeerId })
  | { readonly kind: 'unavailable'; readonly reason: GiveUpReason };
