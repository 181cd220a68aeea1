/** A Redis lane over the in-memory store, and raw connections to it. */
import { connect, type Socket } from 'node:net';
import { pino } from 'pino';
import { type Clock, systemClock } from '../../common/clock.js';
import { RESP_LIMITS, type RespLimits } from '../../peer/resp/limits.js';
import { type RespServer, startRespServer } from '../../peer/resp/server.js';
import type { RespCluster } from '../../peer/resp/store.js';
import { RespMemoryStore, testCluster } from './resp-memory-store.js';

export interface Lane {
  readonly server: RespServer;
  readonly store: RespMemoryStore;
  readonly port: number;
}

export interface LaneOptions {
  readonly secret?: string;
  readonly limits?: Partial<RespLimits>;
  readonly maxValueBytes?: number;
  readonly clock?: Clock;
  readonly cluster?: (port: () => number) => RespCluster;
  /** How answers of the store come; undefined: before the call returns. */
  readonly later?: (answer: () => void) => void;
}

/** Starts a lane on a free port. */
export async function startLane(options: LaneOptions = {}): Promise<Lane> {
  const { secret = null, limits, maxValueBytes = 1024 * 1024, clock = systemClock } = options;
  const store = new RespMemoryStore(clock.wallMs, options.later);
  let port = 0;
  const server = await startRespServer({
    host: '127.0.0.1',
    port: 0,
    store,
    cluster: (options.cluster ?? testCluster)(() => port),
    secret,
    maxValueBytes,
    clock,
    log: pino({ level: 'silent' }),
    limits: { ...RESP_LIMITS, ...limits },
  });
  port = server.port;
  return { server, store, port };
}

/** Two lanes, each with a store of its own and the primary of every second partition. */
export async function startTwoLanes(): Promise<readonly [Lane, Lane]> {
  const peers = ['peer-1', 'peer-2'];
  const lanes: Lane[] = [];
  for (const id of peers) {
    const cluster = () => ({
      ...testCluster(
        () => 0,
        (partition) => peers[partition % 2] as string,
        peers,
      ),
      id,
      respAddress: (peer: string) => {
        const lane = lanes[peers.indexOf(peer)];
        return lane && { host: '127.0.0.1', port: lane.port };
      },
    });
    lanes.push(await startLane({ cluster }));
  }
  return lanes as [Lane, Lane];
}

/** A connection that collects what comes. */
export class RawClient {
  #text = '';
  #ended = false;
  #changed: () => void = () => undefined;

  private constructor(readonly socket: Socket) {
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#text += text;
      this.#changed();
    });
    socket.on('error', () => this.#end());
    socket.on('close', () => this.#end());
    socket.on('end', () => this.#end());
  }

  static async to(port: number): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const client = new RawClient(socket);
    await new Promise((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return client;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** What has come and was not taken yet, one character a byte. */
  get text(): string {
    return this.#text;
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Sends, and takes the answer, which must be exactly this long or end with the connection. */
  async ask(bytes: string | Uint8Array, length: number): Promise<string> {
    this.send(bytes);
    return this.take(length);
  }

  /** Takes the next `length` bytes, or fewer if the connection ends. */
  async take(length: number): Promise<string> {
    await this.until(() => this.#text.length >= length || this.#ended);
    const taken = this.#text.slice(0, length);
    this.#text = this.#text.slice(length);
    return taken;
  }

  /** Takes all that comes until the connection ends. */
  async rest(): Promise<string> {
    await this.until(() => this.#ended);
    return this.take(this.#text.length);
  }

  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!condition()) return;
        this.#changed = () => undefined;
        resolve();
      };
      this.#changed = look;
      look();
    });
  }

  close(): void {
    this.socket.destroy();
  }

  #end(): void {
    this.#ended = true;
    this.#changed();
  }
}

/** A command as clients send it. */
export function frame(...args: readonly (string | Uint8Array)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const bytes = Buffer.from(arg);
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}
