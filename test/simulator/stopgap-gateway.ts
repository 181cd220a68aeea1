/** Until the production gateway is there. */
import type { Command } from '../../peer/replication/commands.js';
import type { Clock, Input, ReplyEffect } from '../../peer/replication/machine.js';
import type { ForwardReply, PeerMessage, ReadOutcome, ReadReply, WriteOutcome } from '../../peer/replication/messages.js';
import type { ClusterMap } from '../../common/configuration.js';
import type { Random } from './random.js';

type Told = { kind: 'result'; outcome: WriteOutcome | ReadOutcome } | { kind: 'unknown' } | { kind: 'not-applied' };

interface Open {
  n: number;
  attempt: number;
  open: Set<number>;
  try(): void;
  end(told: Told): void;
  onRefused(): void;
}

export class StopgapGateway {
  private n = 0;
  private readonly writes = new Map<number, Open>();
  private readonly reads = new Map<number, (outcome: ReadOutcome) => void>();
  constructor(
    private readonly me: string,
    private readonly session: string,
    private readonly inc: number,
    private readonly random: Random,
    private readonly clock: () => Clock,
    private readonly map: () => ClusterMap,
    private readonly timer: (ms: number, task: () => void) => void,
    private readonly step: (input: Input) => void,
    private readonly send: (to: string, body: PeerMessage) => void,
  ) {}

  write(partition: number, command: Command, done: (told: Told) => void): void {
    const n = ++this.n;
    const until = this.clock().leaseMs + 4000;
    const open: Open = {
      n,
      attempt: 0,
      open: new Set(),
      end: (told) => {
        this.writes.delete(n);
        done(told);
      },
      onRefused: () => {
        const a = open.attempt;
        this.timer(this.random.integer(20, 80), () => {
          if (this.writes.has(n) && open.attempt === a) open.try();
        });
      },
      try: () => {
        if (this.clock().leaseMs > until) {
          open.end({ kind: open.open.size === 0 ? 'not-applied' : 'unknown' });
          return;
        }
        const primary = this.map().parts[partition]?.primary;
        const a = ++open.attempt;
        if (primary !== undefined) {
          open.open.add(a);
          const fi = Math.min(...this.writes.keys());
          const tag = { session: this.session, n, fi };
          if (primary === this.me) this.step({ type: 'write', id: n * 1000 + a, partition, tag, command, idempotency: undefined });
          else this.send(primary, { type: 'fwd', partition, tag, attempt: a, command, idempotency: undefined });
        }
        this.timer(this.random.integer(250, 700), () => {
          if (this.writes.has(n) && open.attempt === a) open.try();
        });
      },
    };
    this.writes.set(n, open);
    open.try();
  }

  read(partition: number, key: string, consistency: 'linearizable' | 'strict', done: (told: Told) => void): void {
    const until = this.clock().leaseMs + 3000;
    let over = false;
    const attempt = (): void => {
      if (over) return;
      if (this.clock().leaseMs > until) {
        over = true;
        done({ kind: 'not-applied' });
        return;
      }
      const part = this.map().parts[partition];
      const id = ++this.n;
      if (part !== undefined) {
        this.reads.set(id, (outcome) => {
          this.reads.delete(id);
          if (outcome.kind === 'row' && !over) {
            over = true;
            done({ kind: 'result', outcome });
          }
        });
        if (part.members.has(this.me) && this.random.chance(0.8)) {
          this.step({ type: 'read', id: id * 1000 + 999, partition, key, consistency });
        } else {
          const to = this.random.pick([...part.members.keys()]);
          if (to !== this.me) this.send(to, { type: 'rfwd', id, inc: this.inc, partition, key, consistency });
        }
      }
      this.timer(this.random.integer(60, 200), attempt);
    };
    attempt();
  }

  reply({ id, outcome }: ReplyEffect): void {
    const n = Math.floor(id / 1000);
    const a = id % 1000;
    if (a === 999) this.reads.get(n)?.(outcome as ReadOutcome);
    else this.wrote(n, a, outcome as WriteOutcome);
  }

  received(body: ForwardReply | ReadReply): void {
    if (body.type === 'rfwd_r') {
      if (body.inc === this.inc) this.reads.get(body.id)?.(body.outcome);
    } else if (body.session === this.session) this.wrote(body.n, body.attempt, body.outcome);
  }

  private wrote(n: number, attempt: number, outcome: WriteOutcome): void {
    const open = this.writes.get(n);
    if (open === undefined) return;
    if (outcome.kind === 'refused') {
      open.open.delete(attempt);
      if (open.attempt === attempt) open.onRefused();
    } else if (outcome.kind === 'maybe') {
      if (open.attempt === attempt) open.onRefused();
    } else open.end({ kind: 'result', outcome });
  }
}
