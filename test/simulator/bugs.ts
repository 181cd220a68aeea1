/** Bugs that the simulator found in the production code, each brought back as a mutant so that it stays found. */
import { aim, type Mutant, one } from './mutants.js';

const LEARNING = 'peer/replication/learning.js';
const REBUILD = 'orchestrator/configuration/rebuild.js';

/** One a bug. */
export const BUGS: readonly Mutant[] = [
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
        find: '        if (waits || this.undecided().length > 0)\n',
        replace: '        if (this.#testimonies.size === 0 || this.undecided().length > 0)\n',
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
];
