/**
 * Headers that make a request conditional (RFC 9110, section 13).
 *
 * Dates are no conditions here, since two writes within their one second would look like one: If-Modified-Since is left
 * unread, which costs a client no more than the bytes it has already; If-Unmodified-Since, on which a client relies, is
 * refused. Entity tags do what dates would.
 *
 * Invariant: a header that would make a write conditional is served or refused, never ignored.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { Problem } from '../../common/problems.js';
import type { Condition, Version } from '../replication/commands.js';
import { parseVersion } from './versions.js';

/** What an If-Match asks for: some value, or one with one of these entity tags (without quotes; weak ones match nothing). */
export type Match = '*' | readonly string[];

/** No value has it. A condition that cannot hold still goes to the primary, which tells the version there is. */
const NO_VERSION: Version = { epoch: 0, seq: 0 };

/**
 * The condition of a write of one key.
 * @throws Problem `invalid-request` where it cannot be served
 */
export function writeCondition(headers: IncomingHttpHeaders): Condition | undefined {
  if (headers['content-range'] !== undefined) {
    throw invalid('A value is written as a whole, without Content-Range.');
  }
  const match = matchOf(headers);
  const noneMatch = headers['if-none-match'];
  if (noneMatch === undefined) return match === undefined ? undefined : conditionOf(match);
  if (match !== undefined) throw invalid('A write takes If-Match or If-None-Match, not both.');
  if (noneMatch.trim() === '*') return { kind: 'absent' };
  throw invalid('If-None-Match on a write takes * alone, which means: only if there is no such key.');
}

/**
 * What a request's If-Match asks for, if it has one.
 * @throws Problem `invalid-request` where it is none, or If-Unmodified-Since comes without it
 */
export function matchOf(headers: IncomingHttpHeaders): Match | undefined {
  const text = headers['if-match'];
  if (text === undefined) {
    if (headers['if-unmodified-since'] === undefined) return undefined;
    throw invalid('If-Unmodified-Since is too coarse, as many writes fit into its second; use If-Match.');
  }
  if (text.trim() === '*') return '*';
  return strongTags(text);
}

/** Refuses conditions where a request is about many keys. @throws Problem `invalid-request` */
export function requireUnconditional(headers: IncomingHttpHeaders): void {
  for (const name of ['if-match', 'if-none-match', 'if-unmodified-since'] as const) {
    if (headers[name] === undefined) continue;
    throw invalid(`${name} is for requests about one key, /kv/:key.`);
  }
}

/** Whether a value with this entity tag (without quotes) is what was asked for. */
export function matches(match: Match, tag: string): boolean {
  return match === '*' || match.includes(tag);
}

/** Whether an If-None-Match header names the entity tag (which comes without quotes): a list of tags, weak or not, or `*`. */
export function namesTag(ifNoneMatch: string, tag: string): boolean {
  if (ifNoneMatch.trim() === '*') return true;
  for (const match of ifNoneMatch.matchAll(/"([^"]*)"/g)) if (match[1] === tag) return true;
  return false;
}

function conditionOf(match: Match): Condition {
  if (match === '*') return { kind: 'present' };
  const [version = NO_VERSION, ...others] = match.flatMap((tag) => parseVersion(tag) ?? []);
  if (others.length > 0) throw invalid('If-Match on a write takes one entity tag, or *.');
  return { kind: 'version', version };
}

/** The strong tags of a list, each once. */
function strongTags(text: string): string[] {
  const tags = new Set<string>();
  TAG.lastIndex = 0;
  while (TAG.lastIndex < text.length) {
    const found = TAG.exec(text);
    if (found === null)
      throw invalid('If-Match takes * or entity tags in quotes, as ETag shows them: "1-2".');
    if (found[1] === undefined) tags.add(found[2] as string);
  }
  if (text === '') throw invalid('If-Match is empty; it takes * or an entity tag, as ETag shows it: "1-2".');
  return [...tags];
}

/** One element of a list of entity tags, with the comma after it. */
const TAG = /[\t ,]*(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"[\t ]*(?:,|$)/y;

function invalid(detail: string): Problem {
  return new Problem('invalid-request', detail);
}
