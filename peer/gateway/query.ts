/**
 * Query parameters, read strictly: what a route does not know is refused, so that a slip of the pen (`?tll=30s`) is
 * never taken for a request without it.
 */
import { Problem } from '../../common/problems.js';
import { percentDecode, rawQuery } from './target.js';

/** Parameters of the contract that this version does not serve yet. */
const NOT_BUILT: Readonly<Record<string, string>> = {
  ttl: 'Keys do not expire yet; leave ?ttl out.',
  consistency: 'Every read is linearizable so far; leave ?consistency out.',
};

const CONSISTENCIES: readonly string[] = ['linearizable', 'strict', 'stale'];

const NONE: ReadonlyMap<string, string> = new Map();

/**
 * The parameters of a request's target; a parameter without `=` is empty.
 * @throws Problem `invalid-query` on an unknown, a repeated or a wrongly encoded one, `not-implemented`.
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
    if (!known.includes(name)) throw unknownParameter(name, value, known);
    if (found.has(name)) throw new Problem('invalid-query', `?${name} stands there twice.`);
    found.set(name, value);
  }
  return found;
}

/** Refuses every parameter. */
export function requireNoQuery(url: string): void {
  if (url.includes('?')) readQuery(url, []);
}

function decode(raw: string): string {
  const text = percentDecode(raw.replaceAll('+', '%20'));
  if (text !== null) return text;
  throw new Problem('invalid-query', 'The query is not percent-encoded UTF-8.');
}

function unknownParameter(name: string, value: string, known: readonly string[]): Problem {
  if (name === 'consistency' && !CONSISTENCIES.includes(value)) {
    return new Problem('invalid-query', `?consistency is one of ${CONSISTENCIES.join(', ')}.`);
  }
  const later = Object.hasOwn(NOT_BUILT, name) ? NOT_BUILT[name] : undefined;
  if (later !== undefined) return new Problem('not-implemented', later);
  const choice = known.length === 0 ? 'no parameters are known here' : `known here: ${known.join(', ')}`;
  return new Problem('invalid-query', `Unknown parameter ?${name.slice(0, 100)}; ${choice}.`);
}
