/** The orchestrator and its data folder: restarts, lost and old registries, a disk in trouble. Files and HTTP are real. */
import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type ClusterMap, termOf } from '../../common/configuration.js';
import type { Orchestrator, OrchestratorOptions } from '../../orchestrator/orchestrator.js';
import { ask, eventually, post, start } from './orchestrator-harness.js';
import { GONE, StandIn } from './stand-in.js';

interface Status {
  readonly epoch: number;
  readonly phase: string;
  readonly ready: boolean;
  readonly waitsFor: readonly string[];
  readonly partitions: { readonly undecided: readonly { readonly missing: readonly string[] }[] };
}

describe("the orchestrator's data folder", function () {
  this.timeout(30_000);
  let folder: string;
  let path: string;
  let orchestrator: Orchestrator;
  let url: string;
  let lines: string[];
  const ends: (() => Promise<void>)[] = [];

  async function run(options: Partial<OrchestratorOptions> = {}): Promise<void> {
    lines = [];
    orchestrator = await start({ data: folder, partitions: 16, ...options }, lines);
    url = orchestrator.url;
    ends.push(() => orchestrator.stop());
  }

  async function cluster(): Promise<readonly [StandIn, StandIn, StandIn]> {
    await run();
    const peers: StandIn[] = [];
    for (const id of ['p1', 'p2', 'p3']) {
      const one = await StandIn.start(id, url);
      ends.push(() => one.stop());
      await one.register();
      peers.push(one);
    }
    await calm(peers);
    return peers as unknown as readonly [StandIn, StandIn, StandIn];
  }

  /** The orchestrator ends, something happens to its files, and another one starts. */
  async function again(
    peers: readonly StandIn[],
    meanwhile: () => Promise<void>,
    options: Partial<OrchestratorOptions> = {},
  ): Promise<void> {
    await orchestrator.stop();
    await meanwhile();
    await run(options);
    for (const peer of peers) peer.orchestrator = url;
  }

  async function status(): Promise<Status> {
    return (await ask<Status>(`${url}/status`)).body;
  }

  /** Everybody follows the same map, in which all partitions are active. */
  async function calm(peers: readonly StandIn[]): Promise<void> {
    await eventually(() => {
      const [first] = peers;
      expect(first?.map?.parts.filter((part) => part?.active)).to.have.length(16);
      for (const peer of peers) expect(peer.map?.ver).to.equal(first?.map?.ver);
    });
  }

  /** As `calm`, with a map of the term that a rebuild began. */
  async function rebuilt(peers: readonly StandIn[]): Promise<void> {
    await eventually(() => expect(termOf(peers[0]?.map?.ver ?? 0)).to.be.above(1));
    await calm(peers);
  }

  const placement = (map: ClusterMap | undefined) =>
    map?.parts.map((part) => [part?.primary, [...(part?.members ?? [])].sort()]);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'covey-registry-'));
    path = join(folder, 'registry.json');
  });

  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
    await rm(folder, { recursive: true });
  });

  it('brings the same map back after a restart, with nothing moved', async () => {
    const peers = await cluster();
    const before = placement(peers[0].map);
    const ver = peers[0].map?.ver;
    await again(peers, async () => undefined);
    await eventually(async () => expect((await status()).phase).to.equal('managing'));
    expect((await status()).epoch).to.equal(ver);
    const { calls } = peers[0];
    await eventually(() => expect(peers[0].calls).to.be.above(calls + 10));
    expect([placement(peers[0].map), peers[0].map?.ver]).to.deep.equal([before, ver]);
  });

  it('holds every map before any peer hears of it', async () => {
    const peers = await cluster();
    const stored = JSON.parse(await readFile(path, 'utf8')) as { ver: number };
    expect(stored.ver).to.be.at.least(Math.max(...peers.flatMap((peer) => peer.pushed)));
  });

  it('if it is gone, the registry is rebuilt from all members and never guessed from some', async () => {
    const peers = await cluster();
    const [p1, p2, p3] = peers;
    const before = placement(p1.map);
    p3.misbehave = GONE;
    await again(peers, () => rm(path));
    for (const peer of [p1, p2]) await peer.register();
    await eventually(async () => {
      const { phase, waitsFor } = await status();
      expect(phase).to.equal('rebuilding');
      expect(waitsFor.join()).to.match(/^rebuilding: partitions 0, 1, .* and 8 more need an answer of p3$/);
    });
    const pushed = p1.pushed.length;
    const { calls } = p1;
    await eventually(() => expect(p1.calls).to.be.above(calls + 20));
    expect(p1.pushed.length, 'nothing is decided without p3').to.equal(pushed);
    p3.misbehave = null;
    await p3.register();
    await rebuilt(peers);
    expect(placement(p1.map)).to.deep.equal(before);
    expect(lines.join('\n')).to.match(/registry is lost or old[\s\S]*registry is rebuilt/);
    expect((JSON.parse(await readFile(path, 'utf8')) as { ver: number }).ver).to.equal(p1.map?.ver);
  });

  it('an operator may give a missing member up, partition by partition, knowing who is missing', async () => {
    const peers = await cluster();
    const [p1, p2, p3] = peers;
    p3.misbehave = GONE;
    await again(peers, () => rm(path));
    for (const peer of [p1, p2]) await peer.register();
    await eventually(async () => {
      const { partitions, waitsFor } = await status();
      expect(partitions.undecided).to.have.length(16);
      expect(waitsFor.join()).to.match(/need an answer of p3$/);
    });
    const asked = await post(`${url}/partitions/3/force-rebuild`, '');
    expect([asked.status, asked.body.code]).to.deep.equal([409, 'change-refused']);
    expect(asked.body.detail).to.contain('p3').and.to.contain('?accept-loss=true');
    for (let partition = 0; partition < 16; partition++) {
      const answer = await post(`${url}/partitions/${partition}/force-rebuild?accept-loss=true`, '');
      expect(answer.status, JSON.stringify(answer.body)).to.equal(202);
    }
    await rebuilt([p1, p2]);
    for (const part of p1.map?.parts ?? []) expect(part?.members.has('p3')).to.equal(false);
  });

  it('if it is an old copy, it is rebuilt, whether that was said or shows', async () => {
    const copy = join(folder, 'copy.json');
    const peers = await cluster();
    await copyFile(path, copy);
    for (const registryMayBeOld of [true, false]) {
      await peers[1].restart();
      await eventually(() => expect(peers[0].map?.peers.get('p2')?.inc).to.equal(peers[1].inc));
      await calm(peers);
      const ver = peers[0].map?.ver ?? 0;
      await again(peers, () => copyFile(copy, path), { registryMayBeOld });
      await eventually(() => expect(peers[0].map?.ver).to.be.above(ver));
      await calm(peers);
      expect(peers[0].map?.peers.get('p2')?.inc).to.equal(peers[1].inc);
      expect(lines.join('\n')).to.contain('registry is rebuilt');
    }
  });

  it('while it cannot be written nothing is changed, and people are told; then it goes on', async () => {
    const peers = await cluster();
    const [p1, p2] = peers;
    const ver = p1.map?.ver;
    await mkdir(`${path}.new`);
    await p2.restart();
    await eventually(async () => {
      const { ready, waitsFor } = await status();
      expect([ready, waitsFor]).to.deep.equal([false, ['the disk of the registry: EISDIR']]);
    });
    expect((await ask(`${url}/readyz`)).status).to.equal(503);
    expect((await ask<string>(`${url}/metrics`)).body).to.contain('covey_orchestrator_registry_fault 1');
    expect(p1.map?.ver).to.equal(ver);
    await rm(`${path}.new`, { recursive: true });
    await eventually(() => expect(p1.map?.peers.get('p2')?.inc).to.equal(p2.inc));
    await calm(peers);
    expect((await ask(`${url}/readyz`)).status).to.equal(200);
    expect(lines.filter((line) => line.startsWith('cannot store the registry'))).to.have.length(1);
  });
});
