/**
 * The transport without a wire: peers of one process, for tests. What is delivered, is delivered in a later turn of the
 * event loop. A test can cut pairs apart and hold deliveries back.
 *
 * Invariant: through the Transport interface it behaves as the one over gRPC does (`test/conformance/transport.ts`).
 */
import { type MemoryOptions, MemoryTransport, type Wires } from './memory-transport.js';

/** What the transports share: who listens, who is cut from whom, and what is on its way. */
export class MemoryNetwork implements Wires {
  private readonly listening = new Map<string, MemoryTransport>();
  private readonly cuts = new Set<string>();
  private held: (() => void)[] | null = null;

  /** A transport of this network. Hosts and ports mean nothing here: peers are found by their ids. */
  transport(options: MemoryOptions): MemoryTransport {
    return new MemoryTransport(this, options);
  }

  /** Cuts the pair apart, both ways: what is open between them is lost. */
  cut(one: string, other: string): void {
    this.cuts.add(pairOf(one, other));
    this.changed();
  }

  /** Lets the pair connect again. */
  heal(one: string, other: string): void {
    this.cuts.delete(pairOf(one, other));
    this.changed();
  }

  /** Holds back every delivery, of envelopes, requests and replies, until `resume`. */
  pause(): void {
    this.held ??= [];
  }

  /** Delivers what was held back, in order, and what comes after at once again. */
  resume(): void {
    const held = this.held ?? [];
    this.held = null;
    for (const run of held) setImmediate(run);
  }

  /** Runs it in a later turn of the event loop. */
  deliver(run: () => void): void {
    if (this.held) this.held.push(run);
    else setImmediate(run);
  }

  /** Listens from now on. Throws if another process of the peer still does. */
  add(transport: MemoryTransport): void {
    if (this.listening.has(transport.id)) throw new Error(`peer ${transport.id} listens already`);
    this.listening.set(transport.id, transport);
    this.changed();
  }

  /** Listens no more. */
  remove(transport: MemoryTransport): void {
    if (this.listening.get(transport.id) === transport) this.listening.delete(transport.id);
    this.changed();
  }

  /** Whom it is connected to by this id, or null. As with gRPC, the lower id of a pair connects once it was told. */
  connected(one: MemoryTransport, otherId: string): MemoryTransport | null {
    const other = this.listening.get(otherId);
    if (!other || this.listening.get(one.id) !== one || this.cuts.has(pairOf(one.id, otherId))) return null;
    const [low, high] = one.id < otherId ? [one, other] : [other, one];
    return low.knows(high.id) ? other : null;
  }

  /** Something that `connected` depends on has changed. */
  changed(): void {
    const all = [...this.listening.values()];
    for (const transport of all) transport.reconsider();
    for (const one of all) {
      for (const { id } of all) {
        const other = this.connected(one, id);
        if (other) one.meet(other);
      }
    }
  }
}

function pairOf(one: string, other: string): string {
  return one < other ? `${one} ${other}` : `${other} ${one}`;
}
