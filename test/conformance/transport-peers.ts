/** Peers as tests of a transport need them: what they hear is kept, and they answer as they are told. */
import type { PeerEnvelope, PeerMessage } from '../../peer/replication/messages.js';
import type { PeerReply, PeerRequest } from '../../peer/transport/messages.js';
import type { CallFailure, TransportHandlers } from '../../peer/transport/transport.js';

export const CLUSTER = 'test';
export const VER = 2 ** 32 + 5;

type Asked = TransportHandlers['asked'];

/** Keeps what comes in. */
export class Ears implements TransportHandlers {
  /** What came, in its order. */
  readonly envelopes: PeerEnvelope[] = [];
  /** How many came together each time. */
  readonly parcels: number[] = [];
  readonly senders = new Set<string>();
  readonly lost: string[] = [];

  constructor(private readonly answer: Asked = unasked) {}

  get bodies(): PeerMessage[] {
    return this.envelopes.map(({ body }) => body);
  }

  /** The positions of the acknowledgements that came. */
  get acks(): number[] {
    return this.bodies.flatMap((body) => (body.type === 'align_ok' ? [body.upto] : []));
  }

  received(from: string, envelopes: readonly PeerEnvelope[]): void {
    this.senders.add(from);
    this.parcels.push(envelopes.length);
    this.envelopes.push(...envelopes);
  }

  disconnected(peer: string): void {
    this.lost.push(peer);
  }

  asked(from: string, request: PeerRequest): PeerReply | Promise<PeerReply> {
    return this.answer(from, request);
  }
}

/** An answerer that never answers, and counts. */
export class Hanging {
  count = 0;
  readonly answer: Asked = () => {
    this.count++;
    return new Promise(() => {});
  };
}

/** Resolves once the condition holds; the test's own limit ends a wait in vain. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** A message in an envelope of this peer. */
export function envelope(from: string, body: PeerMessage, ver = VER): PeerEnvelope {
  return { clusterId: CLUSTER, from, fromInc: 1, ver, body };
}

/** A small urgent message that says its number. */
export function ack(from: string, n: number): PeerEnvelope {
  return envelope(from, { type: 'align_ok', partition: 0, epoch: 1, upto: n });
}

/** A write of so many bytes, in the bulk lane. */
export function write(from: string, n: number, bytes: Uint8Array): PeerEnvelope {
  return envelope(from, {
    type: 'fwd',
    partition: 0,
    tag: { session: 's', n, fi: 1 },
    attempt: 1,
    command: { kind: 'put', key: 'k', value: { bytes, type: 'text/plain' } },
    idempotency: undefined,
  });
}

/** A small question that says its number. */
export function ask(n: number): PeerRequest {
  return { type: 'inspect', key: `${n}` };
}

/** The answer of `echo` to `ask(n)`. */
export function told(n: number): PeerReply {
  return { type: 'inspected', holds: true, version: { epoch: 1, seq: n } };
}

/** Why a call failed. */
export function failed(code: CallFailure['code'], sent: boolean): CallFailure {
  return { type: 'call-failed', code, sent };
}

/** The number in `ask(n)`. */
export function numberIn(request: PeerRequest): number {
  if (request.type !== 'inspect') throw new Error(`${request.type} has no number`);
  return Number(request.key);
}

/** Answers with the number it was asked with. */
export const echo: Asked = (_, request) => told(numberIn(request));

/** Fails the test's call if it is asked. */
export const unasked: Asked = () => {
  throw new Error('nobody was to ask here');
};
