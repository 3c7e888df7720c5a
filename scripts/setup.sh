#!/usr/bin/env bash
# Installs the Debian packages that are missing. If none is missing, it needs no network.
set -euo pipefail

# Each entry is a command and the package that contains it.
needed=(
  cc:build-essential
  curl:curl
  flock:util-linux
  jq:jq
  node:nodejs
  npm:npm
  openssl:openssl
  python3:python3
  redis-check-rdb:redis-tools
  sqlite3:sqlite3
  systemd-analyze:systemd
)

missing=()
for pair in "${needed[@]}"; do
  command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
done

# Servers for the tests of the store and of database drivers. Some users do not have these programs in their PATH.
[[ -x /usr/sbin/mariadbd ]] || missing+=(mariadb-client-core mariadb-server-core)
compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || missing+=(postgresql)
[[ -x /usr/sbin/pgbouncer ]] || missing+=(pgbouncer)

# Balancers, whose configurations in deploy/ are tested.
[[ -x /usr/sbin/nginx ]] || missing+=(nginx-light)
[[ -x /usr/sbin/haproxy ]] || missing+=(haproxy)

# On Debian, virtual environments of Python need a separate package.
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)

if ((${#missing[@]} > 0)); then
  as_root=()
  if ((EUID != 0)); then
    as_root=(sudo -n)
  fi
  if ! command -v apt-get >/dev/null || ! "${as_root[@]}" true 2>/dev/null; then
    echo "error: these packages are missing: ${missing[*]}" >&2
    echo "hint: install them with the machine's package manager, then try again" >&2
    exit 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  "${as_root[@]}" apt-get update --quiet </dev/null
  # Installs PostgreSQL without a database cluster, because the tests start their own servers.
  if [[ " ${missing[*]} " == *" postgresql "* && ! -e /etc/postgresql-common ]]; then
    "${as_root[@]}" mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' | "${as_root[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
  fi
  # The tests start the servers that they need, on ports of their own.
  policy=/usr/sbin/policy-rc.d
  if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" install -m 755 /dev/stdin "$policy"
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
  fi
  "${as_root[@]}" apt-get install --quiet --yes --no-install-recommends "${missing[@]}" </dev/null
fi

if ! command -v cargo >/dev/null; then
  echo "error: cargo is missing" >&2
  echo "hint: install Rust with rustup; rust-toolchain.toml says which version" >&2
  exit 1
fi
