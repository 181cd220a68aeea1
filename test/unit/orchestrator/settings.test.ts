import { expect } from 'chai';
import { OptionError } from '../../../common/options.js';
import { readOrchestratorSettings } from '../../../orchestrator/settings.js';

const SECRET = 'a-secret-for-tests-only';

describe('orchestrator/settings', () => {
  it('have defaults for one machine', () => {
    expect(readOrchestratorSettings([], {})).to.include({
      ...{ port: 8079, host: '127.0.0.1', data: null, cluster: 'covey', copies: 3 },
      ...{ repairAfter: 10_000, secret: null, logLevel: 'info' },
      ...{ minInSync: 2, bootstrapPeers: 3, failureDetection: 'normal', registryMayBeOld: false },
    });
  });

  it('come from flags, and else from the environment', () => {
    const env = { COVEY_PORT: '1000', COVEY_COPIES: '5', COVEY_REPAIR_AFTER: '2m', COVEY_SECRET: SECRET };
    expect(readOrchestratorSettings(['--port', '2000', '--host', '0.0.0.0'], env)).to.include({
      ...{ port: 2000, host: '0.0.0.0', copies: 5, repairAfter: 120_000, secret: SECRET },
    });
  });

  it('ask for more than half of the copies, and found with as many peers as there are copies', () => {
    const inSync = { 1: 1, 2: 2, 3: 2, 4: 3, 5: 3 };
    for (const [copies, minInSync] of Object.entries(inSync)) {
      const settings = readOrchestratorSettings(['--copies', copies], {});
      expect(settings).to.include({ minInSync, bootstrapPeers: Number(copies) });
    }
    const given = readOrchestratorSettings(['--min-in-sync', '1', '--bootstrap-peers', '0'], {});
    expect(given).to.include({ minInSync: 1, bootstrapPeers: 0 });
  });

  it('know a switch by its flag alone, and by its word in the environment', () => {
    expect(readOrchestratorSettings(['--registry-may-be-old'], {}).registryMayBeOld).to.equal(true);
    const env = { COVEY_REGISTRY_MAY_BE_OLD: 'true' };
    expect(readOrchestratorSettings([], env).registryMayBeOld).to.equal(true);
  });

  it('take lengths of time with a unit, or in seconds', () => {
    const times: Record<string, number> = {
      '500ms': 500,
      '10s': 10_000,
      '1.5s': 1_500,
      '3': 3_000,
      '1h': 3_600_000,
    };
    for (const [text, ms] of Object.entries(times)) {
      expect(readOrchestratorSettings(['--repair-after', text], {}).repairAfter).to.equal(ms);
    }
  });

  const wrong: readonly (readonly [readonly string[], Record<string, string>, string])[] = [
    [['--port', '0'], {}, '--port'],
    [['--copies', '17'], {}, '--copies'],
    [['--copies', '0'], {}, '--copies'],
    [['--repair-after', 'soon'], {}, '--repair-after'],
    [['--repair-after', '0'], {}, '--repair-after'],
    [['--repair-after', '8d'], {}, '--repair-after'],
    [['--repair-after=-1s'], {}, '--repair-after'],
    [['--min-in-sync', '4'], {}, '--min-in-sync'],
    [['--min-in-sync', '0'], {}, '--min-in-sync'],
    [['--bootstrap-peers', 'few'], {}, '--bootstrap-peers'],
    [['--failure-detection', 'slow'], {}, '--failure-detection'],
    [['--registry-may-be-old=yes'], {}, '--registry-may-be-old'],
    [[], { COVEY_REGISTRY_MAY_BE_OLD: 'maybe' }, 'COVEY_REGISTRY_MAY_BE_OLD'],
    [['--cluster', 'a b'], {}, '--cluster'],
    [['--colour', 'red'], {}, '--colour'],
    [['--host', '0.0.0.0'], {}, 'secret'],
    [['--secret-file', '/nowhere/at/all'], {}, '--secret-file'],
    [['--secret', SECRET], {}, '--secret'],
    [[], { COVEY_PORT: 'many' }, 'COVEY_PORT'],
    [[], { COVEY_SECRET: 'short' }, '16'],
  ];
  for (const [args, env, hint] of wrong) {
    it(`refuse ${[...args, ...Object.entries(env).flat()].join(' ')} in one line`, () => {
      expect(() => readOrchestratorSettings(args, env))
        .to.throw(OptionError, hint)
        .with.property('message')
        .that.does.not.contain('\n');
    });
  }
});
