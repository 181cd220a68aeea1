/** Becoming primary, replication, and the questions of dirty and strict reads, as they stand in `peer.proto`. */
import type {
  Ack,
  Align,
  AlignOk,
  CommittedQuery,
  CommittedReply,
  Confirm,
  Confirmed,
  Prepare,
} from '../replication/messages.js';
import { entryForm, readRun } from './entry-forms.js';
import type { Form } from './form.js';

export const alignForm: Form<Align> = {
  write(w, m) {
    w.whole(1, m.partition);
    w.whole(2, m.epoch);
    w.whole(3, m.com);
    w.word(4, m.comChecksum);
    w.messages(5, entryForm, m.suffix);
  },
  read: (r) => ({
    type: 'align',
    partition: r.whole(1),
    epoch: r.whole(2),
    com: r.whole(3),
    comChecksum: r.word(4),
    suffix: readRun(r, 5),
  }),
};

export const alignOkForm: Form<AlignOk> = {
  write(w, m) {
    w.whole(1, m.partition);
    w.whole(2, m.epoch);
    w.whole(3, m.upto);
  },
  read: (r) => ({
    type: 'align_ok',
    partition: r.whole(1),
    epoch: r.whole(2),
    upto: r.whole(3),
  }),
};

export const prepareForm: Form<Prepare> = {
  write(w, m) {
    w.whole(1, m.partition);
    w.whole(2, m.epoch);
    w.whole(3, m.first);
    w.messages(4, entryForm, m.entries);
    w.whole(5, m.com);
    w.word(6, m.comChecksum);
    w.whole(7, m.gc);
  },
  read: (r) => ({
    type: 'prep',
    partition: r.whole(1),
    epoch: r.whole(2),
    first: r.whole(3),
    entries: readRun(r, 4),
    com: r.whole(5),
    comChecksum: r.word(6),
    gc: r.whole(7),
  }),
};

export const ackForm: Form<Ack> = {
  write(w, m) {
    w.whole(1, m.partition);
    w.whole(2, m.epoch);
    w.whole(3, m.upto);
    w.flag(4, m.gap);
    w.whole(5, m.com);
    w.word(6, m.comChecksum);
  },
  read: (r) => ({
    type: 'ack',
    partition: r.whole(1),
    epoch: r.whole(2),
    upto: r.whole(3),
    gap: r.flag(4),
    com: r.whole(5),
    comChecksum: r.word(6),
  }),
};

export const committedQueryForm: Form<CommittedQuery> = {
  write(w, m) {
    w.whole(1, m.partition);
    w.whole(2, m.epoch);
    w.whole(3, m.id);
    w.texts(4, m.expired);
  },
  read: (r) => ({
    type: 'rseq',
    partition: r.whole(1),
    epoch: r.whole(2),
    id: r.whole(3),
    expired: r.texts(4),
  }),
};

export const committedReplyForm: Form<CommittedReply> = {
  write(w, m) {
    w.whole(1, m.partition);
    w.whole(2, m.epoch);
    w.whole(3, m.id);
    w.whole(4, m.com);
  },
  read: (r) => ({
    type: 'rseq_r',
    partition: r.whole(1),
    epoch: r.whole(2),
    id: r.whole(3),
    com: r.whole(4),
  }),
};

export const confirmForm: Form<Confirm> = {
  write(w, m) {
    w.whole(1, m.partition);
    w.whole(2, m.epoch);
    w.whole(3, m.id);
    w.texts(4, m.expired);
  },
  read: (r) => ({
    type: 'conf',
    partition: r.whole(1),
    epoch: r.whole(2),
    id: r.whole(3),
    expired: r.texts(4),
  }),
};

export const confirmedForm: Form<Confirmed> = {
  write(w, m) {
    w.whole(1, m.partition);
    w.whole(2, m.epoch);
    w.whole(3, m.id);
    w.maybeWhole(4, m.com === -1 ? undefined : m.com);
  },
  read: (r) => ({
    type: 'conf_r',
    partition: r.whole(1),
    epoch: r.whole(2),
    id: r.whole(3),
    com: r.maybeWhole(4) ?? -1,
  }),
};
