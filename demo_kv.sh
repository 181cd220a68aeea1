#!/usr/bin/env bash
# Starts one orchestrator and five peers on this machine, shows them at work, and stays until Ctrl-C.
# This script only makes sure that there is something to run; what runs is demo/main.ts.
set -euo pipefail

usage() {
  cat <<'EOF'
Usage: ./demo_kv.sh [options]

Starts an orchestrator (127.0.0.1:8079) and five equal peers (8080 to 8084), shows a short tour,
and stays in the foreground until Ctrl-C.

  --peers N       number of peers, 1 to 50 (default 5)
  --port BASE     port of the first peer (default 8080); the orchestrator takes the one below,
                  the peers among themselves the same ports + 10000, Redis clients these + 1000
  --replicas N    copies wanted of every key, as many as there are peers for (default 3)
  --data DIR      keep registry, identities, secret and logs there
                  (default: covey-demo-USER-BASE where temporary files lie, emptied at each start)
  --detach        return when all are ready, and leave them running
  --stop          stop what runs with the same --port and --data
  --status        tell what runs with the same --port and --data; exit 1 unless all are ready
  --no-tour       do not show the tour
  -h, --help      this text
EOF
}

fail() {
  echo "demo_kv.sh: $1" >&2
  exit 1
}

for argument in "$@"; do
  if [ "$argument" = --help ] || [ "$argument" = -h ]; then
    usage
    exit 0
  fi
done

from=$PWD
cd "$(dirname "$0")"
root=$PWD

command -v node >/dev/null 2>&1 || fail "Node.js is missing: install version 20.19 or later from https://nodejs.org"
node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' ||
  fail "Node.js $(node -p process.versions.node) is too old: install version 20.19 or later from https://nodejs.org"
command -v npm >/dev/null 2>&1 || fail "npm is missing: install it (it comes with Node.js from https://nodejs.org)"

if [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  echo "Installing packages (once) ..."
  npm ci --include=dev --no-audit --no-fund --loglevel=error || fail "npm could not install the packages: see above, then run this again"
fi

built=dist/.built # touched only here: the compiler's own marks also change when it builds nothing
if [ ! -f "$built" ] || [ -n "$(find common orchestrator peer demo package.json tsconfig.json -newer "$built" -print -quit)" ]; then
  echo "Building ..."
  npm run --silent build || fail "the build failed: see above"
  touch "$built"
fi

cd "$from" # a relative --data is meant from here
exec node "$root/dist/demo/main.js" "$@"
