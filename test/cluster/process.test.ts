import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { Cluster, type Member } from '../../harness/cluster.js';
import { Plain } from '../../harness/plain.js';
import { freePorts } from '../../harness/ports.js';
import { serving, until } from '../../harness/watching.js';
import { becomesWhole, endCluster, startCluster } from './asking.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The smallest cluster there is. */
const ONE = { peers: 1, copies: 1, minInSync: 1 };

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs one of our programs until it ends. */
function run(script: string, args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const child = spawn(process.execPath, [join(ROOT, script), ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })));
}

async function occupied(): Promise<{ port: number; server: Server }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as { port: number }).port, server };
}

describe('the programs', function () {
  this.timeout(30_000);
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'covey-test-'));
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  const oneLine = /^covey-[a-z]+: [^\n]+\n$/;

  for (const script of ['peer/main.js', 'orchestrator/main.js']) {
    describe(script, () => {
      it('shows its options', async () => {
        const { code, out } = await run(script, ['--help']);
        expect(code).to.equal(0);
        expect(out)
          .to.match(/--port/)
          .and.to.match(/COVEY_PORT/);
      });

      it('ends with 2 and one line where an option is wrong', async () => {
        for (const args of [['--port', 'x'], ['--nope'], ['--host', '0.0.0.0', '--advertise', '10.0.0.1']]) {
          const { code, err } = await run(script, args);
          expect(code, args.join()).to.equal(2);
          expect(err).to.match(oneLine);
        }
      });

      it('takes flags before the environment', async () => {
        const { code, err } = await run(script, ['--port', 'flag'], { COVEY_PORT: 'environment' });
        expect(code).to.equal(2);
        expect(err).to.include("'flag'");
      });

      it('ends with 1 and one line where its port is taken', async () => {
        const { port, server } = await occupied();
        const [other] = await freePorts(1);
        const ports = script.startsWith('peer') ? ['--peer-port', String(other)] : [];
        const { code, err } = await run(script, ['--port', String(port), ...ports]);
        server.close();
        expect(code).to.equal(1);
        expect(err).to.match(oneLine).and.to.include(String(port));
      });

      it('ends with 1 and one line where its data folder cannot be used', async () => {
        const file = join(folder, `${script.split('/')[0]}-file`);
        writeFileSync(file, 'no folder');
        const { code, err } = await run(script, ['--data', file]);
        expect(code).to.equal(1);
        expect(err).to.match(oneLine);
      });

      it('never shows a secret', async () => {
        const secret = 'canary-canary-canary';
        const { out, err } = await run(script, ['--port', 'x'], { COVEY_SECRET: secret });
        expect(out + err).not.to.include(secret);
      });
    });
  }

  it('a peer whose peer port is taken ends with 1 and one line', async () => {
    const { port, server } = await occupied();
    const [http] = await freePorts(1);
    const { code, err } = await run('peer/main.js', ['--port', String(http), '--peer-port', String(port)]);
    server.close();
    expect(code).to.equal(1);
    expect(err).to.match(oneLine).and.to.include('--peer-port');
  });

  it('a peer refuses a data folder that another one uses, or that belongs to another peer', async () => {
    const cluster = await startCluster(ONE);
    try {
      const peer = cluster.peers[0] as Member;
      const twice = await run('peer/main.js', [...(await ports()), '--data', peer.data, '--id', 'peer-1']);
      expect(twice.code).to.equal(1);
      expect(twice.err).to.match(oneLine).and.to.include(peer.data);
      expect((await peer.process.end('SIGTERM'))?.code).to.equal(0);
      const other = await run('peer/main.js', [...(await ports()), '--data', peer.data, '--id', 'another']);
      expect(other.code).to.equal(1);
      expect(other.err).to.match(oneLine).and.to.include('peer-1');
    } finally {
      await endCluster(cluster);
    }
  });

  it('a peer that starts before its orchestrator waits for it', async () => {
    const cluster = await Cluster.make(new Plain(), ONE);
    const early = cluster.peers[0] as Member;
    try {
      early.process.start();
      const said = () => early.process.log().includes('trying again');
      expect(await until(async () => (said() ? null : 'silent'), 10_000)).to.equal(null);
      expect((await fetch(`${early.url}/livez`)).status).to.equal(200);
      expect((await fetch(`${early.url}/readyz`)).status).to.equal(503);
      cluster.orchestrator.process.start();
      expect(await serving(early, 20_000)).to.equal(null);
    } finally {
      await endCluster(cluster);
    }
  });

  it('a peer of another cluster, or with another secret, is refused and says why', async () => {
    const cluster = await startCluster(ONE);
    try {
      const words = ['--orchestrator', cluster.orchestrator.url];
      const secret = join(cluster.folder, 'secret');
      const stranger = [...words, ...(await ports()), '--cluster', 'other', '--secret-file', secret];
      const refused = await run('peer/main.js', stranger);
      expect(refused.code).to.equal(1);
      expect(refused.err).to.match(oneLine).and.to.include('covey');
      const thief = await run('peer/main.js', [...words, ...(await ports())], {
        COVEY_SECRET: 'not-the-right-secret',
      });
      expect(thief.code).to.equal(1);
      expect(thief.err).to.match(oneLine).and.to.include('secret');
      await becomesWhole(cluster);
    } finally {
      await endCluster(cluster);
    }
  });

  it('both end cleanly and soon on SIGTERM, also without each other', async () => {
    const cluster = await startCluster({ peers: 2, copies: 2, minInSync: 1 });
    try {
      const startedMs = performance.now();
      expect((await cluster.orchestrator.process.end('SIGTERM'))?.code).to.equal(0);
      const ends = await Promise.all(cluster.peers.map(({ process }) => process.end('SIGTERM')));
      expect(ends.map((end) => end?.code)).to.deep.equal([0, 0]);
      expect(performance.now() - startedMs).to.be.below(8_000);
    } finally {
      await endCluster(cluster);
    }
  });
});

async function ports(): Promise<string[]> {
  const [port, peerPort] = await freePorts(2);
  return ['--port', String(port), '--peer-port', String(peerPort)];
}
