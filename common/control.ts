/**
 * What peers and the orchestrator say to each other over HTTP, all of it inside the cluster: the caller carries
 * the cluster's secret as `Authorization: Bearer <secret>`.
 *
 *   peer -> orchestrator   POST /register  Registration -> 200 View
 *   peer -> orchestrator   POST /leave     Leaving      -> 202 View
 *   orchestrator -> peer   GET  /health                 -> 200 Health
 *   orchestrator -> peer   POST /view      View         -> 204
 */
import { z } from 'zod';
import { addressSchema, instanceSchema, nameSchema, portSchema } from './names.js';
import { PARTITION_COUNT } from './slots.js';
import { viewSchema } from './view.js';

export const registrationSchema = z.strictObject({
  cluster: nameSchema,
  id: nameSchema,
  host: addressSchema,
  port: portSchema,
  peerPort: portSchema,
  instance: instanceSchema,
  weight: z.number().min(0).max(1000).default(1),
  /** The newest view this peer knows, if any: an orchestrator that lost its registry goes on from the newest it hears of. */
  view: viewSchema.nullable().default(null),
});
export type Registration = z.infer<typeof registrationSchema>;

export const leavingSchema = z.strictObject({
  cluster: nameSchema,
  id: nameSchema,
  instance: instanceSchema,
});
export type Leaving = z.infer<typeof leavingSchema>;

export const healthSchema = z.object({
  cluster: nameSchema,
  id: nameSchema,
  instance: instanceSchema,
  /** Epoch of the view the peer follows; 0 before the first. */
  epoch: z.number().int().nonnegative(),
  /** Partitions whose data this peer, their primary, has not fetched yet. */
  fetching: z
    .array(
      z
        .number()
        .int()
        .min(0)
        .max(PARTITION_COUNT - 1),
    )
    .max(PARTITION_COUNT),
});
export type Health = z.infer<typeof healthSchema>;
