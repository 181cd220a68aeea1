/**
 * Answers what one peer asks over one connection.
 *
 * Invariant: each request is answered at most once: with its reply, or with the word that there will be none; where too
 * much waits to be sent, not at all, and the asker's deadline tells it. A handler that fails is logged, fails that one
 * request, and hurts no other.
 */
import type { Connection } from './connection.js';
import type { NoReplyReason } from './frames.js';
import type { TransportLimits } from './limits.js';
import type { TransportLog } from './log.js';
import type { PeerReply, PeerRequest } from './messages.js';
import type { TransportHandlers } from './transport.js';

export class Responder {
  private answering = 0;

  /** @param handlers null while requests are declined: before the transport listens, and when it closes */
  constructor(
    private readonly handlers: () => TransportHandlers | null,
    private readonly limits: TransportLimits,
    private readonly log: TransportLog,
  ) {}

  answer(connection: Connection, id: number, request: PeerRequest): void {
    const handlers = this.handlers();
    if (!handlers) this.decline(connection, id, 'closing');
    else if (this.answering >= this.limits.maxAnswering) this.decline(connection, id, 'overloaded');
    else void this.ask(handlers, connection, id, request);
  }

  private async ask(
    handlers: TransportHandlers,
    connection: Connection,
    id: number,
    request: PeerRequest,
  ): Promise<void> {
    this.answering++;
    try {
      this.reply(connection, id, await handlers.asked(connection.remote.id, request));
    } catch (error) {
      this.log.error({ peer: connection.remote.id, err: error }, 'a request of a peer could not be answered');
      this.decline(connection, id, 'failed');
    } finally {
      this.answering--;
    }
  }

  private reply(connection: Connection, id: number, reply: PeerReply): void {
    connection.sendFrame({ kind: 'reply', id, reply });
  }

  private decline(connection: Connection, id: number, reason: NoReplyReason): void {
    connection.sendFrame({ kind: 'no-reply', id, reason });
  }
}
