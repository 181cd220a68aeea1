import { expect } from 'chai';
import { OptionError } from '../../common/options.js';
import { readPeerSettings } from '../../peer/settings.js';

describe('settings of a peer', () => {
  const read = (args: string[], env: Record<string, string> = {}) => readPeerSettings(args, env);

  it('has a default for everything', () => {
    const settings = read([]);
    expect(settings).to.include({ host: '127.0.0.1', port: 8080, peerPort: 18080, weight: 1, secret: null });
    expect(settings.orchestrator).to.equal('http://127.0.0.1:8079');
    expect(settings.fallbackId).to.equal('127.0.0.1:8080');
  });

  it('takes each from the environment, and flags win', () => {
    const env = { COVEY_PORT: '9000', COVEY_WEIGHT: '2', COVEY_PEER_PORT: '9500', COVEY_ID: 'x' };
    expect(read([], env)).to.include({ port: 9000, weight: 2, peerPort: 9500, id: 'x' });
    expect(read(['--port', '9001'], env)).to.include({ port: 9001, weight: 2 });
  });

  it('takes weight 0 for a gateway', () => {
    expect(read(['--weight', '0']).weight).to.equal(0);
  });

  const wrong: [string, string[], RegExp][] = [
    [
      'a port that is no number',
      ['--port', '80a'],
      /--port: expected a whole number from 1 to 65535, got '80a'/,
    ],
    ['a port that is too large', ['--port', '65536'], /--port/],
    ['a port without room for the peer port', ['--port', '60000'], /--peer-port/],
    ['the same port twice', ['--port', '9000', '--peer-port', '9000'], /differ/],
    ['an unknown flag', ['--prot', '80'], /--prot.*--help/],
    ['a missing value', ['--port'], /--port/],
    ['an argument without a flag', ['8080'], /8080/],
    ['an orchestrator with a path', ['--orchestrator', 'http://a/b'], /--orchestrator/],
    ['an orchestrator with a user', ['--orchestrator', 'http://u:p@a:1'], /--orchestrator/],
    ['an orchestrator over https, which comes later', ['--orchestrator', 'https://a:1'], /--orchestrator/],
    ['a negative weight', ['--weight', '-1'], /weight/],
    ['an id with a slash', ['--id', 'a/b'], /--id/],
    ['an open address without a secret', ['--host', '0.0.0.0', '--advertise', '10.0.0.1'], /secret/],
    ['an address that nobody can reach', ['--host', '0.0.0.0'], /--advertise/],
    ['an unreadable secret file', ['--secret-file', '/nonexistent/secret'], /ENOENT/],
    ['values beyond 16 MiB', ['--max-value-bytes', '16777217'], /--max-value-bytes/],
  ];
  for (const [what, args, line] of wrong) {
    it(`refuses ${what}`, () => {
      expect(() => read(args)).to.throw(OptionError, line);
      expect(() => read(args)).to.throw(OptionError, /^[^\n]+$/);
    });
  }

  it('refuses a short secret, and takes a long one with any address', () => {
    expect(() => read([], { COVEY_SECRET: 'short' })).to.throw(OptionError, /16/);
    const settings = read(['--host', '0.0.0.0', '--advertise', 'node-1.example'], {
      COVEY_SECRET: 'x'.repeat(16),
    });
    expect(settings.secret).to.equal('x'.repeat(16));
  });
});
