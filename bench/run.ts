/** Measures one family after the other. */
import type { Family } from './families/family.js';
import type { Missing } from './measuring/rows.js';
import type { Options } from './options.js';
import type { FamilyResult, Result } from './report/result.js';
import type { Check } from './servers/parts.js';
import type { Workshop } from './workshop.js';

/** Measures what the options ask for. What cannot be measured is told as missing, and the others go on. @throws where it is stopped */
export async function measureAll(
  { quick, only }: Options,
  all: readonly Family[],
  workshop: Workshop,
  check: Check,
): Promise<Pick<Result, 'families' | 'missing'>> {
  const families: FamilyResult[] = [];
  const missing: Missing[] = [];
  for (const family of all) {
    const { name, about } = family;
    if (only !== null && only !== name) continue;
    workshop.enter(name);
    workshop.say(about);
    const leftOut = quick && only === null && family.slow === true;
    const why = leftOut ? 'left out by --quick' : check(family.needs);
    const outcome = why === null ? await measure(family, workshop) : { family: name, why, failed: false };
    if ('rows' in outcome) {
      families.push(outcome);
    } else {
      missing.push(outcome);
      workshop.say(`not measured: ${outcome.why}`);
    }
  }
  return { families, missing };
}

async function measure(family: Family, workshop: Workshop): Promise<FamilyResult | Missing> {
  const { name } = family;
  try {
    return { family: name, rows: await family.measure(workshop) };
  } catch (error) {
    if (workshop.closed) throw error;
    return { family: name, why: (workshop.trouble ?? (error as Error)).message, failed: true };
  } finally {
    await workshop.release();
  }
}
