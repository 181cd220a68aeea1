/** Requests between a gateway and a replica, and their answers, as they stand in `peer.proto`. */
import type {
  Consistency,
  Forward,
  ForwardReply,
  ReadForward,
  ReadOutcome,
  ReadRefusal,
  ReadReply,
  WriteOutcome,
  WriteRefusal,
} from '../replication/messages.js';
import { resultForm, writeForm } from './command-forms.js';
import { idempotencyTagForm, requestTagForm, rowForm } from './entry-forms.js';
import { type Form, Names } from './form.js';

const CONSISTENCIES = new Names<Consistency>({ linearizable: 1, strict: 2, stale: 3 });
const OUTCOMES = new Names<WriteOutcome['kind']>({ result: 1, refused: 2, maybe: 3, conflict: 4 });
const WRITE_REFUSALS = new Names<WriteRefusal>({
  'not-primary': 1,
  overloaded: 2,
  starting: 3,
  'unknown-session': 4,
  damaged: 5,
  'too-few-copies': 6,
});
const CONFLICTS = new Names<Extract<WriteOutcome, { readonly kind: 'conflict' }>['reason']>({
  'idempotency-key-expired': 1,
  'idempotency-key-reused': 2,
});
const READ_REFUSALS = new Names<ReadRefusal>({
  'not-member': 1,
  'not-leased': 2,
  changing: 3,
  timeout: 4,
  overloaded: 5,
  damaged: 6,
});

const writeOutcomeForm: Form<WriteOutcome> = {
  write(w, outcome) {
    w.whole(1, OUTCOMES.numberOf(outcome.kind));
    if (outcome.kind === 'result') w.message(2, resultForm, outcome.result);
    if (outcome.kind === 'refused') w.whole(3, WRITE_REFUSALS.numberOf(outcome.reason));
    if (outcome.kind === 'conflict') w.whole(4, CONFLICTS.numberOf(outcome.reason));
  },
  read(r) {
    const kind = OUTCOMES.nameOf(r.whole(1));
    switch (kind) {
      case 'result':
        return { kind, result: r.message(2, resultForm) };
      case 'refused':
        return { kind, reason: WRITE_REFUSALS.nameOf(r.whole(3)) };
      case 'conflict':
        return { kind, reason: CONFLICTS.nameOf(r.whole(4)) };
      case 'maybe':
        return { kind };
    }
  },
};

const readOutcomeForm: Form<ReadOutcome> = {
  write(w, outcome) {
    if (outcome.kind === 'refused') {
      w.whole(1, READ_REFUSALS.numberOf(outcome.reason));
      return;
    }
    w.maybe(2, rowForm, outcome.row ?? undefined);
    w.whole(3, outcome.epoch);
    w.whole(4, outcome.com);
  },
  read(r) {
    const reason = r.whole(1);
    if (reason !== 0) return { kind: 'refused', reason: READ_REFUSALS.nameOf(reason) };
    return { kind: 'row', row: r.maybe(2, rowForm) ?? null, epoch: r.whole(3), com: r.whole(4) };
  },
};

export const forwardForm: Form<Forward> = {
  write(w, m) {
    w.whole(1, m.partition);
    w.message(2, requestTagForm, m.tag);
    w.whole(3, m.attempt);
    w.message(4, writeForm, m.command);
    w.maybe(5, idempotencyTagForm, m.idempotency);
  },
  read: (r) => ({
    type: 'fwd',
    partition: r.whole(1),
    tag: r.message(2, requestTagForm),
    attempt: r.whole(3),
    command: r.message(4, writeForm),
    idempotency: r.maybe(5, idempotencyTagForm),
  }),
};

export const forwardReplyForm: Form<ForwardReply> = {
  write(w, m) {
    w.text(1, m.session);
    w.whole(2, m.n);
    w.whole(3, m.attempt);
    w.message(4, writeOutcomeForm, m.outcome);
  },
  read: (r) => ({
    type: 'fwd_r',
    session: r.text(1),
    n: r.whole(2),
    attempt: r.whole(3),
    outcome: r.message(4, writeOutcomeForm),
  }),
};

export const readForwardForm: Form<ReadForward> = {
  write(w, m) {
    w.whole(1, m.id);
    w.whole(2, m.inc);
    w.whole(3, m.partition);
    w.text(4, m.key);
    w.whole(5, CONSISTENCIES.numberOf(m.consistency));
  },
  read: (r) => ({
    type: 'rfwd',
    id: r.whole(1),
    inc: r.whole(2),
    partition: r.whole(3),
    key: r.text(4),
    consistency: CONSISTENCIES.nameOf(r.whole(5)),
  }),
};

export const readReplyForm: Form<ReadReply> = {
  write(w, m) {
    w.whole(1, m.id);
    w.whole(2, m.inc);
    w.message(3, readOutcomeForm, m.outcome);
  },
  read: (r) => ({ type: 'rfwd_r', id: r.whole(1), inc: r.whole(2), outcome: r.message(3, readOutcomeForm) }),
};
