#!/bin/sh
# Starts the service beside the Redis that REDIS_HOST names and checks that it counts its visits there.
set -eu

./hello &
service=$!
trap 'kill $service' EXIT

fetch() { wget -q -O - "http://127.0.0.1:8080$1"; }

# The service listens within milliseconds; a hundred tries are ten seconds.
tries=0
until first=$(fetch / 2>/dev/null | sed -n 's/^visits: //p') && [ -n "$first" ]; do
    tries=$((tries + 1))
    if [ "$tries" -ge 100 ]; then
        echo "the service does not answer on port 8080" >&2
        exit 1
    fi
    sleep 0.1
done

second=$(fetch / | sed -n 's/^visits: //p')
in_redis=$(printf 'GET visits\r\nQUIT\r\n' | nc "$REDIS_HOST" 6379 | sed -n '2p' | tr -d '\r')

echo "visits: $first, then $second; in Redis: $in_redis"
[ "$second" = "$((first + 1))" ]
[ "$in_redis" = "$second" ]
