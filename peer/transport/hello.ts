/**
 * How two peers introduce themselves when a stream opens: by gRPC metadata, the caller's first.
 *
 * Invariant: a stream carries frames only after both sides know that the other belongs to the cluster, is the peer
 * that was meant, and is not a process from before the one that is known.
 */
import { Metadata, status } from '@grpc/grpc-js';
import { instanceSchema, nameSchema } from '../../common/names.js';
import { bearer } from '../../common/secret.js';

export interface Hello {
  readonly cluster: string;
  readonly id: string;
  readonly instance: number;
}

/** Why a stream is not opened. */
export interface Refusal {
  /** A gRPC status code. */
  readonly code: status;
  readonly reason: string;
}

const CLUSTER = 'covey-cluster';
const ID = 'covey-id';
const INSTANCE = 'covey-instance';
const MEANT = 'covey-meant-id';
export const AUTHORIZATION = 'authorization';

/** The caller's hello: who it is, whom it means, and the secret. */
export function callerMetadata(self: Hello, meantId: string, secret: string | null): Metadata {
  const metadata = helloMetadata(self);
  metadata.set(MEANT, meantId);
  if (secret !== null) metadata.set(AUTHORIZATION, bearer(secret));
  return metadata;
}

/** Who a peer is. */
export function helloMetadata(self: Hello): Metadata {
  const metadata = new Metadata();
  metadata.set(CLUSTER, self.cluster);
  metadata.set(ID, self.id);
  metadata.set(INSTANCE, String(self.instance));
  return metadata;
}

/** The hello in the metadata, or null if it holds none that is whole. */
export function readHello(metadata: Metadata): Hello | null {
  const cluster = nameSchema.safeParse(textOf(metadata, CLUSTER));
  const id = nameSchema.safeParse(textOf(metadata, ID));
  const instance = instanceSchema.safeParse(Number(textOf(metadata, INSTANCE)));
  if (!cluster.success || !id.success || !instance.success) return null;
  return { cluster: cluster.data, id: id.data, instance: instance.data };
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
  if (!hello)
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

/** The refusal of a process that a newer one has followed. */
export function staleInstance(hello: Hello, knownInstance: number): Refusal {
  const reason = `instance ${hello.instance} of peer ${hello.id} is older than ${knownInstance}, which is known`;
  return { code: status.FAILED_PRECONDITION, reason };
}

function wrongCluster(hello: Hello): Refusal {
  return {
    code: status.FAILED_PRECONDITION,
    reason: `peer ${hello.id} belongs to the cluster ${hello.cluster}`,
  };
}
