/** A simulated orchestrator: the production manager and driver over a simulated registry, network and clock. */
import type { PlannedChange } from '../../common/control-messages.js';
import { ConfigurationManager } from '../../orchestrator/configuration/manager.js';
import { DEFAULT_LIMITS, managerTiming } from '../../orchestrator/configuration/settings.js';
import { OrchestratorDriver } from '../../orchestrator/driver.js';
import { Process } from './process.js';
import type { World } from './world.js';

/** Waits that are long for people's sake; a run has only a minute. */
const SHORT_WAITS = { repairAfterMs: 3000, maxCoolDownMs: 6000 } as const;
const TICK_MS = 100;
export const CLUSTER_ID = 'simulated';

export class SimulatedOrchestrator extends Process {
  /** The registry was put back from an old copy, and its keeper says so. */
  registerMayBeOld = false;
  private driver: OrchestratorDriver | undefined;

  constructor(
    id: string,
    private readonly world: World,
  ) {
    super(id, world.schedule, world.random, world.tuning.rateBound);
    world.network.attach(this);
  }

  /** Starts, or starts again. */
  start(): void {
    this.begin();
    const { tuning, registry, trace } = this.world;
    const manager = new ConfigurationManager(
      {
        clusterId: CLUSTER_ID,
        orchestratorId: this.id,
        partitionCount: tuning.partitions,
        replicationFactor: tuning.replicas,
        minInSync: tuning.minInSync,
        bootstrapPeers: tuning.peers,
        registerMayBeOld: this.registerMayBeOld,
        seeds: new Map(this.world.peers.map(({ id }) => [id, id])),
        timing: { ...managerTiming(tuning.detection), ...SHORT_WAITS },
        limits: DEFAULT_LIMITS,
        // Nothing of the protocol depends on the pace, and the more moves a run has the more it may find.
        pace: { restFactor: 0, maxRestMs: 0 },
      },
      this.clock(),
    );
    this.registerMayBeOld = false;
    const life = this.life;
    this.driver = new OrchestratorDriver(manager, registry.accessFor(this), {
      now: () => this.clock(),
      send: ({ to, envelope }) => {
        const peer = this.world.known(to);
        if (life !== this.life || peer === undefined) return;
        this.world.network.send(this.id, to, envelope.body.type, 'any', () => peer.receiveControl(envelope));
      },
      note: (note) => {
        this.world.noted(note.type);
        if (trace.loud) trace.say(this.schedule.now, this.id, JSON.stringify(note));
      },
    });
    this.tick();
  }

  /** Ends without a word. */
  kill(): void {
    this.driver?.stop();
    this.end();
  }

  /** What the production driver is given by the network. */
  receive(envelope: Parameters<OrchestratorDriver['receive']>[0]): void {
    this.driver?.receive(envelope);
  }

  /** An operator's wish. */
  change(change: PlannedChange): void {
    this.run(() =>
      this.driver?.change(change, (answer) => {
        const { trace } = this.world;
        if (trace.loud)
          trace.say(this.schedule.now, this.id, `${JSON.stringify(change)}: ${JSON.stringify(answer)}`);
      }),
    );
  }

  /** For messages about what went wrong. */
  describe(): string {
    if (!this.up || this.driver === undefined) return `${this.id} down`;
    const { phase, live, lost, undecided, moving } = this.driver.status();
    const parts = moving.map(({ partition }) => partition);
    return `${this.id} ${phase} live=${live} lost=${lost} undecided=${JSON.stringify(undecided)} moving=${parts}`;
  }

  private tick(): void {
    this.timer(TICK_MS, () => {
      this.driver?.tick();
      this.tick();
    });
  }
}
