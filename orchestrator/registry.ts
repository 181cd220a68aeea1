/**
 * The registry: who is a member, who is up, who owns what. A state machine without I/O and without a clock; what
 * happens comes in with the time, and the newest view and what there is to tell come out.
 *
 * Invariants: every change makes a new view with a greater epoch; a view is never changed once it was given out; a
 * member is `down` only after it was asked in vain for `MISSING_MS`, and loses its partitions only after it was down
 * for `repairAfterMs` and somebody else can take them.
 */
import type { Health, Leaving, Registration } from '../common/control.js';
import { type Member, memberOf, type View } from '../common/view.js';
import { type Contact, Contacts } from './contacts.js';
import { Draft, type Losses } from './draft.js';
import { type Condition, plan } from './moves.js';
import {
  full,
  lastPeer,
  type Refusal,
  refuseStranger,
  refuseSuccessor,
  sameAddress,
  wrongCluster,
} from './refusals.js';
import { emptyView, isExpecting, moving, viewFault } from './views.js';

/** Before the very first placement, how long to wait for one more peer after each that came … */
const SETTLE_MS = 300;
/** … and how long at most after the first. */
const LONGEST_SETTLE_MS = 2_000;
/** Members at most; beyond, the one that has been gone for longest makes room, if it owns nothing. */
export const MAX_MEMBERS = 2_000;

export interface RegistryOptions {
  readonly cluster: string;
  readonly copies: number;
  readonly repairAfterMs: number;
}

export interface Now {
  /** Never goes back; only differences mean anything. */
  readonly ms: number;
  /** Since 1970. */
  readonly wallMs: number;
}

/** Something an operator wants to read. */
export interface Notice {
  readonly level: 'info' | 'warn';
  readonly text: string;
}

export class Registry {
  readonly #options: RegistryOptions;
  readonly #contacts: Contacts;
  #view: View;
  #notices: Notice[] = [];
  #settle: { sinceMs: number; untilMs: number } | null = null;
  /** The fit peers and the number of copies that the table was last balanced for. */
  #balancedFor = '';
  #lastMs: number;

  /** @param known the view to go on from; null for a cluster that was never seen. */
  constructor(options: RegistryOptions, known: View | null, now: Now) {
    this.#options = options;
    this.#view = known ?? emptyView(options.cluster, options.copies);
    this.#lastMs = now.ms;
    this.#contacts = new Contacts(this.#view.members, now.ms);
  }

  get view(): View {
    return this.#view;
  }

  /** What is known of a member besides the view; undefined for a stranger. */
  contact(id: string): Readonly<Contact> | undefined {
    return this.#contacts.find(id);
  }

  /** What there is to tell since the last call. */
  takeNotices(): Notice[] {
    const notices = this.#notices;
    this.#notices = [];
    return notices;
  }

  /** A peer starts, or says again that it is there. */
  register(registration: Registration, now: Now): Refusal | null {
    const { cluster, view, id } = registration;
    const stranger = [cluster, view?.cluster ?? cluster].find((each) => each !== this.#options.cluster);
    if (stranger !== undefined) return wrongCluster(this.#options.cluster, stranger);
    const draft = new Draft(this.#view, now.wallMs);
    const newer = view !== null && view.epoch > this.#view.epoch ? view : null;
    const fault = newer === null ? null : viewFault(newer);
    if (fault !== null) return { code: 'invalid-registration', detail: `view: ${fault}.` };
    const losses = newer === null ? null : draft.adopt(newer);
    const known = draft.members.get(id);
    const refusal = known === undefined ? this.#makeRoom(draft) : refuseSuccessor(registration, known);
    if (refusal !== null) return refusal;
    if (newer !== null && losses !== null) {
      this.#tell(
        'warn',
        `goes on from view ${newer.epoch}, which ${id} brought; ours was ${this.#view.epoch}`,
      );
      this.#tellLost(losses, 'members that it names started anew');
      this.#contacts.meet(newer.members, now.ms);
    }
    this.#admit(draft, registration, known);
    if (!draft.hasOwners()) this.#waitForMore(now.ms);
    this.#finish(draft, now.ms);
    return null;
  }

  /** A peer wants to stop and asks for its partitions to be taken over. */
  leave(leaving: Leaving, now: Now): Refusal | null {
    const { cluster, id } = leaving;
    if (cluster !== this.#options.cluster) return wrongCluster(this.#options.cluster, cluster);
    const draft = new Draft(this.#view, now.wallMs);
    const member = draft.members.get(id);
    if (member === undefined) return null;
    const refusal = refuseStranger(leaving, member);
    if (refusal !== null) return refusal;
    const contact = this.#contacts.of(id);
    if (contact.leaving && !draft.owns(id)) {
      this.#remove(draft, id);
    } else {
      if (draft.leads(id) && !draft.ablePeers().some((peer) => peer.id !== id)) return lastPeer(id);
      if (!contact.leaving) this.#tell('info', `${id} leaves`);
      contact.leaving = true;
      if (member.status === 'up') draft.update(id, { status: 'leaving' });
    }
    this.#finish(draft, now.ms);
    return null;
  }

  /** A peer answered a probe; false where the answer is not that of the member that was asked. */
  answered(id: string, health: Health, now: Now): boolean {
    const member = memberOf(this.#view, id);
    if (health.cluster !== this.#view.cluster || health.id !== id || health.instance !== member?.instance) {
      return false;
    }
    const contact = this.#contacts.of(id);
    if (this.#isNothingNew(member, contact, health)) {
      this.#contacts.answered(id, health, now.ms);
      return true;
    }
    const draft = new Draft(this.#view, now.wallMs);
    if (health.epoch > Math.max(this.#view.epoch, contact.epoch)) {
      this.#tell(
        'warn',
        `${id} follows view ${health.epoch}, ours is ${this.#view.epoch}: nothing moves until it registers again`,
      );
    }
    this.#contacts.answered(id, health, now.ms);
    if (member.status === 'down') {
      draft.update(id, { status: contact.leaving ? 'leaving' : 'up' });
      this.#tell('info', `${id} is up again`);
    }
    draft.fetched(id, health.epoch, new Set(health.fetching));
    this.#finish(draft, now.ms);
    return true;
  }

  /** Of many members most answer as the second before: planning anew at each would cost a process by itself. */
  #isNothingNew({ id, status }: Member, contact: Contact, health: Health): boolean {
    const newest = Math.max(contact.epoch, health.epoch);
    if (status === 'down' || contact.leaving || contact.unheard || newest > this.#view.epoch) return false;
    return !isExpecting(this.#view, id);
  }

  /** A peer did not answer the question that was asked at `askedMs`. */
  missed(id: string, askedMs: number, now: Now): void {
    this.#contacts.missed(id, askedMs);
    this.tick(now);
  }

  /** Time has passed. */
  tick(now: Now): void {
    const draft = new Draft(this.#view, now.wallMs);
    for (const { id, status } of this.#view.members) {
      if (status === 'down' || !this.#contacts.isMissing(id, now.ms)) continue;
      draft.update(id, { status: 'down' });
      const contact = this.#contacts.of(id);
      contact.downSinceMs = now.ms;
      if (!contact.leaving || draft.owns(id)) this.#tell('warn', `${id} does not answer: down`);
    }
    this.#finish(draft, now.ms);
  }

  /** When `tick` has something to do next, if nothing else happens; null for never. */
  wakeAtMs(): number | null {
    const settled = this.#settle === null ? [] : [this.#settle.untilMs];
    const deadlines = this.#contacts.deadlines(this.#view, this.#options.repairAfterMs);
    // What is past and still stands (nobody can take over) waits for an event, not for time.
    const ahead = [...settled, ...deadlines].filter((ms) => ms > this.#lastMs);
    return ahead.length === 0 ? null : Math.min(...ahead);
  }

  /** Makes the process that registers a member, in place of the one before if there was one. */
  #admit(draft: Draft, registration: Registration, known: Member | undefined): void {
    const { id, host, port, peerPort, instance, weight } = registration;
    if (known === undefined) {
      draft.join(registration);
      this.#tell('info', `${id} joined (${host}:${port}, weight ${weight})`);
    } else if (known.instance !== instance || !sameAddress(known, registration)) {
      this.#tell('info', `${id} is back as a new process (${host}:${port}, instance ${instance})`);
      this.#tellLost(draft.restart(registration), `${id} started with an empty memory`);
    } else {
      if (known.weight !== weight || known.peerPort !== peerPort) draft.update(id, { weight, peerPort });
      this.#contacts.of(id).unheard = false;
      return;
    }
    this.#contacts.begin(id);
  }

  /** Plans what must move, and makes the changes the newest view. */
  #finish(draft: Draft, nowMs: number): void {
    this.#lastMs = nowMs;
    if (draft.copies !== this.#options.copies) draft.setCopies(this.#options.copies);
    this.#plan(draft, nowMs);
    for (const { id, status } of [...draft.members.values()]) {
      if (status === 'down' && this.#contacts.of(id).leaving && !draft.owns(id)) this.#remove(draft, id);
    }
    const next = draft.view();
    if (next === null) return;
    const before = moving(this.#view);
    const after = moving(next);
    this.#view = next;
    if (after > before) this.#tell('info', `${after} partitions on their way to new primaries`);
    else if (after === 0 && before > 0) this.#tell('info', 'all moves are done');
  }

  #plan(draft: Draft, nowMs: number): void {
    if (this.#settle !== null) {
      if (!draft.hasOwners() && nowMs < this.#settle.untilMs) return;
      this.#settle = null;
    }
    // Where a peer knows a newer view than we do our table is old, and moving by it might lose what was written since.
    // After a restart that shows only when everybody was asked.
    if (this.#contacts.mayKnowNewer(draft.members.values(), draft.epoch - 1)) return;
    const candidates = draft.ablePeers();
    const key = JSON.stringify([this.#options.copies, ...candidates.map(({ id, weight }) => [id, weight])]);
    const isFirst = !draft.hasOwners();
    const { partitions, balanced, ...losses } = plan({
      partitions: draft.partitions,
      epoch: draft.epoch,
      copies: this.#options.copies,
      fit: candidates,
      condition: (id) => this.#condition(draft.members.get(id), nowMs),
      rebalance: key !== this.#balancedFor,
    });
    const changed = draft.setPartitions(partitions);
    if (balanced) this.#balancedFor = key;
    else if (changed) this.#balancedFor = '';
    if (isFirst && draft.hasOwners()) this.#tell('info', `partitions placed on ${candidates.length} peers`);
    this.#tellLost(losses, 'a peer that held them did not come back');
  }

  #condition(member: Member | undefined, nowMs: number): Condition {
    if (member === undefined) return 'lost';
    if (member.status === 'down') {
      const since = this.#contacts.of(member.id).downSinceMs ?? nowMs;
      return nowMs - since >= this.#options.repairAfterMs ? 'lost' : 'waited-for';
    }
    return member.status === 'leaving' || member.weight === 0 ? 'handing-over' : 'well';
  }

  #waitForMore(nowMs: number): void {
    const sinceMs = this.#settle?.sinceMs ?? nowMs;
    this.#settle = { sinceMs, untilMs: Math.min(nowMs + SETTLE_MS, sinceMs + LONGEST_SETTLE_MS) };
  }

  #makeRoom(draft: Draft): Refusal | null {
    if (draft.members.size < MAX_MEMBERS) return null;
    const gone = [...draft.members.values()]
      .filter((member) => member.status === 'down' && !draft.owns(member.id))
      .sort((a, b) => a.statusSinceMs - b.statusSinceMs)[0];
    if (gone === undefined) return full(MAX_MEMBERS);
    this.#remove(draft, gone.id);
    return null;
  }

  #remove(draft: Draft, id: string): void {
    draft.remove(id);
    this.#contacts.remove(id);
    this.#tell('info', `${id} left`);
  }

  #tell(level: Notice['level'], text: string): void {
    this.#notices.push({ level, text });
  }

  #tellLost({ lost, doubtful }: Losses, why: string): void {
    if (lost > 0)
      this.#tell('warn', `DATA LOST: ${lost} partitions lost their only copy and start empty: ${why}`);
    if (doubtful > 0)
      this.#tell(
        'warn',
        `DATA AT RISK: ${doubtful} partitions were on their way, and go on with what their source still has: ${why}`,
      );
  }
}
