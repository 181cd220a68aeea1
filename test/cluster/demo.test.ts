/** The demo as a visitor meets it: whatever it is doing, Ctrl-C ends it and leaves nothing behind. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { isAlive, type Running } from '../../demo/processes.js';

const MAIN = fileURLToPath(new URL('../../demo/main.js', import.meta.url));
/** All ports of the demo, the last 10,000 above, are below those that systems give out; apart for test runs side by side. */
const PORT = 20_000 + (process.pid % 250) * 10;

describe('the demo', function () {
  this.timeout(60_000);

  it('leaves no process behind when it is stopped while a peer comes back', async () => {
    const data = mkdtempSync(join(tmpdir(), 'covey-demo-test-'));
    const list = join(data, 'processes.json');
    const demo = spawn(process.execPath, [MAIN, '--port', String(PORT), '--peers', '3', '--data', data]);
    const ended = new Promise<number | null>((resolve) => demo.once('exit', resolve));
    let complaint = '';
    demo.stderr.on('data', (part) => {
      complaint += String(part);
    });
    try {
      let before: Running[] = [];
      let cameSoFar = false;
      for await (const line of createInterface({ input: demo.stdout })) {
        if (line.startsWith('# Now')) before = JSON.parse(readFileSync(list, 'utf8')) as Running[];
        cameSoFar = line.startsWith('acknowledged');
        if (cameSoFar) break;
      }
      expect(cameSoFar, complaint).to.equal(true);
      // The peer is started again in the moment in which this was printed.
      const listed = () => JSON.parse(readFileSync(list, 'utf8')) as Running[];
      let started = listed();
      while (started.every(({ pid }, i) => pid === before[i]?.pid)) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        started = listed();
      }
      demo.kill('SIGINT');
      expect(await ended).to.equal(0);
      expect(existsSync(list)).to.equal(false);
      expect(started.filter(isAlive)).to.deep.equal([]);
    } finally {
      demo.kill('SIGINT');
      rmSync(data, { recursive: true, force: true });
    }
  });

  it('--stop finds a peer that was started again by hand, and the demo in the foreground ends', async () => {
    const data = mkdtempSync(join(tmpdir(), 'covey-demo-test-'));
    const list = join(data, 'processes.json');
    const flags = ['--port', String(PORT), '--peers', '1', '--no-tour', '--data', data];
    const demo = spawn(process.execPath, [MAIN, ...flags]);
    const ended = new Promise<number | null>((resolve) => demo.once('exit', resolve));
    try {
      for await (const line of createInterface({ input: demo.stdout })) {
        if (line.startsWith('Ctrl-C')) break;
      }
      const parts = JSON.parse(readFileSync(list, 'utf8')) as Running[];
      const [peer] = parts.filter(({ name }) => name === 'peer-1');
      if (peer === undefined) throw new Error('no peer-1 is listed');
      process.kill(peer.pid, 'SIGKILL');
      while (isAlive(peer)) await new Promise((resolve) => setTimeout(resolve, 10));
      const again = spawn(process.execPath, peer.args, { stdio: 'ignore' });
      const stop = spawn(process.execPath, [MAIN, '--stop', ...flags.slice(0, 2), '--data', data]);
      await Promise.all([once(again, 'exit'), once(stop, 'exit')]);
      expect(stop.exitCode).to.equal(0);
      expect(await ended).to.equal(0);
      expect(parts.filter(isAlive)).to.deep.equal([]);
    } finally {
      demo.kill('SIGINT');
      rmSync(data, { recursive: true, force: true });
    }
  });
});
