/**
 * Clients that read and write all the time through a balanced client, with keys of their own each, so that each knows what a
 * read must answer. Counts, latencies and failures are gathered in windows.
 *
 * Invariants: a request is in the window in which it ended; a failure is every answer that is not what the client must get.
 */
import type { Door } from '../clients.js';
import { judgeWrite, type Told } from '../http-client.js';
import { BalancedClient } from './balanced-client.js';
import { pause } from './lab.js';

export interface LoadSettings {
  readonly clients: number;
  readonly keysEach: number;
  readonly valueBytes: number;
  /** Between two requests of one client; 0: none, as fast as answers come. */
  readonly pauseMs: number;
}

const USUAL: LoadSettings = { clients: 8, keysEach: 50, valueBytes: 100, pauseMs: 10 };

export interface Window {
  readonly seconds: number;
  readonly readMs: readonly number[];
  readonly writeMs: readonly number[];
  readonly failures: readonly string[];
}

interface Gathered {
  readonly since: number;
  readonly readMs: number[];
  readonly writeMs: number[];
  readonly failures: string[];
}

export class Load {
  private readonly settings: LoadSettings;
  private readonly client: BalancedClient;
  private readonly loops: Promise<void>[];
  private gathered = begun();
  private stopped = false;

  constructor(doors: () => readonly Door[], settings: Partial<LoadSettings> = {}) {
    this.settings = { ...USUAL, ...settings };
    this.client = new BalancedClient(doors);
    this.loops = Array.from({ length: this.settings.clients }, (_, i) => this.loop(i));
  }

  /** What came since the last window, or the start. */
  window(): Window {
    const { since, ...rest } = this.gathered;
    this.gathered = begun();
    return { seconds: (performance.now() - since) / 1000, ...rest };
  }

  /** Ends the clients; returns the last window. */
  async stop(): Promise<Window> {
    this.stopped = true;
    await Promise.all(this.loops);
    this.client.close();
    return this.window();
  }

  private async loop(client: number): Promise<void> {
    const { keysEach, valueBytes, pauseMs } = this.settings;
    for (let turn = 0; !this.stopped; turn += 1) {
      const path = `/kv/load-${client}-${turn % keysEach}`;
      const value = `${client}/${turn} `.padEnd(valueBytes, '.');
      const startedMs = performance.now();
      const put = await this.client.ask({ method: 'PUT', path, body: value });
      this.gathered.writeMs.push(performance.now() - startedMs);
      const written = judgeWrite(put) === 'done';
      if (!written) this.failed(`PUT ${path} through ${put.peer}`, put);
      await pause(pauseMs);
      if (written) await this.read(path, value);
      await pause(pauseMs);
    }
  }

  private async read(path: string, value: string): Promise<void> {
    const startedMs = performance.now();
    const got = await this.client.ask({ method: 'GET', path });
    this.gathered.readMs.push(performance.now() - startedMs);
    if (got.type !== 'answer' || got.status !== 200 || got.body !== value)
      this.failed(`GET ${path} through ${got.peer}, which must be ${value.trimEnd()}`, got);
  }

  private failed(what: string, told: Told): void {
    const how = told.type === 'answer' ? `${told.status} ${told.body.slice(0, 200)}` : told.code;
    this.gathered.failures.push(`${new Date().toISOString()} ${what}: ${how}`);
  }
}

/** The windows as one. */
export function joined(windows: readonly Window[]): Window {
  return {
    seconds: windows.reduce((sum, each) => sum + each.seconds, 0),
    readMs: windows.flatMap((each) => each.readMs),
    writeMs: windows.flatMap((each) => each.writeMs),
    failures: windows.flatMap((each) => each.failures),
  };
}

/** Requests a second. */
export function throughput({ seconds, readMs, writeMs }: Window): number {
  return (readMs.length + writeMs.length) / seconds;
}

function begun(): Gathered {
  return { since: performance.now(), readMs: [], writeMs: [], failures: [] };
}
