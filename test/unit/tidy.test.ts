/**
 * The rules of the house (CONTRIBUTING.md) as far as a machine can see to them. It reads the sources, and so runs from the
 * root of the repository, as `npm test` does.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { expect } from 'chai';

/** What the sources of each folder may import, besides packages; a folder that is not named here is to be added. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  common: ['common'],
  orchestrator: ['orchestrator', 'common'],
  peer: ['peer', 'common'],
  client: ['client', 'common'],
  demo: ['demo', 'common'],
  harness: ['harness', 'common'],
  bench: ['bench', 'harness', 'common'],
  test: ['test', 'harness', 'bench', 'common', 'orchestrator', 'peer', 'client', 'demo'],
};

const MAX_LINES = 300;
/** Cases of a test are read one by one, so a file of them may be longer. */
const MAX_TEST_LINES = 600;

/** Longer files, each with the lines it has and why it is not cut. It may shrink; to grow it has to be cut, or justified here. */
const LONG: Readonly<Record<string, readonly [lines: number, why: string]>> = {
  'orchestrator/configuration/manager.ts': [324, 'the one place where an event meets all its parts'],
  'peer/replication/messages.ts': [415, 'types alone: all messages of the protocol, each with its meaning'],
};

/** The one place that reads time and randomness. */
const CLOCK = 'common/clock.ts';
const CLOCK_READ =
  /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bprocess\.(?:hrtime|uptime)\b|\bMath\.random\b|\brandom(?:Bytes|Int|UUID|FillSync)\b|\bgetRandomValues\b/;

/** Demo programs are shells from end to end; the harness hands its own environment on to the processes that it starts. */
const MAY_READ_PROCESS = /^demo\/|^harness\/process\.ts$|(?:^|\/)main\.ts$/;

const NOT_OURS: readonly string[] = ['node_modules', 'dist'];

const files = listed();
const sources = new Map(
  files.filter((path) => path.endsWith('.ts')).map((path) => [path, readFileSync(path, 'utf8')]),
);
const product = new Map([...sources].filter(([path]) => !path.startsWith('test/')));

describe('the rules of the house', () => {
  it('are looked for in all sources', () => {
    for (const folder of ['common', 'orchestrator', 'peer', 'demo', 'harness', 'bench', 'test']) {
      expect([...sources.keys()].some((path) => path.startsWith(`${folder}/`))).to.equal(true);
    }
    expect(topOf('peer/transport/codec.ts')).to.equal('peer');
    const quoted = (path: string) => `'${path}'`;
    const text = `import a from ${quoted('../x.js')};\nconst b = await import(${quoted('./y.js')});`;
    expect(importsOf(text)).to.deep.equal(['../x.js', './y.js']);
  });

  it('orchestrator -> common <- peer, demo -> common, client -> common; nobody imports tests or the bench', () => {
    const wrong = edges().filter(([from, to]) => !(MAY_IMPORT[topOf(from)] ?? []).includes(topOf(to)));
    expect(wrong.map(([from, to]) => `${from} imports ${to}`)).to.deep.equal([]);
  });

  it('every import leads to a source, and no circle through the product', () => {
    const byFile = new Map<string, string[]>([...sources.keys()].map((path) => [path, []]));
    for (const [from, to] of edges()) {
      expect(byFile.has(to), `${from} imports ${to}`).to.equal(true);
      byFile.get(from)?.push(to);
    }
    for (const path of sources.keys()) if (!product.has(path)) byFile.delete(path);
    expect(circle(byFile)).to.equal(null);
  });

  it('the protocol is pure: no sockets, disks, timers', () => {
    const impure =
      /from 'node:(?!assert|zlib)|\b(?:setTimeout|setInterval|setImmediate|queueMicrotask)\(|\basync\b/;
    expect(where(/^peer\/replication\//, impure)).to.deep.equal([]);
  });

  it('no file only passes on, or gathers what belongs nowhere', () => {
    const names = files.filter((path) => /(?:^|\/)(?:utils?|helpers?|index|misc)\.[cm]?[jt]s$/.test(path));
    expect(names).to.deep.equal([]);
  });

  it(`no file has more than ${MAX_LINES} lines (a test: ${MAX_TEST_LINES}) but a named few`, () => {
    const long = [...sources].flatMap(([path, text]) => {
      const lines = text.split('\n').length - 1;
      const most = LONG[path]?.[0] ?? (product.has(path) ? MAX_LINES : MAX_TEST_LINES);
      return lines > most ? [`${path}: ${lines}`] : [];
    });
    expect(long).to.deep.equal([]);
    const needless = Object.keys(LONG).filter(
      (path) => (sources.get(path) ?? '').split('\n').length - 1 <= MAX_LINES,
    );
    expect(needless, 'named as long, but is not').to.deep.equal([]);
  });

  it(`only ${CLOCK} reads time and randomness`, () => {
    expect(CLOCK_READ.test(sources.get(CLOCK) ?? '')).to.equal(true);
    expect(where(/^/, CLOCK_READ).filter((place) => !place.startsWith(`${CLOCK}:`))).to.deep.equal([]);
  });

  it('only main.ts and the demo read the environment, arguments and signals', () => {
    const places = where(/^/, /\bprocess\.(?:env|argv|on\(|once\(|exit\b)/);
    expect(
      places.filter((place) => !MAY_READ_PROCESS.test(place.slice(0, place.lastIndexOf(':')))),
    ).to.deep.equal([]);
  });

  it('nobody writes to the console', () => {
    expect(where(/^/, /\bconsole\.\w+/)).to.deep.equal([]);
  });

  it('every file of the product begins with what it is for', () => {
    const silent = [...product].filter(([, text]) => !/^(?:#!.*\n)?\/\*\*/.test(text));
    expect(silent.map(([path]) => path)).to.deep.equal([]);
  });

  it('no test is left out or alone', () => {
    const skipped = [...sources].filter(([, text]) => /\b(?:describe|it)\.(?:skip|only)\(/.test(text));
    expect(skipped.map(([path]) => path)).to.deep.equal([]);
  });

  it('packages have exact versions, and the lock file names no download addresses', () => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<
      'dependencies' | 'devDependencies',
      Record<string, string>
    >;
    const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(
      ([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version),
    );
    expect(loose).to.deep.equal([]);
    expect(readFileSync('package-lock.json', 'utf8')).not.to.contain('"resolved"');
  });
});

function listed(folder = '.'): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    if (!entry.isDirectory()) return [path];
    return entry.name.startsWith('.') || NOT_OURS.includes(path) ? [] : listed(path);
  });
}

function topOf(path: string): string {
  return path.split('/', 1)[0] as string;
}

function importsOf(text: string): string[] {
  const found = text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'(\.[^']+)'/g);
  return [...found].map((match) => match[1] as string);
}

/** Every import of one source by another. */
function edges(): [from: string, to: string][] {
  return [...sources].flatMap(([from, text]) =>
    importsOf(text).map((to): [string, string] => [
      from,
      posix.join(posix.dirname(from), to).replace(/\.js$/, '.ts'),
    ]),
  );
}

/** Files that import each other in a circle, the first one found. */
function circle(imports: ReadonlyMap<string, readonly string[]>): string | null {
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): string | null => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path].join(' -> ');
    if (done.has(path)) return null;
    for (const next of imports.get(path) ?? []) {
      const found = visit(next, [...trail, path]);
      if (found !== null) return found;
    }
    done.add(path);
    return null;
  };
  for (const path of imports.keys()) {
    const found = visit(path, []);
    if (found !== null) return found;
  }
  return null;
}

/** Lines of the product, but not comments, that match: `file:line`. */
function where(folder: RegExp, pattern: RegExp): string[] {
  return [...product].flatMap(([path, text]) =>
    folder.test(path)
      ? text
          .split('\n')
          .flatMap((line, at) =>
            !/^\s*(?:\*|\/[/*])/.test(line) && pattern.test(line) ? [`${path}:${at + 1}`] : [],
          )
      : [],
  );
}
