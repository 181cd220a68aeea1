/** Writes, their results, and what both are made of, as they stand in `peer.proto`. */
import type {
  Change,
  Command,
  Condition,
  Expire,
  FailureReason,
  Put,
  Result,
  SeenVersion,
  Value,
  Version,
  Write,
} from '../replication/commands.js';
import type { FieldReader } from './field-reader.js';
import { type Form, Names } from './form.js';

const COMMANDS = new Names<Write['kind']>({
  put: 1,
  delete: 2,
  expire: 3,
  increment: 4,
  append: 5,
  transaction: 6,
});
const CONDITIONS = new Names<Condition['kind']>({ absent: 1, present: 2, version: 3, value: 4 });
const REASONS = new Names<FailureReason>({
  condition: 1,
  'not-found': 2,
  'not-an-integer': 3,
  overflow: 4,
  'too-large': 5,
});

export const valueForm: Form<Value> = {
  write(w, value) {
    w.bytes(1, value.bytes);
    w.text(2, value.type);
  },
  read: (r) => ({ bytes: r.bytes(1), type: r.text(2) }),
};

export const versionForm: Form<Version> = {
  write(w, version) {
    w.whole(1, version.epoch);
    w.whole(2, version.seq);
  },
  read: (r) => ({ epoch: r.whole(1), seq: r.whole(2) }),
};

const conditionForm: Form<Condition> = {
  write(w, condition) {
    w.whole(1, CONDITIONS.numberOf(condition.kind));
    if (condition.kind === 'version') w.message(2, versionForm, condition.version);
    if (condition.kind === 'value') w.bytes(3, condition.bytes);
  },
  read(r) {
    const kind = CONDITIONS.nameOf(r.whole(1));
    switch (kind) {
      case 'version':
        return { kind, version: r.message(2, versionForm) };
      case 'value':
        return { kind, bytes: r.bytes(3) };
      case 'absent':
      case 'present':
        return { kind };
    }
  },
};

const seenForm: Form<SeenVersion> = {
  write(w, { key, version }) {
    w.text(1, key);
    w.maybe(2, versionForm, version ?? undefined);
  },
  read: (r) => ({ key: r.text(1), version: r.maybe(2, versionForm) ?? null }),
};

export const changeForm: Form<Change> = {
  write(w, change) {
    w.text(1, change.key);
    if (change.kind === 'delete') return;
    w.message(2, valueForm, change.value);
    w.maybeReal(3, change.expiresAtMs);
  },
  read(r) {
    const key = r.text(1);
    const value = r.maybe(2, valueForm);
    if (value === undefined) return { kind: 'delete', key };
    const expiresAtMs = r.maybeReal(3);
    return { kind: 'put', key, value, ...(expiresAtMs === undefined ? {} : { expiresAtMs }) };
  },
};

export const writeForm: Form<Write> = {
  write(w, command) {
    w.whole(1, COMMANDS.numberOf(command.kind));
    if (command.kind === 'transaction') {
      w.messages(8, seenForm, command.reads);
      w.messages(9, changeForm, command.changes);
      return;
    }
    w.text(2, command.key);
    w.maybe(3, conditionForm, command.condition);
    switch (command.kind) {
      case 'put':
        w.message(4, valueForm, command.value);
        w.maybeReal(5, command.ttlMs);
        w.maybeReal(7, command.expiresAtMs);
        break;
      case 'append':
        w.message(4, valueForm, command);
        w.maybeWhole(10, command.maxBytes);
        break;
      case 'expire':
        w.maybeReal(5, command.ttlMs);
        w.maybeReal(7, command.expiresAtMs);
        break;
      case 'increment':
        w.text(6, `${command.by}`);
        break;
      case 'delete':
        break;
    }
  },
  read(r) {
    const kind = COMMANDS.nameOf(r.whole(1));
    if (kind === 'transaction') {
      return { kind, reads: r.messages(8, seenForm), changes: r.messages(9, changeForm) };
    }
    const key = r.text(2);
    const condition = r.maybe(3, conditionForm);
    const command = readCommand(r, kind, key);
    return condition === undefined ? command : { ...command, condition };
  },
};

function readCommand(r: FieldReader, kind: Command['kind'], key: string): Command {
  switch (kind) {
    case 'put': {
      const value = r.message(4, valueForm);
      const ttlMs = r.maybeReal(5);
      const put = ttlMs === undefined ? ({ kind, key, value } as const) : { kind, key, value, ttlMs };
      return withMoment(put, r.maybeReal(7));
    }
    case 'append': {
      const { bytes, type } = r.message(4, valueForm);
      const maxBytes = r.maybeWhole(10);
      return { kind, key, bytes, type, ...(maxBytes === undefined ? {} : { maxBytes }) };
    }
    case 'expire':
      return withMoment({ kind, key, ttlMs: r.maybeReal(5) }, r.maybeReal(7));
    case 'increment':
      return { kind, key, by: BigInt(r.text(6)) };
    case 'delete':
      return { kind, key };
  }
}

function withMoment<Timed extends Put | Expire>(command: Timed, expiresAtMs: number | undefined): Timed {
  return expiresAtMs === undefined ? command : { ...command, expiresAtMs };
}

export const resultForm: Form<Result> = {
  write(w, result) {
    if (result.kind === 'failed') {
      w.whole(1, REASONS.numberOf(result.reason));
      w.maybe(2, versionForm, result.actual ?? undefined);
      return;
    }
    w.message(2, versionForm, result.version);
    w.flag(3, result.existed);
    if (result.number !== undefined) w.text(4, `${result.number}`);
    w.maybeWhole(5, result.length);
  },
  read(r) {
    const reason = r.whole(1);
    if (reason !== 0) {
      return { kind: 'failed', reason: REASONS.nameOf(reason), actual: r.maybe(2, versionForm) ?? null };
    }
    const done = { kind: 'done', version: r.message(2, versionForm), existed: r.flag(3) } as const;
    const number = r.maybeText(4);
    const length = r.maybeWhole(5);
    if (number === undefined && length === undefined) return done;
    return {
      ...done,
      ...(number === undefined ? {} : { number: BigInt(number) }),
      ...(length === undefined ? {} : { length }),
    };
  },
};
