/**
 * Linearizable reads of keys that this peer does not hold: those of one turn of the event loop share one question to as few
 * peers as come to hand. A message, an open request and its timer for each would cost more than reading.
 *
 * Invariants: each read is answered once, by a row that was current while it was open, or goes the way of a single read; an
 * answer keeps no more memory than about twice its value's own bytes, or, if it is small, a block of Node's that it shares.
 */
import type { Asking, Rows } from './asking.js';
import type { Replica } from './replica.js';
import type { LiveRow } from './replication/entry.js';
import type { ReadAnswer } from './requests/rim.js';
import { MAX_READ_KEYS } from './transport/messages.js';

/** A question that has no answer for this long, in ms, is given up: its keys are read one by one. */
const ASK_MS = 100;
/** Reads that wait for answers; beyond it they go one by one, and are turned away there if it is too many. */
const MAX_OPEN = 5_000;

type Done = (answer: ReadAnswer) => void;

/** Reads that one peer is asked for. */
interface Question {
  readonly keys: string[];
  readonly partitions: number[];
  readonly done: Done[];
}

export interface ForwardedReadsParts {
  readonly replica: Pick<Replica, 'beginRead'>;
  readonly asking: Pick<Asking, 'choose' | 'ask'>;
  /** Runs a task when this turn of the event loop is over. */
  atEndOfTurn(task: () => void): void;
}

export class ForwardedReads {
  /** What goes out at the end of this turn, by the peer to ask. */
  private questions = new Map<string, Question>();
  private open = 0;

  constructor(private readonly parts: ForwardedReadsParts) {}

  /** A linearizable read; `done` may be called before this returns. */
  begin(partition: number, key: string, done: Done): void {
    const peer = this.open < MAX_OPEN ? this.parts.asking.choose(partition, this.questions) : undefined;
    if (peer === undefined) {
      this.single(partition, key, done);
      return;
    }
    this.open++;
    const question = this.questionTo(peer);
    question.keys.push(key);
    question.partitions.push(partition);
    question.done.push(done);
    if (question.keys.length === MAX_READ_KEYS) this.sendAll();
  }

  private questionTo(peer: string): Question {
    const open = this.questions.get(peer);
    if (open !== undefined) return open;
    if (this.questions.size === 0) this.parts.atEndOfTurn(() => this.sendAll());
    const question = { keys: [], partitions: [], done: [] };
    this.questions.set(peer, question);
    return question;
  }

  private sendAll(): void {
    const { questions } = this;
    this.questions = new Map();
    for (const [peer, question] of questions) void this.ask(peer, question);
  }

  private async ask(peer: string, { keys, partitions, done }: Question): Promise<void> {
    const rows = await this.parts.asking.ask(peer, keys, ASK_MS);
    for (let at = 0; at < keys.length; at++) {
      this.open--;
      this.settle(peer, rows[at], partitions[at] as number, keys[at] as string, done[at] as Done);
    }
  }

  private settle(servedBy: string, row: Rows[number], partition: number, key: string, done: Done): void {
    if (row === undefined) this.single(partition, key, done);
    else done({ kind: 'row', row: row === null ? null : byItself(row), servedBy });
  }

  private single(partition: number, key: string, done: Done): void {
    this.parts.replica.beginRead({ partition, key, consistency: 'linearizable' }, done);
  }
}

/** The same with bytes of its own, unless they are most of what they are a part of: an answer may wait for its client. */
function byItself(row: LiveRow): LiveRow {
  const { bytes, type } = row.value;
  if (bytes.length * 2 >= bytes.buffer.byteLength) return row;
  return { ...row, value: { bytes: Buffer.from(bytes), type } };
}
