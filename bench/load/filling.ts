/** Stores what loads read, every key once, before anything is measured. */
import { connect } from 'node:net';
import type { Dialect } from './requests.js';

const AT_ONCE = 32;
const RESP_BATCH = 1_000;
const OK = Buffer.from('+OK\r\n');

/**
 * Stores the value under every key over HTTP. Answers with the peer that wrote each of them, where an answer says so (Covey's
 * do: it is the key's primary), else ''. @throws where one is refused
 */
export async function fill(
  address: string,
  dialect: Dialect,
  keys: readonly string[],
  value: string,
): Promise<string[]> {
  let next = 0;
  const servers: string[] = [];
  const work = async () => {
    while (next < keys.length) {
      const at = next++;
      const { method, path, body } = dialect.write(keys[at] as string, value);
      const answer = await fetch(`http://${address}${path}`, {
        method,
        ...(body === undefined ? {} : { body: body.text, headers: { 'Content-Type': body.type } }),
      });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
      servers[at] = answer.headers.get('kv-served-by') ?? '';
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return servers;
}

/** The name of redis-benchmark's key of this number. */
export function respKey(number: number): string {
  return `key:${String(number).padStart(12, '0')}`;
}

/** Stores the value under so many of redis-benchmark's keys. @throws where one is refused */
export async function fillResp(address: string, count: number, value: string): Promise<void> {
  const [host = '', port = ''] = address.split(':');
  const socket = connect(Number(port), host);
  try {
    for (let from = 0; from < count; from += RESP_BATCH) {
      const numbers = Array.from({ length: Math.min(RESP_BATCH, count - from) }, (_, i) => from + i);
      socket.write(numbers.map((number) => setCommand(respKey(number), value)).join(''));
      await expectOks(socket, numbers.length);
    }
  } finally {
    socket.destroy();
  }
}

function setCommand(key: string, value: string): string {
  return `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${value.length}\r\n${value}\r\n`;
}

async function expectOks(socket: NodeJS.ReadableStream, count: number): Promise<void> {
  let missing = count * OK.length;
  const wrong = (text: string) => new Error(`SET was not answered by OK: ${text}`);
  await new Promise<void>((resolve, reject) => {
    const take = (chunk: Buffer) => {
      if (chunk.includes('-')) finish(wrong(chunk.toString()));
      missing -= chunk.length;
      if (missing <= 0) finish();
    };
    const close = () => finish(wrong('the connection was closed'));
    const finish = (error?: Error) => {
      socket.off('data', take).off('error', finish).off('close', close);
      if (error === undefined) resolve();
      else reject(error);
    };
    socket.on('data', take).on('error', finish).on('close', close);
  });
}
