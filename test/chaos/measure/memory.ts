/** A peer that holds more than its memory may: 2 GB in 512 MiB. It takes all of it, serves it, and serves it after a restart. */
import type { Member } from '../../../harness/cluster.js';
import { serving } from '../../../harness/watching.js';
import { findWrong, storeMany } from './bulk.js';
import { type Lab, type Measurement, ms, percentile, type Result } from './lab.js';
import { Load } from './load.js';
import { limitMemory, residentBytes } from './memory-limit.js';

const LIMIT_BYTES = 512 * 1024 * 1024;
const VALUE_BYTES = 16 * 1024;
/** 2 GB. */
const KEYS = 122_000;
const STEP = 7;
const LOAD_SECONDS = 20;
const SERVING_WITHIN_MS = 120_000;

export const memory: Measurement = {
  name: 'memory',
  goal: 'a peer with 2 GB of data in a 512 MiB memory limit: serves',
  async run(lab: Lab): Promise<Result> {
    const keys = lab.scale.keys ?? KEYS;
    const limit = limitMemory('peer', LIMIT_BYTES);
    if (limit === null) throw new Error('this machine does not let us limit memory (control groups)');
    lab.atEnd(() => limit.release());
    const cluster = await lab.cluster({ peers: 1, copies: 1, minInSync: 1 }, ({ peers }) => {
      for (const { process } of peers) process.wrap = limit.wrap;
    });
    const peer = cluster.peers[0] as Member;
    await storeMany([peer], keys, VALUE_BYTES, lab.say);
    lab.say(
      `${keys} keys stored, ${resident(peer)} MiB resident, ${mebibytes(limit.used())} MiB in the group`,
    );
    const wrong = await findWrong([peer], keys, VALUE_BYTES, STEP);
    await peer.process.end('SIGKILL');
    const startedMs = performance.now();
    peer.process.start();
    const why = await serving(peer, SERVING_WITHIN_MS);
    const servingMs = performance.now() - startedMs;
    const again = await findWrong([peer], keys, VALUE_BYTES, STEP);
    const load = new Load(() => [peer]);
    await new Promise((resolve) => setTimeout(resolve, (lab.scale.seconds ?? LOAD_SECONDS) * 1_000));
    const { writeMs, readMs, failures } = await load.stop();
    for (const each of [...wrong, ...again, ...failures].slice(0, 5)) lab.say(each);
    const figures = [
      `${((keys * VALUE_BYTES) / 1e9).toFixed(1)} GB in ${mebibytes(LIMIT_BYTES)} MiB`,
      `wrong ${wrong.length}, after kill -9 and restart ${again.length}`,
      `serving after ${ms(servingMs)}`,
      `writes p99 ${ms(percentile(writeMs, 0.99))}, reads p99 ${ms(percentile(readMs, 0.99))}, failed ${failures.length}`,
      `resident ${resident(peer)} MiB, killed for memory ${limit.kills()} times`,
    ];
    const bad = wrong.length + again.length + failures.length + limit.kills();
    return { figures, met: why === null && bad === 0 };
  },
};

function resident({ process }: Member): number {
  return process.pid === undefined ? 0 : mebibytes(residentBytes(process.pid));
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 1024 / 1024);
}
