/** Why the registry says no, each with its stable code and a sentence that tells a person what to do. */
import type { Leaving, Registration } from '../common/control.js';
import type { ProblemCode } from '../common/problems.js';
import type { Member } from '../common/view.js';

/** An operating error, as a value. */
export interface Refusal {
  readonly code: ProblemCode;
  readonly detail: string;
}

export function wrongCluster(ours: string, theirs: string): Refusal {
  return {
    code: 'wrong-cluster',
    detail: `This is the orchestrator of cluster ${ours}, not of ${theirs}; check --cluster and --orchestrator.`,
  };
}

/** Whether a process may go on under the name of a member; null where it may. */
export function refuseSuccessor(registration: Registration, known: Member): Refusal | null {
  const { id, instance } = registration;
  if (known.status !== 'down' && !sameAddress(known, registration)) {
    return {
      code: 'id-taken',
      detail: `${id} is the name of a peer at ${known.host}:${known.port} that is up; choose another --id.`,
    };
  }
  if (instance >= known.instance) return null;
  return {
    code: 'stale-instance',
    detail: `${id} is registered with instance ${known.instance}, which is newer than ${instance}: a later process has its name.`,
  };
}

/** Whether a process may speak of leaving for a member; null where it may. */
export function refuseStranger({ id, instance }: Leaving, known: Member): Refusal | null {
  if (instance === known.instance) return null;
  return {
    code: 'stale-instance',
    detail: `${id} is registered with instance ${known.instance}, not ${instance}: another process has its name.`,
  };
}

export function lastPeer(id: string): Refusal {
  return {
    code: 'last-peer',
    detail: `Nobody is there to take over what ${id} holds; it would be lost. Start another peer first.`,
  };
}

export function full(members: number): Refusal {
  return { code: 'too-many-requests', detail: `The cluster has ${members} members and takes no more.` };
}

export function sameAddress(a: { host: string; port: number }, b: { host: string; port: number }): boolean {
  return a.host === b.host && a.port === b.port;
}
