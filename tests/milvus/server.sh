#!/usr/bin/env bash
# Installs and runs the two Milvus servers for the tests, from PyPI, each in its own folder.
#
#   server.sh lite|full install FOLDER
#   server.sh lite|full start|restart|stop FOLDER PORT
#
# lite is milvus-lite (the current API, with BM25). full is the server of Milvus 2.3.5. It listens on all interfaces, so run
# it in a network namespace that has only loopback (ip netns). It requires a password (root:Milvus) and TLS; its CA
# certificate is FOLDER/tls/ca.pem. restart sends SIGKILL and starts the server again.
set -euo pipefail
kind=$1 what=$2 folder=$(realpath -m "$3") port=${4:-}
mkdir -p "$folder"

# Found by the folder, which is part of the command line.
processes() { pgrep -f -- "$folder/data" || true; }

stop() {
  local found
  found=$(processes)
  # A process may have ended in the meantime.
  [ -z "$found" ] || kill -KILL $found 2> /dev/null || true
  for _ in $(seq 100); do
    [ -n "$(processes)" ] || return 0
    sleep 0.1
  done
}

install() {
  [ -d "$folder/venv" ] && return
  python3 -m venv "$folder/venv"
  local packages=(--no-deps milvus==2.3.5)
  [ "$kind" = full ] || packages=(milvus-lite==3.2.2 pymilvus==3.0.2)
  "$folder/venv/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}"
}

# A CA and a server certificate: one certificate cannot be both.
certify() {
  [ -f "$folder/tls/server.pem" ] && return
  mkdir -p "$folder/tls"
  cd "$folder/tls"
  local new=(openssl req -newkey rsa:2048 -nodes -days 30)
  "${new[@]}" -x509 -subj /CN=nigh-tests -keyout ca.key -out ca.pem 2> /dev/null
  "${new[@]}" -subj /CN=127.0.0.1 -keyout server.key -out server.csr 2> /dev/null
  openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -out server.pem \
    -extfile <(echo subjectAltName=IP:127.0.0.1) 2> /dev/null
}

start() {
  install
  : > "$folder/log"
  case $kind in
    lite)
      nohup "$folder/venv/bin/milvus-lite" server --data-dir "$folder/data" --host 127.0.0.1 --port "$port" >> "$folder/log" 2>&1 < /dev/null &
      up='listening'
      ;;
    full)
      certify
      nohup "$folder/venv/bin/milvus-server" --data "$folder/data" --proxy-port "$port" --authorization-enabled true \
        --tls-mode 1 --server-pem-path "$folder/tls/server.pem" --server-key-path "$folder/tls/server.key" \
        --ca-pem-path "$folder/tls/ca.pem" >> "$folder/log" 2>&1 < /dev/null &
      up='Ctrl+C'
      ;;
  esac
  for _ in $(seq 600); do
    grep -q "$up" "$folder/log" && return 0
    [ -n "$(processes)" ] || break
    sleep 0.2
  done
  cat "$folder/log"
  return 1
}

# Sends SIGKILL and starts the server again. The full server's launcher considers the old port taken for a minute and would
# choose another one; therefore the server itself is started, with the environment and arguments that the launcher gave it.
restart() {
  if [ "$kind" = lite ]; then
    stop
    start
    return
  fi
  local server
  server=$(pgrep -f -- "$folder/data/bin/milvus run")
  mapfile -d '' -t environment < "/proc/$server/environ"
  mapfile -d '' -t command < "/proc/$server/cmdline"
  kill -KILL "$server"
  cd "$folder/data"
  nohup env -i "${environment[@]}" "${command[@]}" >> "$folder/log" 2>&1 < /dev/null &
  for _ in $(seq 600); do
    (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null && return 0
    sleep 0.2
  done
  return 1
}

case $what in
  install) install ;;
  start) start ;;
  restart) restart ;;
  stop) stop ;;
esac
