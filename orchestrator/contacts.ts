/**
 * What is known of the members besides the view: who answers, who was asked in vain since when, who wants to leave.
 *
 * Invariants: none of it outlives the process, so a new process gives every member its full time again; every member
 * of the view has a contact.
 */
import type { Health } from '../common/control.js';
import type { Member, View } from '../common/view.js';

/** A member that has not answered for this long, from the first question that stayed without answer, is down. */
export const MISSING_MS = 1_500;

export interface Contact {
  /** When the first question was asked that stayed without answer; null while it answers. */
  missingSinceMs: number | null;
  downSinceMs: number | null;
  leaving: boolean;
  /** Known from a view alone: neither heard nor asked in vain since. */
  unheard: boolean;
  answeredMs: number | null;
  /** Epoch of the view that it follows. */
  epoch: number;
  /** How many partitions it still fetches. */
  fetching: number;
}

export class Contacts {
  readonly #all = new Map<string, Contact>();

  constructor(members: readonly Member[], nowMs: number) {
    this.meet(members, nowMs);
  }

  /** The contact of a member. */
  of(id: string): Contact {
    const contact = this.#all.get(id);
    if (contact === undefined) throw new Error(`contacts: ${id} is no member`);
    return contact;
  }

  find(id: string): Contact | undefined {
    return this.#all.get(id);
  }

  /** Starts to follow the members that are not followed yet. */
  meet(members: readonly Member[], nowMs: number): void {
    for (const { id, status } of members) {
      if (this.#all.has(id)) continue;
      this.begin(id);
      // How long it has been down in the eyes of another process says nothing: it gets its time anew.
      if (status === 'down') this.of(id).downSinceMs = nowMs;
      this.of(id).leaving = status === 'leaving';
      this.of(id).unheard = true;
    }
  }

  /** A new process, of which nothing is known. */
  begin(id: string): void {
    this.#all.set(id, {
      missingSinceMs: null,
      downSinceMs: null,
      leaving: false,
      unheard: false,
      answeredMs: null,
      epoch: 0,
      fetching: 0,
    });
  }

  remove(id: string): void {
    this.#all.delete(id);
  }

  answered(id: string, health: Health, nowMs: number): void {
    Object.assign(this.of(id), {
      missingSinceMs: null,
      downSinceMs: null,
      unheard: false,
      answeredMs: nowMs,
      epoch: health.epoch,
      fetching: health.fetching.length,
    });
  }

  /** Whether it was asked in vain for so long that it is down. */
  isMissing(id: string, nowMs: number): boolean {
    const since = this.of(id).missingSinceMs;
    return since !== null && nowMs - since >= MISSING_MS;
  }

  missed(id: string, askedMs: number): void {
    const contact = this.#all.get(id);
    if (contact === undefined) return;
    contact.missingSinceMs ??= askedMs;
    contact.unheard = false;
  }

  /** Whether a member that can be asked follows a view that is newer than this epoch, or might. */
  mayKnowNewer(members: Iterable<Member>, epoch: number): boolean {
    for (const { id, status } of members) {
      const contact = this.of(id);
      if (status !== 'down' && (contact.unheard || contact.epoch > epoch)) return true;
    }
    return false;
  }

  /** When time alone changes what is to be thought of a member; the past included. */
  deadlines(view: View, repairAfterMs: number): number[] {
    return view.members.flatMap(({ id, status }) => {
      const { missingSinceMs, downSinceMs } = this.of(id);
      if (status === 'down') return downSinceMs === null ? [] : [downSinceMs + repairAfterMs];
      return missingSinceMs === null ? [] : [missingSinceMs + MISSING_MS];
    });
  }
}
