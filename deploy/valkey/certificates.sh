#!/bin/sh
# Make a certificate authority of your own (ten years) and the engine's certificate (two years):
#
#   sh deploy/valkey/certificates.sh FOLDER DNS:engine.example.org IP:10.0.0.5
#
# Names and addresses are those by which the other hosts call the engine. Run it again to renew the
# engine's certificate; the authority stays. ca.crt goes to every host, ca.key to none of them.
set -eu
usage='usage: certificates.sh FOLDER DNS:NAME|IP:ADDRESS...'
folder=${1:?$usage}
shift
names=${1:?$usage}
shift
for name in "$@"; do names="$names,$name"; done

umask 077
mkdir -p "$folder"
cd "$folder"
new_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2> /dev/null; }

if [ ! -f ca.key ]; then
  new_key ca.key
  openssl req -x509 -new -key ca.key -out ca.crt -days 3650 -subj '/CN=Echocast engine authority' \
    -addext 'keyUsage=critical,keyCertSign,cRLSign'
fi
new_key engine.key
openssl req -new -key engine.key -subj '/CN=Echocast engine' -out engine.csr
printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\n' "$names" > engine.ext
openssl x509 -req -in engine.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 730 \
  -extfile engine.ext -out engine.crt 2> /dev/null
rm engine.csr engine.ext
chmod 644 ca.crt engine.crt
