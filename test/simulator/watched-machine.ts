/**
 * The production machine, with an eye on its answers: a lease read counts at the step that judged it, not when its
 * answer leaves, since a process may be stopped in between without harm (L6).
 */
import type { Epoch } from '../../common/configuration.js';
import type { DrivenMachine } from '../../peer/driver.js';
import type {
  Clock,
  Effects,
  Input,
  ReadRow,
  ReplyEffect,
  SendEffect,
} from '../../peer/replication/machine.js';
import type { PeerEnvelope, PeerMessage } from '../../peer/replication/messages.js';
import type { ReplicationNode } from '../../peer/replication/node.js';

export class WatchedMachine implements DrivenMachine {
  /** Lease reads under way: the partition, by who asked and the asker's number. */
  private readonly asked = new Map<string, number>();

  constructor(
    private readonly node: ReplicationNode,
    private readonly onLeaseRead: (partition: number, epoch: Epoch) => void,
  ) {}

  step(clock: Clock, input: Input): void {
    this.noteQuestion(input);
    if (this.asked.size === 0) {
      this.node.step(clock, input);
      return;
    }
    // biome-ignore lint/complexity/useLiteralKeys: TypeScript lets nobody look at a private field by its name.
    const { out } = this.node['core'];
    const replies = out.replies.length;
    const sends = out.sends.length;
    this.node.step(clock, input);
    for (const reply of out.replies.slice(replies)) this.noteReply(reply);
    for (const send of out.sends.slice(sends)) this.noteSend(send);
  }

  readNow(clock: Clock, partition: number, key: string): ReadRow | undefined {
    const found = this.node.readNow(clock, partition, key);
    if (found !== undefined) this.onLeaseRead(partition, found.epoch);
    return found;
  }

  take(clock: Clock): Effects {
    return this.node.take(clock);
  }

  envelope(body: PeerMessage): PeerEnvelope {
    return this.node.envelope(body);
  }

  private noteQuestion(input: Input): void {
    if (input.type === 'read' && input.consistency === 'linearizable') {
      this.asked.set(`/${input.id}`, input.partition);
    } else if (input.type === 'message') {
      const { from, body } = input.envelope;
      if (body.type !== 'rfwd' || body.consistency !== 'linearizable') return;
      this.asked.set(`${from}/${body.inc}/${body.id}`, body.partition);
    }
  }

  private noteReply({ id, outcome }: ReplyEffect): void {
    this.answered(`/${id}`, outcome.kind === 'row' ? outcome.epoch : undefined);
  }

  private noteSend({ to, envelope: { body } }: SendEffect): void {
    if (body.type !== 'rfwd_r') return;
    this.answered(
      `${to}/${body.inc}/${body.id}`,
      body.outcome.kind === 'row' ? body.outcome.epoch : undefined,
    );
  }

  private answered(name: string, epoch: Epoch | undefined): void {
    const partition = this.asked.get(name);
    if (partition === undefined) return;
    this.asked.delete(name);
    if (epoch !== undefined) this.onLeaseRead(partition, epoch);
  }
}
