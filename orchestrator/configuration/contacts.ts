/**
 * Whom to talk to, where, and when: addresses, health checks and extra probes.
 *
 * Keeps true: probes that go out together have a number of their own, so an answer tells how old the question was; a peer
 * is probed once in a round, and beyond its turn at most once in `probeEveryMs`; the newest address that a process gave wins, since the map may
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
  heardMs: number;
}

/** Peers that are probed together; where there are more, their turns are spread over the round. */
const BATCH = 64;
/** Where there are many peers, a round takes this much for each of them, in ms. */
const ROUND_MS_A_PEER = 0.5;
/** A peer whose answer is lost or late is asked again before it counts as dead: so often within that time. */
const ROUNDS_TO_DEATH = 3;
/** Everybody hears of us once a second. */
const LONGEST_ROUND_MS = 1_000;

/** A round of health checks: who is asked in it, and how many were. */
interface Round {
  readonly startMs: number;
  readonly lengthMs: number;
  readonly ids: readonly PeerId[];
  asked: number;
}

/** The peers as somebody to send to. */
export class Contacts {
  readonly liveness: Liveness;
  readonly #settings: ManagerSettings;
  readonly #greetings = new Map<PeerId, Greeting>();
  readonly #probedMs = new Map<PeerId, number>();
  readonly #wanted = new Set<PeerId>();
  #map: ClusterMap;
  #round: Round = { startMs: -Infinity, lengthMs: 0, ids: [], asked: 0 };
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
    if (known?.addr === addr && known.weight === weight) known.heardMs = nowMs;
    else this.#greetings.set(from, { addr, weight, heardMs: nowMs });
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

  /** The health checks that are due; extra probes as soon as they are allowed. */
  probe(nowMs: number): void {
    this.#continueRound(nowMs);
    if (nowMs - this.#round.startMs >= this.#round.lengthMs) {
      this.#beginRound(nowMs);
      this.#continueRound(nowMs);
    }
    if (this.#wanted.size === 0) return;
    const { probeEveryMs } = this.#settings.timing;
    const due = [...this.#wanted].filter(
      (id) => nowMs - (this.#probedMs.get(id) ?? -Infinity) >= probeEveryMs,
    );
    if (due.length > 0) this.#ping(due, nowMs);
  }

  /** Hands the map to these peers. */
  push(ids: Iterable<PeerId>): void {
    if (this.#map.ver === 0) return;
    this.#sendAll(ids, { type: 'map', map: this.#map });
  }

  send(to: PeerId, body: OrchestratorMessage): void {
    this.#sendAll([to], body);
  }

  take(): ManagerSend[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #beginRound(nowMs: number): void {
    this.#forgetStrangers(nowMs);
    const everybody = this.everybody();
    for (const id of this.#wanted) if (!everybody.has(id)) this.#wanted.delete(id);
    const { pingEveryMs, deadAfterMs } = this.#settings.timing;
    const bound = Math.min(deadAfterMs / ROUNDS_TO_DEATH, LONGEST_ROUND_MS);
    const lengthMs = Math.max(pingEveryMs, Math.min(everybody.size * ROUND_MS_A_PEER, bound));
    this.#round = { startMs: nowMs, lengthMs, ids: [...everybody], asked: 0 };
  }

  #continueRound(nowMs: number): void {
    const { startMs, lengthMs, ids, asked } = this.#round;
    if (asked === ids.length) return;
    const batches = Math.ceil(ids.length / BATCH);
    const begun = 1 + Math.floor(((nowMs - startMs) / lengthMs) * batches);
    const due = ids.slice(asked, begun * BATCH);
    if (due.length === 0) return;
    this.#round.asked += due.length;
    this.#ping(due, nowMs);
  }

  #ping(ids: readonly PeerId[], nowMs: number): void {
    const n = this.liveness.nextRound();
    for (const id of ids) {
      this.#wanted.delete(id);
      this.#probedMs.set(id, nowMs);
    }
    this.#sendAll(ids, { type: 'ping', n });
  }

  /** One envelope for all of them. */
  #sendAll(ids: Iterable<PeerId>, body: OrchestratorMessage): void {
    const { clusterId, orchestratorId, seeds } = this.#settings;
    const envelope = { clusterId, from: orchestratorId, ver: this.#map.ver, body };
    for (const to of ids) {
      const addr = this.#greetings.get(to)?.addr ?? this.#map.peers.get(to)?.addr ?? seeds.get(to);
      if (addr !== undefined) this.#out.push({ to, addr, envelope });
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
