/** Rows without a goal: YCSB's mixes, and sizes of values by numbers of connections. */
import type { Distribution } from '../load/keys.js';
import { READS, WRITES, YCSB } from '../load/requests.js';
import { type Row, rateRow } from '../measuring/rows.js';
import { ETCD, REDIS_BENCHMARK, REDIS_SERVER, WRK } from '../servers/parts.js';
import { CONNECTIONS, compare, type Family } from './family.js';
import { startPair } from './resp.js';
import { type HttpCase, Trio } from './trio.js';

const SECONDS = 1;
const RESP_SECONDS = 0.5;
const KIBIBYTE = 1_024;
const MIXES = ['A', 'B', 'C', 'F'] as const;
const DISTRIBUTIONS: readonly Distribution[] = ['uniform', 'zipfian'];
const CONNECTION_COUNTS = [1, 32, 256] as const;
/** Larger values have fewer keys, so that loads fit into the memory of the load programs. */
const SIZES = [
  { name: '100 B', valueBytes: 100, keys: 1_000 },
  { name: '1 KiB', valueBytes: KIBIBYTE, keys: 1_000 },
  { name: '64 KiB', valueBytes: 64 * KIBIBYTE, keys: 200 },
] as const;

export const ycsb: Family = {
  name: 'ycsb',
  about: "YCSB A, B, C, F over HTTP, uniform and zipfian, 1 KiB, 3 peers flushed, beside etcd's three nodes",
  needs: [ETCD, WRK],
  slow: true,
  async measure(workshop) {
    const trio = await Trio.start(workshop);
    const rows: Row[] = [];
    for (const name of MIXES) {
      for (const distribution of DISTRIBUTIONS) {
        const what: HttpCase = {
          mix: YCSB[name],
          distribution,
          keys: 1_000,
          valueBytes: KIBIBYTE,
          connections: CONNECTIONS,
          seconds: SECONDS,
          threadEach: 'connection',
        };
        const title = `YCSB ${name}, ${distribution}, 1 KiB`;
        workshop.say(title);
        rows.push(rateRow(title, await compare(workshop, await trio.sides(what))));
      }
    }
    return rows;
  },
};

export const sizesHttp: Family = {
  name: 'sizes-http',
  about: '100 B, 1 KiB, 64 KiB by 1, 32, 256 connections: HTTP PUT and GET, 3 peers flushed, beside etcd',
  needs: [ETCD, WRK],
  slow: true,
  async measure(workshop) {
    const trio = await Trio.start(workshop);
    const rows: Row[] = [];
    for (const { name, ...size } of SIZES) {
      for (const connections of CONNECTION_COUNTS) {
        for (const [verb, mix] of [
          ['PUT', WRITES],
          ['GET', READS],
        ] as const) {
          const what: HttpCase = { ...size, mix, distribution: 'uniform', connections, seconds: SECONDS };
          const title = `HTTP ${verb}, ${name}, ${plural(connections)}`;
          workshop.say(title);
          rows.push(rateRow(title, await compare(workshop, await trio.sides(what))));
        }
      }
    }
    return rows;
  },
};

export const sizesResp: Family = {
  name: 'sizes-resp',
  about:
    '100 B, 1 KiB, 64 KiB by 1, 32, 256 connections: RESP SET and GET, one peer in memory, beside redis-server',
  needs: [REDIS_SERVER, REDIS_BENCHMARK],
  slow: true,
  async measure(workshop) {
    const pair = await startPair(workshop);
    const rows: Row[] = [];
    for (const { name, ...size } of SIZES) {
      for (const connections of CONNECTION_COUNTS) {
        for (const command of ['set', 'get'] as const) {
          const title = `RESP ${command.toUpperCase()}, ${name}, ${plural(connections)}`;
          workshop.say(title);
          const row = await pair.row({ ...size, command, connections, pipeline: 1 }, RESP_SECONDS);
          rows.push({ ...row, title });
        }
      }
    }
    return rows;
  },
};

function plural(connections: number): string {
  return connections === 1 ? '1 connection' : `${connections} connections`;
}
