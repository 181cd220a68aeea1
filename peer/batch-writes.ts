/**
 * Many writes for one answer. Plain puts of one partition go to its primary as one, and become one entry of its log: what
 * an entry costs at every copy is then shared by several keys.
 *
 * Invariants: each write is done once, and has the answer of the request that carried it; puts that share a request take
 * effect together, with one version. Writes of one key take effect in the order given: never two of them are under way.
 * Whatever has a condition, a time to live or a token is a request of its own. Between its pieces everybody else has a turn.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { partitionOfKey } from '../common/slots.js';
import type { Write } from './gateway/store.js';
import type { Replica } from './replica.js';
import type { Put, Transaction } from './replication/commands.js';
import { idempotencyTag } from './requests/idempotency.js';
import type { WriteAnswer } from './requests/rim.js';

/** Requests of one batch that are under way together; the rest waits for them. */
const WINDOW = 1_024;
/** Keys that are sent off at a stretch. */
const STRETCH_KEYS = 512;
/** Puts of one request, and the bytes of their values but for the last. */
const TOGETHER_KEYS = 64;
const TOGETHER_BYTES = 256 * 1024;

/** Writes that go as one, by their places in the batch. */
interface Together {
  readonly partition: number;
  readonly places: number[];
  bytes: number;
}

/** Does writes of clients; one answer a write, in order. */
export function writeBatch(
  replica: Pick<Replica, 'beginWrite'>,
  writes: readonly Write[],
): Promise<readonly WriteAnswer[]> {
  return new BatchWrites(replica, writes).write();
}

class BatchWrites {
  private readonly answers: WriteAnswer[];

  constructor(
    private readonly replica: Pick<Replica, 'beginWrite'>,
    private readonly writes: readonly Write[],
  ) {
    this.answers = new Array(writes.length);
  }

  async write(): Promise<readonly WriteAnswer[]> {
    for (const places of this.rounds()) await this.run(this.together(places));
    return this.answers;
  }

  /** The places of all writes; those of one key in different rounds, in their order. */
  private rounds(): readonly (readonly number[])[] {
    const rounds: number[][] = [];
    const seen = new Map<string, number>();
    for (const [place, { command }] of this.writes.entries()) {
      const before = seen.get(command.key) ?? 0;
      seen.set(command.key, before + 1);
      const round = rounds[before];
      if (round === undefined) rounds[before] = [place];
      else round.push(place);
    }
    return rounds;
  }

  private together(places: readonly number[]): readonly Together[] {
    const requests: Together[] = [];
    const open = new Map<number, Together>();
    for (const place of places) {
      const write = this.writes[place] as Write;
      const partition = partitionOfKey(write.command.key);
      const plain = isPlain(write);
      let request = plain ? open.get(partition) : undefined;
      if (request === undefined) {
        request = { partition, places: [], bytes: 0 };
        requests.push(request);
        if (plain) open.set(partition, request);
      }
      request.places.push(place);
      if (!plain) continue;
      request.bytes += (write.command as Put).value.bytes.length;
      const full = request.places.length === TOGETHER_KEYS || request.bytes >= TOGETHER_BYTES;
      if (full) open.delete(partition);
    }
    return requests;
  }

  private async run(requests: readonly Together[]): Promise<void> {
    const again: number[] = [];
    for (let at = 0; at < requests.length; at += WINDOW) {
      await this.runWindow(requests.slice(at, at + WINDOW), again);
    }
    if (again.length > 0) await this.run(again.map((place) => this.alone(place)));
  }

  /** `again` gets the places of writes that were not done only because of another one's damaged row. */
  private async runWindow(requests: readonly Together[], again: number[]): Promise<void> {
    let open = requests.length;
    let allDone = (): void => {};
    const done = new Promise<void>((resolve) => {
      allDone = resolve;
    });
    let keys = 0;
    for (const request of requests) {
      this.begin(request, (answer) => {
        const { places } = request;
        const isOthers = places.length > 1 && answer.kind === 'not-applied' && answer.reason === 'damaged';
        for (const place of places) {
          if (isOthers) again.push(place);
          else this.answers[place] = answer;
        }
        open--;
        if (open === 0) allDone();
      });
      keys += request.places.length;
      if (keys < STRETCH_KEYS) continue;
      keys = 0;
      await nextTurn();
    }
    await done;
  }

  private begin({ partition, places }: Together, done: (answer: WriteAnswer) => void): void {
    const { command, token } = this.writes[places[0] as number] as Write;
    if (places.length > 1) {
      const changes = places.map((place) => this.writes[place]?.command as Put);
      const transaction: Transaction = { kind: 'transaction', reads: [], changes };
      this.replica.beginWrite({ partition, command: transaction, idempotency: undefined }, done);
      return;
    }
    const idempotency = token === undefined ? undefined : idempotencyTag(token, command);
    this.replica.beginWrite({ partition, command, idempotency }, done);
  }

  private alone(place: number): Together {
    const { command } = this.writes[place] as Write;
    return { partition: partitionOfKey(command.key), places: [place], bytes: 0 };
  }
}

/** Whether the primary has nothing to judge about it, and no clock to stamp it with. */
function isPlain({ command, token }: Write): boolean {
  return (
    token === undefined &&
    command.kind === 'put' &&
    command.condition === undefined &&
    command.ttlMs === undefined
  );
}
