/**
 * The view: one numbered picture of the cluster that the orchestrator publishes and every peer follows.
 *
 * Invariants: a view's epoch is greater than that of every view published before it; a peer ignores a view
 * that is not newer than its own; the list of partitions has one entry a partition, in order.
 */
import { z } from 'zod';
import { addressSchema, instanceSchema, nameSchema, portSchema } from './names.js';
import { PARTITION_COUNT } from './slots.js';

/** `up`: answers probes · `down`: missed them for too long · `leaving`: handing its partitions over before it stops. */
export const STATUSES = ['up', 'down', 'leaving'] as const;
export type Status = (typeof STATUSES)[number];

const memberSchema = z.strictObject({
  id: nameSchema,
  host: addressSchema,
  port: portSchema,
  /** The port of the peer-to-peer stream. */
  peerPort: portSchema,
  /** Grows at every start of the peer, so that a restarted process is told apart from the one before. */
  instance: instanceSchema,
  /** Share of the partitions, relative to the other peers'; 0 owns nothing. */
  weight: z.number().min(0).max(1000),
  status: z.enum(STATUSES),
  /** When it became a member, milliseconds since 1970. */
  memberSinceMs: z.number().int().nonnegative(),
  /** When its status last changed, milliseconds since 1970. */
  statusSinceMs: z.number().int().nonnegative(),
});

const partitionSchema = z.strictObject({
  /** The view's epoch at which the primary last changed (or restarted); the first half of the versions it gives. */
  epoch: z.number().int().nonnegative(),
  /** The peer that serves the partition; null while no peer may own any. */
  primary: nameSchema.nullable(),
  /** The peers that are to hold the further copies, in order. */
  replicas: z.array(nameSchema),
  /** While the partition moves: the peer that still holds the data, which the primary fetches before it serves. */
  source: nameSchema.nullable(),
});

export const viewSchema = z.strictObject({
  cluster: nameSchema,
  epoch: z.number().int().nonnegative(),
  /** Copies wanted of every partition, the primary's among them. */
  copies: z.number().int().min(1).max(16),
  members: z.array(memberSchema).max(10_000),
  partitions: z.array(partitionSchema).length(PARTITION_COUNT),
});

export type Member = z.infer<typeof memberSchema>;
export type PartitionView = z.infer<typeof partitionSchema>;
export type View = z.infer<typeof viewSchema>;

/** The member with this id, or undefined. */
export function memberOf(view: View, id: string): Member | undefined {
  return view.members.find((member) => member.id === id);
}
