/**
 * Where the processes of a test cluster live, and what can happen to the way between them.
 *
 * Invariants: whatever hurts the network is undone by the function that hurting it returned, once and in any order, so that
 * faults may overlap; `heal` undoes all of it; `close` removes everything that was made. Clients are never hurt: what is
 * tested is the cluster, and clients have to reach the peers that are cut off to see what these say.
 */

/** Where one process listens and how others reach it. */
export interface Site {
  readonly name: string;
  /** What the process binds; clients of the test reach it here. */
  readonly bind: string;
  /** What others are told. */
  readonly advertise: string;
  readonly port: number;
  readonly peerPort: number;
  /** Stands in front of the command that starts the process. */
  readonly prefix: readonly string[];
}

/** Ends what was begun; calling it again does nothing. */
export type Undo = () => Promise<void>;

export interface Network {
  readonly kind: 'namespaces' | 'relay' | 'plain';
  /** Makes the place of a process, or finds the one it has. */
  site(name: string, port: number): Promise<Site>;
  /** Tells who runs there, once it runs (the relay needs it to know who dials). */
  inhabited(name: string, pid: number): void;
  /** What `from` sends no longer reaches `to`; the other direction is as it was. */
  cut(from: string, to: string): Promise<Undo>;
  /** A share of what the others send to `name` is lost, 0 to 1. */
  lose(name: string, share: number): Promise<Undo>;
  /** What the two peers send each other arrives so much later. Connections they have are broken once. */
  delay(a: string, b: string, delayMs: number): Promise<Undo>;
  /** Undoes all that hurts. */
  heal(): Promise<void>;
  /** Removes all that was made. The processes must have ended. */
  close(): Promise<void>;
}

/** Undoes at most once. */
export function once(undo: Undo): Undo {
  let done: Promise<void> | undefined;
  return () => {
    done ??= undo();
    return done;
  };
}
