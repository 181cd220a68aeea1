/**
 * Whom to talk to, where, and when: addresses, health checks and extra probes.
 *
 * Keeps true: every probe has a number of its own, so an answer tells how old the question was; a peer is probed
 * at most once in `probeEveryMs` beyond its turn; the newest address that a process gave wins, since the map may
 * not know of it yet. At most `maxPeers` processes that no map names are remembered.
 */
import type { ClusterMap, PeerId } from '../../common/configuration.js';
import type { OrchestratorMessage, ReportEnvelope } from '../../common/control-messages.js';
import { Liveness } from './liveness.js';
import type { ManagerSend } from './machine.js';
import type { ManagerSettings } from './settings.js';

interface Greeting {
  readonly addr: string;
  readonly weight: number | undefined;
  readonly heardMs: number;
}

/** The peers as somebody to send to. */
export class Contacts {
  readonly liveness: Liveness;
  readonly #settings: ManagerSettings;
  readonly #greetings = new Map<PeerId, Greeting>();
  readonly #probedMs = new Map<PeerId, number>();
  readonly #wanted = new Set<PeerId>();
  #map: ClusterMap;
  #pingedMs = -Infinity;
  #out: ManagerSend[] = [];

  constructor(settings: ManagerSettings, map: ClusterMap, nowMs: number) {
    this.#settings = settings;
    this.#map = map;
    this.liveness = new Liveness(settings.timing, nowMs);
  }

  /** The map whose peers are watched, and whose version goes on every message. */
  follow(map: ClusterMap, nowMs: number): void {
    if (map.peers !== this.#map.peers) this.liveness.watch(map.peers.keys(), nowMs);
    this.#map = map;
  }

  /** Remembers where a process can be reached. False: too many strangers, it is not heard. */
  greet(envelope: ReportEnvelope, nowMs: number): boolean {
    const { from, addr, body } = envelope;
    const known = this.#greetings.get(from);
    const stranger = !known && !this.#map.peers.has(from) && !this.#settings.seeds.has(from);
    if (stranger && this.#greetings.size >= this.#settings.limits.maxPeers) return false;
    const weight = body.type === 'register' ? body.weight : known?.weight;
    this.#greetings.set(from, { addr, weight, heardMs: nowMs });
    return true;
  }

  weightOf(id: PeerId): number | undefined {
    return this.#greetings.get(id)?.weight;
  }

  /** Everybody who could be asked something, whether the map knows them or not. */
  everybody(): Set<PeerId> {
    return new Set([...this.#map.peers.keys(), ...this.#greetings.keys(), ...this.#settings.seeds.keys()]);
  }

  /** Asks for an answer of these peers before it is their turn. */
  want(ids: Iterable<PeerId>): void {
    for (const id of ids) this.#wanted.add(id);
  }

  /** The health check when it is due; extra probes as soon as they are allowed. */
  probe(nowMs: number): void {
    const { pingEveryMs, probeEveryMs } = this.#settings.timing;
    if (nowMs - this.#pingedMs >= pingEveryMs) {
      this.#pingedMs = nowMs;
      this.#forgetStrangers(nowMs);
      this.#ping(this.everybody(), nowMs);
      this.#wanted.clear();
      return;
    }
    const due = [...this.#wanted].filter(
      (id) => nowMs - (this.#probedMs.get(id) ?? -Infinity) >= probeEveryMs,
    );
    for (const id of due) this.#wanted.delete(id);
    if (due.length > 0) this.#ping(due, nowMs);
  }

  /** Hands the map to these peers. */
  push(ids: Iterable<PeerId>): void {
    if (this.#map.ver === 0) return;
    const body = { type: 'map', map: this.#map } as const;
    for (const id of ids) this.send(id, body);
  }

  send(to: PeerId, body: OrchestratorMessage): void {
    const addr =
      this.#greetings.get(to)?.addr ?? this.#map.peers.get(to)?.addr ?? this.#settings.seeds.get(to);
    if (addr === undefined) return;
    const { clusterId, orchestratorId } = this.#settings;
    this.#out.push({ to, addr, envelope: { clusterId, from: orchestratorId, ver: this.#map.ver, body } });
  }

  take(): ManagerSend[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #ping(ids: Iterable<PeerId>, nowMs: number): void {
    const n = this.liveness.nextRound();
    for (const id of ids) {
      this.#probedMs.set(id, nowMs);
      this.send(id, { type: 'ping', n });
    }
  }

  #forgetStrangers(nowMs: number): void {
    for (const [id, { heardMs }] of this.#greetings) {
      if (nowMs - heardMs < this.#settings.timing.forgetStrangerMs || this.#map.peers.has(id)) continue;
      this.#greetings.delete(id);
      this.#probedMs.delete(id);
    }
  }
}
