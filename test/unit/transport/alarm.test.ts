import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect } from 'chai';
import { systemClock } from '../../../common/clock.js';
import { Alarm } from '../../../peer/transport/alarm.js';

/** Both ends of a connection, and how to close it. */
async function connection(): Promise<{ near: Socket; far: Socket; close(): void }> {
  const server = createServer();
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [far] = await accepted;
  const close = () => {
    near.destroy();
    far.destroy();
    server.close();
  };
  return { near, far, close };
}

function standStill(ms: number): void {
  const endMs = systemClock.monotonicMs() + ms;
  while (systemClock.monotonicMs() < endMs);
}

describe('peer/transport/alarm', () => {
  it('rings after what came while the process stood still was read', async () => {
    const { near, far, close } = await connection();
    const seen: string[] = [];
    near.on('data', () => seen.push('data'));
    await new Promise<void>((rung) => {
      const alarm = new Alarm(systemClock, () => {
        seen.push('rung');
        rung();
        return Number.POSITIVE_INFINITY;
      });
      alarm.set(systemClock.monotonicMs() + 5);
      far.write('x');
      standStill(100);
    });
    close();
    expect(seen).to.deep.equal(['data', 'rung']);
  });

  it('rings for what is due next, and not after it was stopped', async () => {
    let [rings, nowMs] = [0, 0];
    const alarm = new Alarm({ ...systemClock, monotonicMs: () => nowMs }, () => {
      rings++;
      return rings === 1 ? nowMs + 5 : Number.POSITIVE_INFINITY;
    });
    alarm.set(5);
    while (rings < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    alarm.set(nowMs + 5);
    // Late: it would look a moment later.
    nowMs += 1_000;
    await new Promise((resolve) => setTimeout(resolve, 10));
    const before = rings;
    alarm.set(nowMs + 5);
    alarm.stop();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(rings).to.equal(before);
  });
});
