/** What people are told: rosters, summaries, moves, and what is waited for. */
import { expect } from 'chai';
import {
  type ClusterMap,
  emptyMap,
  type PartitionConfig,
  type PeerRecord,
} from '../../../common/configuration.js';
import { allUp } from '../../../common/roster.js';
import { summarise } from '../../../common/summary.js';
import type { Imbalance, ManagerStatus, Move } from '../../../orchestrator/configuration/machine.js';
import { MoveWatch } from '../../../orchestrator/move-watch.js';
import { lineFor, listed, lostLine } from '../../../orchestrator/notes.js';
import {
  headline,
  type Outlook,
  readinessReport,
  statusReport,
  waitsFor,
} from '../../../orchestrator/reports.js';
import { RosterKeeper } from '../../../orchestrator/roster-keeper.js';

const record = (port: number, more: Partial<PeerRecord> = {}): PeerRecord => ({
  ...{ storeId: `s${port}`, inc: 1, addr: `127.0.0.1:${port}/1${port}` },
  ...more,
});

function part(primary: string, others: readonly string[], learners: readonly string[] = []): PartitionConfig {
  const members = new Map([primary, ...others].map((id) => [id, `${id}-disk`]));
  return { epoch: 1, primary, members, learners, fence: [], active: true, la: [primary] };
}

const MAP: ClusterMap = {
  ...{ clusterId: 'covey', ver: 4 },
  peers: new Map([
    ['p10', record(10, { weight: 0 })],
    ['p2', record(2)],
    ['p1', record(1, { drain: { scope: 'everything', until: 'operator' } })],
  ]),
  parts: [part('p1', ['p2']), part('p2', [], ['p1']), undefined],
};

const STATUS: ManagerStatus = {
  ...{ phase: 'managing', map: MAP, live: ['p1', 'p10'], suspectsSelf: false },
  ...{ lost: [], undecided: [], moving: [], missingFounders: 0 },
};

function outlook(status: Partial<ManagerStatus> = {}, more: Partial<Outlook> = {}): Outlook {
  return {
    status: { ...STATUS, ...status },
    ...{ imbalance: { missing: 0, copies: 0, primaries: 0 }, moves: [], moved: 0, fault: null, copies: 2 },
    ...{ roster: { copies: 2, peers: [] }, url: 'http://o', nowMs: 0 },
    health: () => ({ answeredMs: null, epoch: 0, fault: null }),
    ...more,
  };
}

describe('orchestrator/roster-keeper', () => {
  it('says who is up, down or leaving, and since when', () => {
    const keeper = new RosterKeeper(2);
    expect(keeper.look(STATUS, 1_000)).to.equal(true);
    expect(keeper.roster).to.deep.equal({
      copies: 2,
      peers: [
        { id: 'p10', status: 'up', sinceMs: 1_000 },
        { id: 'p2', status: 'down', sinceMs: 1_000 },
        { id: 'p1', status: 'leaving', sinceMs: 1_000 },
      ],
    });
    expect(JSON.parse(keeper.text)).to.deep.equal(keeper.roster);
    expect(allUp(keeper.roster)).to.equal(false);
    expect(keeper.look(STATUS, 2_000)).to.equal(false);
    expect(keeper.look({ ...STATUS, live: ['p1', 'p2', 'p10'] }, 3_000)).to.equal(true);
    expect(keeper.roster.peers.map(({ sinceMs }) => sinceMs)).to.deep.equal([1_000, 3_000, 1_000]);
    expect(keeper.look({ ...STATUS, map: emptyMap('covey') }, 4_000)).to.equal(true);
    expect([keeper.roster.peers, allUp(keeper.roster)]).to.deep.equal([[], true]);
  });
});

describe('common/summary', () => {
  it('counts what each one holds, and knows its status from the roster alone', () => {
    const roster = { copies: 2, peers: [{ id: 'p2', status: 'up' as const, sinceMs: 0 }] };
    expect(summarise(MAP, roster)).to.deep.equal([
      {
        ...{ id: 'p1', address: '127.0.0.1:1', status: 'unknown', since: null, weight: 1 },
        partitions: { primary: 1, replica: 0, joining: 1 },
      },
      {
        ...{ id: 'p2', address: '127.0.0.1:2', status: 'up', since: '1970-01-01T00:00:00.000Z', weight: 1 },
        partitions: { primary: 1, replica: 1, joining: 0 },
      },
      {
        ...{ id: 'p10', address: '127.0.0.1:10', status: 'unknown', since: null, weight: 0 },
        partitions: { primary: 0, replica: 0, joining: 0 },
      },
    ]);
    expect(summarise(MAP, null).map(({ status }) => status)).to.deep.equal(['unknown', 'unknown', 'unknown']);
  });
});

describe('orchestrator/reports', () => {
  it('tell in plain words what is waited for', () => {
    const undecided = [3, 4, 5].map((partition) => ({ partition, missing: ['p2'] }));
    const cases: readonly (readonly [Partial<ManagerStatus>, readonly string[]])[] = [
      [{}, []],
      [{ phase: 'waiting', missingFounders: 2 }, ['waiting for 2 more peers']],
      [{ phase: 'waiting' }, ['the registry is empty: waiting for a peer that knows the cluster']],
      [
        { phase: 'rebuilding', undecided: [...undecided, { partition: 9, missing: ['p1', 'p2'] }] },
        [
          'rebuilding: partitions 3, 4, 5 need an answer of p2',
          'rebuilding: partition 9 needs an answer of p1 and p2',
        ],
      ],
      [
        { phase: 'rebuilding', undecided: [{ partition: 0, missing: [] }] },
        ['rebuilding: partition 0 needs an answer of any peer'],
      ],
      [{ lost: [7] }, ['partition 7: lost, until an old disk comes back']],
      [
        { suspectsSelf: true },
        ['more than half of all peers fell silent at once: nothing is changed for now'],
      ],
    ];
    for (const [status, words] of cases) expect(waitsFor(outlook(status))).to.deep.equal(words);
    const rebuilding = outlook({
      phase: 'rebuilding',
      undecided: [...undecided, { partition: 9, missing: ['p1'] }],
    });
    expect(headline(rebuilding.status)).to.equal('rebuilding: 4 partitions need answers of p1, p2');
    expect(headline(outlook({ phase: 'waiting', missingFounders: 1 }).status)).to.equal(
      'waiting for 1 more peer',
    );
    expect(waitsFor(outlook({}, { fault: 'ENOSPC' }))).to.deep.equal(['the disk of the registry: ENOSPC']);
  });

  it('show drains with what is left, and moves with their ends', () => {
    const moves = [{ partition: 1, from: 'p2', to: 'p1', sinceMs: 5 }];
    const report = statusReport(outlook({}, { moves, imbalance: { missing: 1, copies: 2, primaries: 3 } }));
    expect(report).to.deep.include({
      drains: [{ id: 'p1', scope: 'everything', until: 'operator', left: 2, done: false }],
      partitions: { total: 2, active: 2, short: 1, lost: [], undecided: [] },
      rebalance: {
        ...{ underWay: 1, done: 0, toCome: 3, primariesToHandOver: 3 },
        moves: [{ partition: 1, from: 'p2', to: 'p1', since: '1970-01-01T00:00:00.005Z' }],
      },
    });
  });

  it('are ready once the registry is read and can be stored', () => {
    const ready = (each: Outlook) => readinessReport(each).every(({ ok }) => ok);
    expect(ready(outlook())).to.equal(true);
    expect(ready(outlook({ phase: 'waiting', missingFounders: 1 }))).to.equal(true);
    expect(ready(outlook({ phase: 'reading' }))).to.equal(false);
    expect(ready(outlook({}, { fault: 'EIO' }))).to.equal(false);
  });
});

describe('orchestrator/notes', () => {
  it('list numbers up to a limit', () => {
    expect(listed('partition', [3])).to.equal('partition 3');
    expect(listed('partition', [3, 4])).to.equal('partitions 3, 4');
    const many = Array.from({ length: 20 }, (_, i) => i);
    expect(listed('partition', many)).to.equal('partitions 0, 1, 2, 3, 4, 5, 6, 7 and 12 more');
  });

  it('are loud where data is lost', () => {
    expect(lineFor({ type: 'partition-lost', partition: 3 })).to.deep.equal(lostLine([3]));
    expect(lostLine([3, 4])).to.deep.include({ level: 'error' });
    expect(lostLine([3, 4]).text)
      .to.contain('DATA LOST')
      .and.to.contain('partitions 3, 4');
    expect(lineFor({ type: 'peer-wiped', peer: 'p1' }).level).to.equal('warn');
  });

  it('say who was taken out, on whose word, and why', () => {
    const note = {
      type: 'accused-removed',
      peer: 'p1',
      partitions: 3,
      why: 'no-ack',
      accusers: ['p2', 'p3'],
    } as const;
    expect(lineFor(note)).to.deep.equal({
      level: 'warn',
      text: 'p1 is taken out of 3 partitions: p2, p3 had no acknowledgement of a write from it for too long',
    });
  });
});

describe('orchestrator/move-watch', () => {
  const BALANCED: Imbalance = { missing: 0, copies: 0, primaries: 0 };
  const MOVE: Move = { partition: 0, from: 'p1', to: 'p3' };

  it('tells of a run of moves: its begin, how far it is, its end', () => {
    const watch = new MoveWatch();
    let left: Imbalance = { missing: 1, copies: 2, primaries: 0 };
    const look = (moving: readonly Move[], nowMs: number, map = MAP) =>
      watch
        .look({ moving, map }, nowMs, nowMs, () => left)
        .filter(({ level }) => level === 'info')
        .map(({ text }) => text);
    expect(look([], 0)).to.deep.equal([]);
    expect(look([MOVE], 100)).to.deep.equal(['copies on their way: 1, to come: 3, done: 0']);
    expect(watch.moves).to.deep.equal([{ ...MOVE, sinceMs: 100 }]);
    expect(look([MOVE], 200)).to.deep.equal([]);
    const arrived = { ...MAP, parts: [part('p1', ['p2', 'p3'])] };
    expect(look([{ ...MOVE, to: undefined }], 5_200, arrived)).to.deep.equal([
      'copies on their way: 1, to come: 3, done: 1',
    ]);
    expect(look([], 5_300), 'there is more to come').to.deep.equal([]);
    expect(look([{ ...MOVE, partition: 1 }], 5_400)).to.deep.equal([]);
    left = BALANCED;
    expect(look([], 6_100), 'a copy that did not arrive is not counted').to.deep.equal([
      'all copies are where they belong: 1 moved or made anew in 6.0 s',
    ]);
    expect([watch.moves, watch.done]).to.deep.equal([[], 0]);
  });

  it('tells of each move at level debug', () => {
    const watch = new MoveWatch();
    const texts = (moving: readonly Move[], map = MAP) =>
      watch
        .look({ moving, map }, 0, 0, () => BALANCED)
        .flatMap(({ level, text }) => (level === 'debug' ? [text] : []));
    expect(texts([MOVE])).to.deep.equal(['partition 0: a copy goes to p3, in place of p1']);
    expect(texts([{ ...MOVE, from: undefined, to: 'p2' }])).to.deep.equal([
      'partition 0: p3 gets no copy after all',
      'partition 0: a copy goes to p2',
    ]);
    expect(texts([])).to.deep.equal(['partition 0: p2 has its copy']);
  });
});
