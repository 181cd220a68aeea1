/** The orchestrator: killed for a while, and its registry lost. */
import { ALWAYS, type Fault } from './fault.js';

export const orchestratorKilled: Fault = {
  kind: 'orchestrator-killed',
  when: 'beside',
  impossible: ALWAYS,
  async inflict(stage) {
    if (!stage.takeOrchestrator()) return false;
    const { orchestrator } = stage.cluster;
    stage.log('kill -9 of the orchestrator');
    await orchestrator.process.end('SIGKILL');
    await stage.last(1_000, 20_000);
    stage.log('start the orchestrator');
    await stage.revive(orchestrator);
    return true;
  },
};

/**
 * The registry is gone for good: it has to be rebuilt from the peers. It begins with all copies there, since a registry
 * cannot be rebuilt while a member of the newest configuration is gone for good (a wiped disk): then it waits, rightly.
 */
export const registryDeleted: Fault = {
  kind: 'registry-deleted',
  when: 'whole',
  lasting: true,
  impossible: ALWAYS,
  async inflict(stage) {
    if (!stage.takeOrchestrator()) return false;
    const { orchestrator } = stage.cluster;
    stage.log('kill -9 of the orchestrator, its data deleted');
    await orchestrator.process.end('SIGKILL');
    stage.cluster.wipe(orchestrator);
    await stage.last(0, 3_000);
    stage.log('start the orchestrator with nothing');
    await stage.revive(orchestrator);
    await stage.whole();
    return true;
  },
};
