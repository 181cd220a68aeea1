/** The demo as a visitor meets it: whatever it is doing, Ctrl-C ends it and leaves nothing behind. */
import { spawn } from 'node:child_process';
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
});
