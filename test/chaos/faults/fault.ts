/** What a kind of fault is. */
import type { Cluster } from '../../../harness/cluster.js';
import type { Stage } from '../stage.js';

export interface Fault {
  readonly kind: string;
  /**
   * `beside`: may run while others do · `alone`: begins when no other is left · `whole`: also waits until every partition has
   * all its copies, because it takes away what the others then have to have. Once begun, others may come while it lasts,
   * unless it is `lasting`.
   */
  readonly when: 'beside' | 'alone' | 'whole';
  /** Nothing else happens while it lasts. */
  readonly lasting?: true;
  /** Why it cannot be had in this cluster; null: it can. */
  impossible(cluster: Cluster): string | null;
  /** Does it, and mends it; false where it could not begin. */
  inflict(stage: Stage): Promise<boolean>;
}

export const ALWAYS = (): null => null;
