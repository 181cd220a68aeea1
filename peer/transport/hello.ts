/**
 * How two peers introduce themselves when a stream opens: by gRPC metadata, the caller's first.
 *
 * Invariant: a stream carries batches only after both sides know that the other belongs to the cluster and is the peer
 * that was meant, and which of its processes it is.
 */
import { Metadata, status } from '@grpc/grpc-js';
import { nameSchema } from '../../common/names.js';
import { bearer } from '../../common/secret.js';
import { LANES, type Lane } from './message-forms.js';

export interface Hello {
  readonly cluster: string;
  readonly id: string;
  /** Names the process: 1 to 200 visible ASCII characters, other ones for each process of the peer. */
  readonly process: string;
}

/** Which of a caller's streams this is. */
export interface StreamName {
  readonly lane: Lane;
  /** The same for both lanes of a connection, and for no other of the caller's process. */
  readonly connection: string;
}

/** Why a stream is not opened. */
export interface Refusal {
  /** A gRPC status code. */
  readonly code: status;
  readonly reason: string;
}

const CLUSTER = 'covey-cluster';
const ID = 'covey-id';
const PROCESS = 'covey-process';
const LANE = 'covey-lane';
const CONNECTION = 'covey-connection';
const MEANT = 'covey-meant-id';
export const AUTHORIZATION = 'authorization';

const PROCESS_FORM = /^[\x21-\x7e]{1,200}$/;
const CONNECTION_FORM = /^\d{1,16}$/;

/** The caller's hello: who it is, whom it means, which stream it opens, and the secret. */
export function callerMetadata(
  self: Hello,
  meantId: string,
  { lane, connection }: StreamName,
  secret: string | null,
): Metadata {
  const metadata = helloMetadata(self);
  metadata.set(MEANT, meantId);
  metadata.set(LANE, lane);
  metadata.set(CONNECTION, connection);
  if (secret !== null) metadata.set(AUTHORIZATION, bearer(secret));
  return metadata;
}

/** Who a peer is. */
export function helloMetadata(self: Hello): Metadata {
  const metadata = new Metadata();
  metadata.set(CLUSTER, self.cluster);
  metadata.set(ID, self.id);
  metadata.set(PROCESS, self.process);
  return metadata;
}

/** The hello in the metadata, or null if it holds none that is whole. */
export function readHello(metadata: Metadata): Hello | null {
  const cluster = nameSchema.safeParse(textOf(metadata, CLUSTER));
  const id = nameSchema.safeParse(textOf(metadata, ID));
  const process = textOf(metadata, PROCESS);
  if (!cluster.success || !id.success || process === undefined || !PROCESS_FORM.test(process)) return null;
  return { cluster: cluster.data, id: id.data, process };
}

/** Which stream the caller opens, or null if it does not say. */
export function readStreamName(metadata: Metadata): StreamName | null {
  const lane = LANES.find((each) => each === textOf(metadata, LANE));
  const connection = textOf(metadata, CONNECTION);
  if (lane === undefined || connection === undefined || !CONNECTION_FORM.test(connection)) return null;
  return { lane, connection };
}

/** One value of the metadata, or undefined if there is none or more than one. */
export function textOf(metadata: Metadata, name: string): string | undefined {
  const values = metadata.get(name);
  return values.length === 1 && typeof values[0] === 'string' ? values[0] : undefined;
}

/** Of two peers, the one with the lower id opens the stream. */
export function dials(id: string, otherId: string): boolean {
  return id < otherId;
}

/** Why the caller is refused, as far as its hello alone tells; null if it is welcome. */
export function refusalOfCaller(metadata: Metadata, self: Hello): Refusal | null {
  const hello = readHello(metadata);
  if (!hello || !readStreamName(metadata))
    return { code: status.INVALID_ARGUMENT, reason: 'no peer of Covey: the hello is missing or broken' };
  if (hello.cluster !== self.cluster) return wrongCluster(hello);
  const meantId = textOf(metadata, MEANT);
  if (meantId !== self.id) {
    return {
      code: status.FAILED_PRECONDITION,
      reason: `this is peer ${self.id}, not ${meantId ?? 'who was meant'}`,
    };
  }
  if (!dials(hello.id, self.id)) {
    return {
      code: status.FAILED_PRECONDITION,
      reason: `peer ${self.id} opens the stream to ${hello.id}, not the reverse`,
    };
  }
  return null;
}

/** Why the called peer is not the one that was meant; null if it is. */
export function refusalOfCalled(hello: Hello, self: Hello, meantId: string): Refusal | null {
  if (hello.cluster !== self.cluster) return wrongCluster(hello);
  if (hello.id !== meantId) {
    return { code: status.FAILED_PRECONDITION, reason: `what answers is peer ${hello.id}, not ${meantId}` };
  }
  return null;
}

function wrongCluster(hello: Hello): Refusal {
  return {
    code: status.FAILED_PRECONDITION,
    reason: `peer ${hello.id} belongs to the cluster ${hello.cluster}`,
  };
}
