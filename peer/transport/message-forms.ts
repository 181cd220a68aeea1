/** All messages of the replication protocol, each with its number in `peer.proto` and the lane that it travels in. */
import type {
  LeaseGrant,
  LeaseRequest,
  MapMessage,
  PeerMessage,
  PullMessage,
} from '../replication/messages.js';
import type { FieldReader } from './field-reader.js';
import type { FieldWriter } from './field-writer.js';
import type { Form } from './form.js';
import {
  joinForm,
  learnForm,
  mendedForm,
  mendForm,
  snapDoneForm,
  snapEndForm,
  snapForm,
  snapOkForm,
} from './learning-forms.js';
import { mapForm } from './map-forms.js';
import {
  ackForm,
  alignForm,
  alignOkForm,
  committedQueryForm,
  committedReplyForm,
  confirmedForm,
  confirmForm,
  prepareForm,
} from './replication-forms.js';
import { forwardForm, forwardReplyForm, readForwardForm, readReplyForm } from './request-forms.js';

/**
 * `urgent` is for what others wait for and what is small whatever clients store; `bulk` for all the rest. Messages of
 * different lanes overtake each other.
 */
export const LANES = ['urgent', 'bulk'] as const;
export type Lane = (typeof LANES)[number];

interface Kind<T extends PeerMessage> {
  readonly field: number;
  readonly lane: Lane;
  readonly form: Form<T>;
}

type Type = PeerMessage['type'];

const leaseRequestForm: Form<LeaseRequest> = {
  write(w, { t0, holdMs }) {
    w.real(1, t0);
    w.real(2, holdMs);
  },
  read: (r) => ({ type: 'lreq', t0: r.real(1), holdMs: r.real(2) }),
};

const leaseGrantForm: Form<LeaseGrant> = {
  write(w, { t0, inc, holdMs }) {
    w.real(1, t0);
    w.whole(2, inc);
    w.real(3, holdMs);
  },
  read: (r) => ({ type: 'lgrant', t0: r.real(1), inc: r.whole(2), holdMs: r.real(3) }),
};

const mapMessageForm: Form<MapMessage> = {
  write: (w, { map }) => w.message(1, mapForm, map),
  read: (r) => ({ type: 'map', map: r.message(1, mapForm) }),
};

const pullForm: Form<PullMessage> = { write() {}, read: () => ({ type: 'pull' }) };

const KINDS: { readonly [T in Type]: Kind<Extract<PeerMessage, { readonly type: T }>> } = {
  map: { field: 1, lane: 'bulk', form: mapMessageForm },
  pull: { field: 2, lane: 'urgent', form: pullForm },
  lreq: { field: 3, lane: 'urgent', form: leaseRequestForm },
  lgrant: { field: 4, lane: 'urgent', form: leaseGrantForm },
  align: { field: 5, lane: 'bulk', form: alignForm },
  align_ok: { field: 6, lane: 'urgent', form: alignOkForm },
  prep: { field: 7, lane: 'bulk', form: prepareForm },
  ack: { field: 8, lane: 'urgent', form: ackForm },
  fwd: { field: 9, lane: 'bulk', form: forwardForm },
  fwd_r: { field: 10, lane: 'bulk', form: forwardReplyForm },
  rfwd: { field: 11, lane: 'bulk', form: readForwardForm },
  rfwd_r: { field: 12, lane: 'bulk', form: readReplyForm },
  rseq: { field: 13, lane: 'urgent', form: committedQueryForm },
  rseq_r: { field: 14, lane: 'urgent', form: committedReplyForm },
  conf: { field: 15, lane: 'urgent', form: confirmForm },
  conf_r: { field: 16, lane: 'urgent', form: confirmedForm },
  join: { field: 17, lane: 'urgent', form: joinForm },
  learn: { field: 18, lane: 'bulk', form: learnForm },
  snap: { field: 19, lane: 'bulk', form: snapForm },
  snap_ok: { field: 20, lane: 'urgent', form: snapOkForm },
  snap_end: { field: 21, lane: 'bulk', form: snapEndForm },
  snap_done: { field: 22, lane: 'urgent', form: snapDoneForm },
  mend: { field: 23, lane: 'urgent', form: mendForm },
  mend_r: { field: 24, lane: 'bulk', form: mendedForm },
};

const BY_FIELD = new Map<number, Kind<PeerMessage>>(Object.values(KINDS).map((kind) => [kind.field, kind]));

/** The lane that messages of this type travel in. */
export function laneOf(type: Type): Lane {
  return KINDS[type].lane;
}

/** A message within the envelope's oneof. */
export const messageForm: Form<PeerMessage> = {
  write(w: FieldWriter, message: PeerMessage) {
    const { field, form } = KINDS[message.type] as Kind<PeerMessage>;
    w.message(field, form, message);
  },
  read(r: FieldReader): PeerMessage {
    const kind = BY_FIELD.get(r.nextField());
    if (kind === undefined) throw new RangeError(`a message of number ${r.nextField()} is unknown`);
    return r.message(kind.field, kind.form);
  },
};
