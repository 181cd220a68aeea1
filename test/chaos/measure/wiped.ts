/** Lost disks: two of three copies, from which all comes back; and all three, which has to be said and never hidden. */
import type { Cluster } from '../cluster.js';
import { HttpClient, type Told } from '../http-client.js';
import { findWrong, storeMany } from './bulk.js';
import { type Lab, type Measurement, ms, pause, type Result } from './lab.js';

const KEYS = 5_000;
const VALUE_BYTES = 100;
/** After all is wiped the cluster is asked for so long: a wrong answer may come late. */
const WATCH_MS = 20_000;

export const wiped: Measurement = {
  name: 'wiped',
  goal: 'two of three copies wiped: full redundancy again; all three wiped: a loud refusal, never silently empty',
  async run(lab: Lab): Promise<Result> {
    const cluster = await lab.cluster({ peers: 3 });
    const keys = lab.scale.keys ?? KEYS;
    await storeMany(cluster.peers, keys, VALUE_BYTES, lab.say);
    await wipe(cluster, 2);
    const startedMs = performance.now();
    await lab.whole(cluster, 300_000);
    const wholeMs = performance.now() - startedMs;
    const wrong = await findWrong(cluster.peers, keys, VALUE_BYTES, 1);
    lab.say(`two wiped: whole after ${ms(wholeMs)}, ${wrong.length} keys wrong`);
    for (const each of wrong.slice(0, 5)) lab.say(each);
    await wipe(cluster, 3);
    const refusals = await watchRefusals(cluster, lab);
    return {
      figures: [
        `two of three wiped: full redundancy after ${ms(wholeMs)}, ${wrong.length} of ${keys} keys wrong`,
        `all three wiped: ${refusals.refused} reads refused, answered as if empty ${refusals.empty}, the refusal: ${refusals.words}`,
      ],
      met: wrong.length === 0 && refusals.empty === 0 && refusals.words.includes('data is lost'),
    };
  },
};

async function wipe(cluster: Cluster, count: number): Promise<void> {
  const victims = cluster.peers.slice(0, count);
  await Promise.all(victims.map(({ process }) => process.end('SIGKILL')));
  for (const peer of victims) {
    cluster.wipe(peer);
    peer.process.start();
  }
}

interface Refusals {
  readonly refused: number;
  readonly empty: number;
  readonly words: string;
}

async function watchRefusals(cluster: Cluster, lab: Lab): Promise<Refusals> {
  const http = new HttpClient();
  let refused = 0;
  let empty = 0;
  let words = 'none';
  const deadline = performance.now() + (lab.scale.seconds ?? WATCH_MS / 1_000) * 1_000;
  for (let i = 0; performance.now() < deadline; i += 1) {
    for (const peer of cluster.peers) {
      const told: Told = await http.ask(peer.url, { method: 'GET', path: `/kv/bulk-${i}` });
      if (told.type !== 'answer') continue;
      if (told.status === 503) {
        refused += 1;
        words = told.body.slice(0, 300);
      } else {
        empty += 1;
        lab.say(`bulk-${i} through ${peer.name}: ${told.status} ${told.body.slice(0, 200)}`);
      }
    }
    await pause(50);
  }
  http.close();
  return { refused, empty, words };
}
