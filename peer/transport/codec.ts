/**
 * Batches <-> bytes, by `peer.proto`. What every batch of a connection has in common, the cluster and the sender,
 * stands in the connection's hello and comes from there.
 *
 * Invariants: what is decoded has the types that `replication/messages.ts` and `messages.ts` say, whatever the bytes
 * were, or decoding throws; bytes of values hold no more memory than about twice their own size (`field-reader.ts`),
 * but for those of one answer to many reads, which share one piece (`rows-forms.ts`).
 * The bytes of two batches, one after the other, are the bytes of one batch with the contents of both; no bytes are an
 * empty one. Texts are well-formed Unicode: a lone surrogate would not come back.
 */
import type { PeerEnvelope } from '../replication/messages.js';
import { frameForm } from './call-forms.js';
import { FieldReader, type Reads } from './field-reader.js';
import { FieldWriter, type Writes } from './field-writer.js';
import type { Frame } from './frames.js';
import { messageForm } from './message-forms.js';

/** One end of a connection. */
export interface Sender {
  readonly cluster: string;
  readonly id: string;
}

/** What came in one message of the stream. */
export interface Batch {
  readonly envelopes: readonly PeerEnvelope[];
  readonly frames: readonly Frame[];
}

const PARCEL = 1;
const FRAME = 2;

/**
 * The bytes of these envelopes, all of which `sender` sends: as many batches as it takes for each to be closed at
 * `maxBytes`, so that it is longer by one envelope at most. Throws for an envelope of another sender, and for numbers
 * that would not come back.
 */
export function encodeEnvelopes(
  sender: Sender,
  envelopes: readonly PeerEnvelope[],
  maxBytes: number,
): Buffer[] {
  const batches: Buffer[] = [];
  const parcels = new ParcelWriter(sender, envelopes, maxBytes);
  while (!parcels.done) {
    const w = new FieldWriter();
    while (!parcels.done && w.length < maxBytes) w.message(PARCEL, parcels, undefined);
    batches.push(w.finish());
  }
  return batches;
}

/** The bytes of one frame, as a batch. */
export function encodeFrame(frame: Frame): Buffer {
  const w = new FieldWriter();
  w.message(FRAME, frameForm, frame);
  return w.finish();
}

/** What is in one batch of `sender`. Throws an Error if the bytes are not what a peer sends. */
export function decodeBatch(bytes: Buffer, sender: Sender): Batch {
  const r = new FieldReader(bytes);
  const envelopes: PeerEnvelope[] = [];
  const frames: Frame[] = [];
  const parcels = parcelReader(sender, envelopes);
  for (;;) {
    switch (r.nextField()) {
      case PARCEL:
        r.message(PARCEL, parcels);
        break;
      case FRAME:
        frames.push(r.message(FRAME, frameForm));
        break;
      default:
        r.finish();
        return { envelopes, frames };
    }
  }
}

/** Writes envelopes as parcels: what those of one map version and one process have in common stands there once. */
class ParcelWriter implements Writes<undefined> {
  private at = 0;

  constructor(
    private readonly sender: Sender,
    private readonly envelopes: readonly PeerEnvelope[],
    private readonly maxBytes: number,
  ) {}

  get done(): boolean {
    return this.at === this.envelopes.length;
  }

  write(w: FieldWriter): void {
    const { fromInc, ver } = this.envelopes[this.at] as PeerEnvelope;
    w.whole(1, fromInc);
    w.whole(2, ver);
    // One at least, or there would be no end to it.
    do {
      const envelope = this.envelopes[this.at] as PeerEnvelope;
      if (envelope.fromInc !== fromInc || envelope.ver !== ver) return;
      if (envelope.from !== this.sender.id || envelope.clusterId !== this.sender.cluster) {
        throw new RangeError(`an envelope of ${envelope.from} in ${envelope.clusterId}`);
      }
      w.message(3, messageForm, envelope.body);
      this.at++;
    } while (!this.done && w.length < this.maxBytes);
  }
}

function parcelReader({ cluster, id }: Sender, into: PeerEnvelope[]): Reads<undefined> {
  return {
    read(r) {
      const fromInc = r.whole(1);
      const ver = r.whole(2);
      for (const body of r.messages(3, messageForm)) {
        into.push({ clusterId: cluster, from: id, fromInc, ver, body });
      }
      return undefined;
    },
  };
}
