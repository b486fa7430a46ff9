#ifndef REDIS_H
#define REDIS_H

/* Adds one to a counter in the Redis at host:6379 and gives its new value, or -1 when that cannot be done now. */
long redis_increment(const char *host, const char *counter);

#endif
