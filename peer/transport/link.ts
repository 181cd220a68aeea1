/**
 * One other peer: where it is, the connection to it, and what was asked of it, over however many connections.
 *
 * Invariants: a call settles exactly once; one that came while there was no connection waits for the next; one that
 * was sent is never sent again, since the other side may have acted on it.
 */
import type { Clock } from '../../common/clock.js';
import { Alarm } from './alarm.js';
import type { Connection } from './connection.js';
import type { NoReplyReason } from './frames.js';
import type { TransportLimits } from './limits.js';
import type { PeerReply, PeerRequest } from './messages.js';
import type { CallFailure, PeerEndpoint } from './transport.js';

type Answer = PeerReply | CallFailure;

interface PendingCall {
  readonly id: number;
  readonly request: PeerRequest;
  readonly deadlineMs: number;
  readonly resolve: (answer: Answer) => void;
  /** When to give up waiting for a connection; Infinity while there is one. */
  waitUntilMs: number;
  sent: boolean;
}

export class Link {
  /** Where the peer is by the map; null for a guest, whom no map has named yet, or none names any more. */
  endpoint: PeerEndpoint | null = null;
  connection: Connection | null = null;
  /** Ends the time for which it is kept though no map names it any more. */
  grace: NodeJS.Timeout | undefined;

  private readonly calls = new Map<number, PendingCall>();
  private readonly alarm: Alarm;
  private lastId = 0;

  constructor(
    private readonly clock: Clock,
    private readonly limits: TransportLimits,
  ) {
    this.alarm = new Alarm(clock, (nowMs) => this.expire(nowMs));
  }

  /** Asks the peer. Settles by `timeoutMs`, give or take the alarm's few milliseconds. */
  call(request: PeerRequest, timeoutMs: number): Promise<Answer> {
    if (!(timeoutMs > 0)) return Promise.resolve(failure('deadline', false));
    if (this.calls.size >= this.limits.maxCalls) return Promise.resolve(failure('overloaded', false));
    return new Promise((resolve) => {
      const nowMs = this.clock.monotonicMs();
      this.lastId = (this.lastId + 1) >>> 0;
      const call: PendingCall = {
        id: this.lastId,
        request,
        deadlineMs: nowMs + timeoutMs,
        resolve,
        waitUntilMs: nowMs + this.limits.connectWaitMs,
        sent: false,
      };
      this.calls.set(call.id, call);
      if (this.connection) this.send(call, this.connection);
      this.alarm.set(dueMs(call));
    });
  }

  /** Settles the call that the reply answers; a reply to a call that is over is dropped. */
  reply(id: number, reply: PeerReply): void {
    const call = this.calls.get(id);
    if (call?.sent) this.settle(call, reply);
  }

  /** Settles the call that will not be answered. */
  noReply(id: number, reason: NoReplyReason): void {
    const call = this.calls.get(id);
    if (call?.sent) this.settle(call, NO_REPLY[reason]);
  }

  /** Goes on over this connection, in the place of any before it. */
  attach(connection: Connection): void {
    this.drop('replaced by a newer connection');
    this.connection = connection;
    for (const call of this.calls.values()) this.send(call, connection);
  }

  /** The connection is gone: fails what was sent over it, and keeps the rest for the next. */
  detach(): void {
    this.connection = null;
    for (const call of this.calls.values()) {
      if (call.sent) this.settle(call, failure('connection-lost', true));
    }
  }

  /** Ends the connection, if there is one, as something that nobody needs to hear of. */
  drop(reason: string): void {
    const { connection } = this;
    this.detach();
    connection?.cut(reason);
  }

  /** Fails every call: those not sent with `code`, those sent with `codeIfSent`. */
  failAll(code: CallFailure['code'], codeIfSent: CallFailure['code']): void {
    this.alarm.stop();
    for (const call of this.calls.values()) {
      this.settle(call, failure(call.sent ? codeIfSent : code, call.sent));
    }
  }

  private send(call: PendingCall, connection: Connection): void {
    call.waitUntilMs = Number.POSITIVE_INFINITY;
    call.sent = connection.sendFrame({ kind: 'request', id: call.id, request: call.request });
    if (!call.sent) this.settle(call, failure('overloaded', false));
  }

  private expire(nowMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const call of this.calls.values()) {
      if (call.deadlineMs <= nowMs) this.settle(call, failure('deadline', call.sent));
      else if (call.waitUntilMs <= nowMs) this.settle(call, failure('not-connected', false));
      else nextMs = Math.min(nextMs, dueMs(call));
    }
    return nextMs;
  }

  private settle(call: PendingCall, answer: Answer): void {
    if (this.calls.delete(call.id)) call.resolve(answer);
  }
}

function dueMs(call: PendingCall): number {
  return Math.min(call.deadlineMs, call.waitUntilMs);
}

const NO_REPLY: Record<NoReplyReason, CallFailure> = {
  overloaded: failure('overloaded', false),
  closing: failure('not-connected', false),
  failed: failure('connection-lost', true),
};

/** Why a call has no answer, as a value. */
export function failure(code: CallFailure['code'], sent: boolean): CallFailure {
  return { type: 'call-failed', code, sent };
}
