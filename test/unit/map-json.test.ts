import { expect } from 'chai';
import fc from 'fast-check';
import type { ClusterMap, PartitionConfig, PeerRecord } from '../../common/configuration.js';
import { registrationSchema, reportsSchema, reportsText } from '../../common/control.js';
import type { ReportEnvelope, ReportMessage } from '../../common/control-messages.js';
import { mapSchema, mapText } from '../../common/map-json.js';

const RECORD: PeerRecord = { storeId: 's1', inc: 3, addr: '127.0.0.1:80/90' };
const PART: PartitionConfig = {
  ...{ epoch: 7, primary: 'a', members: new Map([['a', 's1']]), learners: ['b'], fence: ['c'] },
  ...{ active: true, la: ['a'] },
};
const MAP: ClusterMap = {
  clusterId: 'covey',
  ver: 9,
  peers: new Map([['a', RECORD]]),
  parts: [PART, undefined],
};

/** What is written and read again. */
function again(map: ClusterMap): ClusterMap {
  return mapSchema.parse(JSON.parse(mapText(map)));
}

function fault(json: unknown): string {
  const parsed = mapSchema.safeParse(json);
  return parsed.success ? 'none' : (parsed.error.issues[0]?.message ?? '');
}

/** The map's JSON, with changes to it or to its first partition. */
function broken(changes: object, part: object = {}): unknown {
  const json = JSON.parse(mapText(MAP)) as { parts: object[] };
  return { ...json, parts: [{ ...json.parts[0], ...part }, ...json.parts.slice(1)], ...changes };
}

describe('common/map-json', () => {
  it('gives back what was written, with all that may be left out', () => {
    for (const record of [
      RECORD,
      { ...RECORD, weight: 0 },
      { ...RECORD, drain: { scope: 'everything', until: 'operator' } as const },
    ]) {
      const map = { ...MAP, peers: new Map([['a', record]]), minInSync: 2 };
      expect(again(map)).to.deep.equal(map);
    }
    expect(again(MAP)).to.deep.equal(MAP);
    expect(again(MAP)).not.to.have.property('minInSync');
  });

  it('gives back any map', () => {
    const id = fc.oneof(
      fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,20}$/),
      fc.constantFrom('constructor', 'toString', 'hasOwnProperty'),
    );
    const part = fc.record({
      others: fc.uniqueArray(id, { maxLength: 4 }),
      primary: id,
      active: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.uniqueArray(id, { maxLength: 6 }),
        fc.array(fc.option(part), { maxLength: 8 }),
        (ids, parts) => {
          const map: ClusterMap = {
            ...{ clusterId: 'covey', ver: 2 ** 40 },
            peers: new Map(ids.map((peer, inc) => [peer, { ...RECORD, inc }])),
            parts: parts.map((each) => {
              if (each === null) return undefined;
              const members = new Map([...each.others, each.primary].map((peer) => [peer, `${peer}/1`]));
              return {
                ...PART,
                ...{ primary: each.primary, members, la: [each.primary], learners: [] },
                active: each.active,
              };
            }),
          };
          expect(again(map)).to.deep.equal(map);
        },
      ),
    );
  });

  it('takes no name for anything but a name', () => {
    const text = mapText(MAP).replace('[["a",{', '[["__proto__",{');
    const parsed = mapSchema.safeParse(JSON.parse(text));
    expect(parsed.success, 'names begin with a letter or digit').to.equal(false);
    expect(({} as { storeId?: string }).storeId).to.equal(undefined);
  });

  it('refuses what is no sound map', () => {
    expect(fault(broken({}))).to.equal('none');
    expect(fault(broken({ ver: -1 }))).to.contain('>=0');
    expect(fault(broken({ ver: 6 }))).to.contain('newer than the map');
    expect(fault(broken({ peers: [...[['a', RECORD]], ['a', RECORD]] }))).to.contain('named twice');
    expect(fault(broken({ colour: 'red' }))).to.contain('colour');
    expect(fault(broken({ minInSync: 0 }))).to.contain('>=1');
    expect(fault(broken({ peers: [['a', { ...RECORD, addr: 'nowhere' }]] }))).to.contain('host:port');
    expect(fault(broken({}, { primary: 'z' }))).to.contain('no member');
    expect(fault(broken({}, { la: [] }))).to.contain('may not lead');
    expect(fault(broken({}, { learners: ['a'] }))).to.contain('learner that is a member');
    expect(
      fault(
        broken(
          {},
          {
            members: [
              ['a', 's1'],
              ['a', 's2'],
            ],
          },
        ),
      ),
    ).to.contain('member twice');
    expect(fault(broken({}, { active: 1 }))).to.contain('boolean');
    for (const none of [null, [], 'map', 7, {}]) expect(fault(none)).not.to.equal('none');
  });

  it('writes a map once, however often it is sent', () => {
    expect(mapText(MAP)).to.equal(mapText(MAP));
    const next = { ...MAP, ver: 10 };
    expect(JSON.parse(mapText(next))).to.deep.include({ ver: 10 });
  });
});

describe('common/control', () => {
  const sender = {
    clusterId: 'covey',
    from: 'a',
    fromInc: 3,
    storeId: 's1',
    addr: '127.0.0.1:80/90',
    ver: 9,
  };

  it('carries everything that a peer says', () => {
    const cases = [{ partition: 3, epoch: 7 }];
    const bodies: ReportMessage[] = [
      { type: 'register' },
      { type: 'register', weight: 0 },
      { type: 'pong', n: 4, active: cases, promised: 2 ** 33 },
      { type: 'add', partition: 3, epoch: 7, learner: 'b', learnerStoreId: 's2', learnerInc: 1 },
      { type: 'accuse', who: 'b', why: 'no-ack', cases },
      { type: 'state', term: 5, map: MAP },
      { type: 'pull' },
      { type: 'leave' },
      { type: 'leave', only: 'duties' },
    ];
    const reports = bodies.map((body): ReportEnvelope => ({ ...sender, body }));
    expect(reportsSchema.parse(JSON.parse(reportsText(reports)))).to.deep.equal({ reports });
    const [register] = reports;
    expect(registrationSchema.parse(JSON.parse(JSON.stringify(register)))).to.deep.equal(register);
  });

  it('refuses what is half right in full', () => {
    const good = { ...sender, body: { type: 'pull' } };
    for (const wrong of [
      { ...good, body: { type: 'shout' } },
      { ...good, from: 'a b' },
      { ...good, ver: 1.5 },
      { ...good, storeId: 'two words' },
      { ...good, extra: 1 },
      { ...good, body: { type: 'state', term: 5, map: { ...MAP, ver: -1 } } },
    ]) {
      expect(reportsSchema.safeParse({ reports: [good, wrong] }).success).to.equal(false);
    }
  });
});
