/** What travels over a connection, in both directions: requests, replies, and the word that no reply will come. */
import type { PeerReply, PeerRequest } from './messages.js';

/** `overloaded`, `closing`: nobody acted on the request · `failed`: acting on it, or answering it, failed. */
export type NoReplyReason = 'overloaded' | 'closing' | 'failed';

export type Frame =
  | { readonly kind: 'request'; readonly id: number; readonly request: PeerRequest }
  | { readonly kind: 'reply'; readonly id: number; readonly reply: PeerReply }
  | { readonly kind: 'no-reply'; readonly id: number; readonly reason: NoReplyReason };

const OVERHEAD_BYTES = 32;

/** About how many bytes a request takes on the wire; never less than its keys and values do. */
export function requestBytes(request: PeerRequest): number {
  switch (request.type) {
    case 'execute': {
      let bytes = OVERHEAD_BYTES;
      for (const operation of request.operations) {
        bytes += OVERHEAD_BYTES + textBytes(operation.key);
        if (operation.type === 'put') bytes += valueBytes(operation.value);
      }
      return bytes;
    }
    case 'list':
      return (
        OVERHEAD_BYTES + request.partitions.length * 5 + textBytes(request.prefix) + textBytes(request.after)
      );
    case 'fetch':
      return OVERHEAD_BYTES + textBytes(request.cursor);
    case 'release':
    case 'view':
      return OVERHEAD_BYTES;
  }
}

/** About how many bytes a reply takes on the wire; never less than its keys and values do. */
export function replyBytes(reply: PeerReply): number {
  switch (reply.type) {
    case 'executed': {
      let bytes = OVERHEAD_BYTES;
      for (const outcome of reply.outcomes) {
        bytes += OVERHEAD_BYTES;
        if (outcome.type === 'found') bytes += OVERHEAD_BYTES + valueBytes(outcome.record);
        else if (outcome.type === 'failed') bytes += textBytes(outcome.detail);
      }
      return bytes;
    }
    case 'listed': {
      let bytes = OVERHEAD_BYTES + reply.notOwned.length * 5;
      for (const key of reply.keys) bytes += 6 + textBytes(key);
      return bytes;
    }
    case 'fetched': {
      let bytes = OVERHEAD_BYTES + textBytes(reply.cursor);
      for (const [key, record] of reply.entries)
        bytes += 2 * OVERHEAD_BYTES + textBytes(key) + valueBytes(record);
      return bytes;
    }
    case 'view':
      // By the longest names and addresses: 64 and 253 characters.
      return (
        OVERHEAD_BYTES +
        (reply.view ? reply.view.members.length * 640 + reply.view.partitions.length * 640 : 0)
      );
    case 'released':
    case 'refused':
      return OVERHEAD_BYTES;
  }
}

function valueBytes(value: { bytes: Buffer; contentType: string; encoding: string }): number {
  return value.bytes.length + textBytes(value.contentType) + textBytes(value.encoding);
}

/** At most three bytes of UTF-8 for each unit of UTF-16. */
function textBytes(text: string): number {
  return text.length * 3;
}
