/**
 * One open stream to another peer: gathers what is to be sent into batches, and takes apart what comes.
 *
 * Invariants: nothing is sent before the turn of the event loop in which it was given is over; what was not yet taken
 * from the queue when the connection ends was never sent; after the end, nothing is passed on in either direction.
 */
import { decodeBatch, encodeBatch } from './codec.js';
import type { Frame } from './frames.js';
import type { TransportLimits } from './limits.js';
import type { TransportLog } from './log.js';

/** What a connection needs of a gRPC stream; the client's and the server's side differ in how they end. */
export interface ByteStream {
  /** `flushed` is called when gRPC has passed the bytes on. */
  write(bytes: Buffer, flushed: () => void): void;
  /** Ends the stream after what was written. */
  end(): void;
  /** Ends the stream now; the reason is for the other side's log. */
  cut(reason: string): void;
}

/** A frame that waits in the queue. */
export interface Outgoing {
  /** Its size, estimated. */
  readonly bytes: number;
  /** Called once, when it is about to be sent; null if there is no more need. */
  take(): Frame | null;
}

/** Who gets what comes. */
export interface Receiver {
  receive(frame: Frame, connection: Connection): void;
  /** The connection has ended; called once. */
  lost(connection: Connection, reason: string): void;
}

/** The process at the other end. */
export interface RemotePeer {
  readonly id: string;
  readonly instance: number;
}

export class Connection {
  private open = true;
  /** What was taken is null until the queue is next cut: under steady load it may never be empty. */
  private queue: (Outgoing | null)[] = [];
  private taken = 0;
  private unflushedBytes = 0;
  private flushing = false;

  constructor(
    readonly remote: RemotePeer,
    private readonly stream: ByteStream,
    private readonly receiver: Receiver,
    private readonly limits: TransportLimits,
    private readonly log: TransportLog,
  ) {}

  get isOpen(): boolean {
    return this.open;
  }

  /** Queues a frame; whoever calls limits how many. */
  send(item: Outgoing): void {
    if (!this.open) return;
    this.queue.push(item);
    this.flushSoon();
  }

  /** Takes one batch as it came. One that cannot be read ends the connection: its other frames may be lost calls. */
  receive(bytes: Buffer): void {
    if (!this.open) return;
    let frames: readonly Frame[];
    try {
      frames = decodeBatch(bytes);
    } catch (error) {
      this.log.error(
        { peer: this.remote.id, error: String(error) },
        'a peer sent what cannot be read; disconnecting',
      );
      this.cut('what was sent cannot be read');
      return;
    }
    for (const frame of frames) {
      if (!this.open) return;
      this.receiver.receive(frame, this);
    }
  }

  /** The stream has ended by itself. */
  lost(reason: string): void {
    if (!this.open) return;
    this.open = false;
    this.queue = [];
    this.receiver.lost(this, reason);
  }

  /** Ends the connection now; what waits is dropped. */
  cut(reason: string): void {
    if (!this.open) return;
    this.lost(reason);
    this.stream.cut(reason);
  }

  /** Sends what waits, without regard to limits, and ends the connection. */
  finish(reason: string): void {
    if (!this.open) return;
    while (this.sendBatch());
    this.lost(reason);
    this.stream.end();
  }

  private flushSoon(): void {
    if (this.flushing || this.unflushedBytes >= this.limits.maxUnflushedBytes) return;
    this.flushing = true;
    // Not a microtask: a turn of the loop brings requests from many sockets, each in its own callback, and they are to
    // share a batch. With 64 clients' sockets that is 6 µs a call, against 18 with queueMicrotask.
    setImmediate(() => {
      this.flushing = false;
      while (this.unflushedBytes < this.limits.maxUnflushedBytes && this.sendBatch());
    });
  }

  /** Whether there was something to send. */
  private sendBatch(): boolean {
    const frames = this.takeFrames();
    if (frames.length === 0) return false;
    let message: Buffer;
    try {
      message = encodeBatch(frames);
    } catch (error) {
      // Ours to mend: a body is not of the type it says. Calls on this connection settle as lost.
      this.log.error(
        { peer: this.remote.id, error: String(error) },
        'cannot encode what is to be sent; disconnecting',
      );
      this.cut('cannot encode');
      return false;
    }
    const { length } = message;
    this.unflushedBytes += length;
    this.stream.write(message, () => {
      this.unflushedBytes -= length;
      if (this.open && this.queue.length > 0) this.flushSoon();
    });
    return true;
  }

  private takeFrames(): Frame[] {
    const frames: Frame[] = [];
    let bytes = 0;
    while (this.taken < this.queue.length) {
      const item = this.queue[this.taken] as Outgoing;
      if (frames.length > 0 && bytes + item.bytes > this.limits.maxBatchBytes) {
        this.cutQueue();
        return frames;
      }
      this.queue[this.taken++] = null;
      const frame = item.take();
      if (!frame) continue;
      frames.push(frame);
      bytes += item.bytes;
    }
    this.queue = [];
    this.taken = 0;
    return frames;
  }

  /** Drops the places of what was taken, once they are half of all: so each place is moved once on average. */
  private cutQueue(): void {
    if (this.taken * 2 < this.queue.length) return;
    this.queue = this.queue.slice(this.taken);
    this.taken = 0;
  }
}
