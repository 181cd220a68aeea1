/**
 * The configuration manager: collects what peers say, and turns it into the next map (E1 to E9, H, section 9).
 *
 * Keeps true:
 * - every change is one compare-and-set of the whole map; there is never more than one under way, and a map is
 *   sent only after the register said that it holds it (E1). Several managers may share the register;
 * - decisions are made from the committed map and soft memory alone: what a lost proposal wanted is decided
 *   again. After a start nothing changes until everybody has answered, or had the time to; whoever stood still for
 *   as long as makes a peer dead knows no more than that;
 * - a peer that shows a higher version than the register holds proves the register old: it is rebuilt;
 * - an empty register is filled with a new cluster only if that was asked for, and nobody shows a map.
 */
import { type ClusterMap, emptyMap, mapVersion } from '../../common/configuration.js';
import type { ChangeAnswer, PlannedChange, ReportEnvelope } from '../../common/control-messages.js';
import { Chronicle } from './chronicle.js';
import { Contacts } from './contacts.js';
import { decideRound, Memory } from './decisions.js';
import { MapDraft } from './draft.js';
import { Founders } from './founders.js';
import { imbalanceOf } from './imbalance.js';
import type { Imbalance, Manager, ManagerEffects, ManagerInput, ManagerStatus } from './machine.js';
import { statusOf } from './outlook.js';
import { pushOrder } from './push-order.js';
import { Rebuild, termAbove } from './rebuild.js';
import { RegisterView } from './register.js';
import { lostPartitions } from './removal.js';
import { takeReport } from './reports.js';
import type { ManagerSettings } from './settings.js';
import { existing, type Situation } from './situation.js';
import { newlyTrusted } from './vouching.js';

/** The configuration manager of one orchestrator. */
export class ConfigurationManager implements Manager {
  readonly #settings: ManagerSettings;
  readonly #contacts: Contacts;
  readonly #memory: Memory;
  readonly #register = new RegisterView();
  readonly #chronicle = new Chronicle();
  /** The newest map that is known to be committed. */
  #committed: ClusterMap;
  #phase: ManagerStatus['phase'] = 'reading';
  #rebuild: Rebuild | undefined;
  #queriedMs = -Infinity;
  #grace = { untilMs: 0, round: 0 };
  #changedMs = -Infinity;
  /** When everything was last decided upon. */
  #decidedMs = -Infinity;
  readonly #founders = new Founders();
  #answers: { id: number; answer: ChangeAnswer }[] = [];

  /** @param nowMs the orchestrator's monotonic clock, as in every `step` */
  constructor(settings: ManagerSettings, nowMs: number) {
    this.#settings = settings;
    this.#committed = emptyMap(settings.clusterId);
    this.#contacts = new Contacts(settings, this.#committed, nowMs);
    this.#memory = new Memory(settings);
    this.#register.read();
  }

  step(nowMs: number, input: ManagerInput): void {
    this.#noticeStall(nowMs);
    switch (input.type) {
      case 'tick':
        this.#tick(nowMs);
        break;
      case 'report':
        this.#takeReport(nowMs, input.envelope);
        break;
      case 'register-holds':
        this.#takeHeld(nowMs, input.map);
        break;
      case 'register-cas':
        this.#takeSwap(nowMs, input.outcome === 'swapped');
        break;
      case 'change':
        this.#takeWish(input.id, input.change);
        break;
    }
    this.#contacts.probe(nowMs);
  }

  take(): ManagerEffects {
    const answers = this.#answers;
    this.#answers = [];
    return {
      register: this.#register.take(),
      sends: this.#contacts.take(),
      answers,
      notes: this.#chronicle.take(),
    };
  }

  status(nowMs: number): ManagerStatus {
    return statusOf(this.#situation(nowMs), {
      phase: this.#phase,
      moves: this.#memory.moves,
      founders: this.#founders,
      rebuild: this.#rebuild,
    });
  }

  imbalance(nowMs: number): Imbalance {
    return imbalanceOf(this.#situation(nowMs), this.#memory.moves.leaving);
  }

  // ---- time

  /** Verdicts from before a long stall would take out peers that are here, and leave one that is gone (seed 1126922). */
  #noticeStall(nowMs: number): void {
    const stalledMs = this.#contacts.liveness.noticeStall(nowMs);
    if (stalledMs < this.#settings.timing.deadAfterMs || this.#phase !== 'managing') return;
    this.#memory.accusations.clear();
    this.#beginManaging(nowMs);
  }

  #tick(nowMs: number): void {
    const { liveness } = this.#contacts;
    liveness.tick(nowMs);
    this.#chronicle.watch(this.#committed.peers.keys(), liveness, nowMs);
    if (this.#phase === 'waiting') this.#found(nowMs);
    else if (this.#phase === 'rebuilding') this.#continueRebuild(nowMs);
    else if (this.#phase === 'managing') this.#manage(nowMs, this.#isTimeForEverything(nowMs));
  }

  /** Repairs and moves go at a pace, so that many of them share one change of the map. */
  #isTimeForEverything(nowMs: number): boolean {
    return nowMs - this.#decidedMs >= this.#settings.timing.planEveryMs;
  }

  #manage(nowMs: number, everything: boolean): void {
    if (this.#register.isBusy || !this.#graceIsOver(nowMs)) return;
    if (this.#register.highestSeen > this.#committed.ver) {
      this.#register.read();
      return;
    }
    const situation = this.#situation(nowMs);
    const { granted, refused } = decideRound(situation, this.#memory, everything);
    if (everything) this.#decidedMs = nowMs;
    for (const { wish, why } of refused) this.#answer(wish.id, why);
    this.#contacts.want(this.#memory.probe);
    this.#watchActivations(situation);
    if (situation.draft.changed) this.#register.propose(situation.draft.finish(), granted);
    else for (const wish of granted) this.#answer(wish.id, undefined);
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

  // ---- what peers and operators say

  #takeReport(nowMs: number, envelope: ReportEnvelope): void {
    const { clusterId, from, ver, body } = envelope;
    if (clusterId !== this.#settings.clusterId) {
      this.#chronicle.foreign(from, clusterId);
      return;
    }
    if (!this.#contacts.greet(envelope, nowMs)) return;
    const map = body.type === 'state' ? body.map.ver : 0;
    this.#register.saw(Math.max(ver, map), body.type === 'pong' ? body.promised : 0);
    const desk = { nowMs, map: this.#committed, contacts: this.#contacts, memory: this.#memory };
    const urgent = takeReport(desk, envelope);
    if (this.#phase === 'waiting') this.#takeFounder(envelope);
    else if (this.#phase === 'rebuilding') this.#takeTestimony(nowMs, envelope);
    else if (this.#phase === 'managing' && urgent) this.#manage(nowMs, false);
  }

  #takeWish(id: number, change: PlannedChange): void {
    if (change.type === 'force-rebuild' && this.#rebuild) {
      this.#answer(id, this.#rebuild.force(change.partition));
    } else if (this.#memory.wishes.length >= this.#settings.limits.maxWishes) {
      this.#answer(id, 'too many changes are waiting');
    } else if (this.#phase === 'managing') {
      this.#memory.wishes.push({ id, change });
    } else {
      this.#answer(id, `the orchestrator is ${this.#phase}`);
    }
  }

  #answer(id: number, why: string | undefined): void {
    this.#answers.push({ id, answer: why === undefined ? { kind: 'accepted' } : { kind: 'refused', why } });
  }

  // ---- what the register says

  #takeSwap(nowMs: number, swapped: boolean): void {
    const proposal = this.#register.answered(swapped);
    if (!proposal) return;
    if (!swapped) {
      this.#memory.wishes.unshift(...proposal.wishes);
      this.#register.read();
      return;
    }
    for (const wish of proposal.wishes) this.#answer(wish.id, undefined);
    this.#commit(nowMs, proposal.map);
    if (this.#phase !== 'managing') this.#beginManaging(nowMs);
    else this.#manage(nowMs, false);
  }

  #takeHeld(nowMs: number, map: ClusterMap | undefined): void {
    const register = this.#register;
    register.holds(map);
    if (map && map.ver > this.#committed.ver) {
      const { liveness } = this.#contacts;
      for (const id of newlyTrusted(this.#committed, map)) {
        liveness.vouch(id, this.#settings.timing.vouchedForMs, nowMs);
      }
      this.#commit(nowMs, map);
    }
    const restored = this.#phase === 'reading' && this.#settings.registerMayBeOld;
    // Peers have promised our term and refuse the maps of lower ones: whatever the register holds, go on.
    if (this.#rebuild && register.heldVer < mapVersion(this.#rebuild.term, 0)) this.#continueRebuild(nowMs);
    else if (register.isOlderThan(this.#committed.ver) || (map && restored)) this.#beginRebuild(nowMs);
    else if (!map) this.#phase = 'waiting';
    else if (this.#phase !== 'managing') this.#beginManaging(nowMs);
  }

  #commit(nowMs: number, map: ClusterMap): void {
    const before = this.#committed;
    this.#committed = map;
    this.#changedMs = nowMs;
    this.#contacts.follow(map, nowMs);
    this.#rebuild?.hearRegister(map);
    this.#chronicle.lost(lostPartitions(this.#situation(nowMs)));
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
      this.#register.read();
    } else if (body.type === 'pong') {
      const weight = this.#contacts.weightOf(from);
      this.#founders.hear(from, { storeId, inc: fromInc, addr, weight });
    }
  }

  #found(nowMs: number): void {
    // Another orchestrator may have founded or rebuilt the cluster, and none of its peers needs us.
    if (this.#register.readEvery(this.#settings.timing.queryEveryMs, nowMs) || this.#register.isBusy) return;
    const map = this.#founders.found(this.#situation(nowMs));
    if (map) this.#register.propose(map, []);
  }

  // ---- a lost registry

  #beginRebuild(nowMs: number): void {
    const { highestSeen, heldVer } = this.#register;
    const above = termAbove(highestSeen, this.#committed.ver, heldVer);
    const term = Math.max(above, (this.#rebuild?.term ?? 0) + 1);
    this.#rebuild = new Rebuild(term, this.#committed, this.#settings.partitionCount);
    this.#phase = 'rebuilding';
    this.#queriedMs = -Infinity;
    this.#chronicle.add({ type: 'rebuild-started', term });
    this.#continueRebuild(nowMs);
  }

  #continueRebuild(nowMs: number): void {
    const rebuild = this.#rebuild;
    const { queryEveryMs, queryPatienceMs } = this.#settings.timing;
    if (!rebuild || this.#register.isBusy) return;
    const known = new Set([...this.#contacts.everybody(), ...rebuild.knownPeers().keys()]);
    rebuild.know(known, this.#register.highestMap);
    const silent = [...known].filter((id) => !rebuild.hasHeard(id));
    const here = silent.filter((id) => this.#contacts.liveness.isLive(id));
    if (here.some((id) => rebuild.awaitedMs(id, nowMs) >= queryPatienceMs)) {
      this.#beginRebuild(nowMs);
      return;
    }
    if (nowMs - this.#queriedMs >= queryEveryMs) {
      this.#queriedMs = nowMs;
      for (const id of known) this.#contacts.send(id, { type: 'query', term: rebuild.term });
    }
    const map = rebuild.decide();
    if (!map) return;
    this.#chronicle.add({ type: 'rebuild-done', term: rebuild.term });
    this.#register.propose(map, []);
  }

  #takeTestimony(nowMs: number, { from, storeId, fromInc, addr, ver, body }: ReportEnvelope): void {
    const rebuild = this.#rebuild;
    if (!rebuild) return;
    if (ver >= mapVersion(rebuild.term, 0)) {
      this.#register.read();
    } else if (body.type === 'state' && body.term === rebuild.term) {
      const weight = this.#contacts.weightOf(from);
      const record = { storeId, inc: fromInc, addr, ...(weight === undefined ? {} : { weight }) };
      rebuild.hear(from, { record, map: body.map });
      this.#continueRebuild(nowMs);
    }
  }

  #situation(nowMs: number): Situation {
    return {
      nowMs,
      draft: new MapDraft(this.#committed),
      liveness: this.#contacts.liveness,
      settings: this.#settings,
      notes: this.#chronicle.notes,
    };
  }
}
