/**
 * Answers as they stand on the wire, in RESP2 and RESP3.
 *
 * A text holds one byte a character (latin1), so that bytes of any kind can stand in it. Values stay the bytes that they are until
 * they leave; long ones are not copied then either.
 */

/** The version of the protocol that a connection speaks. */
export type Protocol = 2 | 3;

/** One answer: as text or in pieces; or only the content of a byte string, which the outbox makes one of. */
export type Reply = string | Uint8Array | readonly (string | Uint8Array)[];

/** Up to this size a value is copied: one write for many. */
export const COPIED_BYTES = 4096;

export const OK: Reply = '+OK\r\n';
export const QUEUED: Reply = '+QUEUED\r\n';

/** Beyond it a count has more digits than are kept ready. */
const READY_COUNTS = 1024;
const BULK_HEADS = Array.from({ length: READY_COUNTS }, (_, length) => `$${length}\r\n`);
const INTEGERS = Array.from({ length: READY_COUNTS }, (_, value) => `:${value}\r\n`);

/** A short text without line ends. */
export function simple(text: string): Reply {
  return `+${text}\r\n`;
}

/** An error. The text begins with its code, such as ERR; line ends in it become blanks. */
export function failure(text: string): Reply {
  return `-${text.replaceAll(/[\r\n]/g, ' ')}\r\n`;
}

export function integer(value: number | bigint): Reply {
  return INTEGERS[value as number] ?? `:${value}\r\n`;
}

/** A byte string. Nobody changes the bytes until they have left. */
export function bulk(bytes: Uint8Array): Reply {
  return bytes;
}

/** What stands before the bytes of a byte string. */
export function bulkHead(length: number): string {
  return BULK_HEADS[length] ?? `$${length}\r\n`;
}

/** A byte string of a text, in UTF-8. */
export function bulkText(text: string): Reply {
  return bulk(Buffer.from(text));
}

/** Nothing there. */
export function nothing(protocol: Protocol): Reply {
  return protocol === 2 ? '$-1\r\n' : '_\r\n';
}

/** No list there. */
export function noList(protocol: Protocol): Reply {
  return protocol === 2 ? '*-1\r\n' : '_\r\n';
}

export function list(items: readonly Reply[]): Reply {
  return joined(`*${items.length}\r\n`, items);
}

/** A set: in RESP2 a list. */
export function set(items: readonly Reply[], protocol: Protocol): Reply {
  return joined(`${protocol === 2 ? '*' : '~'}${items.length}\r\n`, items);
}

/** Pairs of a name and what it has: in RESP2 a list of both in turn. */
export function map(pairs: readonly (readonly [Reply, Reply])[], protocol: Protocol): Reply {
  const head = protocol === 2 ? `*${pairs.length * 2}\r\n` : `%${pairs.length}\r\n`;
  return joined(head, pairs.flat());
}

/** A text for people: in RESP3 marked as such. */
export function verbatim(text: string, protocol: Protocol): Reply {
  if (protocol === 2) return bulkText(text);
  const bytes = Buffer.from(`txt:${text}`);
  return `=${bytes.length}\r\n${bytes.toString('latin1')}\r\n`;
}

/** The bytes of an answer, about: without what frames a byte string. */
export function sizeOf(reply: Reply): number {
  if (typeof reply === 'string' || reply instanceof Uint8Array) return reply.length;
  let bytes = 0;
  for (const piece of reply) bytes += piece.length;
  return bytes;
}

/** One character a byte. */
export function latin1(bytes: Uint8Array): string {
  const view = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.toString('latin1');
}

function joined(head: string, items: readonly Reply[]): Reply {
  const pieces: (string | Uint8Array)[] = [];
  let text = head;
  for (const item of items) {
    if (typeof item === 'string') {
      text += item;
      continue;
    }
    const framed = item instanceof Uint8Array ? [bulkHead(item.length), item, '\r\n'] : item;
    for (const piece of framed) {
      if (typeof piece === 'string') text += piece;
      else if (piece.length <= COPIED_BYTES) text += latin1(piece);
      else {
        pieces.push(text, piece);
        text = '';
      }
    }
  }
  if (pieces.length === 0) return text;
  pieces.push(text);
  return pieces;
}
