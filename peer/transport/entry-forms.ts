/**
 * Entries of the log, rows, and what deduplication knows, as they stand in `peer.proto`.
 *
 * Invariant: entries that stand in a row in a message have positions in a row; a message of which that is not true
 * is refused here, since a log with a gap ends the process.
 */
import type { Effect } from '../replication/commands.js';
import type { Entry, IdempotencyTag, RequestTag, Row } from '../replication/entry.js';
import type {
  KeyedRow,
  SessionFloor,
  SessionImage,
  SessionResult,
  SessionsImage,
  TokenImage,
} from '../replication/messages.js';
import { changeForm, resultForm, valueForm } from './command-forms.js';
import type { FieldReader } from './field-reader.js';
import { type Form, Names } from './form.js';

const EFFECTS = new Names<Effect['kind']>({ none: 1, put: 2, delete: 3, retire: 4, several: 5 });

export const requestTagForm: Form<RequestTag> = {
  write(w, tag) {
    w.text(1, tag.session);
    w.whole(2, tag.n);
    w.whole(3, tag.fi);
  },
  read: (r) => ({ session: r.text(1), n: r.whole(2), fi: r.whole(3) }),
};

export const idempotencyTagForm: Form<IdempotencyTag> = {
  write(w, tag) {
    w.text(1, tag.token);
    w.word(2, tag.fingerprint);
  },
  read: (r) => ({ token: r.text(1), fingerprint: r.word(2) }),
};

const effectForm: Form<Effect> = {
  write(w, effect) {
    w.whole(1, EFFECTS.numberOf(effect.kind));
    if (effect.kind === 'put') {
      w.message(2, valueForm, effect.value);
      w.maybeReal(3, effect.expiresAtMs);
    } else if (effect.kind === 'retire') {
      w.text(4, effect.peer);
      w.text(5, effect.storeId);
      w.whole(6, effect.inc);
    } else if (effect.kind === 'several') {
      w.messages(7, changeForm, effect.changes.values());
    }
  },
  read(r) {
    const kind = EFFECTS.nameOf(r.whole(1));
    switch (kind) {
      case 'put': {
        const value = r.message(2, valueForm);
        const expiresAtMs = r.maybeReal(3);
        return expiresAtMs === undefined ? { kind, value } : { kind, value, expiresAtMs };
      }
      case 'retire':
        return { kind, peer: r.text(4), storeId: r.text(5), inc: r.whole(6) };
      case 'several':
        return { kind, changes: new Map(r.messages(7, changeForm).map((change) => [change.key, change])) };
      case 'none':
      case 'delete':
        return { kind };
    }
  },
};

export const entryForm: Form<Entry> = {
  write(w, entry) {
    w.whole(1, entry.seq);
    w.whole(2, entry.epoch);
    w.real(3, entry.ts);
    w.text(4, entry.key);
    w.message(5, effectForm, entry.effect);
    w.message(6, resultForm, entry.result);
    w.maybe(7, requestTagForm, entry.request);
    w.maybe(8, idempotencyTagForm, entry.idempotency);
    w.word(9, entry.checksum);
  },
  read: (r) => ({
    seq: r.whole(1),
    epoch: r.whole(2),
    ts: r.real(3),
    key: r.text(4),
    effect: r.message(5, effectForm),
    result: r.message(6, resultForm),
    request: r.maybe(7, requestTagForm),
    idempotency: r.maybe(8, idempotencyTagForm),
    checksum: r.word(9),
  }),
};

/** Entries with positions in a row. */
export function readRun(r: FieldReader, field: number): Entry[] {
  const entries = r.messages(field, entryForm);
  for (let at = 1; at < entries.length; at++) {
    const { seq } = entries[at] as Entry;
    const before = (entries[at - 1] as Entry).seq;
    if (seq !== before + 1) throw new RangeError(`entry ${seq} after entry ${before}`);
  }
  return entries;
}

export const rowForm: Form<Row> = {
  write(w, row) {
    w.maybe(1, valueForm, row.value ?? undefined);
    w.whole(2, row.epoch);
    w.whole(3, row.seq);
    w.real(4, row.ts);
    w.maybeReal(5, row.expiresAtMs);
  },
  read: (r) => ({
    value: r.maybe(1, valueForm) ?? null,
    epoch: r.whole(2),
    seq: r.whole(3),
    ts: r.real(4),
    expiresAtMs: r.maybeReal(5),
  }),
};

export const keyedRowForm: Form<KeyedRow> = {
  write(w, { key, row }) {
    w.text(1, key);
    w.message(2, rowForm, row);
  },
  read: (r) => ({ key: r.text(1), row: r.message(2, rowForm) }),
};

const sessionResultForm: Form<SessionResult> = {
  write(w, { n, seq, result }) {
    w.whole(1, n);
    w.whole(2, seq);
    w.message(3, resultForm, result);
  },
  read: (r) => ({ n: r.whole(1), seq: r.whole(2), result: r.message(3, resultForm) }),
};

const sessionForm: Form<SessionImage> = {
  write(w, { session, fi, results }) {
    w.text(1, session);
    w.whole(2, fi);
    w.messages(3, sessionResultForm, results);
  },
  read: (r) => ({ session: r.text(1), fi: r.whole(2), results: r.messages(3, sessionResultForm) }),
};

const floorForm: Form<SessionFloor> = {
  write(w, { peer, storeId, inc }) {
    w.text(1, peer);
    w.text(2, storeId);
    w.whole(3, inc);
  },
  read: (r) => ({ peer: r.text(1), storeId: r.text(2), inc: r.whole(3) }),
};

const tokenForm: Form<TokenImage> = {
  write(w, { token, fingerprint, seq, ts, result }) {
    w.text(1, token);
    w.word(2, fingerprint);
    w.whole(3, seq);
    w.real(4, ts);
    w.maybe(5, resultForm, result ?? undefined);
  },
  read: (r) => ({
    token: r.text(1),
    fingerprint: r.word(2),
    seq: r.whole(3),
    ts: r.real(4),
    result: r.maybe(5, resultForm) ?? null,
  }),
};

export const sessionsForm: Form<SessionsImage> = {
  write(w, { sessions, floors, tokens }) {
    w.messages(1, sessionForm, sessions);
    w.messages(2, floorForm, floors);
    w.messages(3, tokenForm, tokens);
  },
  read: (r) => ({
    sessions: r.messages(1, sessionForm),
    floors: r.messages(2, floorForm),
    tokens: r.messages(3, tokenForm),
  }),
};
