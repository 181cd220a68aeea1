/**
 * Carries out actions: by one command of the store where there is one that does it all, else by reading, judging, and
 * writing on condition that nothing changed in between.
 *
 * Invariants: an action that was answered with anything but UNKNOWN took effect once and as a whole, or not at all,
 * except where keys in several partitions are changed each by itself (`Blind`); it is judged against what its keys held at one moment,
 * which for several keys of a writing action is the moment of the commit.
 */
import type { Command, Version } from '../replication/commands.js';
import type { Row } from '../replication/entry.js';
import type { Action, Blind, KeyAction, KeysAction, Next, State } from './action.js';
import { liveRow, readAll, writeAll } from './batch.js';
import { changeOf, commandOf, conditionOf } from './changes.js';
import type { RespLimits } from './limits.js';
import { CROSS_SLOT, readRefusal, TOO_BUSY, transactionRefusal, writeRefusal } from './refusals.js';
import type { Reply } from './replies.js';
import type { RespStore } from './store.js';
import { Turns } from './turns.js';

/** The keys as they are while a plan runs: what was read, and over it what was changed. */
export interface View {
  get(key: string): State | null;
  set(key: string, next: Next): void;
}

/** Something to be done to keys of one partition as a whole. */
export interface Plan {
  readonly keys: readonly string[];
  /** Versions that keys must still have; null: not there. */
  readonly watched: ReadonlyMap<string, Version | null>;
  /** Runs on the keys; may be called again. */
  run(view: View): Reply;
  /** The answer where a watched key has changed. */
  readonly changed: Reply;
}

type Done = (reply: Reply) => void;

const NOT_WATCHED: ReadonlyMap<string, Version | null> = new Map();

export class Executor {
  readonly #turns = new Turns();

  constructor(
    private readonly store: RespStore,
    private readonly limits: RespLimits,
    private readonly nowMs: () => number,
  ) {}

  run(action: Action, done: Done): void {
    if (action.kind === 'key') this.#runKey(action, done);
    else this.#runKeys(action, done);
  }

  /** The answer to an action that only reads one key, if there is one at once. */
  readNow(action: KeyAction): Reply | undefined {
    const answer = this.store.readNow(action.key);
    return answer?.kind === 'row' ? action.judge(stateOf(answer.row)).reply : undefined;
  }

  /** Gives what a key holds, or why that is not known. */
  read(key: string, done: (refusal: Reply | undefined, state: State | null) => void): void {
    this.store.read(key, (answer) => {
      if (answer.kind === 'row') done(undefined, stateOf(answer.row));
      else done(readRefusal(answer), null);
    });
  }

  /** Carries out a plan as a whole, or answers why not. */
  runPlan(plan: Plan, done: Done): void {
    const [first] = plan.keys;
    if (first === undefined) {
      done(plan.run(new Overlay([], [])));
      return;
    }
    const partition = this.store.partitionOf(first);
    if (!this.#areIn(partition, plan.keys)) {
      done(CROSS_SLOT);
      return;
    }
    this.#turns.take(first, () =>
      this.#attempt(plan, this.limits.attempts, (reply) => {
        this.#turns.end(first);
        done(reply);
      }),
    );
  }

  #runKey(action: KeyAction, done: Done): void {
    const { key, direct } = action;
    if (direct !== undefined) {
      this.store.write(direct.command, (answer) =>
        done(answer.kind === 'result' ? direct.reply(answer.result) : writeRefusal(answer)),
      );
    } else if (action.writes) {
      this.runPlan(
        planOf([key], (view) => apply(action, view)),
        done,
      );
    } else {
      this.read(key, (refusal, state) => done(refusal ?? action.judge(state).reply));
    }
  }

  #runKeys(action: KeysAction, done: Done): void {
    if (action.writes) this.#changeKeys(action, done);
    else {
      readAll(this.store, action.keys, this.limits, (found) =>
        done(found.rows === null ? found.refusal : action.judge(found.rows.map(stateOf)).reply),
      );
    }
  }

  #changeKeys(action: KeysAction, done: Done): void {
    const { keys, blind } = action;
    if (blind === undefined) {
      this.runPlan(
        planOf(keys, (view) => apply(action, view)),
        done,
      );
      return;
    }
    const partition = this.store.partitionOf(keys[0] as string);
    if (keys.length > 1 && this.#areIn(partition, keys)) this.#changeTogether(partition, blind, done);
    else this.#changeEach(blind, done);
  }

  #areIn(partition: number, keys: readonly string[]): boolean {
    return keys.every((key) => this.store.partitionOf(key) === partition);
  }

  #changeTogether(partition: number, { changes, reply }: Blind, done: Done): void {
    this.store.transact(partition, { kind: 'transaction', reads: [], changes }, (answer) =>
      done(answer.kind === 'committed' ? reply(answer.existed) : transactionRefusal(answer)),
    );
  }

  #changeEach({ changes, reply }: Blind, done: Done): void {
    writeAll(this.store, changes, this.limits, (written) => {
      if (written.results === null) done(written.refusal);
      else done(reply(written.results.filter((result) => result.kind === 'done' && result.existed).length));
    });
  }

  #attempt(plan: Plan, left: number, done: Done): void {
    if (left === 0) {
      done(TOO_BUSY);
      return;
    }
    readAll(this.store, plan.keys, this.limits, (found) => {
      if (found.rows === null) {
        done(found.refusal);
        return;
      }
      if (hasChanged(plan, found.rows)) {
        done(plan.changed);
        return;
      }
      const view = new Overlay(plan.keys, found.rows);
      const reply = plan.run(view);
      this.#commit(plan, found.rows, view, (refusal) => {
        if (refusal === 'conflict') this.#attempt(plan, left - 1, done);
        else done(refusal ?? reply);
      });
    });
  }

  /** Makes the changes of a view true; gives undefined if it did, or if there was nothing to do. */
  #commit(
    plan: Plan,
    rows: readonly (Row | null)[],
    view: Overlay,
    done: (refusal: Reply | 'conflict' | undefined) => void,
  ): void {
    const changed = view.changed();
    const [key] = plan.keys as readonly [string, ...string[]];
    const row = rows[0] ?? null;
    if (plan.keys.length === 1) {
      const command = changed.length === 0 ? undefined : commandOf(key, row, view.get(key), this.nowMs());
      if (command === undefined) done(undefined);
      else this.#write({ ...command, condition: conditionOf(row) }, done);
    } else {
      const reads = plan.keys.map((each, at) => ({ key: each, version: versionOf(rows[at] ?? null) }));
      const changes = changed.map((each) => changeOf(each, view.get(each), this.nowMs()));
      const transaction = { kind: 'transaction', reads, changes } as const;
      this.store.transact(this.store.partitionOf(key), transaction, (answer) => {
        if (answer.kind === 'committed') done(undefined);
        else done(answer.kind === 'conflict' ? 'conflict' : transactionRefusal(answer));
      });
    }
  }

  #write(command: Command, done: (refusal: Reply | 'conflict' | undefined) => void): void {
    this.store.write(command, (answer) => {
      if (answer.kind !== 'result') done(writeRefusal(answer));
      else done(answer.result.kind === 'done' ? undefined : 'conflict');
    });
  }
}

/** Runs an action on keys in hand. */
export function apply(action: Action, view: View): Reply {
  if (action.kind === 'key') {
    const { reply, next } = action.judge(view.get(action.key));
    view.set(action.key, next);
    return reply;
  }
  const { reply, next } = action.judge(action.keys.map((key) => view.get(key)));
  for (const [at, key] of action.keys.entries()) view.set(key, next[at]);
  return reply;
}

/** The version of a row; null where there is none. */
export function versionOf(row: Row | null): Version | null {
  return row === null ? null : { epoch: row.epoch, seq: row.seq };
}

function planOf(keys: readonly string[], run: (view: View) => Reply): Plan {
  return { keys, run, watched: NOT_WATCHED, changed: '' };
}

function hasChanged({ keys, watched }: Plan, rows: readonly (Row | null)[]): boolean {
  return keys.some((key, at) => {
    const version = watched.get(key);
    if (version === undefined) return false;
    const row = rows[at] ?? null;
    return row?.epoch !== version?.epoch || row?.seq !== version?.seq;
  });
}

function stateOf(row: Row | null | undefined): State | null {
  return liveRow(row) as State | null;
}

class Overlay implements View {
  readonly #read = new Map<string, State | null>();
  readonly #changed = new Map<string, State | null>();

  constructor(keys: readonly string[], rows: readonly (Row | null)[]) {
    for (const [at, key] of keys.entries()) this.#read.set(key, stateOf(rows[at]));
  }

  get(key: string): State | null {
    return this.#changed.get(key) ?? (this.#changed.has(key) ? null : (this.#read.get(key) ?? null));
  }

  set(key: string, next: Next): void {
    if (next !== undefined) this.#changed.set(key, next);
  }

  /** Keys that hold something else than was read. */
  changed(): string[] {
    return [...this.#changed].flatMap(([key, state]) => (state === this.#read.get(key) ? [] : [key]));
  }
}
