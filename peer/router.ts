/**
 * Sends operations to the peers that own their partitions: from its own data where this peer is the primary, else over
 * one hop.
 *
 * Invariants: every operation gets exactly one answer, within the deadline (and a little); an operation is repeated only if
 * it cannot have taken effect, or is a read; `not-applied` is said only if no attempt can have taken effect.
 */
import type { Operation } from '../common/records.js';
import { partitionOfKey } from '../common/slots.js';
import type { View } from '../common/view.js';
import type { Follower } from './follower.js';
import type { Answer } from './gateway/store.js';
import type { Partitions } from './partitions.js';
import type { CallFailure, Transport } from './transport/transport.js';

/** Pause before an operation that found no owner is tried again, unless a newer view comes first. */
const RETRY_MS = 20;
/** How long a peer that the view calls down may take to prove it wrong. */
const DOWN_MS = 300;
/** A forwarded call carries at most this much of values, so that no frame grows beyond what the stream takes. */
const CALL_BYTES = 8 * 1024 * 1024;

/** One answer to a client gathers at most about this much of values; what is left is not read. */
const ANSWER_BYTES = 64 * 1024 * 1024;

interface Pending {
  readonly at: number;
  readonly partition: number;
  readonly operation: Operation;
}

export class Router {
  /** The members that are down, by the view that says so. */
  private down: { readonly view: View | null; readonly ids: ReadonlySet<string> } = {
    view: null,
    ids: new Set(),
  };

  constructor(
    private readonly id: string,
    private readonly partitions: Partitions,
    private readonly follower: Follower,
    private readonly transport: Transport,
    private readonly monotonicMs: () => number,
    /** Time that a request has in all. */
    private readonly requestMs: number,
  ) {}

  /** One operation; from this peer's own data without a wait where that is possible. */
  async execute(operation: Operation): Promise<Answer> {
    const partition = partitionOfKey(operation.key);
    const outcome = this.partitions.execute(partition, operation);
    if (outcome !== undefined) return { outcome, servedBy: this.id };
    const answers = new Array<Answer>(1);
    await this.settle([{ at: 0, partition, operation }], answers);
    return answers[0] as Answer;
  }

  /** Many operations, one round trip an owner. */
  async executeMany(operations: readonly Operation[]): Promise<readonly Answer[]> {
    const pending = operations.map((operation, at) => ({
      at,
      operation,
      partition: partitionOfKey(operation.key),
    }));
    const answers = new Array<Answer>(operations.length);
    await this.settle(pending, answers);
    return answers;
  }

  /** Asks owners, again and again, until everything is answered or the time is up. */
  private async settle(wanted: readonly Pending[], answers: Answer[]): Promise<void> {
    const deadline = this.monotonicMs() + this.requestMs;
    let pending = wanted;
    for (;;) {
      pending = await this.attempt(pending, answers, deadline);
      if (pending.length === 0) return;
      if (bytesIn(answers) > ANSWER_BYTES) {
        for (const each of pending)
          answers[each.at] = { outcome: { type: 'answer-full' }, servedBy: this.id };
        return;
      }
      const left = deadline - this.monotonicMs();
      if (left <= 0) break;
      await this.follower.changed(Math.min(RETRY_MS, left));
    }
    this.fail(
      pending,
      answers,
      'not-applied',
      'No peer that owns the key could be reached in time; try again.',
    );
  }

  /** One try for each; returns those that may be tried again. */
  private async attempt(
    pending: readonly Pending[],
    answers: Answer[],
    deadline: number,
  ): Promise<readonly Pending[]> {
    const rounds: Promise<readonly Pending[]>[] = [];
    for (const [owner, group] of this.follower.byOwner(pending, (each) => each.partition)) {
      if (owner === this.id) rounds.push(this.runHere(group, answers, deadline));
      else if (owner === null) rounds.push(Promise.resolve(group));
      else rounds.push(this.runInParts(owner, group, answers, deadline));
    }
    if (rounds.length === 1) return rounds[0] as Promise<readonly Pending[]>;
    return (await Promise.all(rounds)).flat();
  }

  /** This peer is the primary: waits for what is still on its way, then runs all in order. */
  private async runHere(
    group: readonly Pending[],
    answers: Answer[],
    deadline: number,
  ): Promise<readonly Pending[]> {
    const left = deadline - this.monotonicMs();
    if (!(await waitForAll(this.partitions, new Set(group.map((each) => each.partition)), left)))
      return group;
    const again: Pending[] = [];
    for (const each of group) {
      const outcome = this.partitions.execute(each.partition, each.operation);
      if (outcome === undefined) again.push(each);
      else answers[each.at] = { outcome, servedBy: this.id };
    }
    return again;
  }

  /** One part after the other; a part that has to be repeated holds back those behind it, so that a key's order is kept. */
  private async runInParts(
    owner: string,
    group: readonly Pending[],
    answers: Answer[],
    deadline: number,
  ): Promise<readonly Pending[]> {
    const again: Pending[] = [];
    for (const part of inParts(group)) {
      if (again.length > 0) again.push(...part);
      else again.push(...(await this.runThere(owner, part, answers, deadline)));
    }
    return again;
  }

  private async runThere(
    owner: string,
    group: readonly Pending[],
    answers: Answer[],
    deadline: number,
  ): Promise<readonly Pending[]> {
    const isDown = this.isDown(owner);
    const left = Math.max(1, deadline - this.monotonicMs());
    const operations = group.map((each) => each.operation);
    const reply = await this.transport.call(
      owner,
      { type: 'execute', epoch: this.follower.epoch, operations },
      isDown ? Math.min(DOWN_MS, left) : left,
    );
    if (reply.type === 'call-failed') return this.afterFailure(reply, isDown, group, answers);
    if (reply.type !== 'executed') throw new Error(`an execute was answered with ${reply.type}`);
    const again = group.filter((each, i) => {
      const outcome = reply.outcomes[i];
      if (outcome === undefined || outcome.type === 'not-owner') return true;
      answers[each.at] = { outcome, servedBy: owner };
      return false;
    });
    if (again.length > 0) await this.follower.heard(owner, reply.epoch);
    return again;
  }

  private afterFailure(
    failure: CallFailure,
    isDown: boolean,
    group: readonly Pending[],
    answers: Answer[],
  ): readonly Pending[] {
    if (failure.sent) {
      const writes = group.filter((each) => each.operation.type !== 'get');
      const detail =
        'The owner of the key did not answer in time; the write may or may not have taken effect.';
      this.fail(writes, answers, 'unknown', detail);
    }
    const again = group.filter((each) => !failure.sent || each.operation.type === 'get');
    if (!isDown) return again;
    this.fail(
      again,
      answers,
      'not-applied',
      'The peer that owns the key is down; try again when it is back.',
    );
    return [];
  }

  private fail(
    group: readonly Pending[],
    answers: Answer[],
    applied: 'not-applied' | 'unknown',
    detail: string,
  ): void {
    for (const each of group)
      answers[each.at] = { outcome: { type: 'failed', applied, detail }, servedBy: this.id };
  }

  /** Asked for every operation that is forwarded, so looked up in a set; the view may have a thousand members. */
  private isDown(owner: string): boolean {
    const { view } = this.follower;
    if (view !== this.down.view) {
      const members = view?.members.filter(({ status }) => status === 'down') ?? [];
      this.down = { view, ids: new Set(members.map(({ id }) => id)) };
    }
    return this.down.ids.has(owner);
  }
}

/** Waits until none of the partitions is on its way here any more; false where too many wait or the time is up. */
export async function waitForAll(
  partitions: Partitions,
  indexes: ReadonlySet<number>,
  timeoutMs: number,
): Promise<boolean> {
  const waits: Promise<void>[] = [];
  for (const index of indexes) {
    if (partitions.at(index).state !== 'fetching') continue;
    const wait = partitions.settled(index);
    if (wait === undefined) return false;
    waits.push(wait);
  }
  if (waits.length === 0) return true;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), Math.max(0, timeoutMs));
  });
  const settled = await Promise.race([Promise.all(waits).then(() => true), late]);
  clearTimeout(timer);
  return settled;
}

/** Bytes of the values that were found. */
function bytesIn(answers: readonly (Answer | undefined)[]): number {
  let bytes = 0;
  for (const answer of answers)
    if (answer?.outcome.type === 'found') bytes += answer.outcome.record.bytes.length;
  return bytes;
}

/** Cuts a group so that no part carries more values than a call may. */
function* inParts(group: readonly Pending[]): Iterable<readonly Pending[]> {
  let part: Pending[] = [];
  let bytes = 0;
  for (const each of group) {
    const size = each.operation.type === 'put' ? each.operation.value.bytes.length : 0;
    if (part.length > 0 && bytes + size > CALL_BYTES) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(each);
    bytes += size;
  }
  if (part.length > 0) yield part;
}
