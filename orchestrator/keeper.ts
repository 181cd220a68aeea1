/**
 * Keeps the registry: brings events and time to it, writes each new view down before anybody hears of it, and has it
 * published.
 *
 * Invariants: nobody is told of a view that is not stored; views are published in the order of their epochs; while
 * one view is written, all newer changes wait for the next write together.
 */
import type { Clock } from '../common/clock.js';
import type { Health, Leaving, Registration } from '../common/control.js';
import type { Logger } from '../common/log.js';
import { Problem } from '../common/problems.js';
import type { View } from '../common/view.js';
import type { Contact } from './contacts.js';
import type { Refusal } from './refusals.js';
import type { Now, Registry } from './registry.js';
import type { ViewStore } from './registry-file.js';

export class Keeper {
  readonly #registry: Registry;
  readonly #store: ViewStore;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #publish: (view: View) => void;
  #published: View;
  #saving: Promise<void> | null = null;
  #fault: string | null = null;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(
    registry: Registry,
    store: ViewStore,
    clock: Clock,
    log: Logger,
    publish: (view: View) => void,
  ) {
    this.#registry = registry;
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.#publish = publish;
    this.#published = registry.view;
  }

  /** The newest view that is stored. */
  get view(): View {
    return this.#published;
  }

  /** Why views cannot be stored at the moment; null where they can. */
  get fault(): string | null {
    return this.#fault;
  }

  /** What is known of a member besides the view; undefined for a stranger. */
  contact(id: string): Readonly<Contact> | undefined {
    return this.#registry.contact(id);
  }

  start(): void {
    this.#tick();
  }

  /** Waits for a write that is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#saving;
  }

  /** @throws Problem where the registration is refused, or cannot be stored. */
  register(registration: Registration): Promise<View> {
    return this.#decide(this.#registry.register(registration, this.#now()));
  }

  /** @throws Problem as for `register`. */
  leave(leaving: Leaving): Promise<View> {
    return this.#decide(this.#registry.leave(leaving, this.#now()));
  }

  /** A member answered a probe that was sent at `askedMs`; an answer that is not its own counts as none. */
  answered(id: string, askedMs: number, health: Health): boolean {
    const own = this.#registry.answered(id, health, this.#now());
    if (!own) this.#registry.missed(id, askedMs, this.#now());
    this.#goOn();
    return own;
  }

  /** A member did not answer a probe that was sent at `askedMs`. */
  missed(id: string, askedMs: number): void {
    this.#registry.missed(id, askedMs, this.#now());
    this.#goOn();
  }

  async #decide(refusal: Refusal | null): Promise<View> {
    if (refusal !== null) throw new Problem(refusal.code, refusal.detail);
    const wanted = this.#registry.view.epoch;
    await this.#stored(wanted);
    if (this.#published.epoch < wanted) {
      throw new Problem('not-ready', 'The registry cannot be stored at the moment; try again.', {
        'Retry-After': '1',
      });
    }
    return this.#published;
  }

  /** After an event that nobody waits for. */
  #goOn(): void {
    void this.#stored(this.#registry.view.epoch);
  }

  /** Resolves when the view of this epoch, or a newer one, is stored and published, or when storing failed. */
  async #stored(epoch: number): Promise<void> {
    for (const { level, text } of this.#registry.takeNotices()) this.#log[level](text);
    this.#schedule();
    while (this.#published.epoch < epoch) {
      this.#saving ??= this.#save();
      await this.#saving;
      if (this.#fault !== null) return;
    }
  }

  async #save(): Promise<void> {
    const view = this.#registry.view;
    try {
      await this.#store.save(view);
      this.#fault = null;
      this.#published = view;
      this.#publish(view);
    } catch (error) {
      this.#fault = (error as NodeJS.ErrnoException).code ?? 'unknown';
      this.#log.error({ err: error }, 'cannot store the registry: changes are held back until it can be');
    } finally {
      this.#saving = null;
    }
  }

  #tick(): void {
    this.#registry.tick(this.#now());
    this.#goOn();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const wakeAtMs = this.#registry.wakeAtMs();
    if (wakeAtMs === null || this.#stopped) return;
    const delayMs = Math.max(1, Math.ceil(wakeAtMs - this.#clock.monotonicMs()));
    this.#timer = setTimeout(() => this.#tick(), delayMs);
  }

  #now(): Now {
    return { ms: this.#clock.monotonicMs(), wallMs: this.#clock.wallMs() };
  }
}
