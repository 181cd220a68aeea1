/**
 * Who is there, as the orchestrator sees it: told to every peer once a second and at changes, for people only.
 *
 * Invariant: nothing is decided by a roster; who owns what stands in the map alone. A roster may be lost or old.
 */
import { z } from 'zod';
import { nameSchema } from './names.js';

/** `up`: answers · `down`: has not answered for too long · `leaving`: is being emptied, or hands its primaries over. */
export const STATUSES = ['up', 'down', 'leaving'] as const;
export type Status = (typeof STATUSES)[number];

const MAX_COPIES = 64;
/** The last moment that has a name as a date. */
const LATEST_MS = 8_640_000_000_000_000;

/** More than any cluster has; what names more is no roster. */
const MAX_PEERS = 10_000;

export const rosterSchema = z.strictObject({
  /** Copies that the cluster is to have of every partition. */
  copies: z.number().int().min(1).max(MAX_COPIES),
  peers: z
    .array(
      z.strictObject({
        id: nameSchema,
        status: z.enum(STATUSES),
        /** Since when it has this status in the orchestrator's eyes, milliseconds since 1970. */
        sinceMs: z.number().int().nonnegative().max(LATEST_MS),
      }),
    )
    .max(MAX_PEERS),
});

export type Roster = z.infer<typeof rosterSchema>;
export type RosterEntry = Roster['peers'][number];

/** Whether every member of the cluster is there and stays. */
export function allUp({ peers }: Roster): boolean {
  return peers.every(({ status }) => status === 'up');
}
