/**
 * The configuration manager: collects what peers say, and turns it into the next map (E1 to E9, H, section 9).
 *
 * Keeps true:
 * - every change is one compare-and-set of the whole map; there is never more than one under way, and a map is
 *   sent only after the register said that it holds it (E1). Several managers may share the register;
 * - decisions are made from the committed map and soft memory alone: what a lost proposal wanted is decided
 *   again. After a start nothing changes until everybody has answered, or had the time to;
 * - a peer that shows a higher version than the register holds proves the register old: it is rebuilt;
 * - an empty register is filled with a new cluster only if that was asked for, and nobody shows a map.
 */
import { type ClusterMap, emptyMap, mapVersion, type PeerId } from '../../common/configuration.js';
import type { ChangeAnswer, PlannedChange, ReportEnvelope } from '../../common/control-messages.js';
import { Contacts } from './contacts.js';
import { decideRound, Memory, type Wish } from './decisions.js';
import { MapDraft } from './draft.js';
import type {
  Manager,
  ManagerEffects,
  ManagerInput,
  ManagerNote,
  ManagerStatus,
  RegisterOperation,
} from './machine.js';
import { createAll } from './placement.js';
import { pushOrder } from './push-order.js';
import { Rebuild, termAbove } from './rebuild.js';
import { type Arrival, takeIn } from './registration.js';
import { lostPartitions } from './removal.js';
import { takeReport } from './reports.js';
import type { ManagerSettings } from './settings.js';
import { existing, type Situation } from './situation.js';

interface Proposal {
  readonly map: ClusterMap;
  readonly wishes: readonly Wish[];
}

/** The configuration manager of one orchestrator. */
export class ConfigurationManager implements Manager {
  readonly #settings: ManagerSettings;
  readonly #contacts: Contacts;
  readonly #memory: Memory;
  /** The newest map that is known to be committed. */
  #committed: ClusterMap;
  #phase: ManagerStatus['phase'] = 'reading';
  /** The version that the register held when it last spoke; 0: nothing. */
  #registerVer = 0;
  /** The highest version that any peer has shown. */
  #highestSeen = 0;
  /** What that was when the read that is under way, or the last one, began: the register owes us no more. */
  #seenBeforeRead = 0;
  #operation: RegisterOperation['type'] | undefined;
  #register: RegisterOperation | undefined;
  #proposal: Proposal | undefined;
  #rebuild: Rebuild | undefined;
  #queriedMs = -Infinity;
  /** When an empty register was last looked at again. */
  #readMs = -Infinity;
  #grace = { untilMs: 0, round: 0 };
  #changedMs = -Infinity;
  /** Processes without a map that answered while there was none. */
  readonly #founders = new Map<PeerId, Arrival>();
  readonly #silent = new Set<PeerId>();
  #lost: ReadonlySet<number> = new Set();
  #suspicious = false;
  #answers: { id: number; answer: ChangeAnswer }[] = [];
  #notes: ManagerNote[] = [];

  /** @param nowMs the orchestrator's monotonic clock, as in every `step` */
  constructor(settings: ManagerSettings, nowMs: number) {
    this.#settings = settings;
    this.#committed = emptyMap(settings.clusterId);
    this.#contacts = new Contacts(settings, this.#committed, nowMs);
    this.#memory = new Memory(settings);
    this.#operate({ type: 'read' });
  }

  step(nowMs: number, input: ManagerInput): void {
    switch (input.type) {
      case 'tick':
        this.#tick(nowMs);
        break;
      case 'report':
        this.#takeReport(nowMs, input.envelope);
        break;
      case 'register-holds':
        this.#operation = undefined;
        this.#takeHeld(nowMs, input.map);
        break;
      case 'register-cas':
        this.#operation = undefined;
        this.#takeSwap(nowMs, input.outcome);
        break;
      case 'change':
        this.#takeWish(input.id, input.change);
        break;
    }
    this.#contacts.probe(nowMs);
  }

  take(): ManagerEffects {
    const effects = {
      register: this.#register,
      sends: this.#contacts.take(),
      answers: this.#answers,
      notes: this.#notes,
    };
    this.#register = undefined;
    this.#answers = [];
    this.#notes = [];
    return effects;
  }

  status(nowMs: number): ManagerStatus {
    const situation = this.#situation(nowMs);
    const { replicationFactor } = this.#settings;
    const moving = [...existing(situation)]
      .filter(([, part]) => part.learners.length > 0 || part.members.size > replicationFactor)
      .map(([partition]) => partition);
    return {
      phase: this.#phase,
      map: this.#committed,
      live: [...this.#committed.peers.keys()].filter((id) => this.#contacts.liveness.isLive(id)),
      suspectsSelf: this.#contacts.liveness.suspectsSelf(nowMs),
      lost: lostPartitions(situation),
      undecided: this.#rebuild?.undecided() ?? [],
      moving,
    };
  }

  // ---- time

  #tick(nowMs: number): void {
    this.#contacts.liveness.tick(nowMs);
    this.#noteSilence(nowMs);
    if (this.#phase === 'waiting') this.#found(nowMs);
    else if (this.#phase === 'rebuilding') this.#continueRebuild(nowMs);
    else if (this.#phase === 'managing') this.#manage(nowMs, true);
  }

  #manage(nowMs: number, everything: boolean): void {
    if (this.#operation !== undefined || !this.#graceIsOver(nowMs)) return;
    if (this.#highestSeen > this.#committed.ver) {
      this.#operate({ type: 'read' });
      return;
    }
    const situation = this.#situation(nowMs);
    const { granted, refused } = decideRound(situation, this.#memory, everything);
    for (const { wish, why } of refused) this.#answer(wish.id, { kind: 'refused', why });
    this.#contacts.want(this.#memory.probe);
    if (everything) this.#watchActivations(situation);
    if (situation.draft.changed) this.#propose(situation.draft.finish(), granted);
    else for (const wish of granted) this.#answer(wish.id, { kind: 'accepted' });
  }

  #graceIsOver(nowMs: number): boolean {
    if (nowMs >= this.#grace.untilMs) return true;
    for (const id of this.#committed.peers.keys()) {
      if (!this.#contacts.liveness.answeredAfter(id, this.#grace.round)) return false;
    }
    return true;
  }

  #watchActivations(situation: Situation): void {
    if (situation.nowMs - this.#changedMs > this.#settings.timing.watchActivationMs) return;
    for (const [, part] of existing(situation)) if (!part.active) this.#contacts.want([part.primary]);
  }

  // ---- what peers say

  #takeReport(nowMs: number, envelope: ReportEnvelope): void {
    const { clusterId, from, ver, body } = envelope;
    if (clusterId !== this.#settings.clusterId) {
      this.#notes.push({ type: 'other-cluster', peer: from, clusterId });
      return;
    }
    if (!this.#contacts.greet(envelope, nowMs)) return;
    this.#highestSeen = Math.max(this.#highestSeen, ver, shownBy(body));
    const desk = { nowMs, map: this.#committed, contacts: this.#contacts, memory: this.#memory };
    const urgent = takeReport(desk, envelope);
    if (this.#phase === 'waiting') this.#takeFounder(envelope);
    else if (this.#phase === 'rebuilding') this.#takeTestimony(nowMs, envelope);
    else if (this.#phase === 'managing' && urgent) this.#manage(nowMs, false);
  }

  #takeWish(id: number, change: PlannedChange): void {
    if (change.type === 'force-rebuild' && this.#rebuild) {
      const why = this.#rebuild.force(change.partition);
      this.#answer(id, why === undefined ? { kind: 'accepted' } : { kind: 'refused', why });
    } else if (this.#memory.wishes.length >= this.#settings.limits.maxWishes) {
      this.#answer(id, { kind: 'refused', why: 'too many changes are waiting' });
    } else if (this.#phase === 'managing') {
      this.#memory.wishes.push({ id, change });
    } else {
      this.#answer(id, { kind: 'refused', why: `the orchestrator is ${this.#phase}` });
    }
  }

  // ---- the register

  #operate(operation: RegisterOperation): void {
    this.#operation = operation.type;
    this.#register = operation;
    if (operation.type === 'read') this.#seenBeforeRead = this.#highestSeen;
  }

  #propose(map: ClusterMap, wishes: readonly Wish[]): void {
    this.#proposal = { map, wishes };
    this.#operate({ type: 'cas', expected: this.#registerVer, map });
  }

  #takeSwap(nowMs: number, outcome: 'swapped' | 'conflict' | 'unknown'): void {
    const proposal = this.#proposal;
    this.#proposal = undefined;
    if (!proposal) return;
    if (outcome !== 'swapped') {
      this.#memory.wishes.unshift(...proposal.wishes);
      this.#operate({ type: 'read' });
      return;
    }
    for (const wish of proposal.wishes) this.#answer(wish.id, { kind: 'accepted' });
    this.#registerVer = proposal.map.ver;
    this.#commit(nowMs, proposal.map);
    if (this.#phase !== 'managing') this.#beginManaging(nowMs);
    else this.#manage(nowMs, false);
  }

  #takeHeld(nowMs: number, map: ClusterMap | undefined): void {
    this.#registerVer = map?.ver ?? 0;
    if (map && map.ver > this.#committed.ver) this.#commit(nowMs, map);
    const restored = this.#phase === 'reading' && this.#settings.registerMayBeOld;
    // Another orchestrator may have changed the map, and a peer shown it, while the read was under way.
    const old = this.#registerVer < Math.max(this.#seenBeforeRead, this.#committed.ver);
    // Peers have promised our term and refuse the maps of lower ones: whatever the register holds, go on.
    if (this.#rebuild && this.#registerVer < mapVersion(this.#rebuild.term, 0)) this.#continueRebuild(nowMs);
    else if (old || (map && restored)) this.#beginRebuild(nowMs);
    else if (!map) this.#phase = 'waiting';
    else if (this.#phase !== 'managing') this.#beginManaging(nowMs);
  }

  #commit(nowMs: number, map: ClusterMap): void {
    const before = this.#committed;
    this.#committed = map;
    this.#changedMs = nowMs;
    this.#contacts.follow(map, nowMs);
    this.#noteLost(nowMs);
    if (this.#phase !== 'reading') this.#contacts.push(pushOrder(before, map));
  }

  #beginManaging(nowMs: number): void {
    this.#phase = 'managing';
    this.#rebuild = undefined;
    const { liveness } = this.#contacts;
    liveness.watch([], nowMs);
    liveness.watch(this.#committed.peers.keys(), nowMs);
    this.#grace = { untilMs: nowMs + this.#settings.timing.graceMs, round: liveness.round };
  }

  // ---- a new cluster

  #takeFounder({ from, ver, storeId, fromInc, addr, body }: ReportEnvelope): void {
    if (body.type === 'register') this.#contacts.want([from]);
    if (ver > 0) {
      // The register is lost, or another orchestrator has just founded the cluster: it tells.
      if (this.#operation === undefined) this.#operate({ type: 'read' });
    } else if (body.type === 'pong') {
      const weight = this.#contacts.weightOf(from);
      this.#founders.set(from, { storeId, inc: fromInc, addr, weight });
    }
  }

  #found(nowMs: number): void {
    const { bootstrapPeers, partitionCount, replicationFactor, timing } = this.#settings;
    if (this.#operation === undefined && nowMs - this.#readMs >= timing.queryEveryMs) {
      // Another orchestrator may have founded or rebuilt the cluster, and none of its peers needs us.
      this.#readMs = nowMs;
      this.#operate({ type: 'read' });
      return;
    }
    const live = [...this.#founders].filter(([id]) => this.#contacts.liveness.isLive(id));
    if (this.#operation !== undefined || bootstrapPeers === undefined || live.length < bootstrapPeers) return;
    const draft = new MapDraft(this.#committed, mapVersion(1, 1));
    const situation = { ...this.#situation(nowMs), draft };
    for (const [id, arrival] of live) takeIn(situation, id, arrival);
    createAll(draft, partitionCount, replicationFactor);
    this.#propose(draft.finish(), []);
  }

  // ---- a lost registry

  #beginRebuild(nowMs: number): void {
    const { partitionCount } = this.#settings;
    const term = Math.max(
      termAbove(this.#highestSeen, this.#committed.ver, this.#registerVer),
      (this.#rebuild?.term ?? 0) + 1,
    );
    this.#rebuild = new Rebuild(term, this.#committed, partitionCount, nowMs);
    this.#phase = 'rebuilding';
    this.#queriedMs = -Infinity;
    this.#notes.push({ type: 'rebuild-started', term });
    this.#continueRebuild(nowMs);
  }

  #continueRebuild(nowMs: number): void {
    const rebuild = this.#rebuild;
    const { queryEveryMs, queryPatienceMs } = this.#settings.timing;
    if (!rebuild || this.#operation !== undefined) return;
    const known = new Set([...this.#contacts.everybody(), ...rebuild.knownPeers().keys()]);
    const silent = [...known].filter((id) => !rebuild.hasHeard(id));
    const stubborn = silent.some((id) => this.#contacts.liveness.isLive(id));
    if (stubborn && nowMs - rebuild.startedMs >= queryPatienceMs) {
      this.#beginRebuild(nowMs);
      return;
    }
    if (nowMs - this.#queriedMs >= queryEveryMs) {
      this.#queriedMs = nowMs;
      for (const id of known) this.#contacts.send(id, { type: 'query', term: rebuild.term });
    }
    const map = rebuild.decide();
    if (map) {
      this.#notes.push({ type: 'rebuild-done', term: rebuild.term });
      this.#propose(map, []);
    }
  }

  #takeTestimony(nowMs: number, { from, storeId, fromInc, addr, ver, body }: ReportEnvelope): void {
    const rebuild = this.#rebuild;
    if (!rebuild) return;
    if (ver >= mapVersion(rebuild.term, 0)) {
      if (this.#operation === undefined) this.#operate({ type: 'read' });
    } else if (body.type === 'state' && body.term === rebuild.term) {
      rebuild.hear(from, { record: { storeId, inc: fromInc, addr }, map: body.map });
      this.#continueRebuild(nowMs);
    }
  }

  // ---- small things

  #situation(nowMs: number): Situation {
    return {
      nowMs,
      draft: new MapDraft(this.#committed),
      liveness: this.#contacts.liveness,
      settings: this.#settings,
      notes: this.#notes,
    };
  }

  #noteLost(nowMs: number): void {
    const lost = lostPartitions(this.#situation(nowMs));
    for (const partition of lost) {
      if (!this.#lost.has(partition)) this.#notes.push({ type: 'partition-lost', partition });
    }
    this.#lost = new Set(lost);
  }

  #answer(id: number, answer: ChangeAnswer): void {
    this.#answers.push({ id, answer });
  }

  #noteSilence(nowMs: number): void {
    const { liveness } = this.#contacts;
    for (const id of this.#committed.peers.keys()) {
      const silent = !liveness.isLive(id);
      if (silent === this.#silent.has(id)) continue;
      this.#notes.push({ type: silent ? 'peer-silent' : 'peer-back', peer: id });
      if (silent) this.#silent.add(id);
      else this.#silent.delete(id);
    }
    const suspicious = liveness.suspectsSelf(nowMs);
    if (suspicious && !this.#suspicious) this.#notes.push({ type: 'suspects-self' });
    this.#suspicious = suspicious;
  }
}

/** The highest version that a report shows beside the sender's own: of its map, or that it has promised to wait for. */
function shownBy(body: ReportEnvelope['body']): number {
  if (body.type === 'state') return body.map.ver;
  return body.type === 'pong' ? body.promised : 0;
}
