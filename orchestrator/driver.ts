/**
 * The orchestrator without its sockets, disk and timers: wires the configuration manager to a register, a
 * network and a clock that are handed in. `orchestrator/main.ts` and the simulator run this same file.
 *
 * Keeps true: after every input all effects are carried out; answers of the register come back as inputs, also
 * when they come at once; once stopped, nothing more goes out.
 */
import type { ClusterMap, MapVersion } from '../common/configuration.js';
import type { ChangeAnswer, PlannedChange, ReportEnvelope } from '../common/control-messages.js';
import type {
  Imbalance,
  Manager,
  ManagerInput,
  ManagerNote,
  ManagerSend,
  ManagerStatus,
  RegisterOperation,
} from './configuration/machine.js';

/** The outcome of a compare-and-set; see `ManagerInput`. */
export type CasOutcome = 'swapped' | 'conflict' | 'unknown';

/**
 * One linearizable cell that holds the map (section 10): a file, three orchestrators with CASPaxos, or etcd.
 * `done` is called at most once, now or later; a register that can neither do nor refuse may stay silent.
 */
export interface MapRegister {
  read(done: (map: ClusterMap | undefined) => void): void;
  /** `swapped` is said only when the map is durable. */
  cas(expected: MapVersion, map: ClusterMap, done: (outcome: CasOutcome) => void): void;
}

/** What the driver needs of the world. */
export interface OrchestratorWorld {
  /** Monotonic, in ms. */
  now(): number;
  /** Fire and forget; may lose, delay, repeat and reorder. */
  send(message: ManagerSend): void;
  note(note: ManagerNote): void;
}

/** One running orchestrator. */
export class OrchestratorDriver {
  readonly #manager: Manager;
  readonly #register: MapRegister;
  readonly #world: OrchestratorWorld;
  readonly #waiting = new Map<number, (answer: ChangeAnswer) => void>();
  #lastId = 0;
  #stopped = false;

  constructor(manager: Manager, register: MapRegister, world: OrchestratorWorld) {
    this.#manager = manager;
    this.#register = register;
    this.#world = world;
    this.#carryOut();
  }

  /** To be called about every 50 ms. */
  tick(): void {
    this.#step({ type: 'tick' });
  }

  /** A message of a peer. */
  receive(envelope: ReportEnvelope): void {
    this.#step({ type: 'report', envelope });
  }

  /** An operator's wish; `done` hears whether it was taken up, not when it is finished (see `status`). */
  change(change: PlannedChange, done: (answer: ChangeAnswer) => void): void {
    this.#lastId++;
    this.#waiting.set(this.#lastId, done);
    this.#step({ type: 'change', id: this.#lastId, change });
  }

  status(): ManagerStatus {
    return this.#manager.status(this.#world.now());
  }

  imbalance(): Imbalance {
    return this.#manager.imbalance(this.#world.now());
  }

  /** Nothing is sent or written from here on. */
  stop(): void {
    this.#stopped = true;
    this.#waiting.clear();
  }

  #step(input: ManagerInput): void {
    if (this.#stopped) return;
    this.#manager.step(this.#world.now(), input);
    this.#carryOut();
  }

  #carryOut(): void {
    const effects = this.#manager.take();
    for (const note of effects.notes) this.#world.note(note);
    for (const message of effects.sends) this.#world.send(message);
    for (const { id, answer } of effects.answers) {
      const done = this.#waiting.get(id);
      this.#waiting.delete(id);
      done?.(answer);
    }
    if (effects.register) this.#operate(effects.register);
  }

  #operate(operation: RegisterOperation): void {
    switch (operation.type) {
      case 'read':
        this.#register.read((map) => this.#step({ type: 'register-holds', map }));
        return;
      case 'cas':
        this.#register.cas(operation.expected, operation.map, (outcome) =>
          this.#step({ type: 'register-cas', outcome }),
        );
        return;
    }
  }
}
