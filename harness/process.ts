/**
 * One process of the product, that is started, stopped, killed and started again as an operator would.
 *
 * Invariants: at most one runs at a time; what it writes goes to its log file, across restarts; an end that nobody asked for
 * is told to `onOwnEnd`, once.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, closeSync, openSync, readFileSync } from 'node:fs';

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class ManagedProcess {
  private child: ChildProcess | undefined;
  private asked = false;
  private stopped = false;
  /** Put in front of the command line, such as limits; taken up at the next start. */
  wrap: readonly string[] = [];
  /** Added to the environment at the next start. */
  env: Readonly<Record<string, string>> = {};

  constructor(
    readonly name: string,
    private readonly words: readonly string[],
    readonly logPath: string,
    private readonly onStart: (pid: number) => void,
    private readonly onOwnEnd: (ended: Ended) => void,
  ) {}

  start(): void {
    if (this.running) throw new Error(`${this.name} runs already`);
    const log = openSync(this.logPath, 'a');
    const [program = '', ...args] = [...this.wrap, ...this.words];
    const child = spawn(program, args, {
      stdio: ['ignore', log, log],
      env: { ...process.env, ...this.env },
    });
    closeSync(log);
    this.child = child;
    this.asked = false;
    this.stopped = false;
    if (child.pid !== undefined) this.onStart(child.pid);
    child.on('exit', (code, signal) => {
      if (!this.asked) this.onOwnEnd({ code, signal });
    });
    child.on('error', (error) => {
      appendFileSync(this.logPath, `${error.message}\n`);
      this.onOwnEnd({ code: null, signal: null });
    });
  }

  get running(): boolean {
    return this.child?.pid !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  get pid(): number | undefined {
    return this.running ? this.child?.pid : undefined;
  }

  /** SIGSTOP, and its end. */
  freeze(): void {
    this.stopped = true;
    this.child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.stopped = false;
    this.child?.kill('SIGCONT');
  }

  get frozen(): boolean {
    return this.running && this.stopped;
  }

  /** Sends the signal and waits for the end; returns how it ended, null where it did not run. */
  async end(name: NodeJS.Signals): Promise<Ended | null> {
    const child = this.child;
    if (child === undefined || !this.running) return null;
    this.asked = true;
    const ended = new Promise<Ended>((resolve) =>
      child.once('exit', (code, signal) => resolve({ code, signal })),
    );
    child.kill(name);
    if (this.stopped && name !== 'SIGKILL') this.thaw();
    return ended;
  }

  /** Waits for an end that comes by itself. */
  async ownEnd(): Promise<Ended> {
    const child = this.child;
    if (child === undefined) throw new Error(`${this.name} was never started`);
    if (!this.running) return { code: child.exitCode, signal: child.signalCode };
    return new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  }

  log(): string {
    return readFileSync(this.logPath, 'utf8');
  }
}
