/** kill -9 of everything, again and again: every acknowledged write is there, and the cluster serves soon after the last start. */
import type { Cluster, Member } from '../../../harness/cluster.js';
import { until } from '../../../harness/watching.js';
import { describeTold, HttpClient, judgeWrite } from '../http-client.js';
import { type Lab, type Measurement, ms, pause, percentile, type Result } from './lab.js';

const TIMES = 20;
const WRITERS = 16;
const KEYS_EACH = 100;
const LOAD_MS = 3_000;
const SERVING_WITHIN_MS = 60_000;
const GOAL_MS = 5_000;

/** What one key may hold: the number that was acknowledged last, and those sent after it whose outcome is not known. */
interface Fate {
  acked: number;
  highestSent: number;
}

export const killAll: Measurement = {
  name: 'kill-all',
  goal: 'kill -9 of everything, 20 times: every acknowledged write there, serving <= 5 s after the last start',
  async run(lab: Lab): Promise<Result> {
    const cluster = await lab.cluster();
    const times = lab.scale.times ?? TIMES;
    const fates = new Map<string, Fate>();
    const serving: number[] = [];
    const lost: string[] = [];
    for (let i = 0; i < times; i += 1) {
      const written = await writeUntilKilled(cluster, fates, i % 2 === 0);
      cluster.startAll();
      const startedMs = performance.now();
      const why = await until(() => servesAll(cluster), SERVING_WITHIN_MS);
      if (why !== null)
        throw new Error(`not serving ${SERVING_WITHIN_MS / 1000} s after the last start: ${why}`);
      serving.push(performance.now() - startedMs);
      const gone = await verify(cluster, fates);
      lost.push(...gone);
      lab.say(
        `${i + 1} of ${times}: ${written} writes acknowledged, serving after ${ms(serving.at(-1) as number)}, ${gone.length} of ${fates.size} keys wrong`,
      );
      for (const each of gone.slice(0, 5)) lab.say(each);
      await lab.whole(cluster);
    }
    const acked = [...fates.values()].reduce((sum, { acked }) => sum + acked, 0);
    return {
      figures: [
        `${times} times`,
        `${acked} acknowledged writes to ${fates.size} keys, lost or wrong ${lost.length}`,
        `serving after p50 ${ms(percentile(serving, 0.5))}, max ${ms(Math.max(...serving))}`,
      ],
      met: lost.length === 0 && Math.max(...serving) <= GOAL_MS,
    };
  },
};

/** Writes growing numbers to many keys, and kills all amid that. Returns how many were acknowledged. */
async function writeUntilKilled(
  cluster: Cluster,
  fates: Map<string, Fate>,
  orchestratorToo: boolean,
): Promise<number> {
  const http = new HttpClient();
  let stopped = false;
  let written = 0;
  const writer = async (n: number) => {
    for (let turn = 0; !stopped; turn += 1) {
      const key = `all-${n}-${turn % KEYS_EACH}`;
      const fate = fates.get(key) ?? { acked: 0, highestSent: 0 };
      fates.set(key, fate);
      fate.highestSent += 1;
      const number = fate.highestSent;
      const peer = cluster.peers[(n + turn) % cluster.peers.length] as Member;
      const told = await http.ask(peer.url, { method: 'PUT', path: `/kv/${key}`, body: String(number) });
      if (judgeWrite(told) !== 'done') continue;
      fate.acked = number;
      written += 1;
    }
  };
  const writers = Array.from({ length: WRITERS }, (_, n) => writer(n));
  await pause(LOAD_MS);
  const all = orchestratorToo ? [...cluster.peers, cluster.orchestrator] : cluster.peers;
  const ends = all.map(({ process }) => process.end('SIGKILL'));
  stopped = true;
  await Promise.all([...ends, ...writers]);
  http.close();
  return written;
}

/** Null when every peer is ready and answers for keys all over the cluster. */
async function servesAll(cluster: Cluster): Promise<string | null> {
  const http = new HttpClient();
  try {
    const asked = cluster.peers.flatMap((peer) =>
      Array.from({ length: KEYS_EACH }, (_, i) =>
        http.ask(peer.url, { method: 'GET', path: `/kv/all-${i % WRITERS}-${i}` }),
      ),
    );
    const told = await Promise.all(asked);
    const bad = told.find((each) => each.type !== 'answer' || (each.status !== 200 && each.status !== 404));
    if (bad !== undefined) return describeTold(bad);
    const first = cluster.peers[0] as Member;
    const put = await http.ask(first.url, { method: 'PUT', path: '/kv/serving', body: 'yes' });
    return judgeWrite(put) === 'done' ? null : describeTold(put);
  } finally {
    http.close();
  }
}

/** Reads every key and says which hold what they must not. What a key shows is what counts from now on. */
async function verify(cluster: Cluster, fates: ReadonlyMap<string, Fate>): Promise<string[]> {
  const http = new HttpClient();
  const wrong: string[] = [];
  const queue = [...fates];
  const work = async (n: number) => {
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      const [key, fate] = next;
      const peer = cluster.peers[n % cluster.peers.length] as Member;
      const told = await http.ask(peer.url, { method: 'GET', path: `/kv/${key}` });
      const seen = told.type === 'answer' && told.status === 200 ? Number(told.body) : 0;
      const answered = told.type === 'answer' && (told.status === 200 || told.status === 404);
      if (!answered || seen < fate.acked || seen > fate.highestSent) {
        wrong.push(
          `${key} through ${peer.name}: ${describeTold(told)}, acknowledged ${fate.acked}, sent ${fate.highestSent}`,
        );
      }
      fate.acked = Math.max(seen, fate.acked);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, (_, n) => work(n)));
  http.close();
  return wrong;
}
