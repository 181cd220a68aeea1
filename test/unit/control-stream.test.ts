import { expect } from 'chai';
import fc from 'fast-check';
import type { ClusterMap, PartitionConfig, PeerRecord } from '../../common/configuration.js';
import { MAX_CONTROL_BYTES, reportsSchema, reportsText } from '../../common/control.js';
import type { OrchestratorEnvelope, ReportEnvelope } from '../../common/control-messages.js';
import {
  AnswerReader,
  DeliveryReader,
  DeliveryWriter,
  LineReader,
  parsed,
} from '../../common/control-stream.js';
import { applyMapChange, mapChangeSchema, mapChangeText } from '../../common/map-change.js';

const record = (inc: number): PeerRecord => ({ storeId: 's', inc, addr: '127.0.0.1:80/90' });
const part = (epoch: number, member = 'a'): PartitionConfig => ({
  ...{ epoch, primary: member, members: new Map([[member, 's']]), learners: [], fence: [], active: true },
  la: [member],
});
const head = { clusterId: 'covey', from: 'o1', ver: 9 };
const push = (map: ClusterMap): OrchestratorEnvelope => ({ ...head, body: { type: 'map', map } });
const BASE: ClusterMap = {
  ...{ clusterId: 'covey', ver: 5, peers: new Map([['a', record(1)]]) },
  parts: [part(5), undefined, part(3)],
};

interface PongParts {
  readonly n: number;
  readonly ver?: number;
  readonly active?: number;
  readonly name?: boolean;
}

/** What JSON or the schema takes for no whole number, or for another one than it looks like. */
const WRONG_NUMBERS = [
  '01',
  '-1',
  '1.5',
  '1e3',
  '"1"',
  '',
  '99999999999999999999',
  '1,"n":2',
  '1,"type":"pong","n":2',
];

/** A store may be named after what stands in a pong. */
const pong = ({ n, ver = 0, active = 0, name = false }: PongParts): ReportEnvelope => ({
  ...{ clusterId: 'covey', from: 'p1', fromInc: 1, storeId: name ? '"type":"pong","n":1,' : 's' },
  ...{ addr: '127.0.0.1:80/90', ver },
  body: { type: 'pong', n, active: active === 0 ? [] : [{ partition: 1, epoch: n }], promised: 0 },
});
const pongLine = (parts: PongParts) => reportsText([pong(parts)]);

/** Maps that share what they do not change, as those of an orchestrator do. */
const maps = fc
  .array(
    fc.oneof(
      fc.record({ peer: fc.constantFrom('a', 'b', 'toString'), inc: fc.option(fc.nat(9)) }),
      fc.record({ partition: fc.nat(6), member: fc.constantFrom('a', 'b') }),
      fc.record({ minInSync: fc.option(fc.integer({ min: 1, max: 3 })) }),
    ),
    { maxLength: 8 },
  )
  .map((steps) => {
    let map = BASE;
    const all = [map];
    for (const step of steps) {
      map = { ...map, ver: map.ver + 1 };
      if ('peer' in step) {
        const peers = new Map(map.peers);
        if (step.inc === null) peers.delete(step.peer);
        else peers.set(step.peer, record(step.inc));
        map = { ...map, peers };
      } else if ('partition' in step) {
        const parts = [...map.parts];
        while (parts.length < step.partition) parts.push(undefined);
        parts[step.partition] = part(map.ver, step.member);
        map = { ...map, parts };
      } else {
        const { minInSync: _, ...rest } = map;
        map = step.minInSync === null ? rest : { ...rest, minInSync: step.minInSync };
      }
      all.push(map);
    }
    return all;
  });

describe('common/control-stream', () => {
  it('brings every map over, whichever were left out between', () => {
    fc.assert(
      fc.property(maps, fc.array(fc.nat(8)), (all, picks) => {
        const writer = new DeliveryWriter();
        const reader = new DeliveryReader();
        const told = [...new Set([0, ...picks])].sort((a, b) => a - b).filter((at) => at < all.length);
        for (const at of told) {
          const envelopes = [push(all[at] as ClusterMap)];
          const delivery = reader.read(JSON.parse(writer.write(envelopes)));
          expect(delivery).to.deep.equal({ envelopes });
        }
      }),
    );
  });

  it('tells only what changed, and shares what did not', () => {
    const writer = new DeliveryWriter();
    const reader = new DeliveryReader();
    const read = (map: ClusterMap) => {
      const text = writer.write([push(map)]);
      const delivery = reader.read(JSON.parse(text));
      if (typeof delivery === 'string') throw new Error(delivery);
      const [envelope] = delivery.envelopes;
      if (envelope?.body.type !== 'map') throw new Error('no map');
      return { text, map: envelope.body.map };
    };
    const first = read(BASE);
    expect(first.text).to.contain('"parts":[{');
    const second = read({ ...BASE, ver: 6, parts: [BASE.parts[0], part(6), BASE.parts[2]] });
    expect(second.text).to.contain('"map-change"').and.not.to.contain('127.0.0.1');
    expect(second.map.parts[0]).to.equal(first.map.parts[0]);
    expect(second.map.peers).to.equal(first.map.peers);
  });

  it('tells the whole map where partitions are gone, as after a rebuild, or of another cluster', () => {
    expect(mapChangeText(BASE, { ...BASE, ver: 6, parts: [BASE.parts[0]] })).to.equal(undefined);
    expect(mapChangeText(BASE, { ...BASE, ver: 6, parts: [undefined, undefined, part(3)] })).to.equal(
      undefined,
    );
    expect(mapChangeText(BASE, { ...BASE, ver: 6, clusterId: 'other' })).to.equal(undefined);
  });

  it('takes no change of a map that it does not have, nor one that is not sound', () => {
    const reader = new DeliveryReader();
    const change = JSON.parse(mapChangeText(BASE, { ...BASE, ver: 6 }) as string) as object;
    const says = (changes: object) =>
      reader.read({
        envelopes: [{ ...head, body: { type: 'map-change', change: { ...change, ...changes } } }],
      });
    expect(says({})).to.contain('never told');
    reader.read(JSON.parse(new DeliveryWriter().write([push(BASE)])));
    expect(says({ base: 4 })).to.equal('it changes map 4, and map 5 is here');
    expect(says({ ver: 'six' })).to.contain('ver');
    const wrong = { ...part(7), members: [['a', 's']] };
    expect(says({ parts: [[0, wrong]] })).to.equal('partition 0 is newer than the map');
    expect(says({ parts: [[0, { ...wrong, epoch: 6, primary: 'b' }]] })).to.contain('who is no member');
    expect(says({ ver: 6 })).to.be.an('object');
    expect(applyMapChange(BASE, mapChangeSchema.parse(change))).to.deep.equal({ ...BASE, ver: 6 });
  });

  it('carries pings, queries and a roster', () => {
    const envelopes: OrchestratorEnvelope[] = [
      { ...head, body: { type: 'ping', n: 4 } },
      { ...head, body: { type: 'query', term: 5 } },
    ];
    const roster = { copies: 3, peers: [{ id: 'a', status: 'up' as const, sinceMs: 12 }] };
    const writer = new DeliveryWriter();
    const reader = new DeliveryReader();
    const say = () => reader.read(JSON.parse(writer.write(envelopes, JSON.stringify(roster))));
    expect(say()).to.deep.equal({ envelopes, roster });
    expect(say()).to.deep.equal({ envelopes });
    expect(reader.read({ envelopes: 'none' })).to.contain('envelopes');
  });

  it('reads every answer as if it had read none before', () => {
    const lines = fc.oneof(
      fc.record({ n: fc.nat(3), ver: fc.nat(1), active: fc.nat(1), name: fc.boolean() }).map(pongLine),
      fc
        .tuple(fc.nat(99), fc.constantFrom(...WRONG_NUMBERS))
        .map(([n, wrong]) => pongLine({ n }).replace(`"n":${n}`, `"n":${wrong}`)),
      fc.constantFrom('', '{}', '{"reports":[]}', pongLine({ n: 1 }).slice(0, 40), ` ${pongLine({ n: 1 })}`),
      fc.nat(9).map((n) => reportsText([pong({ n }), pong({ n: n + 1 })])),
    );
    fc.assert(
      fc.property(fc.array(lines, { maxLength: 8 }), (all) => {
        const reader = new AnswerReader();
        for (const line of all) {
          const answer = reportsSchema.safeParse(parsed(line));
          expect(reader.read(line)).to.deep.equal(answer.success ? answer.data.reports : null);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('cuts into lines what arrives in any pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' })), fc.array(fc.nat(20)), (texts, cuts) => {
        const lines = texts.map((text) => JSON.stringify(text));
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const reader = new LineReader();
        const read: string[] = [];
        let at = 0;
        for (const cut of [...cuts, bytes.length]) {
          read.push(...(reader.take(bytes.subarray(at, at + cut)) ?? []));
          at += cut;
        }
        expect(read).to.deep.equal(lines);
      }),
    );
  });

  it('keeps no line that is too long', () => {
    const reader = new LineReader();
    const chunk = Buffer.alloc(MAX_CONTROL_BYTES, 'x');
    expect(reader.take(chunk)).to.deep.equal([]);
    expect(reader.take(Buffer.from('x'))).to.equal(null);
  });
});
