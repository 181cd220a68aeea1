/**
 * One lane of a connection, on the sending side: gathers what is handed over into batches and gives them to the stream.
 *
 * Invariants: what was handed over leaves in its order; nothing leaves before the callback that handed it over has
 * returned, so that all of it shares a batch; while one batch is on its way into the wire, the next is gathered.
 */
import type { TransportLimits } from './limits.js';

/** What a lane needs of a gRPC stream; the client's and the server's side differ in how they end. */
export interface ByteStream {
  /** `flushed` is called when gRPC has passed the bytes on. */
  write(bytes: Buffer, flushed: () => void): void;
  /** Ends the stream after what was written. */
  end(): void;
  /** Ends the stream now; the reason is for the other side's log. Does nothing to one that has ended. */
  cut(reason: string): void;
}

const EMPTY = Buffer.alloc(0);

export class LaneSender {
  private waiting: Buffer[] = [];
  private bytes = 0;
  private writing = false;
  private scheduled = false;
  private sentSinceBeat = false;

  constructor(
    private readonly stream: ByteStream,
    private readonly maxBytes: number,
    private readonly limits: TransportLimits,
  ) {}

  /** Whether as much as this may be added. */
  hasRoomFor(bytes: number): boolean {
    return this.bytes + bytes <= this.maxBytes;
  }

  /** Bytes that wait, or are on their way into the wire. */
  get backlog(): number {
    return this.bytes;
  }

  /** Adds batches, to be sent together with what is added before this callback returns. */
  add(batches: readonly Buffer[]): void {
    for (const batch of batches) {
      this.waiting.push(batch);
      this.bytes += batch.length;
    }
    if (this.scheduled || this.writing) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      this.writeNext();
    });
  }

  /** Shows the other side that we are there, if nothing else did since the last call. */
  beat(): void {
    if (!this.sentSinceBeat && !this.writing) this.write(EMPTY);
    this.sentSinceBeat = false;
  }

  /** Sends what waits, and ends the stream. */
  finish(): void {
    while (this.waiting.length > 0) this.write(this.take());
    this.stream.end();
  }

  /** Drops what waits, and ends the stream now. */
  cut(reason: string): void {
    this.waiting = [];
    this.stream.cut(reason);
  }

  private writeNext(): void {
    if (!this.writing && this.waiting.length > 0) this.write(this.take());
  }

  private write(batch: Buffer): void {
    this.writing = true;
    this.sentSinceBeat = true;
    this.stream.write(batch, () => {
      this.writing = false;
      this.bytes -= batch.length;
      this.writeNext();
    });
  }

  /** The next batches as one, no longer than a batch may be unless the first alone is. */
  private take(): Buffer {
    let count = 0;
    let bytes = 0;
    for (const batch of this.waiting) {
      if (count > 0 && bytes + batch.length > this.limits.maxBatchBytes) break;
      bytes += batch.length;
      count++;
    }
    const taken = this.waiting.splice(0, count);
    return taken.length === 1 ? (taken[0] as Buffer) : Buffer.concat(taken, bytes);
  }
}
