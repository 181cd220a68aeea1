/**
 * Pairs the streams that a caller opens, one for each lane, whichever comes first.
 *
 * Invariant: a stream waits for its other lane no longer than an attempt to connect takes; then it is given up.
 */
import type { Hello, StreamName } from './hello.js';
import type { Lane } from './message-forms.js';

interface Half<T> {
  readonly lane: Lane;
  readonly stream: T;
  readonly timer: NodeJS.Timeout;
}

export class Halves<T> {
  private readonly waiting = new Map<string, Half<T>>();

  constructor(
    private readonly max: number,
    private readonly waitMs: number,
  ) {}

  /** Whether no further stream may wait. */
  get isFull(): boolean {
    return this.waiting.size >= this.max;
  }

  /**
   * The stream of the other lane, which waits no more; or null, and then this one waits for it.
   * @param giveUp called if the other one does not come in time
   */
  match(hello: Hello, name: StreamName, stream: T, giveUp: () => void): Readonly<Record<Lane, T>> | null {
    const key = keyOf(hello, name);
    const other = this.waiting.get(key);
    if (other && other.lane !== name.lane) {
      this.remove(key, other);
      return name.lane === 'urgent'
        ? { urgent: stream, bulk: other.stream }
        : { urgent: other.stream, bulk: stream };
    }
    if (other) this.remove(key, other);
    const timer = setTimeout(() => {
      this.waiting.delete(key);
      giveUp();
    }, this.waitMs);
    this.waiting.set(key, { lane: name.lane, stream, timer });
    return null;
  }

  /** The stream has ended: if it waits, it waits no more. */
  drop(stream: T): void {
    for (const [key, half] of this.waiting) if (half.stream === stream) this.remove(key, half);
  }

  /** Nothing waits any more. */
  clear(): void {
    for (const [key, half] of this.waiting) this.remove(key, half);
  }

  private remove(key: string, half: Half<T>): void {
    clearTimeout(half.timer);
    this.waiting.delete(key);
  }
}

function keyOf({ id, process }: Hello, { connection }: StreamName): string {
  return `${id} ${process} ${connection}`;
}
