/**
 * The registry on disk: the newest view as one JSON file.
 *
 * Invariants: at any moment the file is whole, the old view or the new one; when `save` has resolved, the view
 * outlives a loss of power; a file that is there but broken is never taken for an empty one.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readIfThere, writeDurably } from '../common/durable-file.js';
import { type View, viewSchema } from '../common/view.js';
import { viewFault } from './views.js';

const FILE = 'registry.json';

/** A folder or file that cannot be used; the message is one line for a person. */
export class RegistryFileError extends Error {}

/** Where the newest view is kept. */
export interface ViewStore {
  save(view: View): Promise<void>;
}

/** Forgets: for an orchestrator without a data folder. */
export const noStore: ViewStore = { save: () => Promise.resolve() };

export class RegistryFile implements ViewStore {
  readonly #path: string;

  private constructor(folder: string) {
    this.#path = join(folder, FILE);
  }

  /**
   * Opens the folder, making it if need be.
   * @returns the file, and the view in it; null where there is none yet
   * @throws RegistryFileError
   */
  static async open(folder: string, cluster: string): Promise<{ file: RegistryFile; view: View | null }> {
    const file = new RegistryFile(folder);
    try {
      await mkdir(folder, { recursive: true });
    } catch (error) {
      throw new RegistryFileError(`cannot make the data folder ${folder}: ${codeOf(error)}`);
    }
    const view = await file.#load();
    if (view !== null && view.cluster !== cluster) {
      throw new RegistryFileError(
        `${file.#path} belongs to cluster ${view.cluster}, not ${cluster}; give --cluster ${view.cluster} or another --data`,
      );
    }
    return { file, view };
  }

  /** Calls must not overlap. */
  save(view: View): Promise<void> {
    return writeDurably(this.#path, JSON.stringify(view));
  }

  async #load(): Promise<View | null> {
    const text = await this.#read();
    if (text === null) return null;
    const view = viewSchema.safeParse(parse(text));
    const fault = view.success ? viewFault(view.data) : describe(view.error.issues[0]);
    if (fault === null) return view.data as View;
    throw new RegistryFileError(
      `${this.#path} is broken (${fault}); bring back a copy, or remove it to go on from what the peers know`,
    );
  }

  async #read(): Promise<string | null> {
    try {
      return await readIfThere(this.#path);
    } catch (error) {
      throw new RegistryFileError(`cannot read ${this.#path}: ${codeOf(error)}`);
    }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function describe(issue: { path: PropertyKey[]; message: string } | undefined): string {
  const where = issue?.path.join('.') ?? '';
  return where === '' ? 'not a view in JSON' : `${where}: ${issue?.message}`;
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
