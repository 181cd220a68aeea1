/** What calls are on a connection, in both directions: requests, replies, and the word that no reply will come. */
import type { PeerReply, PeerRequest } from './messages.js';

/** `overloaded`, `closing`: nobody acted on the request · `failed`: acting on it, or answering it, failed. */
export type NoReplyReason = 'overloaded' | 'closing' | 'failed';

export type Frame =
  | { readonly kind: 'request'; readonly id: number; readonly request: PeerRequest }
  | { readonly kind: 'reply'; readonly id: number; readonly reply: PeerReply }
  | { readonly kind: 'no-reply'; readonly id: number; readonly reason: NoReplyReason };
