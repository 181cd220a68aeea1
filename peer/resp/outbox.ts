/**
 * The answers of one connection: given in any order, sent in the order of their commands, and all that are ready in one
 * turn of the event loop in one write.
 *
 * Invariants: an answer is sent once, after those of all commands before it; once closed nothing is sent.
 */
import { flushTogether } from './flushes.js';
import { Gathered } from './gathered.js';
import { bulkHead, COPIED_BYTES, type Reply, sizeOf } from './replies.js';

/** What the outbox writes to: a socket, as far as it matters here. */
export interface Sink {
  write(bytes: Uint8Array): boolean;
  cork(): void;
  uncork(): void;
  readonly writableLength: number;
}

/** A place in the order of answers. */
export interface Slot {
  reply: Reply | undefined;
  /** Nothing is sent: the client asked for silence. */
  silent: boolean;
  next: Slot | undefined;
}

export class Outbox {
  #first: Slot | undefined;
  #last: Slot | undefined;
  readonly #gathered = new Gathered();
  readonly #flush = () => this.flush();
  #flushing = false;
  #closed = false;
  #unanswered = 0;
  /** Bytes of answers that wait for one before them. */
  #heldBytes = 0;

  constructor(
    private readonly sink: Sink,
    /** Called after each write. */
    private readonly flushed: () => void,
  ) {}

  /** Commands without an answer. */
  get unanswered(): number {
    return this.#unanswered;
  }

  /** Bytes that the client has not taken. */
  get waitingBytes(): number {
    return this.#heldBytes + this.#gathered.length + this.sink.writableLength;
  }

  /** The place of the next answer. */
  reserve(silent: boolean): Slot {
    const slot: Slot = { reply: undefined, silent, next: undefined };
    if (this.#last === undefined) this.#first = slot;
    else this.#last.next = slot;
    this.#last = slot;
    this.#unanswered++;
    return slot;
  }

  /** Gives the answer for a place; once. */
  settle(slot: Slot, reply: Reply): void {
    if (this.#closed) return;
    slot.reply = slot.silent ? '' : reply;
    if (slot !== this.#first) {
      slot.reply = ownBytes(slot.reply);
      this.#heldBytes += sizeOf(slot.reply);
      return;
    }
    this.#put(slot.reply);
    this.#first = slot.next;
    this.#unanswered--;
    while (this.#first?.reply !== undefined) {
      this.#heldBytes -= sizeOf(this.#first.reply);
      this.#put(this.#first.reply);
      this.#first = this.#first.next;
      this.#unanswered--;
    }
    if (this.#first === undefined) this.#last = undefined;
  }

  /** An answer that is there at once. */
  give(reply: Reply, silent: boolean): void {
    if (this.#first === undefined) {
      if (!silent) this.#put(reply);
    } else this.settle(this.reserve(silent), reply);
  }

  /** Sends what is ready. */
  flush(): void {
    this.#flushing = false;
    if (this.#closed) return;
    this.#send();
    this.flushed();
  }

  close(): void {
    this.#closed = true;
    this.#gathered.clear();
    this.#heldBytes = 0;
    this.#first = undefined;
    this.#last = undefined;
  }

  #put(reply: Reply): void {
    if (this.#closed) return;
    if (typeof reply === 'string') this.#gathered.text(reply);
    else if (!(reply instanceof Uint8Array)) this.#putPieces(reply);
    else if (reply.length <= COPIED_BYTES) this.#gathered.bulk(reply);
    else this.#putPieces([bulkHead(reply.length), reply, '\r\n']);
    if (this.#flushing) return;
    this.#flushing = true;
    flushTogether(this.#flush);
  }

  /** Long values go to the socket as they are, with what was gathered before them. */
  #putPieces(pieces: readonly (string | Uint8Array)[]): void {
    this.sink.cork();
    for (const piece of pieces) {
      if (typeof piece === 'string') this.#gathered.text(piece);
      else if (piece.length <= COPIED_BYTES) this.#gathered.bytes(piece);
      else {
        this.#send();
        this.sink.write(piece);
      }
    }
    this.sink.uncork();
  }

  #send(): void {
    if (this.#gathered.length > 0) this.sink.write(this.#gathered.take());
  }
}

/** The reply without the rest of a buffer that it is a small part of: what waits would keep all of that in memory. */
function ownBytes(reply: Reply): Reply {
  if (!(reply instanceof Uint8Array) || reply.length * 2 >= reply.buffer.byteLength) return reply;
  return Uint8Array.prototype.slice.call(reply);
}
