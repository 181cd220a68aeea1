/** Catching up, as it stands in `peer.proto`. */
import type { Join, Learn, Mend, Mended, Snap, SnapDone, SnapEnd, SnapOk } from '../replication/messages.js';
import { entryForm, keyedRowForm, readRun, sessionsForm } from './entry-forms.js';
import type { Form } from './form.js';

export const joinForm: Form<Join> = {
  write(w, m) {
    w.whole(1, m.partition);
    w.whole(2, m.epoch);
    w.text(3, m.storeId);
    w.whole(4, m.com);
  },
  read: (r) => ({
    type: 'join',
    partition: r.whole(1),
    epoch: r.whole(2),
    storeId: r.text(3),
    com: r.whole(4),
  }),
};

export const learnForm: Form<Learn> = {
  write(w, m) {
    w.whole(1, m.partition);
    w.whole(2, m.epoch);
    w.whole(3, m.inc);
    w.whole(4, m.from);
    w.word(5, m.fromChecksum);
    w.messages(6, entryForm, m.entries);
    w.whole(7, m.com);
  },
  read: (r) => ({
    type: 'learn',
    partition: r.whole(1),
    epoch: r.whole(2),
    inc: r.whole(3),
    from: r.whole(4),
    fromChecksum: r.word(5),
    entries: readRun(r, 6),
    com: r.whole(7),
  }),
};

export const snapForm: Form<Snap> = {
  write(w, m) {
    w.whole(1, m.partition);
    w.whole(2, m.epoch);
    w.whole(3, m.inc);
    w.whole(4, m.id);
    w.whole(5, m.part);
    w.messages(6, keyedRowForm, m.rows);
    w.messages(7, entryForm, m.entries);
  },
  read: (r) => ({
    type: 'snap',
    partition: r.whole(1),
    epoch: r.whole(2),
    inc: r.whole(3),
    id: r.whole(4),
    part: r.whole(5),
    rows: r.messages(6, keyedRowForm),
    entries: readRun(r, 7),
  }),
};

export const snapOkForm: Form<SnapOk> = {
  write(w, m) {
    w.whole(1, m.partition);
    w.whole(2, m.epoch);
    w.whole(3, m.id);
    w.whole(4, m.got);
  },
  read: (r) => ({
    type: 'snap_ok',
    partition: r.whole(1),
    epoch: r.whole(2),
    id: r.whole(3),
    got: r.whole(4),
  }),
};

export const snapEndForm: Form<SnapEnd> = {
  write(w, m) {
    w.whole(1, m.partition);
    w.whole(2, m.epoch);
    w.whole(3, m.inc);
    w.whole(4, m.id);
    w.whole(5, m.part);
    w.whole(6, m.s0);
    w.word(7, m.s0Checksum);
    w.whole(8, m.com);
    w.message(9, sessionsForm, m.sessions);
    w.messages(10, entryForm, m.entries);
    w.whole(11, m.keyCount);
  },
  read: (r) => ({
    type: 'snap_end',
    partition: r.whole(1),
    epoch: r.whole(2),
    inc: r.whole(3),
    id: r.whole(4),
    part: r.whole(5),
    s0: r.whole(6),
    s0Checksum: r.word(7),
    com: r.whole(8),
    sessions: r.message(9, sessionsForm),
    entries: readRun(r, 10),
    keyCount: r.whole(11),
  }),
};

export const snapDoneForm: Form<SnapDone> = {
  write(w, m) {
    w.whole(1, m.partition);
    w.whole(2, m.epoch);
    w.whole(3, m.id);
    w.whole(4, m.upto);
  },
  read: (r) => ({
    type: 'snap_done',
    partition: r.whole(1),
    epoch: r.whole(2),
    id: r.whole(3),
    upto: r.whole(4),
  }),
};

export const mendForm: Form<Mend> = {
  write(w, m) {
    w.whole(1, m.partition);
    w.whole(2, m.epoch);
    w.texts(3, m.keys);
  },
  read: (r) => ({ type: 'mend', partition: r.whole(1), epoch: r.whole(2), keys: r.texts(3) }),
};

export const mendedForm: Form<Mended> = {
  write(w, m) {
    w.whole(1, m.partition);
    w.whole(2, m.epoch);
    w.whole(3, m.com);
    w.messages(4, keyedRowForm, m.rows);
    w.texts(5, m.absent);
  },
  read: (r) => ({
    type: 'mend_r',
    partition: r.whole(1),
    epoch: r.whole(2),
    com: r.whole(3),
    rows: r.messages(4, keyedRowForm),
    absent: r.texts(5),
  }),
};
