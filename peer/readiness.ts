/**
 * Whether this peer may serve, in words for a person.
 *
 * Invariant: after a start it is ready only once its own share is there again, so that an operator who restarts peers one
 * after another and waits for each never takes away two copies of anything.
 */
import type { ClusterMap } from '../common/configuration.js';
import { allUp, type Roster } from '../common/roster.js';
import type { Check } from './gateway/store.js';
import type { Replica } from './replica.js';

export interface ReadinessParts {
  readonly replica: Pick<Replica, 'map' | 'status'>;
  readonly id: string;
  readonly storeId: string;
  readonly inc: number;
  /** What the orchestrator last said of everybody; null before it said anything. */
  roster(): Roster | null;
}

export class Readiness {
  /** The share was there, once since the start: from then on a copy that moves is no reason to be not ready. */
  private wasComplete = false;
  private isStopping = false;

  constructor(private readonly parts: ReadinessParts) {}

  /** From here on it is never ready. */
  stopping(): void {
    this.isStopping = true;
  }

  /** Each condition by name. */
  checks(): readonly Check[] {
    const { map } = this.parts.replica;
    return [this.running(), this.registered(map), owners(map), this.data(map), this.leases(map)];
  }

  /** Whether the map names this process. */
  isMember(): boolean {
    const { id, storeId, inc, replica } = this.parts;
    const record = replica.map.peers.get(id);
    return record?.storeId === storeId && record.inc === inc;
  }

  private running(): Check {
    return { name: 'running', ok: !this.isStopping, detail: this.isStopping ? 'it stops' : 'it runs' };
  }

  private registered({ clusterId }: ClusterMap): Check {
    const ok = this.isMember();
    return {
      name: 'registered',
      ok,
      detail: ok ? `member of ${clusterId}` : 'the orchestrator has not taken this process in yet',
    };
  }

  /** Copies that this peer is being given, and, while everybody is there, copies that are still missing anywhere. */
  private data({ parts, peers }: ClusterMap): Check {
    const { id } = this.parts;
    const roster = this.parts.roster();
    const holders = [...peers.values()].filter(({ weight = 1 }) => weight > 0);
    const wanted = Math.min(roster?.copies ?? 1, holders.length);
    const short = parts.filter((part) => part !== undefined && part.members.size < wanted).length;
    const joining = parts.filter((part) => part?.learners.includes(id)).length;
    const mine = parts.filter((part) => part?.members.has(id)).length;
    const isComplete = roster !== null && joining === 0 && (short === 0 || !allUp(roster));
    this.wasComplete ||= isComplete && this.isMember();
    return {
      name: 'data',
      ok: this.wasComplete,
      detail: `${mine} partitions here, ${joining} more on their way, ${short} anywhere short of copies`,
    };
  }

  private leases({ parts }: ClusterMap): Check {
    const { id, replica } = this.parts;
    const mine = parts.flatMap((part, partition) => (part?.members.has(id) ? [partition] : []));
    const silent = mine.filter((partition) => replica.status(partition)?.readable !== true).length;
    return {
      name: 'leases',
      ok: mine.length === 0 || silent < mine.length,
      detail:
        silent === 0
          ? 'all held'
          : `${silent} of ${mine.length} partitions wait for a member that does not answer`,
    };
  }
}

function owners({ ver, parts }: ClusterMap): Check {
  const unowned = parts.filter((part) => part === undefined).length;
  const ok = parts.length > 0 && unowned === 0;
  return {
    name: 'owners',
    ok,
    detail: ok ? `map ${ver}` : 'the cluster has not been created yet: the orchestrator waits for more peers',
  };
}
