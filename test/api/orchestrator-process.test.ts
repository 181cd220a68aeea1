import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { termOf } from '../../common/configuration.js';
import { freePorts } from '../../harness/ports.js';
import { ask, eventually, post, SECRET } from './orchestrator-harness.js';
import { StandIn } from './stand-in.js';

const MAIN = fileURLToPath(new URL('../../orchestrator/main.js', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

class Run {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  out = '';

  constructor(args: readonly string[], env: Record<string, string> = {}) {
    const clean = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !name.startsWith('COVEY_')),
    );
    this.child = spawn(process.execPath, [MAIN, ...args], { env: { ...clean, ...env } });
    let err = '';
    this.child.stdout?.on('data', (chunk) => {
      this.out += chunk;
    });
    this.child.stderr?.on('data', (chunk) => {
      err += chunk;
    });
    this.ended = new Promise((resolve) => {
      this.child.on('close', (code) => resolve({ code, out: this.out, err }));
    });
  }

  /** Where it listens, as soon as it says so. */
  async url(): Promise<string> {
    return eventually(() => {
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(this.out)?.[0];
      if (found === undefined) throw new Error(`does not listen yet: ${this.out}`);
      return found;
    });
  }
}

/** A port that nobody listens on, as a flag has it. */
async function freePort(): Promise<string> {
  const [port = 0] = await freePorts(1);
  return String(port);
}

describe('the orchestrator as a process', function () {
  this.timeout(20_000);
  const running: Run[] = [];
  let folder: string;

  function run(args: readonly string[], env: Record<string, string> = {}): Run {
    const one = new Run(args, env);
    running.push(one);
    return one;
  }

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'covey-orchestrator-'));
  });

  afterEach(async () => {
    for (const { child, ended } of running.splice(0)) {
      child.kill('SIGKILL');
      await ended;
    }
    await rm(folder, { recursive: true });
  });

  it('--help lists the options', async () => {
    const { code, out } = await run(['--help']).ended;
    expect(code).to.equal(0);
    for (const flag of [
      '--port',
      '--host',
      '--data',
      '--cluster',
      '--copies',
      '--secret-file',
      ...[
        '--repair-after',
        '--min-in-sync',
        '--bootstrap-peers',
        '--failure-detection',
        '--registry-may-be-old',
      ],
    ]) {
      expect(out).to.contain(flag);
    }
  });

  it('ends with 2 and one line on a wrong value', async () => {
    const { code, err } = await run(['--copies', '17']).ended;
    expect([code, err]).to.deep.equal([
      2,
      "covey-orchestrator: --copies: expected a whole number from 1 to 16, got '17'\n",
    ]);
  });

  it('ends with 1 and one line where the port is taken, or the registry is broken', async () => {
    const port = await freePort();
    await run(['--port', port]).url();
    const second = await run(['--port', port]).ended;
    expect([second.code, second.err.trimEnd().split('\n').length]).to.deep.equal([1, 1]);
    expect(second.err).to.contain(`port ${port} is taken`);
    await writeFile(join(folder, 'registry.json'), '{"cluster":');
    const broken = await run(['--port', await freePort(), '--data', folder]).ended;
    expect([broken.code, broken.err.trimEnd().split('\n').length]).to.deep.equal([1, 1]);
    expect(broken.err).to.contain('registry.json is broken');
  });

  it('ends with 1 and one line where another has the data folder, by whichever path', async function () {
    if (process.platform !== 'linux') this.skip();
    const first = run(['--port', await freePort(), '--data', folder]);
    const url = await first.url();
    const second = await run(['--port', await freePort(), '--data', `${folder}/.`]).ended;
    expect([second.code, second.err.trimEnd().split('\n').length]).to.deep.equal([1, 1]);
    expect(second.err).to.contain('in use by another orchestrator');
    expect((await ask(`${url}/readyz`)).status).to.equal(200);
    first.child.kill('SIGKILL');
    await first.ended;
    await run(['--port', await freePort(), '--data', folder]).url();
  });

  it('takes settings from the environment, flags first, and says what it runs without', async () => {
    const port = await freePort();
    const one = run(['--port', port], { COVEY_PORT: '1', COVEY_CLUSTER: 'starlings' });
    const url = await one.url();
    expect(url).to.equal(`http://127.0.0.1:${port}`);
    expect((await ask<{ cluster: string }>(`${url}/all-nodes`)).body.cluster).to.equal('starlings');
    expect(one.out).to.contain('no secret').and.to.contain('no data folder');
  });

  it('asks for the secret that it was given in the environment or in a file', async () => {
    const secretFile = join(folder, 'secret');
    await writeFile(secretFile, `${SECRET}\n`);
    for (const [args, env] of [
      [[], { COVEY_SECRET: SECRET }],
      [['--secret-file', secretFile], {}],
    ] as const) {
      const one = run(['--port', await freePort(), ...args], env);
      const url = await one.url();
      expect((await post(`${url}/reports`, { reports: [] }, null)).status).to.equal(401);
      expect((await post(`${url}/reports`, { reports: [] })).status).to.equal(204);
      expect(one.out).not.to.contain(SECRET);
    }
  });

  it('goes on after kill -9 with what it said last, and rebuilds what was deleted under its feet', async () => {
    const args = ['--port', await freePort(), '--data', folder, '--failure-detection', 'fast'];
    const first = run(args, { COVEY_SECRET: SECRET });
    const url = await first.url();
    const peers = await Promise.all(['p1', 'p2', 'p3'].map((id) => StandIn.start(id, url)));
    try {
      for (const peer of peers) await peer.register();
      const calm = () =>
        eventually(() => {
          for (const { map } of peers) {
            expect(map?.parts.filter((part) => part?.active)).to.have.length(256);
            expect(map?.ver).to.equal(peers[0]?.map?.ver);
          }
        });
      await calm();
      const ver = peers[0]?.map?.ver ?? 0;
      first.child.kill('SIGKILL');
      await first.ended;
      const second = run(args, { COVEY_SECRET: SECRET });
      await second.url();
      await eventually(async () =>
        expect((await ask<{ phase: string }>(`${url}/status`)).body.phase).to.equal('managing'),
      );
      expect((await ask<{ epoch: number }>(`${url}/status`)).body.epoch).to.be.at.least(ver);
      second.child.kill('SIGKILL');
      await second.ended;
      await rm(join(folder, 'registry.json'));
      await run(args, { COVEY_SECRET: SECRET }).url();
      for (const peer of peers) await peer.register();
      await eventually(() => expect(termOf(peers[0]?.map?.ver ?? 0)).to.be.above(termOf(ver)));
      await calm();
    } finally {
      for (const peer of peers) await peer.stop();
    }
  });

  it('stops within 2 s on SIGTERM and on SIGINT', async () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const one = run(['--port', await freePort(), '--data', folder]);
      const url = await one.url();
      await ask(`${url}/livez`);
      const since = performance.now();
      one.child.kill(signal);
      expect((await one.ended).code).to.equal(0);
      expect(performance.now() - since).to.be.below(2_000);
    }
  });
});
