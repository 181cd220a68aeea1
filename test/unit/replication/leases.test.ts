import { expect } from 'chai';
import { emptyMap, type PartitionConfig } from '../../../common/configuration.js';
import { startLeading } from '../../../peer/replication/alignment.js';
import { enterAll } from '../../../peer/replication/configuration.js';
import { Core } from '../../../peer/replication/core.js';
import { askLeases, leased, onLeaseGrant, onLeaseRequest } from '../../../peer/replication/leases.js';
import type { LeaseGrant, LeaseRequest, PeerEnvelope } from '../../../peer/replication/messages.js';
import type { Partition } from '../../../peer/replication/partition.js';
import { DEFAULT_SETTINGS, leaseGrantMs, type Settings } from '../../../peer/replication/settings.js';
import { StoredImage } from '../../simulator/image.js';

const BOOT_MS = 50_000;
const HOLD_MS = DEFAULT_SETTINGS.leaseHoldMs;
const LONGEST_MS = DEFAULT_SETTINGS.maxLeaseHoldMs;

/** Peer `a`, a member of the one partition together with `b`; it was started at BOOT_MS. */
function start(settings: Settings = DEFAULT_SETTINGS): { core: Core; partition: Partition } {
  const members = new Map([
    ['a', 'a1'],
    ['b', 'b1'],
  ]);
  const config: PartitionConfig = {
    epoch: 1,
    primary: 'a',
    members,
    learners: [],
    fence: ['c'],
    active: true,
    la: ['a', 'b'],
  };
  const record = { storeId: 'a1', inc: 2, addr: '' };
  const map = { ...emptyMap('test'), ver: 1, peers: new Map([['a', record]]), parts: [config] };
  const core = new Core('a', 'a1', 2, map, 0, settings, new StoredImage('a1', 'test'), BOOT_MS);
  enterAll(core);
  return { core, partition: core.partitions.get(0) as Partition };
}

function from(peer: string, body: PeerEnvelope['body']): PeerEnvelope {
  return { clusterId: 'test', from: peer, fromInc: 1, ver: 1, body };
}

function grant(core: Core, t0: number, holdMs: number): void {
  const body: LeaseGrant = { type: 'lgrant', t0, holdMs, inc: 2 };
  onLeaseGrant(core, from('b', body), body);
}

/** How long this peer, as a new primary, would wait for the leases of `c`. */
function fenceMs(core: Core, partition: Partition): number {
  startLeading(core, partition, undefined);
  return (partition.lead?.fence.get('c') ?? 0) - core.leaseMs;
}

describe('peer/replication/leases', () => {
  it('L1: a lease is used for as long as it was granted, and no longer than it was asked for', () => {
    for (const holdMs of [HOLD_MS - 300, HOLD_MS, HOLD_MS + 300]) {
      const { core, partition } = start();
      grant(core, BOOT_MS, holdMs);
      const usedMs = Math.min(holdMs, HOLD_MS);
      expect(leased(core, partition, BOOT_MS + usedMs - 1)).to.equal(true);
      expect(leased(core, partition, BOOT_MS + usedMs)).to.equal(false);
    }
  });

  it('L1: a grant of a request from the future is none', () => {
    const { core, partition } = start();
    grant(core, BOOT_MS + 1, HOLD_MS);
    expect(leased(core, partition)).to.equal(false);
  });

  it('L2, L4: a peer is granted what it asks for, up to the longest, and fenced for that', () => {
    for (const askedMs of [HOLD_MS / 2, LONGEST_MS, LONGEST_MS * 5]) {
      const { core, partition } = start();
      core.leaseMs = BOOT_MS + 60_000;
      const body = { type: 'lreq', t0: 7, holdMs: askedMs } as const;
      onLeaseRequest(core, from('c', body), body);
      const holdMs = Math.min(askedMs, LONGEST_MS);
      expect(core.out.sends.at(-1)?.envelope.body).to.deep.equal({ type: 'lgrant', t0: 7, holdMs, inc: 1 });
      expect(fenceMs(core, partition)).to.equal(leaseGrantMs(holdMs, DEFAULT_SETTINGS));
    }
  });

  it('L2: a short lease does not end the fence of a longer one that was granted before', () => {
    const { core, partition } = start();
    core.leaseMs = BOOT_MS + 60_000;
    for (const holdMs of [LONGEST_MS, 100]) {
      const body = { type: 'lreq', t0: 7, holdMs } as const;
      onLeaseRequest(core, from('c', body), body);
    }
    expect(fenceMs(core, partition)).to.equal(leaseGrantMs(LONGEST_MS, DEFAULT_SETTINGS));
  });

  it('L2: after a start everybody counts as granted for the longest time that there is, by whatever settings', () => {
    const { core, partition } = start({ ...DEFAULT_SETTINGS, leaseHoldMs: 100 });
    const body = { type: 'lreq', t0: 7, holdMs: 100 } as const;
    onLeaseRequest(core, from('c', body), body);
    expect(fenceMs(core, partition)).to.equal(leaseGrantMs(LONGEST_MS, DEFAULT_SETTINGS));
  });

  it('two peers renew both leases with three messages: who answers asks along, if it is due soon', () => {
    const { core } = start();
    core.map = {
      ...core.map,
      peers: new Map([...core.map.peers, ['b', { storeId: 'b1', inc: 1, addr: '' }]]),
    };
    const sent = (): string[] => core.out.empty().sends.map(({ envelope }) => envelope.body.type);
    const asked = (): string[] => {
      const body: LeaseRequest = { type: 'lreq', t0: 1, holdMs: HOLD_MS };
      onLeaseRequest(core, from('b', body), body);
      return sent();
    };
    sent();
    askLeases(core);
    expect(sent()).to.deep.equal(['lreq']);
    expect(asked()).to.deep.equal(['lgrant']);
    core.leaseMs += DEFAULT_SETTINGS.leaseRenewMs;
    expect(asked()).to.deep.equal(['lgrant', 'lreq']);
    askLeases(core);
    expect(sent()).to.deep.equal([]);
    core.leaseMs += DEFAULT_SETTINGS.leaseRenewMs;
    askLeases(core);
    expect(sent()).to.deep.equal(['lreq']);
  });
});
