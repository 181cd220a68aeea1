/** The tour: a few real requests, each shown as the curl command that a visitor can repeat, with the real answer. */
import type { Layout } from './layout.js';

/** An answer longer than this is cut on the screen. */
const SHOWN_CHARS = 600;
const LATER_STOP = 3;
/** The keys that are there after the tour. */
export const SHOWN_KEYS = ['a', 'b', 'best_movie', 'hi', 'hi1', 'hi2', 'hi3', 'hi4'] as const;

interface Request {
  readonly method?: 'POST';
  readonly url: string;
  readonly type?: string;
  readonly body?: string;
}

/** Puts the keys `a` and `b`, which the demo always has. */
export async function seed(layout: Layout): Promise<void> {
  const base = layout.peers[0]?.url;
  for (const [key, value] of [
    ['a', 'apple'],
    ['b', 'banana'],
  ]) {
    const answer = await fetch(`${base}/kv/${key}`, {
      method: 'PUT',
      body: value ?? '',
      headers: { 'content-type': 'text/plain' },
    });
    if (!answer.ok) throw new Error(`could not put the key ${key}: ${await answer.text()}`);
  }
}

/** Runs and prints the requests. */
export async function tour(layout: Layout, print: (line: string) => void): Promise<void> {
  const first = layout.peers[0]?.url ?? '';
  const later = layout.peers[Math.min(LATER_STOP, layout.peers.length - 1)]?.url ?? '';
  const items = ['hi', 'hi1', 'hi2', 'hi3', 'hi4'].map((key, i) => ({
    key,
    value: i === 0 ? 'hello' : `hello${i}`,
  }));
  const asked = ['hi', 'hi1', 'hi5', 'hi6'].map((key) => ({ key }));
  const stops: [string, Request][] = [
    [
      'Put a key through one peer …',
      { method: 'POST', url: `${first}/kv/best_movie`, type: 'text/plain', body: 'Lord of the rings' },
    ],
    ['… and read it through another.', { url: `${later}/kv/best_movie` }],
    ['Every peer knows all peers …', { url: `${first}/all-nodes` }],
    ['… and which of them hold a key.', { url: `${later}/all-nodes/best_movie` }],
    [
      'Set many keys at once …',
      { method: 'POST', url: `${first}/set`, type: 'application/json', body: JSON.stringify(items) },
    ],
    [
      '… and get many, through another peer.',
      { method: 'POST', url: `${later}/get`, type: 'application/json', body: JSON.stringify(asked) },
    ],
    ['Each peer holds its share: this one …', { url: `${first}/kv/all-data` }],
    ['… and that one.', { url: `${later}/kv/all-data` }],
  ];
  for (const [title, request] of stops) {
    print(`\n# ${title}\n$ ${asCurl(request)}`);
    print(shorten(await run(request)));
  }
}

async function run({ method, url, type, body }: Request): Promise<string> {
  const headers = type === undefined ? {} : { 'content-type': type };
  const answer = await fetch(url, { method: method ?? 'GET', headers, body: body ?? null });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${text}`);
  return text;
}

function asCurl({ method, url, type, body }: Request): string {
  const parts = ['curl', ...(method === undefined ? [] : ['-X', method]), url];
  if (type !== undefined) parts.push('-H', `'Content-Type: ${type}'`);
  if (body !== undefined) parts.push('-d', `'${body}'`);
  return parts.join(' ');
}

function shorten(text: string): string {
  return text.length <= SHOWN_CHARS ? text : `${text.slice(0, SHOWN_CHARS)} … (${text.length} characters)`;
}
