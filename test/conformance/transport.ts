/** What every transport does. Waits are for conditions; the only times are limits that a test sets low. */
import { expect } from 'chai';
import fc from 'fast-check';
import type { PeerEnvelope } from '../../peer/replication/messages.js';
import type { TransportLimits } from '../../peer/transport/limits.js';
import { LANES, laneOf } from '../../peer/transport/message-forms.js';
import type { PeerReply, PeerRequest } from '../../peer/transport/messages.js';
import type { PeerEndpoint, Transport, TransportHandlers } from '../../peer/transport/transport.js';
import { anyMessage } from '../unit/transport/arbitraries.js';
import {
  ack,
  ask,
  Ears,
  echo,
  envelope,
  failed,
  Hanging,
  numberIn,
  told,
  unasked,
  until,
  write,
} from './transport-peers.js';

export interface StartOptions {
  /** `ID/1` unless said otherwise. */
  readonly process?: string;
  readonly limits?: Partial<TransportLimits>;
  /** Where a process before it was found; any place unless said otherwise. */
  readonly at?: PeerEndpoint;
}

export interface RunningPeer {
  readonly transport: Transport;
  readonly endpoint: PeerEndpoint;
}

/** Starts transports of one kind, and closes what a test leaves open. */
export interface Harness {
  start(id: string, handlers: TransportHandlers, options?: StartOptions): Promise<RunningPeer>;
  stop(): Promise<void>;
}

const LONG_MS = 8000;
const MiB = 1024 * 1024;

const ORDERS = [
  ['a', 'b'],
  ['b', 'a'],
] as const;

/** Registers the suite for one kind of transport. */
export function describeTransport(kind: string, makeHarness: () => Harness): void {
  describe(`transport: ${kind}`, () => {
    let harness: Harness;
    beforeEach(() => {
      harness = makeHarness();
    });
    afterEach(() => harness.stop());

    /** Peers a and b, which know each other. */
    async function pair(
      earsA: Ears,
      earsB: Ears,
      options: StartOptions = {},
    ): Promise<[RunningPeer, RunningPeer]> {
      const a = await harness.start('a', earsA, options);
      const b = await harness.start('b', earsB, options);
      introduce(a, b);
      return [a, b];
    }

    /** The same, and connected. */
    async function connected(
      earsA: Ears,
      earsB: Ears,
      options: StartOptions = {},
    ): Promise<[RunningPeer, RunningPeer]> {
      const [a, b] = await pair(earsA, earsB, options);
      await until(() => a.transport.isConnected('b') && b.transport.isConnected('a'));
      return [a, b];
    }

    describe('sending', () => {
      it('carries any message, both ways', async () => {
        const bodies = fc.sample(anyMessage, { numRuns: 300, seed: 4 });
        const [earsA, earsB] = [new Ears(), new Ears()];
        const [a, b] = await connected(earsA, earsB);
        const sent = (from: string) => bodies.map((body, n) => envelope(from, body, 2 ** 33 + (n >> 4)));
        expect(a.transport.send('b', sent('a'))).to.equal(true);
        expect(b.transport.send('a', sent('b'))).to.equal(true);
        await until(() => [earsA, earsB].every(({ envelopes }) => envelopes.length === bodies.length));
        for (const [ears, from] of [
          [earsA, 'b'],
          [earsB, 'a'],
        ] as const) {
          expect([...ears.senders]).to.deep.equal([from]);
          for (const lane of LANES) {
            const inLane = ({ body }: PeerEnvelope) => laneOf(body.type) === lane;
            expect(ears.envelopes.filter(inLane)).to.deep.equal(sent(from).filter(inLane));
          }
        }
      });

      it('keeps the order of a lane, and sends together what was handed over together', async () => {
        const ears = new Ears();
        const [a] = await connected(new Ears(), ears);
        const numbers = Array.from({ length: 50 }, (_, n) => n);
        for (const n of numbers.slice(0, 20)) a.transport.send('b', [ack('a', n)]);
        await until(() => ears.acks.length === 20);
        expect(ears.parcels).to.deep.equal([20]);
        for (const n of numbers.slice(20)) {
          a.transport.send('b', [ack('a', n)]);
          if (n % 7 === 0) await new Promise(setImmediate);
        }
        await until(() => ears.acks.length === 50);
        expect(ears.acks).to.deep.equal(numbers);
      });

      it('carries values of 16 MiB, and as much around them', async () => {
        const ears = new Ears();
        const [a] = await connected(new Ears(), ears);
        const bytes = Buffer.alloc(16 * MiB, 'covey');
        const large = envelope('a', {
          type: 'snap',
          partition: 1,
          epoch: 1,
          inc: 1,
          id: 1,
          part: 0,
          rows: [16, 8].map((mib) => ({
            key: `${mib}`,
            row: {
              value: { bytes: bytes.subarray(0, mib * MiB), type: '' },
              epoch: 1,
              seq: 1,
              ts: 1,
              expiresAtMs: undefined,
            },
          })),
          entries: [],
        });
        expect(a.transport.send('b', [write('a', 1, bytes), large])).to.equal(true);
        await until(() => ears.envelopes.length === 2);
        const [first, second] = ears.bodies;
        if (first?.type !== 'fwd' || first.command.kind !== 'put') throw new Error('no put');
        expect(Buffer.compare(first.command.value.bytes, bytes)).to.equal(0);
        if (second?.type !== 'snap') throw new Error('no snap');
        expect(second.rows.map(({ row }) => row.value?.bytes.length)).to.deep.equal([16 * MiB, 8 * MiB]);
      });

      it('lets nothing urgent wait for a large value that was sent before', async () => {
        const ears = new Ears();
        const [a] = await connected(new Ears(), ears);
        a.transport.send('b', [write('a', 1, Buffer.alloc(16 * MiB, 1))]);
        // It is on its way.
        await Promise.resolve();
        a.transport.send('b', [ack('a', 7)]);
        await until(() => ears.envelopes.length === 2);
        expect(ears.bodies.map(({ type }) => type)).to.deep.equal(['align_ok', 'fwd']);
      });

      it('refuses what is too much for a lane, all of it, and takes more when there is room', async () => {
        const ears = new Ears();
        const limits = { maxUrgentBytes: 2000, maxBulkBytes: 5000 };
        const [a] = await connected(new Ears(), ears, { limits });
        const bytes = Buffer.alloc(4000, 1);
        expect(a.transport.send('b', [write('a', 1, bytes)])).to.equal(true);
        expect(a.transport.send('b', [ack('a', 2), write('a', 2, bytes)])).to.equal(false);
        expect(a.transport.send('b', [ack('a', 3)])).to.equal(true);
        const many = Array.from({ length: 400 }, () => ack('a', 4));
        expect(a.transport.send('b', [...many, write('a', 4, Buffer.alloc(1))])).to.equal(false);
        await until(() => ears.envelopes.length === 2);
        await until(() => a.transport.send('b', [ack('a', 5), write('a', 5, bytes)]));
        await until(() => ears.envelopes.length === 4);
        expect(ears.acks).to.deep.equal([3, 5]);
        expect(numbersOf(ears.envelopes)).to.deep.equal([1, 5]);
      });

      it('refuses a message that is too large, and goes on', async () => {
        const ears = new Ears();
        const [a] = await connected(new Ears(), ears, { limits: { maxFrameBytes: 3000 } });
        expect(a.transport.send('b', [write('a', 1, Buffer.alloc(4000))])).to.equal(false);
        expect(a.transport.send('b', [write('a', 2, Buffer.alloc(2000))])).to.equal(true);
        await until(() => ears.envelopes.length === 1);
        expect(numbersOf(ears.envelopes)).to.deep.equal([2]);
      });

      it('refuses where there is no connection, and after it was closed', async () => {
        const [a, b] = await connected(new Ears(), new Ears());
        expect(a.transport.send('c', [ack('a', 1)])).to.equal(false);
        expect(a.transport.send('a', [ack('a', 1)])).to.equal(false);
        await b.transport.close();
        await until(() => !a.transport.send('b', [ack('a', 1)]));
        expect(b.transport.send('a', [ack('b', 1)])).to.equal(false);
      });

      it('takes no message that would not come back as it is, nor one of another sender', async () => {
        const [a] = await connected(new Ears(), new Ears());
        expect(() => a.transport.send('b', [ack('a', 0.5)])).to.throw(RangeError);
        expect(() => a.transport.send('b', [ack('c', 1)])).to.throw(RangeError);
      });
    });

    describe('asking and answering', () => {
      for (const { request, reply } of EXCHANGES) {
        it(`carries ${request.type} and ${reply.type}`, async () => {
          const seen: [string, PeerRequest][] = [];
          const ears = new Ears((from, got) => {
            seen.push([from, got]);
            return reply;
          });
          const [a] = await pair(new Ears(), ears);
          expect(await a.transport.call('b', request, LONG_MS)).to.deep.equal(reply);
          expect(seen).to.deep.equal([['a', request]]);
        });
      }

      it('gives each call its own answer, both ways at once, whatever the order of answering', async () => {
        const [a, b] = await pair(new Ears(echoInAnyOrder), new Ears(echoInAnyOrder));
        const calls = Array.from({ length: 600 }, (_, n) => {
          const [from, to] = n % 2 ? [a, 'b'] : [b, 'a'];
          return from.transport.call(to, ask(n), LONG_MS);
        });
        expect(await Promise.all(calls)).to.deep.equal(calls.map((_, n) => told(n)));
      });
    });

    describe('connecting', () => {
      for (const [early, late] of ORDERS) {
        it(`lets a call of ${early} wait for ${late}, which comes up after it`, async () => {
          const first = await harness.start(early, new Ears(echo));
          const second = await harness.start(late, new Ears(echo));
          first.transport.setPeers([second.endpoint]);
          const call = first.transport.call(late, ask(3), LONG_MS);
          second.transport.setPeers([first.endpoint]);
          expect(await call).to.deep.equal(told(3));
        });

        it(`goes on after ${late} has been replaced by a newer process`, async () => {
          const ears = new Ears(echo);
          const first = await harness.start(early, ears);
          const before = await harness.start(late, new Ears(echo));
          introduce(first, before);
          expect(await first.transport.call(late, ask(1), LONG_MS)).to.deep.equal(told(1));
          await before.transport.close();

          const after = await harness.start(late, new Ears(echo), { process: `${late}/2` });
          introduce(first, after);
          expect(await first.transport.call(late, ask(2), LONG_MS)).to.deep.equal(told(2));
          expect(await after.transport.call(early, ask(3), LONG_MS)).to.deep.equal(told(3));
          expect(ears.lost).to.deep.equal([late]);
        });

        it(`finds ${late} again where it was, as a process that no map names yet, and stays with it`, async () => {
          const ears = new Ears(echo);
          const first = await harness.start(early, ears);
          const before = await harness.start(late, new Ears(echo));
          introduce(first, before);
          expect(await first.transport.call(late, ask(1), LONG_MS)).to.deep.equal(told(1));
          await before.transport.close();

          const at = before.endpoint;
          const after = await harness.start(late, new Ears(echo), { process: `${late}/2`, at });
          after.transport.setPeers([first.endpoint]);
          await until(() => first.transport.send(late, []) && after.transport.send(early, []));
          // A map that is older than the new process, and then the one that names it.
          first.transport.setPeers([before.endpoint]);
          expect(await first.transport.call(late, ask(2), LONG_MS)).to.deep.equal(told(2));
          first.transport.setPeers([after.endpoint]);
          expect(await first.transport.call(late, ask(3), LONG_MS)).to.deep.equal(told(3));
          expect(ears.lost).to.deep.equal([late]);
        });

        it(`tells ${early} once that ${late} is gone`, async () => {
          const ears = new Ears();
          const first = await harness.start(early, ears);
          const second = await harness.start(late, new Ears());
          introduce(first, second);
          await until(() => first.transport.send(late, []) && second.transport.send(early, []));
          expect(ears.lost).to.deep.equal([]);
          await second.transport.close();
          await until(() => ears.lost.length > 0);
          expect(first.transport.send(late, [ack(early, 1)])).to.equal(false);
          await new Promise(setImmediate);
          expect(ears.lost).to.deep.equal([late]);
        });
      }

      it('lets a peer that is not named yet speak and ask, and be spoken to and asked', async () => {
        const ears = { a: new Ears(echo), b: new Ears(echo) };
        const [a, b] = [await harness.start('a', ears.a), await harness.start('b', ears.b)];
        a.transport.setPeers([b.endpoint]);
        expect(await a.transport.call('b', ask(1), LONG_MS)).to.deep.equal(told(1));
        expect(await b.transport.call('a', ask(2), LONG_MS)).to.deep.equal(told(2));
        expect(a.transport.send('b', [ack('a', 3)])).to.equal(true);
        expect(b.transport.send('a', [ack('b', 4)])).to.equal(true);
        await until(() => ears.a.acks.length + ears.b.acks.length === 2);
        expect([ears.a.acks, ears.b.acks]).to.deep.equal([[4], [3]]);
      });

      for (const [one, other] of ORDERS) {
        it(`keeps the connection of ${one} to ${other}, which is no longer named, for a while`, async () => {
          const [earsOne, earsOther] = [new Ears(), new Ears(echo)];
          const limits = { graceMs: 150 };
          const first = await harness.start(one, earsOne, { limits });
          const second = await harness.start(other, earsOther, { limits });
          introduce(first, second);
          await until(() => first.transport.send(other, []) && second.transport.send(one, []));
          for (const { transport } of [first, second]) transport.setPeers([]);
          expect(await first.transport.call(other, ask(1), LONG_MS)).to.deep.equal(told(1));
          expect(second.transport.send(one, [ack(other, 1)])).to.equal(true);
          await until(() => earsOne.acks.length === 1);
          await until(() => !first.transport.send(other, []) && !second.transport.send(one, []));
          expect(await first.transport.call(other, ask(2), LONG_MS)).to.deep.equal(
            failed('unknown-peer', false),
          );
          introduce(first, second);
          expect(await first.transport.call(other, ask(3), LONG_MS)).to.deep.equal(told(3));
        });
      }

      it('does not notice that a peer was not named for a moment', async () => {
        const ears = new Ears(echo);
        const [a, b] = await connected(ears, new Ears(echo), { limits: { graceMs: 50 } });
        for (const { transport } of [a, b]) transport.setPeers([]);
        introduce(a, b);
        await new Promise((resolve) => setTimeout(resolve, 100));
        expect(a.transport.send('b', [])).to.equal(true);
        expect(ears.lost).to.deep.equal([]);
      });

      it('does not listen where another listens', async () => {
        const a = await harness.start('a', new Ears());
        let refused = false;
        await harness.start('a', new Ears(), { at: a.endpoint }).catch(() => {
          refused = true;
        });
        expect(refused).to.equal(true);
      });
    });

    describe('failing', () => {
      it('does not know a peer that was not named, nor itself', async () => {
        const [a] = await pair(new Ears(), new Ears());
        expect(await a.transport.call('c', ask(1), LONG_MS)).to.deep.equal(failed('unknown-peer', false));
        expect(await a.transport.call('a', ask(1), LONG_MS)).to.deep.equal(failed('unknown-peer', false));
      });

      it('gives up waiting for a connection', async () => {
        const ears = new Ears();
        const [a, b] = await connected(ears, new Ears(echo), { limits: { connectWaitMs: 50 } });
        await b.transport.close();
        await until(() => ears.lost.length === 1);
        expect(await a.transport.call('b', ask(1), LONG_MS)).to.deep.equal(failed('not-connected', false));
      });

      it('meets the deadline while it waits for a connection: not sent', async () => {
        const b = await harness.start('b', new Ears());
        await b.transport.close();
        const a = await harness.start('a', new Ears());
        a.transport.setPeers([b.endpoint]);
        expect(await a.transport.call('b', ask(1), 20)).to.deep.equal(failed('deadline', false));
        expect(await a.transport.call('b', ask(1), 0)).to.deep.equal(failed('deadline', false));
      });

      it('meets the deadline while it waits for the answer: sent; the late answer goes to no other call', async () => {
        const answers: (() => void)[] = [];
        const slow = new Ears((_, request) => {
          return new Promise((resolve) => answers.push(() => resolve(told(numberIn(request)))));
        });
        const [a] = await connected(new Ears(), slow);
        expect(await a.transport.call('b', ask(1), 200)).to.deep.equal(failed('deadline', true));
        const second = a.transport.call('b', ask(2), LONG_MS);
        await until(() => answers.length === 2);
        for (const answer of answers) answer();
        expect(await second).to.deep.equal(told(2));
      });

      it('is overloaded by one call too many, and says so without sending', async () => {
        const asked: number[] = [];
        const hang = new Ears((_, request) => {
          asked.push(numberIn(request));
          return new Promise(() => {});
        });
        const [a] = await pair(new Ears(), hang, { limits: { maxCalls: 2 } });
        void a.transport.call('b', ask(1), LONG_MS);
        void a.transport.call('b', ask(2), LONG_MS);
        expect(await a.transport.call('b', ask(3), LONG_MS)).to.deep.equal(failed('overloaded', false));
        await until(() => asked.length === 2);
        expect(asked).to.deep.equal([1, 2]);
      });

      it('settles a call whose handler throws or rejects, and hurts no other', async () => {
        const ears = new Ears((_, request) => {
          const n = numberIn(request);
          if (n === 1) throw new Error('broken');
          return n === 2 ? Promise.reject(new Error('broken')) : told(n);
        });
        const [a] = await pair(new Ears(), ears);
        const answers = await Promise.all([1, 2, 3].map((n) => a.transport.call('b', ask(n), LONG_MS)));
        const lost = failed('connection-lost', true);
        expect(answers).to.deep.equal([lost, lost, told(3)]);
      });

      it('loses what was asked when the other side closes', async () => {
        const hanging = new Hanging();
        const [a, b] = await pair(new Ears(), new Ears(hanging.answer));
        const call = a.transport.call('b', ask(1), LONG_MS);
        await until(() => hanging.count === 1);
        await b.transport.close();
        expect(await call).to.deep.equal(failed('connection-lost', true));
      });

      it('ends the calls that are open when it closes, and takes no more', async () => {
        const hanging = new Hanging();
        const [a] = await pair(new Ears(unasked), new Ears(hanging.answer));
        const call = a.transport.call('b', ask(1), LONG_MS);
        await until(() => hanging.count === 1);
        await Promise.all([a.transport.close(), a.transport.close()]);
        expect(await call).to.deep.equal(failed('closed', true));
        expect(await a.transport.call('b', ask(2), LONG_MS)).to.deep.equal(failed('closed', false));
      });
    });
  });
}

const EXCHANGES: readonly { request: PeerRequest; reply: PeerReply }[] = [
  {
    request: { type: 'list', partitions: [0, 255], prefix: 'user:', after: '鍵🗝', limit: 100 },
    reply: { type: 'listed', keys: ['a', 'ключ'], refused: [255] },
  },
  {
    request: { type: 'inspect', key: 'ключ' },
    reply: { type: 'inspected', holds: true, version: { epoch: 2 ** 33, seq: 2 ** 40 } },
  },
  {
    request: { type: 'read', keys: ['', 'ключ', 'a'] },
    reply: {
      type: 'rows',
      rows: [
        null,
        {
          value: { bytes: Buffer.from('один'), type: 'text/plain' },
          epoch: 2 ** 33,
          seq: 2 ** 40,
          ts: 1.5,
          expiresAtMs: undefined,
        },
        undefined,
      ],
    },
  },
  {
    request: { type: 'inspect', key: '' },
    reply: { type: 'inspected', holds: false, version: null },
  },
];

const echoInAnyOrder: TransportHandlers['asked'] = async (_, request) => {
  for (let turns = (numberIn(request) * 7) % 5; turns > 0; turns--) await new Promise(setImmediate);
  return told(numberIn(request));
};

function introduce(...peers: readonly RunningPeer[]): void {
  const endpoints = peers.map(({ endpoint }) => endpoint);
  for (const { transport } of peers) transport.setPeers(endpoints);
}

function numbersOf(envelopes: readonly PeerEnvelope[]): number[] {
  return envelopes.flatMap(({ body }) => (body.type === 'fwd' ? [body.tag.n] : []));
}
