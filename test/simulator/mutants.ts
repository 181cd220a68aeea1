/**
 * The rules of the protocol, each switched off once. The names are those of the specification's own model; the texts
 * are those of the compiled core, and a text that is gone makes the run fail loudly.
 */
import type { Patch } from './mutant-tree.js';

export interface Mutant {
  readonly name: string;
  /** The rule of the specification that it breaks. */
  readonly rule: string;
  readonly patches: readonly Patch[];
  /** The faults that aim at it; none: each seed's own mix. */
  readonly options: readonly string[];
  /** Seeds within which it must be found. */
  readonly seeds: number;
}

const ALIGNMENT = 'peer/replication/alignment.js';
const COMMIT = 'peer/replication/commit.js';
const CONFIGURATION = 'peer/replication/configuration.js';
const LEASES = 'peer/replication/leases.js';
const LEARNING = 'peer/replication/learning.js';
const READS = 'peer/replication/reads.js';
const TEACHING = 'peer/replication/teaching.js';
const WRITES = 'peer/replication/writes.js';
const GATEWAY_WRITES = 'peer/requests/writes.js';
const DRAFT = 'orchestrator/configuration/draft.js';
const REGISTRATION = 'orchestrator/configuration/registration.js';

/** A mutant that is one replacement. */
export const one = (file: string, find: string, replace: string): readonly Patch[] => [
  { file, find, replace },
];
/** The options of an aimed run. */
export const aim = (name: string): readonly string[] => ['--fault', name];

/** One mutant a rule, in the order of the specification's table. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: 'promote-drops-uncommitted',
    rule: 'A1',
    patches: one(
      ALIGNMENT,
      '    const { log, com, prep } = partition;\n    const suffix',
      '    truncate(core, partition, partition.com);\n    const { log, com, prep } = partition;\n    const suffix',
    ),
    options: [],
    seeds: 200,
  },
  {
    name: 'align-keeps-suffix',
    rule: 'A2',
    patches: one(
      ALIGNMENT,
      'truncate(core, partition, keep + agreeing(partition, message.suffix, keep));',
      '',
    ),
    options: [],
    seeds: 200,
  },
  {
    name: 'realign-truncates',
    rule: 'A2',
    patches: one(ALIGNMENT, 'if (partition.alignedEpoch !== epoch)', 'if (true)'),
    options: [],
    seeds: 200,
  },
  {
    name: 'add-without-pending-acks',
    rule: 'C3',
    patches: one(COMMIT, 'if (lead.addPending !== undefined)', 'if (false)'),
    options: [],
    seeds: 300,
  },
  {
    name: 'restart-keeps-epoch',
    rule: 'E6',
    patches: [
      {
        file: REGISTRATION,
        find: 'if (part.members.get(id) === storeId) {',
        replace: 'if (false) {',
      },
      {
        file: CONFIGURATION,
        find: 'return core.map.peers.get(core.me)?.inc === core.inc;',
        replace: 'return true;',
      },
    ],
    options: [],
    seeds: 200,
  },
  {
    name: 'ack-before-durable',
    rule: 'W3',
    patches: one(
      'peer/replication/streaming.js',
      "{ type: 'ack', partition: partition.number, epoch, ...position }, core.out.barrier()",
      "{ type: 'ack', partition: partition.number, epoch, ...position }, (core.out.barrier(), 0)",
    ),
    options: [],
    seeds: 200,
  },
  {
    name: 'no-fence',
    rule: 'A3 c',
    patches: one(ALIGNMENT, 'for (const peer of partition.config?.fence ?? [])', 'for (const peer of [])'),
    options: [],
    seeds: 200,
  },
  {
    name: 'lease-from-receipt',
    rule: 'L1',
    patches: one(LEASES, 'const until = message.t0 + ', 'const until = core.leaseMs + '),
    options: aim('slowgrant'),
    seeds: 300,
  },
  {
    name: 'snapshot-keeps-old-keys',
    rule: 'C2',
    patches: one(
      LEARNING,
      'learning.incoming = { id, rows,',
      'for (const old of partition.rows.range(undefined, { rows: 1e9, bytes: 1e9 }).rows) rows.put(old.key, old.row);\n    learning.incoming = { id, rows,',
    ),
    options: [],
    seeds: 300,
  },
  {
    name: 'snapshot-without-dedup',
    rule: 'D3',
    patches: one(
      TEACHING,
      'sessions: partition.sessions.image()',
      'sessions: { sessions: [], floors: [], tokens: [] }',
    ),
    options: [],
    seeds: 300,
  },
  {
    name: 'new-id-on-retry',
    rule: 'D1',
    patches: [
      { file: GATEWAY_WRITES, find: '#tagOf({ n, call }) {', replace: '#tagOf({ n, call, attempt }) {' },
      {
        file: GATEWAY_WRITES,
        find: 'n, fi: this.#openOf(call.partition).first?.n ?? n };',
        replace: 'n: n * 64 + attempt, fi: 0 };',
      },
      {
        file: 'peer/requests/gateway.js',
        find: 'this.#writes.heard(nowMs, message.n,',
        replace: 'this.#writes.heard(nowMs, Math.floor(message.n / 64),',
      },
    ],
    options: [],
    seeds: 200,
  },
  {
    name: 'zombies-run',
    rule: 'D2',
    patches: one(WRITES, 'return n < fi;', 'return false && n < fi;'),
    options: [],
    seeds: 200,
  },
  {
    name: 'mismatch-unlogged',
    rule: 'W1',
    patches: one(
      WRITES,
      'const entry = append(core, partition, {',
      `if (judgement.result.kind === 'failed') {
        core.answerWrite(origin, { kind: 'result', result: judgement.result });
        return;
    }
    const entry = append(core, partition, {`,
    ),
    options: [],
    seeds: 200,
  },
  {
    name: 'read-prepared',
    rule: 'R3',
    patches: one(
      READS,
      '    if (!isActive && partition.dirty.has(key))',
      `    if (!isActive && partition.dirty.has(key)) {
        const { effect: all, epoch, seq, ts } = partition.log.at(partition.dirty.get(key));
        const effect = all.kind === 'several' ? all.changes.get(key) : all;
        const newest = effect.kind === 'put' ? { value: effect.value, epoch, seq, ts, expiresAtMs: undefined } : null;
        return { kind: 'row', row: newest, epoch: partition.epoch, com: partition.com };
    }
    if (!isActive && partition.dirty.has(key))`,
    ),
    options: [],
    seeds: 200,
  },
  {
    name: 'dirty-read-old',
    rule: 'R3',
    patches: one(READS, 'if (!isActive && partition.dirty.has(key))', 'if (false)'),
    options: [],
    seeds: 200,
  },
  {
    name: 'timeout-means-failed',
    rule: 'D5',
    patches: one(GATEWAY_WRITES, '        if (write.pending.length === 0)\n', '        if (true)\n'),
    options: [],
    seeds: 200,
  },
  {
    name: 'wiped-is-member',
    rule: 'E2, E7',
    patches: [
      {
        file: CONFIGURATION,
        find: 'return config.members.get(core.me) === core.storeId;',
        replace: 'return config.members.has(core.me);',
      },
      {
        file: 'orchestrator/configuration/situation.js',
        find: 'return storeId !== undefined && draft.peers.get(id)?.storeId === storeId;',
        replace: 'return storeId !== undefined;',
      },
      {
        file: REGISTRATION,
        find: 'if (part.members.get(id) === storeId) {',
        replace: 'if (part.members.has(id)) {',
      },
    ],
    options: aim('wiped-disk'),
    seeds: 200,
  },
  {
    name: 'shrink-without-handshake',
    rule: 'E3',
    patches: one(
      'orchestrator/configuration/removal.js',
      'if (!allAnsweredAfter(situation, survivors, loss.round)) {',
      'if (false) {',
    ),
    options: [...aim('wipedsurvivor'), '--peers', '2'],
    seeds: 300,
  },
  {
    name: 'no-drift-margin',
    rule: 'L4',
    patches: one(
      'peer/replication/settings.js',
      'return Math.ceil((holdMs * (1 + rho)) / (1 - rho)) + 1;',
      'return holdMs;',
    ),
    options: aim('drift'),
    seeds: 300,
  },
  {
    name: 'lease-without-version',
    rule: 'L3',
    patches: one(LEASES, ' || envelope.ver > core.map.ver ||', ' ||'),
    options: aim('gateless'),
    seeds: 200,
  },
  {
    name: 'amnesia-of-grants',
    rule: 'L2',
    patches: one(
      'peer/replication/core.js',
      'this.oldGrantsOverMs = nowMs + leaseGrantMs(settings.maxLeaseHoldMs, settings);',
      'this.oldGrantsOverMs = -1e9;',
    ),
    options: aim('amnesia'),
    seeds: 300,
  },
  {
    name: 'old-epoch-acks',
    rule: 'W4',
    patches: one(
      'peer/replication/node.js',
      '        if (message.epoch < epoch) {',
      "        if (message.epoch < epoch && message.type !== 'ack') {",
    ),
    options: aim('flipflop'),
    seeds: 700,
  },
  {
    name: 'rebuild-from-any',
    rule: 'section 9',
    patches: one(
      'orchestrator/configuration/rebuild.js',
      'if (missing.length === 0 || everybody)',
      'if (this.#testimonies.size >= 2)',
    ),
    options: aim('lostregistry'),
    seeds: 100,
  },
  {
    name: 'learner-change-keeps-epoch',
    rule: 'E8',
    patches: [
      { file: DRAFT, find: '            lostLearner ||\n', replace: '' },
      {
        file: TEACHING,
        find: 'if (!wanted && peer !== lead.addPending)',
        replace:
          'if (!wanted && peer === lead.addPending)\n            lead.addPending = undefined;\n        if (!wanted)',
      },
      {
        file: CONFIGURATION,
        find: "    if (partition.role === 'none' && config.learners.includes(core.me))",
        replace:
          "    if (partition.role === 'learner' && !config.learners.includes(core.me))\n        leaveEpoch(core, partition);\n    if (partition.role === 'none' && config.learners.includes(core.me))",
      },
    ],
    options: aim('hungadd'),
    seeds: 300,
  },
  {
    name: 'coalesce-inflight',
    rule: 'R3',
    patches: one(
      READS,
      '    if (partition.asking.length > 0) {\n        ask(',
      `    for (const question of partition.questions.values()) {
        if (question.kind === 'rseq') question.reads.push(...partition.asking.splice(0));
    }
    if (partition.asking.length > 0) {
        ask(`,
    ),
    options: aim('slowrseq'),
    seeds: 300,
  },
  {
    name: 'successor-from-pending-add',
    rule: 'E4',
    patches: [
      {
        file: 'orchestrator/configuration/leadership.js',
        find: 'filter((id) => part.la.includes(id));',
        replace: 'filter(() => true);',
      },
      {
        file: DRAFT,
        find: "    assert(part.la.includes(part.primary), 'the primary was in the last active configuration (E4)', partition);\n",
        replace: '',
      },
    ],
    options: aim('addrace'),
    seeds: 300,
  },
];
