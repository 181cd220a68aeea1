/**
 * What the orchestrator and the peers say to each other over HTTP, all of it inside the cluster: the caller carries
 * the cluster's secret as `Authorization: Bearer <secret>`. What the messages mean stands in `control-messages.ts`.
 *
 *   orchestrator -> peer   CONNECT covey-control:0, and then lines of JSON, one answer to each delivery:
 *                          {envelopes, roster?} -> {reports}: what it says at once to that one
 *   peer -> orchestrator   POST /register  one `register` report -> 204
 *   peer -> orchestrator   POST /reports   {reports}             -> 204
 *
 * Invariant: what passes here is well formed in full, or refused in full.
 */
import { z } from 'zod';
import type { OrchestratorEnvelope, ReportEnvelope } from './control-messages.js';
import { mapChangeSchema } from './map-change.js';
import {
  countSchema,
  MAX_PARTITIONS,
  mapSchema,
  mapText,
  peerAddressSchema,
  storeIdSchema,
  weightSchema,
} from './map-json.js';
import { nameSchema } from './names.js';
import { rosterSchema } from './roster.js';

/** A map of 10,000 peers with names as long as they may be takes less; so do reports of all partitions. */
export const MAX_CONTROL_BYTES = 8 * 1024 * 1024;
/** Messages in one request. */
export const MAX_ENVELOPES = 16;
export const MAX_REPORTS = 1_000;

const partitionSchema = z.number().int().nonnegative().max(MAX_PARTITIONS);
const casesSchema = z
  .array(z.strictObject({ partition: partitionSchema, epoch: countSchema }))
  .max(MAX_PARTITIONS);

const orchestratorEnvelopeSchema = z.strictObject({
  clusterId: nameSchema,
  from: nameSchema,
  ver: countSchema,
  body: z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('ping'), n: countSchema }),
    z.strictObject({ type: z.literal('map'), map: mapSchema }),
    z.strictObject({ type: z.literal('map-change'), change: mapChangeSchema }),
    z.strictObject({ type: z.literal('query'), term: countSchema }),
  ]),
});

const registerSchema = z.strictObject({ type: z.literal('register'), weight: weightSchema.exactOptional() });

const reportBodySchema = z.discriminatedUnion('type', [
  registerSchema,
  z.strictObject({ type: z.literal('pong'), n: countSchema, active: casesSchema, promised: countSchema }),
  z.strictObject({
    type: z.literal('add'),
    partition: partitionSchema,
    epoch: countSchema,
    learner: nameSchema,
    learnerStoreId: storeIdSchema,
    learnerInc: countSchema,
  }),
  z.strictObject({
    type: z.literal('accuse'),
    who: nameSchema,
    why: z.enum(['no-ack', 'silent', 'disconnected']),
    cases: casesSchema,
  }),
  z.strictObject({ type: z.literal('state'), term: countSchema, map: mapSchema }),
  z.strictObject({ type: z.literal('pull') }),
  z.strictObject({ type: z.literal('leave'), only: z.literal('duties').exactOptional() }),
]);

const senderShape = {
  clusterId: nameSchema,
  from: nameSchema,
  fromInc: countSchema,
  storeId: storeIdSchema,
  addr: peerAddressSchema,
  ver: countSchema,
};

/** A delivery as it stands in its line; `DeliveryReader` makes a `Delivery` of it. */
export const deliverySchema = z.strictObject({
  envelopes: z.array(orchestratorEnvelopeSchema).max(MAX_ENVELOPES),
  roster: rosterSchema.exactOptional(),
});

/** `POST /register` */
export const registrationSchema = z.strictObject({
  ...senderShape,
  body: registerSchema,
}) satisfies z.ZodType<ReportEnvelope>;

/** `POST /reports`, and the answer to a delivery. */
export const reportsSchema = z.strictObject({
  reports: z.array(z.strictObject({ ...senderShape, body: reportBodySchema })).max(MAX_REPORTS),
}) satisfies z.ZodType<{ reports: readonly ReportEnvelope[] }>;

/** The body of `POST /reports`, and the answer to a delivery. */
export function reportsText(reports: readonly ReportEnvelope[]): string {
  return `{"reports":[${reports.map(envelopeText).join()}]}`;
}

/** A message on its way as JSON text. */
export function envelopeText(envelope: OrchestratorEnvelope | ReportEnvelope): string {
  const { body, ...head } = envelope;
  if (!('map' in body)) return JSON.stringify(envelope);
  const { map, ...rest } = body;
  return `${open(head)},"body":${open(rest)},"map":${mapText(map)}}}`;
}

/** An object's text without its closing brace. */
function open(value: object): string {
  return JSON.stringify(value).slice(0, -1);
}
