/**
 * Many linearizable reads for one answer: what this peer can answer at once, and for the rest one question to a peer
 * instead of one a key.
 *
 * Invariants: each key is judged by itself, by `readNow` of a replica while the batch is open, here or at the peer that
 * was asked; a key that cannot be answered so (its value is just changing, there is no lease, no answer came) goes the way
 * of a single read with all its retries. Values beyond what one answer may hold are not given, and all keys after the
 * first such one have none. Between its pieces everybody else has a turn.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { partitionOfKey } from '../common/slots.js';
import type { Asking } from './asking.js';
import type { AnswerFull, ManyAnswer } from './gateway/store.js';
import type { Replica } from './replica.js';
import type { ReadAnswer } from './requests/rim.js';
import { MAX_READ_KEYS } from './transport/messages.js';

/** Keys that are looked up here at a stretch. */
const STRETCH_KEYS = 256;
/** A round ends early when its own values are this many bytes. */
const ROUND_BYTES = 4 * 1024 * 1024;
/** A question that has no answer for this long, in ms, is given up: its keys are read one by one. */
const ASK_MS = 250;
/** So many are read one by one at first, and more and more as they turn out to be small: what is read waits in memory. */
const FIRST_WINDOW = 16;
/** Single reads of one batch that are under way together. */
const LAST_WINDOW = 1_024;
/** Values of one batch's answer, together; those that do not fit are not read. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

export interface BatchReadsParts {
  readonly replica: Pick<Replica, 'read' | 'readNow'>;
  readonly asking: Pick<Asking, 'choose' | 'ask'>;
}

/** Keys that one peer is asked for, with their places in the batch. */
interface Question {
  readonly keys: string[];
  readonly places: number[];
}

/** Reads batches of one peer's clients. */
export class BatchReads {
  constructor(private readonly parts: BatchReadsParts) {}

  /** One answer a key, in order. */
  read(keys: readonly string[]): Promise<readonly ManyAnswer[]> {
    return new OneBatch(keys, this.parts).read();
  }
}

class OneBatch {
  private readonly answers: (ManyAnswer | undefined)[];
  /** Of all values that were read. */
  private bytes = 0;
  private largest = 1;
  private window = FIRST_WINDOW;

  constructor(
    private readonly keys: readonly string[],
    private readonly parts: BatchReadsParts,
  ) {
    this.answers = new Array(keys.length);
  }

  async read(): Promise<readonly ManyAnswer[]> {
    let done = 0;
    while (done < this.keys.length && this.bytes <= MAX_ANSWER_BYTES) done = await this.round(done);
    return this.inOrder();
  }

  /** Reads keys from `first` on, and says where the next round begins. */
  private async round(first: number): Promise<number> {
    const others: number[] = [];
    const end = await this.readOwn(first, others);
    if (others.length === 0) return end;
    const left: number[] = [];
    const questions = [...this.questions(others, left)];
    await Promise.all(questions.map(([peer, question]) => this.ask(peer, question, left)));
    await this.readSingly(left);
    return end;
  }

  /** Answers what is held here; `others` get the places of the rest. */
  private async readOwn(first: number, others: number[]): Promise<number> {
    const { keys, parts } = this;
    const last = Math.min(keys.length, first + MAX_READ_KEYS);
    const limit = this.bytes + ROUND_BYTES;
    for (let place = first; place < last; place++) {
      const key = keys[place] as string;
      const answer = parts.replica.readNow(partitionOfKey(key), key);
      if (answer === undefined) others.push(place);
      else this.take(place, answer);
      if (this.bytes > limit) return place + 1;
      // What is read at once takes no turn by itself: everybody else gets one.
      if ((place + 1) % STRETCH_KEYS === 0) await nextTurn();
    }
    return last;
  }

  /** Whom to ask for what: as few peers as come to hand; `left` gets the places of keys that nobody else holds. */
  private questions(places: readonly number[], left: number[]): ReadonlyMap<string, Question> {
    const questions = new Map<string, Question>();
    for (const place of places) {
      const key = this.keys[place] as string;
      const peer = this.parts.asking.choose(partitionOfKey(key), questions);
      if (peer === undefined) {
        left.push(place);
        continue;
      }
      let question = questions.get(peer);
      if (question === undefined) {
        question = { keys: [], places: [] };
        questions.set(peer, question);
      }
      question.keys.push(key);
      question.places.push(place);
    }
    return questions;
  }

  private async ask(peer: string, { keys, places }: Question, left: number[]): Promise<void> {
    const rows = await this.parts.asking.ask(peer, keys, ASK_MS);
    for (const [index, place] of places.entries()) {
      const row = rows[index];
      if (row === undefined) left.push(place);
      else this.note(place, { kind: 'value', value: row?.value ?? null }, row?.value.bytes.length ?? 0);
    }
  }

  /** As many together as surely fit: the next ones are taken to be as large as the largest so far. */
  private async readSingly(places: readonly number[]): Promise<void> {
    for (let at = 0; at < places.length && this.bytes <= MAX_ANSWER_BYTES; ) {
      const fitting = Math.floor((MAX_ANSWER_BYTES - this.bytes) / this.largest);
      const asked = places.slice(at, at + Math.max(1, Math.min(this.window, fitting)));
      at += asked.length;
      const reads = asked.map((place) => this.single(this.keys[place] as string));
      for (const [index, answer] of (await Promise.all(reads)).entries()) {
        this.take(asked[index] as number, answer);
      }
      this.window = Math.min(LAST_WINDOW, 2 * this.window);
      await nextTurn();
    }
  }

  private single(key: string): Promise<ReadAnswer> {
    return this.parts.replica.read({ partition: partitionOfKey(key), key, consistency: 'linearizable' });
  }

  private take(place: number, answer: ReadAnswer): void {
    if (answer.kind !== 'row') {
      this.note(place, answer, 0);
      return;
    }
    const value = answer.row?.value ?? null;
    this.note(place, { kind: 'value', value }, value?.bytes.length ?? 0);
  }

  private note(place: number, answer: ManyAnswer, bytes: number): void {
    this.answers[place] = answer;
    this.bytes += bytes;
    if (bytes > this.largest) this.largest = bytes;
  }

  /** From the first answer on that does not fit, or was not read for that reason, none is given. */
  private inOrder(): readonly ManyAnswer[] {
    const given: ManyAnswer[] = [];
    let bytes = 0;
    for (let place = 0; place < this.keys.length; place++) {
      const answer = bytes > MAX_ANSWER_BYTES ? FULL : (this.answers[place] ?? FULL);
      if (answer.kind === 'answer-full') bytes = Number.POSITIVE_INFINITY;
      else if (answer.kind === 'value') bytes += answer.value?.bytes.length ?? 0;
      given.push(bytes > MAX_ANSWER_BYTES ? FULL : answer);
    }
    return given;
  }
}

const FULL: AnswerFull = { kind: 'answer-full' };
