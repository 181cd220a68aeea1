/**
 * What we ask of one peer: its calls, from being asked to being settled, over however many connections.
 *
 * Invariants: a call settles exactly once; one that was not sent when its connection was lost goes on waiting for the
 * next; one that was sent is never sent again, since the other side may have acted on it.
 */
import type { Clock } from '../../common/clock.js';
import { Alarm } from './alarm.js';
import type { Connection, Outgoing } from './connection.js';
import { type Frame, type NoReplyReason, requestBytes } from './frames.js';
import type { TransportLimits } from './limits.js';
import type { PeerReply, PeerRequest } from './messages.js';
import type { CallFailure, PeerAddress } from './transport.js';

type Answer = PeerReply | CallFailure;

export class Link {
  /** Where the peer is by the view; null for a guest, whom no view has named yet. */
  address: PeerAddress | null = null;
  connection: Connection | null = null;

  private readonly calls = new Map<number, PendingCall>();
  private readonly waiting = { bytes: 0 };
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
    const bytes = requestBytes(request);
    const overloaded =
      this.calls.size >= this.limits.maxCalls ||
      this.waiting.bytes + bytes > this.limits.maxWaitingBytes ||
      bytes > this.limits.maxFrameBytes;
    if (overloaded) return Promise.resolve(failure('overloaded', false));
    return new Promise((resolve) => {
      const nowMs = this.clock.monotonicMs();
      this.lastId = (this.lastId + 1) >>> 0;
      const call = new PendingCall(this.lastId, request, bytes, nowMs + timeoutMs, resolve, this.waiting);
      this.calls.set(call.id, call);
      if (this.connection) this.connection.send(call);
      else call.waitUntilMs = nowMs + this.limits.connectWaitMs;
      this.alarm.set(call.dueMs());
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
    const before = this.connection;
    this.detach();
    before?.cut('replaced by a newer connection');
    this.connection = connection;
    for (const call of this.calls.values()) {
      call.waitUntilMs = Number.POSITIVE_INFINITY;
      connection.send(call);
    }
  }

  /** The connection is gone: fails what was sent over it, and keeps the rest for the next. */
  detach(): void {
    this.connection = null;
    const waitUntilMs = this.clock.monotonicMs() + this.limits.connectWaitMs;
    for (const call of this.calls.values()) {
      if (call.sent) {
        this.settle(call, failure('connection-lost', true));
      } else {
        call.waitUntilMs = waitUntilMs;
        this.alarm.set(call.dueMs());
      }
    }
  }

  /** Fails every call: those not sent with `code`, those sent with `codeIfSent`. */
  failAll(code: CallFailure['code'], codeIfSent: CallFailure['code']): void {
    this.alarm.stop();
    for (const call of this.calls.values()) {
      this.settle(call, failure(call.sent ? codeIfSent : code, call.sent));
    }
  }

  private expire(nowMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const call of this.calls.values()) {
      if (call.deadlineMs <= nowMs) this.settle(call, failure('deadline', call.sent));
      else if (call.waitUntilMs <= nowMs) this.settle(call, failure('not-connected', false));
      else nextMs = Math.min(nextMs, call.dueMs());
    }
    return nextMs;
  }

  private settle(call: PendingCall, answer: Answer): void {
    this.calls.delete(call.id);
    call.settle(answer);
  }
}

class PendingCall implements Outgoing {
  sent = false;
  /** When to give up waiting for a connection; Infinity while there is one. */
  waitUntilMs = Number.POSITIVE_INFINITY;

  constructor(
    readonly id: number,
    private request: PeerRequest | null,
    readonly bytes: number,
    readonly deadlineMs: number,
    private readonly resolve: (answer: Answer) => void,
    private readonly waiting: { bytes: number },
  ) {}

  dueMs(): number {
    return Math.min(this.deadlineMs, this.waitUntilMs);
  }

  take(): Frame | null {
    const { request } = this;
    if (!request) return null;
    this.sent = true;
    this.drop();
    return { kind: 'request', id: this.id, request };
  }

  settle(answer: Answer): void {
    this.drop();
    this.resolve(answer);
  }

  /** Lets go of the request: its values may be large, and an answer may be long in coming. */
  private drop(): void {
    if (!this.request) return;
    this.request = null;
    this.waiting.bytes -= this.bytes;
  }
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
