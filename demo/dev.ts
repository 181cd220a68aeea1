/** `npm run dev`: the compiler watches the sources, and the demo's processes restart when what it built changes. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const compiler = spawn('npx', ['tsc', '--watch', '--preserveWatchOutput'], {
  stdio: ['ignore', 'inherit', 'inherit'],
});
const main = fileURLToPath(new URL('main.js', import.meta.url));
const demo = spawn(process.execPath, [main, '--watch', '--no-tour', ...process.argv.slice(2)], {
  stdio: 'inherit',
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => demo.kill(signal));
demo.once('exit', (code) => {
  compiler.kill();
  process.exitCode = code ?? 1;
});
