#!/bin/sh
# Start the engine with one user, `echocast`, whose password is ENGINE_PASSWORD; over TLS where the
# folder ENGINE_CERTIFICATES holds engine.crt and engine.key. Arguments are handed on to the engine.
set -eu
here=$(dirname "$0")
run=${ENGINE_RUN:-/run/valkey}
data=${ENGINE_DATA:-/data}
certificates=${ENGINE_CERTIFICATES:-/certificates}

umask 077
sha256=$(printf %s "${ENGINE_PASSWORD:?ENGINE_PASSWORD is not set}" | sha256sum | cut -d ' ' -f 1)
sed "s/PASSWORD_SHA256/$sha256/" "$here/users.acl" > "$run/users.acl"
unset ENGINE_PASSWORD

cat "$here/valkey.conf" > "$run/valkey.conf"
if [ -f "$certificates/engine.crt" ]; then
  cat "$here/tls.conf" - >> "$run/valkey.conf" <<TLS
tls-cert-file $certificates/engine.crt
tls-key-file $certificates/engine.key
tls-ca-cert-file $certificates/ca.crt
TLS
fi
exec "${ENGINE_BINARY:-valkey-server}" "$run/valkey.conf" --dir "$data" --aclfile "$run/users.acl" "$@"
