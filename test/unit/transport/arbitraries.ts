/**
 * Any message that peers may send one another. A field that a message gets is missed here by the compiler; one that
 * the codec does not carry, by the properties that use this.
 */
import fc, { type Arbitrary } from 'fast-check';
import type { ClusterMap, Drain, PartitionConfig, PeerRecord } from '../../../common/configuration.js';
import type {
  Append,
  Change,
  Condition,
  Delete,
  Done,
  Effect,
  Expire,
  Failed,
  Increment,
  Put,
  Result,
  SeenVersion,
  Transaction,
  Value,
  Version,
} from '../../../peer/replication/commands.js';
import type { Entry, IdempotencyTag, LiveRow, RequestTag, Row } from '../../../peer/replication/entry.js';
import type {
  KeyedRow,
  PeerMessage,
  SessionFloor,
  SessionImage,
  SessionResult,
  SessionsImage,
  TokenImage,
  WriteOutcome,
} from '../../../peer/replication/messages.js';
import type { PeerReply, PeerRequest } from '../../../peer/transport/messages.js';

/** One arbitrary for each field of T, whether it may be left out or not. */
type Model<T> = { readonly [K in keyof T]-?: Arbitrary<T[K]> };

/** Any T; `optional` are the fields that may be left out. */
function record<T>(model: Model<T>, optional: readonly (keyof T)[] = []): Arbitrary<T> {
  const requiredKeys = (Object.keys(model) as (keyof T)[]).filter((key) => !optional.includes(key));
  return fc.record(model as object, {
    requiredKeys: requiredKeys as never[],
    noNullPrototype: true,
  }) as Arbitrary<T>;
}

/** A variant of a union, told by `kind`. */
function kind<T extends { readonly kind: string }>(
  name: T['kind'],
  model: Model<Omit<T, 'kind'>>,
  optional: readonly (keyof Omit<T, 'kind'>)[] = [],
): Arbitrary<T> {
  return record<Omit<T, 'kind'>>(model, optional).map(
    (fields) => ({ kind: name, ...fields }) as unknown as T,
  );
}

type Of<T extends { readonly type: string }, N extends T['type']> = Extract<T, { readonly type: N }>;

function message<N extends PeerMessage['type']>(
  name: N,
  model: Model<Omit<Of<PeerMessage, N>, 'type'>>,
): Arbitrary<Of<PeerMessage, N>> {
  return record(model).map((fields) => ({ type: name, ...fields }) as unknown as Of<PeerMessage, N>);
}

const text: Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: 'binary-ascii', maxLength: 12 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 60 }) },
);
const bytes = fc.uint8Array({ maxLength: 300 }).map((array): Uint8Array => Buffer.from(array));
/** Any whole number, often one that takes more or less bytes than the one beside it. */
const whole = fc.oneof(
  fc.maxSafeNat(),
  fc.nat(1000),
  fc.nat(53).map((power) => 2 ** power - 1),
  fc.nat(52).map((power) => 2 ** power),
);
const word = fc.nat(0xffff_ffff);
const partition = fc.nat(255);
const ms = fc.oneof(whole, fc.double({ noNaN: true, noDefaultInfinity: true }));
const flag = fc.boolean();
const by = fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n });
const at = { partition, epoch: whole };
const few = { maxLength: 4 };

const value = record<Value>({ bytes, type: text });
const version = record<Version>({ epoch: whole, seq: whole });
const condition = fc.oneof(
  kind<Extract<Condition, { kind: 'absent' }>>('absent', {}),
  kind<Extract<Condition, { kind: 'present' }>>('present', {}),
  kind<Extract<Condition, { kind: 'version' }>>('version', { version }),
  kind<Extract<Condition, { kind: 'value' }>>('value', { bytes }),
);
const change: Arbitrary<Change> = fc.oneof(
  kind<Extract<Change, { kind: 'put' }>>('put', { key: text, value, expiresAtMs: ms }, ['expiresAtMs']),
  kind<Extract<Change, { kind: 'delete' }>>('delete', { key: text }),
);
const command = fc.oneof(
  kind<Put>('put', { key: text, value, ttlMs: ms, expiresAtMs: ms, condition }, [
    'ttlMs',
    'expiresAtMs',
    'condition',
  ]),
  kind<Delete>('delete', { key: text, condition }, ['condition']),
  kind<Expire>(
    'expire',
    { key: text, ttlMs: fc.option(ms, { nil: undefined }), expiresAtMs: ms, condition },
    ['expiresAtMs', 'condition'],
  ),
  kind<Increment>('increment', { key: text, by, condition }, ['condition']),
  kind<Append>('append', { key: text, bytes, type: text, maxBytes: whole, condition }, [
    'maxBytes',
    'condition',
  ]),
  kind<Transaction>('transaction', {
    reads: fc.array(record<SeenVersion>({ key: text, version: fc.option(version) }), few),
    changes: fc.array(change, few),
  }),
);
const result: Arbitrary<Result> = fc.oneof(
  kind<Done>('done', { version, existed: flag, number: by, length: whole }, ['number', 'length']),
  kind<Failed>('failed', {
    reason: fc.constantFrom('condition', 'not-found', 'not-an-integer', 'overflow', 'too-large'),
    actual: fc.option(version),
  }),
);
const effect: Arbitrary<Effect> = fc.oneof(
  kind<Extract<Effect, { kind: 'put' }>>('put', { value, expiresAtMs: ms }, ['expiresAtMs']),
  kind<Extract<Effect, { kind: 'delete' }>>('delete', {}),
  kind<Extract<Effect, { kind: 'none' }>>('none', {}),
  kind<Extract<Effect, { kind: 'several' }>>('several', {
    changes: fc.array(change, few).map((changes) => new Map(changes.map((each) => [each.key, each]))),
  }),
  kind<Extract<Effect, { kind: 'retire' }>>('retire', { peer: text, storeId: text, inc: whole }),
);
const tag = record<RequestTag>({ session: text, n: whole, fi: whole });
const idempotency = fc.option(record<IdempotencyTag>({ token: text, fingerprint: word }), { nil: undefined });

const entry = record<Entry>({
  seq: whole,
  epoch: whole,
  ts: ms,
  key: text,
  effect,
  result,
  request: fc.option(tag, { nil: undefined }),
  idempotency,
  checksum: word,
});
/** Entries with positions in a row. */
const run = fc
  .tuple(fc.nat(2 ** 40), fc.array(entry, few))
  .map(([first, entries]) => entries.map((each, n): Entry => ({ ...each, seq: first + n })));
const row = record<Row>({
  value: fc.option(value),
  epoch: whole,
  seq: whole,
  ts: ms,
  expiresAtMs: fc.option(ms, { nil: undefined }),
});

/** As it is given to who asks: its time is not over. */
const liveRow = fc
  .tuple(
    row,
    value,
    fc.option(
      ms.filter((time) => time > 0),
      { nil: undefined },
    ),
  )
  .map(([fields, value, expiresAtMs]): LiveRow => ({ ...fields, value, expiresAtMs }));

const drain = record<Drain>({
  scope: fc.constantFrom('duties', 'everything'),
  until: fc.constantFrom('restart', 'operator'),
});
/** Few, so that the same one is met again. */
const name = fc.oneof(fc.constantFrom('a', 'b', 'c'), text);
const names = fc.array(name, few);
const peerRecord = record<PeerRecord>({ storeId: name, inc: whole, addr: text, weight: ms, drain }, [
  'weight',
  'drain',
]);
const config = record<PartitionConfig>({
  epoch: whole,
  primary: name,
  members: fc.array(fc.tuple(name, name), few).map((pairs) => new Map(pairs)),
  learners: names,
  fence: names,
  active: flag,
  la: names,
});
const clusterMap: Arbitrary<ClusterMap> = record<ClusterMap>(
  {
    clusterId: text,
    ver: whole,
    peers: fc.array(fc.tuple(name, peerRecord), few).map((pairs) => new Map(pairs)),
    parts: fc.array(fc.option(config, { nil: undefined }), { maxLength: 6 }),
    minInSync: fc.nat(64),
  },
  ['minInSync'],
);

const remembered = record<SessionResult>({ n: whole, seq: whole, result });
const sessions = record<SessionsImage>({
  sessions: fc.array(
    record<SessionImage>({ session: text, fi: whole, results: fc.array(remembered, few) }),
    few,
  ),
  floors: fc.array(record<SessionFloor>({ peer: text, storeId: text, inc: whole }), few),
  tokens: fc.array(
    record<TokenImage>({ token: text, fingerprint: word, seq: whole, ts: ms, result: fc.option(result) }),
    few,
  ),
});

const writeOutcome: Arbitrary<WriteOutcome> = fc.oneof(
  kind<Extract<WriteOutcome, { kind: 'result' }>>('result', { result }),
  kind<Extract<WriteOutcome, { kind: 'refused' }>>('refused', {
    reason: fc.constantFrom(
      'not-primary',
      'overloaded',
      'starting',
      'unknown-session',
      'damaged',
      'too-few-copies',
    ),
  }),
  kind<Extract<WriteOutcome, { kind: 'maybe' }>>('maybe', {}),
  kind<Extract<WriteOutcome, { kind: 'conflict' }>>('conflict', {
    reason: fc.constantFrom('idempotency-key-expired', 'idempotency-key-reused'),
  }),
);

/** Any message of each type. */
export const messages: {
  readonly [N in PeerMessage['type']]: Arbitrary<Of<PeerMessage, N>>;
} = {
  map: message('map', { map: clusterMap }),
  pull: message('pull', {}),
  lreq: message('lreq', { t0: ms, holdMs: ms }),
  lgrant: message('lgrant', { t0: ms, inc: whole, holdMs: ms }),
  align: message('align', { ...at, com: whole, comChecksum: word, suffix: run }),
  align_ok: message('align_ok', { ...at, upto: whole }),
  prep: message('prep', { ...at, first: whole, entries: run, com: whole, comChecksum: word, gc: whole }),
  ack: message('ack', { ...at, upto: whole, gap: flag, com: whole, comChecksum: word }),
  fwd: message('fwd', { partition, tag, attempt: whole, command, idempotency }),
  fwd_r: message('fwd_r', { session: text, n: whole, attempt: whole, outcome: writeOutcome }),
  rfwd: message('rfwd', {
    id: whole,
    inc: whole,
    partition,
    key: text,
    consistency: fc.constantFrom('linearizable', 'strict', 'stale'),
  }),
  rfwd_r: message('rfwd_r', {
    id: whole,
    inc: whole,
    outcome: fc.oneof(
      fc.record({ kind: fc.constant('row' as const), row: fc.option(row), epoch: whole, com: whole }),
      fc.record({
        kind: fc.constant('refused' as const),
        reason: fc.constantFrom('not-member', 'not-leased', 'changing', 'timeout', 'overloaded', 'damaged'),
      }),
    ),
  }),
  mend: message('mend', { ...at, keys: fc.array(text, few) }),
  mend_r: message('mend_r', {
    ...at,
    com: whole,
    rows: fc.array(record<KeyedRow>({ key: text, row }), few),
    absent: fc.array(text, few),
  }),
  rseq: message('rseq', { ...at, id: whole, expired: fc.array(text, few) }),
  rseq_r: message('rseq_r', { ...at, id: whole, com: whole }),
  conf: message('conf', { ...at, id: whole, expired: fc.array(text, few) }),
  conf_r: message('conf_r', { ...at, id: whole, com: fc.oneof(fc.constant(-1), whole) }),
  join: message('join', { ...at, storeId: text, com: whole }),
  learn: message('learn', { ...at, inc: whole, from: whole, fromChecksum: word, entries: run, com: whole }),
  snap: message('snap', {
    ...at,
    inc: whole,
    id: whole,
    part: whole,
    rows: fc.array(record<KeyedRow>({ key: text, row }), few),
    entries: run,
  }),
  snap_ok: message('snap_ok', { ...at, id: whole, got: whole }),
  snap_end: message('snap_end', {
    ...at,
    inc: whole,
    id: whole,
    part: whole,
    s0: whole,
    s0Checksum: word,
    com: whole,
    keyCount: whole,
    sessions,
    entries: run,
  }),
  snap_done: message('snap_done', { ...at, id: whole, upto: whole }),
};

export const anyMessage: Arbitrary<PeerMessage> = fc.oneof(...Object.values(messages));

export const request: Arbitrary<PeerRequest> = fc.oneof(
  fc.record({
    type: fc.constant('list' as const),
    partitions: fc.array(partition),
    prefix: text,
    after: text,
    limit: whole,
  }),
  fc.record({ type: fc.constant('count' as const), partitions: fc.array(partition) }),
  fc.record({ type: fc.constant('inspect' as const), key: text }),
  fc.record({ type: fc.constant('read' as const), keys: fc.array(text) }),
);

export const reply: Arbitrary<PeerReply> = fc.oneof(
  fc.record({ type: fc.constant('listed' as const), keys: fc.array(text), refused: fc.array(partition) }),
  fc.record({ type: fc.constant('counted' as const), keys: whole, refused: fc.array(partition) }),
  fc.record({ type: fc.constant('inspected' as const), holds: flag, version: fc.option(version) }),
  fc.record({
    type: fc.constant('rows' as const),
    rows: fc.array(fc.oneof(liveRow, fc.constant(null), fc.constant(undefined))),
  }),
);
