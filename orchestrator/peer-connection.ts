/**
 * A connection to one peer, kept open: deliveries go out, each is answered by one line.
 *
 * Invariants: it goes to the address that was given and follows no redirect; a delivery is answered within its time limit,
 * else the connection ends, as it does for an answer that is none; no more of an answer is read than its limit; it tells
 * of its end once, unless it was closed from here.
 */
import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import type { ReportEnvelope } from '../common/control-messages.js';
import { AnswerReader, CONTROL_TARGET, LineReader } from '../common/control-stream.js';
import { hostPort } from '../common/names.js';
import type { PeerAddress } from '../common/peer-address.js';
import { bearer } from '../common/secret.js';

/** A peer that hangs is called anew after this. */
export const CALL_MS = 900;
/** A connection on which nothing was said for this long is closed. */
const IDLE_MS = 10_000;

/** What a connection tells. */
export interface ConnectionEvents {
  /** What the peer says to the delivery that was under way. */
  answered(reports: readonly ReportEnvelope[]): void;
  /** It is over; the peer may have heard what was under way all the same. Without a fault nothing was. */
  ended(fault: string | null): void;
}

/** One connection; a delivery may be sent when the one before is answered. */
export interface Connection {
  send(delivery: string): void;
  close(): void;
}

/** Connects to a peer; what is sent meanwhile goes out when it is connected. */
export function dialPeer(address: PeerAddress, secret: string | null, events: ConnectionEvents): Connection {
  return new PeerConnection(address, secret, events);
}

class PeerConnection implements Connection {
  readonly #events: ConnectionEvents;
  readonly #lines = new LineReader();
  readonly #answers = new AnswerReader();
  readonly #abort = new AbortController();
  #socket: Socket | undefined;
  #waiting: string | undefined;
  #asked = false;
  #over = false;
  readonly #timer: NodeJS.Timeout;
  /** How often CALL_MS went by since something was sent. */
  #idle = 0;

  constructor({ host, port }: PeerAddress, secret: string | null, events: ConnectionEvents) {
    this.#events = events;
    const target = hostPort(host, port);
    const headers = { host: target, authorization: bearer(secret) };
    const { signal } = this.#abort;
    const call = request({
      method: 'CONNECT',
      host,
      port,
      path: CONTROL_TARGET,
      headers,
      signal,
      agent: false,
    });
    call.on('connect', (response, socket, head) => this.#connected(response, socket as Socket, head));
    call.on('error', (error) => this.#end(error.message));
    call.end();
    this.#timer = setTimeout(() => this.#late(), CALL_MS);
  }

  send(delivery: string): void {
    this.#asked = true;
    this.#idle = 0;
    this.#timer.refresh();
    if (this.#socket === undefined) this.#waiting = delivery;
    else this.#socket.write(`${delivery}\n`, 'utf8');
  }

  close(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#abort.abort();
    this.#socket?.destroy();
  }

  #connected({ statusCode }: IncomingMessage, socket: Socket, head: Buffer): void {
    if (this.#over || statusCode !== 200) {
      socket.on('error', () => undefined);
      socket.destroy();
      this.#end(`it answers ${statusCode}`);
      return;
    }
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', (error) => this.#end(error.message));
    socket.on('close', () => this.#end(this.#asked ? 'it closed the connection' : null));
    if (head.length > 0) this.#take(head);
    if (this.#waiting !== undefined) this.send(this.#waiting);
    this.#waiting = undefined;
  }

  #take(chunk: Buffer): void {
    const lines = this.#lines.take(chunk);
    if (lines === null) this.#end('its answer is too long');
    for (const line of lines ?? []) if (!this.#over) this.#answer(line);
  }

  #answer(line: string): void {
    const reports = this.#asked ? this.#answers.read(line) : null;
    if (reports === null) {
      this.#end('its answer is no list of reports');
      return;
    }
    this.#asked = false;
    this.#events.answered(reports);
  }

  /** Nothing was sent for CALL_MS. */
  #late(): void {
    if (this.#asked) this.#end(`no answer within ${CALL_MS} ms`);
    else if (++this.#idle * CALL_MS >= IDLE_MS) this.#end(null);
    else this.#timer.refresh();
  }

  #end(fault: string | null): void {
    if (this.#over) return;
    this.close();
    this.#events.ended(fault);
  }
}
