/**
 * Many peers without data in one process, for measuring an orchestrator: each at an address of its own (127.x.y.z), all
 * behind one listener.
 *
 * Kept true: what was parsed once is not parsed again for each of them, so that the orchestrator is measured and not
 * this; a peer that was silenced neither answers nor accepts.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { z } from 'zod';
import type { ClusterMap } from '../../common/configuration.js';
import { deliverySchema, reportsText } from '../../common/control.js';
import type { OrchestratorMessage } from '../../common/control-messages.js';
import { LineReader } from '../../common/control-stream.js';
import { applyMapChange, type MapChange } from '../../common/map-change.js';
import { bearer } from '../../common/secret.js';
import { FollowingPeer } from './follower.js';

export interface StandIns {
  readonly ids: readonly string[];
  /** How many of them follow this version of the map or a newer one. */
  know(ver: number): number;
  /** The newest version that any of them follows. */
  newest(): number;
  /** Deliveries that they took. */
  deliveries(): number;
  /** Ends one of them, as a loss of power would. */
  silence(id: string): void;
  stop(): Promise<void>;
}

export interface StandInOptions {
  readonly count: number;
  /** http://host:port */
  readonly orchestrator: string;
  readonly secret: string;
}

/** Starts them, and has each of them register. */
export async function startStandIns(options: StandInOptions): Promise<StandIns> {
  const all = new RunningStandIns(options);
  await all.start();
  return all;
}

type Said = z.infer<typeof deliverySchema>['envelopes'][number]['body'];

/** Lines that are remembered; everybody is told about the same. */
const REMEMBERED = 256;

class RunningStandIns implements StandIns {
  private readonly peers = new Map<string, FollowingPeer>();
  private readonly silent = new Set<string>();
  private readonly sockets = new Set<Socket>();
  private readonly server: Server;
  private readonly parsed = new Map<string, readonly Said[]>();
  private readonly changed = new WeakMap<MapChange, Map<ClusterMap, ClusterMap>>();
  private taken = 0;

  constructor(private readonly options: StandInOptions) {
    this.server = createServer();
    this.server.on('connect', (request: IncomingMessage, socket: Socket) => this.accept(request, socket));
  }

  get ids(): string[] {
    return [...this.peers.values()].map(({ id }) => id);
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '0.0.0.0', 4_096, resolve));
    const { port } = this.server.address() as AddressInfo;
    for (let i = 0; i < this.options.count; i++) {
      const host = `127.1.${Math.floor(i / 250)}.${(i % 250) + 1}`;
      this.peers.set(host, new FollowingPeer(`peer-${i + 1}`, `${host}:${port}/${port}`));
    }
    for (const peer of this.peers.values()) await this.register(peer);
  }

  know(ver: number): number {
    let count = 0;
    for (const { id, map } of this.peers.values()) {
      if (!this.silent.has(id) && (map?.ver ?? 0) >= ver) count++;
    }
    return count;
  }

  newest(): number {
    return Math.max(...[...this.peers.values()].map(({ map }) => map?.ver ?? 0));
  }

  deliveries(): number {
    return this.taken;
  }

  silence(id: string): void {
    this.silent.add(id);
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async register(peer: FollowingPeer): Promise<void> {
    const { orchestrator, secret } = this.options;
    const answer = await fetch(`${orchestrator}/register`, {
      method: 'POST',
      headers: { authorization: bearer(secret), 'content-type': 'application/json' },
      body: JSON.stringify(peer.report({ type: 'register' })),
    });
    if (answer.status !== 204) throw new Error(`${peer.id} is not taken: ${await answer.text()}`);
  }

  private accept({ socket: { localAddress } }: IncomingMessage, socket: Socket): void {
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    const peer = this.peers.get(localAddress ?? '');
    if (peer === undefined || this.silent.has(peer.id)) return;
    const lines = new LineReader();
    const told: { map: ClusterMap | undefined } = { map: undefined };
    socket.setNoDelay(true);
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    socket.on('data', (chunk: Buffer) => {
      for (const line of lines.take(chunk) ?? []) {
        const answer = this.answer(peer, told, line);
        if (!this.silent.has(peer.id)) socket.write(`${answer}\n`);
      }
    });
  }

  private answer(peer: FollowingPeer, told: { map: ClusterMap | undefined }, line: string): string {
    this.taken++;
    const said = this.parse(line).map((body): OrchestratorMessage => {
      if (body.type !== 'map' && body.type !== 'map-change') return body;
      told.map = body.type === 'map' ? body.map : this.apply(told.map, body.change);
      return { type: 'map', map: told.map };
    });
    return reportsText(said.flatMap((body) => peer.obey(body)).map((body) => peer.report(body)));
  }

  private parse(line: string): readonly Said[] {
    const known = this.parsed.get(line);
    if (known !== undefined) return known;
    const said = deliverySchema.parse(JSON.parse(line)).envelopes.map(({ body }) => body);
    this.parsed.set(line, said);
    const [oldest] = this.parsed.keys();
    if (this.parsed.size > REMEMBERED) this.parsed.delete(oldest as string);
    return said;
  }

  private apply(before: ClusterMap | undefined, change: MapChange): ClusterMap {
    if (before === undefined) throw new Error('a change of a map that was never told');
    const known = this.changed.get(change) ?? new Map<ClusterMap, ClusterMap>();
    this.changed.set(change, known);
    const map = known.get(before) ?? applyMapChange(before, change);
    if (typeof map === 'string') throw new Error(map);
    known.set(before, map);
    return map;
  }
}
