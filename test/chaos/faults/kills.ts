/** Processes that end without a word, or stand still: kill -9 of one peer, of all at once, and SIGSTOP. */
import { ALWAYS, type Fault } from './fault.js';

/** One peer; often back at once, sometimes after its copies were made anew elsewhere. */
export const kill: Fault = {
  kind: 'kill',
  when: 'beside',
  impossible: ALWAYS,
  async inflict(stage) {
    const peer = stage.take();
    if (peer === undefined) return false;
    stage.log(`kill -9 ${peer.name}`);
    await peer.process.end('SIGKILL');
    await (stage.random.chance(0.7) ? stage.last(0, 5_000) : stage.last(10_000, 16_000));
    stage.log(`start ${peer.name}`);
    await stage.revive(peer);
    return true;
  },
};

/** All peers at once, and sometimes the orchestrator too. */
export const killAll: Fault = {
  kind: 'kill-all',
  when: 'alone',
  lasting: true,
  impossible: ALWAYS,
  async inflict(stage) {
    const { orchestrator, running } = stage.cluster;
    const all = stage.random.chance(0.5) ? [...running, orchestrator] : running;
    stage.log(`kill -9 of ${all.map(({ name }) => name).join(', ')}`);
    await Promise.all(all.map(({ process }) => process.end('SIGKILL')));
    await stage.last(0, 2_000);
    stage.log('start all');
    await Promise.all(all.map((member) => stage.revive(member)));
    return true;
  },
};

export const stop: Fault = {
  kind: 'stop',
  when: 'beside',
  impossible: ALWAYS,
  async inflict(stage) {
    const peer = stage.take();
    if (peer === undefined) return false;
    stage.log(`SIGSTOP ${peer.name}`);
    peer.process.freeze();
    await stage.last(500, 12_000);
    stage.log(`SIGCONT ${peer.name}`);
    peer.process.thaw();
    await stage.revive(peer);
    return true;
  },
};
