/**
 * A peer without data for tests of the orchestrator: it speaks the control protocol over HTTP, follows maps, says at
 * once that what it leads is active, and that whoever it is to teach has learned everything. A real peer would need a
 * store and other peers; what is tested here is what the orchestrator makes of it.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ClusterMap, emptyMap, mapVersion } from '../../common/configuration.js';
import { type Delivery, deliverySchema, reportsText } from '../../common/control.js';
import type { OrchestratorEnvelope, ReportEnvelope, ReportMessage } from '../../common/control-messages.js';
import type { Roster } from '../../common/roster.js';
import { type Answer, type ProblemBody, post } from './orchestrator-harness.js';

type Responder = (request: IncomingMessage, response: ServerResponse) => void;

export class StandIn {
  inc = 1;
  storeId: string;
  map: ClusterMap | undefined;
  promised = 0;
  roster: Roster | undefined;
  /** Versions of the maps that it was sent, in order. */
  readonly pushed: number[] = [];
  readonly authorizations = new Set<string | undefined>();
  calls = 0;
  /** Answers a call in another way than a good peer. */
  misbehave: Responder | null = null;
  /** Whether it makes members of its learners. */
  teaching = true;
  weight = 1;
  readonly #server: Server;

  private constructor(
    readonly id: string,
    public orchestrator: string,
  ) {
    this.storeId = `${id}-disk-1`;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(id: string, orchestrator: string): Promise<StandIn> {
    const peer = new StandIn(id, orchestrator);
    await new Promise<void>((resolve) => peer.#server.listen(0, '127.0.0.1', resolve));
    return peer;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get addr(): string {
    return `127.0.0.1:${this.port}/${this.port}`;
  }

  report(body: ReportMessage, changes: object = {}): ReportEnvelope {
    const { id: from, inc: fromInc, storeId, addr } = this;
    return { clusterId: 'covey', from, fromInc, storeId, addr, ver: this.map?.ver ?? 0, body, ...changes };
  }

  register(changes: object = {}): Promise<Answer<ProblemBody>> {
    return post(
      `${this.orchestrator}/register`,
      this.report({ type: 'register', weight: this.weight }, changes),
    );
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

  /** The partitions that the map gives it to lead. */
  led(): number[] {
    return (this.map?.parts ?? []).flatMap((part, number) => (part?.primary === this.id ? [number] : []));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.calls++;
    this.authorizations.add(request.headers.authorization);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (this.misbehave !== null) {
      this.misbehave(request, response);
      return;
    }
    response.end(reportsText(this.#obey(deliverySchema.parse(JSON.parse(Buffer.concat(chunks).toString())))));
  }

  #obey({ envelopes, roster }: Delivery): ReportEnvelope[] {
    if (roster !== undefined) this.roster = roster;
    return envelopes.flatMap((envelope) => this.#follow(envelope)).map((body) => this.report(body));
  }

  #follow({ body }: OrchestratorEnvelope): ReportMessage[] {
    switch (body.type) {
      case 'map':
        this.pushed.push(body.map.ver);
        if (body.map.ver <= (this.map?.ver ?? 0) || body.map.ver < this.promised) return [];
        this.map = body.map;
        void this.#teach();
        return [];
      case 'query':
        this.promised = Math.max(this.promised, mapVersion(body.term, 0));
        return [{ type: 'state', term: body.term, map: this.map ?? emptyMap('covey') }];
      case 'ping':
        return [{ type: 'pong', n: body.n, active: this.#active(), promised: this.promised }];
    }
  }

  #active(): { partition: number; epoch: number }[] {
    const record = this.map?.peers.get(this.id);
    if (record?.inc !== this.inc || record.storeId !== this.storeId) return [];
    return this.led().map((partition) => ({ partition, epoch: this.map?.parts[partition]?.epoch ?? 0 }));
  }

  async #teach(): Promise<void> {
    if (!this.teaching) return;
    const adds = this.led().flatMap((partition): ReportMessage[] => {
      const { epoch = 0, learners = [] } = this.map?.parts[partition] ?? {};
      return learners.flatMap((learner): ReportMessage[] => {
        const record = this.map?.peers.get(learner);
        if (record === undefined) return [];
        const { storeId: learnerStoreId, inc: learnerInc } = record;
        return [{ type: 'add', partition, epoch, learner, learnerStoreId, learnerInc }];
      });
    });
    if (adds.length > 0) await this.tell(...adds).catch(() => undefined);
  }
}
