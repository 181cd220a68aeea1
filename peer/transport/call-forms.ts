/** Questions that are answered at once, and what comes back, as they stand in `peer.proto`. */
import { versionForm } from './command-forms.js';
import { type Form, Names } from './form.js';
import type { Frame, NoReplyReason } from './frames.js';
import type { PeerReply, PeerRequest } from './messages.js';
import { readForm, rowsForm } from './rows-forms.js';

type Of<T extends { readonly type: string }, N extends T['type']> = Extract<T, { readonly type: N }>;

const REASONS = new Names<NoReplyReason>({ overloaded: 1, closing: 2, failed: 3 });

const listForm: Form<Of<PeerRequest, 'list'>> = {
  write(w, request) {
    w.numbers(1, request.partitions);
    w.text(2, request.prefix);
    w.text(3, request.after);
    w.whole(4, request.limit);
  },
  read: (r) => ({
    type: 'list',
    partitions: r.numbers(1),
    prefix: r.text(2),
    after: r.text(3),
    limit: r.whole(4),
  }),
};

const listedForm: Form<Of<PeerReply, 'listed'>> = {
  write(w, reply) {
    w.texts(1, reply.keys);
    w.numbers(2, reply.refused);
  },
  read: (r) => ({ type: 'listed', keys: r.texts(1), refused: r.numbers(2) }),
};

const countForm: Form<Of<PeerRequest, 'count'>> = {
  write: (w, { partitions }) => w.numbers(1, partitions),
  read: (r) => ({ type: 'count', partitions: r.numbers(1) }),
};

const countedForm: Form<Of<PeerReply, 'counted'>> = {
  write(w, { keys, refused }) {
    w.whole(1, keys);
    w.numbers(2, refused);
  },
  read: (r) => ({ type: 'counted', keys: r.whole(1), refused: r.numbers(2) }),
};

const inspectForm: Form<Of<PeerRequest, 'inspect'>> = {
  write: (w, { key }) => w.text(1, key),
  read: (r) => ({ type: 'inspect', key: r.text(1) }),
};

const inspectedForm: Form<Of<PeerReply, 'inspected'>> = {
  write(w, { holds, version }) {
    w.flag(1, holds);
    w.maybe(2, versionForm, version ?? undefined);
  },
  read: (r) => ({ type: 'inspected', holds: r.flag(1), version: r.maybe(2, versionForm) ?? null }),
};

const LIST = 2;
const LISTED = 3;
const INSPECT = 4;
const INSPECTED = 5;
const NO_REPLY = 6;
const COUNT = 7;
const COUNTED = 8;
const READ = 9;
const ROWS = 10;

/** One frame: the call's number, and what it asks or answers. */
export const frameForm: Form<Frame> = {
  write(w, frame) {
    w.whole(1, frame.id);
    if (frame.kind === 'no-reply') {
      w.whole(NO_REPLY, REASONS.numberOf(frame.reason));
      return;
    }
    const body = frame.kind === 'request' ? frame.request : frame.reply;
    switch (body.type) {
      case 'list':
        w.message(LIST, listForm, body);
        break;
      case 'listed':
        w.message(LISTED, listedForm, body);
        break;
      case 'inspect':
        w.message(INSPECT, inspectForm, body);
        break;
      case 'inspected':
        w.message(INSPECTED, inspectedForm, body);
        break;
      case 'count':
        w.message(COUNT, countForm, body);
        break;
      case 'counted':
        w.message(COUNTED, countedForm, body);
        break;
      case 'read':
        w.message(READ, readForm, body);
        break;
      case 'rows':
        w.message(ROWS, rowsForm, body);
        break;
    }
  },
  read(r) {
    const id = r.whole(1);
    switch (r.nextField()) {
      case LIST:
        return { kind: 'request', id, request: r.message(LIST, listForm) };
      case LISTED:
        return { kind: 'reply', id, reply: r.message(LISTED, listedForm) };
      case INSPECT:
        return { kind: 'request', id, request: r.message(INSPECT, inspectForm) };
      case INSPECTED:
        return { kind: 'reply', id, reply: r.message(INSPECTED, inspectedForm) };
      case COUNT:
        return { kind: 'request', id, request: r.message(COUNT, countForm) };
      case COUNTED:
        return { kind: 'reply', id, reply: r.message(COUNTED, countedForm) };
      case READ:
        return { kind: 'request', id, request: r.message(READ, readForm) };
      case ROWS:
        return { kind: 'reply', id, reply: r.message(ROWS, rowsForm) };
      case NO_REPLY:
        return { kind: 'no-reply', id, reason: REASONS.nameOf(r.whole(NO_REPLY)) };
      default:
        throw new RangeError(`a frame with field ${r.nextField()} is unknown`);
    }
  },
};
