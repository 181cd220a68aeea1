/**
 * A connection to one process of another peer: two streams, a lane each. Sends batches, takes apart what comes, and
 * notices when nothing comes any more.
 *
 * Invariants: envelopes of one lane stay in their order; both lanes end together; after the end nothing is passed on
 * in either direction. Whoever stood still itself blames nobody else for the silence.
 */
import type { Clock } from '../../common/clock.js';
import type { PeerEnvelope } from '../replication/messages.js';
import { type Batch, decodeBatch, encodeEnvelopes, encodeFrame, type Sender } from './codec.js';
import type { Frame } from './frames.js';
import { type ByteStream, LaneSender } from './lane.js';
import type { TransportLimits } from './limits.js';
import type { TransportLog } from './log.js';
import { LANES, type Lane, laneOf } from './message-forms.js';

/** The process at the other end. */
export interface RemotePeer extends Sender {
  readonly process: string;
}

/** Who gets what comes. */
export interface Receiver {
  received(envelopes: readonly PeerEnvelope[], connection: Connection): void;
  frame(frame: Frame, connection: Connection): void;
  /** The connection has ended; called once. */
  lost(connection: Connection, reason: string): void;
}

export interface ConnectionOptions {
  readonly self: Sender;
  readonly limits: TransportLimits;
  readonly clock: Clock;
  readonly log: TransportLog;
}

export class Connection {
  private open = true;
  private readonly lanes: Readonly<Record<Lane, LaneSender>>;
  private readonly ended = new Set<Lane>();
  private readonly heart: NodeJS.Timeout;
  private beatMs: number;
  private heardMs: number;

  constructor(
    readonly remote: RemotePeer,
    streams: Readonly<Record<Lane, ByteStream>>,
    private readonly receiver: Receiver,
    private readonly options: ConnectionOptions,
  ) {
    const { limits, clock } = options;
    this.lanes = {
      urgent: new LaneSender(streams.urgent, limits.maxUrgentBytes, limits),
      bulk: new LaneSender(streams.bulk, limits.maxBulkBytes, limits),
    };
    this.beatMs = clock.monotonicMs();
    this.heardMs = this.beatMs;
    this.heart = setInterval(() => this.beat(), limits.heartbeatMs);
  }

  /** Sends all of these envelopes; or none, and then says false, if one is too large or too much waits already. */
  send(envelopes: readonly PeerEnvelope[]): boolean {
    if (!this.open) return false;
    const urgent = this.encode(envelopes.filter(({ body }) => laneOf(body.type) === 'urgent'));
    const bulk = this.encode(envelopes.filter(({ body }) => laneOf(body.type) === 'bulk'));
    if (!this.fits('urgent', urgent) || !this.fits('bulk', bulk)) return false;
    this.lanes.urgent.add(urgent);
    this.lanes.bulk.add(bulk);
    return true;
  }

  /** Sends a frame, by the bulk lane; or says false, as `send` does. */
  sendFrame(frame: Frame): boolean {
    if (!this.open) return false;
    const bytes = [encodeFrame(frame)];
    if (!this.fits('bulk', bytes)) return false;
    this.lanes.bulk.add(bytes);
    return true;
  }

  /** Bytes that wait in the bulk lane. */
  get backlog(): number {
    return this.lanes.bulk.backlog;
  }

  /** Takes one batch as it came. One that cannot be read ends the connection: nobody knows what was in it. */
  receive(lane: Lane, bytes: Buffer): void {
    if (!this.open) return;
    if (lane === 'urgent') this.heardMs = this.options.clock.monotonicMs();
    let batch: Batch;
    try {
      batch = decodeBatch(bytes, this.remote);
    } catch (error) {
      this.options.log.error(
        { peer: this.remote.id, error: String(error) },
        'a peer sent what cannot be read; disconnecting',
      );
      this.cut('what was sent cannot be read');
      return;
    }
    if (batch.envelopes.length > 0) this.receiver.received(batch.envelopes, this);
    for (const frame of batch.frames) if (this.open) this.receiver.frame(frame, this);
  }

  /** The other side sends no more on this lane; it ended it in peace. */
  laneEnded(lane: Lane): void {
    this.ended.add(lane);
    if (this.ended.size === LANES.length) this.cut('closed by the other side');
  }

  /** Ends the connection now, or takes note that a stream has; what waits is dropped. */
  cut(reason: string): void {
    if (!this.open) return;
    this.close(reason);
    for (const lane of LANES) this.lanes[lane].cut(reason);
  }

  /** Sends what waits, and ends the connection. */
  finish(reason: string): void {
    if (!this.open) return;
    this.close(reason);
    for (const lane of LANES) this.lanes[lane].finish();
  }

  private close(reason: string): void {
    this.open = false;
    clearInterval(this.heart);
    this.receiver.lost(this, reason);
  }

  private beat(): void {
    const { clock, limits } = this.options;
    const nowMs = clock.monotonicMs();
    // What came while we stood still is read after this timer.
    if (nowMs - this.beatMs > 2 * limits.heartbeatMs) this.heardMs = nowMs;
    this.beatMs = nowMs;
    if (nowMs - this.heardMs > limits.silenceMs) this.cut('nothing was heard of it');
    else this.lanes.urgent.beat();
  }

  private encode(envelopes: readonly PeerEnvelope[]): Buffer[] {
    return encodeEnvelopes(this.options.self, envelopes, this.options.limits.maxBatchBytes);
  }

  private fits(lane: Lane, batches: readonly Buffer[]): boolean {
    const { limits, log } = this.options;
    let bytes = 0;
    for (const { length } of batches) {
      bytes += length;
      if (length <= limits.maxFrameBytes) continue;
      log.error({ peer: this.remote.id, bytes: length }, 'what is to be sent is too large');
      return false;
    }
    return this.lanes[lane].hasRoomFor(bytes);
  }
}
