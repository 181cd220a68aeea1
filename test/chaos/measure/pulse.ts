/**
 * Watches when partitions take writes: one key each of many partitions, written again and again through the peers that are
 * not hurt, with a number that grows. And readers of keys that nobody writes.
 *
 * Invariant: `acked` of a key is the highest number that was acknowledged; a read that began later must not see less.
 */
import type { Door } from '../clients.js';
import { describeTold, type HttpClient, judgeWrite } from '../http-client.js';
import { pause } from './lab.js';

const WRITE_EVERY_MS = 200;
const READ_EVERY_MS = 20;
/** A write that was under way when the blow fell may still have had its answer on the way: such do not count. */
const STILL_ON_THE_WAY_MS = 100;

export interface PulseKey {
  readonly key: string;
  readonly partition: number;
  acked: number;
  next: number;
  /** The first write that was acknowledged after `blow`, by the monotonic clock; undefined: none yet. */
  againMs: number | undefined;
}

export class Pulse {
  readonly readErrors: string[] = [];
  readonly readMs: number[] = [];
  readonly writeErrors: string[] = [];
  private stopped = false;
  private blowMs = Number.POSITIVE_INFINITY;
  private readonly loops: Promise<void>[];

  constructor(
    private readonly http: HttpClient,
    readonly keys: readonly PulseKey[],
    private readonly cleanKeys: readonly string[],
    private readonly doors: () => readonly Door[],
  ) {
    this.loops = [...keys.map((key, i) => this.write(key, i)), this.read()];
  }

  /** From now on `againMs` is looked for. */
  blow(): void {
    this.blowMs = performance.now();
    for (const key of this.keys) key.againMs = undefined;
  }

  /** Milliseconds from the blow to the first write, for those of the keys that have one. */
  stalls(keys: readonly PulseKey[]): number[] {
    return keys.flatMap(({ againMs }) => (againMs === undefined ? [] : [againMs - this.blowMs]));
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.loops);
  }

  private async write(key: PulseKey, index: number): Promise<void> {
    await pause((index * WRITE_EVERY_MS) / this.keys.length);
    for (let turn = index; !this.stopped; turn += 1) {
      const doors = this.doors();
      const door = doors[turn % doors.length] as Door;
      key.next += 1;
      const number = key.next;
      const startMs = performance.now();
      const told = await this.http.ask(door.url, {
        method: 'PUT',
        path: `/kv/${key.key}`,
        body: String(number),
      });
      const endMs = performance.now();
      if (judgeWrite(told) === 'done') {
        key.acked = Math.max(key.acked, number);
        const since = startMs >= this.blowMs || endMs >= this.blowMs + STILL_ON_THE_WAY_MS;
        if (since) key.againMs ??= endMs;
      } else {
        this.writeErrors.push(
          told.type === 'answer' ? `${told.status} ${told.body.slice(0, 100)}` : told.code,
        );
      }
      await pause(Math.max(0, WRITE_EVERY_MS - (endMs - startMs)));
    }
  }

  private async read(): Promise<void> {
    for (let turn = 0; !this.stopped; turn += 1) {
      const doors = this.doors();
      const door = doors[turn % doors.length] as Door;
      const key = this.cleanKeys[turn % this.cleanKeys.length] as string;
      const startMs = performance.now();
      const told = await this.http.ask(door.url, { method: 'GET', path: `/kv/${key}` });
      this.readMs.push(performance.now() - startMs);
      const good = told.type === 'answer' && told.status === 200 && told.body === key;
      if (!good) this.readErrors.push(`${key} through ${door.name}: ${describeTold(told)}`);
      await pause(READ_EVERY_MS);
    }
  }
}
