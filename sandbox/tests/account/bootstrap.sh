#!/bin/bash
# A function for the tests: speaks the Runtime API by bash alone, and behaves as MODE says.
host=${AWS_LAMBDA_RUNTIME_API%:*} port=${AWS_LAMBDA_RUNTIME_API#*:}
base=/2018-06-01/runtime

# ask METHOD PATH BODY: leaves the answer's head and body in $head and $body.
ask() {
  exec 3<>"/dev/tcp/$host/$port"
  printf '%s %s HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: %s\r\n\r\n%s' \
    "$1" "$base$2" "${#3}" "$3" >&3
  local answer
  answer=$(cat <&3)
  exec 3>&-
  head=${answer%%$'\r\n\r\n'*} body=${answer#*$'\r\n\r\n'}
}

# header NAME: the value of a header in $head.
header() {
  local value=${head#*"$1: "}
  printf '%s' "${value%%$'\r'*}"
}

if [ "$MODE" = "init-error" ]; then
  ask POST /init/error '{"errorType": "Init", "errorMessage": "TAGWARDEN_MODE is odd"}'
  exit 1
elif [ "$MODE" = "exit" ]; then
  echo "to standard output"
  echo "to standard error" >&2
  exit 3
fi

while ask GET /invocation/next ""; do
  id=$(header lambda-runtime-aws-request-id)
  case $MODE in
    error) ask POST "/invocation/$id/error" '{"errorType": "Policy", "errorMessage": "no such table"}' ;;
    die) echo "about to die"; kill -9 $$ ;;
    hang) exec sleep 60 ;;
    environment)
      names=$(compgen -e | sort | tr '\n' ' ')
      ask POST "/invocation/$id/response" "\"$names\"" ;;
    *)
      arn=$(header lambda-runtime-invoked-function-arn)
      late=$(( $(header lambda-runtime-deadline-ms) / 1000 - $(date +%s) ))
      ask POST "/invocation/$id/response" "{\"event\": $body, \"arn\": \"$arn\", \"seconds\": $late, \"pid\": $$}" ;;
  esac
done
