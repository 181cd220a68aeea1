/**
 * The view this peer follows: takes newer ones from whoever has them, and tells those who wait for one.
 *
 * Invariants: the epoch never goes back; whoever acts on a view is told of it in the same step in which it is adopted.
 */
import type { View } from '../common/view.js';
import type { Transport } from './transport/transport.js';

/** Asking another peer for its view takes at most this long. */
const PULL_MS = 1_000;

export class Follower {
  private current: View | null = null;
  private readonly waiting = new Set<() => void>();
  private readonly pulling = new Map<string, Promise<void>>();

  constructor(
    private readonly cluster: string,
    private readonly transport: Transport,
    /** Called with each view, synchronously, before anyone else hears of it. */
    private readonly onView: (view: View) => void,
  ) {}

  get view(): View | null {
    return this.current;
  }

  /** Epoch of the view, 0 before the first. */
  get epoch(): number {
    return this.current?.epoch ?? 0;
  }

  /** Things by the primary of their partition, in their order; null where the view names none, or there is no view. */
  byOwner<T>(things: readonly T[], partitionOf: (thing: T) => number): Map<string | null, T[]> {
    const groups = new Map<string | null, T[]>();
    for (const thing of things) {
      const owner = this.current?.partitions[partitionOf(thing)]?.primary ?? null;
      const group = groups.get(owner);
      if (group === undefined) groups.set(owner, [thing]);
      else group.push(thing);
    }
    return groups;
  }

  /** Follows the view if it is ours and newer; says whether it was. */
  adopt(view: View): boolean {
    if (view.cluster !== this.cluster || view.epoch <= this.epoch) return false;
    this.current = view;
    this.onView(view);
    for (const wake of [...this.waiting]) wake();
    return true;
  }

  /** Resolves when a newer view is adopted, or after `timeoutMs`. */
  changed(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, timeoutMs);
      this.waiting.add(wake);
    });
  }

  /** Another peer spoke of an epoch: fetches its view if that is newer. Calls to the same peer share one question. */
  heard(from: string, epoch: number): Promise<void> {
    if (epoch <= this.epoch) return Promise.resolve();
    const underway = this.pulling.get(from);
    if (underway !== undefined) return underway;
    const pull = this.pull(from).finally(() => this.pulling.delete(from));
    this.pulling.set(from, pull);
    return pull;
  }

  private async pull(from: string): Promise<void> {
    const reply = await this.transport.call(from, { type: 'view', epoch: this.epoch }, PULL_MS);
    if (reply.type === 'view' && reply.view !== null) this.adopt(reply.view);
  }
}
