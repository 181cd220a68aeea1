/**
 * Who is there, in words for people: drawn from what the manager knows.
 *
 * Invariant: an entry's time changes only with its status. It begins anew with every start of the orchestrator, which
 * cannot know what was before.
 */
import type { Roster, RosterEntry, Status } from '../common/roster.js';
import type { ManagerStatus } from './configuration/machine.js';

type Seen = Pick<ManagerStatus, 'map' | 'live'>;

export class RosterKeeper {
  #roster: Roster;
  #text: string;
  /** What was looked at last. */
  #seen: Seen | undefined;

  /** @param copies what the cluster is to have of every partition */
  constructor(copies: number) {
    this.#roster = { copies, peers: [] };
    this.#text = JSON.stringify(this.#roster);
  }

  get roster(): Roster {
    return this.#roster;
  }

  /** The roster as JSON. */
  get text(): string {
    return this.#text;
  }

  /** Looks at the cluster anew. Answers whether anything changed. */
  look(seen: Seen, wallMs: number): boolean {
    if (this.#seen !== undefined && isSame(seen, this.#seen)) return false;
    this.#seen = seen;
    return this.#draw(seen, wallMs);
  }

  #draw({ map, live }: Seen, wallMs: number): boolean {
    const isLive = new Set(live);
    const before = new Map(this.#roster.peers.map((entry) => [entry.id, entry]));
    const peers = [...map.peers].map(([id, { drain }]): RosterEntry => {
      const status: Status = isLive.has(id) ? (drain === undefined ? 'up' : 'leaving') : 'down';
      const known = before.get(id);
      return known?.status === status ? known : { id, status, sinceMs: Math.round(wallMs) };
    });
    const same = peers.length === before.size && peers.every((entry) => before.get(entry.id) === entry);
    if (same) return false;
    this.#roster = { ...this.#roster, peers };
    this.#text = JSON.stringify(this.#roster);
    return true;
  }
}

function isSame(a: Seen, b: Seen): boolean {
  return (
    a.map === b.map && a.live.length === b.live.length && a.live.every((id, place) => id === b.live[place])
  );
}
