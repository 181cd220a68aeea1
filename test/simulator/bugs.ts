/** Bugs that the simulator or a review found in the production code, each brought back as a mutant so that it stays found; and rules that the model does not have. */
import { aim, type Mutant, one } from './mutants.js';

const ALIGNMENT = 'peer/replication/alignment.js';
const LEARNING = 'peer/replication/learning.js';
const REBUILD = 'orchestrator/configuration/rebuild.js';

/** One a bug. */
export const BUGS: readonly Mutant[] = [
  {
    name: 'copy-without-count',
    rule: 'C2: how many keys there are comes with the copy',
    patches: one(LEARNING, 'partition.keyCount = message.keyCount;', ''),
    options: [],
    seeds: 100,
  },
  {
    name: 'bug-taught-as-another-process',
    rule: 'C1: what is taught is for the process that asked',
    patches: one(
      LEARNING,
      'return partition.config?.primary === from && message.inc === core.inc;',
      'return partition.config?.primary === from;',
    ),
    options: aim('slowlearn'),
    seeds: 300,
  },
  {
    name: 'bug-rebuild-of-nothing',
    rule: 'section 9: a newcomer that knows no map is not everybody',
    patches: [
      {
        file: REBUILD,
        find: 'const isBehind = this.#newestVer() < this.#shownVer &&',
        replace: 'const isBehind = this.#testimonies.size === 0 &&',
      },
      {
        file: REBUILD,
        find: '        if (!part)\n            return this.#silentPeers();',
        replace:
          '        if (!part)\n            return [...this.knownPeers().keys()].every((id) => this.#testimonies.has(id)) ? undefined : this.#silentPeers();',
      },
    ],
    options: aim('newcomer'),
    seeds: 100,
  },
  {
    name: 'bug-align-before-durable',
    rule: 'A1: ALIGN leaves when the new epoch is durable',
    patches: one(ALIGNMENT, 'core.send(peer, message, durable);', 'core.send(peer, message);'),
    options: aim('forgetfulsuccessor'),
    seeds: 300,
  },
  {
    name: 'bug-join-before-durable',
    rule: 'C1: JOIN speaks of what is durable',
    patches: one(
      LEARNING,
      'core.send(config.primary, message, learning.joinAfter);',
      'core.send(config.primary, message);',
    ),
    options: aim('hunglearner'),
    seeds: 300,
  },
  {
    name: 'bug-verdicts-outlive-a-stall',
    rule: 'E3: a handshake from before the orchestrator stood still is none',
    patches: [
      {
        file: 'orchestrator/configuration/manager.js',
        find: '        this.#noticeStall(nowMs);\n        switch (input.type)',
        replace: '        switch (input.type)',
      },
      {
        file: 'orchestrator/configuration/liveness.js',
        find: '        this.#stalledRound = this.#round;\n',
        replace: '',
      },
    ],
    options: aim('stalledjudge'),
    seeds: 300,
  },
  {
    name: 'bug-repeats-put-accusation-off',
    rule: 'E9: a member that acknowledges nothing is accused however often it is sent the same',
    patches: one(
      'peer/replication/streaming.js',
      'entries.length > 0 && progress.sent <= progress.acked',
      'entries.length > 0 && progress.next === progress.acked + 1',
    ),
    options: aim('hungdisk'),
    seeds: 100,
  },
  {
    name: 'bug-hung-primary-stays',
    rule: 'E9: a primary whose own disk hangs accuses itself',
    patches: one(
      'peer/replication/accusations.js',
      'if (owing && late(lead.selfProgressAtMs))',
      'if (false)',
    ),
    options: aim('hungdisk'),
    seeds: 100,
  },
  {
    name: 'damage-read-as-absent',
    rule: 'a damaged row is never served',
    patches: one(
      'peer/replication/mending.js',
      'noteDamage(core, partition, key);\n    return row;',
      'return undefined;\n    return row;',
    ),
    options: aim('damaged-rows'),
    seeds: 100,
  },
];
