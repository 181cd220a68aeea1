/** Three peers and three nodes of etcd on the same cores and the same disk, both flushing before they answer. */
import { fill } from '../load/filling.js';
import type { Distribution } from '../load/keys.js';
import { COVEY, type Dialect, ETCD, keyNames, letters, type Mix, makeLoad } from '../load/requests.js';
import { wrkRounds } from '../load/wrk.js';
import type { Side } from '../measuring/contest.js';
import { type Server, startEtcd } from '../servers/others.js';
import type { CoveyCluster, Workshop } from '../workshop.js';

const MEMBERS = 3;

/** What both sides are asked over HTTP. */
export interface HttpCase {
  readonly mix: Mix;
  readonly distribution: Distribution;
  readonly keys: number;
  readonly valueBytes: number;
  readonly connections: number;
  readonly seconds: number;
  readonly threadEach?: 'address' | 'connection';
}

export class Trio {
  private constructor(
    private readonly workshop: Workshop,
    readonly covey: CoveyCluster,
    readonly etcd: Server,
  ) {}

  static async start(workshop: Workshop): Promise<Trio> {
    const cores = workshop.allCores;
    const covey = await workshop.cluster({ peers: MEMBERS, copies: MEMBERS, durability: 'flush' }, cores);
    return new Trio(workshop, covey, await startEtcd(workshop, MEMBERS, cores));
  }

  /** Stores the keys on both sides, and makes the sides of a contest over HTTP. */
  async sides(what: HttpCase): Promise<readonly [etcd: Side, covey: Side]> {
    const keys = keyNames(what.keys);
    const value = letters(what.valueBytes);
    await fill(this.etcd.addresses[0] as string, ETCD, keys, value);
    await fill(this.covey.http[0] as string, COVEY, keys, value);
    const side = (name: string, dialect: Dialect, pids: readonly number[], addresses: readonly string[]) => ({
      name,
      pids,
      round: wrkRounds(this.workshop, {
        ...what,
        addresses,
        load: makeLoad(dialect, keys, what.valueBytes, what.mix, what.distribution),
        cores: this.workshop.allCores,
      }),
    });
    return [
      side('etcd', ETCD, this.etcd.pids, this.etcd.addresses),
      side('Covey', COVEY, this.covey.pids, this.covey.http),
    ];
  }
}
