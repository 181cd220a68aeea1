/**
 * The register on disk: the newest map as one JSON file.
 *
 * Invariants: at any moment the file is whole, the old map or the new one; `swapped` is said, and a map is told, only
 * when it outlives a loss of power; after a write that failed nobody knows what the disk will hold, so nothing is
 * told before what the file holds was written anew; a file that is there but broken, or another cluster's, is never
 * taken for an empty one; one process at a time has the folder.
 */
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterMap, MapVersion } from '../common/configuration.js';
import { readIfThere, syncFile, tryToWrite, writeDurably } from '../common/durable-file.js';
import { mapSchema, mapText } from '../common/map-json.js';
import type { CasOutcome, MapRegister } from './driver.js';
import { lockFolder, type Unlock } from './folder-lock.js';

const FILE = 'registry.json';
/** After a disk that failed, how long until it is tried again. */
const RETRY_MS = 1_000;

/** A folder or file that cannot be used; the message is one line for a person. */
export class RegisterFileError extends Error {}

/** What became of an operation on the disk: null where it went well, else why not. */
export type DiskListener = (fault: string | null) => void;

/** A register for an orchestrator without a data folder: it forgets at its end. */
export class MemoryRegister implements MapRegister {
  #map: ClusterMap | undefined;

  read(done: (map: ClusterMap | undefined) => void): void {
    const map = this.#map;
    setImmediate(() => done(map));
  }

  cas(expected: MapVersion, map: ClusterMap, done: (outcome: CasOutcome) => void): void {
    const fits = (this.#map?.ver ?? 0) === expected;
    if (fits) this.#map = map;
    setImmediate(() => done(fits ? 'swapped' : 'conflict'));
  }
}

export class RegisterFile implements MapRegister {
  readonly #path: string;
  readonly #clusterId: string;
  readonly #tell: DiskListener;
  /** What the file durably holds. */
  #held: ClusterMap | undefined;
  /** Which file that is, so that another hand on it is noticed; undefined where there is none. */
  #mark: string | undefined;
  /** A write failed since: the file may hold either, and either may not be durable. */
  #doubtful = false;
  #retry: NodeJS.Timeout | undefined;
  #working: Promise<void> = Promise.resolve();
  #closed = false;
  #unlock: Unlock = async () => {};

  private constructor(folder: string, clusterId: string, tell: DiskListener) {
    this.#path = join(folder, FILE);
    this.#clusterId = clusterId;
    this.#tell = tell;
  }

  /**
   * Opens the folder, making it if need be, sees that it can be written and that no other process has it, and reads what is
   * there.
   * @throws RegisterFileError
   */
  static async open(folder: string, clusterId: string, tell: DiskListener): Promise<RegisterFile> {
    const file = new RegisterFile(folder, clusterId, tell);
    await file.#lock(folder);
    try {
      await file.#load();
      await orRefuse(`cannot write in the data folder ${folder}`, () => tryToWrite(file.#path));
    } catch (error) {
      await file.#unlock();
      throw error;
    }
    return file;
  }

  /** What it held when it last spoke. */
  get held(): ClusterMap | undefined {
    return this.#held;
  }

  read(done: (map: ClusterMap | undefined) => void): void {
    this.#work(
      async () => {
        if (this.#doubtful || (await this.#isForeign())) await this.#settle();
        return () => done(this.#held);
      },
      () => this.#later(() => this.read(done)),
    );
  }

  cas(expected: MapVersion, map: ClusterMap, done: (outcome: CasOutcome) => void): void {
    this.#work(
      async () => {
        const conflict = (this.#held?.ver ?? 0) !== expected || this.#doubtful || (await this.#isForeign());
        if (conflict) return () => done('conflict');
        await this.#write(map);
        return () => done('swapped');
      },
      () => done('unknown'),
    );
  }

  /** Waits for what is under way; nothing is told or written after it. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await this.#working;
    await this.#unlock();
  }

  /** One operation at a time, in order; `failed` is called where the disk did not do its part. */
  #work(operation: () => Promise<() => void>, failed: () => void): void {
    this.#working = this.#working.then(async () => {
      if (this.#closed) return;
      const finish = await operation().then(
        (answer) => this.#succeeded(answer),
        (error: unknown) => this.#failed(error, failed),
      );
      if (!this.#closed) finish();
    });
  }

  #succeeded(answer: () => void): () => void {
    this.#tell(null);
    return answer;
  }

  #failed(error: unknown, failed: () => void): () => void {
    this.#doubtful = true;
    this.#tell(error instanceof RegisterFileError ? error.message : codeOf(error));
    return failed;
  }

  #later(task: () => void): void {
    this.#retry = setTimeout(task, RETRY_MS);
  }

  async #write(map: ClusterMap): Promise<void> {
    this.#doubtful = true;
    await writeDurably(this.#path, mapText(map));
    await this.#keep(map);
  }

  /** Takes what the file holds now for true, once it is durable. */
  async #settle(): Promise<void> {
    const map = await this.#parse();
    // Gone while we run: what it held last was durable and is in our hands.
    const kept = map ?? this.#held;
    if (kept === undefined) this.#doubtful = false;
    else await this.#write(kept);
  }

  async #lock(folder: string): Promise<void> {
    const unlock = await orRefuse(`cannot use the data folder ${folder}`, async () => {
      await mkdir(folder, { recursive: true });
      return lockFolder(folder);
    });
    if (unlock === null) {
      throw new RegisterFileError(
        `the data folder ${folder} is in use by another orchestrator: stop that, or give another --data`,
      );
    }
    this.#unlock = unlock;
  }

  async #load(): Promise<void> {
    const map = await this.#parse();
    if (map === undefined) return;
    await orRefuse(`cannot use ${this.#path}`, async () => {
      await syncFile(this.#path);
      await this.#keep(map);
    });
  }

  async #keep(map: ClusterMap): Promise<void> {
    this.#held = map;
    this.#mark = await this.#look();
    this.#doubtful = false;
  }

  /** Whether the file was changed by somebody else. One that is gone is only to be written again. */
  async #isForeign(): Promise<boolean> {
    const mark = await this.#look();
    return mark !== undefined && mark !== this.#mark;
  }

  async #look(): Promise<string | undefined> {
    try {
      const { ino, mtimeNs, size } = await stat(this.#path, { bigint: true });
      return `${ino}/${mtimeNs}/${size}`;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async #parse(): Promise<ClusterMap | undefined> {
    const text = await orRefuse(`cannot read ${this.#path}`, () => readIfThere(this.#path));
    if (text === null) return undefined;
    const parsed = mapSchema.safeParse(parseJson(text));
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const where = issue?.path.length ? `${issue.path.join('.')}: ` : '';
      throw new RegisterFileError(
        `${this.#path} is broken (${parseJson(text) === undefined ? 'not JSON' : `${where}${issue?.message}`}); ` +
          'put a copy back and start with --registry-may-be-old, or remove it to rebuild it from the peers',
      );
    }
    const { clusterId } = parsed.data;
    if (clusterId === this.#clusterId) return parsed.data;
    throw new RegisterFileError(
      `${this.#path} belongs to cluster ${clusterId}, not ${this.#clusterId}; ` +
        `give --cluster ${clusterId} or another --data`,
    );
  }
}

/** @throws RegisterFileError that says what could not be done, and why */
async function orRefuse<T>(what: string, task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    throw new RegisterFileError(`${what}: ${codeOf(error)}`);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
