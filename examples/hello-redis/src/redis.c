#include "redis.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* A visitor waits for the counter, so it must not take long. */
static const struct timeval patience = {.tv_sec = 2};

static int dial(const char *host) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    if (getaddrinfo(host, "6379", &hints, &found) != 0) return -1;
    int fd = -1;
    for (struct addrinfo *at = found; at != NULL && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
        if (fd < 0) continue;
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        if (connect(fd, at->ai_addr, at->ai_addrlen) != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    return fd;
}

long redis_increment(const char *host, const char *counter) {
    int fd = dial(host);
    if (fd < 0) return -1;
    long value = -1;
    char reply[64] = "";
    /* An inline command; an integer comes back as ":7\r\n". */
    if (dprintf(fd, "INCR %s\r\n", counter) > 0 && read(fd, reply, sizeof reply - 1) > 1 && reply[0] == ':')
        value = strtol(reply + 1, NULL, 10);
    close(fd);
    return value;
}
