/**
 * Versions as clients see them: `epoch-seq`, within quotes as an ETag.
 *
 * Invariant: `parseVersion(formatVersion(v))` is `v`, and no two texts stand for one version.
 */
import type { Version } from '../replication/commands.js';

/** The version as it stands in an ETag (without its quotes) and in JSON. */
export function formatVersion(version: Version): string {
  return `${version.epoch}-${version.seq}`;
}

/** The version that a text stands for; undefined where it was never given to any value. */
export function parseVersion(text: string): Version | undefined {
  const [, epoch, seq] = FORM.exec(text) ?? [];
  const version = { epoch: Number(epoch), seq: Number(seq) };
  return Number.isSafeInteger(version.epoch) && Number.isSafeInteger(version.seq) ? version : undefined;
}

const FORM = /^([1-9]\d{0,15})-([1-9]\d{0,15})$/;
