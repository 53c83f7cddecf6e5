#!/bin/sh
# Make the secrets of docker-compose.yml on a bare host:
#
#   sh deploy/secrets.sh            # writes .env beside docker-compose.yml, for its owner only
#
# A secret that .env has already stays as it is, and so does all else in it: run it again after an
# upgrade. Your own API key is shown once; only its hash is stored.
set -eu
umask 077
cd "$(dirname "$0")/.."
new=.env.new
trap 'rm -f "$new" "$new.put"' EXIT
if [ -e .env ]; then cat .env; else cat deploy/environment.example; fi > "$new"

random() { head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }
sha256() { { sha256sum 2> /dev/null || shasum -a 256; } | cut -c 1-64; } # macOS has the second
value() { sed -n "s/^$1=//p" "$new" | tail -n 1 | tr -d "\"'"; }
put() { # NAME VALUE: into its line, else at the end
  NAME=$1 VALUE=$2 awk '
    index($0, ENVIRON["NAME"] "=") == 1 { if (!n++) print ENVIRON["NAME"] "=" ENVIRON["VALUE"]; next }
    { print }
    END { if (!n) print ENVIRON["NAME"] "=" ENVIRON["VALUE"] }' "$new" > "$new.put"
  mv "$new.put" "$new"
}
secret() { # NAME [SCOPE OWNER]: make it where there is none; an API key's hash goes to the others
  if [ -z "$(value "$1")" ]; then
    put "$1" "${2:+echocast_}$(random)"
    if [ $# = 3 ]; then allow "$(value "$1")" "$2" "$3"; fi
    echo "made $1"
  fi
}
allow() { # SECRET SCOPE OWNER
  keys=$(value ECHOCAST_KEYS)
  put ECHOCAST_KEYS "${keys:+$keys;}$(printf %s "$1" | sha256) $2 $3"
}

secret ENGINE_PASSWORD
secret GRAFANA_PASSWORD
if [ -z "$(value ECHOCAST_KEYS)" ]; then
  mine=echocast_$(random)
  allow "$mine" admin operator
  echo "your API key, shown this once: $mine"
fi
secret METRICS_KEY read prometheus
secret ECHOCAST_KEY submit watch
mv "$new" .env
[ -d incoming ] || mkdir -m 755 incoming # `--profile watch` reads it as user 10001
