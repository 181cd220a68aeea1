/** Commands about the peer: INFO, CONFIG GET, TIME, WAIT. */

import { NOT_AN_INTEGER, unknownSubcommand, wrongArity } from '../errors.js';
import { globMatcher } from '../glob.js';
import { integerOf } from '../numbers.js';
import { bulkText, failure, integer, list, map, type Reply, verbatim } from '../replies.js';
import { wordOf } from './command.js';
import { alone, type Caller, local, REDIS_VERSION, type Runs, type Services } from './runs.js';

const SECTIONS = ['server', 'clients', 'stats', 'replication', 'cluster'] as const;
type Section = (typeof SECTIONS)[number];
type Fields = Readonly<Record<string, string | number>>;

const EVERYTHING: ReadonlySet<string> = new Set(['all', 'everything', 'default']);

function info(args: readonly Buffer[], { session, services }: Caller): Reply {
  const wanted = args.slice(1).map(wordOf);
  const all = wanted.length === 0 || wanted.some((name) => EVERYTHING.has(name));
  const sections = SECTIONS.filter((section) => all || wanted.includes(section));
  const text = sections.map((section) => sectionText(section, fieldsOf(section, services))).join('\r\n');
  return verbatim(text, session.protocol);
}

function sectionText(section: Section, fields: Fields): string {
  const title = section.charAt(0).toUpperCase() + section.slice(1);
  const lines = Object.entries(fields).map(([name, value]) => `${name}:${value}\r\n`);
  return `# ${title}\r\n${lines.join('')}`;
}

function fieldsOf(section: Section, services: Services): Fields {
  const { counts, clock, cluster, limits } = services;
  switch (section) {
    case 'server': {
      const seconds = Math.floor((clock.monotonicMs() - counts.startedMs) / 1000);
      return {
        redis_version: REDIS_VERSION,
        redis_mode: 'cluster',
        server_name: 'covey',
        run_id: cluster.id,
        tcp_port: services.port,
        uptime_in_seconds: seconds,
        uptime_in_days: Math.floor(seconds / 86_400),
      };
    }
    case 'clients':
      return {
        connected_clients: [...services.sessions()].length,
        maxclients: limits.connections,
        blocked_clients: 0,
      };
    case 'stats':
      return {
        total_connections_received: counts.connections,
        total_commands_processed: counts.commands,
        rejected_connections: counts.refused,
      };
    case 'replication':
      // `loading` stands in Redis' section of persistence; clients wait until it is 0.
      return { role: 'master', connected_slaves: replicas(services), loading: 0 };
    case 'cluster':
      return { cluster_enabled: 1 };
  }
}

/** Copies beside the primary's that every key has: those of the partition with the fewest. */
function replicas({ cluster }: Services): number {
  const counts = cluster.map().parts.map((part) => (part?.members.size ?? 1) - 1);
  return counts.length === 0 ? 0 : Math.min(...counts);
}

/** A write is answered once all in-sync copies have it, so there is nothing left to wait for. */
function wait(args: readonly Buffer[], { services }: Caller): Reply {
  const wanted = integerOf(args[1] as Buffer);
  const timeoutMs = integerOf(args[2] as Buffer);
  if (wanted === undefined) return NOT_AN_INTEGER;
  if (timeoutMs === undefined) return failure('ERR timeout is not an integer or out of range');
  if (timeoutMs < 0n) return failure('ERR timeout is negative');
  return integer(replicas(services));
}

function config(args: readonly Buffer[], { session, services }: Caller): Reply {
  if (wordOf(args[1]) !== 'get') return unknownSubcommand(args[1] as Buffer, 'config');
  if (args.length < 3) return wrongArity('config|get');
  const patterns = args.slice(2).map((arg) => globMatcher(wordOf(arg)));
  const found = Object.entries(parameters(services)).filter(([name]) => patterns.some((fits) => fits(name)));
  return map(
    found.map(([name, value]) => [bulkText(name), bulkText(String(value))]),
    session.protocol,
  );
}

/** What clients and their tools ask for. */
function parameters({ limits, maxValueBytes, port }: Services): Fields {
  return {
    appendonly: 'yes',
    'cluster-enabled': 'yes',
    databases: 1,
    maxclients: limits.connections,
    maxmemory: 0,
    'maxmemory-policy': 'noeviction',
    port,
    'proto-max-bulk-len': maxValueBytes,
    save: '',
    timeout: 0,
  };
}

function time(_args: readonly Buffer[], { services }: Caller): Reply {
  const ms = Math.floor(services.clock.wallMs());
  return list([bulkText(String(Math.floor(ms / 1000))), bulkText(String((ms % 1000) * 1000))]);
}

/** What they do, by name. */
export const SERVER_RUNS: Runs = {
  info: local(info),
  config: local(config),
  time: local(time),
  wait: alone(wait),
};
