/**
 * One question to another peer for many keys, each a linearizable read by itself.
 *
 * Invariants: a row is what `readNow` of the asked peer's replica said while the question was open; what it cannot say at
 * once (a value that is just changing, no lease, no answer in time) has no row, and goes the way of a single read with all
 * its retries.
 */
import { partitionOfKey } from '../common/slots.js';
import type { Replica } from './replica.js';
import { isLive, type LiveRow } from './replication/entry.js';
import type { RowsReply } from './transport/messages.js';
import type { Transport } from './transport/transport.js';

/** Values of one answer, in bytes; what does not fit is not answered. */
const REPLY_BYTES = 1024 * 1024;
/** Values that are read for one answer, fitting or not, in bytes, but for the last: everybody else waits meanwhile. */
const READ_BYTES = 4 * REPLY_BYTES;
/** A peer that left a question without an answer is not asked for this long, in ms. */
const AVOID_MS = 1_000;

/** What a question brought, in the order of its keys; null: no such key; undefined, or missing at the end: not answered. */
export type Rows = RowsReply['rows'];

export interface AskingParts {
  readonly id: string;
  readonly replica: Pick<Replica, 'map' | 'avoid'>;
  readonly transport: Pick<Transport, 'call' | 'isConnected'>;
  monotonicMs(): number;
}

/** Chooses whom to ask, and asks. */
export class Asking {
  /** Peers that left a question without an answer, and until when they are not asked; as many as the map named. */
  private readonly avoided = new Map<string, number>();

  constructor(private readonly parts: AskingParts) {}

  /**
   * Whom to ask for a key of this partition, one of `asked` if that is possible; undefined: nobody. What a member itself
   * cannot answer at once is just changing: the way of a single read knows whom to ask about it.
   */
  choose(partition: number, asked: ReadonlyMap<string, unknown>): string | undefined {
    const { id, replica, transport, monotonicMs } = this.parts;
    const members = replica.map.parts[partition]?.members;
    if (members === undefined || members.has(id)) return undefined;
    for (const peer of asked.keys()) if (members.has(peer)) return peer;
    const nowMs = monotonicMs();
    const ready = [...members.keys()].filter(
      (peer) => (this.avoided.get(peer) ?? 0) <= nowMs && transport.isConnected(peer),
    );
    return ready[partition % Math.max(1, ready.length)];
  }

  /** Asks for up to `MAX_READ_KEYS` keys, of which none may be answered; settles within `askMs`. */
  async ask(peer: string, keys: readonly string[], askMs: number): Promise<Rows> {
    const { replica, transport, monotonicMs } = this.parts;
    const reply = await transport.call(peer, { type: 'read', keys }, askMs);
    if (reply.type === 'call-failed') {
      this.avoided.set(peer, monotonicMs() + AVOID_MS);
      replica.avoid(peer);
    } else if (this.avoided.size > 0) this.avoided.delete(peer);
    return reply.type === 'rows' ? reply.rows : [];
  }
}

/** What this peer answers to another one's question: all rows that it can give at once. */
export function rowsOf(replica: Pick<Replica, 'readNow'>, keys: readonly string[]): RowsReply {
  const rows: (LiveRow | null | undefined)[] = [];
  let room = REPLY_BYTES;
  let read = 0;
  for (const key of keys) {
    if (read >= READ_BYTES) break;
    const answer = replica.readNow(partitionOfKey(key), key);
    const row = answer?.kind === 'row' ? answer.row : undefined;
    if (row === undefined) rows.push(undefined);
    else if (!isLive(row)) rows.push(null);
    else {
      const { length } = row.value.bytes;
      const fits = length <= room;
      if (fits) room -= length;
      read += length;
      rows.push(fits ? row : undefined);
    }
  }
  return { type: 'rows', rows };
}
