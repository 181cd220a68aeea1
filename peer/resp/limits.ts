/** How much a Redis client may ask of one peer; each limit says what happens at it. */

const KIB = 1024;
const MIB = 1024 * KIB;

export const RESP_LIMITS = {
  /** Arguments of one command; more is a protocol error, and the connection is closed. */
  args: 1_048_576,
  /** Bytes of one argument: the largest value and some more; a longer one is a protocol error. */
  bulkBytes: 16 * MIB + 64 * KIB,
  /** Bytes of one command with what keeping its arguments costs; beyond it is a protocol error. */
  commandBytes: 256 * MIB,
  /** Bytes of an inline command, and of a line that says a length; without an end by then it is a protocol error. */
  lineBytes: 64 * KIB,
  /** Arguments, and bytes of each, that a client may send before it has shown the secret. */
  strangerArgs: 10,
  strangerBulkBytes: 16 * KIB,
  /** What all connections hold of commands that have not wholly arrived; who then sends more is cut. */
  inputBytes: 1024 * MIB,
  /** A command must be there this long after it began, in ms; else the connection is cut. */
  arrivalMs: 60_000,
  /** Connections; one more is told so and closed. */
  connections: 10_000,
  /** Keys that the commands of one connection work on at a time; what comes behind waits in the socket. */
  running: 256,
  /** Commands of one connection without an answer; what comes behind waits in the socket. */
  unanswered: 4_096,
  /** Answers that a client has not taken, in bytes: from here on nothing more is read from it. */
  pauseBytes: MIB,
  /** Answers that a client has not taken, in bytes: beyond it the connection is cut. */
  outputBytes: 512 * MIB,
  /** A client that takes nothing of what waits for it for this long is cut, in ms. */
  stalledMs: 300_000,
  /** Connections are looked after this often, in ms. */
  checkMs: 5_000,
  /** Values that one MGET, or one transaction, reads together, in bytes; beyond it is an error. */
  answerBytes: 64 * MIB,
  /** Commands and bytes of one transaction, and keys that a connection watches; more is an error. */
  queued: 10_000,
  queuedBytes: 64 * MIB,
  watched: 10_000,
  /** Tries of a command that reads, computes and writes where the key changes under it; then an error, nothing applied. */
  attempts: 64,
  /** Keys that KEYS may find; more is an error. */
  listedKeys: 1_000_000,
} as const;

export type RespLimits = { readonly [Name in keyof typeof RESP_LIMITS]: number };
