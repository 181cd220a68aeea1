/** The faults that are drawn once a seed: how many messages are lost, late, doubled and overtaken, and which suffer most. */
import type { Swarm } from './faults.js';
import type { World } from './world.js';

/** Kinds of messages that may be hurt far more than others. */
export const MESSAGE_KINDS = [
  'map',
  'pull',
  'lreq',
  'lgrant',
  'align',
  'align_ok',
  'prep',
  'ack',
  'fwd',
  'fwd_r',
  'rfwd',
  'rfwd_r',
  'rseq',
  'rseq_r',
  'conf',
  'conf_r',
  'join',
  'learn',
  'snap',
  'snap_ok',
  'snap_end',
  'snap_done',
  'ping',
  'pong',
  'add',
  'accuse',
  'register',
  'query',
  'state',
] as const;

/** Sets the weather of a seed. */
export function drawWeather(world: World, { weather }: Swarm): void {
  const { random, network } = world;
  network.weather = {
    loss: weather.has('loss') ? random.integer(1, 8) / 100 : 0,
    lateness: weather.has('delay') ? random.integer(1, 5) / 100 : 0,
    duplication: weather.has('duplication') ? random.integer(1, 4) / 100 : 0,
    reordering: weather.has('reordering') ? random.integer(2, 30) / 100 : 0,
  };
  if (weather.has('hurt-kind')) {
    for (let i = random.integer(1, 2); i > 0; i -= 1) {
      network.hurt.set(random.pick(MESSAGE_KINDS), {
        share: random.integer(10, 60) / 100,
        lose: random.chance(0.5),
        lateMs: random.pick([300, 1500, 6000]),
      });
    }
  }
  if (weather.has('clock-rate')) world.count('clock-rate');
  world.registry.unknownShare = world.tuning.doubt;
  if (world.tuning.doubt > 0) world.count('registry-unknown');
}
