/**
 * Runs the commands of one connection, as many together as their order allows, and puts their answers in their places.
 *
 * Invariants: see `Order` and `SharedReads`; whatever begins is answered, once.
 */
import type { Action, KeyAction } from './action.js';
import type { Executor } from './executor.js';
import { Order } from './order.js';
import type { Outbox, Slot } from './outbox.js';
import type { Reply } from './replies.js';
import { SharedReads } from './shared-reads.js';

/** A command that may have to wait until it can run. */
export type Ready =
  | { readonly kind: 'keys'; readonly action: Action; readonly silent: boolean }
  /** `run` is about more than its keys. */
  | { readonly kind: 'alone'; readonly run: () => Promise<Reply> | Reply; readonly silent: boolean };

export interface RunnerEvents {
  /** A command about everything has run, and may have changed the session. Whether it is to be answered after that. */
  ranAlone(): boolean;
  /** A command was answered: others may be able to run. */
  answered(): void;
}

export class Runner {
  readonly #order: Order;
  readonly #shared = new SharedReads();

  constructor(
    private readonly executor: Executor,
    private readonly outbox: Outbox,
    /** Keys that may be under way together. */
    mostKeys: number,
    private readonly events: RunnerEvents,
  ) {
    this.#order = new Order(mostKeys);
  }

  /** Whether a command about everything is under way: nothing else may begin. */
  get alone(): boolean {
    return this.#order.alone;
  }

  /** Begins a command, or returns false: it has to wait for what runs. */
  start(ready: Ready): boolean {
    if (ready.kind === 'keys') return this.startOnKeys(ready.action, ready.silent);
    if (!this.#order.beginAlone()) return false;
    void this.#runAlone(ready);
    return true;
  }

  /** The same for a command on keys. */
  startOnKeys(action: Action, silent: boolean): boolean {
    const reads = action.kind === 'key' && !action.writes;
    if (reads && this.#shared.has(action.key)) {
      this.#shared.join(action, this.outbox.reserve(silent));
      return true;
    }
    const reply = reads && this.#order.isFree(action.key) ? this.executor.readNow(action) : undefined;
    if (reply !== undefined) {
      this.outbox.give(reply, silent);
      return true;
    }
    if (!this.#order.begin(action)) return false;
    const slot = this.outbox.reserve(silent);
    if (reads) this.#read(action, slot);
    else this.#change(action, slot);
    return true;
  }

  /** All that had arrived was looked at: what arrives from here on shares no read with it. */
  endOfArrived(): void {
    this.#shared.close();
  }

  #read(action: KeyAction, slot: Slot): void {
    const read = this.#shared.begin(action, slot);
    this.executor.read(action.key, (refusal, state) => {
      this.#order.end(action);
      this.#shared.settle(read, refusal, state, (each, reply) => this.outbox.settle(each, reply));
      this.events.answered();
    });
  }

  #change(action: Action, slot: Slot): void {
    this.executor.run(action, (reply) => {
      this.#order.end(action);
      this.outbox.settle(slot, reply);
      this.events.answered();
    });
  }

  async #runAlone({ run, silent }: Extract<Ready, { kind: 'alone' }>): Promise<void> {
    const slot = this.outbox.reserve(silent);
    const result = run();
    const reply = typeof result === 'object' && 'then' in result ? await result : result;
    this.#order.endAlone();
    if (!this.events.ranAlone()) slot.silent = true;
    this.outbox.settle(slot, reply);
    this.events.answered();
  }
}
