/** Commands on all keys of the cluster: SCAN, KEYS, RANDOMKEY, DBSIZE, FLUSHDB, FLUSHALL. */
import type { Command } from '../../replication/commands.js';
import { writeAll } from '../batch.js';
import { NOT_AN_INTEGER, SYNTAX_ERROR } from '../errors.js';
import { globMatcher } from '../glob.js';
import { positionOf } from '../numbers.js';
import { NOT_ALL_ANSWERED } from '../refusals.js';
import { bulkText, failure, integer, list, nothing, OK, type Reply } from '../replies.js';
import { CURSOR_END, eachPage, scan } from '../scan.js';
import { wordOf } from './command.js';
import type { Caller } from './runs.js';
import { alone, type Runs } from './runs.js';

const DEFAULT_COUNT = 10;
/** More keys than this are not looked for at a time, whatever COUNT says. */
const MAX_COUNT = 100_000;

interface ScanOptions {
  readonly count: number;
  readonly fits: (key: string) => boolean;
}

async function scanKeys(args: readonly Buffer[], { services }: Caller): Promise<Reply> {
  const cursor = cursorOf(args[1] as Buffer);
  if (cursor === undefined) return failure('ERR invalid cursor');
  const options = scanOptions(args);
  if (!('fits' in options)) return options.refusal;
  const page = await scan(services.store, cursor, options.count);
  if (page === null) return NOT_ALL_ANSWERED;
  return list([bulkText(String(page.next)), list(page.keys.filter(options.fits).map(bulkText))]);
}

/** A cursor that no page ended with is as good as the end. */
function cursorOf(arg: Buffer): number | undefined {
  const text = arg.toString('latin1');
  if (!/^-?\d{1,20}$/.test(text) || BigInt(text) >= 2n ** 64n) return undefined;
  const cursor = Number(text);
  return cursor < 0 ? CURSOR_END : Math.min(cursor, CURSOR_END);
}

function scanOptions(args: readonly Buffer[]): ScanOptions | { readonly refusal: Reply } {
  let count = DEFAULT_COUNT;
  let matches: ((key: string) => boolean) | undefined;
  let type = 'string';
  for (let at = 2; at < args.length; at += 2) {
    const value = args[at + 1];
    if (value === undefined) return { refusal: SYNTAX_ERROR };
    switch (wordOf(args[at])) {
      case 'count': {
        const given = positionOf(value);
        if (given === undefined) return { refusal: NOT_AN_INTEGER };
        if (given < 1) return { refusal: SYNTAX_ERROR };
        count = Math.min(given, MAX_COUNT);
        break;
      }
      case 'match':
        matches = keyMatcher(value);
        break;
      case 'type':
        type = wordOf(value);
        break;
      default:
        return { refusal: SYNTAX_ERROR };
    }
  }
  const fits = type === 'string' ? (matches ?? (() => true)) : () => false;
  return { count, fits };
}

async function keys(args: readonly Buffer[], { services }: Caller): Promise<Reply> {
  const fits = keyMatcher(args[1] as Buffer);
  const { store, limits } = services;
  const found: string[] = [];
  const answered = await eachPage(store, (page) => {
    for (const key of page) if (fits(key)) found.push(key);
    return found.length <= limits.listedKeys;
  });
  if (found.length > limits.listedKeys) {
    return failure(`ERR more than ${limits.listedKeys} keys match; use SCAN`);
  }
  return answered ? list(found.map(bulkText)) : NOT_ALL_ANSWERED;
}

/** Patterns are about bytes: a key is compared as its bytes of UTF-8. */
function keyMatcher(pattern: Buffer): (key: string) => boolean {
  const text = pattern.toString('latin1');
  if (text === '*') return () => true;
  const matches = globMatcher(text);
  return (key) => matches(Buffer.from(key).toString('latin1'));
}

/** A key near a random position; round the end if nothing follows it. */
async function randomKey(_args: readonly Buffer[], { services, session }: Caller): Promise<Reply> {
  const start = Math.floor(services.clock.random() * CURSOR_END);
  for (const cursor of [start, 0]) {
    const page = await scan(services.store, cursor, 1);
    if (page === null) return NOT_ALL_ANSWERED;
    const key = page.keys[Math.floor(services.clock.random() * page.keys.length)];
    if (key !== undefined) return bulkText(key);
  }
  return nothing(session.protocol);
}

async function dbSize(_args: readonly Buffer[], { services }: Caller): Promise<Reply> {
  const count = await services.store.count();
  return count === null ? NOT_ALL_ANSWERED : integer(count);
}

/** Deletes key by key: keys that are set meanwhile may stay. */
async function flush(args: readonly Buffer[], { services }: Caller): Promise<Reply> {
  const mode = wordOf(args[1]);
  if (args.length > 2 || (args.length === 2 && mode !== 'async' && mode !== 'sync')) return SYNTAX_ERROR;
  const { store, limits } = services;
  let refusal: Reply | undefined;
  const answered = await eachPage(store, async (page) => {
    refusal ??= await deleteAll(page);
    return refusal === undefined;
  });
  return refusal ?? (answered ? OK : NOT_ALL_ANSWERED);

  function deleteAll(page: readonly string[]): Promise<Reply | undefined> {
    const commands = page.map((key): Command => ({ kind: 'delete', key }));
    return new Promise((resolve) => {
      writeAll(store, commands, limits, (written) =>
        resolve(written.results === null ? written.refusal : undefined),
      );
    });
  }
}

/** What they do, by name. */
export const KEYSPACE_RUNS: Runs = {
  scan: alone(scanKeys),
  keys: alone(keys),
  randomkey: alone(randomKey),
  dbsize: alone(dbSize),
  flushdb: alone(flush),
  flushall: alone(flush),
};
