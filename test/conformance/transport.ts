/** What every transport does. Waits are for conditions; the only times are limits that a test sets low. */
import { expect } from 'chai';
import type { TransportLimits } from '../../peer/transport/limits.js';
import type { PeerReply, PeerRequest } from '../../peer/transport/messages.js';
import type { CallFailure, PeerAddress, RequestHandler, Transport } from '../../peer/transport/transport.js';

export interface StartOptions {
  /** 1 unless said otherwise. */
  readonly instance?: number;
  readonly limits?: Partial<TransportLimits>;
  /** Where a process before it was found; any place unless said otherwise. */
  readonly at?: PeerAddress;
}

export interface RunningPeer {
  readonly transport: Transport;
  readonly address: PeerAddress;
}

/** Starts transports of one kind, and closes what a test leaves open. */
export interface Harness {
  start(id: string, handler: RequestHandler, options?: StartOptions): Promise<RunningPeer>;
  stop(): Promise<void>;
}

const LONG_MS = 8000;

/** Registers the suite for one kind of transport. */
export function describeTransport(kind: string, makeHarness: () => Harness): void {
  describe(`transport: ${kind}`, () => {
    let harness: Harness;
    beforeEach(() => {
      harness = makeHarness();
    });
    afterEach(() => harness.stop());

    async function pair(
      handlerA: RequestHandler,
      handlerB: RequestHandler,
      options: StartOptions = {},
    ): Promise<[RunningPeer, RunningPeer]> {
      const a = await harness.start('a', handlerA, options);
      const b = await harness.start('b', handlerB, options);
      a.transport.setPeers([a.address, b.address]);
      b.transport.setPeers([a.address, b.address]);
      return [a, b];
    }

    describe('asking and answering', () => {
      for (const { request, reply } of EXCHANGES) {
        it(`carries ${request.type} and ${reply.type}`, async () => {
          const seen: [string, PeerRequest][] = [];
          const [a] = await pair(unasked, (from, got) => {
            seen.push([from, got]);
            return reply;
          });
          expect(await a.transport.call('b', request, LONG_MS)).to.deep.equal(reply);
          expect(seen).to.deep.equal([['a', request]]);
        });
      }

      it('gives each call its own answer, both ways at once, whatever the order of answering', async () => {
        const [a, b] = await pair(echoInAnyOrder, echoInAnyOrder);
        const calls = Array.from({ length: 600 }, (_, n) => {
          const [from, to] = n % 2 ? [a, 'b'] : [b, 'a'];
          return from.transport.call(to, release(n), LONG_MS);
        });
        expect(await Promise.all(calls)).to.deep.equal(calls.map((_, n) => released(n)));
      });

      it('carries values of 16 MiB both ways, beside small ones', async () => {
        const bytes = Buffer.alloc(16 * 1024 * 1024, 'covey');
        const [a, b] = await pair(unasked, (_, request) => {
          if (request.type !== 'execute') return released(request.epoch);
          const [put] = request.operations;
          if (put?.type !== 'put') throw new Error('expected a put');
          const record = { ...put.value, version: { epoch: 1, sequence: 1 }, modifiedMs: 1 };
          return { type: 'executed', epoch: 1, outcomes: [{ type: 'found', record }] };
        });
        const value = { bytes, contentType: 'application/octet-stream', encoding: '' };
        const put: PeerRequest = {
          type: 'execute',
          epoch: 1,
          operations: [{ type: 'put', key: 'k', value }],
        };
        const [large, small] = await Promise.all([
          a.transport.call('b', put, LONG_MS),
          a.transport.call('b', release(7), LONG_MS),
        ]);
        expect(small).to.deep.equal(released(7));
        if (large.type !== 'executed') throw new Error(`failed: ${JSON.stringify(large)}`);
        const [outcome] = large.outcomes;
        if (outcome?.type !== 'found') throw new Error('not found');
        expect(outcome.record.bytes.equals(bytes)).to.equal(true);
        expect(b.address.id).to.equal('b');
      });
    });

    describe('connecting', () => {
      for (const [early, late] of [
        ['a', 'b'],
        ['b', 'a'],
      ] as const) {
        it(`lets a call of ${early} wait for ${late}, which comes up after it`, async () => {
          const first = await harness.start(early, echo);
          const second = await harness.start(late, echo);
          first.transport.setPeers([second.address]);
          const call = first.transport.call(late, release(3), LONG_MS);
          second.transport.setPeers([first.address]);
          expect(await call).to.deep.equal(released(3));
        });

        it(`goes on after ${late} has been replaced by a newer process`, async () => {
          const first = await harness.start(early, echo);
          const before = await harness.start(late, echo);
          first.transport.setPeers([before.address]);
          before.transport.setPeers([first.address]);
          expect(await first.transport.call(late, release(1), LONG_MS)).to.deep.equal(released(1));
          await before.transport.close();

          const after = await harness.start(late, echo, { instance: 2 });
          first.transport.setPeers([after.address]);
          after.transport.setPeers([first.address]);
          expect(await first.transport.call(late, release(2), LONG_MS)).to.deep.equal(released(2));
          expect(await after.transport.call(early, release(3), LONG_MS)).to.deep.equal(released(3));
        });

        it(`finds ${late} again where it was, without being told`, async () => {
          const first = await harness.start(early, echo);
          const before = await harness.start(late, echo);
          first.transport.setPeers([before.address]);
          before.transport.setPeers([first.address]);
          expect(await first.transport.call(late, release(1), LONG_MS)).to.deep.equal(released(1));
          await before.transport.close();

          const after = await harness.start(late, echo, { instance: 2, at: before.address });
          after.transport.setPeers([first.address]);
          await until(
            async () => (await first.transport.call(late, release(2), LONG_MS)).type === 'released',
          );
        });
      }

      it('lets a peer that is not named yet ask, and be asked', async () => {
        const [a, b] = [await harness.start('a', echo), await harness.start('b', echo)];
        a.transport.setPeers([b.address]);
        expect(await a.transport.call('b', release(1), LONG_MS)).to.deep.equal(released(1));
        expect(await b.transport.call('a', release(2), LONG_MS)).to.deep.equal(released(2));
      });

      it('does not speak to a process older than the one that is known', async () => {
        const limits = { connectWaitMs: 100 };
        const a = await harness.start('a', echo, { limits });
        const b = await harness.start('b', unasked, { limits });
        a.transport.setPeers([{ ...b.address, instance: 2 }]);
        b.transport.setPeers([a.address]);
        expect(await a.transport.call('b', release(1), LONG_MS)).to.deep.equal(
          failed('not-connected', false),
        );
      });

      it('does not listen where another listens', async () => {
        const a = await harness.start('a', echo);
        let refused = false;
        await harness.start('a', echo, { at: a.address }).catch(() => {
          refused = true;
        });
        expect(refused).to.equal(true);
      });
    });

    describe('failing', () => {
      it('does not know a peer that was not named, nor itself', async () => {
        const [a] = await pair(unasked, unasked);
        expect(await a.transport.call('c', release(1), LONG_MS)).to.deep.equal(failed('unknown-peer', false));
        expect(await a.transport.call('a', release(1), LONG_MS)).to.deep.equal(failed('unknown-peer', false));
      });

      it('gives up waiting for a connection', async () => {
        const [a, b] = await pair(unasked, echo, { limits: { connectWaitMs: 50 } });
        await b.transport.close();
        const answer = await a.transport.call('b', release(1), LONG_MS);
        // Whether the end of the connection was noticed before the call was sent is open.
        expect(answer).to.have.property('type', 'call-failed');
        expect(await a.transport.call('b', release(1), LONG_MS)).to.deep.equal(
          failed('not-connected', false),
        );
      });

      it('meets the deadline while it waits for a connection: not sent', async () => {
        const b = await harness.start('b', unasked);
        await b.transport.close();
        const a = await harness.start('a', unasked);
        a.transport.setPeers([b.address]);
        expect(await a.transport.call('b', release(1), 20)).to.deep.equal(failed('deadline', false));
        expect(await a.transport.call('b', release(1), 0)).to.deep.equal(failed('deadline', false));
      });

      it('meets the deadline while it waits for the answer: sent; the late answer goes to no other call', async () => {
        const answers: (() => void)[] = [];
        const [a] = await pair(unasked, (_, { epoch }) => {
          return new Promise((resolve) => answers.push(() => resolve(released(epoch))));
        });
        expect(await a.transport.call('b', release(1), 200)).to.deep.equal(failed('deadline', true));
        const second = a.transport.call('b', release(2), LONG_MS);
        await until(() => answers.length === 2);
        for (const answer of answers) answer();
        expect(await second).to.deep.equal(released(2));
      });

      it('is overloaded by one call too many, and by a request too large, and says so without sending', async () => {
        const asked: number[] = [];
        const limits = { maxCalls: 2, maxFrameBytes: 1000 };
        const hang: RequestHandler = (_, { epoch }) => {
          asked.push(epoch);
          return new Promise(() => {});
        };
        const [a] = await pair(unasked, hang, { limits });
        const large: PeerRequest = { type: 'fetch', epoch: 9, partition: 0, cursor: 'x'.repeat(2000) };
        expect(await a.transport.call('b', large, LONG_MS)).to.deep.equal(failed('overloaded', false));
        void a.transport.call('b', release(1), LONG_MS);
        void a.transport.call('b', release(2), LONG_MS);
        expect(await a.transport.call('b', release(3), LONG_MS)).to.deep.equal(failed('overloaded', false));
        await until(() => asked.length === 2);
        expect(asked).to.deep.equal([1, 2]);
      });

      it('settles a call whose handler throws or rejects, and hurts no other', async () => {
        const [a] = await pair(unasked, (_, request) => {
          if (request.epoch === 1) throw new Error('broken');
          if (request.epoch === 2) return Promise.reject(new Error('broken'));
          return released(request.epoch);
        });
        const answers = await Promise.all([1, 2, 3].map((n) => a.transport.call('b', release(n), LONG_MS)));
        const lost = failed('connection-lost', true);
        expect(answers).to.deep.equal([lost, lost, released(3)]);
      });

      it('loses what was sent when the other side closes', async () => {
        const hanging = new Hanging();
        const [a, b] = await pair(unasked, hanging.handler);
        const call = a.transport.call('b', release(1), LONG_MS);
        await until(() => hanging.count === 1);
        await b.transport.close();
        expect(await call).to.deep.equal(failed('connection-lost', true));
      });

      it('ends the calls that are open when it closes, and takes no more', async () => {
        const hanging = new Hanging();
        const [a] = await pair(unasked, hanging.handler);
        const call = a.transport.call('b', release(1), LONG_MS);
        await until(() => hanging.count === 1);
        await Promise.all([a.transport.close(), a.transport.close()]);
        expect(await call).to.deep.equal(failed('closed', true));
        expect(await a.transport.call('b', release(2), LONG_MS)).to.deep.equal(failed('closed', false));
      });

      it('loses what was sent to a peer that is no longer named', async () => {
        const hanging = new Hanging();
        const [a, b] = await pair(unasked, hanging.handler);
        const call = a.transport.call('b', release(1), LONG_MS);
        await until(() => hanging.count === 1);
        b.transport.setPeers([]);
        a.transport.setPeers([]);
        expect(await call).to.deep.equal(failed('connection-lost', true));
        expect(await a.transport.call('b', release(2), LONG_MS)).to.deep.equal(failed('unknown-peer', false));
      });
    });
  });
}

const record = {
  bytes: Buffer.from([0, 255, 0]),
  contentType: 'text/plain; charset=utf-8',
  encoding: 'string',
  version: { epoch: 4, sequence: 2 ** 40 },
  modifiedMs: 1_700_000_000_000,
};
const { version, modifiedMs: _, ...value } = record;

const EXCHANGES: readonly { request: PeerRequest; reply: PeerReply }[] = [
  {
    request: {
      type: 'execute',
      epoch: 4,
      operations: [
        { type: 'get', key: 'ключ' },
        { type: 'put', key: '鍵🗝', value },
        { type: 'put', key: 'empty', value: { bytes: Buffer.alloc(0), contentType: '', encoding: '' } },
        { type: 'delete', key: 'k' },
      ],
    },
    reply: {
      type: 'executed',
      epoch: 5,
      outcomes: [
        { type: 'found', record },
        { type: 'absent' },
        { type: 'written', version, created: true },
        { type: 'deleted' },
        { type: 'failed', applied: 'unknown', detail: 'disk full' },
        { type: 'not-owner' },
      ],
    },
  },
  {
    request: { type: 'list', epoch: 4, partitions: [0, 255], prefix: 'user:', after: '', limit: 100 },
    reply: { type: 'listed', epoch: 4, keys: ['a', 'ключ'], notOwned: [255] },
  },
  {
    request: { type: 'fetch', epoch: 4, partition: 17, cursor: '' },
    reply: { type: 'fetched', epoch: 4, entries: [['k', record]], cursor: 'k', sequence: 2 ** 40 },
  },
  { request: release(4), reply: released(4) },
  { request: release(4), reply: { type: 'refused', epoch: 3, reason: 'behind' } },
  { request: release(4), reply: { type: 'refused', epoch: 3, reason: 'not-held' } },
  { request: { type: 'view', epoch: 4 }, reply: { type: 'view', epoch: 4, view: null } },
];

/** A handler that never answers, and counts. */
class Hanging {
  count = 0;
  readonly handler: RequestHandler = () => {
    this.count++;
    return new Promise(() => {});
  };
}

/** Resolves once the condition holds; the test's own limit ends a wait in vain. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** A small request that says its number. */
export function release(n: number): PeerRequest {
  return { type: 'release', epoch: n, partition: 0 };
}

/** The answer of `echo` to `release(n)`. */
export function released(n: number): PeerReply {
  return { type: 'released', epoch: n };
}

/** Why a call failed. */
export function failed(code: CallFailure['code'], sent: boolean): CallFailure {
  return { type: 'call-failed', code, sent };
}

/** Answers with the number it was asked with. */
export const echo: RequestHandler = (_, request) => released(request.epoch);

/** Fails the test's call if it is asked. */
export const unasked: RequestHandler = () => {
  throw new Error('nobody was to ask here');
};

const echoInAnyOrder: RequestHandler = async (from, request) => {
  for (let turns = (request.epoch * 7) % 5; turns > 0; turns--) await new Promise(setImmediate);
  return echo(from, request);
};
