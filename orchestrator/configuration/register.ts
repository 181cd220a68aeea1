/**
 * What is known of the register: what it held when it last spoke, what was asked of it, and whether it is old.
 *
 * Keeps true: at most one operation is under way; a proposal is kept until its outcome is known, with the wishes
 * that it grants; the register is old only if it holds less than what some peer had shown BEFORE the read
 * began. (Another orchestrator may change the map, and a peer show it, while a read is under way.)
 */
import type { ClusterMap, MapVersion } from '../../common/configuration.js';
import type { Wish } from './decisions.js';
import type { RegisterOperation } from './machine.js';

/** A map on its way into the register. */
export interface Proposal {
  readonly map: ClusterMap;
  readonly wishes: readonly Wish[];
}

/** The register as this orchestrator knows it. */
export class RegisterView {
  /** The version that it held when it last spoke; 0: nothing. */
  heldVer: MapVersion = 0;
  /** The highest version of a map that any peer has shown. */
  highestMap: MapVersion = 0;
  /** The same, or a version that a peer has promised to wait for. */
  highestSeen: MapVersion = 0;
  /** When it was last read, in ms; only where the reader says so. */
  #readMs = -Infinity;
  #seenBeforeRead: MapVersion = 0;
  #underWay: RegisterOperation['type'] | undefined;
  #toDo: RegisterOperation | undefined;
  #proposal: Proposal | undefined;

  get isBusy(): boolean {
    return this.#underWay !== undefined;
  }

  /** Some peer has shown a map of this version, and promised to take none below another. */
  saw(map: MapVersion, promised: MapVersion): void {
    this.highestMap = Math.max(this.highestMap, map);
    this.highestSeen = Math.max(this.highestSeen, map, promised);
  }

  read(): void {
    if (this.isBusy) return;
    this.#seenBeforeRead = this.highestSeen;
    this.#begin({ type: 'read' });
  }

  /** Reads if nothing is under way and the last such call is `everyMs` ago. Answers whether it did. */
  readEvery(everyMs: number, nowMs: number): boolean {
    if (this.isBusy || nowMs - this.#readMs < everyMs) return false;
    this.#readMs = nowMs;
    this.read();
    return true;
  }

  propose(map: ClusterMap, wishes: readonly Wish[]): void {
    this.#proposal = { map, wishes };
    this.#begin({ type: 'cas', expected: this.heldVer, map });
  }

  /** The answer to a read. */
  holds(map: ClusterMap | undefined): void {
    this.#underWay = undefined;
    this.heldVer = map?.ver ?? 0;
  }

  /** The answer to a compare-and-set: gives the proposal back. */
  answered(swapped: boolean): Proposal | undefined {
    const proposal = this.#proposal;
    this.#underWay = undefined;
    this.#proposal = undefined;
    if (swapped && proposal) this.heldVer = proposal.map.ver;
    return proposal;
  }

  /** Whether what it held at the last read is older than `committed`, or than what a peer had shown before. */
  isOlderThan(committed: MapVersion): boolean {
    return this.heldVer < Math.max(this.#seenBeforeRead, committed);
  }

  /** The operation to be carried out now, once. */
  take(): RegisterOperation | undefined {
    const operation = this.#toDo;
    this.#toDo = undefined;
    return operation;
  }

  #begin(operation: RegisterOperation): void {
    this.#underWay = operation.type;
    this.#toDo = operation;
  }
}
