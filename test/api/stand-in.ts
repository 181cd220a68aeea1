/** A peer without data that listens where orchestrators connect, for tests of the orchestrator. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { reportsText } from '../../common/control.js';
import type { ReportEnvelope, ReportMessage } from '../../common/control-messages.js';
import { type Delivery, DeliveryReader, LineReader } from '../../common/control-stream.js';
import type { Roster } from '../../common/roster.js';
import { FollowingPeer } from '../standins/follower.js';
import { type Answer, type ProblemBody, post } from './orchestrator-harness.js';

/** What a peer does that is no good one: when it is connected to, unless it accepts, and with a delivery. */
export interface Misbehaviour {
  connect?(socket: Socket): void;
  deliver(socket: Socket): void;
}

/** Nobody listens there. */
export const GONE: Misbehaviour = {
  connect: (socket) => socket.destroy(),
  deliver: (socket) => socket.destroy(),
};

export class StandIn extends FollowingPeer {
  roster: Roster | undefined;
  /** Versions of the maps that it was sent, in order. */
  readonly pushed: number[] = [];
  readonly authorizations = new Set<string | undefined>();
  calls = 0;
  misbehave: Misbehaviour | null = null;
  weight = 1;
  readonly #sockets = new Set<Socket>();

  private constructor(
    id: string,
    public orchestrator: string,
    private readonly server: Server,
  ) {
    const { port } = server.address() as AddressInfo;
    super(id, `127.0.0.1:${port}/${port}`);
    server.on('connect', (request: IncomingMessage, socket: Socket) => this.#accept(request, socket));
  }

  static async start(id: string, orchestrator: string): Promise<StandIn> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new StandIn(id, orchestrator, server);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  register(changes: object = {}): Promise<Answer<ProblemBody>> {
    const report = this.report({ type: 'register', weight: this.weight });
    return post(`${this.orchestrator}/register`, { ...report, ...changes });
  }

  tell(...bodies: ReportMessage[]): Promise<Answer<ProblemBody>> {
    return post(`${this.orchestrator}/reports`, reportsText(bodies.map((body) => this.report(body))));
  }

  /** A new process with the data of the one before. */
  restart(): Promise<Answer<ProblemBody>> {
    this.inc++;
    return this.register();
  }

  /** A new process with an empty disk. */
  wipe(): Promise<Answer<ProblemBody>> {
    this.storeId = `${this.id}-disk-2`;
    this.inc = 1;
    this.map = undefined;
    this.promised = 0;
    return this.register();
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  #accept({ headers }: IncomingMessage, socket: Socket): void {
    this.authorizations.add(headers.authorization);
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    if (this.misbehave?.connect !== undefined) {
      this.misbehave.connect(socket);
      return;
    }
    const lines = new LineReader();
    const reader = new DeliveryReader();
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    socket.on('data', (chunk: Buffer) => {
      for (const line of lines.take(chunk) ?? []) this.#take(socket, reader, line);
    });
  }

  #take(socket: Socket, reader: DeliveryReader, line: string): void {
    this.calls++;
    const delivery = reader.read(JSON.parse(line));
    if (typeof delivery === 'string') throw new Error(delivery);
    if (this.misbehave !== null) {
      this.misbehave.deliver(socket);
      return;
    }
    socket.write(`${reportsText(this.#obey(delivery))}\n`);
  }

  #obey({ envelopes, roster }: Delivery): ReportEnvelope[] {
    if (roster !== undefined) this.roster = roster;
    for (const { body } of envelopes) if (body.type === 'map') this.pushed.push(body.map.ver);
    return envelopes.flatMap(({ body }) => this.obey(body)).map((body) => this.report(body));
  }
}
