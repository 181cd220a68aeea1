/**
 * Query parameters, read strictly: what a route does not know is refused, so that a slip of the pen (`?tll=30s`) is
 * never taken for a request without it.
 */
import { Problem } from '../../common/problems.js';
import type { Consistency } from '../replication/messages.js';
import { percentDecode, rawQuery } from './target.js';

const CONSISTENCIES: readonly Consistency[] = ['linearizable', 'strict', 'stale'];

const READ_PARAMETERS: readonly string[] = ['consistency'];

const NONE: ReadonlyMap<string, string> = new Map();

/**
 * The parameters of a request's target; a parameter without `=` is empty.
 * @throws Problem `invalid-query` on an unknown, a repeated or a wrongly encoded one
 */
export function readQuery(url: string, known: readonly string[]): ReadonlyMap<string, string> {
  const query = rawQuery(url);
  if (query === '') return NONE;
  const found = new Map<string, string>();
  for (const pair of query.split('&')) {
    if (pair === '') continue;
    const mark = pair.indexOf('=');
    const name = decode(mark === -1 ? pair : pair.slice(0, mark));
    const value = decode(mark === -1 ? '' : pair.slice(mark + 1));
    if (!known.includes(name)) throw unknownParameter(name, known);
    if (found.has(name)) throw new Problem('invalid-query', `?${name} stands there twice.`);
    found.set(name, value);
  }
  return found;
}

/** Refuses every parameter. */
export function requireNoQuery(url: string): void {
  if (url.includes('?')) readQuery(url, []);
}

/** How a read is to be served, which is the only thing that its target may ask for. @throws Problem `invalid-query` */
export function readConsistency(url: string): Consistency {
  if (!url.includes('?')) return 'linearizable';
  const text = readQuery(url, READ_PARAMETERS).get('consistency');
  if (text === undefined) return 'linearizable';
  const consistency = CONSISTENCIES.find((each) => each === text);
  if (consistency !== undefined) return consistency;
  throw new Problem('invalid-query', `?consistency is one of ${CONSISTENCIES.join(', ')}.`);
}

function decode(raw: string): string {
  const text = percentDecode(raw.replaceAll('+', '%20'));
  if (text !== null) return text;
  throw new Problem('invalid-query', 'The query is not percent-encoded UTF-8.');
}

function unknownParameter(name: string, known: readonly string[]): Problem {
  const choice = known.length === 0 ? 'no parameters are known here' : `known here: ${known.join(', ')}`;
  return new Problem('invalid-query', `Unknown parameter ?${name.slice(0, 100)}; ${choice}.`);
}
