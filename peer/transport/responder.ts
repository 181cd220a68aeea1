/**
 * Answers what one peer asks over one connection.
 *
 * Invariant: each request is answered at most once, and settles at the asker: with its reply, or with the word that
 * there will be none. A handler that fails is logged, fails that one request, and hurts no other.
 */
import type { Connection, Outgoing } from './connection.js';
import { type Frame, type NoReplyReason, replyBytes } from './frames.js';
import type { TransportLimits } from './limits.js';
import type { TransportLog } from './log.js';
import type { PeerReply, PeerRequest } from './messages.js';
import type { RequestHandler } from './transport.js';

const NO_REPLY_BYTES = 16;

export class Responder {
  private answering = 0;
  private readonly waiting = { bytes: 0 };

  /** @param handler null while requests are declined: before the transport listens, and when it closes */
  constructor(
    private readonly handler: () => RequestHandler | null,
    private readonly limits: TransportLimits,
    private readonly log: TransportLog,
  ) {}

  answer(connection: Connection, id: number, request: PeerRequest): void {
    const handler = this.handler();
    if (!handler) this.decline(connection, id, 'closing');
    else if (this.isFull()) this.decline(connection, id, 'overloaded');
    else this.ask(handler, connection, id, request);
  }

  private isFull(): boolean {
    return this.answering >= this.limits.maxAnswering || this.waiting.bytes >= this.limits.maxReplyBytes;
  }

  private ask(handler: RequestHandler, connection: Connection, id: number, request: PeerRequest): void {
    let reply: PeerReply | Promise<PeerReply>;
    try {
      reply = handler(connection.remote.id, request);
    } catch (error) {
      this.fail(connection, id, error);
      return;
    }
    // A reply that is there already needs no turn of the microtask queue.
    if (reply instanceof Promise) this.replyLater(connection, id, reply);
    else this.reply(connection, id, reply);
  }

  private replyLater(connection: Connection, id: number, reply: Promise<PeerReply>): void {
    this.answering++;
    reply.then(
      (settled) => {
        this.answering--;
        this.reply(connection, id, settled);
      },
      (error: unknown) => {
        this.answering--;
        this.fail(connection, id, error);
      },
    );
  }

  private reply(connection: Connection, id: number, reply: PeerReply): void {
    const bytes = replyBytes(reply);
    if (bytes <= this.limits.maxFrameBytes) this.send(connection, { kind: 'reply', id, reply }, bytes);
    else this.fail(connection, id, new Error(`a reply of ${bytes} bytes is over the limit`));
  }

  private fail(connection: Connection, id: number, error: unknown): void {
    this.log.error({ peer: connection.remote.id, err: error }, 'a request of a peer could not be answered');
    this.decline(connection, id, 'failed');
  }

  private decline(connection: Connection, id: number, reason: NoReplyReason): void {
    // Who goes on asking without ever reading the answers is no peer of ours.
    if (this.waiting.bytes >= 2 * this.limits.maxReplyBytes) connection.cut('replies are not read');
    else this.send(connection, { kind: 'no-reply', id, reason }, NO_REPLY_BYTES);
  }

  private send(connection: Connection, frame: Frame, bytes: number): void {
    if (!connection.isOpen) return;
    this.waiting.bytes += bytes;
    connection.send(new Waiting(frame, bytes, this.waiting));
  }
}

class Waiting implements Outgoing {
  constructor(
    private readonly frame: Frame,
    readonly bytes: number,
    private readonly waiting: { bytes: number },
  ) {}

  take(): Frame {
    this.waiting.bytes -= this.bytes;
    return this.frame;
  }
}
