/**
 * A peer without data, as an orchestrator sees it: it follows maps, says at once that what it leads is active, and that
 * whoever it is to teach has learned everything. A real peer would need a store and other peers; what is tested and
 * measured with it is what the orchestrator makes of it.
 */
import { type ClusterMap, emptyMap, mapVersion } from '../../common/configuration.js';
import type { OrchestratorMessage, ReportEnvelope, ReportMessage } from '../../common/control-messages.js';

export class FollowingPeer {
  inc = 1;
  storeId: string;
  map: ClusterMap | undefined;
  promised = 0;
  /** Whether it makes members of its learners. */
  teaching = true;

  constructor(
    readonly id: string,
    readonly addr: string,
  ) {
    this.storeId = `${id}-disk-1`;
  }

  report(body: ReportMessage): ReportEnvelope {
    const { id: from, inc: fromInc, storeId, addr } = this;
    return { clusterId: 'covey', from, fromInc, storeId, addr, ver: this.map?.ver ?? 0, body };
  }

  /** Takes a message; what there is to say to it. */
  obey(body: OrchestratorMessage): ReportMessage[] {
    switch (body.type) {
      case 'map':
        if (body.map.ver <= (this.map?.ver ?? 0) || body.map.ver < this.promised) return [];
        this.map = body.map;
        return this.teaching ? this.adds() : [];
      case 'query':
        this.promised = Math.max(this.promised, mapVersion(body.term, 0));
        return [{ type: 'state', term: body.term, map: this.map ?? emptyMap('covey') }];
      case 'ping':
        return [{ type: 'pong', n: body.n, active: this.active(), promised: this.promised }];
    }
  }

  /** The partitions that the map gives it to lead. */
  led(): number[] {
    return (this.map?.parts ?? []).flatMap((part, number) => (part?.primary === this.id ? [number] : []));
  }

  private active(): { partition: number; epoch: number }[] {
    const record = this.map?.peers.get(this.id);
    if (record?.inc !== this.inc || record.storeId !== this.storeId) return [];
    return this.led().map((partition) => ({ partition, epoch: this.map?.parts[partition]?.epoch ?? 0 }));
  }

  private adds(): ReportMessage[] {
    return this.led().flatMap((partition): ReportMessage[] => {
      const { epoch = 0, learners = [] } = this.map?.parts[partition] ?? {};
      return learners.flatMap((learner): ReportMessage[] => {
        const record = this.map?.peers.get(learner);
        if (record === undefined) return [];
        const { storeId: learnerStoreId, inc: learnerInc } = record;
        return [{ type: 'add', partition, epoch, learner, learnerStoreId, learnerInc }];
      });
    });
  }
}
