/**
 * What a person or a log may want to know, each thing told once when it begins (and when it ends).
 *
 * Keeps true: notes change nothing; a peer's silence is told once, not at every tick.
 */
import type { PeerId } from '../../common/configuration.js';
import type { Liveness } from './liveness.js';
import type { ManagerNote } from './machine.js';

const MAX_FOREIGN = 100;

/** The notes that are waiting to be taken. */
export class Chronicle {
  notes: ManagerNote[] = [];
  readonly #silent = new Set<PeerId>();
  #lost: ReadonlySet<number> = new Set();
  readonly #foreign = new Set<string>();
  #suspicious = false;

  add(note: ManagerNote): void {
    this.notes.push(note);
  }

  /** Notes once that a peer of another cluster talks to us; at most `MAX_FOREIGN` of them are told apart. */
  foreign(peer: PeerId, clusterId: string): void {
    const name = `${peer} of ${clusterId}`;
    if (this.#foreign.has(name) || this.#foreign.size >= MAX_FOREIGN) return;
    this.#foreign.add(name);
    this.add({ type: 'other-cluster', peer, clusterId });
  }

  /** Notes who fell silent and who is back, and whether the fault is probably ours. */
  watch(ids: Iterable<PeerId>, liveness: Liveness, nowMs: number): void {
    if (!liveness.isEverybodyLive || this.#silent.size > 0) this.#watchEach(ids, liveness);
    const suspicious = liveness.suspectsSelf(nowMs);
    if (suspicious && !this.#suspicious) this.add({ type: 'suspects-self' });
    this.#suspicious = suspicious;
  }

  #watchEach(ids: Iterable<PeerId>, liveness: Liveness): void {
    for (const id of ids) {
      const silent = !liveness.isLive(id);
      if (silent === this.#silent.has(id)) continue;
      // After a stall everybody counts as live until the time to answer is over; that is no news of anybody.
      if (!silent && !liveness.answeredAfter(id, 0)) continue;
      this.add({ type: silent ? 'peer-silent' : 'peer-back', peer: id });
      if (silent) this.#silent.add(id);
      else this.#silent.delete(id);
    }
  }

  /** Notes the partitions that are lost now and were not before (E7). */
  lost(partitions: readonly number[]): void {
    for (const partition of partitions) {
      if (!this.#lost.has(partition)) this.add({ type: 'partition-lost', partition });
    }
    this.#lost = new Set(partitions);
  }

  take(): ManagerNote[] {
    const { notes } = this;
    this.notes = [];
    return notes;
  }
}
