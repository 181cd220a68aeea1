/**
 * How every program of the cluster ends: with one line and a code where it cannot go on, in order at a signal.
 *
 * Invariants: a stop ends: past its deadline, at a second signal, or if stopping fails, the process is ended anyway,
 * with code 1. `main.ts` hands its `process` in, and reads nothing of it here.
 */
import type { Logger } from './log.js';

/** What is needed of node's `process`. */
export interface ProgramHost {
  readonly stderr: { write(text: string): unknown };
  on(signal: 'SIGTERM' | 'SIGINT', listener: () => void): unknown;
  exit(code: number): never;
}

/** One running program under its name. */
export class Program {
  readonly #name: string;
  readonly #host: ProgramHost;

  constructor(name: string, host: ProgramHost) {
    this.#name = name;
    this.#host = host;
  }

  /** Ends at once, with one line for a person. */
  exit(code: number, line: string): never {
    this.#host.stderr.write(`${this.#name}: ${line}\n`);
    return this.#host.exit(code);
  }

  /** At the first SIGTERM or SIGINT stops in order, within `deadlineMs`; at a second one ends at once. */
  stopOnSignal(stop: () => Promise<void>, deadlineMs: number, log: Pick<Logger, 'info' | 'error'>): void {
    let deadline: NodeJS.Timeout | undefined;
    const end = (signal: string) => {
      const isFirst = deadline === undefined;
      clearTimeout(deadline);
      if (!isFirst) this.exit(1, `ended at once by a second signal (${signal})`);
      deadline = setTimeout(() => this.exit(1, `could not stop within ${deadlineMs} ms`), deadlineMs);
      stop().then(
        () => {
          clearTimeout(deadline);
          log.info('stopped');
          this.#host.exit(0);
        },
        (error: unknown) => {
          clearTimeout(deadline);
          log.error({ err: error }, 'stopping failed');
          this.#host.exit(1);
        },
      );
    };
    for (const signal of ['SIGTERM', 'SIGINT'] as const) this.#host.on(signal, () => end(signal));
  }
}
