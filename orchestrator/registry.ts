/**
 * The registry: who is a member, who is up, who owns what. A state machine without I/O and without a clock; what
 * happens comes in with the time, and the newest view and what there is to tell come out.
 *
 * Invariants: every change makes a new view with a greater epoch; a view is never changed once it was given out; a
 * member is `down` only after it missed answers for `MISSING_MS`, and loses its partitions only after it was down for
 * `repairAfterMs` and somebody else can take them.
 */
import type { Health, Leaving, Registration } from '../common/control.js';
import type { ProblemCode } from '../common/problems.js';
import { PARTITION_COUNT } from '../common/slots.js';
import type { Member, View } from '../common/view.js';
import { Draft } from './draft.js';
import { plan } from './moves.js';
import { viewFault } from './view-check.js';

/** A member that has not answered for this long, from the first question that stayed without answer, is down. */
export const MISSING_MS = 1_500;
/** Before the very first placement, how long to wait for one more peer after each that came … */
const SETTLE_MS = 300;
/** … and how long at most after the first. */
const LONGEST_SETTLE_MS = 2_000;
/** Members at most; beyond, the one that has been gone for longest makes room, if it owns nothing. */
export const MAX_MEMBERS = 500;

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

/** An operating error: a stable code, and a sentence for a person. */
export interface Refusal {
  readonly code: ProblemCode;
  readonly detail: string;
}

/** Something an operator wants to read. */
export interface Notice {
  readonly level: 'info' | 'warn';
  readonly text: string;
}

/** What is known of a member besides the view; none of it outlives the process. */
export interface Contact {
  /** When the first question was asked that stayed without answer; null while it answers. */
  missingSinceMs: number | null;
  downSinceMs: number | null;
  leaving: boolean;
  answeredMs: number | null;
  /** Epoch of the view that it follows. */
  epoch: number;
  fetching: number;
}

export class Registry {
  readonly #options: RegistryOptions;
  readonly #contacts = new Map<string, Contact>();
  #view: View;
  #notices: Notice[] = [];
  #settle: { sinceMs: number; untilMs: number } | null = null;
  /** The fit peers and the number of copies that the table was last balanced for. */
  #balancedFor = '';
  #tickedMs: number;

  /** @param known the view to go on from; null for a cluster that was never seen. */
  constructor(options: RegistryOptions, known: View | null, now: Now) {
    this.#options = options;
    this.#view = known ?? emptyView(options);
    this.#tickedMs = now.ms;
    for (const member of this.#view.members) this.#meet(member, now.ms);
  }

  get view(): View {
    return this.#view;
  }

  /** What is known of a member; undefined for a stranger. */
  contact(id: string): Readonly<Contact> | undefined {
    return this.#contacts.get(id);
  }

  /** What there is to tell since the last call. */
  takeNotices(): Notice[] {
    const notices = this.#notices;
    this.#notices = [];
    return notices;
  }

  /** A peer starts, or says again that it is there. */
  register(registration: Registration, now: Now): Refusal | null {
    const { cluster, view: theirs, id, instance } = registration;
    if (cluster !== this.#options.cluster) return this.#wrongCluster(cluster);
    if (theirs !== null && theirs.cluster !== this.#options.cluster)
      return this.#wrongCluster(theirs.cluster);
    const draft = new Draft(this.#view, now.wallMs);
    let lost = 0;
    if (theirs !== null && theirs.epoch > this.#view.epoch) {
      const fault = viewFault(theirs);
      if (fault !== null) return { code: 'invalid-registration', detail: `view: ${fault}.` };
      lost = draft.adopt(theirs);
    }
    const known = draft.members.get(id);
    const refusal = known === undefined ? this.#makeRoom(draft) : refuseSuccessor(registration, known);
    if (refusal !== null) return refusal;
    if (theirs !== null && draft.adopted) {
      this.#tell(
        'warn',
        `goes on from view ${theirs.epoch}, which ${id} brought; ours was ${this.#view.epoch}`,
      );
      this.#tellLost(lost, 'peers started anew that it names');
      for (const member of theirs.members) this.#meet(member, now.ms);
    }
    const isNew = known === undefined || known.instance !== instance || !sameAddress(known, registration);
    if (known === undefined) {
      draft.join(registration);
      this.#tell(
        'info',
        `${id} joined (${registration.host}:${registration.port}, weight ${registration.weight})`,
      );
    } else if (isNew) {
      this.#restarted(draft, registration);
    } else if (known.weight !== registration.weight || known.peerPort !== registration.peerPort) {
      draft.update(id, { weight: registration.weight, peerPort: registration.peerPort });
    }
    if (isNew) this.#contacts.set(id, freshContact());
    if (!draft.hasOwners()) this.#waitForMore(now.ms);
    this.#finish(draft, now.ms);
    return null;
  }

  /** A peer wants to stop and asks for its partitions to be taken over. */
  leave({ cluster, id, instance }: Leaving, now: Now): Refusal | null {
    if (cluster !== this.#options.cluster) return this.#wrongCluster(cluster);
    const draft = new Draft(this.#view, now.wallMs);
    const member = draft.members.get(id);
    if (member === undefined) return null;
    if (member.instance !== instance) {
      return {
        code: 'stale-instance',
        detail: `${id} is registered with instance ${member.instance}, not ${instance}: another process has its name.`,
      };
    }
    const contact = this.#contacts.get(id) as Contact;
    if (contact.leaving && !draft.owns(id)) {
      this.#remove(draft, id);
    } else {
      if (draft.leads(id) && !this.#fit(draft).some((peer) => peer.id !== id)) {
        return {
          code: 'last-peer',
          detail: `Nobody is there to take over what ${id} holds; it would be lost. Start another peer first.`,
        };
      }
      if (!contact.leaving) this.#tell('info', `${id} leaves`);
      contact.leaving = true;
      if (member.status === 'up') draft.update(id, { status: 'leaving' });
    }
    this.#finish(draft, now.ms);
    return null;
  }

  /** A peer answered a probe; false where the answer is not that of the member that was asked. */
  answered(id: string, health: Health, now: Now): boolean {
    const draft = new Draft(this.#view, now.wallMs);
    const member = draft.members.get(id);
    const contact = this.#contacts.get(id);
    if (member === undefined || contact === undefined) return false;
    if (health.cluster !== this.#view.cluster || health.id !== id || health.instance !== member.instance) {
      return false;
    }
    const wasBehind = this.#anyKnowsNewer(this.#view.epoch);
    Object.assign(contact, {
      missingSinceMs: null,
      downSinceMs: null,
      answeredMs: now.ms,
      epoch: health.epoch,
      fetching: health.fetching.length,
    });
    if (!wasBehind && health.epoch > this.#view.epoch) {
      this.#tell(
        'warn',
        `${id} follows view ${health.epoch}, ours is ${this.#view.epoch}: nothing moves until it registers`,
      );
    }
    if (member.status === 'down') {
      draft.update(id, { status: contact.leaving ? 'leaving' : 'up' });
      this.#tell('info', `${id} is up again`);
    }
    draft.fetched(id, health.epoch, new Set(health.fetching));
    this.#finish(draft, now.ms);
    return true;
  }

  /** A peer did not answer the question that was asked at `askedMs`. */
  missed(id: string, askedMs: number, now: Now): void {
    const contact = this.#contacts.get(id);
    if (contact !== undefined) contact.missingSinceMs ??= askedMs;
    this.tick(now);
  }

  /** Time has passed. */
  tick(now: Now): void {
    const draft = new Draft(this.#view, now.wallMs);
    for (const { id, status } of this.#view.members) {
      const contact = this.#contacts.get(id) as Contact;
      const missing = contact.missingSinceMs !== null && now.ms - contact.missingSinceMs >= MISSING_MS;
      if (missing && status !== 'down') {
        draft.update(id, { status: 'down' });
        contact.downSinceMs = now.ms;
        if (!contact.leaving || draft.owns(id)) this.#tell('warn', `${id} does not answer: down`);
      }
    }
    this.#finish(draft, now.ms);
  }

  /** When `tick` has something to do next, if nothing else happens; null for never. */
  wakeAtMs(): number | null {
    const times = this.#settle === null ? [] : [this.#settle.untilMs];
    for (const { id, status } of this.#view.members) {
      const { missingSinceMs, downSinceMs } = this.#contacts.get(id) as Contact;
      if (status !== 'down' && missingSinceMs !== null) times.push(missingSinceMs + MISSING_MS);
      if (status === 'down' && downSinceMs !== null) times.push(downSinceMs + this.#options.repairAfterMs);
    }
    // What is past and still stands (nobody can take over) waits for an event, not for time.
    const ahead = times.filter((ms) => ms > this.#tickedMs);
    return ahead.length === 0 ? null : Math.min(...ahead);
  }

  #restarted(draft: Draft, registration: Registration): void {
    const { id, instance } = registration;
    const lost = draft.restart(registration);
    this.#tell('info', `${id} is back as a new process (instance ${instance})`);
    this.#tellLost(lost, `${id} started with an empty memory`);
  }

  /** Plans what must move, and makes the changes the newest view. */
  #finish(draft: Draft, nowMs: number): void {
    this.#tickedMs = nowMs;
    if (this.#view.copies !== this.#options.copies) draft.setCopies(this.#options.copies);
    this.#plan(draft, nowMs);
    for (const [id, contact] of this.#contacts) {
      const member = draft.members.get(id);
      if (contact.leaving && member?.status === 'down' && !draft.owns(id)) this.#remove(draft, id);
    }
    const next = draft.view();
    if (next === null) return;
    const before = moving(this.#view);
    const after = moving(next);
    if (after > before) this.#tell('info', `${after} partitions on their way to new primaries`);
    else if (after === 0 && before > 0) this.#tell('info', 'all moves are done');
    this.#view = next;
  }

  #plan(draft: Draft, nowMs: number): void {
    if (this.#settle !== null) {
      if (!draft.hasOwners() && nowMs < this.#settle.untilMs) return;
      this.#settle = null;
    }
    // A peer knows a newer view than we do: our table is old, and to move by it might lose what was written since.
    if (this.#anyKnowsNewer(draft.epoch - 1)) return;
    const fit = this.#fit(draft);
    const key = JSON.stringify([this.#options.copies, ...fit.map(({ id, weight }) => [id, weight])]);
    const hadOwners = draft.hasOwners();
    const { partitions, lost, balanced } = plan({
      partitions: draft.partitions,
      epoch: draft.epoch,
      copies: this.#options.copies,
      fit,
      condition: (id) => this.#condition(draft, id, nowMs),
      rebalance: key !== this.#balancedFor,
    });
    if (balanced) this.#balancedFor = key;
    else if (draft.setPartitions(partitions)) this.#balancedFor = '';
    draft.setPartitions(partitions);
    if (!hadOwners && draft.hasOwners()) this.#tell('info', `partitions placed on ${fit.length} peers`);
    this.#tellLost(lost, 'a peer did not come back');
  }

  #condition(draft: Draft, id: string, nowMs: number): ReturnType<Parameters<typeof plan>[0]['condition']> {
    const member = draft.members.get(id);
    const contact = this.#contacts.get(id);
    if (member === undefined || contact === undefined) return 'lost';
    if (member.status === 'down') {
      const since = contact.downSinceMs ?? nowMs;
      return nowMs - since >= this.#options.repairAfterMs ? 'lost' : 'waited-for';
    }
    return member.status === 'leaving' || member.weight === 0 ? 'handing-over' : 'well';
  }

  #fit(draft: Draft): Member[] {
    return [...draft.members.values()]
      .filter((member) => member.status === 'up' && member.weight > 0)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  #anyKnowsNewer(epoch: number): boolean {
    return this.#view.members.some(
      ({ id, status }) => status !== 'down' && (this.#contacts.get(id)?.epoch ?? 0) > epoch,
    );
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
    if (gone === undefined) {
      return {
        code: 'too-many-requests',
        detail: `The cluster has ${MAX_MEMBERS} members and takes no more.`,
      };
    }
    this.#remove(draft, gone.id);
    return null;
  }

  #remove(draft: Draft, id: string): void {
    draft.remove(id);
    this.#contacts.delete(id);
    this.#tell('info', `${id} left`);
  }

  /** Starts to follow a member that a view names. */
  #meet(member: Member, nowMs: number): void {
    if (this.#contacts.has(member.id)) return;
    this.#contacts.set(member.id, {
      ...freshContact(),
      // How long it has been down in the eyes of another process says nothing: it gets its time anew.
      downSinceMs: member.status === 'down' ? nowMs : null,
      leaving: member.status === 'leaving',
    });
  }

  #wrongCluster(theirs: string): Refusal {
    return {
      code: 'wrong-cluster',
      detail: `This is the orchestrator of cluster ${this.#options.cluster}, not of ${theirs}; check --cluster and --orchestrator.`,
    };
  }

  #tell(level: Notice['level'], text: string): void {
    this.#notices.push({ level, text });
  }

  #tellLost(count: number, why: string): void {
    if (count > 0)
      this.#tell('warn', `DATA LOST: ${count} partitions lost their only copy and start empty: ${why}`);
  }
}

/** Partitions whose data is on its way to a new primary. */
export function moving(view: View): number {
  return view.partitions.filter((partition) => partition.source !== null).length;
}

function refuseSuccessor(registration: Registration, known: Member): Refusal | null {
  const { id, instance } = registration;
  if (known.status !== 'down' && !sameAddress(known, registration)) {
    return {
      code: 'id-taken',
      detail: `${id} is the name of a peer at ${known.host}:${known.port} that is up; choose another --id.`,
    };
  }
  if (instance >= known.instance) return null;
  return {
    code: 'stale-instance',
    detail: `${id} is registered with instance ${known.instance}, which is newer than ${instance}: a later process has its name.`,
  };
}

function sameAddress(a: { host: string; port: number }, b: { host: string; port: number }): boolean {
  return a.host === b.host && a.port === b.port;
}

function freshContact(): Contact {
  return {
    missingSinceMs: null,
    downSinceMs: null,
    leaving: false,
    answeredMs: null,
    epoch: 0,
    fetching: 0,
  };
}

function emptyView({ cluster, copies }: RegistryOptions): View {
  const partitions = Array.from({ length: PARTITION_COUNT }, () => ({
    epoch: 0,
    primary: null,
    replicas: [],
    source: null,
  }));
  return { cluster, epoch: 0, copies, members: [], partitions };
}
